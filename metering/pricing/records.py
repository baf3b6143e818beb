"""Charge detail records: made after the stop, never changed; what comes late makes a correction of the next revision.

A record says the whole session anew; the one with the highest revision holds. Numbers count up without a gap within a
tenant and year (`2026-000123`), corrections included.
"""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.utils import timezone

from chargepoints.models import Transaction
from metering.events import ChargeDetailRecordCreated
from metering.models import ChargeDetailRecord, RecordDue, Sample
from metering.pricing.assignment import freeze_tariff
from metering.pricing.cost import latest_record, lines_as_json, reckon
from metering.pricing.lines import Line, Price, totals
from metering.pricing.money import half_up
from metering.pricing.usage import Ends, register_series
from tenants.context import scope_connection, tenant_transaction
from tenants.events import publish
from tenants.selectors import tenant_zone
from tenants.services.audit import record as audit
from tenants.stored_words import stored

State = Transaction.State
# When a record is looked at again for late readings: while they are all still kept.
CHECK_AFTER = (timedelta(minutes=10), timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
# Stored just before the record was made, and perhaps not seen by it.
OVERLAP = timedelta(minutes=1)
OTHER_STOP = stored("The station's own stop came later.")
LATE_READINGS = stored("Readings came later.")


class NotRecorded(Exception):
    """The session runs, or its record isn't made yet."""


class Superseded(Exception):
    """The record was corrected already: correct the latest revision."""


def queue_record(session: Transaction) -> None:
    """The session has ended (or ended otherwise than thought): its record falls due. In the stop's transaction."""
    due_at = timezone.now() + timedelta(seconds=settings.METERING_RECORD_AFTER_S)
    RecordDue.objects.update_or_create(
        transaction=session,
        defaults={"due_at": due_at, "checks": 0},
        create_defaults={"tenant_id": session.tenant_id, "due_at": due_at},
    )


def settle_record(*, tenant_id: int, session_id: int, now: datetime) -> ChargeDetailRecord | None:
    """Make what is due of one session: its record, a correction, or nothing. What was made.

    Safe to run twice, and in two workers at once: the second waits for the session's row and finds it done.
    """
    with tenant_transaction(tenant_id):
        # The session first, as whoever ends it does.
        session = _locked(session_id)
        due = RecordDue.objects.filter(transaction_id=session_id, due_at__lte=now).first()
        if due is None:
            return None
        made = _record_or_correct(session, now)
        if session.state == State.ACTIVE or latest_record(session) is None or due.checks >= len(CHECK_AFTER):
            due.delete()
        else:
            due.due_at = (session.stop_received_at or now) + CHECK_AFTER[due.checks]
            due.checks += 1
            due.save(update_fields=["due_at", "checks"])
        return made


def correct_record(
    *,
    record: ChargeDetailRecord,
    reason: str,
    actor: str,
    origin: str,
    lines: list[Line] | None = None,
    energy_wh: Decimal | None = None,
) -> ChargeDetailRecord:
    """A person's correction: these lines instead, or the tariff on this energy. Late readings don't change it any more.

    Neither given: reckoned again from the readings. Raises Superseded.
    """
    with tenant_transaction(record.tenant_id):
        session = _locked(record.transaction_id)
        latest = latest_record(session)
        if latest is None or latest.pk != record.pk:
            raise Superseded(record.number)
        now = timezone.now()
        reckoned = reckon(session, now=now, energy_wh=energy_wh)
        price = reckoned.price
        if lines is not None:
            price = totals(
                record.currency,
                lines,
                energy_wh=record.energy_wh if energy_wh is None else energy_wh,
                charging_seconds=record.charging_seconds,
                parking_seconds=record.parking_seconds,
            )
        made = _store(session, price, reckoned.ends, record.tariff, now, corrects=latest, reason=reason, actor=actor)
        change = {"corrects": latest.number, "reason": reason}
        change["total"] = f"{latest.total_incl_tax.normalize():f} -> {made.total_incl_tax.normalize():f}"
        audit(actor=actor, origin=origin, action="correct", target=made, changes=change)
        return made


def _locked(session_id: int) -> Transaction:
    return (
        Transaction.objects.select_for_update(of=("self",))
        .select_related("evse", "charge_point__site", "id_tag_row", "tenant")
        .get(pk=session_id)
    )


def _record_or_correct(session: Transaction, now: datetime) -> ChargeDetailRecord | None:
    if session.state == State.ACTIVE or session.stopped_at is None:
        return None
    latest = latest_record(session)
    reason = _what_came_later(session, latest) if latest else ""
    if latest is not None and (latest.created_by or not reason):
        return None
    # Where the start's hook failed: from here on at least, corrections are by the same tariff.
    freeze_tariff(session)
    reckoned = reckon(session, now=now)
    price = reckoned.price
    if latest is None and session.verdict != "Accepted" and not price.energy_wh:
        # Refused, and nothing delivered: nothing happened.
        return None
    if latest is not None and _says_the_same(latest, price):
        return None
    snapshot = reckoned.frozen.snapshot if reckoned.frozen.terms else None
    return _store(session, price, reckoned.ends, snapshot, now, corrects=latest, reason=reason)


def _what_came_later(session: Transaction, latest: ChargeDetailRecord) -> str:
    """Why the record may be wrong by now; empty: nothing came."""
    if (
        session.meter_stop_wh != latest.meter_stop_wh
        or (session.stop_received_at or latest.created_at) > latest.created_at
    ):
        return OTHER_STOP
    # Where the first readings may be gone already, reckoning again would know less, not more.
    if session.started_at < timezone.now() - timedelta(days=settings.METERING_SAMPLE_DAYS):
        return ""
    late = Sample.objects.filter(
        series_id__in=register_series(session),
        transaction_id=session.pk,
        at__gte=session.started_at,
        at__lte=session.stopped_at,
        received_at__gt=latest.created_at - OVERLAP,
    )
    return LATE_READINGS if late.exists() else ""


def _says_the_same(record: ChargeDetailRecord, price: Price) -> bool:
    return (record.energy_wh, record.total_excl_tax, record.total_tax) == (
        price.energy_wh,
        price.total_excl_tax,
        price.total_tax,
    )


def _store(
    session: Transaction,
    price: Price,
    ends: Ends,
    snapshot: dict[str, Any] | None,
    now: datetime,
    *,
    corrects: ChargeDetailRecord | None,
    reason: str,
    actor: str = "",
) -> ChargeDetailRecord:
    made = ChargeDetailRecord.objects.create(
        tenant_id=session.tenant_id,
        transaction=session,
        number=_next_number(session, now),
        revision=corrects.revision + 1 if corrects else 1,
        corrects=corrects,
        reason=reason,
        charge_point=session.charge_point.identity,
        connector=session.evse.number,
        id_tag=session.id_tag,
        started_at=ends.start,
        stopped_at=ends.end,
        meter_start_wh=session.meter_start_wh,
        meter_stop_wh=ends.end_wh,
        energy_wh=half_up(price.energy_wh, 3),
        charging_seconds=price.charging_seconds,
        parking_seconds=price.parking_seconds,
        tariff=snapshot,
        currency=price.currency,
        lines=lines_as_json(price.lines),
        total_excl_tax=price.total_excl_tax,
        total_tax=price.total_tax,
        total_incl_tax=price.total_incl_tax,
        created_by=actor,
    )
    publish(
        ChargeDetailRecordCreated(
            charge_point=made.charge_point,
            at=made.created_at,
            number=made.number,
            revision=made.revision,
            corrects=corrects.number if corrects else None,
            session_id=session.pk,
            transaction_id=session.protocol_id,
            id_tag=made.id_tag,
            energy_wh=made.energy_wh,
            currency=made.currency,
            total_excl_tax=made.total_excl_tax,
            total_tax=made.total_tax,
            total_incl_tax=made.total_incl_tax,
        )
    )
    return made


def _next_number(session: Transaction, now: datetime) -> str:
    """The tenant's next. Its lock lasts until the commit, so that a number which is given is also used."""
    with scope_connection().cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(hashtextextended('charge detail record of ' || %s, 0))",
            [str(session.tenant_id)],
        )
    last = ChargeDetailRecord.objects.filter(tenant_id=session.tenant_id).order_by("-id").values_list("number").first()
    year, count = now.astimezone(tenant_zone(session.tenant)).year, 0
    if last is not None:
        last_year, _, last_count = last[0].partition("-")
        # A clock that is set back doesn't bring an old year back.
        if int(last_year) >= year:
            year, count = int(last_year), int(last_count)
    return f"{year}-{count + 1:06d}"
