"""The page of a charge point: its overview and what stands beside it, and who may do what there."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from celery import current_app
from django.db import connections
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from chargepoints.admin.frames import gist, indented, payload_text
from chargepoints.admin.message_rows import sort_key
from chargepoints.models import (
    ChargePoint,
    ChargePointNote,
    Command,
    Connector,
    Evse,
    LoggedMessage,
    Transaction,
)
from metering.models import Alert
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Role, Tenant, User
from tenants.services.audit import record
from tests.admin.conftest import office
from tests.api.conftest import make_session, make_station
from tests.api.test_commands import bring_online
from tests.conftest import make_user, superuser

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
CONNECTION = uuid4()


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_app, "send_task", lambda *args, **options: None)


@pytest.fixture
def station(tenant: Tenant) -> ChargePoint:
    made = make_station(tenant)
    bring_online(made)
    return made


@pytest.fixture
def oscar(tenant: Tenant) -> User:
    return make_user("oscar", tenant, Role.OPERATOR)


@pytest.fixture
def operator(oscar: User) -> Client:
    return office(oscar)


def page(name: str, station: ChargePoint) -> str:
    return reverse(f"admin:{name}", args=[station.pk])


def text_of(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, answer
    return bytes(answer.getvalue()).decode()


def home(station: ChargePoint) -> str:
    return page("chargepoints_chargepoint_change", station)


# --- overview ---


def test_the_overview_says_how_it_is_and_what_to_do_next(operator: Client, station: ChargePoint) -> None:
    make_session(station, last_register_wh=Decimal(13_500), last_power_w=Decimal(7200), last_reading_at=NOON)
    with tenant_transaction(station.tenant_id):
        Connector.objects.update(status="Faulted", error_code="GroundFailure", info="relay 2")
    shown = text_of(operator, home(station))
    for said in ("Online", "10.0.0.2", "OCPP 1.6", "Faulted", "GroundFailure · relay 2", "7.2 kW", "12.50 kWh"):
        assert said in shown, said
    assert "A restart often clears it" in shown
    live = text_of(operator, page("charge_point_live", station))
    assert "GroundFailure · relay 2" in live
    assert "<html" not in live


def test_a_station_that_never_came_says_so(operator: Client, tenant: Tenant) -> None:
    shown = text_of(operator, home(make_station(tenant, "NEW")))
    assert "Never connected" in shown
    assert "own settings" in shown


def test_limits_stand_at_the_connectors(operator: Client, station: ChargePoint) -> None:
    assert "no limit" in text_of(operator, page("charge_point_live", station))


def test_many_connectors_take_as_many_queries_as_one(operator: Client, station: ChargePoint) -> None:
    make_session(station)

    def queries() -> int:
        with CaptureQueriesContext(connections["default"]) as captured:
            text_of(operator, home(station))
        return len(captured)

    few = queries()
    with tenant_transaction(station.tenant_id):
        for number in range(2, 11):
            evse = Evse.objects.create(tenant_id=station.tenant_id, charge_point=station, number=number)
            connector = Connector.objects.create(
                tenant_id=station.tenant_id, charge_point=station, evse=evse, status="Charging"
            )
            first = Transaction.objects.get(protocol_id="1")
            first.pk, first.protocol_id, first.evse, first.connector = None, str(number), evse, connector
            first.save(force_insert=True)
    assert queries() == few
    assert few <= 25, few


# --- what is done most ---

DONE = [
    ("reset", {"kind": "Hard"}, "Reset", {"type": "Hard"}),
    ("unlock", {"connector": "1"}, "UnlockConnector", {"connectorId": 1}),
    (
        "availability",
        {"connector": "0", "kind": "Inoperative"},
        "ChangeAvailability",
        {"connectorId": 0, "type": "Inoperative"},
    ),
    ("trigger", {"message": "Heartbeat", "connector": ""}, "TriggerMessage", {"requestedMessage": "Heartbeat"}),
    ("stop", {"session": "1"}, "RemoteStopTransaction", {"transactionId": 1}),
]


@pytest.mark.parametrize(("key", "fields", "action", "payload"), DONE)
def test_two_clicks_send_a_command_and_show_what_becomes_of_it(
    operator: Client, station: ChargePoint, key: str, fields: dict[str, str], action: str, payload: dict[str, Any]
) -> None:
    make_session(station)
    url = page(f"charge_point_{key}", station)
    assert url in text_of(operator, home(station))
    assert text_of(operator, url)
    answer = operator.post(url, fields)
    assert answer.status_code == 302
    with tenant_transaction(station.tenant_id):
        command = Command.objects.get()
    assert (command.action, command.payload, command.requested_by) == (action, payload, "oscar")
    shown = text_of(operator, answer["Location"])
    assert "Waiting for the station" in shown
    assert reverse("admin:command_live", args=[command.pk]) in shown


def test_a_restart_says_how_many_sessions_end(operator: Client, station: ChargePoint) -> None:
    url = page("charge_point_reset", station)
    assert "running" not in text_of(operator, url)
    make_session(station)
    assert "1 session is running: it ends." in text_of(operator, url)


def test_the_buttons_at_a_connector_fill_in_the_form(operator: Client, station: ChargePoint) -> None:
    shown = text_of(operator, page("charge_point_availability", station) + "?connector=1&kind=Inoperative")
    assert '<option value="1" selected>' in shown
    (chosen,) = [
        part for part in shown.split("<input")[1:] if 'name="kind"' in part and "checked" in part.partition(">")[0]
    ]
    assert 'value="Inoperative"' in chosen.partition(">")[0]


def test_with_nothing_to_stop_there_is_no_form(operator: Client, station: ChargePoint) -> None:
    shown = text_of(operator, page("charge_point_stop", station))
    assert "No session is running" in shown
    assert 'name="session"' not in shown
    assert operator.post(page("charge_point_stop", station), {"session": "1"}).status_code == 200


def test_viewers_see_all_and_do_nothing(bob: User, station: ChargePoint) -> None:
    viewer = office(bob)
    shown = text_of(viewer, home(station))
    for key in ("reset", "unlock", "availability", "trigger", "stop"):
        assert page(f"charge_point_{key}", station) not in shown
        assert viewer.post(page(f"charge_point_{key}", station), {"kind": "Soft"}).status_code == 404
    for name in ("log", "sessions", "alerts", "notes", "history", "settings"):
        shown = text_of(viewer, page(f"charge_point_{name}", station))
        assert 'office-button main" name="do"' not in shown, name
        assert "<textarea" not in shown, name
    assert viewer.post(page("charge_point_notes", station), {"text": "x"}).status_code == 404
    assert viewer.post(page("charge_point_alerts", station), {"do": "acknowledge"}).status_code == 404


def test_settings_are_kept_and_lead_back(operator: Client, station: ChargePoint) -> None:
    url = page("charge_point_settings", station)
    assert 'name="send_unasked"' in text_of(operator, url)
    answer = operator.post(url, {"name": "At the gate", "site": "", "tags": "[]", "notes": "Key at reception"})
    assert answer["Location"] == home(station)
    assert "Key at reception" in text_of(operator, home(station))


# --- OCPP log ---


def log(station: ChargePoint, *frames: tuple[str, int, str, str, str], at: datetime = NOON) -> None:
    """(direction, kind, message id, action, payload), a second apart; errors get an error code."""
    for number, (direction, kind, message_id, action, payload) in enumerate(frames):
        superuser().execute(
            "INSERT INTO chargepoints_message (at, tenant_id, charge_point_id, connection_id, direction, kind,"
            " message_id, action, payload, error_code, note) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, '')",
            [
                *(at + timedelta(seconds=number), station.tenant_id, station.pk, CONNECTION, direction, kind),
                *(message_id, action, payload, "" if kind in (2, 3) else "FormationViolation"),
            ],
        )


@pytest.fixture
def logged(station: ChargePoint) -> datetime:
    """A call with its answer, one that got an error, one without an answer, a malformed frame with its error."""
    at = timezone.now().replace(microsecond=0) - timedelta(minutes=5)
    log(
        station,
        ("in", 2, "a", "StatusNotification", '[2,"a","StatusNotification",{"connectorId":1,"status":"Available"}]'),
        ("out", 3, "a", "StatusNotification", '[3,"a",{}]'),
        ("out", 2, "b", "Reset", '[2,"b","Reset",{"type":"Soft"}]'),
        ("in", 4, "b", "Reset", '[4,"b","InternalError","<b>no</b>",{}]'),
        ("in", 2, "c", "Heartbeat", '[2,"c","Heartbeat",{}]'),
        ("in", 0, "d", "", "[2,d"),
        ("out", 4, "d", "", '[4,"d","FormationViolation","",{}]'),
        at=at,
    )
    return at


def found(client: Client, station: ChargePoint, query: str = "") -> list[str]:
    """Titles of the rows of the log's tail."""
    body = text_of(client, page("charge_point_log_tail", station) + query)
    return [part.partition("<")[0].strip() for part in body.split('<span class="log-action">')[1:]]


def test_the_log_pairs_calls_and_answers_newest_first(operator: Client, station: ChargePoint, logged: datetime) -> None:
    assert found(operator, station) == ["Malformed", "Heartbeat", "Reset", "StatusNotification"]
    shown = text_of(operator, page("charge_point_log", station))
    assert "connectorId 1 · status Available" in shown
    assert "&lt;b&gt;no&lt;/b&gt;" in shown
    assert "1000 ms" in shown


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ("?action=Reset", ["Reset"]),
        ("?direction=out", ["Reset"]),
        ("?direction=in", ["Malformed", "Heartbeat", "StatusNotification"]),
        ("?message_id=c", ["Heartbeat"]),
        ("?failed=on", ["Malformed", "Reset"]),
        ("?failed=on&direction=out", ["Reset"]),
        ("?start=2030-01-01T00:00", []),
        ("?end=2020-01-01T00:00", []),
        ("?action=Nothing", []),
    ],
)
def test_the_log_is_filtered(
    operator: Client, station: ChargePoint, logged: datetime, query: str, rows: list[str]
) -> None:
    assert found(operator, station, query) == rows


def test_the_tail_gives_what_came_and_what_was_answered_since(
    operator: Client, station: ChargePoint, logged: datetime
) -> None:
    with tenant_transaction(station.tenant_id):
        newest = LoggedMessage.objects.filter(message_id="d", kind=0).get()
    later = logged + timedelta(minutes=2)
    log(station, ("in", 2, "e", "MeterValues", '[2,"e","MeterValues",{}]'), at=later)
    assert found(operator, station, f"?since={sort_key(newest)}")[0] == "MeterValues"
    with tenant_transaction(station.tenant_id):
        last = LoggedMessage.objects.get(message_id="e")
    assert found(operator, station, f"?since={sort_key(last)}") == ["MeterValues"]
    assert len(found(operator, station, "?since=nonsense")) == 5


def test_a_long_log_is_read_page_by_page(operator: Client, station: ChargePoint) -> None:
    at = timezone.now().replace(microsecond=0) - timedelta(minutes=30)
    log(
        station,
        *((("in", 2, f"m{number}", "Heartbeat", f'[2,"m{number}","Heartbeat",{{}}]')) for number in range(70)),
        at=at,
    )
    url = page("charge_point_log", station)
    first = text_of(operator, url)
    cursor = first.rpartition("cursor=")[2].partition('"')[0]
    second = text_of(operator, f"{url}?cursor={cursor}")
    ids = [f"<code>m{number}</code>" for number in range(70)]
    assert [sum(one in body for one in ids) for body in (first, second)] == [50, 20]
    assert not any(one in first and one in second for one in ids)
    assert "<summary>" not in text_of(operator, f"{url}?cursor=nonsense")


def test_the_log_is_taken_away_as_csv_and_json_lines(operator: Client, station: ChargePoint, logged: datetime) -> None:
    url = page("charge_point_log_export", station)
    lines = text_of(operator, f"{url}?as=csv&action=Reset").splitlines()
    assert lines[0].startswith("timestamp,chargePointId,direction")
    assert len(lines) == 2
    assert "CP1,out,Call,b,Reset,FormationViolation,1000" in lines[1]
    rows = [json.loads(line) for line in text_of(operator, f"{url}?as=jsonl").splitlines()]
    assert [row["action"] for row in rows] == ["", "Heartbeat", "Reset", "StatusNotification"]
    assert rows[0]["frame"] == "[2,d"
    assert rows[3]["frame"][3] == {"connectorId": 1, "status": "Available"}
    assert rows[3]["reply"] == [3, "a", {}]
    assert operator.get(f"{url}?as=xml").status_code == 400
    with tenant_transaction(station.tenant_id):
        assert AuditEntry.objects.filter(action="export", actor="oscar").count() == 2


def test_what_is_rare_is_looked_for_in_the_last_hour_of_all(operator: Client, station: ChargePoint) -> None:
    now = timezone.now()
    log(station, ("in", 2, "old", "Heartbeat", "[2]"), at=now - timedelta(hours=2))
    log(station, ("in", 2, "new", "Heartbeat", "[2]"), at=now - timedelta(minutes=2))
    url = reverse("admin:message_log")
    both = text_of(operator, url)
    assert "<code>old</code>" in both
    rare = text_of(operator, f"{url}?action=Heartbeat")
    assert "the last hour is searched" in rare
    assert "<code>old</code>" not in rare
    assert "<code>new</code>" in rare
    assert "<code>old</code>" in text_of(operator, f"{url}?action=Heartbeat&station=cp1")
    assert "no such charge point" in text_of(operator, f"{url}?station=CP77")


def test_frames_are_shown_to_the_letter() -> None:
    frame = '[2,"a","X",{"big":123456789012345678901234567890,"money":1.10,"text":"a, {b}","none":[],"deep":[{"x":1}]}]'
    shown = indented(payload_text(frame))
    assert '"big": 123456789012345678901234567890' in shown
    assert '"money": 1.10' in shown
    assert '"text": "a, {b}"' in shown
    assert json.loads(shown)["deep"] == [{"x": 1}]
    assert indented("[" * 400).count("\n") == 399
    assert indented('{"cut off": [1, ') == '{\n  "cut off": [\n    1,\n    '
    assert gist('[3,"a",{"status":"Accepted","on":true,"list":[1]}]') == "status Accepted · on true"
    assert gist("nothing") == gist("[2,d") == ""


# --- sessions, alerts, notes, history ---


def sessions_in(shown: str) -> int:
    return len(re.findall(r"/chargepoints/transaction/\d+/change/", shown))


def test_sessions_are_filtered_and_paged(operator: Client, station: ChargePoint) -> None:
    for number in range(60):
        make_session(
            station,
            str(number),
            started_at=NOON + timedelta(hours=number),
            state="stopped",
            stopped_at=NOON + timedelta(hours=number, minutes=65),
            meter_stop_wh=Decimal(8500),
            id_tag="RARE" if number == 3 else "TAG",
        )
    url = page("charge_point_sessions", station)
    first = text_of(operator, url)
    assert "1:05 h" in first
    assert ">7.50<" in first
    assert sessions_in(first) == 50
    older = first.rpartition("cursor=")[2].partition('"')[0]
    assert sessions_in(text_of(operator, f"{url}?cursor={older}")) == 10
    assert sessions_in(text_of(operator, f"{url}?id_tag=rare")) == 1
    assert sessions_in(text_of(operator, f"{url}?start=2026-11-02&end=2026-11-02")) == 24
    assert "No session fits" in text_of(operator, f"{url}?state=active")
    assert "whole number" in text_of(operator, f"{url}?connector=x")


def test_alerts_are_acknowledged_and_resolved_on_the_spot(operator: Client, station: ChargePoint) -> None:
    with tenant_transaction(station.tenant_id):
        alert = Alert.objects.create(
            tenant_id=station.tenant_id,
            charge_point=station,
            kind="fault",
            severity="critical",
            key="fault",
            detail="GroundFailure",
            started_at=NOON,
            last_at=NOON,
        )
    url = page("charge_point_alerts", station)
    assert "GroundFailure" in text_of(operator, url)
    operator.post(url, {"do": "acknowledge", "alert": alert.pk, "text": "on my way"})
    assert "on my way" in text_of(operator, url)
    asked = operator.post(url, {"do": "resolve", "alert": alert.pk}, follow=True).content.decode()
    assert "Say why they are over" in asked
    operator.post(url, {"do": "resolve", "alert": alert.pk, "text": "relay changed"})
    with tenant_transaction(station.tenant_id):
        alert = Alert.objects.get()
    assert (alert.status, alert.acknowledged_by) == ("resolved", "oscar")
    shown = text_of(operator, url)
    assert "None: all is well." in shown
    assert "relay changed" in shown
    assert operator.post(url, {"do": "delete", "alert": alert.pk}).status_code == 404


def test_notes_are_kept_with_who_and_when_and_ones_own_can_go(
    operator: Client, tenant: Tenant, alice: User, station: ChargePoint
) -> None:
    url = page("charge_point_notes", station)
    operator.post(url, {"text": "Cable <changed>"})
    with tenant_transaction(tenant.pk):
        mine = ChargePointNote.objects.get()
        theirs = ChargePointNote.objects.create(tenant=tenant, charge_point=station, author="alice", text="Key: 7")
    shown = text_of(operator, url)
    assert "Cable &lt;changed&gt;" in shown
    assert f'value="{mine.pk}"' in shown
    assert f'value="{theirs.pk}"' not in shown
    assert "Key: 7" in text_of(operator, home(station))
    assert operator.post(url, {"delete": theirs.pk}).status_code == 404
    assert operator.post(url, {"delete": mine.pk}).status_code == 302
    assert operator.post(url, {"text": " "}).status_code == 200
    assert office(alice).post(url, {"delete": theirs.pk}).status_code == 302
    with tenant_transaction(tenant.pk):
        assert not ChargePointNote.objects.exists()
        gone = AuditEntry.objects.filter(action="delete note", actor="oscar").get()
    assert gone.changes == {"note": ["Cable <changed>", None], "author": "oscar"}


def test_notes_of_another_station_do_not_go_from_here(alice: User, tenant: Tenant, station: ChargePoint) -> None:
    other = make_station(tenant, "CP2")
    with tenant_transaction(tenant.pk):
        note = ChargePointNote.objects.create(tenant=tenant, charge_point=other, author="alice", text="x")
    for asked in (note.pk, "x", "9" * 30):
        assert office(alice).post(page("charge_point_notes", station), {"delete": asked}).status_code == 404


def test_the_history_shows_before_and_after_and_commands(operator: Client, station: ChargePoint) -> None:
    operator.post(home(station), {"name": "Gate", "tags": "[]", "notes": "", "send_unasked": "on"})
    operator.post(page("charge_point_reset", station), {"kind": "Soft"})
    with tenant_transaction(station.tenant_id):
        record(actor="x", origin="api", action="change", target=make_station_row(station), changes={"name": ["", "no"]})
        command = Command.objects.get()
    url = page("charge_point_history", station)
    shown = text_of(operator, url)
    assert '<td class="office-value office-text">Gate</td>' in shown
    assert f"?sent={command.pk}" in shown
    assert "&quot;type&quot;: &quot;Soft&quot;" in shown
    assert ">no<" not in shown
    assert "Gate" not in text_of(operator, f"{url}?action=reset")
    assert "Nothing fits" in text_of(operator, f"{url}?actor=nobody")


def make_station_row(station: ChargePoint) -> ChargePoint:
    """Another one's entries aren't shown."""
    return ChargePoint(pk=station.pk + 1, tenant_id=station.tenant_id, identity="CP2")


@pytest.mark.parametrize(
    "name", ["live", "log", "log_tail", "log_export", "sessions", "alerts", "notes", "history", "settings", "reset"]
)
def test_to_another_tenant_it_does_not_exist(charlie: User, station: ChargePoint, name: str) -> None:
    stranger = office(charlie)
    assert stranger.get(page(f"charge_point_{name}", station)).status_code == 404
    assert stranger.post(page(f"charge_point_{name}", station), {"kind": "Soft"}).status_code == 404


def test_a_command_of_another_station_is_not_shown_here(operator: Client, tenant: Tenant, station: ChargePoint) -> None:
    other = make_station(tenant, "CP2")
    with tenant_transaction(tenant.pk):
        command = Command.objects.create(
            tenant=tenant, charge_point=other, action="ClearCache", requested_by="x", origin="api"
        )
    for asked in (command.pk, "nonsense"):
        shown = text_of(operator, page("charge_point_send", station) + f"?sent={asked}")
        assert "data-refresh=" not in shown
