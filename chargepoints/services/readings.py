"""What sessions need to know of readings. Metering sits above this app and registers the answer here."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal

LastRegister = Callable[[int], tuple[Decimal, datetime] | None]
_last_register: LastRegister | None = None


def register_last_register(find: LastRegister) -> None:
    """Metering's `find(transaction_id) -> (register Wh, reading time) | None`, called in the open scope."""
    global _last_register
    _last_register = find


def last_register(transaction_id: int) -> tuple[Decimal, datetime] | None:
    """The last energy register reading of a session that rises from its start, or None."""
    return _last_register(transaction_id) if _last_register else None
