"""Events for the outside world and for higher apps. Written where the change is written."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.db.models import Func, TextField
from django.db.models.functions import Cast
from django.utils.module_loading import autodiscover_modules

from tenants.context import current_tenant_id, on_commit
from tenants.models import OutboxEvent, Tenant

NUMBER = Cast(Func(function="pg_current_xact_id", output_field=TextField()), TextField())
Receiver = Callable[[Any], None]
_receivers: dict[type["Event"], list[Receiver]] = {}
_receivers_of_many: dict[type["Event"], list[Receiver]] = {}


@dataclass(frozen=True, kw_only=True)
class Event:
    """Something that happened. Subclasses add fields; `event_type` is the public name (`session.started`)."""

    event_type: ClassVar[str]
    charge_point: str = ""
    at: datetime

    def data(self) -> dict[str, Any]:
        """The payload that clients see: all own fields, camelCase, times in RFC 3339."""
        own = {field.name for field in fields(self)} - {"charge_point", "at"}
        return {camel(name): _plain(value) for name, value in asdict(self).items() if name in own}


def event_types() -> dict[str, type[Event]]:
    """All events that there are, by their public name."""
    autodiscover_modules("events")
    found: dict[str, type[Event]] = {}
    waiting = Event.__subclasses__()
    while waiting:
        one = waiting.pop()
        waiting += one.__subclasses__()
        if "event_type" in one.__dict__:
            found[one.event_type] = one
    return found


def publish(event: Event) -> None:
    """Store the event in the open transaction; run its in-process receivers once that has committed."""
    publish_all([event])


def publish_all(events: Iterable[Event]) -> None:
    """As `publish`, of many in two statements."""
    events = list(events)
    tenant_id = current_tenant_id()
    # The transaction has its number before its events have theirs: readers of the feed stand on that (tenants.delivery.feed).
    queued = Tenant.objects.filter(pk=tenant_id, queue_enabled=True).annotate(number=NUMBER).values_list("number")
    if events and queued.first():
        OutboxEvent.objects.bulk_create(
            OutboxEvent(
                tenant_id=tenant_id,
                event_type=event.event_type,
                at=event.at,
                charge_point=event.charge_point,
                data=event.data(),
            )
            for event in events
        )
    for event in events:
        for receiver in _receivers.get(type(event), []):
            on_commit(lambda receiver=receiver, event=event: receiver(event))  # type: ignore[misc]
    for event_class in {type(event) for event in events}:
        for receiver in _receivers_of_many.get(event_class, []):
            told = [event for event in events if type(event) is event_class]
            on_commit(lambda receiver=receiver, told=told: receiver(told))  # type: ignore[misc]


def receives(event_class: type[Event]) -> Callable[[Receiver], Receiver]:
    """Decorator for `receivers.py` of a higher app: run after the commit, in the same process."""

    def register(receiver: Receiver) -> Receiver:
        _receivers.setdefault(event_class, []).append(receiver)
        return receiver

    return register


def receives_many(event_class: type[Event]) -> Callable[[Receiver], Receiver]:
    """As `receives`, of all events of a class that were published together: the receiver takes a list."""

    def register(receiver: Receiver) -> Receiver:
        _receivers_of_many.setdefault(event_class, []).append(receiver)
        return receiver

    return register


def camel(name: str) -> str:
    """A field's name as clients see it."""
    head, *rest = name.split("_")
    return head + "".join(word.title() for word in rest)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return value if value is None or isinstance(value, bool | int | float | str | list | dict) else str(value)
