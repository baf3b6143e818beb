"""The security extension of 1.6 (Security Whitepaper edition 3), but for firmware and logs."""

from datetime import UTC, datetime
from typing import Any

from chargepoints.context import StationContext
from chargepoints.ocpp16.fields import timestamp
from chargepoints.protocol.registry import after_call, on_call, on_command_reply
from chargepoints.services import (
    certificates,
    password_rotation,
    root_certificates,
    security_events,
    security_profiles,
)
from chargepoints.services.configuration_keys import PASSWORD_KEY, PROFILE_KEY


@on_call("1.6", "SignCertificate")
def sign_certificate(context: StationContext, payload: dict[str, Any]) -> dict[str, Any]:
    """Store and check the request; it is signed once the answer is out."""
    accepted = certificates.receive_request(
        tenant_id=context.tenant_id,
        charge_point_id=context.charge_point_id,
        csr=payload["csr"],
        received_at=context.received_at,
    )
    return {"status": "Accepted" if accepted else "Rejected"}


@after_call("1.6", "SignCertificate")
def deliver_certificate(context: StationContext, payload: dict[str, Any], reply: dict[str, Any]) -> None:
    """CertificateSigned must not overtake SignCertificate.conf."""
    if reply["status"] == "Accepted":
        certificates.sign_and_deliver(tenant_id=context.tenant_id, charge_point_id=context.charge_point_id)


@on_command_reply("1.6", "CertificateSigned")
def certificate_taken(context: StationContext, asked: dict[str, Any], reply: dict[str, Any]) -> None:
    certificates.record_delivery(
        tenant_id=context.tenant_id,
        charge_point_id=context.charge_point_id,
        chain=asked["certificateChain"],
        accepted=reply["status"] == "Accepted",
    )


@on_call("1.6", "SecurityEventNotification")
def security_event(context: StationContext, payload: dict[str, Any]) -> dict[str, Any]:
    security_events.record_event(
        tenant_id=context.tenant_id,
        charge_point_id=context.charge_point_id,
        report=security_events.Report(
            type=payload["type"],
            at=timestamp(payload, context),
            received_at=context.received_at,
            tech_info=payload.get("techInfo") or "",
        ),
    )
    return {}


@on_command_reply("1.6", "InstallCertificate")
def root_installed(context: StationContext, asked: dict[str, Any], reply: dict[str, Any]) -> None:
    if reply["status"] == "Accepted":
        root_certificates.record_installed(
            tenant_id=context.tenant_id,
            charge_point_id=context.charge_point_id,
            certificate_type=asked["certificateType"],
            certificate=asked["certificate"],
        )


@on_command_reply("1.6", "DeleteCertificate")
def root_deleted(context: StationContext, asked: dict[str, Any], reply: dict[str, Any]) -> None:
    """NotFound: it isn't there either."""
    if reply["status"] in {"Accepted", "NotFound"}:
        root_certificates.record_deleted(
            tenant_id=context.tenant_id,
            charge_point_id=context.charge_point_id,
            hashes=asked["certificateHashData"],
        )


@on_command_reply("1.6", "GetInstalledCertificateIds")
def roots_listed(context: StationContext, asked: dict[str, Any], reply: dict[str, Any]) -> None:
    """NotFound: it has none of this type."""
    root_certificates.record_list(
        tenant_id=context.tenant_id,
        charge_point_id=context.charge_point_id,
        certificate_type=asked["certificateType"],
        hashes=reply.get("certificateHashData") or [],
        at=datetime.now(UTC),
    )


@on_command_reply("1.6", "ChangeConfiguration")
def credentials_changed(context: StationContext, asked: dict[str, Any], reply: dict[str, Any]) -> None:
    """The two keys that decide how the station signs in."""
    where = {"tenant_id": context.tenant_id, "charge_point_id": context.charge_point_id}
    if asked.get("key") == PASSWORD_KEY:
        password_rotation.record_answer(**where, status=reply["status"])
    elif asked.get("key") == PROFILE_KEY:
        security_profiles.record_answer(**where, value=asked["value"], status=reply["status"])


@after_call("1.6", "BootNotification")
def profile_after_boot(context: StationContext, payload: dict[str, Any], reply: dict[str, Any]) -> None:
    """A station that boots under its old profile, though it was to take a higher one, has fallen back."""
    security_profiles.note_boot(tenant_id=context.tenant_id, charge_point_id=context.charge_point_id)
