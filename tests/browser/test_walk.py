"""An operator's day in one go, with a station that answers: from the sign-in to a file that is turned down.

At a desk and on a phone, light and dark; every page on the way fits its window and can be read by all.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from chargepoints.models import BulkCommand, ChargePoint, ConfigurationKey, IdTag, SecurityProfile, StationConnection
from chargepoints.services.bulk_progress import advance_bulks
from metering.alerts.tasks import watch_stations
from metering.models import Alert, RecordDue, Tariff, TariffAssignment
from metering.pricing.tasks import make_due_records
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Tenant, User
from tests.api.conftest import make_station
from tests.browser.axe import look_over
from tests.browser.conftest import Open
from tests.browser.plugged import PluggedStation
from tests.browser.test_bulk_work import WRONG, choose_file
from tests.browser.ways import follow, leaving
from tests.conftest import wait_until

pytestmark = pytest.mark.browser
IDENTITY, DRIVER = "WALL-1", "DRIVER-1"
# 7.5 kWh at 0.40 and one for the start, with a fifth of tax.
ELEMENTS = [
    {
        "price_components": [
            {"type": "ENERGY", "price": 0.40, "vat": 20, "step_size": 1},
            {"type": "FLAT", "price": 1, "vat": 20, "step_size": 1},
        ]
    }
]
COST = "4.80"


@dataclass(frozen=True, slots=True)
class Walk:
    """Whoever walks: their page, and the station at the other end."""

    page: Any
    web: str
    row: ChargePoint
    station: PluggedStation

    def goes_to(self, name: str, *args: Any) -> None:
        self.page.goto(self.web + reverse(f"admin:{name}", args=args))


@pytest.fixture
def row(tenant: Tenant) -> ChargePoint:
    """A station that may charge a known driver at a price."""
    made = make_station(tenant, IDENTITY)
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.update(security_profile=SecurityProfile.NONE)
        IdTag.objects.create(tenant=tenant, token=DRIVER, token_key=DRIVER.lower())
        tariff = Tariff.objects.create(tenant=tenant, name="Standard", currency="EUR", elements=ELEMENTS)
        TariffAssignment.objects.create(tenant=tenant, tariff=tariff)
    return made


@pytest.fixture
def plugged(web: str, row: ChargePoint) -> Iterator[PluggedStation]:
    with PluggedStation(web, f"/ocpp/acme/{IDENTITY}") as station:
        yield station
    # The gateway takes it offline before the tables are emptied.
    wait_until(lambda: not _exists(StationConnection))


def _exists(model: type[Any], **sought: Any) -> bool:
    with system_transaction():
        return bool(model.objects.filter(**sought).exists())


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
def test_an_operator_walks_through_a_day(
    web: str, new_page: Open, alice: User, row: ChargePoint, plugged: PluggedStation, width: int, scheme: str
) -> None:
    walk = Walk(new_page(width, scheme), web, row, plugged)
    signs_in(walk)
    finds_the_station(walk)
    starts_a_session_and_sees_power_rise(walk)
    stops_it_and_reads_the_cost(walk)
    acknowledges_an_alert(walk)
    edits_a_key(walk)
    resets_all_that_match(walk)
    imports_a_file_with_a_fault(walk)


def signs_in(walk: Walk) -> None:
    page = walk.page
    walk.goes_to("index")
    look_over(page, "sign-in")
    page.fill("input[name=username]", "alice")
    page.fill("input[name=password]", "alicealice")
    follow(page, "button[type=submit]")
    expect(page.locator("[data-tile=online]")).to_contain_text("1")
    look_over(page, "overview")


def finds_the_station(walk: Walk) -> None:
    page = walk.page
    page.click("[data-palette-open]:visible")
    expect(page.locator(".palette [role=combobox]")).to_be_focused()
    # At once: a slow typist would be answered in between as well.
    page.keyboard.insert_text("wall")
    expect(page.locator(".palette [role=option]").first).to_contain_text(IDENTITY)
    look_over(page, "search")
    with leaving(page):
        page.keyboard.press("Enter")
    page.wait_for_url(f"**{reverse('admin:chargepoints_chargepoint_change', args=[walk.row.pk])}")
    look_over(page, "charge point")


def starts_a_session_and_sees_power_rise(walk: Walk) -> None:
    page, station = walk.page, walk.station
    follow(page, ".station-buttons >> text=Start a session")
    page.fill("input[name=id_tag]", DRIVER)
    look_over(page, "start")
    follow(page, "button:text-is('Start')")
    page.wait_for_selector("text=Reply")
    look_over(page, "command")
    walk.goes_to("board")
    tile = page.locator(".board-tile", has_text=IDENTITY)
    expect(tile).to_contain_text("Charging")
    expect(tile).to_contain_text(DRIVER)
    page.evaluate("window.notReloaded = true")
    for power_w, shown in ((7400, "7.4 kW"), (11_000, "11.0 kW")):
        station.measure(power_w)
        expect(tile).to_contain_text(shown)
    assert page.evaluate("window.notReloaded")
    look_over(page, "board")
    follow(page, tile)


def _record_is_made() -> int:
    # As if the minute that readings have to come in were over.
    with system_transaction():
        RecordDue.objects.update(due_at=timezone.now())
    return make_due_records()


def stops_it_and_reads_the_cost(walk: Walk) -> None:
    page = walk.page
    page.click(".session-bar .office-buttons >> text=Stop charging")
    expect(page.locator("#stop-question")).to_be_visible()
    look_over(page, "stop?")
    follow(page, "#stop-question button[type=submit]")
    expect(page.locator(".session-reason")).to_contain_text("Stopped remotely")
    # Once it has ended, the page opens itself anew, without the bar.
    expect(page.locator(".session-bar")).to_have_count(0)
    # Not before its readings have been written down.
    wait_until(_record_is_made)
    page.goto(page.url)
    expect(page.locator(".session-figures")).to_contain_text("7.500 kWh")
    expect(page.locator(".session-figures")).to_contain_text(COST)
    look_over(page, "session")


def _alert_is_open() -> bool:
    watch_stations()
    return _exists(Alert, kind=Alert.Kind.FAULT)


def acknowledges_an_alert(walk: Walk) -> None:
    page = walk.page
    walk.station.show_status("Faulted", "GroundFailure")
    wait_until(_alert_is_open)
    walk.goes_to("index")
    follow(page, "[data-tile=alerts] a")
    look_over(page, "alerts")
    follow(page, "#result_list a:has-text('GroundFailure')")
    look_over(page, "alert")
    follow(page, "a:text-is('Acknowledge')")
    look_over(page, "acknowledge?")
    follow(page, "#content button[type=submit]")
    page.wait_for_selector("text=acknowledged")
    walk.station.show_status("Available")


def edits_a_key(walk: Walk) -> None:
    page = walk.page
    # The gateway asked for it when the station came.
    wait_until(lambda: _exists(ConfigurationKey, key="HeartbeatInterval"))
    walk.goes_to("charge_point_configuration", walk.row.pk)
    look_over(page, "configuration")
    follow(page, page.locator("tr", has_text="HeartbeatInterval").locator("a:text-is('Change')"))
    page.fill("[name=value]", "120")
    look_over(page, "key")
    follow(page, "text=Keep and send")
    expect(page.locator("tr", has_text="HeartbeatInterval")).to_contain_text("120")


def _bulk_is_done() -> bool:
    advance_bulks()
    return _exists(BulkCommand, state=BulkCommand.State.FINISHED)


def resets_all_that_match(walk: Walk) -> None:
    page = walk.page
    walk.goes_to("chargepoints_chargepoint_changelist")
    look_over(page, "charge points")
    page.check("#action-toggle")
    page.select_option("select[name=action]", "reset_many")
    follow(page, "button[name=index]")
    page.select_option("select[name=payload-type]", "Soft")
    look_over(page, "reset")
    follow(page, "button:has-text('Look it over')")
    page.wait_for_selector("text=1 online, 0 offline")
    look_over(page, "reset?")
    follow(page, "button:has-text('Send to 1 charge point')")
    page.wait_for_selector("text=0 of 1 done")
    # A row that somebody else holds is left to the next round.
    wait_until(advance_bulks)
    page.wait_for_selector("text=Accepted")
    wait_until(_bulk_is_done)
    page.wait_for_selector("text=1 of 1 done")
    look_over(page, "bulk")
    # It answers before it does what it is told.
    wait_until(lambda: walk.station.resets)
    assert walk.station.resets == ["Soft"]


def imports_a_file_with_a_fault(walk: Walk) -> None:
    page = walk.page
    walk.goes_to("station_import")
    look_over(page, "import")
    choose_file(page, WRONG)
    page.wait_for_selector("text=1 fault: nothing was imported")
    look_over(page, "fault")
    with tenant_transaction(walk.row.tenant_id):
        assert list(ChargePoint.objects.values_list("identity", flat=True)) == [IDENTITY]
