"""What a circuit's own meter says now about what is not charging. Reads only the rows that it is given."""

from datetime import datetime, timedelta

from smartcharging import site_load
from smartcharging.allocation.shapes import PhaseAmps
from smartcharging.models import Circuit, CircuitMeter


def reading_of(circuit: Circuit, now: datetime) -> PhaseAmps | None:
    """What the meter says now; None: there is none, or it is silent. No query where `meter` was selected along."""
    row: CircuitMeter | None = getattr(circuit, "meter", None) if circuit.has_meter else None
    if row is None or is_silent(circuit, row, now):
        return None
    return (float(row.l1_a), float(row.l2_a), float(row.l3_a))


def base_load_of(circuit: Circuit, now: datetime, charging_now: PhaseAmps) -> PhaseAmps:
    """A on each phase that others than chargers take through this circuit, never below 0.

    `charging_now`: what its chargers were last measured to take, the lower where in doubt. While the meter is silent,
    and without one: `base_load_a`.
    """
    return site_load.base_load(
        reading=reading_of(circuit, now),
        counts_chargers=circuit.meter_counts_chargers,
        charging=charging_now,
        assumed_a=float(circuit.base_load_a),
    )


def surplus_of(circuit: Circuit, now: datetime, charging_now: PhaseAmps) -> PhaseAmps:
    """A on each phase that the sun leaves to the chargers, with what they may take from the grid beside it."""
    return site_load.surplus(
        reading=reading_of(circuit, now),
        counts_chargers=circuit.meter_counts_chargers,
        charging=charging_now,
        import_a=float(circuit.solar_import_a),
    )


def is_silent(circuit: Circuit, row: CircuitMeter, now: datetime) -> bool:
    """Its last reading is too old to say anything about now."""
    return row.at <= now - timedelta(seconds=circuit.meter_silent_s)
