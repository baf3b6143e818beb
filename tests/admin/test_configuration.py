"""The configuration pages: of one charge point, and of the tenant."""

from typing import Any

from django.urls import reverse

from chargepoints.models import ChargePoint, Transaction
from tenants.context import tenant_transaction
from tenants.models import Tenant, User
from tests.admin.conftest import office
from tests.chargepoints.test_configuration import INTERVAL, report


def of_station(session: Transaction, name: str = "charge_point_configuration") -> str:
    return reverse(f"admin:{name}", args=[session.charge_point_id])


def own_wishes(session: Transaction) -> Any:
    with tenant_transaction(session.tenant_id):
        return ChargePoint.objects.get(pk=session.charge_point_id).desired_configuration


def test_what_differs_is_marked(stocked: Transaction, bob: User) -> None:
    report(stocked.charge_point, MeterValueSampleInterval="900", AuthorizationKey="secret-secret-secret")
    page = office(bob).get(of_station(stocked)).content.decode()
    assert "differs" in page
    assert "secret-secret" not in page
    assert "Set a key" not in page


def test_a_wish_is_kept_and_taken_back(stocked: Transaction, alice: User) -> None:
    client, url = office(alice), of_station(stocked, "charge_point_configuration_key")
    assert "0 to 86400 s" in client.get(f"{url}?key={INTERVAL}").content.decode()
    refused = client.post(url, {"key": INTERVAL, "value": "often"})
    assert "A whole number from 0 to 86400." in refused.content.decode()
    assert client.post(url, {"key": INTERVAL, "value": "10"}).status_code == 302
    assert own_wishes(stocked) == {INTERVAL: "10"}
    client.post(url, {"key": INTERVAL, "value": "10", "inherit": "on"})
    assert own_wishes(stocked) == {}


def test_forgetting_all_wishes_asks_first(stocked: Transaction, alice: User) -> None:
    client, url = office(alice), of_station(stocked, "charge_point_configuration_reset")
    client.post(of_station(stocked, "charge_point_configuration_key"), {"key": "Vendor", "value": "x"})
    assert client.get(url).status_code == 200
    assert own_wishes(stocked) == {"Vendor": "x"}
    assert client.post(url).status_code == 302
    assert own_wishes(stocked) == {}


def test_the_tenants_wishes_are_for_its_administrators(stocked: Transaction, alice: User, bob: User) -> None:
    client, url = office(alice), reverse("admin:tenant_configuration_key")
    assert client.post(url, {"key": INTERVAL, "value": "20"}).status_code == 302
    assert "20" in client.get(reverse("admin:tenant_configuration")).content.decode()
    viewer = office(bob)
    assert viewer.get(reverse("admin:tenant_configuration")).status_code == 200
    assert viewer.post(url, {"key": INTERVAL, "value": "30"}).status_code == 403
    assert viewer.post(of_station(stocked)).status_code == 403
    assert viewer.get(of_station(stocked, "charge_point_configuration_key")).status_code == 404
    with tenant_transaction(stocked.tenant_id):
        assert Tenant.objects.get().desired_configuration == {INTERVAL: "20"}


def test_another_tenants_station_has_no_page(stocked: Transaction, charlie: User) -> None:
    client = office(charlie)
    for name in ("charge_point_configuration", "charge_point_configuration_key", "charge_point_configuration_reset"):
        assert client.get(of_station(stocked, name)).status_code == 404
        assert client.post(of_station(stocked, name), {"key": INTERVAL, "value": "1"}).status_code == 404
