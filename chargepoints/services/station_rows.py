"""Storing charge points that a file plans: rows, connectors, passwords, and the audit trail, a few statements in all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from chargepoints.models import ChargePoint, Connector, Evse, SecurityProfile, SignInAttempt, Site
from chargepoints.services.importing.plans import CHANGE, CREATE, KEYS_AT_ONCE, Planned, trail_of
from chargepoints.services.passwords import generate_password, hash_password
from tenants.many_rows import insert_rows, update_rows
from tenants.models import Tenant
from tenants.services.audit import record, record_many

ROWS_AT_ONCE = 1000
CHANGED = ["name", "site_id", "tags", "notes"]
PASSWORD_FIELDS = ["password_hash", "next_password_hash", "next_password", "next_password_at", "password_set_at"]
WITH_PASSWORD = (SecurityProfile.BASIC, SecurityProfile.TLS_BASIC)


@dataclass(slots=True, kw_only=True)
class PlannedStation(Planned):
    """A line's station, changed already but not stored. `connectors`: the numbers that are new."""

    station: ChargePoint
    password: str = ""
    connectors: Sequence[int] = ()


def store_stations(
    tenant: Tenant, rows: Sequence[PlannedStation], new_sites: Sequence[Site], *, actor: str, origin: str
) -> dict[str, str]:
    """In the open transaction of the tenant. Identity -> password, of those for which one was made."""
    Site.objects.bulk_create(new_sites, batch_size=ROWS_AT_ONCE)
    for row in rows:
        # Its site may have been made just now: the row takes the id from it.
        row.station.site = row.station.site
    made = _give_passwords(rows)
    new = [row for row in rows if row.result == CREATE]
    insert_rows([row.station for row in new])
    changed = [row for row in rows if row.result == CHANGE]
    update_rows([row.station for row in changed], CHANGED)
    update_rows([row.station for row in changed if row.password], PASSWORD_FIELDS)
    _make_connectors(tenant, new)
    _add_connectors(tenant, changed)
    _forget_attempts([row.station.identity_key for row in new])
    _record(tenant, rows, actor, origin)
    return made


def _give_passwords(rows: Sequence[PlannedStation]) -> dict[str, str]:
    made = {}
    for row in rows:
        station = row.station
        if row.result == CREATE and not row.password and station.security_profile in WITH_PASSWORD:
            row.password = made[station.identity] = generate_password()
        if not row.password:
            continue
        station.password_hash = hash_password(row.password.encode())
        if row.result == CHANGE:
            # As `set_password`: a rotation under way ends here, its key must not be sent any more.
            station.next_password_hash, station.next_password, station.next_password_at = "", "", None
            station.password_set_at = timezone.now()
    return made


def _make_connectors(tenant: Tenant, rows: Sequence[PlannedStation]) -> None:
    """Of stations that nobody else sees yet."""
    evses = _evses(tenant, rows)
    insert_rows(evses)
    insert_rows([Connector(tenant=tenant, charge_point_id=evse.charge_point_id, evse=evse, number=1) for evse in evses])


def _evses(tenant: Tenant, rows: Sequence[PlannedStation]) -> list[Evse]:
    """OCPP 1.6's connector n is EVSE n, connector 1."""
    return [Evse(tenant=tenant, charge_point=row.station, number=number) for row in rows for number in row.connectors]


def _add_connectors(tenant: Tenant, rows: Sequence[PlannedStation]) -> None:
    """A station that names one at this moment has made it already."""
    evses = _evses(tenant, rows)
    Evse.objects.bulk_create(evses, ignore_conflicts=True, batch_size=ROWS_AT_ONCE)
    stations = sorted({evse.charge_point_id for evse in evses})
    for start in range(0, len(stations), ROWS_AT_ONCE):
        found = Evse.objects.filter(charge_point__in=stations[start : start + ROWS_AT_ONCE], number__gt=0)
        connectors = [
            Connector(tenant=tenant, charge_point_id=evse.charge_point_id, evse=evse, number=1)
            for evse in found.filter(connectors=None)
        ]
        Connector.objects.bulk_create(connectors, ignore_conflicts=True, batch_size=ROWS_AT_ONCE)


def _forget_attempts(keys: Sequence[str]) -> None:
    """Refused sign-ins of stations that are known from now on."""
    for start in range(0, len(keys), KEYS_AT_ONCE):
        SignInAttempt.objects.filter(identity_key__in=keys[start : start + KEYS_AT_ONCE]).delete()


def _record(tenant: Tenant, rows: Sequence[PlannedStation], actor: str, origin: str) -> None:
    """One entry of the whole, and one of each station: its own page shows it."""
    done = [row for row in rows if row.result in (CREATE, CHANGE)]
    if not done:
        return
    record(actor=actor, origin=origin, action="import charge points", target=tenant, changes=trail_of(done))
    # The station's own page shows what was done to it.
    for result in (CREATE, CHANGE):
        changed = [(row.station, audited(row)) for row in done if row.result == result]
        record_many(actor=actor, origin=origin, action=result, changed=changed)


def audited(row: PlannedStation) -> dict[str, Any]:
    """What the audit trail keeps of a row: never a password."""
    if row.result != CREATE:
        return dict(row.changes)
    station = row.station
    made: dict[str, Any] = {"name": station.name, "tags": station.tags, "notes": station.notes}
    site = station.site.name if station.site else ""
    made |= {"site": site, "security_profile": station.security_profile, "connectors": len(row.connectors)}
    return {name: [None, value] for name, value in made.items() if value}
