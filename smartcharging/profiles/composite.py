"""The composite schedule (OCPP 1.6 §3.13.3, §5.7): what all installed profiles together allow. Pure.

At each instant the limit is the lower of two:

- the ChargePointMaxProfile of connector 0;
- the session's: a TxProfile if one holds at that instant, else a TxDefaultProfile.

Of each purpose the highest stackLevel that holds at that instant counts. A profile holds from `validFrom` (inclusive) to
`validTo` (exclusive), from its schedule's start for its duration. Where it doesn't, the next lower one shows through:

- *Defaults of the connector and of connector 0.* The connector's own come first, whatever their stackLevel, and where
  none of them holds **at that instant**, those of connector 0 show through (§3.13.1: the connector's own replaces the
  common one "only for that specific connector"). Not once and for all: a default that has expired but lies there still
  would otherwise lift the common limit from its connector for ever.
- *TxProfile.* Only of the session that runs: one that names another transaction never holds; one that names none holds
  while any session runs. None holds before the session's start. On connector 0 there is none (§3.13.1).
- *Recurring.* From startSchedule on, daily or weekly at the same time of day **at the site** (`zone`): 22:00 stays
  22:00 when summer time begins or ends. Each time anew, the periods count elapsed seconds from that day's start and are
  cut by the next start: on a day of 23 hours the last hour is left out, on a day of 25 hours the last period goes on (or
  a duration of 24 h leaves an hour open). A time of day that is skipped is as much later, of a repeated one the first counts.
- *Relative.* From the session's start; without a session, never. Absolute without startSchedule is the same (§7.13).

Units: A is per phase, W is of all phases. With two limits that speak of phases, the session uses the fewer: both are
converted and compared with that number of phases, `default_phases` where a period gives none. What one asks for in W is
therefore always what one asks for in A, times volts and phases. Comparing is exact (in W); A that come from W are cut
downwards after 28 digits (`units`).

Connector 0 itself: the ChargePointMaxProfile alone. It is all that limits the charge point as a whole; the defaults of
connector 0 hold for each connector, and what the connectors' limits sum up to says nothing without their sessions.

Profiles are taken as `validate_profile` lets them pass; times are of the years 1970 to 2999 (`fields`). No two may have the
same place (purpose, stackLevel, connector); should two be given, the one with the higher id counts.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from itertools import chain
from zoneinfo import ZoneInfo

from smartcharging.profiles.shapes import (
    DEFAULT_PHASES,
    DEFAULT_VOLTAGE,
    CompositePeriod,
    Installed,
    Profile,
    Unit,
)
from smartcharging.profiles.spans import NEVER, Window
from smartcharging.profiles.stack import Piece, Rule, stack
from smartcharging.profiles.units import Number, amps, watts

Limit = tuple[Decimal | None, int | None]
OPEN: Limit = (None, None)
# After the last piece: nothing, for ever.
ENDED: tuple[int, int, Rule | None] = (NEVER, NEVER, None)


def composite_schedule(
    installed: Sequence[Installed],
    *,
    evse_number: int,
    start: datetime,
    duration_s: int,
    unit: Unit,
    zone: ZoneInfo,
    session_start: datetime | None = None,
    transaction_id: str | None = None,
    voltage: Number = DEFAULT_VOLTAGE,
    default_phases: int = DEFAULT_PHASES,
) -> list[CompositePeriod]:
    """The limits of connector `evse_number` for `duration_s` seconds from `start`, in `unit`, exact at each second.

    The first period starts at 0, neighbours differ in limit or phases; empty for a window of no length. A limit of None:
    nobody limits. Limits in the asked unit are not rounded. `session_start` and `transaction_id` (the protocol's) are those
    of the session on the connector; it is taken to run on to the window's end.
    """
    window = Window(start, max(duration_s, 0), zone, session_start)
    runs = session_start is not None or transaction_id is not None
    station = stack(_station_maximum(installed), window)
    session = stack(_session_limits(installed, evse_number, transaction_id, runs), window)
    limits = _Limits(unit, voltage, default_phases)
    periods: list[CompositePeriod] = []
    before: Limit | None = None
    for second, first, other in _side_by_side(station, session, window.length):
        limit = limits.lower(first, other)
        if limit != before:
            periods.append(CompositePeriod(second, *limit))
            before = limit
    return periods


def limit_at(
    installed: Sequence[Installed],
    *,
    evse_number: int,
    at: datetime,
    unit: Unit,
    zone: ZoneInfo,
    session_start: datetime | None = None,
    transaction_id: str | None = None,
    voltage: Number = DEFAULT_VOLTAGE,
    default_phases: int = DEFAULT_PHASES,
) -> CompositePeriod:
    """The one period of the composite schedule at `at` (its `start_s` is 0)."""
    (period,) = composite_schedule(
        installed,
        evse_number=evse_number,
        start=at,
        duration_s=1,
        unit=unit,
        zone=zone,
        session_start=session_start,
        transaction_id=transaction_id,
        voltage=voltage,
        default_phases=default_phases,
    )
    return period


def _station_maximum(installed: Iterable[Installed]) -> list[Profile]:
    """The profiles of the station's maximum, the highest first."""
    profiles = (item.profile for item in installed if item.evse_number == 0)
    return sorted((profile for profile in profiles if profile.purpose == "station_max"), key=_highest_first)


def _session_limits(
    installed: Iterable[Installed], evse_number: int, transaction_id: str | None, runs: bool
) -> Iterator[Profile]:
    """What limits the session on a connector: its own, the connector's defaults, those of connector 0; each highest first."""
    if evse_number == 0:
        return
    tiers: tuple[list[Profile], ...] = ([], [], [])
    for item in installed:
        profile = item.profile
        if profile.purpose == "tx" and item.evse_number == evse_number:
            if runs and profile.transaction_id in (None, transaction_id):
                tiers[0].append(profile)
        elif profile.purpose == "tx_default" and item.evse_number in (evse_number, 0):
            tiers[1 if item.evse_number else 2].append(profile)
    for tier in tiers:
        # One after the other: the lower ones are often not asked for.
        yield from sorted(tier, key=_highest_first)


def _highest_first(profile: Profile) -> tuple[int, int]:
    return -profile.stack_level, -profile.profile_id


def _side_by_side(
    station: list[Piece], session: list[Piece], length: int
) -> Iterator[tuple[int, Rule | None, Rule | None]]:
    """Each second at which either changes, with the rules from then on."""
    changes = {0}
    for begin, end, _ in chain(station, session):
        changes.add(begin)
        changes.add(end)
    changes.discard(length)
    here, there = _Playing(station), _Playing(session)
    for second in sorted(changes) if length else ():
        yield second, here.rule_at(second), there.rule_at(second)


class _Playing:
    """Pieces in order, asked at rising seconds."""

    def __init__(self, pieces: list[Piece]) -> None:
        self.pieces = iter(pieces)
        self.begin, self.end, self.rule = next(self.pieces, ENDED)

    def rule_at(self, second: int) -> Rule | None:
        while self.end <= second:
            self.begin, self.end, self.rule = next(self.pieces, ENDED)
        return self.rule if self.begin <= second else None


class _Limits:
    """The lower of two rules, in the unit asked for. Each pair is worked out once."""

    def __init__(self, unit: Unit, voltage: Number, default_phases: int) -> None:
        self.unit = unit
        self.voltage = voltage
        self.default_phases = default_phases
        # By identity: hashing Decimals costs more than the sum. The pieces keep the rules alive meanwhile.
        self.known: dict[tuple[int, int], Limit] = {}

    def lower(self, first: Rule | None, other: Rule | None) -> Limit:
        key = (id(first), id(other))
        limit = self.known.get(key)
        if limit is None:
            limit = self.known[key] = self._lower([rule for rule in (first, other) if rule is not None])
        return limit

    def _lower(self, rules: list[Rule]) -> Limit:
        if not rules:
            return OPEN
        if len(rules) == 1:
            period = rules[0].period
            return self._asked(rules[0], period.phases or self.default_phases), period.phases
        phases = min(rule.period.phases or self.default_phases for rule in rules)
        said = any(rule.period.phases for rule in rules)
        # In W both are exact; the one that is in the asked unit already then stays as it was written.
        lowest = min(rules, key=lambda rule: (self._watts(rule, phases), rule.unit != self.unit))
        return self._asked(lowest, phases), phases if said else None

    def _watts(self, rule: Rule, phases: int) -> Decimal:
        if rule.unit == "W":
            return rule.period.limit
        return watts(rule.period.limit, voltage=self.voltage, phases=phases)

    def _asked(self, rule: Rule, phases: int) -> Decimal:
        if rule.unit == self.unit:
            return rule.period.limit
        if self.unit == "W":
            return self._watts(rule, phases)
        return amps(rule.period.limit, voltage=self.voltage, phases=phases)
