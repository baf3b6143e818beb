"""What files of the lists of commands, firmware, files and security contain. Payloads as people are shown them."""

from django.utils.translation import gettext_lazy as _

from chargepoints.files.addresses import shown_location
from chargepoints.models import (
    AuthorizationWebhook,
    BulkCommand,
    CertificateAuthority,
    Command,
    FirmwareFile,
    FirmwareRollout,
    FirmwareUpdate,
    Gateway,
    SecurityEvent,
    SecuritySettings,
    SignInAttempt,
    StationCertificate,
    StationConnection,
    StationUpload,
)
from chargepoints.services.shown_payloads import shown_payload
from tenants.admin.exports.columns import Column, declare_export


def location_shown(location: str) -> str:
    """Without password and token; what is no address is shown to nobody."""
    try:
        return shown_location(location)
    except ValueError:
        return ""


declare_export(
    Command,
    [
        Column(_("Command"), "id"),
        Column(_("Created"), "created_at"),
        Column(_("Charge point"), "charge_point__identity"),
        Column(_("Action"), "action"),
        Column(_("Payload"), "payload", shown_payload),
        Column(_("State"), "state"),
        Column(_("Error code"), "error_code"),
        Column(_("Error"), "error_description"),
        Column(_("Outcome"), "outcome"),
        Column(_("Outcome in words"), "outcome_detail"),
        Column(_("Requested by"), "requested_by"),
        Column(_("Origin"), "origin"),
        Column(_("Sent"), "sent_at"),
        Column(_("Finished"), "finished_at"),
    ],
)
declare_export(
    BulkCommand,
    [
        Column(_("Command to many"), "id"),
        Column(_("Created"), "created_at"),
        Column(_("Action"), "action"),
        Column(_("Payload"), "payload", shown_payload),
        Column(_("State"), "state"),
        Column(_("Charge points"), "total"),
        Column(_("Requested by"), "requested_by"),
        Column(_("Origin"), "origin"),
        Column(_("Finished"), "finished_at"),
    ],
)
declare_export(
    FirmwareFile,
    [
        Column(_("Name"), "name"),
        Column(_("Version"), "version"),
        Column(_("Vendor"), "vendor"),
        Column(_("Model"), "model"),
        Column(_("Address"), "url", location_shown),
        Column(_("Size (bytes)"), "size"),
        Column(_("SHA-256"), "sha256"),
        Column(_("Uploaded by"), "uploaded_by"),
        Column(_("Created"), "created_at"),
    ],
)
declare_export(
    FirmwareRollout,
    [
        Column(_("Name"), "name"),
        Column(_("Firmware"), "firmware__name"),
        Column(_("Version"), "firmware__version"),
        Column(_("State"), "state"),
        Column(_("Charge points"), "total"),
        Column(_("Waiting"), "waiting"),
        Column(_("Under way"), "under_way"),
        Column(_("Installed"), "installed"),
        Column(_("Failed"), "failed"),
        Column(_("Cancelled"), "cancelled"),
        Column(_("Wave"), "current_wave"),
        Column(_("Stations in a wave"), "wave_size"),
        Column(_("Signed"), "signed"),
        Column(_("Begins"), "start_at"),
        Column(_("Finished"), "finished_at"),
        Column(_("Detail"), "detail"),
        Column(_("Created by"), "created_by"),
        Column(_("Created"), "created_at"),
    ],
)
declare_export(
    FirmwareUpdate,
    [
        Column(_("Created"), "created_at"),
        Column(_("Charge point"), "charge_point__identity"),
        Column(_("Firmware"), "firmware__name"),
        Column(_("Version"), "firmware__version"),
        Column(_("Version before"), "version_before"),
        Column(_("Rollout"), "rollout__name"),
        Column(_("Wave"), "wave"),
        Column(_("Signed"), "signed"),
        Column(_("State"), "state"),
        Column(_("Status"), "status"),
        Column(_("Detail"), "detail"),
        Column(_("Sent"), "sent_at"),
        Column(_("Finished"), "finished_at"),
    ],
)
declare_export(
    StationUpload,
    [
        Column(_("Created"), "created_at"),
        Column(_("Charge point"), "charge_point__identity"),
        Column(_("Kind"), "kind"),
        Column(_("State"), "state"),
        Column(_("Status"), "status"),
        Column(_("File"), "filename"),
        Column(_("Size (bytes)"), "size"),
        Column(_("SHA-256"), "sha256"),
        Column(_("Location"), "location", location_shown),
        Column(_("Requested by"), "requested_by"),
        Column(_("Received"), "received_at"),
        Column(_("Expires"), "expires_at"),
    ],
)

# --- who is connected, and who is not let in ---

declare_export(
    StationConnection,
    [
        Column(_("Charge point"), "charge_point__identity"),
        Column(_("OCPP version"), "ocpp_version"),
        Column(_("Remote address"), "remote_address"),
        Column(_("Connected"), "connected_at"),
        Column(_("Last message"), "last_message_at"),
        Column(_("Gateway"), "gateway__host"),
        Column(_("Process"), "gateway__pid"),
    ],
)
declare_export(
    Gateway,
    [
        Column(_("Gateway"), "id"),
        Column(_("Host"), "host"),
        Column(_("Process"), "pid"),
        Column(_("Started"), "started_at"),
        Column(_("Last seen"), "seen_at"),
    ],
)
declare_export(
    SignInAttempt,
    [
        Column(_("Identity"), "identity"),
        Column(_("Reason"), "reason"),
        Column(_("Count"), "count"),
        Column(_("Remote address"), "remote_address"),
        Column(_("First"), "first_at"),
        Column(_("Last"), "last_at"),
    ],
)
declare_export(
    SecurityEvent,
    [
        Column(_("At"), "at"),
        Column(_("Charge point"), "charge_point__identity"),
        Column(_("Type"), "type"),
        Column(_("Critical"), "critical"),
        Column(_("Detail"), "tech_info"),
        Column(_("Received"), "received_at"),
    ],
)
declare_export(
    CertificateAuthority,
    [
        Column(_("Name"), "name"),
        Column(_("Signs"), "active"),
        Column(_("Brought along"), "brought"),
        Column(_("Validity (days)"), "validity_days"),
        Column(_("Certificate (PEM)"), "certificate"),
        Column(_("Created by"), "created_by"),
        Column(_("Created"), "created_at"),
    ],
)
declare_export(
    StationCertificate,
    [
        Column(_("Created"), "created_at"),
        Column(_("Charge point"), "charge_point__identity"),
        Column(_("State"), "state"),
        Column(_("Serial number"), "serial_number"),
        Column(_("Fingerprint (SHA-256)"), "fingerprint"),
        Column(_("Valid from"), "not_before"),
        Column(_("Valid until"), "not_after"),
        Column(_("Authority"), "authority__name"),
        Column(_("Detail"), "detail"),
        Column(_("Revoked"), "revoked_at"),
        Column(_("Revoked by"), "revoked_by"),
    ],
)
declare_export(SecuritySettings, [Column(_("Passwords are rotated after (days)"), "password_rotation_days")])
declare_export(
    AuthorizationWebhook,
    [
        Column(_("Address"), "url"),
        Column(_("Asked about"), "asks_about"),
        Column(_("Without an answer"), "fallback"),
        Column(_("Waits for (ms)"), "timeout_ms"),
        Column(_("Answers are kept for (s)"), "cache_seconds"),
        Column(_("Enabled"), "enabled"),
    ],
)
