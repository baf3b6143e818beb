"""Watts and amperes: A is per phase, W is of all phases together. Pure and exact: Decimals throughout.

W = A x volts x phases is exact. A = W / (volts x phases) is seldom a finite decimal, so it is cut after 28 digits, always
**downwards**: a limit that was converted never allows more than the one it came from. What is sent is cut to the tenth
that OCPP 1.6 allows (`multipleOf 0.1`), downwards as well, in W to whole watts.
"""

from collections.abc import Iterable
from decimal import ROUND_DOWN, Context, Decimal

from smartcharging.profiles.shapes import DEFAULT_PHASES, DEFAULT_VOLTAGE, CompositePeriod, Unit

Number = Decimal | int | float

TENTH = Decimal("0.1")
ONE = Decimal(1)
# Products of a limit (at most 40 digits, `fields`), volts and phases fit into this without being rounded.
_EXACT = Context(prec=60, rounding=ROUND_DOWN)
_CUT = Context(prec=28, rounding=ROUND_DOWN)


def exact(number: Number) -> Decimal:
    """As written: 230.5 is 230.5, not the binary number next to it."""
    return Decimal(repr(number)) if isinstance(number, float) else Decimal(number)


def decimals(number: Decimal) -> int:
    """How many it has after the point, trailing zeros not counted."""
    exponent = _EXACT.normalize(number).as_tuple().exponent
    return max(-exponent, 0) if isinstance(exponent, int) else 0


def watts(amps: Number, *, voltage: Number = DEFAULT_VOLTAGE, phases: int = DEFAULT_PHASES) -> Decimal:
    """W of all phases for A on each."""
    return _EXACT.multiply(exact(amps), volts_of(voltage, phases))


def amps(watts: Number, *, voltage: Number = DEFAULT_VOLTAGE, phases: int = DEFAULT_PHASES) -> Decimal:
    """A on each phase for W of all; cut downwards after 28 digits. ValueError where volts or phases are not positive."""
    volts = volts_of(voltage, phases)
    if volts <= 0:
        raise ValueError("volts and phases must be positive")
    return _CUT.divide(exact(watts), volts)


def convert(
    limit: Decimal, source: Unit, target: Unit, *, voltage: Number = DEFAULT_VOLTAGE, phases: int = DEFAULT_PHASES
) -> Decimal:
    """`limit` in the other unit; unchanged in its own."""
    if source == target:
        return limit
    if target == "W":
        return watts(limit, voltage=voltage, phases=phases)
    return amps(limit, voltage=voltage, phases=phases)


def limit_to_send(limit: Number, unit: Unit) -> Decimal:
    """Down to what is put on the wire: tenths of an ampere, whole watts. Never below 0."""
    step = TENTH if unit == "A" else ONE
    number = exact(limit)
    return number.quantize(step, rounding=ROUND_DOWN) if number > 0 else Decimal(0)


def convert_composite(
    periods: Iterable[CompositePeriod],
    source: Unit,
    target: Unit,
    *,
    voltage: Number = DEFAULT_VOLTAGE,
    default_phases: int = DEFAULT_PHASES,
) -> list[CompositePeriod]:
    """A composite schedule in the other unit, by each period's own phases, else `default_phases`."""
    return [
        CompositePeriod(
            period.start_s,
            None
            if period.limit is None
            else convert(period.limit, source, target, voltage=voltage, phases=period.phases or default_phases),
            period.phases,
        )
        for period in periods
    ]


def volts_of(voltage: Number, phases: int) -> Decimal:
    """What an ampere on each of `phases` phases makes in W."""
    return _EXACT.multiply(exact(voltage), Decimal(phases))
