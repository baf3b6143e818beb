"""Events of this app (see tenants.events). Names and fields are public: clients see them."""

from dataclasses import dataclass
from typing import ClassVar

from tenants.events import Event


@dataclass(frozen=True, kw_only=True)
class ProfileChanged(Event):
    """A charging profile was installed, rejected, replaced, cleared or dropped by the station. `purpose` as in OCPP 1.6.

    Not told of load management's own profiles: `limit.changed` says what they do.
    """

    event_type: ClassVar[str] = "profile.changed"
    profile_id: int
    connector_id: int
    purpose: str
    stack_level: int
    session_id: int | None
    state: str
    detail: str


@dataclass(frozen=True, kw_only=True)
class LimitChanged(Event):
    """Load management gave a connector another limit (A per phase). `reason` is a word, `circuit` a name."""

    event_type: ClassVar[str] = "limit.changed"
    connector_id: int
    session_id: int | None
    limit_a: float
    previous_a: float | None
    reason: str
    circuit: str
