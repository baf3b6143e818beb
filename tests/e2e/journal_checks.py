"""The database, the webhook receiver and the feed held against the stations' journal: each check returns its faults."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC
from decimal import Decimal
from typing import Any

from tests.e2e.journal import MemoryJournal
from tests.e2e.outside import FeedReader, Orders, Receiver

Query = Callable[[str], list[tuple[Any, ...]]]

SESSIONS = """
SELECT t.protocol_id, c.identity, e.number, t.id_tag, t.state, t.started_at, t.meter_start_wh, t.stopped_at, t.meter_stop_wh
FROM chargepoints_transaction t JOIN chargepoints_chargepoint c ON c.id = t.charge_point_id
JOIN chargepoints_evse e ON e.id = t.evse_id
"""
# With the protocol's id of the session that they are attached to. Context 0: Sample.Periodic.
READINGS = """
SELECT c.identity, s.evse_number, s.measurand, s.phase, m.at, m.value, t.protocol_id
FROM metering_sample m JOIN metering_series s ON s.id = m.series_id
JOIN chargepoints_chargepoint c ON c.id = s.charge_point_id
LEFT JOIN chargepoints_transaction t ON t.id = m.transaction_id WHERE m.context = 0
"""
# Of each session: the register at its beginning and at its end (contexts 2 and 3).
ENDS = """
SELECT t.protocol_id, m.context, m.value FROM metering_sample m JOIN metering_series s ON s.id = m.series_id
JOIN chargepoints_transaction t ON t.id = m.transaction_id
WHERE m.context IN (2, 3) AND s.measurand = 'Energy.Active.Import.Register' AND s.phase = ''
"""
COMMANDS = """
SELECT k.id::text, c.identity, k.action, k.payload, k.state, k.reply, k.sent_at, k.origin, k.error_code
FROM chargepoints_command k JOIN chargepoints_chargepoint c ON c.id = k.charge_point_id
"""
EVENTS = "SELECT event_id::text, event_type, charge_point, data FROM tenants_outboxevent ORDER BY id"
RECORDS = """
SELECT t.protocol_id, r.energy_wh FROM metering_chargedetailrecord r
JOIN chargepoints_transaction t ON t.id = r.transaction_id
"""
OPEN = ("queued", "sent")


def session_faults(journal: MemoryJournal, query: Query) -> Iterator[str]:
    """Every acknowledged session is there, once, as the station told it, and no other."""
    stored = {row[0]: row[1:] for row in query(SESSIONS)}
    for name, told in journal.sessions.items():
        row = stored.pop(name, None)
        wanted = (
            *(told.identity, told.connector, told.id_tag, "stopped"),
            *(told.started_at, told.meter_start, told.stopped_at, told.meter_stop),
        )
        if row is None:
            yield f"session {name} of {told.identity} is lost"
        elif (*row[:4], row[4].astimezone(UTC), row[5], row[6] and row[6].astimezone(UTC), row[7]) != wanted:
            yield f"session {name}: stored {row}, told {wanted}"
    yield from (f"session {name} of {row[0]} was never acknowledged" for name, row in stored.items())


def energy_faults(journal: MemoryJournal, query: Query) -> Iterator[str]:
    """The energy of all sessions, of the registers at their ends and of their charge detail records is the journal's."""
    told = {
        name: Decimal(one.meter_stop - one.meter_start)
        for name, one in journal.sessions.items()
        if one.meter_stop is not None
    }
    ((total,),) = query("SELECT coalesce(sum(meter_stop_wh - meter_start_wh), 0) FROM chargepoints_transaction")
    if total != sum(told.values()):
        yield f"{total} Wh in all sessions, {sum(told.values())} Wh in the journal"
    ends: dict[tuple[str, int], list[Decimal]] = {}
    for name, context, value in query(ENDS):
        ends.setdefault((name, context), []).append(value)
    for name, one in journal.sessions.items():
        if ends.get((name, 2)) != [Decimal(one.meter_start)]:
            yield f"session {name} began at {one.meter_start} Wh, the readings say {ends.get((name, 2))}"
        # The stop's register and that of its transactionData: one reading, or two of another millisecond; one is rounded.
        last = ends.get((name, 3), [])
        if not 1 <= len(last) <= 2 or any(abs(value - (one.meter_stop or 0)) > 1 for value in last):
            yield f"session {name} ended at {one.meter_stop} Wh, the readings say {last}"
    records = Counter[str]()
    for name, energy in query(RECORDS):
        records[name] += 1
        if energy != told.get(name):
            yield f"session {name} was charged with {energy} Wh, and is {told.get(name)} Wh"
    yield from (f"session {name} has {records[name]} charge detail records" for name in told if records[name] != 1)


def reading_faults(journal: MemoryJournal, query: Query) -> Iterator[str]:
    """Every acknowledged reading is stored, once, with its value and session, and no other."""
    stored: dict[Any, tuple[Decimal, str | None]] = {}
    for *key, at, value, session in query(READINGS):
        where = (*key, at.astimezone(UTC))
        if where in stored:
            yield f"{where} is stored twice"
        stored[where] = (value, session)
    for told, (value, session) in journal.readings.items():
        if (found := stored.pop(told, None)) is None:
            yield f"{told} is lost"
        elif found != (Decimal(value), session):
            yield f"{told}: {found} is stored, {value} of session {session} was told"
    yield from (f"{key} was never acknowledged" for key in stored)


def command_faults(journal: MemoryJournal, orders: Orders, query: Query) -> Iterator[str]:
    """Every acknowledged order is one command and has ended; what it says is what the station knows."""
    stored = {row[0]: row[1:] for row in query(COMMANDS)}
    by_api = {name for name, row in stored.items() if row[6] == "api"}
    yield from (f"order {name} is lost" for name in orders.acknowledged.keys() - by_api)
    yield from (f"command {name} was doubled: nobody was told of it" for name in by_api - orders.acknowledged.keys())
    yield from (f"command {name} is none of ours" for name in journal.orders.keys() - stored.keys())
    for name, (identity, action, _payload, state, reply, sent_at, _origin, _code) in stored.items():
        order = journal.orders.get(name)
        told = order.answers[0] if order and order.answers else None
        where = f"{action} {name} to {identity} is {state}"
        if state in OPEN:
            yield f"{where}: it never ended"
        elif state in {"accepted", "rejected"} and reply != told:
            yield f"{where} with {reply}, the station answered {told}"
        elif sent_at is None and order is not None:
            yield f"{where}, was never sent, and the station has it"
        elif order is not None and (order.identity, order.action) != (identity, action):
            yield f"{where}, and came to {order.identity} as {order.action}"
    yield from journal.faults


def undecided(journal: MemoryJournal, query: Query) -> Counter[str]:
    """Commands that a station has answered and whose answer was lost on the way: failed and timed out, as they must."""
    rows = {row[0]: row for row in query(COMMANDS)}
    answered = (rows[name] for name, order in journal.orders.items() if order.answers and name in rows)
    return Counter(f"{row[4]} {row[8]}".strip() for row in answered if row[4] not in {"accepted", "rejected"})


def event_faults(journal: MemoryJournal, query: Query) -> Iterator[str]:
    """Each change has its event, once: sessions, commands, and stations coming and going in turns."""
    told: Counter[tuple[str, str]] = Counter()
    last: dict[str, str] = {}
    for _, kind, station, data in query(EVENTS):
        if kind in {"session.started", "session.stopped"} and not data.get("inferred"):
            told[kind, data["transactionId"]] += 1
        elif kind == "command.finished":
            told[kind, data["commandId"]] += 1
        elif kind in {"chargepoint.online", "chargepoint.offline"}:
            if last.get(station, "chargepoint.offline") == kind:
                yield f"{station} was told {kind} twice in a row"
            last[station] = kind
    wanted = {(kind, name) for name in journal.sessions for kind in ("session.started", "session.stopped")}
    wanted |= {("command.finished", row[0]) for row in query(COMMANDS)}
    yield from (f"{kind} of {name}: {told[kind, name]} events" for kind, name in wanted if told[kind, name] != 1)
    yield from (f"{kind} of {name}: of nothing that we know" for kind, name in told.keys() - wanted)
    yield from (
        f"{station} is there, and the last event says {kind}" for station, kind in last.items() if kind != ONLINE
    )


ONLINE = "chargepoint.online"


def delivery_faults(receiver: Receiver, feed: FeedReader, query: Query) -> Iterator[str]:
    """Every event came by the webhook, in its station's order, and by the feed, once and in order."""
    rows = query(EVENTS)
    every = [row[0] for row in rows]
    if feed.seen != every:
        lost, extra = set(every) - set(feed.seen), len(feed.seen) - len(set(feed.seen))
        yield f"the feed brought {len(feed.seen)} of {len(every)} events, {len(lost)} lost, {extra} twice, or out of order"
    yield from (f"event {name} was never delivered" for name in set(every) - receiver.got.keys())
    yield from (f"event {name} is none of ours" for name in receiver.got.keys() - set(every))
    order: dict[str, list[str]] = {}
    for name, _, station, _ in rows:
        order.setdefault(station, []).append(name)
    for station, names in order.items():
        if receiver.order[station] != names:
            yield f"events of {station or 'no station'} came out of order"
    if receiver.forged:
        yield f"{receiver.forged} deliveries with a wrong signature"
