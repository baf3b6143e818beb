"""The OCPP log on a charge point's page, and that of all of them."""

import json
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chargepoints.admin.frames import gist, indented, payload_text
from chargepoints.admin.message_rows import sort_key
from chargepoints.models import (
    ChargePoint,
    LoggedMessage,
)
from tenants.context import tenant_transaction
from tenants.models import AuditEntry
from tests.admin.charge_point.cast import log, page, text_of


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
