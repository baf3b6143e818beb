"""People at their browsers, and a tenant that has one row of everything."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse

from chargepoints.models import (
    Command,
    Gateway,
    IdTag,
    SignInAttempt,
    Site,
    StationConnection,
    StatusChange,
    Transaction,
    UnmatchedStop,
)
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Role, Tenant, User
from tenants.services.api_keys import issue_api_key
from tenants.services.audit import record
from tests.api.conftest import make_session, make_station

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def office(user: User) -> Client:
    """A browser in which `user` has signed in."""
    client = Client()
    answer = client.post(reverse("admin:login"), {"username": user.username, "password": user.username * 2})
    assert answer.status_code == 302, answer.content[:500]
    return client


@pytest.fixture
def stocked(tenant: Tenant) -> Transaction:
    """One row of everything in Acme."""
    station = make_station(tenant)
    session = make_session(station, last_register_wh=Decimal(2500), last_power_w=Decimal(7200), last_reading_at=NOW)
    with system_transaction():
        # Its lease ran out long ago: the station is offline.
        gateway = Gateway.objects.create(
            id=uuid4(), host="gone", pid=1, channel="gone", started_at=NOW, seen_at=NOW - timedelta(days=1)
        )
    with tenant_transaction(tenant.pk):
        StationConnection.objects.create(
            tenant=tenant,
            charge_point=station,
            connection_id=uuid4(),
            gateway=gateway,
            remote_address="10.0.0.2",
            ocpp_version="1.6",
            connected_at=NOW,
            last_message_at=NOW,
        )
        Site.objects.create(tenant=tenant, name="Depot")
        IdTag.objects.create(tenant=tenant, token="Card", token_key="card")
        Command.objects.create(tenant=tenant, charge_point=station, action="Reset", requested_by="x", origin="api")
        SignInAttempt.objects.create(
            tenant=tenant, identity="NEW", identity_key="new", reason="unknown", last_at=NOW, remote_address="10.0.0.1"
        )
        UnmatchedStop.objects.create(
            tenant=tenant, charge_point=station, protocol_id="7", stopped_at=NOW, meter_stop_wh=1, received_at=NOW
        )
        StatusChange.objects.create(
            tenant=tenant,
            charge_point=station,
            evse_number=1,
            status="Available",
            error_code="NoError",
            at=NOW,
            received_at=NOW,
        )
        issue_api_key(name="billing", role=Role.VIEWER)
        record(actor="x", origin="api", action="create", target=station)
    return session
