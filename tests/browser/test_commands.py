"""An operator sends commands in a browser: to one charge point, then to all; desk and phone, light and dark."""

import pytest

from chargepoints.models import BulkCommand, Command, CommandState
from chargepoints.services.bulk_progress import advance_bulks
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.api.conftest import bring_online, make_station
from tests.browser.axe import assert_fits
from tests.browser.conftest import Open
from tests.browser.ways import follow
from tests.conftest import wait_until

pytestmark = pytest.mark.browser


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_commands_are_sent_and_watched(web: str, signed_in: Open, tenant: Tenant, width: int, scheme: str) -> None:
    stations = [make_station(tenant, f"CP{number}") for number in range(1, 5)]
    bring_online(*stations[:3])
    page = signed_in(f"/admin/chargepoints/chargepoint/{stations[0].pk}/send/", width, scheme)
    seen = 0

    def fits() -> None:
        nonlocal seen
        seen += 1
        assert_fits(page)

    fits()
    follow(page, "text=SetChargingProfile")
    page.wait_for_selector("textarea[name=payload-csChargingProfiles]")
    fits()
    page.go_back()
    follow(page, "text=Reset")
    page.select_option("select[name=payload-type]", "Soft")
    follow(page, "main button:has-text('Send'), #content button:has-text('Send')")
    page.wait_for_selector("text=Waiting for the station")
    fits()
    with tenant_transaction(tenant.pk):
        Command.objects.update(state=CommandState.ACCEPTED, reply={"status": "Accepted"})
    # Without a click: the part refreshes itself.
    page.wait_for_selector("text=Reply")

    page.goto(f"{web}/admin/chargepoints/chargepoint/")
    for number in range(len(stations)):
        page.locator("input[name=_selected_action]").nth(number).check()
    page.select_option("select[name=action]", "send_to_many")
    follow(page, "button[name=index]")
    follow(page, "button:has-text('ClearCache')")
    page.wait_for_selector("input[name=concurrency]")
    fits()
    follow(page, "button:has-text('Look it over')")
    page.wait_for_selector("text=3 online, 1 offline")
    fits()
    follow(page, "button:has-text('Send to 4 charge points')")
    page.wait_for_selector("text=0 of 4 done")
    # A row that somebody else holds is left to the next round.
    wait_until(advance_bulks)
    with tenant_transaction(tenant.pk):
        Command.objects.filter(state=CommandState.QUEUED).update(state=CommandState.REJECTED)
        assert BulkCommand.objects.get().total == 4
    page.wait_for_selector("text=4 of 4 done")
    fits()
    assert seen == 6
