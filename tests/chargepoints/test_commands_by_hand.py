"""ReserveNow, CancelReservation and SendLocalList sent by hand, past their services: what the station took is kept."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.models import ChargePoint, Command, CommandState, LocalAuthList, Reservation
from chargepoints.protocol.errors import OcppError
from chargepoints.protocol.timestamps import format_timestamp
from chargepoints.services.bulk import Order, create_bulk
from chargepoints.services.commands import finish_command
from chargepoints.services.local_list import list_of
from chargepoints.services.reservation_rows import next_number
from chargepoints.services.reservation_sweep import sweep_reservations
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.chargepoints.test_commands import ends, send
from tests.chargepoints.test_connection import stored
from tests.chargepoints.test_reservations import make_tags, reserve, soon
from tests.conftest import eventually
from tests.stations import Connect

A, B = {"idTag": "A", "idTagInfo": {"status": "Accepted"}}, {"idTag": "B", "idTagInfo": {"status": "Blocked"}}


def asked(**changes: Any) -> dict[str, Any]:
    until = format_timestamp(timezone.now() + timedelta(minutes=15))
    return {"connectorId": 1, "expiryDate": until, "idTag": "TAG", "reservationId": 7000, **changes}


async def answered(tenant: Tenant, action: str, payload: dict[str, Any], state: str = "accepted") -> Command:
    return await ends(tenant, await send(tenant, action, payload=payload), state)


async def rows(tenant: Tenant) -> list[Reservation]:
    found: list[Reservation] = await stored(tenant, lambda: list(Reservation.objects.order_by("id")))
    return found


async def kept(tenant: Tenant) -> LocalAuthList:
    row: LocalAuthList = await stored(tenant, lambda: list_of(ChargePoint.objects.get()))
    return row


async def test_what_the_station_reserved_is_held_used_and_told(tenant: Tenant, connect: Connect) -> None:
    await make_tags(tenant)
    async with connect() as station:
        station.answers["ReserveNow"] = {"status": "Accepted"}
        command = await answered(tenant, "ReserveNow", asked(parentIdTag="FAMILY"))
        (row,) = await rows(tenant)
        assert (row.state, row.evse_number, row.id_tag, row.parent_id_tag) == ("active", 1, "TAG", "FAMILY")
        assert (row.protocol_id, row.requested_by, row.command_id) == (7000, "alice", command.pk)
        await station.start(idTag="SISTER", timestamp=format_timestamp(timezone.now()))
    assert (await rows(tenant))[0].state == "used"


@pytest.mark.parametrize("status", ["Occupied", "Faulted", "Rejected", "Unavailable"])
async def test_what_the_station_refused_is_not(tenant: Tenant, connect: Connect, status: str) -> None:
    async with connect() as station:
        station.answers["ReserveNow"] = {"status": status}
        await answered(tenant, "ReserveNow", asked(), "rejected")
    assert await rows(tenant) == []


async def test_an_acceptance_after_the_time_out_counts(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        station.answers["ReserveNow"] = {"status": "Accepted"}
        command = await send(tenant, "ReserveNow", payload=asked(), expires_at=None)
        await ends(tenant, command, "accepted")

    def late() -> None:
        Reservation.objects.all().delete()
        Command.objects.update(state=CommandState.TIMED_OUT, reply=None)
        finish_command(
            tenant_id=tenant.pk, command_id=command.pk, state=CommandState.ACCEPTED, reply={"status": "Accepted"}
        )

    await stored(tenant, late)
    assert [row.state for row in await rows(tenant)] == ["active"]


async def test_one_for_the_same_connector_takes_the_place_of_ours(tenant: Tenant, connect: Connect) -> None:
    await make_tags(tenant)
    async with connect() as station:
        station.answers["ReserveNow"] = {"status": "Accepted"}
        ours = await reserve(tenant)
        await eventually(lambda: stored(tenant, lambda: Reservation.objects.filter(state="active").exists()))
        await answered(tenant, "ReserveNow", asked())
    first, second = await rows(tenant)
    assert (first.pk, first.state, first.detail) == (ours.pk, "ended", "Reservation 7000 has taken its place.")
    assert second.state == "active"


async def test_it_expires_as_any_other(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        station.answers["ReserveNow"] = {"status": "Accepted"}
        await answered(tenant, "ReserveNow", asked())
    await stored(tenant, lambda: sweep_reservations(timezone.now() + timedelta(minutes=16)))
    assert (await rows(tenant))[0].state == "expired"


async def test_a_number_that_is_taken_is_refused_and_none_is_given_twice(tenant: Tenant, connect: Connect) -> None:
    await make_tags(tenant)
    async with connect() as station:
        station.answers["ReserveNow"] = {"status": "Accepted"}
        following = await stored(tenant, lambda: next_number(ChargePoint.objects.get()) + 1)
        await answered(tenant, "ReserveNow", asked(reservationId=following))
        with pytest.raises(OcppError, match="reserve-now gives one that is free"):
            await send(tenant, "ReserveNow", payload=asked(reservationId=following, connectorId=2))
        assert await stored(tenant, lambda: next_number(ChargePoint.objects.get())) == following + 1
    assert len(station.asked) == 1


@pytest.mark.parametrize(
    ("action", "payload", "field"),
    [
        ("ReserveNow", asked(reservationId=2**31), "reservationId"),
        ("ReserveNow", asked(reservationId=-1), "reservationId"),
        ("ReserveNow", asked(connectorId=-1), "connectorId"),
        ("ReserveNow", asked(connectorId=40_000), "connectorId"),
        ("SendLocalList", {"listVersion": 0, "updateType": "Full"}, "listVersion"),
        ("SendLocalList", {"listVersion": 2**31, "updateType": "Full"}, "listVersion"),
    ],
)
async def test_numbers_that_no_row_can_hold_are_not_sent(
    tenant: Tenant, connect: Connect, action: str, payload: dict[str, Any], field: str
) -> None:
    async with connect() as station:
        with pytest.raises(OcppError) as refused:
            await send(tenant, action, payload=payload)
    assert [fault["path"] for fault in refused.value.details["errors"]] == [field]
    assert station.asked == []


@pytest.mark.parametrize(("status", "state"), [("Accepted", "accepted"), ("Rejected", "rejected")])
async def test_a_cancellation_lets_go(tenant: Tenant, connect: Connect, status: str, state: str) -> None:
    await make_tags(tenant)
    async with connect() as station:
        station.answers |= {"ReserveNow": {"status": "Accepted"}, "CancelReservation": {"status": status}}
        ours = await reserve(tenant)
        await eventually(lambda: stored(tenant, lambda: Reservation.objects.filter(state="active").exists()))
        command = await answered(tenant, "CancelReservation", {"reservationId": ours.protocol_id}, state)
    (row,) = await rows(tenant)
    assert (row.state, row.cancel_command_id) == ("cancelled", command.pk)


async def test_a_full_list_is_what_the_station_has(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        station.answers["SendLocalList"] = {"status": "Accepted"}
        full = {"listVersion": 9, "updateType": "Full", "localAuthorizationList": [A, B]}
        await answered(tenant, "SendLocalList", full)
        row = await kept(tenant)
        assert (row.version, row.reported_version, row.state) == (9, 9, "in_step")
        assert row.entries == {"A": {"status": "Accepted"}, "B": {"status": "Blocked"}}
        changes = [{"idTag": "a"}, {"idTag": "C", "idTagInfo": {"status": "Expired"}}]
        differential = {"listVersion": 10, "updateType": "Differential", "localAuthorizationList": changes}
        await answered(tenant, "SendLocalList", differential)
    row = await kept(tenant)
    assert (row.version, row.entries) == (10, {"B": {"status": "Blocked"}, "C": {"status": "Expired"}})


async def test_a_differential_to_a_list_that_nobody_knows_leaves_it_unknown(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        station.answers["SendLocalList"] = {"status": "Accepted"}
        differential = {"listVersion": 3, "updateType": "Differential", "localAuthorizationList": [A]}
        await answered(tenant, "SendLocalList", differential)
    row = await kept(tenant)
    assert (row.version, row.reported_version, row.state, row.entries) == (0, 3, "unknown", {})


async def test_a_list_that_was_refused_changes_nothing(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        station.answers["SendLocalList"] = {"status": "VersionMismatch"}
        full = {"listVersion": 9, "updateType": "Full", "localAuthorizationList": [A]}
        await answered(tenant, "SendLocalList", full, "rejected")
    row = await kept(tenant)
    assert (row.version, row.state, row.entries) == (0, "unknown", {})


def test_a_bulk_order_with_a_taken_number_is_refused(tenant: Tenant, station_row: ChargePoint) -> None:
    with tenant_transaction(tenant.pk):
        Reservation.objects.create(
            tenant=tenant, charge_point=station_row, evse_number=1, protocol_id=7000, id_tag="T", expires_at=soon()
        )
        order = Order(action="ReserveNow", payload=asked())
        with pytest.raises(OcppError, match="has this number"):
            create_bulk(stations=ChargePoint.objects.all(), order=order, requested_by="alice", origin="api")


@pytest.fixture
def station_row(tenant: Tenant) -> ChargePoint:
    with tenant_transaction(tenant.pk):
        return ChargePoint.objects.create(tenant=tenant, identity="CP1", identity_key="cp1")
