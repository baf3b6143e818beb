"""Charts in a browser: drawn, zoomed by the server, recoloured with the theme, read without seeing them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import expect

from chargepoints.models import Transaction
from metering.aggregation.periods import period_start
from metering.models import Period
from tenants.context import system_transaction
from tenants.models import Tenant
from tests.admin.readings_data import add_bucket, make_busy
from tests.api.conftest import make_session, make_station
from tests.browser.axe import assert_fits
from tests.browser.conftest import Open
from tests.browser.ways import come_to_rest

pytestmark = pytest.mark.browser
HOUR = timedelta(hours=1)
# Pixels of the canvas in its first line's colour.
DRAWN = """
(canvas) => {
  const wanted = Chart.getChart(canvas).data.datasets[0].borderColor;
  const probe = document.createElement("canvas").getContext("2d");
  probe.fillStyle = wanted; probe.fillRect(0, 0, 1, 1);
  const [red, green, blue] = probe.getImageData(0, 0, 1, 1).data;
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let found = 0;
  for (let i = 0; i < data.length; i += 4) {
    const off = Math.abs(data[i] - red) + Math.abs(data[i + 1] - green) + Math.abs(data[i + 2] - blue);
    if (data[i + 3] > 200 && off < 12) found += 1;
  }
  return found;
}
"""
COLOUR = "(canvas) => Chart.getChart(canvas).data.datasets[0].borderColor"
IS_DRAWN = f"(key) => ({DRAWN})(document.querySelector(`[data-chart=${{key}}] canvas`)) > 20"


@pytest.fixture
def session(tenant: Tenant) -> Transaction:
    """Running for two hours, two connectors' worth of energy in November."""
    with system_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(timezone="Asia/Kolkata")
    now = datetime.now(UTC).replace(microsecond=0)
    station = make_station(tenant)
    session = make_session(station, started_at=now - 2 * HOUR, start_received_at=now - 2 * HOUR)
    make_busy(station, now, session_id=session.pk)
    today = period_start(now, Period.DAY, ZoneInfo("Asia/Kolkata"))
    # The day that still runs: midnight may pass before it is looked at.
    for start in (today, today + 24 * HOUR):
        for number in (1, 2):
            add_bucket(station, start, start + 24 * HOUR, 25000, period=Period.DAY, evse_number=number, estimated=True)
    return session


@pytest.fixture
def open_page(signed_in: Open) -> Open:
    """A signed-in page of some width and scheme, its charts loaded."""

    def open_charts(path: str, width: int = 1440, scheme: str = "light") -> Any:
        page = signed_in(path, width, scheme)
        expect(page.locator("[data-range]")).not_to_be_empty()
        come_to_rest(page)
        return page

    return open_charts


def readings_of(session: Transaction) -> str:
    return f"/admin/chargepoints/chargepoint/{session.charge_point_id}/readings/"


def page_of(session: Transaction) -> str:
    return f"/admin/chargepoints/transaction/{session.pk}/change/"


def asked_by(page: Any, act: Any, sought: str = "") -> dict[str, str]:
    """The parameters of the request for data that `act` causes, once the charts show what came of it.

    `sought`: what the address has that those of charts that follow by themselves have not.
    """
    shown = page.locator("[data-range]")
    before = shown.inner_text()
    with page.expect_response(lambda answer: "/readings/data/" in answer.url and sought in answer.url) as caught:
        act()
    assert caught.value.status == 200
    expect(shown).not_to_have_text(before)
    return {name: found[0] for name, found in parse_qs(urlsplit(caught.value.url).query).items()}


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (1440, "dark"), (390, "light"), (390, "dark")])
def test_charts_are_drawn(session: Transaction, open_page: Open, width: int, scheme: str) -> None:
    page = open_page(readings_of(session), width, scheme)
    for key in ("power", "current", "voltage", "soc", "temperature", "energy"):
        page.wait_for_function(IS_DRAWN, arg=key)
    page.wait_for_function("Chart.getChart(document.querySelector('[data-bars] canvas')).data.datasets.length === 1")
    expect(page.locator("[data-bars-title]")).to_have_text(re.compile(r"\w{3}"))
    page.wait_for_selector("text=Last readings")
    assert_fits(page)
    page.goto(page.url.partition("/admin/")[0] + page_of(session))
    expect(page.locator("[data-range]")).not_to_be_empty()
    for key in ("curve", "energy", "current", "voltage"):
        page.wait_for_function(IS_DRAWN, arg=key)
    assert_fits(page)


def test_dragging_asks_for_the_range_and_a_double_click_goes_back(session: Transaction, open_page: Open) -> None:
    page = open_page(readings_of(session) + "?hours=6")
    canvas = page.locator("[data-chart=power] canvas")
    mark = page.locator("[data-chart-mark]")

    def drag() -> None:
        width = canvas.bounding_box()["width"]
        # Once it stands still in view.
        canvas.hover(position={"x": width * 0.5, "y": 80})
        page.mouse.down()
        box = canvas.bounding_box()
        page.mouse.move(box["x"] + width * 0.75, box["y"] + 90, steps=4)
        page.mouse.up()

    asked = asked_by(page, drag, "start=")
    start, end = (datetime.fromisoformat(asked[name]) for name in ("start", "end"))
    assert HOUR < end - start < 2 * HOUR
    expect(mark).to_have_text(re.compile("^not refreshing"))
    scale = "Chart.getChart(document.querySelector('[data-chart=voltage] canvas')).scales.x"
    bounds = page.evaluate(f"[{scale}.min, {scale}.max]")
    assert bounds == [start.timestamp() * 1000, end.timestamp() * 1000], "all charts share the range"
    expect(page).to_have_url(re.compile("start="))
    page.reload()
    expect(mark).to_have_text(re.compile("^not refreshing"))
    asked = asked_by(page, lambda: canvas.dblclick(position={"x": 200, "y": 90}))
    assert asked["hours"] == "24"


def test_the_keyboard_zooms_and_moves(session: Transaction, open_page: Open) -> None:
    page = open_page(readings_of(session))

    def press(selector: str, sought: str) -> dict[str, str]:
        page.focus(selector)
        return asked_by(page, lambda: page.keyboard.press("Enter"), sought)

    assert press("[data-hours='168']", "hours=168")["hours"] == "168"
    page.wait_for_selector("[data-hours='168'][aria-pressed=true]")
    asked = press("[data-zoom=in]", "start=")
    lengths = datetime.fromisoformat(asked["end"]) - datetime.fromisoformat(asked["start"])
    assert lengths == timedelta(hours=84)
    earlier = press("[data-zoom=earlier]", "start=")
    assert datetime.fromisoformat(earlier["end"]) < datetime.fromisoformat(asked["end"])
    assert press("[data-zoom=reset]", "hours=24") == {"hours": "24", "connector": "1"}


def test_a_session_is_zoomed_within_and_back(session: Transaction, open_page: Open) -> None:
    page = open_page(page_of(session))
    assert "start" in asked_by(page, lambda: page.click("[data-zoom=in]"), "start=")
    assert asked_by(page, lambda: page.click("[data-whole]")) == {}


def test_the_theme_recolours_without_a_reload(session: Transaction, open_page: Open) -> None:
    page = open_page(readings_of(session))
    canvas = page.locator("[data-chart=power] canvas")
    light = canvas.evaluate(COLOUR)
    page.evaluate("window.stillHere = true")
    # From the system's scheme to light, from light to dark.
    page.keyboard.press("Control+e")
    page.keyboard.press("Control+e")
    page.wait_for_selector("html.dark")
    page.wait_for_function(
        "(light) => Chart.getChart(document.querySelector('[data-chart=power] canvas')).data.datasets[0].borderColor !== light",
        arg=light,
    )
    page.wait_for_function(IS_DRAWN, arg="power")
    assert page.evaluate("window.stillHere")


def test_hovering_shows_value_unit_and_the_tenants_time(session: Transaction, open_page: Open) -> None:
    page = open_page(readings_of(session) + "?hours=1")
    canvas = page.locator("[data-chart=current] canvas")
    canvas.hover(position={"x": canvas.bounding_box()["width"] * 0.6, "y": 100})
    # Shown and read at once: the charts follow what comes.
    tip = page.wait_for_function(
        "() => { const tip = Chart.getChart(document.querySelector('[data-chart=current] canvas')).tooltip;"
        " return tip.opacity > 0 && [tip.title[0], tip.body.map((part) => part.lines[0])]; }"
    ).json_value()
    assert "GMT+5:30" in tip[0]
    assert [line.partition(":")[0] for line in tip[1]] == ["Import L1", "Import L2", "Import L3"]
    assert all(line.endswith(" A") for line in tip[1])


def test_charts_can_be_read_without_seeing_them(session: Transaction, open_page: Open) -> None:
    page = open_page(readings_of(session))
    expect(page.locator("[data-chart=power] canvas")).to_have_attribute(
        "aria-label", re.compile(r"^Power\. Import: last ")
    )
    page.click("[data-chart=current] summary")
    table = page.locator("[data-chart=current] table")
    expect(table.locator("thead th")).to_have_text(["Time", "Import L1", "Import L2", "Import L3"])
    expect(table.locator("tbody tr")).to_have_count(120)
    page.click("[data-bars] summary")
    bars = page.locator("[data-bars] table")
    expect(bars).to_contain_text("kWh")
    expect(bars).to_contain_text("still running, estimated")


def test_a_line_is_hidden_by_its_key_and_stays_hidden(session: Transaction, open_page: Open) -> None:
    page = open_page(readings_of(session))
    page.click("[data-chart=current] .chart-key >> nth=1")
    asked_by(page, lambda: page.click("[data-hours='1']"), "hours=1&")
    page.wait_for_selector("[data-hours='1'][aria-pressed=true]")
    shown = page.evaluate(
        "(() => { const chart = Chart.getChart(document.querySelector('[data-chart=current] canvas'));"
        " return chart.data.datasets.map((_, index) => chart.isDatasetVisible(index)); })()"
    )
    assert shown == [True, False, True]


def test_bars_switch_their_period_and_go_back_in_time(session: Transaction, open_page: Open) -> None:
    page = open_page(readings_of(session))
    title = page.locator("[data-bars-title]")
    expect(title).to_have_text(re.compile(r"\w{3}"))
    expect(page.locator("[data-go=next]")).to_be_disabled()
    before = title.inner_text()
    page.click("[data-go=previous]")
    expect(title).not_to_have_text(before)
    expect(page.locator("[data-go=next]")).to_be_enabled()
    page.click("[data-go=now]")
    page.click("[data-period=month]")
    page.wait_for_selector("[data-period=month][aria-pressed=true]")
    page.wait_for_function("Chart.getChart(document.querySelector('[data-bars] canvas')).data.labels.length === 12")


def test_readings_of_a_session_are_paged_in_place(session: Transaction, open_page: Open) -> None:
    page = open_page(page_of(session))
    row = page.locator("#session-readings tbody tr").first
    first = row.text_content()
    page.click("#session-readings >> text=Older")
    page.wait_for_selector("#session-readings >> text=Newest")
    expect(row).not_to_have_text(first)
    come_to_rest(page)
    page.click("#session-readings >> text=Newest")
    page.wait_for_selector("#session-readings >> text=Newest", state="detached")
    expect(row).to_have_text(first)
