"""Reads of readings. Callers hold the scope."""

from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any

from django.db.models import F, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from chargepoints.models import Transaction
from metering.models import Bucket, BucketStatistics, Period, Sample, Series
from metering.readings import ENERGY, PHASES, total_of_phases

# A power value older than this says nothing about now.
STALE = timedelta(minutes=5)
# A session that has run for longer is not looked for when summing up a day.
LONGEST_SESSION = timedelta(days=7)


def samples(
    charge_point_id: int,
    *,
    evse_number: int | None = None,
    transaction_id: int | None = None,
    measurand: str | None = None,
    phase: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
) -> QuerySet[Sample]:
    """The station's readings with their series, newest first; `start` inclusive, `end` exclusive.

    (at, series, context) is a total order: a cursor over it neither skips nor repeats.
    """
    wanted = {
        "series__charge_point_id": charge_point_id,
        "series__evse_number": evse_number,
        "transaction_id": transaction_id,
        "series__measurand": measurand,
        "series__phase": phase,
        "at__gte": start,
        "at__lt": end,
    }
    found = Sample.objects.filter(**{name: value for name, value in wanted.items() if value is not None})
    return found.select_related("series").order_by("-at", "series_id", "context")


def last_register(transaction_id: int) -> tuple[Decimal, datetime] | None:
    """The last register reading of the rising streak that began with the session; (Wh, time).

    A register that falls was reset or swapped: what came before is the last that can be believed.
    Phases are summed where no total is sent.
    """
    session = Transaction.objects.select_related("evse").get(pk=transaction_id)
    readings = _registers(session.charge_point_id, session.evse.number).filter(
        series__phase__in=["", *PHASES], transaction_id=transaction_id, at__gte=session.started_at
    )
    rows = readings.order_by("at", "context").values_list("at", "context", "series__phase", "value")
    last: tuple[Decimal, datetime] | None = None
    for (at, _), group in groupby(rows.iterator(chunk_size=1000), key=lambda row: row[:2]):
        value = total_of_phases({phase: value for _, _, phase, value in group})
        if value is None:
            continue
        if value < (session.meter_start_wh if last is None else last[0]):
            break
        last = (value, at)
    return last


def sessions_with_power(now: datetime) -> QuerySet[Transaction]:
    """Running sessions that take power, by what they said within the last minutes (`last_power_w`, W)."""
    return Transaction.objects.filter(
        state=Transaction.State.ACTIVE, last_reading_at__gt=now - STALE, last_power_w__gt=0
    )


def power_now_w() -> Decimal:
    """Sum of the last power of all sessions that report."""
    return sessions_with_power(timezone.now()).aggregate(total=Sum("last_power_w"))["total"] or Decimal(0)


def energy_since_wh(midnight: datetime) -> Decimal:
    """Energy delivered since `midnight`, from registers: sessions begun since, and what older ones have added.

    A session whose register fell below its start adds nothing here; the aggregates work it out.
    """
    with_end = Transaction.objects.annotate(end_wh=Coalesce("meter_stop_wh", "last_register_wh"))
    begun = with_end.filter(started_at__gte=midnight).annotate(begin_wh=F("meter_start_wh"))
    register = Series.objects.filter(
        charge_point_id=OuterRef(OuterRef("charge_point_id")),
        evse_number=OuterRef(OuterRef("evse__number")),
        measurand=ENERGY,
        phase="",
        location="Outlet",
        unit="Wh",
    )
    # By the series' id, not by a join: so the key's index is read backwards and left at the first hit.
    at_midnight = (
        Sample.objects.filter(
            series_id=Subquery(register.values("pk")[:1]),
            transaction_id=OuterRef("pk"),
            at__lte=midnight,
            at__gte=OuterRef("started_at"),
        )
        .order_by("-at")
        .values("value")[:1]
    )
    older = with_end.filter(
        Q(last_reading_at__gte=midnight) | Q(stopped_at__gte=midnight),
        started_at__lt=midnight,
        started_at__gt=midnight - LONGEST_SESSION,
    ).annotate(begin_wh=Coalesce(Subquery(at_midnight), "meter_start_wh"))
    return _risen(begun) + _risen(older)


def _risen(sessions: QuerySet[Any]) -> Decimal:
    """Sum of end_wh - begin_wh, both annotated, where that is positive."""
    # Not as a filter: the database would work out begin_wh a second time.
    risen = Greatest(F("end_wh") - F("begin_wh"), Decimal(0))
    return sessions.filter(end_wh__isnull=False).aggregate(total=Sum(risen))["total"] or Decimal(0)


def _registers(charge_point_id: int, evse_number: int) -> QuerySet[Sample]:
    """The import register at the outlet of one EVSE."""
    return Sample.objects.filter(
        series__charge_point_id=charge_point_id,
        series__evse_number=evse_number,
        series__measurand=ENERGY,
        series__location="Outlet",
    )


def buckets(
    *, charge_point_id: int, period: Period, start: datetime, end: datetime, evse_number: int | None = None
) -> QuerySet[Bucket]:
    """Aggregates that begin in [start, end), oldest first."""
    found = Bucket.objects.filter(charge_point_id=charge_point_id, period=period, start__gte=start, start__lt=end)
    if evse_number is not None:
        found = found.filter(evse_number=evse_number)
    return found.order_by("start", "evse_number")


def bucket_statistics(
    *, charge_point_id: int, period: Period, start: datetime, end: datetime, evse_number: int | None = None
) -> QuerySet[BucketStatistics]:
    """What `buckets` is made of, by measurand, with its series."""
    found = BucketStatistics.objects.filter(
        series__charge_point_id=charge_point_id, period=period, start__gte=start, start__lt=end
    )
    if evse_number is not None:
        found = found.filter(series__evse_number=evse_number)
    return found.select_related("series").order_by("start", "series__measurand", "series__phase", "series__location")
