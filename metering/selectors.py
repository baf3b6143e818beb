"""Reads of readings. Callers hold the scope."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import F, QuerySet, Sum
from django.utils import timezone

from chargepoints.models import Transaction
from metering.models import Sample
from metering.readings import ENERGY

# A power value older than this says nothing about now.
STALE = timedelta(minutes=5)


def samples(charge_point_id: int) -> QuerySet[Sample]:
    """The station's readings with their series, newest first."""
    return Sample.objects.filter(series__charge_point_id=charge_point_id).select_related("series").order_by("-at")


def last_register(transaction_id: int) -> tuple[Decimal, datetime] | None:
    """The last register reading of the rising streak that began with the session; (Wh, time).

    A register that falls was reset or swapped: what came before is the last that can be believed.
    """
    session = Transaction.objects.select_related("evse").get(pk=transaction_id)
    readings = Sample.objects.filter(
        series__charge_point_id=session.charge_point_id,
        series__evse_number=session.evse.number,
        series__measurand=ENERGY,
        series__phase="",
        series__location="Outlet",
        transaction_id=transaction_id,
        at__gte=session.started_at,
    ).order_by("at", "context")
    last: tuple[Decimal, datetime] | None = None
    for value, at in readings.values_list("value", "at").iterator(chunk_size=1000):
        if last is not None and value < last[0]:
            break
        if value >= session.meter_start_wh:
            last = (value, at)
    return last


def power_now_w() -> Decimal:
    """Sum of the last power of all sessions that report."""
    recent = Transaction.objects.filter(
        state=Transaction.State.ACTIVE, last_reading_at__gt=timezone.now() - STALE, last_power_w__gt=0
    )
    return recent.aggregate(total=Sum("last_power_w"))["total"] or Decimal(0)


def energy_since_wh(midnight: datetime) -> Decimal:
    """Energy delivered since `midnight`, from registers: sessions begun since, and what older ones have added."""
    begun = Transaction.objects.filter(started_at__gte=midnight)
    total = _delivered(begun.exclude(meter_stop_wh=None), "meter_stop_wh")
    total += _delivered(begun.filter(meter_stop_wh=None).exclude(last_register_wh=None), "last_register_wh")
    older = Transaction.objects.filter(
        started_at__lt=midnight, started_at__gt=midnight - timedelta(days=2), last_reading_at__gte=midnight
    )
    for session in older.select_related("evse"):
        at_midnight = _register_at(session, midnight)
        end = session.meter_stop_wh if session.meter_stop_wh is not None else session.last_register_wh
        if end is not None and end > at_midnight:
            total += end - at_midnight
    return total


def _delivered(sessions: QuerySet[Transaction], register: str) -> Decimal:
    rising = sessions.filter(**{f"{register}__gte": F("meter_start_wh")})
    return rising.aggregate(total=Sum(F(register) - F("meter_start_wh")))["total"] or Decimal(0)


def _register_at(session: Transaction, at: datetime) -> Decimal:
    """The register of a session at an instant: its last reading before, else its start."""
    value = (
        Sample.objects.filter(
            series__charge_point_id=session.charge_point_id,
            series__evse_number=session.evse.number,
            series__measurand=ENERGY,
            series__phase="",
            transaction_id=session.pk,
            at__lte=at,
            at__gte=session.started_at,
        )
        .order_by("-at")
        .values_list("value", flat=True)
        .first()
    )
    return session.meter_start_wh if value is None else Decimal(value)
