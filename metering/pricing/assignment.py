"""Which tariff a session is charged by, and freezing it when the session begins. Callers hold the tenant's scope.

The first of these that has a tariff in force at the start: the id tag, its parent (the group), the charge point,
its site, the tenant. Where one has several in force (an old and a new price list), the one that began last.
A session for which nothing applied keeps that too: a tariff assigned later is for later sessions.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.db.models import Q

from chargepoints.models import Transaction
from metering.models import SessionTariff, Tariff, TariffAssignment
from metering.pricing.tariff import Terms, parse_terms
from tenants.selectors import tenant_zone

OPEN_START = datetime.min.replace(tzinfo=UTC)
Snapshot = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Frozen:
    """A session's tariff as it was at the start. `terms` None: none applied."""

    snapshot: Snapshot
    terms: Terms | None
    zone: ZoneInfo

    @property
    def currency(self) -> str:
        return str(self.snapshot["currency"])


def applicable_tariff(session: Transaction) -> Tariff | None:
    """The tariff in force for the session when it started, or None."""
    tag, station = session.id_tag_row, session.charge_point
    # The most particular first; a tag that is in no group has no parent.
    levels: list[tuple[str, int | None]] = [
        ("id_tag_id", tag.pk if tag else None),
        ("id_tag_id", tag.parent_id if tag else None),
        ("charge_point_id", station.pk),
        ("site_id", station.site_id),
    ]
    everywhere = Q(id_tag=None, charge_point=None, site=None)
    wanted = everywhere
    for name, key in levels:
        if key is not None:
            wanted |= Q(**{name: key})
    assignments = list(
        TariffAssignment.objects.select_related("tariff").filter(
            wanted,
            Q(tariff__valid_from=None) | Q(tariff__valid_from__lte=session.started_at),
            Q(tariff__valid_to=None) | Q(tariff__valid_to__gt=session.started_at),
            tariff__archived=False,
        )
    )

    def rank(one: TariffAssignment) -> tuple[int, float, int]:
        level = next(
            (at for at, (name, key) in enumerate(levels) if key is not None and getattr(one, name) == key), len(levels)
        )
        return level, -(one.tariff.valid_from or OPEN_START).timestamp(), -one.pk

    best = min(assignments, key=rank, default=None)
    return best.tariff if best else None


def freeze_tariff(session: Transaction) -> None:
    """Keep the tariff as it is now. A session's tariff is frozen once: whoever comes second finds it done."""
    tariff = applicable_tariff(session)
    row = SessionTariff(
        tenant_id=session.tenant_id, transaction=session, tariff=tariff, snapshot=_snapshot(session, tariff)
    )
    SessionTariff.objects.bulk_create([row], ignore_conflicts=True)


def frozen_tariff(session: Transaction) -> Frozen:
    """The session's tariff. Where none was frozen (sessions from before tariffs): what would be, and nothing is kept."""
    row = SessionTariff.objects.filter(transaction=session).first()
    snapshot: Snapshot = row.snapshot if row else _snapshot(session, applicable_tariff(session))
    return read_snapshot(snapshot)


def read_snapshot(snapshot: Snapshot) -> Frozen:
    """Raises TariffFaults for one that was written by other hands."""
    terms = None
    if "elements" in snapshot:
        names = ("currency", "elements", "min_price", "max_price")
        terms = parse_terms(**{name: snapshot[name] for name in names})
    return Frozen(snapshot, terms, _zone(str(snapshot["timezone"])))


def session_zone(session: Transaction) -> ZoneInfo:
    """Local time where the session takes place: the site's, else the tenant's."""
    site = session.charge_point.site
    if site is not None and site.timezone:
        return _zone(site.timezone)
    return tenant_zone(session.tenant)


def _snapshot(session: Transaction, tariff: Tariff | None) -> Snapshot:
    zone = session_zone(session).key
    if tariff is None:
        return {"currency": session.tenant.currency, "timezone": zone}
    return {
        "id": tariff.pk,
        "name": tariff.name,
        "currency": tariff.currency,
        "elements": tariff.elements,
        "min_price": None if tariff.min_price is None else str(tariff.min_price),
        "max_price": None if tariff.max_price is None else str(tariff.max_price),
        "timezone": zone,
    }


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo("UTC")
