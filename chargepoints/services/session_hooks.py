"""What happens with a session's start and end, in the same database transaction: what must never be lost.

Higher apps register here when they are ready (this app can't import them). An event's receiver runs after the commit,
and not at all where the process dies in between; a hook runs before it, or the start is not stored either.
"""

from collections.abc import Callable

import structlog
from django.db import transaction

from chargepoints.models import Transaction
from tenants.context import scope_alias

log = structlog.get_logger(__name__)

Hook = Callable[[Transaction], None]
_at_start: list[Hook] = []
_at_end: list[Hook] = []


def register_at_start(hook: Hook) -> None:
    """`hook(session)` runs once for each session stored, whatever the verdict; not for a start that comes again."""
    if hook not in _at_start:
        _at_start.append(hook)


def register_at_end(hook: Hook) -> None:
    """`hook(session)` runs when it ends, and again when the station's stop supersedes an end of ours."""
    if hook not in _at_end:
        _at_end.append(hook)


def session_started(session: Transaction) -> None:
    """Run the hooks in the open tenant transaction."""
    _run(_at_start, session)


def session_ended(session: Transaction) -> None:
    """Run the hooks in the open tenant transaction."""
    _run(_at_end, session)


def _run(hooks: list[Hook], session: Transaction) -> None:
    """Each in a savepoint: a hook that fails must not keep a station's message from being stored."""
    for hook in hooks:
        try:
            with transaction.atomic(using=scope_alias()):
                hook(session)
        except Exception:
            log.exception("session hook failed", hook=hook.__qualname__, session_id=session.pk)
