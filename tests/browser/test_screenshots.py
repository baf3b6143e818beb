"""The pictures of the README, taken when they are asked for: CSMS_SCREENSHOTS=1 scripts/test tests/browser/test_screenshots.py.

A company with two weeks of sessions behind it, its stations simulated: they come online and charge.
"""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.urls import reverse
from django.utils import timezone

from chargepoints.models import BulkCommand, ChargePoint, Evse, Site, Transaction
from chargepoints.services.bulk import Order, create_bulk
from chargepoints.services.bulk_progress import advance_bulks
from metering.alerts.tasks import watch_stations
from metering.models import Threshold
from metering.pricing.tasks import make_due_records
from smartcharging.models import Circuit
from smartcharging.services.circuits import create_circuit, update_circuit
from smartcharging.services.members import add_member
from smartcharging.services.rebalance import rebalance_circuit
from smartcharging.tasks import record_fleet_load
from tenants.context import tenant_transaction
from tenants.models import Tenant, User
from tests.admin.conftest import office
from tests.browser.conftest import PATIENCE_MS, ROOT
from tests.browser.past import write_down_days_online, write_down_load
from tests.browser.ways import come_to_rest
from tests.conftest import _empty_tables, make_user
from tests.threads import give_connections_back

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not os.environ.get("CSMS_SCREENSHOTS"), reason="pictures are taken with CSMS_SCREENSHOTS=1"),
]
FOLDER = ROOT / "docs" / "screenshots"
STATIONS, DAYS = 24, 14
# So many charge before pictures are taken; how long that may take; how often the worker's work is done meanwhile.
ENOUGH, PATIENCE_S, PAUSE_S = 10, 180, 3.0
LARGEST_BYTES = 300_000
OFFICE = "Head office"
CAPACITY_A = {
    name: Decimal(amperes)
    for name, amperes in {
        **{OFFICE: 63, "Harbour car park": 100, "Bus depot North": 125, "Shopping centre": 80},
        "Motorway services": 250,
    }.items()
}
DESK, TALL, PHONE = (1440, 900), (1440, 1200), (390, 844)
SIMULATED = "--charge-points {stations} --tenant {tenant} --sample-interval 3 --speed 6 --offline-every 1000000"


@dataclass(frozen=True, slots=True)
class Company:
    tenant: Tenant
    olga: User
    circuit: Circuit


@pytest.fixture(scope="module")
def company(web_process: str, django_db_setup: None, django_db_blocker: Any) -> Iterator[Company]:
    with django_db_blocker.unblock():
        try:
            made = _make_company()
            with _simulated(web_process, made.tenant):
                _work_until(made, lambda: _charging(made) >= ENOUGH)
                # Limits are out, and cars follow them.
                _work_until(made, lambda: time.monotonic() > end, end := time.monotonic() + 20)
                yield made
        finally:
            give_connections_back()
            _empty_tables()


def _make_company() -> Company:
    with open(os.devnull, "w") as nowhere:
        call_command("create_test_data", tenants=1, charge_points=STATIONS, days=DAYS, stdout=nowhere, stderr=nowhere)
    make_due_records()
    tenant, now = Tenant.objects.using("system").get(slug="test-1"), timezone.now()
    Tenant.objects.using("system").filter(pk=tenant.pk).update(
        name="Nordlicht Charging", test_data=False, created_at=now - timedelta(days=DAYS)
    )
    circuit = _make_circuits(tenant)
    _watch_direct_current_too(tenant)
    write_down_load(tenant, now, 3 * 230 * sum(CAPACITY_A.values(), Decimal(0)))
    write_down_days_online(tenant, now, 60)
    return Company(tenant, make_user("olga", tenant), circuit)


def _make_circuits(tenant: Tenant) -> Circuit:
    """A connection for each site with all of its outlets; at the head office with a feeder for alternating current."""
    by = {"actor": "olga", "origin": "admin"}
    with tenant_transaction(tenant.pk):
        sites = {site.name: site for site in Site.objects.all()}
        outlets = list(Evse.objects.filter(number__gt=0).select_related("charge_point__site"))
    values = [{"name": name, "site": site, "capacity": CAPACITY_A[name]} for name, site in sites.items()]
    roots = {one["name"]: create_circuit(tenant=tenant, values=one, **by) for one in values}
    root = update_circuit(circuit=roots[OFFICE], values={"base_load_a": Decimal(12)}, **by)
    garage = {"name": "Garage", "site": sites[OFFICE], "parent": root, "kind": "feeder", "capacity": Decimal(40)}
    feeder = create_circuit(tenant=tenant, values=garage, **by)
    for outlet in outlets:
        station = outlet.charge_point
        circuit = feeder if station.site == sites[OFFICE] and station.model != "DC50" else roots[station.site.name]
        add_member(circuit=circuit, values={"charge_point": station, "evse_number": outlet.number}, **by)
    return root


def _watch_direct_current_too(tenant: Tenant) -> None:
    """The bounds that a fleet with fast chargers has."""
    with tenant_transaction(tenant.pk):
        for measurand, most in (("Voltage", 1000), ("Current.Import", 500), ("Power.Active.Import", 150_000)):
            Threshold.objects.filter(measurand=measurand).update(max_value=Decimal(most))


@contextmanager
def _simulated(web: str, tenant: Tenant) -> Iterator[None]:
    options = SIMULATED.format(stations=STATIONS - 1, tenant=tenant.slug).split()
    address = web.replace("http", "ws", 1)
    process = subprocess.Popen(
        [sys.executable, "-m", "csms.simulator", "--url", address, *options], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _charging(company: Company) -> int:
    with tenant_transaction(company.tenant.pk):
        return Transaction.objects.filter(state="active", last_power_w__gt=0).count()


def _work_until(company: Company, done: Callable[[], bool], end: float | None = None) -> None:
    """Do what a worker does until then."""
    deadline = (end or time.monotonic()) + PATIENCE_S
    while not done():
        assert time.monotonic() < deadline
        rebalance_circuit(tenant_id=company.tenant.pk, root_id=company.circuit.pk, cause="minute")
        record_fleet_load()
        advance_bulks()
        threading.Event().wait(PAUSE_S)
    watch_stations()


Shot = Callable[..., Any]


@pytest.fixture
def shot(company: Company, web_process: str, browser_process: Any) -> Shot:
    """`shot(name, path, ready, scheme=..., size=...)`: the picture of a page once `ready` (a selector) is there."""
    name_of_cookie = settings.SESSION_COOKIE_NAME
    cookie = {"name": name_of_cookie, "value": office(company.olga).cookies[name_of_cookie].value, "url": web_process}

    def take(
        name: str, path: str, ready: str, *, scheme: str = "light", size: tuple[int, int] = DESK, before: Any = None
    ) -> None:
        width, height = size
        context = browser_process.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)
        context.set_default_timeout(PATIENCE_MS)
        context.add_cookies([cookie])
        page = context.new_page()
        page.goto(web_process + path)
        page.wait_for_selector(ready)
        if before is not None:
            before(page)
        come_to_rest(page)
        FOLDER.mkdir(exist_ok=True)
        file = Path(FOLDER / f"{name}.png")
        page.screenshot(path=str(file), animations="disabled")
        context.close()
        assert file.stat().st_size < LARGEST_BYTES, name

    return take


def test_the_pictures_of_the_main_pages(company: Company, shot: Shot) -> None:
    with tenant_transaction(company.tenant.pk):
        active = Transaction.objects.filter(state="active", last_power_w__gt=0)
        running = active.filter(charge_point__model="Post 22 Duo").order_by("started_at")[0]
        # Of a fast charger: its readings are close enough to see the car take less and less.
        ended = Transaction.objects.filter(state="stopped", charge_point__model="DC50").order_by("-started_at")
        best = max(ended[:30], key=lambda one: one.energy_wh or 0)
    power = "[data-power] canvas[aria-label*='now']"
    station = reverse("admin:chargepoints_chargepoint_change", args=[running.charge_point_id])
    session = reverse("admin:chargepoints_transaction_change", args=[best.pk])
    circuit = reverse("admin:smartcharging_circuit_change", args=[company.circuit.pk])
    shot("overview", "/admin/", power)
    shot("overview-dark", "/admin/", power, scheme="dark")
    shot("board", "/admin/board/", ".board-busy")
    shot("board-dark", "/admin/board/", ".board-busy", scheme="dark")
    shot("board-phone", "/admin/board/", ".board-busy", size=PHONE)
    shot("charge-point", station, ".station-connectors")
    shot("session", session, "[data-range]:not(:empty)", size=TALL)
    shot("circuit", circuit, "[data-range]:not(:empty)")


def test_the_picture_of_a_command_to_many(company: Company, shot: Shot) -> None:
    bulk = _ask_all(company)
    shot("bulk", reverse("admin:chargepoints_bulkcommand_change", args=[bulk.pk]), ".bulk-results")


def _ask_all(company: Company) -> BulkCommand:
    """Every station is asked to send its status; one of them is away."""
    order = Order("TriggerMessage", {"requestedMessage": "StatusNotification"}, concurrency=10)
    with tenant_transaction(company.tenant.pk):
        bulk = create_bulk(stations=ChargePoint.objects.all(), order=order, requested_by="olga", origin="admin")

    def ended() -> bool:
        with tenant_transaction(company.tenant.pk):
            return BulkCommand.objects.get(pk=bulk.pk).finished_at is not None

    _work_until(company, ended)
    return bulk
