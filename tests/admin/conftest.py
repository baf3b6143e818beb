"""People at their browsers, and a tenant that has one row of everything."""

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace

import pytest
from django.test import Client
from django.urls import reverse

from chargepoints.models import (
    AuthorizationWebhook,
    BulkCommand,
    BulkTarget,
    CertificateAuthority,
    Command,
    FirmwareFile,
    FirmwareRollout,
    FirmwareUpdate,
    IdTag,
    Reservation,
    SecurityEvent,
    SecuritySettings,
    SignInAttempt,
    Site,
    StationCertificate,
    StationUpload,
    StatusChange,
    Transaction,
    UnmatchedStop,
)
from metering.models import (
    Alert,
    AlertRecipient,
    ChargeDetailRecord,
    IdTagLimit,
    MeteringSettings,
    QuarantinedReading,
    SignedReading,
    Tariff,
    TariffAssignment,
)
from smartcharging.models import Circuit, EnergyPrice, IdTagNeed, LimitSent, ProfileTemplate
from tenants.context import system_transaction, tenant_transaction
from tenants.models import OutboxEvent, Role, Tenant, User, Webhook, WebhookDelivery, authenticator
from tenants.services.api_keys import issue_api_key
from tenants.services.audit import record
from tenants.services.invitations import invite
from tests.admin import people_cast
from tests.api.conftest import bring_online, make_session, make_station
from tests.conftest import make_user

NOW = datetime(2026, 11, 1, 12, tzinfo=UTC)


def office(user: User) -> Client:
    """A browser in which `user` has signed in."""
    client = Client()
    answer = client.post(reverse("admin:login"), {"username": user.username, "password": user.username * 2})
    assert answer.status_code == 302, answer.content[:500]
    return client


@pytest.fixture(autouse=True)
def _no_code_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """The codes of an app change every half minute: not between showing one and looking at it."""
    begun = time.time()
    for module in (authenticator, people_cast):
        monkeypatch.setattr(module, "time", SimpleNamespace(time=lambda: begun))


@pytest.fixture
def oscar(tenant: Tenant) -> User:
    """Operator of Acme."""
    return make_user("oscar", tenant, Role.OPERATOR)


@pytest.fixture
def operator(oscar: User) -> Client:
    """Oscar's browser."""
    return office(oscar)


@pytest.fixture
def stocked(tenant: Tenant) -> Transaction:
    """One row of everything in Acme."""
    station = make_station(tenant)
    session = make_session(station, last_register_wh=Decimal(2500), last_power_w=Decimal(7200), last_reading_at=NOW)
    # Its lease ran out long ago: the station is offline.
    bring_online(station, at=NOW, seen_at=NOW - timedelta(days=1))
    with tenant_transaction(tenant.pk):
        Site.objects.create(tenant=tenant, name="Depot")
        tag = IdTag.objects.create(tenant=tenant, token="Card", token_key="card")
        IdTagLimit.objects.create(tenant=tenant, id_tag=tag, max_energy_wh=20_000)
        MeteringSettings.objects.create(tenant=tenant)
        Command.objects.create(tenant=tenant, charge_point=station, action="Reset", requested_by="x", origin="api")
        bulk = BulkCommand.objects.create(tenant=tenant, action="Reset", total=1, requested_by="x", origin="api")
        BulkTarget.objects.create(tenant=tenant, bulk=bulk, charge_point=station)
        webhook = Webhook.objects.create(tenant=tenant, url="https://hooks.example.com/", secret="-")
        event = OutboxEvent.objects.create(tenant=tenant, event_type="session.started", at=NOW, charge_point="CP1")
        WebhookDelivery.objects.create(tenant=tenant, webhook=webhook, event=event, state="dead", attempts=5)
        AuthorizationWebhook.objects.create(tenant=tenant, url="https://tags.example.com/", enabled=False)
        Reservation.objects.create(
            tenant=tenant,
            charge_point=station,
            evse_number=1,
            protocol_id=1,
            id_tag="Card",
            state="used",
            expires_at=NOW,
            requested_by="x",
        )
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
        authority = CertificateAuthority.objects.create(tenant=tenant, name="Root", certificate="-", active=False)
        StationCertificate.objects.create(tenant=tenant, charge_point=station, authority=authority, request="-")
        SecurityEvent.objects.create(
            tenant=tenant, charge_point=station, type="ResetOrReboot", critical=True, at=NOW, received_at=NOW
        )
        Alert.objects.create(
            tenant=tenant,
            charge_point=station,
            kind="clock",
            severity="warning",
            key="clock",
            started_at=NOW,
            last_at=NOW,
        )
        AlertRecipient.objects.create(tenant=tenant, email="ops@acme.example")
        tariff = Tariff.objects.create(
            tenant=tenant,
            name="Night owls",
            currency="EUR",
            elements=[{"price_components": [{"type": "ENERGY", "price": 0.2, "step_size": 1}]}],
        )
        TariffAssignment.objects.create(tenant=tenant, tariff=tariff)
        ChargeDetailRecord.objects.create(
            tenant=tenant,
            transaction=session,
            number="2026-000001",
            charge_point="CP1",
            connector=1,
            id_tag="TAG",
            started_at=NOW,
            stopped_at=NOW,
            currency="EUR",
            charging_seconds=0,
            parking_seconds=0,
            **dict.fromkeys(["meter_start_wh", "meter_stop_wh", "energy_wh"], Decimal(0)),
            **dict.fromkeys(["total_excl_tax", "total_tax", "total_incl_tax"], Decimal(0)),
        )
        firmware = FirmwareFile.objects.create(
            tenant=tenant, name="Wall", version="2.0", url="https://a.example/fw.bin"
        )
        rollout = FirmwareRollout.objects.create(
            tenant=tenant, firmware=firmware, name="Autumn", start_at=NOW, created_by="x"
        )
        FirmwareUpdate.objects.create(tenant=tenant, charge_point=station, rollout=rollout, firmware=firmware, wave=1)
        StationUpload.objects.create(
            tenant=tenant, charge_point=station, kind="diagnostics", expires_at=NOW, requested_by="x"
        )
        # Every tenant begins with the same ones.
        ProfileTemplate.objects.exclude(name="overnight").delete()
        ProfileTemplate.objects.update(name="late shift")
        circuit = Circuit.objects.create(tenant=tenant, name="Transformer", capacity=63)
        LimitSent.objects.create(
            tenant=tenant,
            circuit=circuit,
            charge_point=station,
            evse_number=1,
            at=NOW,
            limit_a=16,
            reason="equal_share",
        )
        EnergyPrice.objects.create(
            tenant=tenant, zone="XX-YY", start_at=NOW, end_at=NOW + timedelta(hours=1), price=1, currency="EUR"
        )
        IdTagNeed.objects.create(tenant=tenant, id_tag=tag, priority=5)
        SecuritySettings.objects.create(tenant=tenant, password_rotation_days=90)
        issue_api_key(name="billing", role=Role.VIEWER)
        invite(
            tenant_id=tenant.pk, email="new@acme.example", role=Role.VIEWER, actor="x", origin="admin", by_mail=False
        )
        record(actor="x", origin="api", action="create", target=station)
    with system_transaction():
        reading = {"tenant": tenant, "charge_point": station, "evse_number": 1, "received_at": NOW}
        QuarantinedReading.objects.create(**reading, reason="clock", reading={"value": "1"})
        SignedReading.objects.create(**reading, at=NOW, context=0, measurand="SoC", location="EV", content="-")
    return session
