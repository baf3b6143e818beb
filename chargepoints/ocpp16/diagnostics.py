"""Diagnostics and logs (OCPP 1.6 §6.23, §6.25; Security Whitepaper N01): what stations say of them."""

from typing import Any

from chargepoints.context import StationContext
from chargepoints.protocol.registry import on_call, on_command_reply
from chargepoints.services.uploads import record_answer, record_upload_status


@on_call("1.6", "DiagnosticsStatusNotification")
def diagnostics_status_notification(context: StationContext, payload: dict[str, Any]) -> dict[str, Any]:
    """Of the station's latest request: the message names none."""
    record_upload_status(
        tenant_id=context.tenant_id,
        charge_point_id=context.charge_point_id,
        status=payload["status"],
        request_id=None,
        is_log=False,
    )
    return {}


@on_call("1.6", "LogStatusNotification")
def log_status_notification(context: StationContext, payload: dict[str, Any]) -> dict[str, Any]:
    """By `requestId`; left out, it is of the latest log."""
    record_upload_status(
        tenant_id=context.tenant_id,
        charge_point_id=context.charge_point_id,
        status=payload["status"],
        request_id=payload.get("requestId"),
        is_log=True,
    )
    return {}


@on_command_reply("1.6", "GetDiagnostics")
def diagnostics_answered(context: StationContext, asked: dict[str, Any], reply: dict[str, Any]) -> None:
    """Without a file name there is nothing to upload."""
    record_answer(
        tenant_id=context.tenant_id,
        charge_point_id=context.charge_point_id,
        request_id=None,
        location=asked["location"],
        filename=reply.get("fileName") or "",
        status="",
    )


@on_command_reply("1.6", "GetLog")
def log_answered(context: StationContext, asked: dict[str, Any], reply: dict[str, Any]) -> None:
    """Refused, or the name of what comes."""
    record_answer(
        tenant_id=context.tenant_id,
        charge_point_id=context.charge_point_id,
        request_id=asked["requestId"],
        location=asked["log"]["remoteLocation"],
        filename=reply.get("filename") or "",
        status=reply["status"],
    )
