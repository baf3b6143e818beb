"""ReserveNow from the back office: its form goes through the service."""

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chargepoints.models import ChargePoint, IdTag, Reservation
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.api.conftest import bring_online, make_station

pytestmark = pytest.mark.usefixtures("no_worker")


@pytest.fixture(autouse=True)
def tag(tenant: Tenant) -> None:
    with tenant_transaction(tenant.pk):
        IdTag.objects.create(tenant=tenant, token="TAG", token_key="tag")


def url(station: ChargePoint) -> str:
    return reverse("admin:charge_point_send", args=[station.pk]) + "?action=ReserveNow"


def filled(**changes: str) -> dict[str, str]:
    until = (timezone.now() + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M")
    given = {"connectorId": "1", "idTag": "TAG", "expiryDate": until, "parentIdTag": ""} | changes
    return {f"payload-{name}": value for name, value in given.items()}


def test_a_reservation_gets_its_number_and_its_row(operator: Client, tenant: Tenant) -> None:
    station = make_station(tenant)
    bring_online(station)
    form = operator.get(url(station)).content.decode()
    assert "reservationId" not in form
    assert "Any connector" in form
    answer = operator.post(url(station), filled())
    assert answer.status_code == 302, answer.content.decode()
    with tenant_transaction(tenant.pk):
        row = Reservation.objects.select_related("command").get()
        assert (row.state, row.evse_number, row.id_tag, row.requested_by) == ("requested", 1, "TAG", "oscar")
        assert row.command is not None
        assert answer["Location"] == reverse("admin:charge_point_send", args=[station.pk]) + f"?sent={row.command_id}"
        assert (row.command.origin, row.command.payload["reservationId"]) == ("admin", row.protocol_id)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"idTag": "NOBODY"}, "The id tag is not valid."),
        ({"connectorId": "7"}, "Select a valid choice"),
        ({"connectorId": "0"}, "ReserveConnectorZeroSupported"),
        ({"expiryDate": "2020-01-01T00:00"}, "Must be in the future."),
        ({"expiryDate": "2090-01-01T00:00"}, "At most 7 days ahead."),
        ({"idTag": ""}, "This field is required"),
        ({"parentIdTag": "P" * 21}, "at most 20 characters"),
    ],
)
def test_what_is_wrong_stands_at_its_field(
    operator: Client, tenant: Tenant, changes: dict[str, str], said: str
) -> None:
    station = make_station(tenant)
    bring_online(station)
    answer = operator.post(url(station), filled(**changes))
    assert answer.status_code == 200
    assert said in answer.content.decode()
    with tenant_transaction(tenant.pk):
        assert not Reservation.objects.exists()


def test_nothing_is_reserved_at_a_station_that_is_offline(operator: Client, tenant: Tenant) -> None:
    answer = operator.post(url(make_station(tenant)), filled())
    assert "The charge point is offline: nothing can be reserved now." in answer.content.decode()
