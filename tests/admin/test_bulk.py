"""Work on many in the back office: chosen over pages, asked once with the consequence, watched, tried again."""

import re
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chargepoints.models import (
    BulkCommand,
    BulkTarget,
    ChargePoint,
    Command,
    CommandState,
    ConfigurationKey,
    FirmwareFile,
    FirmwareRollout,
    FirmwareUpdate,
    IdTag,
    LocalAuthList,
)
from chargepoints.services.bulk_progress import advance_bulks
from smartcharging.models import ProfileTemplate
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Tenant, User
from tests.admin.conftest import office
from tests.api.conftest import make_session
from tests.chargepoints.test_bulk import make_fleet

LIST = "admin:chargepoints_chargepoint_changelist"
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)"')

pytestmark = pytest.mark.usefixtures("redis_clean", "no_worker")


@pytest.fixture
def fleet(tenant: Tenant) -> list[ChargePoint]:
    """Three that are online, two that aren't."""
    make_fleet(tenant, 3, prefix="ON")
    make_fleet(tenant, 2, online=False, prefix="OFF")
    with tenant_transaction(tenant.pk):
        return list(ChargePoint.objects.order_by("pk"))


def pick(client: Client, action: str, stations: list[ChargePoint], query: str = "", **fields: Any) -> str:
    """What the list answers to an action on those that are ticked."""
    data = {"action": action, "_selected_action": [station.pk for station in stations], **fields}
    return str(client.post(reverse(LIST) + query, data).content.decode())


def hidden(page: str) -> dict[str, str]:
    """What the page's form carries on."""
    return {name: unescape(value) for name, value in HIDDEN.findall(page) if name != "csrfmiddlewaretoken"}


def only_bulk(tenant: Tenant) -> BulkCommand:
    with tenant_transaction(tenant.pk):
        return BulkCommand.objects.get()


def answer(tenant: Tenant, state: CommandState, **which: Any) -> None:
    with tenant_transaction(tenant.pk):
        Command.objects.filter(state=CommandState.QUEUED, **which).update(state=state, finished_at=timezone.now())


def test_all_that_match_a_filter_are_meant_over_all_pages(operator: Client, tenant: Tenant, fleet: Any) -> None:
    make_fleet(tenant, 60, online=False, prefix="MORE")
    ticked = [fleet[0]]
    page = pick(operator, "reset_many", ticked, "?online=0", select_across="1")
    assert "Reset to 62 charge points" in page
    assert "Reset to 1 charge point<" in pick(operator, "reset_many", ticked).replace(" |", "<")


def test_the_page_that_asks_names_who_is_there_and_who_is_not_and_says_what_happens(
    operator: Client, tenant: Tenant, fleet: list[ChargePoint]
) -> None:
    with tenant_transaction(tenant.pk):
        from chargepoints.services.connectors import get_connector

        get_connector(fleet[0], 1)
    make_session(fleet[0], state="active")
    form = pick(operator, "reset_many", fleet)
    asked = operator.post(
        reverse("admin:bulk_command_new"), {**hidden(form), "payload-type": "Hard", "concurrency": "10"}
    ).content.decode()
    assert "3 online, 2 offline" in asked
    assert "1 session runs there." in asked
    assert "cuts them off" in asked
    on, off = asked.index(">Online<"), asked.index(">Offline<")
    assert on < asked.index("ON0") < off < asked.index("OFF1")


def test_a_page_that_is_sent_twice_is_one_order(operator: Client, tenant: Tenant, fleet: list[ChargePoint]) -> None:
    form = pick(operator, "availability_of_many", fleet)
    filled = {"payload-connectorId": "0", "payload-type": "Inoperative", "concurrency": "10"}
    asked = operator.post(reverse("admin:bulk_command_new"), {**hidden(form), **filled}).content.decode()
    sent = [operator.post(reverse("admin:bulk_command_new"), hidden(asked))["Location"] for _ in range(2)]
    assert sent[0] == sent[1]
    assert only_bulk(tenant).total == 5
    with tenant_transaction(tenant.pk):
        assert BulkTarget.objects.count() == 5


def test_those_that_failed_are_tried_again_and_nobody_else(
    operator: Client, tenant: Tenant, fleet: list[ChargePoint]
) -> None:
    form = pick(operator, "send_to_many", fleet)
    ready = {**hidden(form), "chosen": "ClearCache", "concurrency": "10", "step": "send"}
    operator.post(reverse("admin:bulk_command_new"), ready)
    bulk = only_bulk(tenant)
    retry = reverse("admin:bulk_command_retry", args=[bulk.pk])
    assert operator.get(retry).status_code == 302
    advance_bulks()
    answer(tenant, CommandState.REJECTED, charge_point=fleet[0])
    answer(tenant, CommandState.TIMED_OUT, charge_point=fleet[1])
    answer(tenant, CommandState.ACCEPTED)
    with tenant_transaction(tenant.pk):
        BulkTarget.objects.filter(charge_point=fleet[4]).update(detail="It has no such thing.")
    advance_bulks()
    page = operator.get(reverse("admin:chargepoints_bulkcommand_change", args=[bulk.pk])).content.decode()
    assert "5 of 5 done" in page
    assert "Try 3 again" in page
    asked = operator.get(retry).content.decode()
    assert "2 online, 1 offline" in asked
    assert "ON2" not in asked
    until = (timezone.now() + timedelta(hours=2)).strftime("%Y-%m-%dT%H:%M")
    answers = [operator.post(retry, {**hidden(asked), "wait_until": until})["Location"] for _ in range(2)]
    assert answers[0] == answers[1]
    with tenant_transaction(tenant.pk):
        again = BulkCommand.objects.get(retry_of=bulk.pk)
        assert set(again.targets.values_list("charge_point__identity", flat=True)) == {"ON0", "ON1", "OFF0"}
        assert (again.action, again.requested_by) == ("ClearCache", "oscar")
        assert again.expires_at is not None


def test_results_are_paged_with_a_fixed_number_of_queries(operator: Client, tenant: Tenant) -> None:
    make_fleet(tenant, 3, prefix="A")
    with tenant_transaction(tenant.pk):
        stations = list(ChargePoint.objects.all())
    sizes = []
    for number in (3, 250):
        if number == 250:
            make_fleet(tenant, 247, online=False, prefix="B")
            with tenant_transaction(tenant.pk):
                stations = list(ChargePoint.objects.all())
        form = pick(operator, "send_to_many", stations)
        ready = {**hidden(form), "chosen": "ClearCache", "concurrency": "10", "step": "send"}
        url = operator.post(reverse("admin:bulk_command_new"), ready)["Location"]
        with CaptureQueriesContext(connection) as queries:
            page = operator.get(url).content.decode()
        sizes.append(len(queries))
    assert sizes[0] == sizes[1]
    assert "Page 1 of 3" in page
    assert "Page 3 of 3" in operator.get(f"{url}?page=99").content.decode()


def test_configuration_keys_are_wished_and_sent_each_with_its_results(
    operator: Client, tenant: Tenant, fleet: list[ChargePoint]
) -> None:
    with tenant_transaction(tenant.pk):
        ConfigurationKey.objects.create(
            tenant=tenant, charge_point=fleet[1], key="heartbeatinterval", readonly=True, reported_at=timezone.now()
        )
        ChargePoint.objects.filter(pk=fleet[2].pk).update(desired_configuration={"HeartbeatInterval": "300"})
    form = pick(operator, "configure_many", fleet)
    filled = {"key1": "HeartbeatInterval", "value1": "300", "key2": "VendorKey", "value2": "a b", "keep": "on"}
    ready = {**hidden(form), **filled, "concurrency": "10"}
    asked = operator.post(reverse("admin:bulk_keys"), ready).content.decode()
    assert "Those that are offline are set when they come back." in asked
    for _ in range(2):
        assert operator.post(reverse("admin:bulk_keys"), hidden(asked)).status_code == 302
    with tenant_transaction(tenant.pk):
        orders = {bulk.payload["key"]: bulk for bulk in BulkCommand.objects.all()}
        assert set(orders) == {"HeartbeatInterval", "VendorKey"}
        (skipped,) = BulkTarget.objects.filter(state="skipped")
        assert (skipped.charge_point_id, skipped.bulk_id) == (fleet[1].pk, orders["HeartbeatInterval"].pk)
        wishes = dict(ChargePoint.objects.values_list("identity", "desired_configuration"))
        assert AuditEntry.objects.filter(action="configure").count() == 5
    both = {"HeartbeatInterval": "300", "VendorKey": "a b"}
    assert wishes == {**dict.fromkeys(["ON0", "ON2", "OFF0", "OFF1"], both), "ON1": {"VendorKey": "a b"}}


@pytest.mark.parametrize(
    ("filled", "said"),
    [
        ({"key1": ""}, "This field is required"),
        ({"key1": "HeartbeatInterval", "value1": "often"}, "errorlist"),
        ({"key1": "AuthorizationKey", "value1": "x"}, "errorlist"),
        ({"key1": "A", "value1": "1", "key2": "a", "value2": "2"}, "given twice"),
        ({"key1": "A", "value1": "1", "value2": "2"}, "Which key is this value for?"),
    ],
)
def test_keys_that_cannot_be_set_are_named_and_nothing_is_sent(
    operator: Client, tenant: Tenant, fleet: list[ChargePoint], filled: dict[str, str], said: str
) -> None:
    form = pick(operator, "configure_many", fleet)
    for step in ("check", "send"):
        page = operator.post(
            reverse("admin:bulk_keys"), {**hidden(form), "concurrency": "10", "keep": "on", **filled, "step": step}
        )
        assert said in page.content.decode()
    with tenant_transaction(tenant.pk):
        assert not BulkCommand.objects.exists()
        assert not AuditEntry.objects.exists()


def test_the_local_list_goes_to_each_with_its_result(
    operator: Client, tenant: Tenant, fleet: list[ChargePoint]
) -> None:
    with tenant_transaction(tenant.pk):
        IdTag.objects.create(tenant=tenant, token="CARD", token_key="card")
        ConfigurationKey.objects.create(
            tenant=tenant,
            charge_point=fleet[1],
            key="LocalAuthListEnabled",
            value="false",
            reported_at=timezone.now(),
        )
    asked = pick(operator, "send_lists", fleet)
    assert "in place of the one that it has" in asked
    page = operator.post(reverse("admin:bulk_lists"), {**hidden(asked), "concurrency": "2"})["Location"]
    for _ in range(4):
        advance_bulks()
        answer(tenant, CommandState.ACCEPTED)
    shown = operator.get(page).content.decode()
    assert "5 of 5 done" in shown
    assert "switched off" in shown
    with tenant_transaction(tenant.pk):
        sent = Command.objects.filter(action="SendLocalList")
        assert sorted(sent.values_list("charge_point__identity", flat=True)) == ["ON0", "ON2"]
        assert {command.payload["localAuthorizationList"][0]["idTag"] for command in sent} == {"CARD"}
        assert LocalAuthList.objects.filter(state="sending").count() == 2


def test_labels_are_added_and_taken_away_at_once(operator: Client, tenant: Tenant, fleet: list[ChargePoint]) -> None:
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.filter(pk=fleet[0].pk).update(tags=["old", "fast"])
    form = pick(operator, "label_many", fleet[:3])
    filled = {**hidden(form), "add": "fast, <public>", "remove": "old"}
    asked = operator.post(reverse("admin:bulk_labels"), filled).content.decode()
    assert "&lt;public&gt;" in asked
    operator.post(reverse("admin:bulk_labels"), hidden(asked))
    with tenant_transaction(tenant.pk):
        tags = dict(ChargePoint.objects.values_list("identity", "tags"))
        entries = list(AuditEntry.objects.order_by("object_name").values_list("object_name", "changes"))
    assert tags == {
        "ON0": ["fast", "<public>"],
        "ON1": ["fast", "<public>"],
        "ON2": ["fast", "<public>"],
        "OFF0": [],
        "OFF1": [],
    }
    assert entries[0] == ("ON0", {"tags": [["old", "fast"], ["fast", "<public>"]]})
    assert len(entries) == 3


def test_labels_that_say_nothing_or_too_much_are_refused(
    operator: Client, tenant: Tenant, fleet: list[ChargePoint]
) -> None:
    start = hidden(pick(operator, "label_many", fleet))
    for filled, said in (
        ({}, "Say which labels"),
        ({"add": "a", "remove": "a"}, "Added and taken away: a."),
        ({"add": "x" * 41}, "At most 40 characters"),
        ({"add": ",".join(f"l{n}" for n in range(50)), "step": "send"}, "more than 50 labels"),
    ):
        with tenant_transaction(tenant.pk):
            ChargePoint.objects.filter(pk=fleet[0].pk).update(tags=["own"])
        page = operator.post(reverse("admin:bulk_labels"), {**start, **filled}).content.decode()
        assert said in page
    with tenant_transaction(tenant.pk):
        assert not AuditEntry.objects.exists()


def test_a_rollout_goes_to_those_that_were_chosen_and_fit(
    operator: Client, tenant: Tenant, fleet: list[ChargePoint]
) -> None:
    with tenant_transaction(tenant.pk):
        firmware = FirmwareFile.objects.create(
            tenant=tenant, name="Wall", version="2.0", vendor="Acme", url="https://a.example/fw.bin"
        )
        ChargePoint.objects.filter(pk=fleet[1].pk).update(vendor="Other")
        ChargePoint.objects.filter(pk=fleet[2].pk).update(firmware_version="2.0")
    form = pick(operator, "roll_out_to_many", fleet[:4])
    assert "4 charge points that you chose" in form
    picked = ",".join(str(station.pk) for station in fleet[:4])
    given = {
        **{"name": "Autumn", "firmware": firmware.pk, "stations": picked},
        **{"wave_size": 1, "allowed_failures": 0, "wave_hours": 4},
    }
    url = reverse("admin:chargepoints_firmwarerollout_add")
    asked = operator.post(url, given).content.decode()
    assert "2 stations will be told, in 2 waves" in asked
    assert "1 online, 1 offline." in asked
    assert "1 is of another vendor" in asked
    for _ in range(2):
        operator.post(url, {**given, "order": hidden(asked)["order"], "confirmed": "1"})
    with tenant_transaction(tenant.pk):
        rollout = FirmwareRollout.objects.get()
        told = FirmwareUpdate.objects.filter(rollout=rollout)
        assert sorted(told.values_list("charge_point__identity", flat=True)) == ["OFF0", "ON0"]
        told.filter(charge_point=fleet[0]).update(state="failed", detail="No flash left.")
        told.filter(charge_point=fleet[3]).update(state="installed")
        FirmwareRollout.objects.update(state="finished")
    page = operator.get(reverse("admin:chargepoints_firmwarerollout_change", args=[rollout.pk])).content.decode()
    assert "No flash left." in page
    again = operator.get(f"{url}?again={rollout.pk}").content.decode()
    assert f'name="stations" value="{fleet[0].pk}"' in again
    results = operator.get(reverse("admin:firmware_rollout_csv", args=[rollout.pk])).getvalue().decode()
    assert "ON0,2,failed,,No flash left.," in results
    assert results.splitlines()[1].startswith("OFF0,1,installed")
    assert operator.get(reverse("admin:firmware_rollout_live", args=[rollout.pk])).status_code == 200


def test_a_charging_profile_goes_to_those_that_were_chosen(
    operator: Client, tenant: Tenant, fleet: list[ChargePoint]
) -> None:
    with tenant_transaction(tenant.pk):
        template = ProfileTemplate.objects.exclude(purpose="tx").first()
    assert template is not None
    page = pick(operator, "profile_to_many", fleet)
    assert template.name in page
    url = reverse("admin:profile_template_to_many", args=[template.pk])
    carried = {"stations": hidden(page)["stations"]}
    form = operator.post(url, {**carried, "step": "choose"}).content.decode()
    assert "to 5 charge points" in form
    filled = {**carried, "connector": "0", "concurrency": "10", "wait_until": "", "step": "check"}
    asked = operator.post(url, filled).content.decode()
    assert "3 online, 2 offline" in asked
    sent = {operator.post(url, hidden(asked))["Location"] for _ in range(2)}
    assert len(sent) == 1
    assert only_bulk(tenant).total == 5


def test_many_id_tags_are_changed_at_once(operator: Client, tenant: Tenant, alice: User) -> None:
    with tenant_transaction(tenant.pk):
        group = IdTag.objects.create(tenant=tenant, token="FLEET", token_key="fleet")
        tags = [IdTag.objects.create(tenant=tenant, token=f"T{n}", token_key=f"t{n}") for n in range(3)]
        IdTag.objects.filter(pk=tags[0].pk).update(status="Blocked", parent=group)
    data = {"action": "change_many", "_selected_action": [tag.pk for tag in tags]}
    form = operator.post(reverse("admin:chargepoints_idtag_changelist"), data).content.decode()
    filled = {**hidden(form), "status": "Blocked", "change_parent": "to", "parent": "fleet"}
    asked = operator.post(reverse("admin:bulk_tags"), filled).content.decode()
    assert "can&#x27;t begin a session any more" in asked
    assert "T2" in asked
    done = operator.post(reverse("admin:bulk_tags"), hidden(asked), follow=True).content.decode()
    assert "2 tags changed, 1 were so already." in done
    with tenant_transaction(tenant.pk):
        assert IdTag.objects.filter(status="Blocked", parent=group).count() == 3
        entry = AuditEntry.objects.filter(object_name="T1").get()
        assert entry.changes == {"status": ["Accepted", "Blocked"], "parent": [None, "FLEET"]}
    for wrong, said in (
        ({"change_parent": "to", "parent": "T1"}, "A parent has no parent itself"),
        ({"change_parent": "to", "parent": "GHOST"}, "no such id tag"),
        ({"change_expiry": "at"}, "This field is required"),
        ({"most": "3"}, "Say whether this is to be changed"),
        ({}, "Say what is to be changed"),
    ):
        assert said in operator.post(reverse("admin:bulk_tags"), {**hidden(form), **wrong}).content.decode()


VIEWS = ["bulk_labels", "bulk_keys", "bulk_lists", "bulk_tags", "bulk_command_new"]


def test_viewers_and_strangers_do_no_work_on_many(
    tenant: Tenant, bob: User, charlie: User, operator: Client, fleet: list[ChargePoint]
) -> None:
    picked = ",".join(str(station.pk) for station in fleet)
    data = {"stations": picked, "tags": picked, "step": "send", "add": "x", "concurrency": "5"}
    for name in VIEWS:
        assert office(bob).post(reverse(f"admin:{name}"), data).status_code == 404, name
        # By itself, or with another tenant's rows, there is nobody to work on.
        assert office(charlie).post(reverse(f"admin:{name}"), data).status_code == 302, name
        assert operator.get(reverse(f"admin:{name}")).status_code == 302, name
    with tenant_transaction(tenant.pk):
        assert not BulkCommand.objects.exists()
        assert not AuditEntry.objects.exists()
