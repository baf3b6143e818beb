"""All that a round needs to know of a tree, in a fixed number of queries, whatever its size. In the open scope."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from django.db.models import Q

from chargepoints.models import ChargePoint, Connector, Registration, StationConnection, Transaction
from chargepoints.services.authorize import ACCEPTED
from smartcharging.circuit_rules import WIRINGS
from smartcharging.circuit_selectors import own_or, running_limits, subtree_ids
from smartcharging.models import Allotment, ChargingProfile, Circuit, CircuitLimit, CircuitMember, EnergyPrice, Strategy
from smartcharging.services.ledger import ending_of
from smartcharging.services.needs import Need, needs_of

# Statuses under which no current flows, whatever else is known (OCPP 1.6 §4.9).
IDLE = frozenset({"Available", "Preparing", "Reserved", "Unavailable", "Faulted"})
# A limit that has not been confirmed yet may be the profile being stored just now.
_HELD = (ChargingProfile.State.SENDING, ChargingProfile.State.INSTALLED)
_HEAVY = ("payload", "reply", "error_description", "outcome_detail")
_LARGE = ("boot_info", "tags", "notes", "desired_configuration", "next_password")

Place = tuple[int, int]
# All that a round may change of a ledger row, by `attname`.
COLUMNS = tuple(
    column.attname
    for column in Allotment._meta.local_concrete_fields
    if column.name not in ("id", "tenant", "member", "updated_at")
)
row_values: Callable[[Allotment], tuple[Any, ...]] = attrgetter(*COLUMNS)
# R, S, T are the circuit's L1, L2, L3: what the connector's own L1, L2, L3 hang on.
PHASES_OF: Mapping[str, tuple[int, ...]] = {
    wiring: tuple("RST".index(letter) for letter in wiring) for wiring in WIRINGS
}


@dataclass(slots=True)
class Seat:
    """A member of the tree, with all that is known of its connector."""

    member: CircuitMember
    row: Allotment
    # Its circuit and all above it are enabled.
    managed: bool
    online: bool
    session: Transaction | None
    need: Need
    fallback_a: Decimal
    minimum_a: Decimal
    # The ledger's row as it was read (`row_values`); None: there is none yet.
    stored: tuple[Any, ...] | None = None
    # A session that we have closed ourselves may go on at a station that we don't hear.
    haunted: bool = False

    @property
    def station(self) -> ChargePoint:
        station: ChargePoint = self.member.charge_point
        return station

    @property
    def place(self) -> Place:
        return self.member.charge_point_id, self.member.evse_number

    @property
    def phases(self) -> tuple[int, ...]:
        """Of the circuit, in the order of its own L1, L2, L3."""
        return PHASES_OF[self.member.wiring]

    @property
    def reachable(self) -> bool:
        """Something can be sent to it."""
        return self.online and self.managed and self.station.registration == Registration.ACCEPTED


@dataclass(slots=True)
class Tree:
    """A root, its circuits (parents first), and its members."""

    root: Circuit
    circuits: list[Circuit]
    seats: list[Seat]
    limits: dict[int, list[CircuitLimit]]
    next_limit_at: datetime | None
    prices: list[EnergyPrice]
    # Where load management's profiles lie at the stations, as far as we know: (charge point, EVSE, purpose, session).
    held: set[tuple[int, int, str, int | None]] = field(default_factory=set)


def read_tree(root_id: int, now: datetime) -> Tree | None:
    """None where it is no root, or gone. Twelve queries."""
    ids = subtree_ids([root_id])
    found = Circuit.objects.select_related("meter", "site").in_bulk(ids)
    circuits = [found[one] for one in ids if one in found]
    if not circuits or circuits[0].parent_id is not None:
        return None
    root = circuits[0]
    members = list(
        CircuitMember.objects.filter(circuit__in=ids)
        .select_related("charge_point", "allotment__command", "allotment__default_command")
        .defer(
            *(f"charge_point__{name}" for name in _LARGE),
            *(f"allotment__{command}__{name}" for command in ("command", "default_command") for name in _HEAVY),
        )
        .order_by("pk")
    )
    for member in members:
        member.circuit = found[member.circuit_id]
    limits = running_limits(ids, now)
    tree = Tree(root, circuits, [], limits, _next_limit(ids, limits, now), _prices(root, now))
    stations = {member.charge_point_id for member in members}
    tree.held = _held(stations)
    tree.seats = _seats(root, circuits, members, stations)
    return tree


def _seats(root: Circuit, circuits: list[Circuit], members: list[CircuitMember], stations: set[int]) -> list[Seat]:
    enabled = _enabled(circuits)
    rows = [_allotment(member) for member in members]
    online = set(
        StationConnection.objects.live().filter(charge_point__in=stations).values_list("charge_point_id", flat=True)
    )
    known = {row.transaction_id for row, _ in rows if row.transaction_id is not None}
    sessions, ended = _sessions(stations, known)
    needs = needs_of(sessions.values())
    statuses = _statuses(stations) if ended else {}
    seats = []
    for member, (row, stored) in zip(members, rows, strict=True):
        place = (member.charge_point_id, member.evse_number)
        session = sessions.get(place)
        haunted = (
            session is None
            and (over := ended.get(row.transaction_id or 0)) is not None
            and over.state == Transaction.State.INFERRED
            and "closed_by_next_start" not in over.flags
            and statuses.get(place, "") not in IDLE
        )
        seats.append(
            Seat(
                member=member,
                row=row,
                managed=enabled[member.circuit_id],
                online=member.charge_point_id in online,
                session=session,
                need=needs[session.pk] if session is not None else Need(),
                fallback_a=own_or(member.fallback_a, root.fallback_a),
                minimum_a=own_or(member.minimum_a, root.minimum_a),
                stored=stored,
                haunted=haunted,
            )
        )
    return seats


def _enabled(circuits: list[Circuit]) -> dict[int, bool]:
    """With all above it. Parents come first."""
    enabled: dict[int, bool] = {}
    for circuit in circuits:
        enabled[circuit.pk] = circuit.enabled and (circuit.parent_id is None or enabled.get(circuit.parent_id, True))
    return enabled


def _allotment(member: CircuitMember) -> tuple[Allotment, tuple[Any, ...] | None]:
    row: Allotment | None = getattr(member, "allotment", None)
    if row is not None:
        return row, row_values(row)
    # Nothing is known of it: it may take all.
    return Allotment(tenant_id=member.tenant_id, member=member, worst_a=member.max_a), None


def _sessions(stations: set[int], known: set[int]) -> tuple[dict[Place, Transaction], dict[int, Transaction]]:
    """Those that run, by connector; and those that the ledger knows and that run no more, by pk."""
    running = Q(charge_point__in=stations, state=Transaction.State.ACTIVE, verdict=ACCEPTED)
    rows = Transaction.objects.filter(running | Q(pk__in=known)).select_related("evse").order_by("started_at", "pk")
    sessions: dict[Place, Transaction] = {}
    ended: dict[int, Transaction] = {}
    for row in rows:
        if row.state == Transaction.State.ACTIVE and row.verdict == ACCEPTED:
            sessions[row.charge_point_id, row.evse.number] = row
        else:
            ended[row.pk] = row
    return sessions, ended


def _statuses(stations: set[int]) -> dict[Place, str]:
    rows = Connector.objects.filter(charge_point__in=stations).order_by("number")
    return {
        (pk, number): status for pk, number, status in rows.values_list("charge_point_id", "evse__number", "status")
    }


def _held(stations: set[int]) -> set[tuple[int, int, str, int | None]]:
    """Each half by an index of its own: a station's history has thousands of rows."""
    ours = (
        ChargingProfile.objects.filter(charge_point__in=stations, source=ChargingProfile.Source.CIRCUIT)
        .order_by()
        .values_list("charge_point_id", "evse_number", "purpose", "transaction_id")
    )
    halves = [ours.filter(state=state) for state in _HELD]
    return set(halves[0].union(*halves[1:]))


def _next_limit(ids: list[int], running: dict[int, list[CircuitLimit]], now: datetime) -> datetime | None:
    """When the next grid signal begins or ends."""
    ends = [limit.end_at for limits in running.values() for limit in limits]
    starts = CircuitLimit.objects.filter(circuit__in=ids, start_at__gt=now, cancelled_at=None).order_by("start_at")
    first = starts.values_list("start_at", flat=True).first()
    return min([*ends, *([first] if first is not None else [])], default=None)


def _prices(root: Circuit, now: datetime) -> list[EnergyPrice]:
    if root.strategy != Strategy.PRICE:
        return []
    return list(EnergyPrice.objects.filter(zone=root.price_zone, end_at__gt=now).order_by("start_at")[:400])


def is_under_way(row: Allotment) -> bool:
    """Its session's limit has been stored or sent and is not answered."""
    return row.state == Allotment.State.SENDING and ending_of(row.command) == "open"
