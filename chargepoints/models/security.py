"""Certificates and security events (Security Whitepaper edition 3)."""

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from chargepoints.models.charge_point import ChargePoint
from chargepoints.models.command import Command
from tenants.models import TenantOwned
from tenants.rls import TenantForeignKey


class CertificateAuthority(TenantOwned):
    """What signs the certificates of a tenant's stations: made here, or brought along."""

    name = models.CharField(max_length=120)
    certificate = models.TextField(help_text=_("PEM, with its chain."))
    private_key = models.TextField(blank=True, editable=False, help_text=_("Encrypted; empty: only checks."))
    active = models.BooleanField(default=True, help_text=_("Signs new certificates."))
    brought = models.BooleanField(
        default=False, help_text=_("Made elsewhere: certificates that it signed elsewhere are taken too.")
    )
    validity_days = models.PositiveSmallIntegerField(default=365, help_text=_("Of the certificates that it signs."))
    # Days before its end, at the last warning.
    warned_days = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)
    created_by = models.CharField(max_length=150, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-created_at"]
        verbose_name_plural = "certificate authorities"
        constraints = [
            models.UniqueConstraint(
                fields=["tenant"], condition=models.Q(active=True), name="one_active_certificate_authority"
            )
        ]

    def __str__(self) -> str:
        return self.name


class StationCertificate(TenantOwned):
    """A client certificate that we signed for a station, from its request on."""

    class State(models.TextChoices):
        REQUESTED = "requested", _("Requested")
        REFUSED = "refused", _("Refused")
        SIGNED = "signed", _("Signed")
        INSTALLED = "installed", _("Installed")
        FAILED = "failed", _("Failed")
        REVOKED = "revoked", _("Revoked")

    # Good for signing in. Signed: the answer to CertificateSigned may have been lost.
    TRUSTED = (State.SIGNED, State.INSTALLED)

    charge_point = TenantForeignKey(ChargePoint, on_delete=models.CASCADE, related_name="certificates")
    authority = TenantForeignKey(
        CertificateAuthority, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    state = models.CharField(max_length=10, choices=State.choices, default=State.REQUESTED)
    request = models.TextField(help_text=_("The CSR, PEM."))
    certificate = models.TextField(blank=True, help_text=_("PEM."))
    serial_number = models.CharField(max_length=64, blank=True)
    fingerprint = models.CharField(max_length=64, blank=True, help_text=_("SHA-256, hex."))
    not_before = models.DateTimeField(null=True, blank=True)
    not_after = models.DateTimeField(null=True, blank=True)
    detail = models.CharField(max_length=255, blank=True)
    command = TenantForeignKey(Command, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    revoked_by = models.CharField(max_length=150, blank=True)
    # Days before its end, at the last warning.
    warned_days = models.PositiveSmallIntegerField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ["-created_at"]
        indexes = [
            models.Index(fields=["charge_point", "-created_at"], name="certificates_of_station"),
            models.Index(fields=["fingerprint"], name="certificates_by_fingerprint"),
            models.Index(fields=["not_after"], condition=models.Q(state="installed"), name="certificates_to_renew"),
        ]

    def __str__(self) -> str:
        return self.serial_number or f"CSR · {self.charge_point}"


class InstalledCertificate(TenantOwned):
    """A root certificate that a station says it has (GetInstalledCertificateIds)."""

    class Type(models.TextChoices):
        CENTRAL_SYSTEM = "CentralSystemRootCertificate", _("Central system root")
        MANUFACTURER = "ManufacturerRootCertificate", _("Manufacturer root")

    charge_point = TenantForeignKey(ChargePoint, on_delete=models.CASCADE, related_name="installed_certificates")
    type = models.CharField(max_length=30, choices=Type.choices)
    hash_algorithm = models.CharField(max_length=8)
    issuer_name_hash = models.CharField(max_length=128)
    issuer_key_hash = models.CharField(max_length=128)
    serial_number = models.CharField(max_length=40)
    reported_at = models.DateTimeField()

    class Meta:
        ordering = ["type", "serial_number"]
        constraints = [
            models.UniqueConstraint(
                fields=[
                    "charge_point",
                    "type",
                    "hash_algorithm",
                    "issuer_name_hash",
                    "issuer_key_hash",
                    "serial_number",
                ],
                name="installed_certificate_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.serial_number}"


class SecurityEvent(TenantOwned):
    """A SecurityEventNotification, kept as it came."""

    charge_point = TenantForeignKey(ChargePoint, on_delete=models.CASCADE, related_name="security_events")
    type = models.CharField(max_length=50)
    critical = models.BooleanField(default=False)
    tech_info = models.CharField(max_length=255, blank=True)
    at = models.DateTimeField()
    received_at = models.DateTimeField()

    class Meta:
        ordering = ["-at", "-id"]
        constraints = [
            models.UniqueConstraint(fields=["charge_point", "type", "at", "tech_info"], name="security_event_once")
        ]
        indexes = [models.Index(fields=["tenant", "-at"], name="security_events_by_time")]

    def __str__(self) -> str:
        return f"{self.type} · {self.charge_point}"


class SecuritySettings(TenantOwned):
    """What a tenant may set about its stations' security. One row for each that has changed something."""

    password_rotation_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        validators=[MinValueValidator(1), MaxValueValidator(3650)],
        help_text=_("Days after which a station's password is rotated; empty: never by itself."),
    )

    class Meta:
        verbose_name = verbose_name_plural = "security settings"
        constraints = [models.UniqueConstraint(fields=["tenant"], name="security_settings_once")]

    def __str__(self) -> str:
        return f"{_('Security settings')}: {self.tenant}"
