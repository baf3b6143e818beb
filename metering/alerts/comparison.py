"""Comparing readings with thresholds, in memory. What is found goes to `put`; knows no database and never waits."""

from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from metering.alerts.clocks import Clocks
from metering.alerts.direct_current import shows_direct_current
from metering.alerts.excursion import Excursion
from metering.alerts.gates import Gate, Watched, make_gate
from metering.alerts.incidents import Incident
from metering.alerts.loading import Loaded, OpenAlert
from metering.alerts.register import Register
from metering.alerts.rules import VOLTAGE, Rules, ends_with_session, is_dead
from metering.alerts.telling import (
    Series,
    clock_incident,
    excursion_of,
    register_incident,
    series_of,
    superseded,
    threshold_incident,
)
from metering.alerts.words import BACK, NOT_COMPARED, SESSION_ENDED
from metering.ingest.message import MeterMessage
from metering.models import Alert
from metering.readings import Kind, total_of_phases

# An excursion that goes on is told again when its readings are so much newer.
TOLD_EVERY = timedelta(minutes=1)
# A time further ahead than this counts as of its receipt: or nothing after it would seem new.
AHEAD = timedelta(minutes=5)
# A station that hasn't been heard of for so long may have been with another gateway meanwhile.
FORGET_AFTER = timedelta(minutes=20)
# Bounds of memory: series, and excursions under way at one station.
GATES, ACTIVE_PER_STATION = 500_000, 256

Put = Callable[[int, Incident], None]
Kinds = dict[Kind, Gate | None]


class Comparison:
    """All that a process knows of its stations' readings."""

    def __init__(self, put: Put, *, clocks: bool = True) -> None:
        self._put = put
        self._rules: dict[int, Rules] = {}
        self._tolerances: dict[int, timedelta] = {}
        # Tenant -> (charge point, EVSE) -> series.
        self._meters: dict[int, dict[tuple[int, int], Kinds]] = {}
        self._gates = 0
        # Outlets whose readings have shown direct current, and their stations' main meters (charge point, EVSE).
        self._direct: set[tuple[int, int]] = set()
        self._active: dict[Series, tuple[int, Gate]] = {}
        self._active_at: Counter[int] = Counter()
        self._clocks = Clocks() if clocks else None

    def knows(self, tenant_id: int) -> bool:
        return tenant_id in self._rules

    @property
    def tenants(self) -> list[int]:
        return list(self._rules)

    def compare(self, message: MeterMessage) -> None:
        """Take the readings of a message of a known tenant."""
        kinds = self._kinds(message.tenant_id, message.charge_point_id, message.evse_number)
        horizon = message.received_at + AHEAD
        at = moment = message.received_at
        phases: dict[tuple[Kind, datetime], dict[str, Decimal]] = {}
        for kind, read_at, _, text, _, _ in message.readings:
            try:
                gate = kinds[kind]
            except KeyError:
                gate = self._learn(message.tenant_id, (message.charge_point_id, message.evse_number, kind))
            if gate is None:
                continue
            # Readings of one meterValue share their time.
            if read_at is not moment:
                moment, at = read_at, read_at if read_at <= horizon else message.received_at
            if at <= gate.newest:
                continue
            value = float(text)
            if gate.low < value < gate.high:
                gate.newest = at
            elif gate.register is not None and not gate.watched:
                gate.newest = at
                self._look_at_register(kind, gate.register, gate, message, value, at)
            elif gate.total is not None:
                gate.newest = at
                phases.setdefault((gate.total, at), {})[kind.phase] = Decimal(text)
            else:
                self._look(kind, gate, message, text, at)
        for (kind, at), values in phases.items():
            self._compare_total(kind, message, total_of_phases(values), at)
        if self._clocks is not None:
            newest = message.readings or [reading for _, reading in message.quarantined]
            if newest:
                self.judge_time(message.tenant_id, message.charge_point_id, message.received_at, newest[-1].at)

    def judge_time(self, tenant_id: int, charge_point_id: int, received_at: datetime, at: datetime) -> None:
        """A message of a known tenant says what time the station thinks it is."""
        if self._clocks is None:
            return
        told = self._clocks.judge(charge_point_id, received_at, at, self._tolerances[tenant_id])
        if told is not None:
            wrong, ahead = told
            self._put(tenant_id, clock_incident(charge_point_id, wrong, ahead=ahead))

    def learn(self, tenant_id: int, loaded: Loaded, *, skip: Iterable[tuple[int, str]] = ()) -> None:
        """Take a tenant's thresholds and open alerts; but for those of `skip`, which are told of already."""
        known = self._rules.get(tenant_id)
        self._tolerances[tenant_id] = loaded.clock_tolerance
        if known is None or known.rows != loaded.rules:
            self._rules[tenant_id] = Rules(loaded.rules)
            self._make_gates_anew(tenant_id)
        told = set(skip)
        open_alerts = [one for one in loaded.open_alerts if (one.charge_point_id, one.key) not in told]
        for alert in open_alerts:
            self._adopt(tenant_id, alert)
        self._forget_ended(tenant_id, open_alerts, told)

    # --- readings ---

    def _kinds(self, tenant_id: int, charge_point_id: int, evse_number: int) -> Kinds:
        meters = self._meters.get(tenant_id)
        if meters is None:
            meters = self._meters[tenant_id] = {}
        meter = charge_point_id, evse_number
        kinds = meters.get(meter)
        if kinds is None:
            kinds = meters[meter] = {}
        return kinds

    def _learn(self, tenant_id: int, series: Series) -> Gate | None:
        if self._gates >= GATES:
            self._forget_idle()
        charge_point_id, evse_number, kind = series
        direct_current = (charge_point_id, evse_number) in self._direct
        gate = make_gate(kind, charge_point_id, evse_number, self._rules[tenant_id], direct_current=direct_current)
        self._kinds(tenant_id, charge_point_id, evse_number)[kind] = gate
        self._gates += 1
        return gate

    def _compare_total(self, kind: Kind, message: MeterMessage, total: Decimal | None, at: datetime) -> None:
        """The sum of the phases, where the station sent no total of that time."""
        kinds = self._kinds(message.tenant_id, message.charge_point_id, message.evse_number)
        series = message.charge_point_id, message.evse_number, kind
        gate = kinds[kind] if kind in kinds else self._learn(message.tenant_id, series)
        if gate is None or total is None or at <= gate.newest:
            return
        if gate.low < float(total) < gate.high:
            gate.newest = at
        else:
            self._look(kind, gate, message, str(total), at)

    def _look(self, kind: Kind, gate: Gate, message: MeterMessage, text: str, at: datetime) -> None:
        """A value that isn't simply inside."""
        gate.newest = at
        if gate.is_ac_only and shows_direct_current(message.readings) and self._note_direct_current(message):
            known = self._kinds(message.tenant_id, message.charge_point_id, message.evse_number)[kind]
            if known is None:
                return
            gate = known
        series = message.charge_point_id, message.evse_number, kind
        if gate.register is not None:
            self._look_at_register(kind, gate.register, gate, message, float(text), at)
        value = Decimal(text)
        for one in gate.watched:
            self._observe(series, one, message, value, at)
        gate.set()
        self._keep_account(message.tenant_id, series, gate)

    def _look_at_register(
        self, kind: Kind, register: Register, gate: Gate, message: MeterMessage, value: float, at: datetime
    ) -> None:
        fall = register.observe(value, at, message.transaction_id)
        if fall is None:
            return
        series = message.charge_point_id, message.evse_number, kind
        if _is_news(fall, gate.register_told_at):
            gate.register_told_at = fall.last_at
            self._put(message.tenant_id, register_incident(series, fall, message.transaction_id))
        self._keep_account(message.tenant_id, series, gate)

    def _observe(self, series: Series, one: Watched, message: MeterMessage, value: Decimal, at: datetime) -> None:
        tenant_id, session, excursions = message.tenant_id, message.transaction_id, one.excursions
        known = excursions.excursion
        # Readings that name no session may still be of one: clock-aligned ones often leave it out.
        if known is not None and session is not None and ends_with_session(one.rule.measurand, above=known.above):
            if one.session not in (None, session):
                self._tell(tenant_id, series, one, excursions.end(at), SESSION_ENDED)
            one.session = session
        if one.rule.measurand == VOLTAGE and one.rule.low is not None and value < one.rule.low:
            if is_dead(value, one.rule.low):
                self._tell(tenant_id, series, one, excursions.end(at, value))
                return
            if session is None and not message.named_transaction:
                return
        before = excursions.excursion
        if before is None and self._active_at[series[0]] >= ACTIVE_PER_STATION:
            return
        told = excursions.observe(value, at)
        self._tell(tenant_id, series, one, [excursion for excursion in told if excursion.ended_at is not None])
        current = excursions.excursion
        if current is not None and (before is None or current.started_at != before.started_at):
            one.session, one.told_at = session, None
        self._tell(tenant_id, series, one, [excursion for excursion in told if excursion.ended_at is None])

    def _tell(
        self, tenant_id: int, series: Series, one: Watched, told: list[Excursion], resolution: str = BACK
    ) -> None:
        for excursion in told:
            if _is_news(excursion, one.told_at):
                one.told_at = excursion.last_at
                self._put(tenant_id, threshold_incident(series, one.rule, excursion, one.session, resolution))

    def _keep_account(self, tenant_id: int, series: Series, gate: Gate) -> None:
        """Which series have an excursion under way."""
        if gate.is_active == (series in self._active):
            return
        if gate.is_active:
            self._active[series] = tenant_id, gate
            self._active_at[series[0]] += 1
            return
        self._strike(series)

    def _strike(self, series: Series) -> None:
        del self._active[series]
        self._active_at[series[0]] -= 1
        if not self._active_at[series[0]]:
            del self._active_at[series[0]]

    # --- what is known ---

    def _note_direct_current(self, message: MeterMessage) -> bool:
        """What holds for alternating current only is compared no more at this outlet. False: it is known already."""
        outlet = message.charge_point_id, message.evse_number
        if outlet in self._direct:
            return False
        for meter in {outlet, (message.charge_point_id, 0)}:
            self._direct.add(meter)
            self._make_gates_of(message.tenant_id, meter)
        return True

    def _make_gates_anew(self, tenant_id: int) -> None:
        """The rules have changed. What can't go on ends."""
        for meter in self._meters.get(tenant_id, {}):
            self._make_gates_of(tenant_id, meter)

    def _make_gates_of(self, tenant_id: int, meter: tuple[int, int]) -> None:
        now, rules, direct_current = datetime.now(UTC), self._rules[tenant_id], meter in self._direct
        kinds = self._meters.get(tenant_id, {}).get(meter, {})
        for kind, old in list(kinds.items()):
            series = *meter, kind
            gate = kinds[kind] = make_gate(kind, *meter, rules, old, direct_current=direct_current)
            kept = set() if gate is None else {id(one) for one in gate.watched}
            for one in [] if old is None else old.watched:
                if id(one) not in kept:
                    self._tell(tenant_id, series, one, one.excursions.end(now), NOT_COMPARED)
            if series in self._active:
                self._strike(series)
            if gate is not None:
                self._keep_account(tenant_id, series, gate)

    def _adopt(self, tenant_id: int, alert: OpenAlert) -> None:
        """Go on with what another process, or this one before a restart, has opened an alert for."""
        if alert.kind == Alert.Kind.CLOCK:
            if self._clocks is not None:
                self._clocks.adopt(alert.charge_point_id, excursion_of(alert))
            return
        if alert.kind == Alert.Kind.THRESHOLD and alert.threshold_id is None:
            self._put(tenant_id, superseded(alert, datetime.now(UTC), NOT_COMPARED))
            return
        series = series_of(alert)
        kinds = self._kinds(tenant_id, series[0], series[1])
        gate = kinds[series[2]] if series[2] in kinds else self._learn(tenant_id, series)
        if alert.kind == Alert.Kind.REGISTER:
            if gate is not None and gate.register is not None and gate.register.excursion is None:
                gate.register.excursion = excursion_of(alert)
        else:
            one = next((one for one in gate.watched if one.rule.id == alert.threshold_id), None) if gate else None
            if one is None:
                self._put(tenant_id, superseded(alert, datetime.now(UTC), NOT_COMPARED))
                return
            under_way = one.excursions.excursion
            if under_way is None or not under_way.raised:
                one.excursions.excursion = excursion_of(alert)
                one.session, one.told_at = alert.transaction_id, alert.last_at
        if gate is not None:
            gate.newest = max(gate.newest, alert.last_at)
            gate.set()
            self._keep_account(tenant_id, series, gate)

    def _forget_ended(self, tenant_id: int, open_alerts: list[OpenAlert], told: set[tuple[int, str]]) -> None:
        """Excursions whose alert is over.

        Of stations that weren't heard of: another gateway has seen their end. A register's at once: that it fell is
        past, and a person has said what it was.
        """
        before = datetime.now(UTC) - FORGET_AFTER
        still_open = {series_of(one) for one in open_alerts if one.kind != Alert.Kind.CLOCK}
        waiting = {charge_point_id for charge_point_id, _ in told}
        for series, (owner, gate) in list(self._active.items()):
            if owner != tenant_id or series in still_open or series[0] in waiting:
                continue
            if gate.register is not None:
                gate.register.excursion = gate.register_told_at = None
            if gate.newest < before:
                for one in gate.watched:
                    one.excursions.excursion = None
            gate.set()
            self._keep_account(tenant_id, series, gate)
        if self._clocks is not None:
            clocks = {one.charge_point_id for one in open_alerts if one.kind == Alert.Kind.CLOCK}
            self._clocks.forget_told(clocks | waiting, before)

    def _forget_idle(self) -> None:
        """Start anew, but for what is under way."""
        self._meters, self._gates = {}, 0
        for (charge_point_id, evse_number, kind), (tenant_id, gate) in self._active.items():
            self._kinds(tenant_id, charge_point_id, evse_number)[kind] = gate
            self._gates += 1


def _is_news(excursion: Excursion, told_at: datetime | None) -> bool:
    """Begun, ended, or a while further on."""
    return told_at is None or excursion.ended_at is not None or excursion.last_at - told_at >= TOLD_EVERY
