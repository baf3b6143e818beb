"""Session limits in the back office."""

from decimal import Decimal

from django.urls import reverse

from chargepoints.models import Command, IdTag, Transaction
from metering.models import IdTagLimit, RemoteStartLimit, SessionLimit
from tenants.context import tenant_transaction
from tenants.models import User
from tests.admin.conftest import NOW, office


def test_a_limit_of_nothing_is_refused(stocked: Transaction, alice: User) -> None:
    with tenant_transaction(stocked.tenant_id):
        IdTagLimit.objects.all().delete()
        tag = IdTag.objects.get()
    client, url = office(alice), reverse("admin:metering_idtaglimit_add")
    assert "At least one limit." in client.post(url, {"id_tag": tag.pk}).content.decode()
    assert "More than zero" in client.post(url, {"id_tag": tag.pk, "max_energy_wh": "0"}).content.decode()
    assert client.post(url, {"id_tag": tag.pk, "max_energy_wh": "500"}).status_code == 302
    with tenant_transaction(stocked.tenant_id):
        assert IdTagLimit.objects.get().max_energy_wh == Decimal(500)


def test_the_session_shows_its_limits_and_figures(stocked: Transaction, alice: User) -> None:
    with tenant_transaction(stocked.tenant_id):
        SessionLimit.objects.create(
            tenant_id=stocked.tenant_id,
            transaction=stocked,
            max_energy_wh=20_000,
            max_cost=Decimal("12.50"),
            reached="energy",
            reached_at=NOW,
        )
    page = office(alice).get(reverse("admin:chargepoints_transaction_change", args=[stocked.pk])).content.decode()
    assert "20.000 kWh" in page
    assert "12.5 EUR" in page
    assert "Plugged in" in page


def test_a_remote_start_may_carry_limits(stocked: Transaction, alice: User) -> None:
    """The station is offline here: neither a command nor limits remain."""
    url = reverse("admin:charge_point_remote_start", args=[stocked.charge_point_id])
    data = {"connector": "1", "id_tag": "CARD", "max_kwh": "10.5", "max_minutes": "30"}
    client = office(alice)
    assert client.post(url, {**data, "max_kwh": "0"}).status_code == 200
    assert client.post(url, data).status_code == 302
    with tenant_transaction(stocked.tenant_id):
        assert not Command.objects.filter(action="RemoteStartTransaction").exists()
        assert not RemoteStartLimit.objects.exists()
