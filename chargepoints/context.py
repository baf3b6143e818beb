"""What a handler knows of the station whose message it handles."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

# What stations send for "no transaction".
NO_TRANSACTION = (None, 0, -1, "")


class LookUpFailed(Exception):
    """The database could not be asked (now)."""


@dataclass(slots=True)
class StationContext:
    """One per socket; `received_at` is set for each message."""

    tenant_id: int
    tenant_slug: str
    charge_point_id: int
    identity: str
    version: str
    lenient: bool
    accepted: bool
    connection_id: UUID
    look_up_transaction: Callable[[str], Awaitable[tuple[int, int] | None]]
    received_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    # Protocol id -> (our id, EVSE number) of sessions lately named.
    transactions: dict[str, tuple[int, int]] = field(default_factory=dict)

    async def transaction_of(self, protocol_id: int | str | None) -> int | None:
        """Our id of this station's transaction; None for absent, 0, -1, unknown, or another station's.

        LookUpFailed for one that this socket has not met, while the database can't be asked.
        """
        if protocol_id in NO_TRANSACTION:
            return None
        key = str(protocol_id)
        known = self.transactions.get(key)
        if known is None:
            known = await self.look_up_transaction(key)
            if known is None:
                return None
            self.remember_transaction(key, *known)
        return known[0]

    def has_met(self, protocol_id: int | str | None) -> bool:
        """Whether `transaction_of` needs no database."""
        return protocol_id in NO_TRANSACTION or str(protocol_id) in self.transactions

    def evse_of(self, transaction_id: int) -> int:
        """The EVSE of a transaction that `transaction_of` has just found."""
        return next(evse for known, evse in self.transactions.values() if known == transaction_id)

    def remember_transaction(self, protocol_id: str, transaction_id: int, evse_number: int) -> None:
        """Bounded: a station has a few running sessions, not thousands."""
        if len(self.transactions) >= 64:
            self.transactions.pop(next(iter(self.transactions)))
        self.transactions[protocol_id] = (transaction_id, evse_number)
