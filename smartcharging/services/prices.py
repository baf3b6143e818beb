"""Day-ahead prices: stored, all of a delivery or nothing, and read by the strategies."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

from django.utils import timezone
from django.utils.translation import gettext

from smartcharging.allocation.shapes import Price
from smartcharging.models import Circuit, EnergyPrice, Strategy
from smartcharging.services.waking import wake
from tenants.context import scope_connection, tenant_transaction
from tenants.models import Tenant
from tenants.services.audit import record

# A year of quarter hours.
MOST_PRICES = 366 * 96
LONGEST = timedelta(days=31)
FARTHEST = timedelta(days=400)
ROWS_AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class NewPrice:
    """What a kWh costs from `start_at` to `end_at` (aware). May be negative."""

    start_at: datetime
    end_at: datetime
    price: Decimal


@dataclass(frozen=True, slots=True, order=True)
class PriceFault:
    """What is wrong with the price at `index`; -1: with the delivery. `field` is the model's name."""

    index: int
    field: str
    reason: str
    sentence: str


class PricesRefused(Exception):
    """Nothing was stored."""

    def __init__(self, faults: Iterable[PriceFault]) -> None:
        super().__init__(gettext("The prices have faults."))
        self.faults = sorted(faults)


@dataclass(frozen=True, slots=True)
class Stored:
    """What a delivery did."""

    created: int
    replaced: int
    removed: int


def store_prices(
    *,
    tenant: Tenant,
    zone: str,
    currency: str,
    prices: Sequence[NewPrice],
    actor: str,
    origin: str,
    replace: bool = False,
    now: datetime | None = None,
) -> Stored:
    """Store prices of a zone. One that begins as a stored one does takes its place; any other overlap is refused.

    `replace`: what is stored within the span of the new ones goes first (an hour becomes four quarters). PricesRefused.
    """
    now = now or timezone.now()
    _refuse(_faults_of(prices, now))
    with tenant_transaction(tenant.pk):
        _lock(tenant.pk, zone)
        start, end = min(one.start_at for one in prices), max(one.end_at for one in prices)
        starts = {one.start_at for one in prices}
        there = EnergyPrice.objects.filter(zone=zone, end_at__gt=start, start_at__lt=end).order_by("start_at")
        beside = [row for row in there if row.start_at not in starts]
        removed = 0
        if replace:
            within = [row.pk for row in beside if row.start_at >= start]
            removed = EnergyPrice.objects.filter(pk__in=within).delete()[0]
            beside = [row for row in beside if row.start_at < start]
        _refuse(_faults_beside(prices, zone, currency, beside))
        stored = _store(tenant, zone, currency, prices, actor, removed)
        said = {
            "zone": zone,
            "currency": currency,
            "from": start.isoformat(),
            "to": end.isoformat(),
            "prices": len(prices),
            "replaced": stored.replaced,
            "removed": removed,
        }
        record(actor=actor, origin=origin, action="store prices", target=tenant, changes=said)
        roots = Circuit.objects.filter(parent=None, enabled=True, strategy=Strategy.PRICE, price_zone=zone)
        wake(tenant_id=tenant.pk, root_ids=roots.values_list("pk", flat=True), cause="prices")
    return stored


def remove_prices(*, tenant: Tenant, zone: str, start: datetime, end: datetime, actor: str, origin: str) -> int:
    """Remove those that begin in [start, end); their number."""
    with tenant_transaction(tenant.pk):
        _lock(tenant.pk, zone)
        gone = EnergyPrice.objects.filter(zone=zone, start_at__gte=start, start_at__lt=end).delete()[0]
        if gone:
            said = {"zone": zone, "from": start.isoformat(), "to": end.isoformat(), "prices": gone}
            record(actor=actor, origin=origin, action="remove prices", target=tenant, changes=said)
            roots = Circuit.objects.filter(parent=None, enabled=True, strategy=Strategy.PRICE, price_zone=zone)
            wake(tenant_id=tenant.pk, root_ids=roots.values_list("pk", flat=True), cause="prices")
    return gone


def prices_between(zone: str, start: datetime, end: datetime) -> list[Price]:
    """The prices that hold at any time in [start, end), in order. Hours without one are missing. In the open scope."""
    rows = EnergyPrice.objects.filter(zone=zone, end_at__gt=start, start_at__lt=end).order_by("start_at")
    return [Price(row.start_at, row.end_at, float(row.price)) for row in rows]


def _faults_of(prices: Sequence[NewPrice], now: datetime) -> list[PriceFault]:
    """Of the delivery by itself."""
    if not prices:
        return [PriceFault(-1, "prices", "none", gettext("Give one price at least."))]
    if len(prices) > MOST_PRICES:
        return [
            PriceFault(
                -1,
                "prices",
                "too_many",
                gettext("At most %(most_prices)s prices at a time.") % {"most_prices": MOST_PRICES},
            )
        ]
    found = []
    for index, one in enumerate(prices):
        if one.end_at <= one.start_at:
            found.append(PriceFault(index, "end_at", "ends_before_start", gettext("The end must be after the start.")))
        elif one.end_at - one.start_at > LONGEST:
            found.append(
                PriceFault(
                    index,
                    "end_at",
                    "too_long",
                    gettext("One price holds for %(days)s days at most.") % {"days": LONGEST.days},
                )
            )
        if one.start_at > now + FARTHEST:
            found.append(
                PriceFault(
                    index,
                    "start_at",
                    "too_far_ahead",
                    gettext("At most %(days)s days ahead.") % {"days": FARTHEST.days},
                )
            )
    if found:
        return found
    order = sorted(range(len(prices)), key=lambda index: (prices[index].start_at, index))
    for before, index in pairwise(order):
        if prices[index].start_at < prices[before].end_at:
            found.append(
                PriceFault(
                    index,
                    "start_at",
                    "overlaps",
                    gettext("Overlaps with %(prices)s.") % {"prices": _span(prices[before])},
                )
            )
    return found


def _faults_beside(prices: Sequence[NewPrice], zone: str, currency: str, stored: list[EnergyPrice]) -> list[PriceFault]:
    """Beside what stays stored in their span, and what comes after."""
    order = sorted(range(len(prices)), key=lambda index: prices[index].start_at)
    ends = [prices[index].end_at for index in order]
    found = []
    for row in stored:
        # The first that ends after it begins: they don't overlap each other.
        place = bisect_right(ends, row.start_at)
        if place < len(order) and prices[order[place]].start_at < row.end_at:
            text = gettext("Overlaps with the stored price of %(row)s; PUT replaces a span.") % {"row": _span(row)}
            found.append(PriceFault(order[place], "start_at", "overlaps", text))
    later = EnergyPrice.objects.filter(zone=zone, start_at__gte=ends[-1]).exclude(currency=currency).first()
    stranger = next((row for row in stored if row.currency != currency), later)
    if stranger is not None:
        text = gettext("The prices of this zone are in %(currency)s.") % {"currency": stranger.currency}
        found.append(PriceFault(-1, "currency", "another_currency", text))
    return found


def _store(tenant: Tenant, zone: str, currency: str, prices: Sequence[NewPrice], actor: str, removed: int) -> Stored:
    rows = [
        EnergyPrice(
            tenant=tenant,
            zone=zone,
            currency=currency,
            start_at=one.start_at,
            end_at=one.end_at,
            price=one.price,
            uploaded_by=actor[:150],
        )
        for one in prices
    ]
    before = EnergyPrice.objects.filter(zone=zone).count()
    EnergyPrice.objects.bulk_create(
        rows,
        batch_size=ROWS_AT_ONCE,
        update_conflicts=True,
        unique_fields=["tenant", "zone", "start_at"],
        update_fields=["end_at", "price", "currency", "uploaded_by", "uploaded_at"],
    )
    created = EnergyPrice.objects.filter(zone=zone).count() - before
    return Stored(created, len(rows) - created, removed)


def _lock(tenant_id: int, zone: str) -> None:
    """One delivery of a zone at a time: two that overlap must not both find nothing."""
    with scope_connection().cursor() as cursor:
        text = "SELECT pg_advisory_xact_lock(hashtextextended('energy prices of ' || %s || ' ' || %s, 0))"
        cursor.execute(text, [tenant_id, zone])


def _refuse(faults: list[PriceFault]) -> None:
    if faults:
        raise PricesRefused(faults)


def _span(one: NewPrice | EnergyPrice) -> str:
    first, last = (at.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ") for at in (one.start_at, one.end_at))
    return f"{first} to {last}"
