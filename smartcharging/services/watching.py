"""Alerts of what monitoring has found. By level, not by edge: what a crash kept from being told, the next round tells."""

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from metering.alerts.incidents import Incident, end_alerts, record_incidents
from metering.models import Alert, Severity
from smartcharging.models import Circuit
from smartcharging.sentences import CARRIES_MORE, CIRCUIT_KEPT, KEPT_AGAIN, TAKES_MORE
from smartcharging.services.monitoring import Findings, OverCapacity, OverLimit
from smartcharging.services.reading import Tree
from tenants.context import tenant_transaction

AMPERE, CURRENT = "A", "Current.Import"


def tell_findings(*, tree: Tree, findings: Findings, now: datetime) -> None:
    """Open, move on and resolve. Not in the round's transaction: an alert that can't be written must not undo limits."""
    tenant_id = tree.root.tenant_id
    with tenant_transaction(tenant_id):
        places = {(seat.member.charge_point_id, limit_key(seat.member.evse_number)) for seat in tree.seats}
        circuits = {circuit_key(circuit) for circuit in tree.circuits}
        known = Alert.objects.filter(
            kind=Alert.Kind.OVER_LIMIT, charge_point__in={seat.member.charge_point_id for seat in tree.seats}
        ).exclude(status=Alert.Status.RESOLVED)
        open_alerts = {(alert.charge_point_id, alert.key): alert.pk for alert in known.only("charge_point_id", "key")}
        incidents = [_of_connector(one) for one in findings.over]
        incidents += _of_circuits(findings.circuits, open_alerts, now)
        if incidents:
            record_incidents(tenant_id=tenant_id, incidents=incidents)
        told = {(incident.charge_point_id, incident.key) for incident in incidents}
        over = {place: pk for place, pk in open_alerts.items() if place not in told}
        _end(tenant_id, now, KEPT_AGAIN, [pk for place, pk in over.items() if place in places])
        _end(tenant_id, now, CIRCUIT_KEPT, [pk for place, pk in over.items() if place[1] in circuits])


def limit_key(evse_number: int) -> str:
    """What makes two reports of one connector the same alert."""
    return f"over_limit:{evse_number}"


def circuit_key(circuit: Circuit) -> str:
    """The same of a circuit; the alert is a charge point's, the first one that was found the worst."""
    return f"over_capacity:{circuit.pk}"


def _end(tenant_id: int, now: datetime, resolution: str, pks: Iterable[int]) -> None:
    wanted = list(pks)
    if wanted:
        end_alerts(tenant_id=tenant_id, at=now, resolution=resolution, pk__in=wanted)


def _of_connector(one: OverLimit) -> Incident:
    member = one.seat.member
    return Incident(
        charge_point_id=member.charge_point_id,
        key=limit_key(member.evse_number),
        kind=Alert.Kind.OVER_LIMIT,
        severity=Severity.WARNING,
        started_at=one.since,
        last_at=one.at,
        evse_number=member.evse_number,
        transaction_id=one.seat.row.transaction_id,
        measurand=CURRENT,
        unit=AMPERE,
        limit_value=_number(one.limit_a),
        worst_value=_number(one.amps),
        last_value=_number(one.amps),
        detail=TAKES_MORE % {"amps": f"{one.amps:.1f}", "limit": f"{one.limit_a:.1f}", "circuit": member.circuit.name},
    )


def _of_circuits(
    over: Iterable[OverCapacity], open_alerts: dict[tuple[int, str], int], now: datetime
) -> Iterable[Incident]:
    for one in over:
        if one.worst is None:
            continue
        key = circuit_key(one.circuit)
        # The alert that is open stays where it is, whoever takes most by now.
        member = one.worst.member
        charge_point_id = next((pk for pk, known in open_alerts if known == key), member.charge_point_id)
        here = charge_point_id == member.charge_point_id
        yield Incident(
            charge_point_id=charge_point_id,
            key=key,
            kind=Alert.Kind.OVER_LIMIT,
            severity=Severity.CRITICAL,
            started_at=one.since,
            last_at=now,
            evse_number=member.evse_number if here else None,
            measurand=CURRENT,
            phase=f"L{one.phase + 1}",
            unit=AMPERE,
            limit_value=_number(one.capacity_a),
            worst_value=_number(one.amps),
            last_value=_number(one.amps),
            detail=CARRIES_MORE
            % {
                "circuit": one.circuit.name,
                "amps": f"{one.amps:.1f}",
                "phase": one.phase + 1,
                "capacity": f"{one.capacity_a:.1f}",
            },
        )


def _number(amps: float) -> Decimal:
    return Decimal(repr(round(amps, 2)))
