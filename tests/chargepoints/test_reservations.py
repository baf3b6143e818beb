"""Reservations over the wire (OCPP 1.6 §3.11; compliance cases 046 to 053)."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.models import ChargePoint, Command, CommandState, ConfigurationKey, IdTag, Reservation, Transaction
from chargepoints.services.reservation_checks import InvalidExpiry, ReservationRefused
from chargepoints.services.reservation_sweep import sweep_reservations
from chargepoints.services.reservations import cancel_reservation, reserve_now
from tenants.context import tenant_transaction
from tenants.models import OutboxEvent, Tenant
from tests.chargepoints.test_connection import stored
from tests.conftest import eventually
from tests.stations import Connect, Station

State = Reservation.State


def soon(**ahead: int) -> datetime:
    return timezone.now() + timedelta(**(ahead or {"minutes": 15}))


async def make_tags(tenant: Tenant) -> None:
    def act() -> None:
        family = IdTag.objects.create(tenant=tenant, token="FAMILY", token_key="family")
        for token in ("TAG", "SISTER"):
            IdTag.objects.create(tenant=tenant, token=token, token_key=token.lower(), parent=family)
        IdTag.objects.create(tenant=tenant, token="OTHER", token_key="other")

    await stored(tenant, act)


async def reserve(tenant: Tenant, number: int = 1, tag: str = "TAG", **options: Any) -> Reservation:
    def act() -> Reservation:
        return reserve_now(
            charge_point=ChargePoint.objects.get(),
            evse_number=number,
            id_tag=tag,
            expires_at=options.get("expires_at") or soon(),
            requested_by="alice",
            origin="api",
        )

    row: Reservation = await stored(tenant, act)
    return row


async def becomes(tenant: Tenant, row: Reservation, state: str) -> Reservation:
    async def there() -> Reservation | None:
        found: Reservation | None = await stored(
            tenant, lambda: Reservation.objects.select_related("transaction").filter(pk=row.pk, state=state).first()
        )
        return found

    found: Reservation = await eventually(there)
    return found


async def status(station: Station, number: int, text: str) -> None:
    await station.call("StatusNotification", connectorId=number, status=text, errorCode="NoError")


async def reserved_station(tenant: Tenant, station: Station, **options: Any) -> Reservation:
    """A station with two connectors, of which the first is held."""
    station.answers["ReserveNow"] = {"status": "Accepted"}
    for number in (1, 2):
        await status(station, number, "Available")
    return await becomes(tenant, await reserve(tenant, **options), "active")


def now_text() -> str:
    return timezone.now().isoformat()


@pytest.fixture(autouse=True)
async def tags(tenant: Tenant) -> None:
    await make_tags(tenant)


async def test_046_a_reserved_connector_is_used_by_its_tag(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        row = await reserved_station(tenant, station)
        asked = next(payload for action, payload in station.asked if action == "ReserveNow")
        assert (asked["connectorId"], asked["idTag"], asked["parentIdTag"]) == (1, "TAG", "FAMILY")
        await status(station, 1, "Reserved")
        started = await station.start(timestamp=now_text(), reservationId=asked["reservationId"])
        used = await becomes(tenant, row, "used")
    assert started["idTagInfo"]["status"] == "Accepted"
    assert used.transaction is not None
    assert used.transaction.protocol_id == str(started["transactionId"])
    assert used.transaction.flags == []


async def test_046_a_start_that_names_no_reservation_uses_it_by_its_tag(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        row = await reserved_station(tenant, station)
        await station.start(idTag="tag", timestamp=now_text())
        assert (await becomes(tenant, row, "used")).transaction is not None


async def test_047_a_reservation_expires_by_the_sweep(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        row = await reserved_station(tenant, station)
        assert await stored_sweep(timezone.now()) == 0
        assert await stored_sweep(soon(hours=1)) == 1
        ended = await becomes(tenant, row, "expired")
        assert ended.ended_at is not None
        # The start was under way when it ran out.
        await station.start(timestamp=now_text(), reservationId=row.protocol_id)
        await becomes(tenant, row, "used")


async def stored_sweep(now: datetime) -> int:
    from asgiref.sync import sync_to_async

    return await sync_to_async(sweep_reservations, thread_sensitive=False)(now)


@pytest.mark.parametrize("word", ["Faulted", "Occupied", "Unavailable", "Rejected"])
async def test_048_the_stations_refusal_is_kept_with_its_word(tenant: Tenant, connect: Connect, word: str) -> None:
    async with connect() as station:
        station.answers["ReserveNow"] = {"status": word}
        row = await becomes(tenant, await reserve(tenant), "rejected")
        assert row.detail == word
        # It holds nothing: the next may ask.
        station.answers["ReserveNow"] = {"status": "Accepted"}
        await becomes(tenant, await reserve(tenant), "active")


async def test_049_any_connector_needs_a_station_that_can(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        station.answers["ReserveNow"] = {"status": "Accepted"}
        with pytest.raises(ReservationRefused, match="ReserveConnectorZeroSupported"):
            await reserve(tenant, 0)
        await report(tenant, ReserveConnectorZeroSupported="true")
        for number in (1, 2):
            await status(station, number, "Available")
        first = await becomes(tenant, await reserve(tenant, 0), "active")
        await station.start(connectorId=2, idTag="SISTER", timestamp=now_text())
        used = await becomes(tenant, first, "used")
        assert used.evse_number == 0


async def report(tenant: Tenant, **values: str) -> None:
    def act() -> None:
        for key, value in values.items():
            ConfigurationKey.objects.create(
                tenant=tenant,
                charge_point=ChargePoint.objects.get(),
                key=key,
                value=value,
                readonly=True,
                reported_at=timezone.now(),
            )

    await stored(tenant, act)


@pytest.mark.parametrize(("answer", "detail"), [("Accepted", ""), ("Rejected", "The charge point had no such")])
async def test_051_052_a_cancelled_reservation_is_over_whatever_the_station_says(
    tenant: Tenant, connect: Connect, answer: str, detail: str
) -> None:
    async with connect() as station:
        row = await reserved_station(tenant, station)
        station.answers["CancelReservation"] = {"status": answer}
        await stored(tenant, lambda: cancel_reservation(reservation=row, requested_by="alice", origin="api"))
        ended = await becomes(tenant, row, "cancelled")
        assert ended.detail.startswith(detail)
        assert ("CancelReservation", {"reservationId": row.protocol_id}) in station.asked
        with pytest.raises(ReservationRefused, match="has ended"):
            await stored(tenant, lambda: cancel_reservation(reservation=row, requested_by="alice", origin="api"))


async def test_053_a_tag_of_the_same_parent_uses_it(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        row = await reserved_station(tenant, station)
        await station.start(idTag="SISTER", timestamp=now_text())
        assert (await becomes(tenant, row, "used")).transaction is not None


async def test_another_tag_on_a_reserved_connector_is_flagged_not_refused(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        row = await reserved_station(tenant, station)
        started = await station.start(idTag="OTHER", timestamp=now_text())
        assert started["idTagInfo"]["status"] == "Accepted"
        flags = await stored(tenant, lambda: Transaction.objects.get().flags)
        assert "connector_reserved_for_another" in flags
        assert (await stored(tenant, lambda: Reservation.objects.get(pk=row.pk).state)) == "active"
        # The other connector is nobody's.
        await station.start(connectorId=2, idTag="OTHER", meterStart=5, timestamp=now_text())
        assert await stored(tenant, lambda: Transaction.objects.get(evse__number=2).flags) == []


async def test_a_replayed_offline_session_uses_up_nothing(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        row = await reserved_station(tenant, station)
        await station.start(timestamp=(timezone.now() - timedelta(hours=2)).isoformat())
        assert (await stored(tenant, lambda: Reservation.objects.get(pk=row.pk).state)) == "active"


@pytest.mark.parametrize(("number", "text"), [(1, "Faulted"), (1, "Unavailable"), (0, "Unavailable")])
async def test_a_fault_ends_the_reservation(tenant: Tenant, connect: Connect, number: int, text: str) -> None:
    async with connect() as station:
        row = await reserved_station(tenant, station)
        await status(station, 2, "Faulted")
        assert (await stored(tenant, lambda: Reservation.objects.get(pk=row.pk).state)) == "active"
        await status(station, number, text)
        assert (await becomes(tenant, row, "ended")).detail == text


@pytest.mark.parametrize(
    ("shown", "reason"),
    [
        ("Faulted", "faulted"),
        ("Unavailable", "unavailable"),
        ("Charging", "occupied"),
        ("Preparing", "occupied"),
        ("Reserved", "reserved"),
    ],
)
async def test_conflicts_that_we_know_of_are_named_and_nothing_is_sent(
    tenant: Tenant, connect: Connect, shown: str, reason: str
) -> None:
    async with connect() as station:
        await status(station, 1, shown)
        with pytest.raises(ReservationRefused) as refused:
            await reserve(tenant)
    assert refused.value.reason == reason
    assert await stored(tenant, lambda: Reservation.objects.count() + Command.objects.count()) == 0


async def test_a_connector_is_reserved_once(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        await reserved_station(tenant, station)
        with pytest.raises(ReservationRefused) as refused:
            await reserve(tenant, tag="OTHER")
        assert refused.value.reason == "reserved"
        await becomes(tenant, await reserve(tenant, 2, "OTHER"), "active")


@pytest.mark.parametrize("tag", ["NOBODY", "BLOCKED"])
async def test_a_tag_that_is_not_valid_reserves_nothing(tenant: Tenant, connect: Connect, tag: str) -> None:
    await stored(
        tenant, lambda: IdTag.objects.create(tenant=tenant, token="BLOCKED", token_key="blocked", status="Blocked")
    )
    async with connect():
        with pytest.raises(ReservationRefused) as refused:
            await reserve(tenant, tag=tag)
    assert refused.value.reason == "id_tag_not_valid"


@pytest.mark.parametrize("ahead", [{"seconds": -1}, {"days": 8}])
async def test_the_expiry_is_bounded(tenant: Tenant, connect: Connect, ahead: dict[str, int]) -> None:
    async with connect():
        with pytest.raises(InvalidExpiry):
            await reserve(tenant, expires_at=soon(**ahead))


async def test_a_lost_answer_ends_as_refused_and_the_station_is_told_to_let_go(
    tenant: Tenant, connect: Connect
) -> None:
    async with connect() as station:
        row = await reserve(tenant)
        await eventually(lambda: any(action == "ReserveNow" for action, _ in station.asked))
        long_ago = timezone.now() - timedelta(minutes=5)
        await stored(
            tenant,
            lambda: Command.objects.filter(action="ReserveNow").update(
                state=CommandState.TIMED_OUT, finished_at=long_ago
            ),
        )
        await stored_sweep(timezone.now())
        await becomes(tenant, row, "rejected")
        assert await stored(tenant, lambda: Command.objects.filter(action="CancelReservation").count()) == 1


async def test_an_answer_after_the_time_out_still_counts(tenant: Tenant, connect: Connect) -> None:
    async with connect():
        row = await reserve(tenant)
        late = {"state": CommandState.TIMED_OUT, "finished_at": timezone.now(), "late_reply": {"status": "Accepted"}}
        await stored(tenant, lambda: Command.objects.filter(action="ReserveNow").update(**late))
        await stored_sweep(timezone.now())
        await becomes(tenant, row, "active")


async def test_a_cancellation_without_an_answer_leaves_it_active(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        row = await reserved_station(tenant, station)
        command = await stored(tenant, lambda: cancel_reservation(reservation=row, requested_by="alice", origin="api"))
        lost = {"state": CommandState.TIMED_OUT, "finished_at": timezone.now()}
        await stored(tenant, lambda: Command.objects.filter(pk=command.pk).update(**lost))
        await stored_sweep(timezone.now())
        kept = await becomes(tenant, row, "active")
    assert kept.detail.startswith("Not cancelled")


async def test_events_tell_of_it(tenant: Tenant, connect: Connect) -> None:
    def switch_on() -> None:
        with tenant_transaction(tenant.pk):
            Tenant.objects.update(queue_enabled=True)

    await stored(tenant, switch_on)
    async with connect() as station:
        row = await reserved_station(tenant, station)
        await station.start(timestamp=now_text())
        await becomes(tenant, row, "used")
    told = await stored(
        tenant,
        lambda: list(
            OutboxEvent.objects.filter(event_type__startswith="reservation").values_list("event_type", flat=True)
        ),
    )
    assert sorted(told) == ["reservation.created", "reservation.used"]
