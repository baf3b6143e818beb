"""What happens when a command ends, in the transaction that ends it. Higher apps register here (this one can't import them).

Called for an answer, an error, a time-out, a cancellation by a person, and again for an answer that came late. Not
called where many end at once (a lost connection, a sweep, a cancelled bulk command): who must not miss an end also
looks at the rows by beat.
"""

from collections.abc import Callable

import structlog
from django.db import transaction

from chargepoints.models import Command
from tenants.context import APP_ALIAS

log = structlog.get_logger(__name__)

Hook = Callable[[Command], None]
_at_end: dict[str, list[Hook]] = {}


def register_at_end(action: str, hook: Hook) -> None:
    """`hook(command)` runs when a command with this action has ended; its row is locked."""
    hooks = _at_end.setdefault(action, [])
    if hook not in hooks:
        hooks.append(hook)


def command_ended(command: Command) -> None:
    """Run the hooks, each in a savepoint: one that fails must not keep the answer from being stored."""
    for hook in _at_end.get(command.action, ()):
        try:
            with transaction.atomic(using=APP_ALIAS):
                hook(command)
        except Exception:
            log.exception("command hook failed", hook=hook.__qualname__, command_id=str(command.pk))
