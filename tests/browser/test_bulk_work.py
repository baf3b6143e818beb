"""Work on many and imports in a browser: all that match a filter, one question, progress, once more; a file with a fault."""

from typing import Any

import pytest
from playwright.sync_api import expect

from chargepoints.models import BulkCommand, ChargePoint, Command, CommandState
from chargepoints.services.bulk_progress import advance_bulks
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Tenant
from tests.browser.axe import look_over
from tests.browser.conftest import Open
from tests.browser.ways import follow
from tests.chargepoints.test_bulk import make_fleet
from tests.conftest import wait_until

pytestmark = pytest.mark.browser

WRONG = "identity;name\nNEW-1;Köln\nNEW/2;x\n"
RIGHT = "identity;name\nNEW-1;Köln\nNEW-2;x\n"


def choose_file(page: Any, text: str) -> None:
    file = {"name": "stations.csv", "mimeType": "text/csv", "buffer": text.encode("cp1252")}
    page.set_input_files("input[type=file]", files=[file])
    follow(page, "button:has-text('Check the file')")


def _bulk_is_done() -> bool:
    advance_bulks()
    with system_transaction():
        return bool(BulkCommand.objects.filter(state=BulkCommand.State.FINISHED).exists())


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_a_reset_goes_to_all_that_match_and_again_to_those_that_failed(
    web: str, signed_in: Open, tenant: Tenant, width: int, scheme: str
) -> None:
    make_fleet(tenant, 52, prefix="HERE-")
    make_fleet(tenant, 1, online=False, prefix="AWAY-")
    page = signed_in("/admin/chargepoints/chargepoint/?online=1", width, scheme)
    page.check("#action-toggle")
    # Over both pages, not the fifty that are ticked.
    page.evaluate("document.querySelector('span.question a').click()")
    page.select_option("select[name=action]", "reset_many")
    follow(page, "button[name=index]")
    page.select_option("select[name=payload-type]", "Soft")
    look_over(page)
    follow(page, "button:has-text('Look it over')")
    page.wait_for_selector("text=52 online, 0 offline")
    look_over(page)
    follow(page, "button:has-text('Send to 52 charge points')")
    page.wait_for_selector("text=0 of 52 done")
    for _ in range(2):
        # A row that somebody else holds is left to the next round.
        wait_until(advance_bulks)
        with tenant_transaction(tenant.pk):
            first = Command.objects.filter(charge_point__identity="HERE-0", state=CommandState.QUEUED)
            first.update(state=CommandState.REJECTED)
            Command.objects.filter(state=CommandState.QUEUED).update(state=CommandState.ACCEPTED)
    wait_until(_bulk_is_done)
    # Without a click: the part refreshes itself.
    page.wait_for_selector("text=52 of 52 done")
    look_over(page)
    follow(page, "a:has-text('Try 1 again')")
    page.wait_for_selector("text=1 online, 0 offline")
    follow(page, "button:has-text('Try again at 1 charge point')")
    page.wait_for_selector("text=0 of 1 done")
    with tenant_transaction(tenant.pk):
        assert sorted(BulkCommand.objects.values_list("total", flat=True)) == [1, 52]


@pytest.mark.parametrize(("width", "scheme"), [(1440, "dark"), (390, "light")])
def test_a_file_with_a_fault_is_mended_and_imported(
    web: str, signed_in: Open, tenant: Tenant, width: int, scheme: str
) -> None:
    page = signed_in("/admin/chargepoints/chargepoint/import/", width, scheme)
    look_over(page)
    choose_file(page, WRONG)
    page.wait_for_selector("text=1 fault: nothing was imported")
    expect(page.locator("[role=alert] tbody td").first).to_have_text("3")
    look_over(page)
    choose_file(page, RIGHT)
    page.wait_for_selector("text=2 new, 0 changed")
    expect(page.locator("#content")).to_contain_text("Köln")
    look_over(page)
    follow(page, "button:text-is('Import')")
    with page.expect_download() as file:
        page.click("text=Download the passwords")
    assert file.value.suggested_filename == "passwords.csv"
    look_over(page)
    with tenant_transaction(tenant.pk):
        assert sorted(ChargePoint.objects.values_list("identity", flat=True)) == ["NEW-1", "NEW-2"]
