"""Publishing events to an MQTT broker: all tenants, in the order of the feed, QoS 1 (API.md "Events").

One process at a time (a lease), so that the order holds; each database has a feed, and a lease, of its own. The cursor
moves once the broker has confirmed a batch: after a crash, or a connection lost, the batch is published again with the same
event ids.
"""

import asyncio
import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import unquote, urlsplit

import aiomqtt
import structlog
from django.conf import settings
from django.db.models import Max, Q
from django.utils import timezone

from tenants.context import in_database, system_transaction
from tenants.databases.names import MAIN, all_databases, called, own_databases
from tenants.delivery.feed import envelope, settled_events, settled_id
from tenants.delivery.threads import in_thread
from tenants.delivery.webhooks import pause
from tenants.metrics import DELIVERIES
from tenants.models import FeedCursor, OutboxEvent, Tenant

log = structlog.get_logger(__name__)

SINK = "mqtt"
BATCH = 200
LEASE = timedelta(seconds=30)
IDLE_S, CONFIRM_S, LONGEST_PAUSE_S = 0.5, 20.0, 30.0
PORTS = {"mqtt": 1883, "mqtts": 8883}
# What tells how a charge point is: kept by the broker, so that who subscribes later knows it at once.
OF_STATUS = frozenset({"chargepoint.online", "chargepoint.offline", "connector.status"})
# Not allowed in a topic; `+` may stand in an identity.
_ESCAPED = {"+": "%2B", "#": "%23", "/": "%2F"}


class WrongUrl(ValueError):
    """CSMS_MQTT_URL is no address of a broker."""


@dataclass(frozen=True, slots=True)
class Message:
    """One publication."""

    topic: str
    payload: bytes
    retain: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """What is to be published next, and how far that is in the feed."""

    messages: Sequence[Message]
    cursor: int
    leased_until: datetime


def client_of(url: str) -> aiomqtt.Client:
    """A client for `mqtt[s]://[user:password@]host[:port]`. Raises WrongUrl."""
    parts = urlsplit(url)
    if parts.scheme not in PORTS or not parts.hostname:
        raise WrongUrl(
            "CSMS_MQTT_URL is mqtt://host or mqtts://host, with user:password@ where the broker asks for them."
        )
    return aiomqtt.Client(
        parts.hostname,
        parts.port or PORTS[parts.scheme],
        username=unquote(parts.username) if parts.username else None,
        password=unquote(parts.password) if parts.password else None,
        tls_context=ssl.create_default_context(cafile=settings.MQTT_CA_FILE or None)
        if parts.scheme == "mqtts"
        else None,
        keepalive=30,
        timeout=10,
        max_inflight_messages=BATCH,
    )


def messages_of(event: OutboxEvent, tenant: Tenant) -> list[Message]:
    """`{prefix}/events/{tenant}/{charge point}/{kind}`; for a status also `{prefix}/status/{tenant}/{charge point}`.

    The kind is the first word of the event's type (`session`); an event of no charge point has `-` in its place.
    """
    # Wildcards from before they were refused would hold up the feed of all.
    prefix = tenant.mqtt_topic_prefix.translate({ord("+"): "%2B", ord("#"): "%23"}) or "ocpp"
    station = "".join(_ESCAPED.get(letter, letter) for letter in event.charge_point) or "-"
    payload = json.dumps(envelope(event, tenant.slug), separators=(",", ":")).encode()
    kind = event.event_type.partition(".")[0]
    made = [Message(f"{prefix}/events/{tenant.slug}/{station}/{kind}", payload)]
    if event.event_type in OF_STATUS:
        made.append(Message(f"{prefix}/status/{tenant.slug}/{station}", payload, retain=True))
    return made


def moved_sink(tenant_id: int) -> str:
    """The cursor of a tenant that has moved here: what came before was published where it lived then."""
    return f"{SINK}:{tenant_id}"


def take_batch(lease: datetime, database: str = MAIN) -> Batch | None:
    """The next of the feed; the lease is renewed. None: it ran out, and another process has taken it."""
    with in_database(database):
        return _take(lease)


def _take(lease: datetime) -> Batch | None:
    now, end = timezone.now(), settled_id()
    with system_transaction():
        row = FeedCursor.objects.select_for_update().get(sink=SINK)
        if row.leased_until != lease:
            return None
        events = list(settled_events(end).filter(pk__gt=row.cursor).select_related("tenant").order_by("pk")[:BATCH])
        row.leased_until = now + LEASE
        row.save(update_fields=["leased_until"])
        published = _published_elsewhere()
        new = [event for event in events if event.pk > published.get(event.tenant_id, 0)]
        messages = [message for event in new for message in messages_of(event, event.tenant)]
        return Batch(messages, events[-1].pk if events else row.cursor, row.leased_until)


def _published_elsewhere() -> dict[int, int]:
    """Tenant -> the newest of its events that was published before it moved here."""
    if not own_databases():
        return {}
    moved = FeedCursor.objects.filter(sink__startswith=f"{SINK}:").values_list("sink", "cursor")
    return {int(sink.partition(":")[2]): cursor for sink, cursor in moved}


def take_lease(database: str = MAIN) -> datetime | None:
    """Where nobody has it; the first time the feed begins with what comes from now on."""
    now = timezone.now()
    with in_database(database), system_transaction():
        FeedCursor.objects.get_or_create(
            sink=SINK, defaults={"cursor": OutboxEvent.objects.aggregate(last=Max("pk"))["last"] or 0}
        )
        free = FeedCursor.objects.filter(Q(leased_until=None) | Q(leased_until__lte=now), sink=SINK)
        return now + LEASE if free.update(leased_until=now + LEASE) else None


def keep_cursor(cursor: int, database: str = MAIN) -> None:
    """The broker has all up to there."""
    with in_database(database), system_transaction():
        FeedCursor.objects.filter(sink=SINK, cursor__lt=cursor).update(cursor=cursor)


def give_up_lease(database: str = MAIN) -> None:
    with in_database(database), system_transaction():
        FeedCursor.objects.filter(sink=SINK).update(leased_until=None)


async def publish_feed(stop: asyncio.Event) -> None:
    """Publish until `stop`; without CSMS_MQTT_URL there is nothing to do."""
    if settings.MQTT_URL:
        await asyncio.gather(*(_publish_database(database, stop) for database in all_databases()))


async def _publish_database(database: str, stop: asyncio.Event) -> None:
    wait = 1.0
    while not stop.is_set():
        try:
            if (lease := await in_thread(take_lease, database)) is not None:
                async with client_of(settings.MQTT_URL) as client:
                    wait = 1.0
                    await _publish_while_leased(client, lease, stop, database)
                await in_thread(give_up_lease, database)
        except WrongUrl:
            raise
        except Exception as error:
            DELIVERIES.labels("mqtt", "no_answer").inc()
            log.warning("MQTT waits", database=called(database), error=f"{type(error).__name__}: {error}"[:200])
            wait = min(wait * 2, LONGEST_PAUSE_S)
        await pause(stop, wait)


async def _publish_while_leased(client: aiomqtt.Client, lease: datetime, stop: asyncio.Event, database: str) -> None:
    while not stop.is_set():
        batch = await in_thread(take_batch, lease, database)
        if batch is None:
            return
        lease = batch.leased_until
        if batch.messages:
            async with asyncio.timeout(CONFIRM_S):
                # Sent in this order; each waits for its confirmation.
                await asyncio.gather(
                    *(client.publish(one.topic, one.payload, qos=1, retain=one.retain) for one in batch.messages)
                )
            DELIVERIES.labels("mqtt", "delivered").inc(len(batch.messages))
            await in_thread(keep_cursor, batch.cursor, database)
        else:
            await pause(stop, IDLE_S)
