"""An operator at the page of a charge point: every tab at a desk and on a phone, and what changes without a reload."""

from datetime import timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from chargepoints.models import ChargePoint, Command, CommandState, Connector
from metering.models import Alert
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.api.conftest import bring_online, make_session, make_station
from tests.browser.axe import faults
from tests.browser.conftest import Open
from tests.browser.ways import come_to_rest, follow
from tests.conftest import superuser

pytestmark = pytest.mark.browser

TABS = (
    *("change", "readings", "sessions", "alerts", "profiles", "send", "configuration", "log", "files", "local-list"),
    *("security", "notes", "history", "settings", "act/reset", "act/stop", "send/?action=Reset"),
)


def log_line(station: ChargePoint, kind: int, direction: str, message_id: str, action: str, payload: str) -> None:
    superuser().execute(
        "INSERT INTO chargepoints_message (at, tenant_id, charge_point_id, connection_id, direction, kind, message_id,"
        " action, payload, error_code, note) VALUES (now(), %s, %s, %s, %s, %s, %s, %s, %s, '', '')",
        [station.tenant_id, station.pk, CONNECTION, direction, kind, message_id, action, payload],
    )


CONNECTION = uuid4()


@pytest.fixture
def station(tenant: Tenant) -> ChargePoint:
    """Online, charging, with a fault in its past and an open alert."""
    made = make_station(tenant)
    bring_online(made)
    make_session(made, last_register_wh=Decimal(9000), last_power_w=Decimal(7200), last_reading_at=timezone.now())
    with tenant_transaction(tenant.pk):
        Connector.objects.update(status="Charging", error_code="NoError")
        now = timezone.now()
        Alert.objects.create(
            tenant=tenant,
            charge_point=made,
            kind="clock",
            severity="warning",
            key="clock",
            detail="Its clock is 43 s ahead.",
            started_at=now - timedelta(hours=1),
            last_at=now,
        )
    log_line(made, 2, "in", "m1", "StatusNotification", '[2,"m1","StatusNotification",{"connectorId":1}]')
    log_line(made, 3, "out", "m1", "StatusNotification", '[3,"m1",{}]')
    return made


def path_of(station: ChargePoint, tab: str) -> str:
    return f"/admin/chargepoints/chargepoint/{station.pk}/{tab}{'' if '?' in tab else '/'}"


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_every_tab_fits_and_can_be_read_by_all(
    web: str, signed_in: Open, station: ChargePoint, width: int, scheme: str
) -> None:
    page = signed_in(path_of(station, "change"), width, scheme)
    wrong: dict[str, list[str]] = {}
    for tab in TABS:
        page.goto(web + path_of(station, tab))
        page.wait_for_selector(".office-tabs [aria-current=page]")
        come_to_rest(page)
        row = page.evaluate(
            "(() => { const row = document.querySelector('.office-tabs').getBoundingClientRect(),"
            " now = document.querySelector('.office-tabs [aria-current]').getBoundingClientRect();"
            " return [now.left - row.left, row.right - now.right]; })()"
        )
        assert min(row) > -1, (tab, "the active tab is in view", row)
        if found := faults(page):
            wrong[tab] = found
    assert not wrong, "\n".join(f"{tab}: {found}" for tab, found in wrong.items())


def test_the_overview_follows_and_two_clicks_restart(web: str, signed_in: Open, station: ChargePoint) -> None:
    page = signed_in(path_of(station, "change"))
    page.wait_for_selector("text=7.2 kW")
    with tenant_transaction(station.tenant_id):
        Connector.objects.update(status="Faulted", error_code="GroundFailure")
    page.wait_for_selector("text=GroundFailure")
    follow(page, ".station-buttons >> text=Restart")
    page.wait_for_selector("text=1 session is running: it ends.")
    follow(page, "button:has-text('Restart')")
    page.wait_for_selector("text=Waiting for the station")
    with tenant_transaction(station.tenant_id):
        command = Command.objects.get()
        Command.objects.update(state=CommandState.ACCEPTED, reply={"status": "Accepted"})
    page.wait_for_selector("text=Reply")
    assert str(command.pk) in page.url
    assert reverse("admin:charge_point_send", args=[station.pk]) in page.url


KEEPS_TEXTS = """
(button) => {
  window.texts = [];
  new MutationObserver(() => window.texts.push(button.textContent)).observe(button, { childList: true });
}
"""


def test_the_log_grows_by_itself_and_what_is_open_stays_open(web: str, signed_in: Open, station: ChargePoint) -> None:
    page = signed_in(path_of(station, "log"))
    page.click("summary:has-text('StatusNotification')")
    page.wait_for_selector("pre:has-text('connectorId') >> visible=true")
    log_line(station, 2, "out", "m2", "Reset", '[2,"m2","Reset",{"type":"Soft"}]')
    page.wait_for_selector("summary:has-text('Reset'):has-text('no answer')")
    log_line(station, 3, "in", "m2", "Reset", '[3,"m2",{"status":"Accepted"}]')
    page.wait_for_selector("summary:has-text('Reset'):has-text('status Accepted')")
    expect(page.locator(".log-row")).to_have_count(2)
    assert page.locator(".log-row").first.inner_text().count("Reset") == 1
    expect(page.locator("details[open]:has-text('connectorId')")).to_have_count(1)
    page.click("[data-follow]")
    expect(page.locator("[data-follow]")).to_have_attribute("aria-pressed", "false")
    copy = page.locator(".log-row[open] [data-copy]").first
    # It says so for a moment only.
    copy.evaluate(KEEPS_TEXTS)
    copy.click()
    page.wait_for_function("window.texts.includes('Copied')")


def test_an_alert_is_acknowledged_and_a_note_is_left(web: str, signed_in: Open, station: ChargePoint) -> None:
    page = signed_in(path_of(station, "alerts"), 390)
    page.fill("#alert-text", "on my way")
    follow(page, "button:has-text('Acknowledge')")
    page.wait_for_selector("text=on my way")
    page.goto(web + path_of(station, "notes"))
    page.fill("textarea", "The key is at reception.")
    follow(page, "button:has-text('Keep')")
    page.wait_for_selector("article:has-text('The key is at reception.')")
    page.goto(web + path_of(station, "change"))
    page.wait_for_selector("text=The key is at reception.")
