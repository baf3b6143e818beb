"""Storing what can be stored: one bad message must not fail the others of its batch."""

import psycopg
import structlog

from metering.ingest.connection import AWAY
from metering.ingest.message import MeterMessage, samples_kept, set_aside_bad_clocks
from metering.ingest.store import SampleStore
from tenants.databases.fence import is_elsewhere

log = structlog.get_logger(__name__)

Refused = list[tuple[MeterMessage, Exception]]


async def insert_what_can_be(store: SampleStore, messages: list[MeterMessage]) -> Refused:
    """Store the messages; those that even quarantine would not take (their charge point is gone), with the reason.

    A batch that fails is halved until the offender stands alone; its readings go to quarantine, or, where just
    the day's partition was missing, are stored once that has been made. Those of tenants that don't live in the store's
    database are refused with an error that `fence.is_elsewhere`: they are to be stored where it does.
    Raises one of `AWAY` while PostgreSQL can't take anything; then some may have been stored, and storing all of them
    again is harmless.
    """
    try:
        await store.insert(messages)
    except AWAY:
        raise
    except Exception as error:
        if is_elsewhere(error):
            return await _insert_by_tenant(store, messages, error)
        store.forget_series()
        if len(messages) > 1:
            middle = len(messages) // 2
            refused = await insert_what_can_be(store, messages[:middle])
            return refused + await insert_what_can_be(store, messages[middle:])
        return await _insert_offender(store, messages[0], error)
    return []


async def _insert_by_tenant(store: SampleStore, messages: list[MeterMessage], error: Exception) -> Refused:
    """One tenant of them doesn't live here (any more): the others' readings are stored."""
    by_tenant: dict[int, list[MeterMessage]] = {}
    for message in messages:
        by_tenant.setdefault(message.tenant_id, []).append(message)
    if len(by_tenant) == 1:
        return [(message, error) for message in messages]
    refused: Refused = []
    for of_tenant in by_tenant.values():
        refused += await insert_what_can_be(store, of_tenant)
    return refused


async def _insert_offender(store: SampleStore, message: MeterMessage, error: Exception) -> Refused:
    if isinstance(error, psycopg.errors.CheckViolation) and await _mend_partitions(store, message):
        return []
    reason = "no_partition" if isinstance(error, psycopg.errors.CheckViolation) else "refused"
    log.error("readings quarantined", charge_point_id=message.charge_point_id, reason=reason, error=str(error)[:200])
    message.quarantine(reason)
    try:
        await store.insert([message])
    except AWAY:
        raise
    except Exception as second:
        log.error("readings refused", charge_point_id=message.charge_point_id, error=str(second)[:200])
        return [(message, second)]
    return []


async def _mend_partitions(store: SampleStore, message: MeterMessage) -> bool:
    """Make the partitions that a missed sweep left out. Of days inside the window only: a spill may be older."""
    readings = len(message.readings)
    set_aside_bad_clocks(message, samples_kept())
    days = sorted({reading.at.date().isoformat() for reading in message.readings})
    log.error("no partition for readings: made now", days=days, readings=readings)
    try:
        await store.tell_missing(days)
    except psycopg.Error as error:
        log.error("missing partition not told", error=str(error)[:200])
    try:
        await store.ensure_partitions(days)
        await store.insert([message])
    except psycopg.Error as error:
        log.error("partition not made", days=days, error=str(error)[:200])
        return False
    return True
