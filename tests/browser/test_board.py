"""The live board in a browser: what happens at the stations shows without a reload."""

import re
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from chargepoints.models import Connector, Gateway, Site, StationConnection, Transaction
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Tenant, User
from tests.api.conftest import make_session, make_station
from tests.browser.conftest import PATIENCE_MS, Open

pytestmark = pytest.mark.browser


@pytest.fixture
def fleet(tenant: Tenant, db: None) -> list[Any]:
    """Four stations at two places: one charges, one is faulted, one free, one offline."""
    with system_transaction():
        now = timezone.now()
        gateway = Gateway.objects.create(id=uuid4(), host="here", pid=1, channel="here", started_at=now, seen_at=now)
    stations = [make_station(tenant, f"CP{number}") for number in range(1, 5)]
    make_session(stations[0], "1")
    with tenant_transaction(tenant.pk):
        depot = Site.objects.create(tenant=tenant, name="Depot")
        type(stations[0]).objects.filter(pk__in=[stations[0].pk, stations[1].pk]).update(site=depot)
        Transaction.objects.update(last_power_w=Decimal(11000), last_register_wh=Decimal(9500), started_at=now)
        for station, status in zip(stations, ["Charging", "Faulted", "Available", "Available"], strict=True):
            Connector.objects.filter(charge_point=station).update(status=status, status_at=now)
        for station in stations[:3]:
            StationConnection.objects.create(
                tenant=tenant,
                charge_point=station,
                connection_id=uuid4(),
                gateway=gateway,
                remote_address="10.0.0.2",
                ocpp_version="1.6",
                connected_at=now,
                last_message_at=now,
            )
    return stations


def test_power_rises_and_a_fault_shows_without_a_reload(
    fleet: list[Any], tenant: Tenant, alice: User, signed_in: Open
) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    page = signed_in("/admin/board/")
    tile = page.locator(".board-tile", has_text="CP1")
    expect(tile).to_contain_text("11.0 kW")
    expect(tile).to_have_class(re.compile("board-busy"))
    expect(page.locator(".board-tile", has_text="CP2")).to_contain_text("Faulted")
    expect(page.locator(".board-tile", has_text="CP4")).to_have_class(re.compile("board-off"))
    expect(page.locator("[data-mark]")).to_have_text("live")
    page.evaluate("window.notReloaded = true")
    with tenant_transaction(tenant.pk):
        Transaction.objects.update(last_power_w=Decimal(21900))
        Connector.objects.filter(charge_point=fleet[2]).update(status="Faulted", error_code="GroundFailure")
    expect(tile).to_contain_text("21.9 kW")
    expect(page.locator(".board-tile", has_text="CP3")).to_contain_text("Faulted: GroundFailure")
    assert page.evaluate("window.notReloaded")


def test_filters_stand_in_the_address_and_hold_after_a_reload(fleet: list[Any], alice: User, signed_in: Open) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    page = signed_in("/admin/board/")
    expect(page.locator(".board-tile")).to_have_count(4)
    page.select_option("select[name=site]", label="Depot")
    page.click(".board-counts button:has-text('Faulted')")
    expect(page.locator(".board-tile:visible")).to_have_count(1)
    assert "status=Faulted" in page.url
    page.reload()
    expect(page.locator(".board-tile:visible")).to_have_count(1)
    expect(page.locator(".board-tile:visible")).to_contain_text("CP2")
    page.click("text=Show all")
    expect(page.locator(".board-tile:visible")).to_have_count(4)
    assert "?" not in page.url


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (390, "light")])
def test_it_fits_every_screen(fleet: list[Any], alice: User, signed_in: Open, width: int, scheme: str) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    page = signed_in("/admin/board/", width, scheme)
    expect(page.locator(".board-tile")).to_have_count(4)
    assert page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth") <= 1


KEEPS_SOCKETS = """
window.sockets = []; window.marks = [];
const Plain = window.WebSocket;
window.WebSocket = class extends Plain { constructor(...given) { super(...given); window.sockets.push(this); } };
new MutationObserver(() => {
  const mark = document.querySelector("[data-mark]");
  if (mark && window.marks.at(-1) !== mark.textContent) window.marks.push(mark.textContent);
}).observe(document, { childList: true, subtree: true, characterData: true });
"""


def test_a_lost_line_is_said_and_all_is_drawn_anew(
    fleet: list[Any], tenant: Tenant, alice: User, signed_in: Open
) -> None:
    expect.set_options(timeout=PATIENCE_MS)
    page = signed_in("/admin/board/")
    page.context.add_init_script(KEEPS_SOCKETS)
    page.reload()
    expect(page.locator("[data-mark]")).to_have_text("live")
    page.evaluate("sockets[0].close()")
    page.wait_for_function("window.sockets.length === 2 && window.marks.at(-1) === 'live'")
    assert page.evaluate("window.marks")[-2:] == ["reconnecting …", "live"]
    with tenant_transaction(tenant.pk):
        Connector.objects.filter(charge_point=fleet[2]).update(status="Preparing")
    expect(page.locator(".board-tile", has_text="CP3")).to_contain_text("Preparing")
