"""Charge points from a file: all of it or nothing. One that exists is changed, one that doesn't is made, with a password.

Where the row of a station stands is decided here; what a cell may hold in `station_table`, storing in `station_rows`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.db import IntegrityError
from django.db.models import Max
from django.utils.translation import gettext as _

from chargepoints.models import ChargePoint, Evse, SecurityProfile, Site
from chargepoints.services.importing.plans import (
    CHANGE,
    CREATE,
    KEYS_AT_ONCE,
    ChangedMeanwhile,
    Imported,
    InvalidFile,
)
from chargepoints.services.importing.table import Fault, Line, read_table
from chargepoints.services.station_rows import WITH_PASSWORD, PlannedStation, store_stations
from chargepoints.services.station_table import (
    CONNECTORS,
    KEY,
    LAYOUT,
    NAME,
    NOTES,
    PASSWORD,
    PROFILE,
    SITE,
    TAGS,
)
from tenants.context import tenant_transaction
from tenants.models import Tenant

__all__ = ["ChangedMeanwhile", "ImportedStations", "InvalidFile", "PlannedStation", "import_stations"]

PLAIN = {NAME: "name", TAGS: "tags", NOTES: "notes"}


@dataclass(slots=True)
class ImportedStations(Imported[PlannedStation]):
    """`new_sites`: names. `passwords`: identity -> the password that was made for it, shown this once."""

    new_sites: list[str] = field(default_factory=list)
    passwords: dict[str, str] = field(default_factory=dict)


def import_stations(
    *,
    tenant: Tenant,
    raw: bytes,
    dry_run: bool,
    actor: str,
    origin: str,
    guess: bool = False,
    make_sites: bool = False,
) -> ImportedStations:
    """Read, check, and unless `dry_run` store. Raises InvalidFile, ChangedMeanwhile.

    `make_sites`: sites that aren't there are made, not refused. `guess`: the file's encoding.
    """
    table = read_table(raw, LAYOUT, guess=guess)
    if table.faults:
        raise InvalidFile(table.faults)
    with tenant_transaction(tenant.pk):
        # Its row first: two imports at once would both see room below the tenant's limit. A check holds up nobody.
        tenants = Tenant.objects.all() if dry_run else Tenant.objects.select_for_update(no_key=True)
        sites = _Sites(tenant, make=make_sites)
        rows = _plan(tenants.get(pk=tenant.pk), table.lines, sites, lock=not dry_run)
        imported = ImportedStations(rows, table.encoding)
        imported.new_sites = [site.name for site in sites.new]
        if not dry_run:
            try:
                with tenant_transaction(tenant.pk):
                    imported.passwords = store_stations(tenant, imported.rows, sites.new, actor=actor, origin=origin)
            except IntegrityError as error:
                raise ChangedMeanwhile from error
    return imported


class _Sites:
    """The tenant's sites by name; those that the file names besides, if they are to be made."""

    def __init__(self, tenant: Tenant, *, make: bool) -> None:
        self._tenant, self._make = tenant, make
        rows = list(Site.objects.all())
        # As it is written goes before what differs in case only.
        self._known = {site.name.lower(): site for site in rows} | {site.name: site for site in rows}
        self.new: list[Site] = []

    def find(self, name: str) -> Site | None:
        found = self._known.get(name) or self._known.get(name.lower())
        if found is None and self._make:
            found = Site(tenant=self._tenant, name=name)
            self._known[name] = self._known[name.lower()] = found
            self.new.append(found)
        return found


def _plan(tenant: Tenant, lines: Sequence[Line], sites: _Sites, *, lock: bool) -> list[PlannedStation]:
    known = _find({line.cells[KEY].lower() for line in lines}, lock=lock)
    numbers = dict(
        Evse.objects.filter(charge_point__in=[one.pk for one in known.values()])
        .values_list("charge_point_id")
        .annotate(Max("number"))
    )
    faults: list[Fault] = []
    rows = []
    for line in lines:
        station = known.get(line.cells[KEY].lower())
        row = _new(tenant, line) if station is None else _changed(line, station, numbers.get(station.pk, 0), faults)
        _place(line, row, sites, faults)
        _check_password(line, row, faults)
        row.settle()
        rows.append(row)
    faults += _faults_of_limit(tenant, rows)
    if faults:
        raise InvalidFile(faults)
    return rows


def _find(keys: set[str], *, lock: bool) -> dict[str, ChargePoint]:
    """The charge points with these keys. With `lock` their rows are locked in order."""
    found: dict[str, ChargePoint] = {}
    ordered = sorted(keys)
    stations = ChargePoint.objects.select_for_update(of=("self",), no_key=True) if lock else ChargePoint.objects.all()
    for start in range(0, len(ordered), KEYS_AT_ONCE):
        part = ordered[start : start + KEYS_AT_ONCE]
        rows = stations.select_related("site").filter(identity_key__in=part)
        found |= {row.identity_key: row for row in rows.order_by("identity_key")}
    return found


def _new(tenant: Tenant, line: Line) -> PlannedStation:
    identity = line.cells[KEY]
    profile = line.cells.get(PROFILE)
    station = ChargePoint(
        tenant=tenant,
        identity=identity,
        identity_key=identity.lower(),
        security_profile=SecurityProfile.BASIC if profile is None else profile,
        **{name: line.cells[column] for column, name in PLAIN.items() if column in line.cells},
    )
    return PlannedStation(
        line=line.number,
        name=identity,
        result=CREATE,
        station=station,
        password=line.cells.get(PASSWORD, ""),
        connectors=range(1, (line.cells.get(CONNECTORS) or 0) + 1),
    )


def _changed(line: Line, station: ChargePoint, highest: int, faults: list[Fault]) -> PlannedStation:
    row = PlannedStation(line=line.number, name=station.identity, result=CHANGE, station=station)
    for column, name in PLAIN.items():
        if column in line.cells and getattr(station, name) != line.cells[column]:
            row.changes[name] = [getattr(station, name), line.cells[column]]
            setattr(station, name, line.cells[column])
    profile = line.cells.get(PROFILE)
    if profile is not None and profile != station.security_profile:
        text = _("It has profile %(now)s: profiles are changed on the station's security page, with the station.")
        faults.append(Fault(line.number, PROFILE, text % {"now": station.security_profile}))
    if row_password := line.cells.get(PASSWORD, ""):
        row.password = row_password
        row.changes["password"] = [None, "•••"]
    wanted = line.cells.get(CONNECTORS) or 0
    if wanted > highest:
        row.connectors = range(highest + 1, wanted + 1)
        row.changes["connectors"] = [highest, wanted]
    return row


def _place(line: Line, row: PlannedStation, sites: _Sites, faults: list[Fault]) -> None:
    if SITE not in line.cells:
        return
    name, before = line.cells[SITE], row.station.site
    site = sites.find(name) if name else None
    if name and site is None:
        faults.append(Fault(line.number, SITE, _("There is no site %(name)s.") % {"name": name}))
        return
    row.station.site = site
    if row.result != CREATE and (before is not site) and (before is None or site is None or before.pk != site.pk):
        row.changes["site"] = [before.name if before else None, site.name if site else None]


def _check_password(line: Line, row: PlannedStation, faults: list[Fault]) -> None:
    if row.password and row.station.security_profile not in WITH_PASSWORD:
        text = _("Security profile %(profile)s has no password.")
        faults.append(Fault(line.number, PASSWORD, text % {"profile": row.station.security_profile}))


def _faults_of_limit(tenant: Tenant, rows: Sequence[PlannedStation]) -> list[Fault]:
    new = [row for row in rows if row.result == CREATE]
    if tenant.max_charge_points is None or not new:
        return []
    room = max(0, tenant.max_charge_points - ChargePoint.objects.count())
    if len(new) <= room:
        return []
    text = _("The tenant's limit of %(limit)s charge points is reached here.")
    return [Fault(new[room].line, KEY, text % {"limit": tenant.max_charge_points})]
