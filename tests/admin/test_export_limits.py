"""What a cell of a spreadsheet can not hold shows that it is not whole."""

import pytest

from chargepoints.models import ChargePoint
from tenants.admin.exports import workbook
from tenants.context import tenant_transaction
from tenants.models import Tenant, User
from tests.admin.conftest import office
from tests.admin.test_exports import sheets_of, url_of
from tests.api.conftest import make_station


def test_a_text_that_is_cut_ends_so_that_it_shows(tenant: Tenant, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workbook, "LONGEST_TEXT", 10)
    station = make_station(tenant)
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.filter(pk=station.pk).update(notes="0123456789 and more", name="0123456789")
    (sheet,) = sheets_of(office(alice).post(url_of("chargepoints_chargepoint", "xlsx")))
    assert "<t>012345678…</t>" in sheet
    assert "<t>0123456789</t>" in sheet
