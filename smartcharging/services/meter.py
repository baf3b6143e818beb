"""The site's own meter, pushed by API: its last reading, and what it says about who else takes power."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, Decimal

from django.utils import timezone

from smartcharging import site_load
from smartcharging.allocation.shapes import PhaseAmps
from smartcharging.models import Circuit, CircuitMeter
from smartcharging.services.waking import wake_of_circuits
from smartcharging.site_meter import base_load_of, is_silent, reading_of, surplus_of
from tenants.context import tenant_transaction

__all__ = ["MeterRefused", "base_load_of", "reading_of", "record_meter", "surplus_of"]

# Clocks of meters may be ahead by this much; the reading counts as of now then.
AHEAD = timedelta(seconds=10)
# Moved by so much on a phase since the last round that it set off: another.
BAND_A = 1.0
# What five digits of A before the point hold; a transformer of 20 MVA at 400 V gives 29,000.
LARGEST_A = 99_999.0
CENT = Decimal("0.01")


class MeterRefused(Exception):
    """The reading can't be taken. `field` is what is wrong; empty: the circuit is set to have no meter."""

    def __init__(self, reason: str, field: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason, self.field, self.sentence = reason, field, sentence


def record_meter(
    *,
    circuit: Circuit,
    source: str,
    current_a: Sequence[float] | None = None,
    power_w: Sequence[float] | None = None,
    at: datetime | None = None,
    now: datetime | None = None,
) -> CircuitMeter:
    """Keep the reading as the last. Either `current_a` (of each phase) or `power_w` (of each, or one in all).

    Positive: taken from the grid. One value of A only where the circuit has one phase. MeterRefused.
    """
    now = now or timezone.now()
    amps = _amps(circuit, current_a, power_w)
    at = _checked_time(at, now)
    with tenant_transaction(circuit.tenant_id):
        # The circuit's row: two readings at once must not both be the first.
        locked = Circuit.objects.select_for_update(of=("self",)).filter(pk=circuit.pk).first()
        if locked is None:
            raise MeterRefused("gone", "", "The circuit was removed meanwhile.")
        if not locked.has_meter:
            sentence = "The circuit is set to have no meter (hasMeter): what is sent here would count for nothing."
            raise MeterRefused("no_meter", "", sentence)
        row = CircuitMeter.objects.filter(circuit=locked).first()
        was_silent = row is None or is_silent(locked, row, now)
        if row is None:
            row = CircuitMeter(tenant_id=circuit.tenant_id, circuit=locked)
        elif at < row.at:
            sentence = f"Older than the last reading ({row.at.isoformat()})."
            raise MeterRefused("older_than_last", "at", sentence)
        row.at, row.source = at, source[:150]
        # Upwards: what others take must not be counted too low.
        row.l1_a, row.l2_a, row.l3_a = (Decimal(value).quantize(CENT, ROUND_CEILING) for value in amps)
        acted = None if was_silent or len(row.acted_a) != 3 else _amps_of_list(row.acted_a)
        wakes = site_load.moved(acted, amps, BAND_A)
        if wakes:
            row.acted_a = list(amps)
        row.save()
        if wakes:
            wake_of_circuits(tenant_id=circuit.tenant_id, circuit_ids=[circuit.pk], cause="site_meter")
    return row


def _checked_time(at: datetime | None, now: datetime) -> datetime:
    if at is None:
        return now
    if at > now + AHEAD:
        raise MeterRefused("in_the_future", "at", "In the future: set the meter's clock, or send no time.")
    return min(at, now)


def _amps(circuit: Circuit, current_a: Sequence[float] | None, power_w: Sequence[float] | None) -> PhaseAmps:
    if (current_a is None) == (power_w is None):
        raise MeterRefused("one_unit", "current_a", "Give the current or the power: exactly one of them.")
    values, field = (current_a, "current_a") if current_a is not None else (power_w, "power_w")
    assert values is not None  # noqa: S101 (one of them is given)
    allowed = {1} if circuit.phases == 1 else {3} if field == "current_a" else {1, 3}
    if len(values) not in allowed:
        said = "One value" if circuit.phases == 1 else "Three values, of L1, L2 and L3"
        raise MeterRefused("number_of_phases", field, f"{said}: the circuit has {circuit.phases} phases.")
    if field == "power_w":
        amps = site_load.amps_of_power(list(values), voltage=circuit.voltage, phases=circuit.phases)
    else:
        amps = (values[0], values[0], values[0]) if len(values) == 1 else _amps_of_list(values)
    if any(not abs(value) <= LARGEST_A for value in amps):
        raise MeterRefused("out_of_range", field, f"More than {LARGEST_A:.0f} A.")
    return amps


def _amps_of_list(values: Sequence[float]) -> PhaseAmps:
    first, second, third = (float(value) for value in values)
    return (first, second, third)
