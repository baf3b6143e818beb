"""Which handler answers which action. Handlers register with decorators and are found at start-up.

`@on_call(version, action)`: the one answerer, `handler(context, payload) -> reply payload`. A coroutine runs on
the event loop (it must not touch the ORM); a plain function runs in a worker thread.
`@before_reply(version, action)`: `handler(context, payload, reply)`, awaited before the answer leaves, so that
what it stores is part of what is acknowledged (metering's readings of a stop).
`@after_call(version, action)`: the same, once the answer is out: for what OCPP wants sent only then.
`@on_command_reply(version, action)`: `handler(context, command_payload, reply)`: a station answered our call.
"""

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from django.utils.module_loading import autodiscover_modules

from chargepoints.protocol.actions import FOLDERS, actions_from_station, actions_to_station

HANDLER_MODULES = ("ocpp16",)


class StationContext(Protocol):
    """What protocol code needs to know of the station; the gateway's context has more (chargepoints.context)."""

    version: str
    lenient: bool
    accepted: bool


Handler = Callable[..., Any]
F = TypeVar("F", bound=Handler)
Key = tuple[str, str]


class Registry:
    """Handlers by (version, action)."""

    def __init__(self) -> None:
        # Development and tests hold our own replies against the schema too.
        self.check_replies = False
        self.answerers: dict[Key, Handler] = {}
        self.before: dict[Key, list[Handler]] = {}
        self.after: dict[Key, list[Handler]] = {}
        self.replies: dict[Key, list[Handler]] = {}

    def on_call(self, version: str, action: str) -> Callable[[F], F]:
        """Register the answerer; ValueError for a second one, naming both, or an action that no station sends."""
        key = _checked(version, action, actions_from_station)

        def register(handler: F) -> F:
            known = self.answerers.get(key)
            if known is not None and _place(known) != _place(handler):
                raise ValueError(f"{version} {action} is answered by {_place(known)} and {_place(handler)}")
            self.answerers[key] = handler
            return handler

        return register

    def before_reply(self, version: str, action: str) -> Callable[[F], F]:
        return self._also(self.before, _checked(version, action, actions_from_station))

    def after_call(self, version: str, action: str) -> Callable[[F], F]:
        return self._also(self.after, _checked(version, action, actions_from_station))

    def on_command_reply(self, version: str, action: str) -> Callable[[F], F]:
        return self._also(self.replies, _checked(version, action, actions_to_station))

    def _also(self, table: dict[Key, list[Handler]], key: Key) -> Callable[[F], F]:
        def register(handler: F) -> F:
            handlers = table.setdefault(key, [])
            if handler not in handlers:
                handlers.append(handler)
            return handler

        return register


def _checked(version: str, action: str, known: Callable[[str], frozenset[str]]) -> Key:
    if version not in FOLDERS or action not in known(version):
        raise ValueError(f"OCPP {version} has no action {action} in this direction")
    return version, action


def _place(handler: Handler) -> str:
    # The line tells two functions of one name apart; a module imported again is in the same place.
    line = handler.__code__.co_firstlineno if hasattr(handler, "__code__") else 0
    return f"{handler.__module__}.{handler.__qualname__}:{line}"


registry = Registry()
on_call = registry.on_call
before_reply = registry.before_reply
after_call = registry.after_call
on_command_reply = registry.on_command_reply


def autodiscover() -> None:
    """Import every app's handler modules, as `admin.py` is found."""
    for module in HANDLER_MODULES:
        autodiscover_modules(module)
