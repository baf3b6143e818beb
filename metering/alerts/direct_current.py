"""Whether an outlet delivers direct current, told by its own readings. Pure.

Nothing else says so: OCPP 1.6 has no field for it. A grid's bounds (230 V, 80 A) are no bounds of such an outlet.
"""

from collections.abc import Iterable

from metering.alerts.rules import VOLTAGE
from metering.readings import INLET, Kind, Reading

# No outlet of a low-voltage grid reaches this, between two phases neither (V).
NEVER_GRID_V = 500.0
# Above the worst swell of a phase; with the battery's charge, which is told over direct current, it is the battery's (V).
ABOVE_PHASE_V = 300.0
SOC = "SoC"


def shows_direct_current(readings: Iterable[Reading]) -> bool:
    """Of one message: no phase is named, and the voltage is no grid's, or the car tells its charge and no grid's voltage.

    What is measured at the inlet is the grid's side, and says nothing of the outlet.
    """
    volts, charge = 0.0, False
    for kind, _, _, text, _, _ in readings:
        if kind.location == INLET:
            continue
        if kind.phase:
            return False
        if kind.measurand == VOLTAGE:
            volts = max(volts, float(text))
        charge = charge or kind.measurand == SOC
    return volts > NEVER_GRID_V or (charge and (volts == 0 or volts > ABOVE_PHASE_V))


def is_of_grid(kind: Kind, evse_number: int) -> bool:
    """The grid's own voltage, before the rectifier: at the inlet or at the station's main meter."""
    return kind.measurand == VOLTAGE and (kind.location == INLET or evse_number == 0)
