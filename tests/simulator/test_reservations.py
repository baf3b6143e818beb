"""What a simulated station holds: reserved connectors and its local list."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from csms.simulator.reservations import Hold, LocalList, Reservations, read_hold

KEYS = {"LocalAuthListEnabled": "true", "LocalAuthListMaxLength": "3", "SendLocalListMaxLength": "2"}
ACCEPTED = {"status": "Accepted"}


def entry(tag: str, info: dict[str, Any] | None = ACCEPTED) -> dict[str, Any]:
    return {"id_tag": tag, "id_tag_info": info}


@pytest.fixture
def held() -> LocalList:
    local_list = LocalList(KEYS.__getitem__)
    assert local_list.send(1, "Full", [entry("A"), entry("B")]) == "Accepted"
    return local_list


def test_a_differential_changes_and_takes_out(held: LocalList) -> None:
    assert held.send(2, "Differential", [entry("a", None), entry("C", {"status": "Blocked"})]) == "Accepted"
    assert (held.verdict("A"), held.verdict("b"), held.verdict("c")) == (None, "Accepted", "Blocked")
    assert held.reported_version() == 2


@pytest.mark.parametrize(
    ("version", "kind", "entries", "said"),
    [
        (1, "Differential", [entry("C")], "VersionMismatch"),
        (2, "Full", [entry("A"), entry("B"), entry("C")], "Failed"),
        (2, "Full", [entry("A", None)], "Failed"),
        (2, "Differential", [entry("C"), entry("D")], "Failed"),
    ],
)
def test_what_cannot_be_taken_whole_changes_nothing(
    held: LocalList, version: int, kind: str, entries: list[dict[str, Any]], said: str
) -> None:
    assert held.send(version, kind, entries) == said
    assert (held.version, set(held.entries)) == (1, {"a", "b"})


def test_a_list_that_is_switched_off_takes_nothing() -> None:
    assert LocalList((KEYS | {"LocalAuthListEnabled": "false"}).__getitem__).send(1, "Full", []) == "NotSupported"


def test_an_entry_expires_by_itself(held: LocalList) -> None:
    past = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    held.send(2, "Differential", [entry("A", {**ACCEPTED, "expiry_date": past})])
    assert held.verdict("A") == "Expired"


class Part:
    """As much of a station as its reservations need."""

    def __init__(self) -> None:
        self.connectors = [SimpleNamespace(number=n, status="Available", session=None, available=True) for n in (1, 2)]
        self.configuration = SimpleNamespace(values={"ReserveConnectorZeroSupported": "true"})
        self.shown: list[tuple[int, str]] = []

    def show_status(self, connector: Any, status: str) -> None:
        connector.status = status
        self.shown.append((connector.number, status))

    def spawn(self, work: Any) -> None:
        work.close()


def hold(number: int = 1, reservation_id: int = 7, **ahead: int) -> Hold:
    until = datetime.now(UTC) + timedelta(**(ahead or {"minutes": 5}))
    return read_hold(number, until.isoformat(), "TAG", reservation_id, "FAMILY")


def test_a_connector_is_held_for_its_tag_or_parent_until_it_is_let_go() -> None:
    part = Part()
    reservations = Reservations(part)  # type: ignore[arg-type]
    assert reservations.reserve(hold()) == "Accepted"
    assert reservations.reserve(hold(reservation_id=8)) == "Occupied"
    assert (reservations.allows(1, "tag"), reservations.allows(1, "X", "family"), reservations.allows(1, "X")) == (
        True,
        True,
        False,
    )
    assert reservations.cancel(7) == "Accepted"
    assert reservations.cancel(7) == "Rejected"
    assert part.shown == [(1, "Reserved"), (1, "Available")]


def test_what_cannot_be_held_is_refused_by_its_reason() -> None:
    part = Part()
    reservations = Reservations(part)  # type: ignore[arg-type]
    part.connectors[0].session = object()
    part.connectors[1].available, part.connectors[1].status = False, "Unavailable"
    assert reservations.reserve(hold(1)) == "Occupied"
    assert reservations.reserve(hold(2)) == "Unavailable"
    assert reservations.reserve(hold(3)) == "Rejected"
    assert reservations.reserve(hold(0)) == "Occupied"
    assert reservations.reserve(hold(1, minutes=-1)) == "Rejected"


def test_any_connector_serves_a_reservation_for_any() -> None:
    reservations = Reservations(Part())  # type: ignore[arg-type]
    assert reservations.reserve(hold(0)) == "Accepted"
    assert reservations.use(2, "OTHER") is None
    assert reservations.use(2, "tag") == 7
    assert reservations.held == {}
