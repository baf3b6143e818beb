"""Local authorization lists over the wire (OCPP 1.6 §3.5.2; compliance cases 042 and 043)."""

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from chargepoints.models import ChargePoint, Command, ConfigurationKey, IdTag, LocalAuthList
from chargepoints.services.authorize import BLOCKED
from chargepoints.services.local_list import ListRefused, ask_version, manage_list, send_list
from chargepoints.services.local_list_entries import drift, full_part, next_part, next_version
from chargepoints.services.local_list_sync import go_on, sync_lists
from csms.simulator.reservations import LocalList
from tenants.models import Tenant
from tests.chargepoints.test_connection import stored
from tests.conftest import eventually
from tests.stations import Connect, Station

LIMITS = {"LocalAuthListEnabled": "true", "LocalAuthListMaxLength": "10", "SendLocalListMaxLength": "3"}


class Answers(dict[str, Any]):
    """A station with a real list (the simulator's), that may be told what to say next."""

    def __init__(self, station: Station, keys: dict[str, str]) -> None:
        super().__init__(station.answers, SendLocalList=None, GetLocalListVersion=None)
        self.station, self.list = station, LocalList(keys.__getitem__)
        self.next: list[str] = []
        reported = [{"key": key, "value": value, "readonly": True} for key, value in keys.items()]
        self["GetConfiguration"] = {"configurationKey": reported}

    def __getitem__(self, action: str) -> Any:
        if action == "GetLocalListVersion":
            return {"listVersion": self.list.reported_version()}
        if action != "SendLocalList":
            return super().__getitem__(action)
        if self.next:
            return {"status": self.next.pop(0)}
        asked = self.station.asked[-1][1]
        items = [
            {"id_tag": one["idTag"], "id_tag_info": one.get("idTagInfo")}
            for one in asked.get("localAuthorizationList", [])
        ]
        return {"status": self.list.send(asked["listVersion"], asked["updateType"], items)}

    def tokens(self) -> set[str]:
        return set(self.list.entries)

    def sent(self) -> list[tuple[str, int, int]]:
        """(update type, version, entries) of each list."""
        return [
            (payload["updateType"], payload["listVersion"], len(payload.get("localAuthorizationList", [])))
            for action, payload in self.station.asked
            if action == "SendLocalList"
        ]


def make_tags(tenant: Tenant, *tokens: str, **fields: Any) -> None:
    for token in tokens:
        IdTag.objects.create(tenant=tenant, token=token, token_key=token.lower(), **fields)


async def ready(tenant: Tenant, station: Station, **keys: str) -> Answers:
    """The station's limits are known; its list is real."""
    values = LIMITS | keys
    station.answers = answers = Answers(station, values)

    def report() -> None:
        for key, value in values.items():
            ConfigurationKey.objects.create(
                tenant=tenant,
                charge_point=ChargePoint.objects.get(),
                key=key,
                value=value,
                readonly=True,
                reported_at=timezone.now(),
            )

    await stored(tenant, report)
    return answers


async def manage(tenant: Tenant) -> None:
    await stored(
        tenant, lambda: manage_list(station=ChargePoint.objects.get(), managed=True, actor="alice", origin="api")
    )


async def row_of(tenant: Tenant) -> LocalAuthList | None:
    row: LocalAuthList | None = await stored(tenant, LocalAuthList.objects.first)
    return row


async def in_step(tenant: Tenant, version: int) -> LocalAuthList:
    async def there() -> LocalAuthList | None:
        row = await row_of(tenant)
        return row if row and (row.state, row.version) == ("in_step", version) else None

    found: LocalAuthList = await eventually(there)
    return found


async def becomes(tenant: Tenant, state: str) -> LocalAuthList:
    async def there() -> LocalAuthList | None:
        row = await row_of(tenant)
        return row if row and row.state == state else None

    found: LocalAuthList = await eventually(there)
    return found


async def sync(tenant: Tenant) -> None:
    await sync_to_async(sync_lists, thread_sensitive=False)(tenant.pk)


async def test_042_a_managed_list_is_sent_full_then_only_what_changes(tenant: Tenant, connect: Connect) -> None:
    await stored(tenant, lambda: make_tags(tenant, "A", "B"))
    async with connect() as station:
        answers = await ready(tenant, station)
        await manage(tenant)
        await in_step(tenant, 1)
        assert answers.sent() == [("Full", 1, 2)]

        def change() -> None:
            make_tags(tenant, "C")
            IdTag.objects.filter(token="A").delete()
            IdTag.objects.filter(token="B").update(status="Blocked")

        await stored(tenant, change)
        await sync(tenant)
        await in_step(tenant, 2)
        assert answers.sent()[1:] == [("Differential", 2, 3)]
        assert answers.tokens() == {"b", "c"}
        assert answers.list.verdict("B") == "Blocked"
        await sync(tenant)
        assert len(answers.sent()) == 2


async def test_042_the_version_is_asked_and_kept(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        answers = await ready(tenant, station)
        answers.list.version = 7
        await stored(tenant, lambda: ask_version(station=ChargePoint.objects.get(), requested_by="alice", origin="api"))
        assert (await becomes(tenant, "unknown")).reported_version == 7


async def test_043_a_differential_that_fails_falls_back_to_a_full_list(tenant: Tenant, connect: Connect) -> None:
    await stored(tenant, lambda: make_tags(tenant, "A"))
    async with connect() as station:
        answers = await ready(tenant, station)
        await manage(tenant)
        await in_step(tenant, 1)
        answers.next = ["VersionMismatch"]
        await stored(tenant, lambda: make_tags(tenant, "B"))
        await sync(tenant)
        await in_step(tenant, 2)
        assert [kind for kind, _, _ in answers.sent()] == ["Full", "Differential", "Full"]
        assert answers.tokens() == {"a", "b"}


async def test_a_list_longer_than_a_message_goes_in_parts(tenant: Tenant, connect: Connect) -> None:
    await stored(tenant, lambda: make_tags(tenant, *"ABCDEFGH"))
    async with connect() as station:
        answers = await ready(tenant, station)
        await manage(tenant)
        await in_step(tenant, 3)
        assert answers.sent() == [("Full", 1, 3), ("Differential", 2, 3), ("Differential", 3, 2)]
        assert len(answers.tokens()) == 8


async def test_a_list_holds_no_more_than_the_station_takes_and_those_first_who_may_charge(
    tenant: Tenant, connect: Connect
) -> None:
    def tags() -> None:
        make_tags(tenant, "A", "B", status="Blocked")
        make_tags(tenant, "X", "Y")
        make_tags(tenant, "Z" * 21)
        make_tags(tenant, "OFFLINE", status="Blocked", seen_offline=True)

    await stored(tenant, tags)
    async with connect() as station:
        answers = await ready(tenant, station, LocalAuthListMaxLength="3")
        await manage(tenant)
        await in_step(tenant, 1)
        assert answers.tokens() == {"x", "y", "a"}


async def test_a_person_sends_a_long_list_whole_to_a_station_that_is_not_managed(
    tenant: Tenant, connect: Connect
) -> None:
    await stored(tenant, lambda: make_tags(tenant, *"ABCD"))
    async with connect() as station:
        answers = await ready(tenant, station)
        await send(tenant, "Full")
        await in_step(tenant, 2)
        assert answers.tokens() == set("abcd")
        await stored(tenant, lambda: make_tags(tenant, "E"))
        await sync(tenant)
        assert len(answers.sent()) == 2
        await send(tenant, "Differential", ["E", "GONE"])
        await in_step(tenant, 3)
        assert answers.tokens() == set("abcde")
        with pytest.raises(ListRefused) as refused:
            await send(tenant, "Differential")
        assert refused.value.reason == "in_step"


async def send(tenant: Tenant, update_type: str, tokens: list[str] | None = None) -> Command:
    command: Command = await stored(
        tenant,
        lambda: send_list(
            station=ChargePoint.objects.get(),
            update_type=update_type,
            tokens=tokens,
            requested_by="alice",
            origin="api",
        ),
    )
    return command


async def test_failures_are_retried_a_few_times_and_later_each_time(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        answers = await ready(tenant, station)
        answers.next = ["Failed"] * 20
        await manage(tenant)
        await becomes(tenant, "failed")
        await sync_to_async(go_on, thread_sensitive=False)()
        assert len(answers.sent()) == 1
        for _ in range(10):
            await becomes(tenant, "failed")
            hours_ago = timezone.now() - timedelta(hours=2)
            await stored(tenant, lambda at=hours_ago: LocalAuthList.objects.update(changed_at=at))
            await sync_to_async(go_on, thread_sensitive=False)()
        await becomes(tenant, "failed")
        assert len(answers.sent()) == 4
        # A person may try again.
        answers.next = []
        await send(tenant, "Full")
        await in_step(tenant, 1)


async def test_a_station_without_lists_is_left_alone(tenant: Tenant, connect: Connect) -> None:
    await stored(tenant, lambda: make_tags(tenant, "A"))
    async with connect() as station:
        answers = await ready(tenant, station)
        answers.next = ["NotSupported"]
        await manage(tenant)
        await becomes(tenant, "unsupported")
        await sync(tenant)
        assert len(answers.sent()) == 1


async def test_a_list_that_is_switched_off_is_not_sent(tenant: Tenant, connect: Connect) -> None:
    async with connect() as station:
        answers = await ready(tenant, station, LocalAuthListEnabled="false")
        await manage(tenant)
        assert (await becomes(tenant, "unsupported")).detail.startswith("The charge point's local list is switched off")
        with pytest.raises(ListRefused):
            await send(tenant, "Full")
        assert answers.sent() == []


async def test_after_a_boot_a_lost_list_is_sent_anew(tenant: Tenant, connect: Connect) -> None:
    await stored(tenant, lambda: make_tags(tenant, "A"))
    async with connect() as station:
        answers = await ready(tenant, station)
        await manage(tenant)
        await in_step(tenant, 1)
        answers.list.version, answers.list.entries = 0, {}
        await station.boot()
        await in_step(tenant, 2)
        assert [kind for kind, _, _ in answers.sent()] == ["Full", "Full"]
        assert answers.tokens() == {"a"}
        # The same again, and it is still there: nothing more.
        await station.boot()
        await eventually(lambda: [action for action, _ in station.asked].count("GetLocalListVersion") == 2)
        await in_step(tenant, 2)
        assert len(answers.sent()) == 2


async def test_a_station_that_is_not_to_be_asked_gets_only_what_a_person_sends(
    tenant: Tenant, connect: Connect
) -> None:
    async with connect() as station:
        answers = await ready(tenant, station)
        await stored(tenant, lambda: ChargePoint.objects.update(send_unasked=False))
        await manage(tenant)
        await station.boot()
        await sync(tenant)
        assert station.asked == []
        await send(tenant, "Full")
        await in_step(tenant, 1)
        assert answers.sent() == [("Full", 1, 0)]


async def test_a_lost_answer_is_followed_by_a_full_list(tenant: Tenant, connect: Connect) -> None:
    await stored(tenant, lambda: make_tags(tenant, "A"))
    async with connect() as station:
        answers = await ready(tenant, station)
        del answers["SendLocalList"]
        await manage(tenant)
        await eventually(answers.sent)
        await stored(tenant, lambda: Command.objects.update(state="timed_out", finished_at=timezone.now()))
        await sync_to_async(go_on, thread_sensitive=False)()
        row = await becomes(tenant, "failed")
        assert row.detail == "No answer"


def test_concurrent_tx_never_stands_in_a_list(tenant: Tenant) -> None:
    from chargepoints.services.local_list_entries import wanted_entries
    from tenants.context import tenant_transaction
    from tests.api.conftest import make_session, make_station

    with tenant_transaction(tenant.pk):
        family = IdTag.objects.create(tenant=tenant, token="FAMILY", token_key="family")
        soon = timezone.now() + timedelta(days=1)
        make_tags(tenant, "A", parent=family, expires_at=soon, max_active_transactions=1)
        make_tags(tenant, "NONE", max_active_transactions=0)
        make_tags(tenant, "PAST", expires_at=timezone.now())
        row = IdTag.objects.get(token="A")
    make_session(make_station(tenant), id_tag="A", id_tag_row=row)
    with tenant_transaction(tenant.pk):
        entries = wanted_entries(timezone.now())
    assert entries["A"]["status"] == "Accepted"
    assert entries["A"]["parentIdTag"] == "FAMILY"
    assert "expiryDate" in entries["A"]
    assert entries["NONE"]["status"] == BLOCKED
    assert entries["PAST"]["status"] == "Expired"


@pytest.fixture
def lists() -> tuple[dict[str, Any], dict[str, Any]]:
    accepted = {"status": "Accepted"}
    return {"A": accepted, "OLD": accepted}, {"A": {"status": "Blocked"}, "B": accepted}


def test_what_goes_makes_room_first(lists: tuple[dict[str, Any], dict[str, Any]]) -> None:
    held, wanted = lists
    found = drift(held, wanted)
    assert (found.missing, found.outdated, found.surplus) == (["B"], ["A"], ["OLD"])
    part = next_part(held, wanted, 2, 1)
    assert part is not None
    assert part.payload["localAuthorizationList"] == [{"idTag": "OLD"}]
    steps = 0
    while part := next_part(held, wanted, 2, 1):
        held, steps = part.entries, steps + 1
    assert (held, steps) == (wanted, 3)


def test_an_empty_list_is_sent_without_entries() -> None:
    assert full_part({}, 4, 10).payload == {"listVersion": 4, "updateType": "Full"}


def test_versions_rise_above_what_either_side_has() -> None:
    assert [next_version(3, None), next_version(3, 9), next_version(0, -1), next_version(2**31 - 1)] == [4, 10, 1, 1]
