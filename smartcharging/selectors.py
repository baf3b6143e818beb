"""Reading charging profiles. In the open tenant scope."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db.models import QuerySet

from chargepoints.models import ChargePoint, Transaction
from smartcharging.models import ChargingProfile, Circuit, CircuitMember
from smartcharging.models.profile import ProfileFields
from smartcharging.profiles import translation
from smartcharging.profiles.composite import composite_schedule
from smartcharging.profiles.shapes import (
    DEFAULT_PHASES,
    DEFAULT_VOLTAGE,
    CompositePeriod,
    Installed,
    Kind,
    Profile,
    Purpose,
    Recurrency,
    Unit,
)
from smartcharging.profiles.translation import schedule_from_json
from tenants.selectors import tenant_zone

State = ChargingProfile.State
# OCPP 1.6 §7.11, by the word that our tables keep.
PURPOSE_WORDS: Mapping[str, str] = {neutral: word for word, neutral in translation.PURPOSES.items()}


def charging_profiles() -> QuerySet[ChargingProfile]:
    """Installed, on their way, and the history."""
    return ChargingProfile.objects.select_related("charge_point", "transaction", "template")


def profile_of(row: ProfileFields, profile_id: int = 0, transaction_id: str | None = None) -> Profile:
    """A row (or a template, with the id that it is to have) as the pure functions take it."""
    return Profile(
        profile_id=row.profile_id if isinstance(row, ChargingProfile) else profile_id,
        stack_level=row.stack_level,
        purpose=cast(Purpose, row.purpose),
        kind=cast(Kind, row.kind),
        schedule=schedule_from_json(row.schedule),
        recurrency=cast(Recurrency, row.recurrency),
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        transaction_id=transaction_id,
    )


def installed_of(row: ChargingProfile) -> Installed:
    """Where it lies. TxProfiles name their session by the protocol's id (`transaction` is read)."""
    session = row.transaction if row.transaction_id is not None else None
    return Installed(row.evse_number, profile_of(row, transaction_id=session.protocol_id if session else None))


def installed_profiles(charge_point_id: int) -> list[Installed]:
    """What the station holds, as far as it has told."""
    return [installed_of(row) for row in installed_rows([charge_point_id])]


def installed_rows(charge_point_ids: Iterable[int]) -> Sequence[ChargingProfile]:
    rows = charging_profiles().filter(charge_point__in=list(charge_point_ids), state=State.INSTALLED)
    return list(rows.order_by("charge_point", "evse_number", "purpose", "-stack_level"))


def running_session(charge_point_id: int, evse_number: int) -> Transaction | None:
    """The session that runs on a connector."""
    return (
        Transaction.objects.filter(
            charge_point=charge_point_id, evse__number=evse_number, state=Transaction.State.ACTIVE, verdict="Accepted"
        )
        .order_by("-started_at")
        .first()
    )


def zone_of(charge_point_id: int) -> ZoneInfo:
    """The clock that a station's profiles recur by: its site's, else the tenant's. In the open tenant scope."""
    station = ChargePoint.objects.select_related("site", "tenant").get(pk=charge_point_id)
    try:
        return (
            ZoneInfo(station.site.timezone) if station.site and station.site.timezone else tenant_zone(station.tenant)
        )
    except (ZoneInfoNotFoundError, ValueError):
        return tenant_zone(station.tenant)


def composite_of(
    charge_point: ChargePoint,
    evse_number: int,
    start: datetime,
    duration_s: int,
    unit: Unit,
    *,
    default_phases: int = DEFAULT_PHASES,
) -> list[CompositePeriod]:
    """What a connector may take from `start` on, by what its station holds and the session that runs now.

    In the open tenant scope. `default_phases`: for periods that name none.
    """
    session = running_session(charge_point.pk, evse_number) if evse_number else None
    return composite_schedule(
        installed_profiles(charge_point.pk),
        evse_number=evse_number,
        start=start,
        duration_s=duration_s,
        unit=unit,
        zone=zone_of(charge_point.pk),
        session_start=session.started_at if session else None,
        transaction_id=session.protocol_id if session else None,
        voltage=voltage_of(charge_point.pk, evse_number),
        default_phases=default_phases,
    )


def voltage_of(charge_point_id: int, evse_number: int) -> int:
    """Between a phase and neutral: its circuit's."""
    members = CircuitMember.objects.filter(charge_point=charge_point_id)
    if evse_number:
        members = members.filter(evse_number=evse_number)
    return members.values_list("circuit__voltage", flat=True).first() or DEFAULT_VOLTAGE


def managed_connectors(charge_point_ids: Iterable[int]) -> set[tuple[int, int]]:
    """(charge point id, connector) of those whose limits load management sets: circuit and all above it are enabled."""
    members = CircuitMember.objects.filter(charge_point__in=list(charge_point_ids))
    found = list(members.values_list("charge_point_id", "evse_number", "circuit_id"))
    if not found:
        return set()
    above: dict[int, tuple[int | None, bool]] = {
        pk: (parent, enabled) for pk, parent, enabled in Circuit.objects.values_list("id", "parent_id", "enabled")
    }
    return {(station, evse) for station, evse, circuit in found if _is_enabled(circuit, above)}


def _is_enabled(circuit_id: int, above: dict[int, tuple[int | None, bool]]) -> bool:
    at: int | None = circuit_id
    # No tree is deeper than it has circuits.
    for _ in above:
        if at is None:
            return True
        at, enabled = above[at]
        if not enabled:
            return False
    return True
