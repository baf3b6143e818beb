"""IdTag: what a driver identifies with."""

from django.db import models
from django.db.models.functions import Collate
from django.utils.translation import gettext_lazy as _

from tenants.models import TenantOwned
from tenants.rls import TenantForeignKey


class IdTag(TenantOwned):
    """An RFID card, app account or other token. Compared without case (`token_key`)."""

    class Type(models.TextChoices):
        ISO14443 = "ISO14443", _("RFID card")
        ISO15693 = "ISO15693", _("RFID card (ISO 15693)")
        KEY_CODE = "KeyCode", _("Key code")
        CENTRAL = "Central", _("App or operator")
        E_MAID = "eMAID", _("Contract (eMAID)")
        MAC = "MacAddress", _("Vehicle address")

    class Status(models.TextChoices):
        ACCEPTED = "Accepted", _("Accepted")
        BLOCKED = "Blocked", _("Blocked")

    token = models.CharField(max_length=255)
    token_key = models.CharField(
        max_length=255, editable=False, help_text=_("The token in lower case, without blanks.")
    )
    type = models.CharField(max_length=12, choices=Type.choices, default=Type.ISO14443)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.ACCEPTED)
    holder = models.CharField(max_length=120, blank=True)
    parent = TenantForeignKey("self", on_delete=models.SET_NULL, null=True, blank=True, related_name="children")
    expires_at = models.DateTimeField(null=True, blank=True)
    max_active_transactions = models.PositiveSmallIntegerField(
        null=True, blank=True, default=1, help_text=_("0: none allowed (Blocked). Empty: no limit.")
    )
    # An offline station let this tag in before anyone knew it: kept so that the session has its driver.
    seen_offline = models.BooleanField(default=False, editable=False)
    note = models.CharField(max_length=240, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["token_key"]
        verbose_name = "id tag"
        constraints = [models.UniqueConstraint(fields=["tenant", "token_key"], name="id_tag_once_per_tenant")]
        # For whoever types the beginning of one.
        indexes = [models.Index("tenant", Collate("token_key", "C"), name="id_tags_by_beginning")]

    def __str__(self) -> str:
        return self.token

    def clean(self) -> None:
        self.token = self.token.strip()
        self.token_key = self.token.lower()
