"""Today against the same day last week, up to the same time of day where the tenant is; and how sessions end.

Read from registers and records of today, and from the sums of the fleet for a week ago: no readings, no list of old sessions.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from django.db.models import Count, Exists, F, OuterRef, Q, Sum

from chargepoints.models import Transaction
from metering.models import ChargeDetailRecord, FleetBucket, Period
from metering.selectors import energy_since_wh
from tenants.models import Tenant
from tenants.selectors import tenant_zone

WEEK = timedelta(days=7)
# How a session ends that nothing went wrong with. What is not said is Local (OCPP 1.6 §6.49).
ORDINARY_REASONS = ("", "Local", "Remote", "EVDisconnected")


class Compared(NamedTuple):
    """A figure of today, and of the same day last week up to the same time; None where that isn't known."""

    today: Decimal
    before: Decimal | None

    @property
    def change(self) -> int | None:
        """In percent of what it was; None where there is nothing to compare with."""
        return None if not self.before else round((self.today - self.before) / self.before * 100)


class Endings(NamedTuple):
    """Sessions that began in the last seven days and have ended: all, and those that went well.

    Well: with energy, by a stop of the station's own that gave an ordinary reason. Refused starts don't count.
    """

    ended: int
    well: int


@dataclass(frozen=True, slots=True)
class Today:
    """Energy in Wh; `revenue` by currency, tax included, of sessions that have ended."""

    energy_wh: Compared
    revenue: dict[str, Compared]
    sessions: Compared
    endings: Endings


class Spans(NamedTuple):
    """From midnight until now, and the same a week before: clocks say the same, also when they were changed between."""

    midnight: datetime
    now: datetime
    week_midnight: datetime
    week_now: datetime

    def on(self, field: str) -> tuple[Q, Q]:
        """Conditions: today, and a week before."""
        today = Q(**{f"{field}__gte": self.midnight, f"{field}__lt": self.now})
        return today, Q(**{f"{field}__gte": self.week_midnight, f"{field}__lt": self.week_now})


def spans_of(tenant: Tenant, now: datetime) -> Spans:
    """Where the tenant is. Pure."""
    local = now.astimezone(tenant_zone(tenant))
    # Arithmetic within a zone is that of its clocks.
    before = local - WEEK
    return Spans(local_midnight(local), local, local_midnight(before), before)


def local_midnight(local: datetime) -> datetime:
    """When that day began. Pure."""
    return local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)


def today_of(tenant: Tenant, now: datetime) -> Today:
    """Seven queries: two days of records, a week of sessions."""
    spans = spans_of(tenant, now)
    # Who wasn't there a week ago has nothing to compare with.
    known = tenant.created_at < spans.week_midnight
    return Today(
        energy_wh=Compared(energy_since_wh(spans.midnight), _energy_a_week_ago(spans) if known else None),
        revenue=_revenue(spans, known),
        sessions=_sessions(spans, known),
        endings=_endings(now),
    )


def energy_until(hours: list[tuple[datetime, datetime, Decimal]], until: datetime) -> Decimal:
    """Wh of these hours (start, end, Wh) up to a time: of the one that it lies in, its share. Pure."""
    total = Decimal(0)
    for start, end, energy_wh in hours:
        part = min(max((until - start) / (end - start), 0.0), 1.0)
        total += energy_wh if part == 1.0 else energy_wh * Decimal(part)
    return total


def _energy_a_week_ago(spans: Spans) -> Decimal | None:
    buckets = FleetBucket.objects.filter(period=Period.HOUR)
    that_day = buckets.filter(start__gte=spans.week_midnight, start__lt=spans.week_now).order_by("start")
    hours = list(that_day.values_list("start", "end", "energy_wh"))
    # No energy then, or nobody to measure it?
    if not hours and not buckets.filter(start__lt=spans.week_now).exists():
        return None
    return energy_until(hours, spans.week_now)


def _revenue(spans: Spans, known: bool) -> dict[str, Compared]:
    today, before = spans.on("stopped_at")
    corrected = ChargeDetailRecord.objects.filter(corrects=OuterRef("pk"))
    rows = ChargeDetailRecord.objects.filter(~Exists(corrected), today | before).order_by().values_list("currency")
    sums = rows.annotate(now=Sum("total_incl_tax", filter=today), then=Sum("total_incl_tax", filter=before))
    none = Decimal(0)
    return {currency: Compared(now or none, (then or none) if known else None) for currency, now, then in sums}


def _sessions(spans: Spans, known: bool) -> Compared:
    today, before = spans.on("started_at")
    rows = Transaction.objects.filter(today | before, verdict="Accepted")
    counted = rows.aggregate(now=Count("pk", filter=today), then=Count("pk", filter=before))
    return Compared(Decimal(counted["now"]), Decimal(counted["then"]) if known else None)


def _endings(now: datetime) -> Endings:
    ended = Transaction.objects.filter(started_at__gte=now - WEEK, verdict="Accepted").exclude(
        state=Transaction.State.ACTIVE
    )
    well = Q(state=Transaction.State.STOPPED, stop_reason__in=ORDINARY_REASONS, meter_stop_wh__gt=F("meter_start_wh"))
    counted = ended.aggregate(ended=Count("pk"), well=Count("pk", filter=well))
    return Endings(counted["ended"], counted["well"])
