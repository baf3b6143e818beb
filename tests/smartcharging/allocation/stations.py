"""A small world for the state machine: stations that do all that stations do, and the ledger that one keeps of them.

What is true (`in_force`) and what is known (`possible`, `confirmed`) are kept apart: only messages join them. Messages to
a station arrive in order or never, answers late or never.
"""

from dataclasses import dataclass, field
from datetime import datetime

from smartcharging.allocation.rotation import turns
from smartcharging.allocation.shapes import Load


@dataclass(eq=False)
class Message:
    limit_a: float
    # Applied at the station; its answer is on the way.
    applied: bool = False


@dataclass
class Station:
    id: int
    node_id: int
    phases: tuple[int, ...]
    min_a: float
    max_a: float
    fallback_a: float
    priority: int

    # --- true ---
    in_force: float = 0.0
    session: bool = False
    obeys: bool = True
    # It still has its default profile, and has been given a limit for its session.
    has_default: bool = True
    has_limit: bool = False
    # What its car would take.
    appetite_a: float = 32.0

    # --- on the wire ---
    messages: list[Message] = field(default_factory=list)

    # --- known ---
    online: bool = True
    default_known: bool = True
    confirmed: float | None = None
    # Limits of its session that it may be following; and whether one of them surely lies there, over the default.
    possible: set[float] = field(default_factory=set)
    limited: bool = False
    distrusted: float | None = None
    changed: bool = False
    raised_at: datetime | None = None
    arrived_at: datetime | None = None
    # As the driver has said.
    departure_at: datetime | None = None
    energy_left_wh: float | None = None
    served_since: datetime | None = None
    waiting_since: datetime | None = None

    def __post_init__(self) -> None:
        self.in_force = self.fallback_a

    # --- what happens ---

    def start(self, now: datetime, appetite_a: float) -> None:
        self.session, self.arrived_at, self.appetite_a = True, now, appetite_a
        self._new_session()

    def stop(self) -> None:
        self.session, self.arrived_at = False, None
        self._new_session()

    def _new_session(self) -> None:
        """Only the default holds it, if it is there."""
        self.has_limit = False
        self.messages.clear()
        self.in_force = self.fallback_a if self.has_default else self.max_a
        self.distrusted, self.obeys = None, True
        self._forget()
        self.raised_at = self.served_since = self.waiting_since = None
        self.departure_at = self.energy_left_wh = None

    def boot(self, keeps_default: bool) -> None:
        self.has_default, self.has_limit, self.obeys = keeps_default, False, True
        self.messages.clear()
        self.in_force = self.fallback_a if keeps_default else self.max_a
        self.default_known, self.distrusted = False, None
        self._forget()

    def _forget(self) -> None:
        self.confirmed, self.limited, self.possible = None, False, set()

    def hold(self) -> None:
        """Its default is installed and confirmed again."""
        self.has_default = self.default_known = True
        if self.obeys and not self.has_limit:
            self.in_force = self.fallback_a

    def go_away(self, falls_back: bool) -> None:
        self.online = False
        self.messages.clear()
        if falls_back and self.has_default and self.obeys:
            self.in_force, self.has_limit = self.fallback_a, False

    def come_back(self) -> None:
        """It may follow its last limits or its default."""
        self.online, self.limited, self.confirmed = True, False, None

    def disobey(self, amps: float) -> None:
        self.obeys, self.in_force = False, max(self.in_force, min(amps, self.max_a))

    def be_found_out(self) -> None:
        self.distrusted = self.in_force

    def be_mended(self) -> None:
        """It obeys again from the next limit on."""
        self.obeys, self.distrusted, self.confirmed = True, None, None
        self.messages.clear()
        self.possible.add(self.in_force)

    # --- messages ---

    def send(self, limit_a: float, now: datetime, *, is_raise: bool) -> None:
        if self.messages and self.messages[-1].limit_a == limit_a:
            return
        self.messages.append(Message(limit_a))
        self.possible.add(limit_a)
        if is_raise:
            self.raised_at = now
        self.changed = True

    def note_turn(self, now: datetime) -> None:
        """After each round, by the limit that its session has or is about to have."""
        if self.session and not self.fixed:
            given = self.messages[-1].limit_a if self.messages else self.confirmed
            limit = (self.fallback_a if self.default_known else self.max_a) if given is None else given
            self.served_since, self.waiting_since = turns(self.load(), limit, now)

    def receive(self) -> None:
        """The next message arrives and is followed."""
        message = next((message for message in self.messages if not message.applied), None)
        if message is not None:
            message.applied = True
            if self.obeys:
                self.in_force, self.has_limit = message.limit_a, True

    def answer(self) -> None:
        """The oldest answer arrives: this limit, or one of those sent after it."""
        if self.messages and self.messages[0].applied:
            message = self.messages.pop(0)
            self.confirmed, self.limited = message.limit_a, True
            self.possible = {message.limit_a} | {later.limit_a for later in self.messages}

    def lose(self) -> None:
        """The oldest message, or its answer, is lost: it may be followed or not."""
        if self.messages:
            self.messages.pop(0)
            self.confirmed = None

    # --- as it is known ---

    @property
    def counted_a(self) -> float:
        known = {0.0, *self.possible}
        if not self.limited or not self.online:
            known.add(self.fallback_a if self.default_known else self.max_a)
        if self.distrusted is not None:
            known.add(self.distrusted)
        return max(known)

    @property
    def fixed(self) -> bool:
        return not self.online or self.distrusted is not None

    def load(self) -> Load:
        return Load(
            id=self.id,
            node_id=self.node_id,
            phases=self.phases,
            min_a=self.min_a,
            max_a=self.max_a,
            counted_a=self.counted_a,
            rest_a=self.fallback_a,
            active=self.session,
            fixed=self.fixed,
            current_a=self.confirmed,
            measured_a=min(self.in_force, self.appetite_a) if self.session and self.online else None,
            steady=not self.changed and not self.messages,
            priority=self.priority,
            arrived_at=self.arrived_at,
            departure_at=self.departure_at,
            energy_left_wh=self.energy_left_wh,
            raised_at=self.raised_at,
            served_since=self.served_since,
            waiting_since=self.waiting_since,
        )
