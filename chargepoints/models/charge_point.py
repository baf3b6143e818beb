"""ChargePoint: the physical station that speaks OCPP."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from chargepoints.models.connector import ConnectorStatus
from chargepoints.models.site import Site
from tenants.models import TenantOwned
from tenants.rls import TenantForeignKey


class Registration(models.TextChoices):
    """What BootNotification is answered (OCPP 1.6 §6.46)."""

    ACCEPTED = "Accepted", _("Accepted")
    PENDING = "Pending", _("Waiting for an operator")
    REJECTED = "Rejected", _("Rejected")


class SecurityProfile(models.IntegerChoices):
    """Security Whitepaper profiles; 0 is no security at all."""

    NONE = 0, _("0: none")
    BASIC = 1, _("1: password")
    TLS_BASIC = 2, _("2: TLS and password")
    TLS_CLIENT = 3, _("3: TLS and client certificate")


class ChargePoint(TenantOwned):
    """A charging station, known by its OCPP identity."""

    identity = models.CharField(
        max_length=48, help_text=_("The last part of the address that the station connects to.")
    )
    identity_key = models.CharField(max_length=48, editable=False, help_text=_("The identity in lower case."))
    name = models.CharField(max_length=120, blank=True)
    site = TenantForeignKey(Site, on_delete=models.SET_NULL, null=True, blank=True, related_name="charge_points")
    tags = models.JSONField(default=list, blank=True)
    notes = models.TextField(blank=True)

    registration = models.CharField(max_length=8, choices=Registration.choices, default=Registration.ACCEPTED)
    security_profile = models.PositiveSmallIntegerField(choices=SecurityProfile.choices, default=SecurityProfile.BASIC)
    password_hash = models.CharField(max_length=64, blank=True, editable=False)
    # None: when the row was made.
    password_set_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Both passwords hold while a rotation is under way: until the station has come back with the new one.
    next_password_hash = models.CharField(max_length=64, blank=True, editable=False)
    # Sealed: it is sent again, the same, where the answer got lost.
    next_password = models.TextField(blank=True, editable=False)
    next_password_at = models.DateTimeField(null=True, blank=True, editable=False)
    # Both profiles are taken while the station is on its way to the higher one.
    pending_security_profile = models.PositiveSmallIntegerField(
        choices=SecurityProfile.choices, null=True, blank=True, editable=False
    )
    pending_security_profile_until = models.DateTimeField(null=True, blank=True, editable=False)
    strict = models.BooleanField(
        default=False, help_text=_("Refuse messages that break the schema instead of mending them.")
    )
    send_unasked = models.BooleanField(
        default=True,
        help_text=_("Read and set its configuration after a boot. Off: send only what an operator asks for."),
    )
    imply_status = models.BooleanField(
        default=False, help_text=_("Work out the connector status from sessions: for stations that send none.")
    )
    desired_configuration = models.JSONField(
        default=dict, blank=True, help_text=_("Configuration keys in which it differs from the tenant's wishes.")
    )

    ocpp_version = models.CharField(max_length=8, blank=True)
    vendor = models.CharField(max_length=50, blank=True)
    model = models.CharField(max_length=50, blank=True)
    serial_number = models.CharField(max_length=50, blank=True)
    firmware_version = models.CharField(max_length=100, blank=True)
    boot_info = models.JSONField(default=dict, blank=True, help_text=_("All that BootNotification said."))
    last_boot_at = models.DateTimeField(null=True, blank=True)
    last_seen_at = models.DateTimeField(null=True, blank=True)

    # The station as a whole: connector 0 of OCPP 1.6.
    status = models.CharField(max_length=16, choices=ConnectorStatus.choices, blank=True)
    error_code = models.CharField(max_length=50, blank=True)
    status_info = models.CharField(max_length=200, blank=True)
    status_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["identity_key"]
        constraints = [models.UniqueConstraint(fields=["tenant", "identity_key"], name="identity_once_per_tenant")]

    def __str__(self) -> str:
        return self.identity

    def clean(self) -> None:
        self.identity_key = self.identity.lower()
