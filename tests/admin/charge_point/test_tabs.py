"""The tabs of a charge point's page: sessions, alerts, notes, history; and whose station it is."""

import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.test import Client

from chargepoints.models import (
    ChargePoint,
    ChargePointNote,
    Command,
)
from metering.models import Alert
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Tenant, User
from tenants.services.audit import record
from tests.admin.charge_point.cast import NOON, home, page, text_of
from tests.admin.conftest import office
from tests.api.conftest import make_session, make_station


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
