"""Commands from the back office: the forms that the schemas make, one charge point or many, and watching them."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chargepoints.admin.command_forms import PayloadForm, action_groups
from chargepoints.models import BulkCommand, BulkTarget, ChargePoint, Command, CommandState, Outcome, Transaction
from chargepoints.protocol.actions import actions_to_station
from chargepoints.protocol.validation import schema
from chargepoints.services.bulk_progress import advance_bulks
from tenants.context import tenant_transaction
from tenants.models import Tenant, User
from tests.admin.conftest import office
from tests.api.conftest import bring_online, make_station
from tests.api.test_commands import PROFILE

pytestmark = pytest.mark.usefixtures("no_worker")

NEW = "admin:bulk_command_new"


@pytest.fixture
def station(tenant: Tenant) -> ChargePoint:
    made = make_station(tenant)
    bring_online(made)
    return made


def url(station: ChargePoint, action: str = "") -> str:
    return reverse("admin:charge_point_send", args=[station.pk]) + (f"?action={action}" if action else "")


def commands_of(tenant: Tenant) -> list[Command]:
    with tenant_transaction(tenant.pk):
        return list(Command.objects.order_by("created_at"))


@pytest.mark.parametrize("action", sorted(actions_to_station("1.6")))
def test_every_action_has_a_form_with_a_field_for_each_property(action: str) -> None:
    form = PayloadForm(version="1.6", action=action)
    definition = schema("1.6", action)
    assert set(form.fields) == set(definition.get("properties", {}))
    assert {name for name, field in form.fields.items() if field.required} == set(definition.get("required", ()))
    assert 'name="payload-' in form.as_p() or not form.fields


@pytest.mark.parametrize("version", ["1.6", "2.0.1", "2.1"])
def test_every_action_stands_in_one_group(version: str) -> None:
    listed = [name for _title, names in action_groups(version) for name in names]
    assert sorted(listed) == sorted(actions_to_station(version))


FILLED: list[tuple[str, dict[str, str], dict[str, Any]]] = [
    ("Reset", {"type": "Soft"}, {"type": "Soft"}),
    ("ClearCache", {}, {}),
    ("RemoteStartTransaction", {"idTag": "TAG", "connectorId": ""}, {"idTag": "TAG"}),
    ("RemoteStopTransaction", {"transactionId": "7"}, {"transactionId": 7}),
    ("DataTransfer", {"vendorId": "V", "data": '{"a": 1}'}, {"vendorId": "V", "data": '{"a": 1}'}),
    (
        "SetChargingProfile",
        {"connectorId": "0", "csChargingProfiles": json.dumps(PROFILE)},
        {"connectorId": 0, "csChargingProfiles": PROFILE},
    ),
    ("GetConfiguration", {"key": '["HeartbeatInterval"]'}, {"key": ["HeartbeatInterval"]}),
    (
        "UpdateFirmware",
        {"location": "https://files.example.com/f.bin", "retrieveDate": "2026-12-01T10:00"},
        {"location": "https://files.example.com/f.bin", "retrieveDate": "2026-12-01T10:00:00.000Z"},
    ),
]


@pytest.mark.parametrize(("action", "fields", "payload"), FILLED)
def test_a_filled_in_form_is_sent(
    operator: Client, tenant: Tenant, station: ChargePoint, action: str, fields: dict[str, str], payload: dict[str, Any]
) -> None:
    assert operator.get(url(station, action)).status_code == 200
    answer = operator.post(url(station, action), {f"payload-{name}": value for name, value in fields.items()})
    assert answer.status_code == 302, answer.content.decode()
    (command,) = commands_of(tenant)
    sent = dict(command.payload)
    if "retrieveDate" in sent:
        assert sent.pop("retrieveDate").startswith("2026-12-01T10:00:00")
        payload = {name: value for name, value in payload.items() if name != "retrieveDate"}
    assert (command.action, sent, command.requested_by, command.origin) == (action, payload, "oscar", "admin")
    page = operator.get(answer["Location"]).content.decode()
    assert "Waiting for the station" in page
    assert "Cancel the command" in page


WRONG: list[tuple[str, dict[str, str], str]] = [
    ("Reset", {"type": "Gentle"}, "Select a valid choice"),
    ("Reset", {}, "This field is required"),
    ("RemoteStartTransaction", {"idTag": "T" * 21}, "at most 20 characters"),
    ("UnlockConnector", {"connectorId": "one"}, "Enter a whole number"),
    ("SetChargingProfile", {"connectorId": "1", "csChargingProfiles": "{"}, "Not JSON"),
    ("SetChargingProfile", {"connectorId": "1", "csChargingProfiles": "[" * 5000}, "Not JSON"),
    ("SetChargingProfile", {"connectorId": "1", "csChargingProfiles": '{"a": NaN}'}, "Not JSON"),
    ("SetChargingProfile", {"connectorId": "1", "csChargingProfiles": '{"a": "\\u0000"}'}, "Null characters"),
    ("SetChargingProfile", {"connectorId": "1", "csChargingProfiles": '{"chargingProfileId": 1}'}, "stackLevel"),
    ("SetChargingProfile", {"connectorId": "1", "csChargingProfiles": "[]"}, "csChargingProfiles"),
    ("ChangeConfiguration", {"key": "AuthorizationKey", "value": "secret"}, "rotate-password"),
]


@pytest.mark.parametrize(("action", "fields", "said"), WRONG)
def test_a_form_that_is_wrong_says_so_and_sends_nothing(
    operator: Client, tenant: Tenant, station: ChargePoint, action: str, fields: dict[str, str], said: str
) -> None:
    answer = operator.post(url(station, action), {f"payload-{name}": value for name, value in fields.items()})
    assert answer.status_code == 200
    assert said in answer.content.decode()
    assert commands_of(tenant) == []


def test_an_offline_charge_point_asks_for_a_time_to_wait(operator: Client, tenant: Tenant) -> None:
    offline = make_station(tenant, "CP9")
    answer = operator.post(url(offline, "ClearCache"), {})
    assert "Say until when" in answer.content.decode()
    until = (timezone.now() + timedelta(hours=3)).strftime("%Y-%m-%dT%H:%M")
    assert operator.post(url(offline, "ClearCache"), {"wait_until": until}).status_code == 302
    assert commands_of(tenant)[0].expires_at is not None
    assert operator.post(url(offline, "ClearCache"), {"wait_until": "2020-01-01T00:00"}).status_code == 200


def test_an_action_that_we_never_send_has_no_form(operator: Client, station: ChargePoint) -> None:
    for action in ("BootNotification", "NoSuchThing", "../Reset"):
        assert operator.get(url(station, action)).status_code == 404


def test_viewers_see_commands_and_send_none(bob: User, charlie: User, stocked: Transaction, tenant: Tenant) -> None:
    viewer, stranger = office(bob), office(charlie)
    with tenant_transaction(tenant.pk):
        command, bulk, station = Command.objects.get(), BulkCommand.objects.get(), ChargePoint.objects.get()
    for person in (viewer, stranger):
        assert person.get(url(station)).status_code == 404
        assert person.post(url(station, "Reset"), {"payload-type": "Soft"}).status_code == 404
        assert person.post(reverse("admin:bulk_command_cancel", args=[bulk.pk])).status_code == 404
    assert viewer.post(reverse(NEW), {"stations": str(station.pk), "step": "choose"}).status_code == 404
    for name, row in (("command_live", command), ("bulk_command_live", bulk), ("bulk_command_csv", bulk)):
        assert viewer.get(reverse(f"admin:{name}", args=[row.pk])).status_code == 200
        assert stranger.get(reverse(f"admin:{name}", args=[row.pk])).status_code == 404
    page = viewer.get(reverse("admin:chargepoints_chargepoint_change", args=[station.pk])).content.decode()
    assert "Send a command" not in page
    assert len(commands_of(tenant)) == 1


def test_the_page_of_a_command_shows_what_became_of_it(operator: Client, tenant: Tenant, station: ChargePoint) -> None:
    with tenant_transaction(tenant.pk):
        command = Command.objects.create(
            tenant=tenant,
            charge_point=station,
            action="RemoteStartTransaction",
            payload={"idTag": "<b>TAG"},
            state=CommandState.ACCEPTED,
            reply={"status": "Accepted"},
            outcome=Outcome.FULFILLED,
            outcome_detail="Session 12 (transaction 7).",
            requested_by="x",
            origin="api",
        )
    live = operator.get(reverse("admin:command_live", args=[command.pk])).content.decode()
    assert "Session 12 (transaction 7)." in live
    assert "Waiting" not in live
    page = operator.get(reverse("admin:chargepoints_command_change", args=[command.pk])).content.decode()
    assert "&lt;b&gt;TAG" in page
    assert "Cancel the command" not in page


def test_from_the_list_to_many_charge_points(operator: Client, tenant: Tenant, station: ChargePoint) -> None:
    other = make_station(tenant, "CP2")
    picked = [station.pk, other.pk]
    chosen = operator.post(
        reverse("admin:chargepoints_chargepoint_changelist"), {"action": "send_to_many", "_selected_action": picked}
    )
    assert "2 charge points" in chosen.content.decode()
    ids = ",".join(str(pk) for pk in picked)
    form = operator.post(reverse(NEW), {"stations": ids, "step": "choose", "chosen": "Reset"})
    assert 'name="payload-type"' in form.content.decode()
    filled = {"stations": ids, "chosen": "Reset", "payload-type": "Soft", "concurrency": "10", "wait_until": ""}
    asked = operator.post(reverse(NEW), {**filled, "step": "check"}).content.decode()
    assert "1 online, 1 offline" in asked
    assert "CP1" in asked
    assert "CP2" in asked
    with tenant_transaction(tenant.pk):
        assert not BulkCommand.objects.exists()
    sent = operator.post(reverse(NEW), {**filled, "step": "send"})
    assert sent.status_code == 302
    advance_bulks()
    page = operator.get(sent["Location"]).content.decode()
    assert "Cancel what has not been sent" in page
    with tenant_transaction(tenant.pk):
        bulk = BulkCommand.objects.get()
        assert (bulk.requested_by, bulk.origin, bulk.total) == ("oscar", "admin", 2)
        Command.objects.update(state=CommandState.REJECTED, reply={"status": "Rejected"})
    advance_bulks()
    live = operator.get(reverse("admin:bulk_command_live", args=[bulk.pk])).content.decode()
    assert "2 of 2 done" in live
    assert "It was offline." in live
    only = operator.get(reverse("admin:bulk_command_live", args=[bulk.pk]) + "?only=rejected").content.decode()
    assert ">CP1<" in only
    assert ">CP2<" not in only
    csv = operator.get(reverse("admin:bulk_command_csv", args=[bulk.pk])).getvalue().decode()
    assert csv.splitlines()[1].startswith("CP1,rejected")


def test_a_wrong_form_for_many_comes_back_and_sends_nothing(
    operator: Client, tenant: Tenant, station: ChargePoint
) -> None:
    base = {"stations": str(station.pk), "chosen": "Reset", "concurrency": "10"}
    for wrong in ({"payload-type": "Gentle"}, {"payload-type": "Soft", "concurrency": "0"}):
        for step in ("check", "send"):
            answer = operator.post(reverse(NEW), {**base, **wrong, "step": step})
            assert "errorlist" in answer.content.decode()
    with tenant_transaction(tenant.pk):
        assert not BulkCommand.objects.exists()


def test_another_tenants_charge_points_are_never_among_the_chosen(
    operator: Client, tenant: Tenant, other_tenant: Tenant, station: ChargePoint
) -> None:
    foreign = make_station(other_tenant, "X1")
    filled = {"chosen": "Reset", "payload-type": "Soft", "concurrency": "10", "step": "send"}
    alone = operator.post(reverse(NEW), {**filled, "stations": f"{foreign.pk},x,{'9' * 30}"})
    assert alone["Location"] == reverse("admin:chargepoints_chargepoint_changelist")
    operator.post(reverse(NEW), {**filled, "stations": f"{foreign.pk},{station.pk}"})
    with tenant_transaction(tenant.pk):
        assert list(BulkTarget.objects.values_list("charge_point_id", flat=True)) == [station.pk]
