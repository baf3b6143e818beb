"""The page of a session in a browser: it follows what happens, asks once before a stop, and shows what came of it."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from chargepoints.models import Command, Site, StatusChange, Transaction
from tenants.context import tenant_transaction
from tenants.models import Tenant, User
from tests.admin.readings_data import make_busy
from tests.api.conftest import bring_online, make_session, make_station
from tests.browser.axe import assert_fits, faults
from tests.browser.conftest import Open
from tests.browser.ways import follow

pytestmark = pytest.mark.browser
HOUR = timedelta(hours=1)


@pytest.fixture
def session(tenant: Tenant, db: None) -> Transaction:
    """Running for two hours at a station that is online, plugged in shortly before."""
    now = datetime.now(UTC).replace(microsecond=0)
    station = make_station(tenant)
    bring_online(station)
    session = make_session(
        station,
        started_at=now - 2 * HOUR,
        start_received_at=now - 2 * HOUR,
        last_register_wh=Decimal(20000),
        last_power_w=Decimal(6240),
        last_reading_at=now,
    )
    make_busy(station, now, session_id=session.pk)
    with tenant_transaction(tenant.pk):
        site = Site.objects.create(tenant=tenant, name="Depot")
        type(station).objects.update(site=site)
        for status, minutes in (("Preparing", -2), ("Charging", 1)):
            at = session.started_at + timedelta(minutes=minutes)
            StatusChange.objects.create(
                tenant=tenant,
                charge_point=station,
                evse_number=1,
                status=status,
                error_code="NoError",
                at=at,
                received_at=at,
            )
    return session


def address(session: Transaction) -> str:
    return f"/admin/chargepoints/transaction/{session.pk}/change/"


def test_one_question_and_then_the_answer_on_the_same_page(
    session: Transaction, tenant: Tenant, alice: User, signed_in: Open
) -> None:
    page = signed_in(address(session))
    page.click(".session-bar .office-buttons >> text=Stop charging")
    dialog = page.locator("#stop-question")
    expect(dialog).to_be_visible()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.click(".session-bar .office-buttons >> text=Stop charging")
    follow(page, dialog.locator("button[type=submit]"))
    expect(page.locator(".session-stop")).to_contain_text("Stop asked for by alice")
    page.evaluate("window.notReloaded = true")
    with tenant_transaction(tenant.pk):
        Command.objects.update(state="accepted", finished_at=timezone.now())
    expect(page.locator(".session-stop")).to_contain_text("The station agreed")
    assert page.evaluate("window.notReloaded"), "the answer needs no reload"
    with tenant_transaction(tenant.pk):
        Transaction.objects.update(
            state="stopped",
            stopped_at=timezone.now(),
            stop_received_at=timezone.now(),
            meter_stop_wh=Decimal(20100),
            stop_reason="Remote",
            stopped_by="alice",
        )
    expect(page.locator(".session-reason")).to_have_text("Stopped remotely (alice)")
    expect(page.locator(".session-figures")).to_contain_text("19.100 kWh")
    expect(page.locator(".session-bar .office-buttons")).to_have_count(0)
    expect(page.locator(".session-timeline")).to_contain_text("Session stopped")


def test_figures_and_what_happens_follow_without_a_reload(
    session: Transaction, tenant: Tenant, alice: User, signed_in: Open
) -> None:
    page = signed_in(address(session))
    expect(page.locator(".session-figures")).to_contain_text("6.2 kW")
    page.evaluate("window.notReloaded = true")
    now = timezone.now()
    with tenant_transaction(tenant.pk):
        Transaction.objects.update(last_power_w=Decimal(21900))
        StatusChange.objects.create(
            tenant=tenant,
            charge_point=session.charge_point,
            evse_number=1,
            status="SuspendedEV",
            error_code="NoError",
            at=now,
            received_at=now,
        )
    expect(page.locator(".session-figures")).to_contain_text("21.9 kW")
    expect(page.locator(".session-timeline")).to_contain_text("Paused by the car")
    assert page.evaluate("window.notReloaded")


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
def test_it_fits_every_screen_and_everybody_can_read_it(
    session: Transaction, alice: User, signed_in: Open, width: int, scheme: str
) -> None:
    page = signed_in(address(session), width, scheme)
    expect(page.locator("[data-range]")).not_to_be_empty()
    assert faults(page, ".session-page") == []


def test_the_list_stands_on_every_screen(session: Transaction, alice: User, signed_in: Open) -> None:
    for width in (1440, 390):
        page: Any = signed_in("/admin/chargepoints/transaction/", width)
        expect(page.locator("#result_list")).to_contain_text("TAG")
        assert_fits(page)
