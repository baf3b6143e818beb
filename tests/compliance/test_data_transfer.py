"""Vendors' own messages, both ways."""

from collections.abc import Iterator
from typing import Any

import pytest

from chargepoints.services import data_transfer
from tests.compliance.people import Operator
from tests.compliance.station import ScriptedStation, call

VENDOR = "org.example.compliance"


@pytest.mark.parametrize("status", ["UnknownVendorId", "UnknownMessageId", "Rejected"])
async def test_062_data_transfer_to_the_station_refused(
    operator: Operator, station: ScriptedStation, status: str
) -> None:
    """Data transfer to the station, which doesn't know the vendor"""
    wanted = {"vendorId": VENDOR, "messageId": "Lights", "data": '{"on": true}'}
    station.answers["DataTransfer"] = {"status": status}
    command = await operator.tell("data-transfer", wanted)
    assert await station.was_asked("DataTransfer") == wanted
    assert (command["status"], command["reply"]) == ("rejected", {"status": status})


async def test_062_data_transfer_to_the_station(operator: Operator, station: ScriptedStation) -> None:
    """Data transfer to the station"""
    station.answers["DataTransfer"] = lambda asked: {"status": "Accepted", "data": asked["data"].upper()}
    command = await operator.tell("data-transfer", {"vendorId": VENDOR, "data": "on"})
    assert await station.was_asked("DataTransfer") == {"vendorId": VENDOR, "data": "on"}
    assert (command["status"], command["reply"]) == ("accepted", {"status": "Accepted", "data": "ON"})


async def test_064_data_transfer_from_an_unknown_vendor(operator: Operator, station: ScriptedStation) -> None:
    """Data transfer from the station, the vendor is unknown"""
    answer = await station.tell(call.DataTransfer(vendor_id=VENDOR, message_id="Hello", data="hi"))
    assert (answer.status, answer.data) == ("UnknownVendorId", None)
    event = await operator.event("data.received", vendorId=VENDOR)
    assert (event["messageId"], event["content"], event["status"]) == ("Hello", "hi", "UnknownVendorId")


@pytest.fixture
def vendor() -> Iterator[None]:
    """Who answers `Hello`, and nothing else."""

    def hello(context: Any, data: str) -> tuple[str, str | None]:
        return "Accepted", f"{data} {context.identity}"

    data_transfer.vendor_message(VENDOR, "Hello")(hello)
    yield
    data_transfer._handlers.pop(VENDOR)


async def test_064_data_transfer_from_a_known_vendor(
    operator: Operator, station: ScriptedStation, vendor: None
) -> None:
    """Data transfer from the station, the vendor is known"""
    answer = await station.tell(call.DataTransfer(vendor_id=VENDOR, message_id="Hello", data="hi"))
    assert (answer.status, answer.data) == ("Accepted", "hi CP1")
    unknown = await station.tell(call.DataTransfer(vendor_id=VENDOR, message_id="Goodbye"))
    assert unknown.status == "UnknownMessageId"
    await operator.event("data.received", status="Accepted")
