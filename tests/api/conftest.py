"""A client that signs in and speaks the API's conventions."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint, Connector, Evse, Gateway, StationConnection, Transaction
from tenants.api.sign_in import issue_tokens
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Tenant, User
from tenants.selectors import accesses_of


def client_of(user: User) -> APIClient:
    """A client with the person's token."""
    client = APIClient()
    token = issue_tokens(user, accesses_of(user)[0])["access"]
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


@pytest.fixture
def api(alice: User, redis_clean: Any) -> APIClient:
    return client_of(alice)


@pytest.fixture
def viewer(bob: User, redis_clean: Any) -> APIClient:
    return client_of(bob)


@pytest.fixture
def stranger(charlie: User, redis_clean: Any) -> APIClient:
    return client_of(charlie)


def make_station(tenant: Tenant, identity: str = "CP1") -> ChargePoint:
    """A station with one connector."""
    with tenant_transaction(tenant.pk):
        station = ChargePoint.objects.create(tenant=tenant, identity=identity, identity_key=identity.lower())
        evse = Evse.objects.create(tenant=tenant, charge_point=station, number=1)
        Connector.objects.create(tenant=tenant, charge_point=station, evse=evse, status="Available")
    return station


def bring_online(
    *stations: ChargePoint,
    channel: str = "",
    at: datetime | None = None,
    seen_at: datetime | None = None,
    connected_at: datetime | None = None,
) -> Gateway:
    """A gateway that nobody hears holds their sockets: commands stay queued. For an hour, unless `seen_at` says otherwise."""
    now = at or timezone.now()
    with system_transaction():
        gateway = Gateway.objects.create(
            id=uuid4(), host="here", pid=1, channel=channel, started_at=now, seen_at=seen_at or now + timedelta(hours=1)
        )
        StationConnection.objects.bulk_create(
            StationConnection(
                tenant_id=station.tenant_id,
                charge_point=station,
                connection_id=uuid4(),
                gateway=gateway,
                remote_address="10.0.0.2",
                ocpp_version="1.6",
                connected_at=connected_at or now,
                last_message_at=now,
            )
            for station in stations
        )
    return gateway


def make_session(station: ChargePoint, protocol_id: str = "1", **fields: Any) -> Transaction:
    """A session on its connector 1, started at noon."""
    from datetime import UTC, datetime
    from decimal import Decimal

    noon = datetime(2026, 11, 1, 12, tzinfo=UTC)
    with tenant_transaction(station.tenant_id):
        connector = Connector.objects.select_related("evse").get(charge_point=station)
        return Transaction.objects.create(
            **{
                "tenant_id": station.tenant_id,
                "charge_point": station,
                "evse": connector.evse,
                "connector": connector,
                "protocol_id": protocol_id,
                "id_tag": "TAG",
                "verdict": "Accepted",
                "started_at": noon,
                "start_received_at": noon,
                "meter_start_wh": Decimal(1000),
                **fields,
            }
        )


@pytest.fixture
def station(tenant: Tenant) -> ChargePoint:
    return make_station(tenant)


@pytest.fixture
def online(station: ChargePoint) -> ChargePoint:
    """The same, while a gateway holds its socket."""
    bring_online(station)
    return station
