"""What a session costs: live while it runs, from its charge detail record once there is one. Callers hold the scope."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from chargepoints.models import Transaction
from metering.models import ChargeDetailRecord
from metering.pricing.assignment import Frozen, frozen_tariff
from metering.pricing.engine import Segment, price
from metering.pricing.lines import Line, Price, totals
from metering.pricing.tariff import Terms
from metering.pricing.usage import MILLI, Ends, ends_of, registers, segments

STATE = Transaction.State


@dataclass(frozen=True, slots=True)
class Cost:
    """A session's cost as of `at`. `final`: it stands in `record`. `snapshot`: its tariff; None: none applied."""

    price: Price
    at: datetime
    final: bool
    record: ChargeDetailRecord | None
    snapshot: dict[str, Any] | None
    timezone: str


@dataclass(frozen=True, slots=True)
class Reckoning:
    """A session's price, its tariff, and the ends that it was reckoned from."""

    price: Price
    frozen: Frozen
    ends: Ends


def cost_of(session: Transaction, now: datetime) -> Cost:
    """The session's cost: final where its record is made, else as it stands `now`.

    A session that ended a moment ago is reckoned to its end, and not final yet.
    """
    record = latest_record(session)
    if record is not None:
        snapshot = record.tariff
        zone = str(snapshot["timezone"]) if snapshot else frozen_tariff(session).zone.key
        return Cost(price_of(record), record.created_at, True, record, snapshot, zone)
    reckoned = reckon(session, now=now)
    frozen = reckoned.frozen
    return Cost(reckoned.price, now, False, None, frozen.snapshot if frozen.terms else None, frozen.zone.key)


def latest_record(session: Transaction) -> ChargeDetailRecord | None:
    """The one that holds: later ones correct earlier ones."""
    return ChargeDetailRecord.objects.filter(transaction=session).order_by("-revision").first()


def reckon(session: Transaction, *, now: datetime, energy_wh: Decimal | None = None) -> Reckoning:
    """Price the session by its frozen tariff. `energy_wh`: as if it had taken so much, spread as its readings say."""
    frozen = frozen_tariff(session)
    ends = ends_of(session, now=now)
    usage = segments(ends, registers(session, ends.start, ends.end))
    if energy_wh is not None:
        measured = sum((one.energy_wh for one in usage), Decimal(0))
        usage = _scaled(segments(ends, registers(session, ends.start, ends.end)), ends, measured, energy_wh)
    # Without a tariff: no lines, the session's facts and a total of zero.
    terms = frozen.terms or Terms(frozen.currency, ())
    return Reckoning(price(terms, usage, frozen.zone), frozen, ends)


def _scaled(usage: Iterable[Segment], ends: Ends, measured: Decimal, wanted: Decimal) -> Iterator[Segment]:
    """Energies in proportion, whole mWh that add up to `wanted`; evenly where nothing was measured."""
    if not measured:
        yield Segment(ends.start, ends.end, wanted, charging=True)
        return
    taken = given = Decimal(0)
    for one in usage:
        taken += one.energy_wh
        until = (taken * wanted / measured).quantize(MILLI)
        yield Segment(one.start, one.end, until - given, one.charging)
        given = until


def lines_as_json(lines: tuple[Line, ...]) -> list[dict[str, Any]]:
    """As they are kept: decimals as text."""
    return [
        {name: str(value) if isinstance(value, Decimal) else value for name, value in asdict(line).items()}
        for line in lines
    ]


def lines_from_json(rows: list[dict[str, Any]]) -> tuple[Line, ...]:
    numbers = ("quantity", "rounded_up", "price", "vat", "amount", "tax")
    return tuple(
        Line(**{**row, **{name: None if row[name] is None else Decimal(row[name]) for name in numbers}}) for row in rows
    )


def price_of(record: ChargeDetailRecord) -> Price:
    """What a record says, as the engine said it."""
    return totals(
        record.currency,
        lines_from_json(record.lines),
        energy_wh=record.energy_wh,
        charging_seconds=record.charging_seconds,
        parking_seconds=record.parking_seconds,
    )
