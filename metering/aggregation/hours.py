"""One pass over a stretch of hours: statistics and energy of all meters, then what is made of them.

Runs inside a system transaction that holds the aggregation's lock. A pass over the same samples again gives the
same rows and writes nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings

from metering.aggregation import hours_sql as sql
from metering.aggregation.calendar import sum_up_touched
from metering.aggregation.energy import largest_wh
from metering.aggregation.periods import EPOCH
from tenants.context import system_connection

# Between two readings of power further apart nothing is known.
LONGEST_POWER_GAP = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Pass:
    """Tenants whose hours begin alike, with their zones. `shift`: see `periods.hour_shift`. `some`: not all there are."""

    zones: dict[int, str]
    shift: timedelta
    now: datetime
    some: bool = False

    def parameters(self, **more: Any) -> dict[str, Any]:
        return {
            "tenants": list(self.zones),
            "zone_tenants": list(self.zones),
            "zones": list(self.zones.values()),
            "origin": EPOCH + self.shift,
            "now": self.now,
            "today": self.now.replace(hour=0, minute=0, second=0, microsecond=0),
            "sample_days": settings.METERING_SAMPLE_DAYS,
            "gap": LONGEST_POWER_GAP,
            "minute_wh": largest_wh(Decimal(60)),
            "largest_w": settings.METERING_LARGEST_POWER_W,
            "stations": None,
            **more,
        }


def aggregate_stretch(
    one: Pass, a: datetime, b: datetime, *, stations: list[int] | None = None, mark_silences: bool = True
) -> None:
    """All meters, hours from `a` to `b` (whole hours of the pass). Samples are read once through, not by series.

    `mark_silences`: a step that began before `a` makes the hours that it crosses dirty.
    """
    parameters = one.parameters(a=a, b=b, stations=stations)
    with system_connection().cursor() as cursor:
        cursor.execute(sql.WORK_OF_RANGE, parameters)
        cursor.execute("ANALYZE agg_work")
        _find_edges(cursor, parameters)
        if stations is not None:
            samples = sql.SAMPLES_OF_SERIES.format(series=sql.ALL_SERIES)
        else:
            samples = sql.SAMPLES_OF_TENANTS if one.some else sql.SAMPLES_OF_RANGE
        _sum_up(cursor, parameters, samples)
        if mark_silences:
            cursor.execute(sql.MARK_SILENCES, parameters)
        sum_up_touched(parameters)
        _clean(cursor)


def aggregate_late(one: Pass, late: list[int]) -> None:
    """The meters and hours of these rows of DirtyRange, and the neighbouring hours that change with them."""
    parameters = one.parameters(late=late)
    with system_connection().cursor() as cursor:
        cursor.execute(sql.WORK_OF_LATE, parameters)
        _find_edges(cursor, parameters)
        cursor.execute(sql.WIDEN, parameters)
        cursor.execute("DROP TABLE agg_series, agg_edge")
        cursor.execute("ANALYZE agg_work")
        _find_edges(cursor, parameters)
        _sum_up(cursor, parameters, sql.SAMPLES_OF_SERIES.format(series=sql.ALL_SERIES))
        sum_up_touched(parameters)
        _clean(cursor)


def _find_edges(cursor: Any, parameters: dict[str, Any]) -> None:
    cursor.execute(sql.SERIES, parameters)
    cursor.execute("ANALYZE agg_series")
    cursor.execute(sql.EDGES, parameters)
    cursor.execute(sql.ANCHORS, parameters)
    cursor.execute("ANALYZE agg_edge")


def _sum_up(cursor: Any, parameters: dict[str, Any], samples: str) -> None:
    """`samples`: a query of all samples of the pass."""
    cursor.execute(sql.STATISTICS.format(samples=samples), parameters)
    cursor.execute("ANALYZE agg_stat")
    cursor.execute(sql.HOURS_OF_REGISTERS, parameters)
    cursor.execute("ANALYZE agg_hour")
    cursor.execute(sql.KEEP_STATISTICS, parameters)
    cursor.execute(sql.STEPS_OF_REGISTERS, parameters)
    energy = _energy_of("agg_step", 0, sql.SHARE_OF_REGISTER)
    cursor.execute(sql.ENERGY.format(registers=energy, intervals=sql.ENERGY_OF_INTERVALS), parameters)
    cursor.execute("ANALYZE agg_energy")
    power = sql.SAMPLES_OF_SERIES.format(series=sql.POWER_SERIES)
    cursor.execute(sql.STEPS_OF_POWER.format(samples=power, wh=sql.POWER_STEP), parameters)
    cursor.execute(sql.ENERGY_OF_POWER.format(power=_energy_of("agg_power_step", 4, sql.SHARE_OF_POWER)), parameters)
    cursor.execute(sql.POWER, parameters)
    phases = sql.SAMPLES_OF_SERIES.format(series=sql.PHASE_POWER_SERIES)
    cursor.execute(sql.POWER_OF_PHASES.format(samples=phases), parameters)
    cursor.execute(sql.TOUCHED)
    cursor.execute(sql.KEEP_HOURS, parameters)


def _energy_of(table: str, rank: int, share: str) -> str:
    return sql.ENERGY_OF_STEPS.format(
        table=table,
        rank=rank,
        share_until=share.format(seconds="seconds.until"),
        share_since=share.format(seconds="seconds.since"),
    )


def _clean(cursor: Any) -> None:
    """The next pass may share the transaction."""
    names = ["work", "series", "edge", "stat", "hour", "step", "power_step", "energy", "power", "touched"]
    cursor.execute("DROP TABLE " + ", ".join(f"agg_{name}" for name in names))
