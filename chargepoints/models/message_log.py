"""The raw OCPP message log. Its table is partitioned by day with plain SQL (see the migration)."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class LoggedMessage(models.Model):
    """One frame as it went over the wire, secrets masked."""

    class Direction(models.TextChoices):
        IN = "in", _("from station")
        OUT = "out", _("to station")

    class Kind(models.IntegerChoices):
        MALFORMED = 0, _("Malformed")
        CALL = 2, _("Call")
        RESULT = 3, _("Result")
        ERROR = 4, _("Error")

    pk = models.CompositePrimaryKey("at", "id")
    id = models.BigIntegerField()
    at = models.DateTimeField()
    tenant = models.ForeignKey("tenants.Tenant", on_delete=models.DO_NOTHING, db_constraint=False, related_name="+")
    charge_point = models.ForeignKey(
        "chargepoints.ChargePoint", on_delete=models.DO_NOTHING, db_constraint=False, related_name="messages"
    )
    connection_id = models.UUIDField()
    direction = models.CharField(max_length=3, choices=Direction.choices)
    kind = models.PositiveSmallIntegerField(choices=Kind.choices)
    message_id = models.CharField(max_length=64)
    action = models.CharField(max_length=50)
    payload = models.TextField(help_text=_("The frame, as sent."))
    error_code = models.CharField(max_length=50)
    note = models.CharField(max_length=500, help_text=_("What was mended or dropped."))

    class Meta:
        managed = False
        db_table = "chargepoints_message"
        ordering = ["-at", "-id"]

    def __str__(self) -> str:
        return f"{self.direction} {self.action} {self.message_id}"
