"""What happens when a command is made by hand, and when one ends, in the transaction that does so.

Higher apps register here (this one can't import them). At the end, hooks are called for an answer, an error, a
time-out, a cancellation by a person, and again for an answer that came late. Not called where many end at once (a lost
connection, a sweep, a cancelled bulk command): who must not miss an end also looks at the rows by beat.
"""

from collections.abc import Callable, Sequence

import structlog
from django.db import transaction

from chargepoints.models import Command
from tenants.context import scope_alias

log = structlog.get_logger(__name__)

Hook = Callable[[Command], None]
ManyHook = Callable[[Sequence[Command]], None]
_at_end: dict[str, list[tuple[Hook, ManyHook | None]]] = {}
_when_made: dict[str, ManyHook] = {}


def register_when_made(action: str, hook: ManyHook) -> None:
    """`hook(commands)` keeps what the action's service would keep, for commands sent past it: by `call`, forms, bulk.

    It runs before they can leave; where it fails, none is made. Each is of another charge point.
    """
    _when_made[action] = hook


def made_by_hand(commands: Sequence[Command]) -> None:
    """Run the hook of their action, which is the same for all."""
    hook = _when_made.get(commands[0].action) if commands else None
    if hook is not None:
        hook(commands)


def register_at_end(action: str, hook: Hook, many: ManyHook | None = None) -> None:
    """`hook(command)` runs when a command with this action has ended; its row is locked.

    `many(commands)` does the same for answers of several stations at once, in the order of their charge points' ids, in
    which it must take its locks; without it each answer has a transaction of its own.
    """
    hooks = _at_end.setdefault(action, [])
    if (hook, many) not in hooks:
        hooks.append((hook, many))


def may_end_together(action: str) -> bool:
    """All that follows from an answer to this action can be done for many at once."""
    hooks = _at_end.get(action)
    return bool(hooks) and all(many is not None for _, many in hooks or ())


def command_ended(command: Command) -> None:
    """Run the hooks, each in a savepoint: one that fails must not keep the answer from being stored."""
    for hook, _ in _at_end.get(command.action, ()):
        _run(hook, command)


def commands_ended(commands: Sequence[Command]) -> None:
    """Run the hooks of many, each in a savepoint; where one fails, for each command by itself."""
    for action in sorted({command.action for command in commands}):
        ended = [command for command in commands if command.action == action]
        for hook, many in _at_end.get(action, ()):
            try:
                if many is not None:
                    with transaction.atomic(using=scope_alias()):
                        many(ended)
                    continue
            except Exception:
                log.exception("hook of many commands failed", hook=hook.__qualname__, commands=len(ended))
            for command in ended:
                _run(hook, command)


def _run(hook: Hook, command: Command) -> None:
    try:
        with transaction.atomic(using=scope_alias()):
            hook(command)
    except Exception:
        log.exception("command hook failed", hook=hook.__qualname__, command_id=str(command.pk))
