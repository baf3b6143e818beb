"""Letting connectors go: what load management holds at their stations is cleared, so that nothing of it stays behind.

A station that is away is told when it is back, within KEPT. A connector that comes under load management again before
that is not let go after all.
"""

from collections.abc import Iterable
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from chargepoints.models import ChargePoint, Command, CommandState
from chargepoints.protocol.errors import OcppError
from chargepoints.services.commands import send_command
from smartcharging.circuit_selectors import managed_circuits
from smartcharging.models import ChargingProfile, CircuitMember
from smartcharging.services.clearing import ACTION
from smartcharging.services.sending import take_back
from tenants.context import tenant_transaction

SENT_BY = "load management"
KEPT = timedelta(days=30)
State = ChargingProfile.State
Place = tuple[int, int]


def release_connectors(*, tenant_id: int, connectors: Iterable[Place]) -> int:
    """Clear load management's profiles at these (charge point id, connector number); the number asked for."""
    with tenant_transaction(tenant_id):
        held = _held(connectors, State.SENDING, State.INSTALLED)
        taken_back = {
            row.command_id
            for row in held
            if row.state == State.SENDING and row.command_id is not None and take_back([row.command_id])
        }
        wanted = [row for row in held if row.command_id is None or row.command_id not in taken_back]
        # The place of a profile that is replaced has two rows of one id.
        ids = sorted({(row.charge_point_id, row.profile_id) for row in wanted})
        stations = ChargePoint.objects.in_bulk({charge_point_id for charge_point_id, _ in ids})
        for charge_point_id, profile_id in ids:
            _clear(stations[charge_point_id], profile_id)
    return len(ids)


def follow_circuits(*, tenant_id: int, members: Iterable[CircuitMember]) -> None:
    """Let these go, or keep them, by whether their circuits and all above are switched on now."""
    managed = managed_circuits()
    kept: list[Place] = []
    gone: list[Place] = []
    for member in members:
        (kept if member.circuit_id in managed else gone).append((member.charge_point_id, member.evse_number))
    keep_connectors(tenant_id=tenant_id, connectors=kept)
    release_connectors(tenant_id=tenant_id, connectors=gone)


def keep_connectors(*, tenant_id: int, connectors: Iterable[Place]) -> int:
    """They are managed again: take back what would clear their profiles and has not left yet; the number."""
    with tenant_transaction(tenant_id):
        held = _held(connectors, State.INSTALLED)
        ids = {(row.charge_point_id, row.profile_id) for row in held}
        queued = Command.objects.filter(
            charge_point__in={charge_point_id for charge_point_id, _ in ids},
            action=ACTION,
            state=CommandState.QUEUED,
            requested_by=SENT_BY,
        )
        return take_back([row.pk for row in queued if (row.charge_point_id, row.payload.get("id")) in ids])


def _held(connectors: Iterable[Place], *states: str) -> list[ChargingProfile]:
    places = Q()
    for charge_point_id, evse_number in connectors:
        places |= Q(charge_point=charge_point_id, evse_number=evse_number)
    if not places:
        return []
    rows = ChargingProfile.objects.filter(places, source=ChargingProfile.Source.CIRCUIT, state__in=states)
    return list(rows.order_by("pk"))


def _clear(station: ChargePoint, profile_id: int) -> None:
    try:
        send_command(
            charge_point=station,
            action=ACTION,
            payload={"id": profile_id},
            requested_by=SENT_BY,
            origin="system",
            expires_at=timezone.now() + KEPT,
            vetted=True,
        )
    except OcppError:
        # Of a version that knows no such message, to which nothing was sent either.
        return
