"""Charging profiles in the back office: the tab, the editor, templates, clearing, asking the charge point."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chargepoints.models import BulkCommand, BulkTarget, ChargePoint, Command
from smartcharging.models import ChargingProfile, ProfileTemplate
from tenants.context import tenant_transaction
from tenants.models import Tenant, User
from tests.admin.conftest import office
from tests.admin.smart_charging_data import make_circuit, make_connectors, make_member, make_profile
from tests.api.conftest import bring_online, make_session, make_station

pytestmark = pytest.mark.usefixtures("no_worker")

FORM = {
    "connector": "1",
    "purpose": "tx_default",
    "stack_level": "1",
    "kind": "daily",
    "unit": "A",
    "duration": "",
    "valid_from": "",
    "valid_to": "",
    "min_rate": "",
    "at": ["22:00", "06:00"],
    "day": ["0", "0"],
    "when": ["", ""],
    "limit": ["16", "8"],
    "phases": ["", ""],
}


@pytest.fixture
def station(tenant: Tenant, redis_clean: Any) -> ChargePoint:
    made = make_station(tenant)
    make_connectors(made, 2)
    bring_online(made)
    return made


def page(name: str, *arguments: Any) -> str:
    return reverse(f"admin:{name}", args=arguments)


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer
    return str(answer.content.decode())


def answer_of(html: str) -> dict[str, Any]:
    """What the server's preview says to the script."""
    start = html.index('type="application/json">') + len('type="application/json">')
    found: dict[str, Any] = json.loads(html[start : html.index("</script>")])
    return found


def only(tenant: Tenant, model: Any) -> Any:
    with tenant_transaction(tenant.pk):
        return model.objects.get()


# --- the tab ---


def test_the_tab_shows_what_lies_there_and_what_lay_there(station: ChargePoint, bob: User) -> None:
    make_profile(station)
    make_profile(station, profile_id=8, evse_number=0, purpose="station_max")
    make_profile(station, state="rejected", detail="no answer", ended_at=timezone.now())
    shown = text(office(bob).get(page("charge_point_profiles", station.pk)))
    assert "Whole station" in shown
    assert "Every day" in shown
    assert "05:00 <b>8 A</b>, 21:00 <b>16 A</b>" in shown
    assert "The charge point did not answer." in shown
    assert "New profile" not in shown
    assert "Ask the charge point now" not in shown


def test_without_a_profile_it_says_what_to_do(station: ChargePoint, operator: Client) -> None:
    assert "No profile installed" in text(operator.get(page("charge_point_profiles", station.pk)))


def test_more_profiles_take_no_more_queries(station: ChargePoint, operator: Client) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connections["default"]) as caught:
            text(operator.get(page("charge_point_profiles", station.pk)))
        return len(caught)

    make_profile(station)
    queries()
    few = queries()
    for level in range(2, 8):
        make_profile(station, profile_id=20 + level, stack_level=level)
        make_profile(station, profile_id=40 + level, state="cleared", ended_at=timezone.now())
    assert queries() == few


def test_asking_sends_the_question_and_its_answer_is_drawn(
    station: ChargePoint, operator: Client, tenant: Tenant
) -> None:
    make_profile(station)
    operator.post(page("charge_point_profiles_ask", station.pk), {"connector": "1"})
    command = only(tenant, Command)
    assert command.payload == {"connectorId": 1, "duration": 86400, "chargingRateUnit": "A"}
    shown = text(operator.get(page("charge_point_profiles", station.pk)))
    assert "waiting for its answer" in shown
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 20}]}
    with tenant_transaction(tenant.pk):
        Command.objects.update(
            state="accepted", sent_at=timezone.now(), reply={"status": "Accepted", "chargingSchedule": schedule}
        )
    shown = text(operator.get(page("charge_point_profiles", station.pk)))
    assert "the charge point says 20 A" in shown
    assert "Reported by the charge point" in shown


def test_a_station_that_cannot_say_is_reported_as_such(station: ChargePoint, operator: Client, tenant: Tenant) -> None:
    operator.post(page("charge_point_profiles_ask", station.pk), {"connector": "1"})
    with tenant_transaction(tenant.pk):
        Command.objects.update(state="failed", error_code="NotSupported")
    assert "it gave no schedule: NotSupported" in text(operator.get(page("charge_point_profiles", station.pk)))


# --- the editor ---


def test_a_profile_is_sent_and_its_result_watched(station: ChargePoint, operator: Client, tenant: Tenant) -> None:
    answer = operator.post(page("charge_point_profile_new", station.pk), {**FORM, "do": "send"})
    command, row = only(tenant, Command), only(tenant, ChargingProfile)
    assert answer["Location"] == page("chargepoints_command_change", command.pk)
    assert (row.state, row.requested_by, row.recurrency) == ("sending", "oscar", "daily")
    periods = command.payload["csChargingProfiles"]["chargingSchedule"]["chargingSchedulePeriod"]
    assert [(one["startPeriod"], one["limit"]) for one in periods] == [(0, 16), (28800, 8)]


@pytest.mark.parametrize(
    ("change", "name", "row", "said"),
    [
        ({"at": ["22:00", "22:00"]}, "at", 1, "After the row above."),
        ({"limit": ["16", "x"]}, "limit", 1, "A number of 0 or more."),
        ({"stack_level": "99"}, "stack_level", None, "stack_level_too_high"),
        ({"purpose": "tx"}, "purpose", None, "tx_without_transaction"),
        ({"purpose": "station_max"}, "purpose", None, "station_max_on_connector"),
        ({"valid_to": "2020-01-01T00:00"}, "valid_to", None, "validity_over"),
        ({"duration": "25:00"}, "duration", None, "recurring_too_long"),
        ({"kind": "relative", "at": ["1:00", "2:00"]}, "at", 0, "first_period_not_zero"),
        ({"connector": "7"}, "connector", None, "not one of the available choices"),
    ],
)
def test_the_preview_names_each_fault_at_its_field(
    station: ChargePoint, operator: Client, tenant: Tenant, change: dict[str, Any], name: str, row: Any, said: str
) -> None:
    shown = answer_of(text(operator.post(page("charge_point_profile_preview", station.pk), {**FORM, **change})))
    assert any(
        (fault["name"], fault["row"]) == (name, row) and said in " ".join(fault["texts"]) for fault in shown["faults"]
    ), shown["faults"]
    # The same stands there when it is sent all the same; nothing leaves.
    answer = operator.post(page("charge_point_profile_new", station.pk), {**FORM, **change, "do": "send"})
    assert said in text(answer).replace("&#x27;", "'")
    with tenant_transaction(tenant.pk):
        assert not Command.objects.exists()


def test_the_preview_draws_what_would_follow(station: ChargePoint, operator: Client) -> None:
    make_profile(station)
    html = text(operator.post(page("charge_point_profile_preview", station.pk), {**FORM, "limit": ["32", "20"]}))
    shown = answer_of(html)
    assert shown["faults"] == []
    with_it, as_now = shown["picture"]["lines"]
    assert {value for _at, value in with_it["points"]} == {32, 20}
    assert {value for _at, value in as_now["points"]} == {16, 8}
    assert "the lowest is 20 A" in html


def test_what_load_management_holds_is_refused(station: ChargePoint, operator: Client, tenant: Tenant) -> None:
    make_member(make_circuit(tenant), station)
    answer = operator.post(page("charge_point_profile_new", station.pk), {**FORM, "stack_level": "8", "do": "send"})
    assert "held_by_load_management" in text(answer)


def test_an_offline_station_is_sent_nothing(tenant: Tenant, operator: Client) -> None:
    away = make_station(tenant, "AWAY")
    answer = operator.post(page("charge_point_profile_new", away.pk), {**FORM, "do": "send"})
    assert "offline: nothing was sent" in text(answer)
    with tenant_transaction(tenant.pk):
        assert not ChargingProfile.objects.exists()


def test_the_editor_begins_with_a_profile_or_a_template(station: ChargePoint, operator: Client, tenant: Tenant) -> None:
    row = make_profile(station)
    shown = text(operator.get(page("charge_point_profile_new", station.pk) + f"?profile={row.pk}"))
    assert 'value="21:00"' in shown
    with tenant_transaction(tenant.pk):
        template = ProfileTemplate.objects.get(name="overnight")
    answer = operator.post(
        page("charge_point_profile_new", station.pk), {**FORM, "from_template": template.pk, "do": "send"}
    )
    assert answer.status_code == 302
    with tenant_transaction(tenant.pk):
        sent = ChargingProfile.objects.get(state="sending")
    assert (sent.source, sent.template_id) == ("template", template.pk)


def test_the_profile_in_the_editor_is_kept_as_a_template(
    station: ChargePoint, operator: Client, tenant: Tenant
) -> None:
    url = page("charge_point_profile_new", station.pk)
    assert "Give it a name" in text(operator.post(url, {**FORM, "do": "keep"}))
    assert "has this name" in text(operator.post(url, {**FORM, "do": "keep", "template_name": "overnight"}))
    assert operator.post(url, {**FORM, "do": "keep", "template_name": "Late"}).status_code == 302
    with tenant_transaction(tenant.pk):
        assert ProfileTemplate.objects.get(name="Late").created_by == "oscar"


# --- clearing ---


def test_clearing_says_what_will_happen_and_then_asks_the_station(
    station: ChargePoint, operator: Client, tenant: Tenant
) -> None:
    row = make_profile(station)
    url = page("charge_point_profiles_clear", station.pk)
    asked = text(operator.get(f"{url}?profile={row.pk}"))
    assert "1 profile" in asked
    assert "may take more at once" in asked
    with tenant_transaction(tenant.pk):
        assert not Command.objects.exists()
    operator.post(url, {"profile": row.pk, "sure": "1"})
    assert only(tenant, Command).payload == {"id": 7}


def test_criteria_narrow_what_is_cleared(station: ChargePoint, operator: Client, tenant: Tenant) -> None:
    make_profile(station)
    make_profile(station, profile_id=9, evse_number=2)
    url = page("charge_point_profiles_clear", station.pk)
    assert "2 profiles" in text(operator.get(url))
    assert "1 profile<" in text(operator.get(f"{url}?connector=2"))
    operator.post(url, {"connector": "2", "sure": "1"})
    assert only(tenant, Command).payload == {"connectorId": 2}


def test_profiles_of_load_management_are_not_cleared(station: ChargePoint, operator: Client, tenant: Tenant) -> None:
    row = make_profile(station, source="circuit")
    url = page("charge_point_profiles_clear", station.pk)
    assert "they keep a fuse" in text(operator.get(f"{url}?profile={row.pk}"))
    assert "it keeps a fuse. Nothing was sent." in text(operator.post(url, {"profile": row.pk, "sure": "1"}))
    with tenant_transaction(tenant.pk):
        assert not Command.objects.exists()


# --- templates ---


def test_a_template_is_made_changed_and_deleted(alice: User, tenant: Tenant) -> None:
    client = office(alice)
    given = {**FORM, "name": "Weekend", "description": "", "kind": "weekly", "day": ["5", "0"]}
    assert client.post(page("smartcharging_profiletemplate_add"), given).status_code == 302
    with tenant_transaction(tenant.pk):
        made = ProfileTemplate.objects.get(name="Weekend")
    change = page("smartcharging_profiletemplate_change", made.pk)
    assert client.post(change, {**given, "limit": ["32", "6"]}).status_code == 302
    assert "32 A" in text(client.get(page("smartcharging_profiletemplate_changelist")))
    assert "Another template has this name" in text(client.post(change, {**given, "name": "overnight"}))
    faulty = client.post(change, {**given, "limit": ["", "6"]})
    assert "A number of 0 or more." in text(faulty)
    client.post(page("smartcharging_profiletemplate_delete", made.pk), {"post": "yes"})
    with tenant_transaction(tenant.pk):
        assert not ProfileTemplate.objects.filter(name="Weekend").exists()


def test_viewers_see_a_template_and_change_nothing(bob: User, tenant: Tenant) -> None:
    with tenant_transaction(tenant.pk):
        template = ProfileTemplate.objects.get(name="overnight")
    client, url = office(bob), page("smartcharging_profiletemplate_change", template.pk)
    assert "22:00" in text(client.get(url))
    assert client.post(url, FORM).status_code == 403
    assert client.get(page("profile_template_to_many", template.pk)).status_code == 404


def test_many_are_named_before_anything_is_sent(station: ChargePoint, operator: Client, tenant: Tenant) -> None:
    make_station(tenant, "CP2")
    with tenant_transaction(tenant.pk):
        template = ProfileTemplate.objects.get(name="overnight")
    url = page("profile_template_to_many", template.pk)
    given = {"charge_points": "", "everyone": "on", "connector": "1", "concurrency": "10", "wait_until": ""}
    assert "or say which" in text(operator.post(url, {**given, "everyone": "", "step": "check"}))
    assert "no charge point NONE" in text(operator.post(url, {**given, "charge_points": "NONE", "step": "check"}))
    asked = text(operator.post(url, {**given, "step": "check"}))
    assert "2 charge points are sent it: 1 online, 1 offline." in asked
    assert "CP2" in asked
    with tenant_transaction(tenant.pk):
        assert not BulkCommand.objects.exists()
    answer = operator.post(url, {**given, "step": "send"})
    bulk = only(tenant, BulkCommand)
    assert answer["Location"] == page("chargepoints_bulkcommand_change", bulk.pk)
    assert (bulk.action, bulk.total) == ("SetChargingProfile", 2)


def test_those_that_it_does_not_suit_are_named_and_skipped(
    station: ChargePoint, operator: Client, tenant: Tenant
) -> None:
    make_station(tenant, "CP2")
    make_member(make_circuit(tenant), station)
    with tenant_transaction(tenant.pk):
        ProfileTemplate.objects.update(stack_level=8)
        template = ProfileTemplate.objects.get(name="overnight")
    url = page("profile_template_to_many", template.pk)
    given = {"charge_points": "CP1 CP2", "connector": "1", "concurrency": "10", "wait_until": ""}
    asked = text(operator.post(url, {**given, "step": "check"}))
    assert "Skipped: 1" in asked
    assert "CP1: Load management holds this stack level here." in asked
    operator.post(url, {**given, "step": "send"})
    with tenant_transaction(tenant.pk):
        assert BulkTarget.objects.get(charge_point=station).state == "skipped"


# --- who may ---


def test_viewers_may_not_send(station: ChargePoint, bob: User) -> None:
    client = office(bob)
    for name in ("charge_point_profile_new", "charge_point_profile_preview", "charge_point_profiles_clear"):
        assert client.post(page(name, station.pk), FORM).status_code == 404
    assert client.post(page("charge_point_profiles_ask", station.pk), {"connector": "1"}).status_code == 404


def test_another_tenants_stations_do_not_exist(station: ChargePoint, charlie: User) -> None:
    client = office(charlie)
    row = make_profile(station)
    for name in ("charge_point_profiles", "charge_point_profile_new", "charge_point_profiles_clear"):
        assert client.get(page(name, station.pk) + f"?profile={row.pk}").status_code == 404


def test_a_session_limit_is_drawn_over_its_power(station: ChargePoint, tenant: Tenant, bob: User) -> None:
    start = timezone.now() - timedelta(hours=2)
    with tenant_transaction(tenant.pk):
        # Of the first connector alone: `make_session` wants one.
        second = station.evses.get(number=2)
        second.connectors.all().delete()
    session = make_session(station, started_at=start, start_received_at=start)
    make_profile(station, installed_at=start - timedelta(days=1), ended_at=start + timedelta(hours=1), state="replaced")
    held = {"unit": "A", "periods": [{"start": 0, "limit": "10", "phases": None}], "startAt": None}
    make_profile(
        station,
        profile_id=8,
        purpose="tx",
        kind="relative",
        recurrency="",
        transaction=session,
        schedule={**held, "duration": None, "minRate": None},
        installed_at=start + timedelta(hours=1),
    )
    answer = office(bob).get(page("transaction_readings_data", session.pk))
    charts = answer.json()["charts"]
    current = next(line for line in charts["current"]["lines"] if line["label"] == "Limit")
    assert [value for _at, value in current["points"]][-1] == 10
    assert {value for _at, value in current["points"]} <= {8, 16, 10}
    power = next(line for line in charts["curve"]["lines"] if line["label"] == "Limit")
    assert [value for _at, value in power["points"]][-1] == 6.9
    assert power["unit"] == "kW"
