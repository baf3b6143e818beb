"""What stations say of themselves, and what their silence says."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from chargepoints.models import ChargePoint, Connector, Gateway, StationConnection, Transaction
from chargepoints.services.connections import Claim, claim_connection, release_connection
from chargepoints.services.status import Notification, record_status
from chargepoints.services.transactions import Start, Stop, start_transaction, stop_transaction
from metering.alerts.incidents import Incident, record_incidents
from metering.alerts.services import resolve_alert
from metering.alerts.sweeps import sweep_faults, sweep_offline, sweep_silent_sessions
from metering.alerts.tasks import purge_alerts, watch_stations
from metering.models import Alert, MeteringSettings
from tenants.context import system_transaction, tenant_transaction
from tenants.models import OutboxEvent, Tenant
from tests.metering.conftest import NOW


def alerts(tenant_id: int) -> list[tuple[str, str, str]]:
    with tenant_transaction(tenant_id):
        return list(Alert.objects.order_by("pk").values_list("key", "severity", "status"))


def says(station: ChargePoint, code: str, minutes: int = 0, evse: int = 1, info: str = "") -> None:
    at = NOW + timedelta(minutes=minutes)
    record_status(
        tenant_id=station.tenant_id,
        charge_point_id=station.pk,
        notification=Notification(evse, "Faulted" if code != "NoError" else "Available", code, at, at, info),
    )


def test_an_error_opens_an_alert_and_the_next_no_error_resolves_it(station: ChargePoint) -> None:
    says(station, "GroundFailure")
    says(station, "GroundFailure", 1, info="RCD")
    assert alerts(station.tenant_id) == [("fault:1:GroundFailure", "critical", "open")]
    says(station, "NoError", 2)
    assert alerts(station.tenant_id) == [("fault:1:GroundFailure", "critical", "resolved")]
    with tenant_transaction(station.tenant_id):
        alert = Alert.objects.get()
        events = OutboxEvent.objects.filter(event_type__startswith="alert.").order_by("pk")
        assert list(events.values_list("event_type", flat=True)) == ["alert.opened", "alert.resolved"]
    assert (alert.detail, alert.evse_number, alert.resolved_at) == ("GroundFailure: RCD", 1, NOW + timedelta(minutes=2))


def test_no_error_of_another_connector_resolves_nothing(station: ChargePoint) -> None:
    says(station, "HighTemperature")
    says(station, "NoError", 1, evse=2)
    says(station, "NoError", 1, evse=0)
    assert alerts(station.tenant_id) == [("fault:1:HighTemperature", "critical", "open")]


def test_another_error_takes_the_place_of_the_first(station: ChargePoint) -> None:
    says(station, "HighTemperature", evse=0)
    says(station, "WeakSignal", 1, evse=0)
    assert alerts(station.tenant_id) == [
        ("fault:0:HighTemperature", "critical", "resolved"),
        ("fault:0:WeakSignal", "info", "open"),
    ]


def test_a_late_error_is_history(station: ChargePoint) -> None:
    says(station, "NoError", 5)
    says(station, "GroundFailure")
    assert alerts(station.tenant_id) == []


def test_what_a_crash_kept_from_being_told_is_found(station: ChargePoint, monkeypatch: pytest.MonkeyPatch) -> None:
    from tenants import events

    with monkeypatch.context() as crashed:
        crashed.setattr(events, "_receivers", {})
        says(station, "GroundFailure")
        says(station, "OtherError", evse=0)
    assert alerts(station.tenant_id) == []
    assert sweep_faults() == 2
    assert sweep_faults() == 0
    assert {key for key, _, _ in alerts(station.tenant_id)} == {"fault:1:GroundFailure", "fault:0:OtherError"}
    with monkeypatch.context() as crashed:
        crashed.setattr(events, "_receivers", {})
        says(station, "NoError", 1)
    sweep_faults()
    assert [state for _, _, state in alerts(station.tenant_id)] == ["resolved", "open"] or [
        state for _, _, state in alerts(station.tenant_id)
    ] == ["open", "resolved"]


def test_a_fault_resolved_by_hand_is_not_found_again(station: ChargePoint) -> None:
    says(station, "GroundFailure")
    with tenant_transaction(station.tenant_id):
        resolve_alert(alert=Alert.objects.get(), actor="alice", reason="Known")
    assert sweep_faults() == 0


def seen(station: ChargePoint, minutes: float) -> None:
    with system_transaction():
        ChargePoint.objects.filter(pk=station.pk).update(last_seen_at=timezone.now() - timedelta(minutes=minutes))


def connect(station: ChargePoint, **fields: Any) -> Claim:
    with system_transaction():
        gateway = Gateway.objects.create(
            id=uuid4(), host="h", pid=1, channel="c", started_at=timezone.now(), seen_at=timezone.now()
        )
    claim = Claim(
        station.tenant_id, station.pk, station.identity, uuid4(), gateway.id, "10.0.0.1", "1.6", timezone.now()
    )
    claim_connection(claim)
    return claim


def test_a_station_away_for_too_long_is_told_once_and_ends_with_its_return(station: ChargePoint) -> None:
    seen(station, 14)
    assert sweep_offline() == 0
    seen(station, 16)
    assert sweep_offline() == 1
    assert sweep_offline() == 0
    assert alerts(station.tenant_id) == [("offline", "warning", "open")]
    connect(station)
    assert alerts(station.tenant_id) == [("offline", "warning", "resolved")]


def test_a_return_that_nobody_told_of_is_seen(station: ChargePoint, monkeypatch: pytest.MonkeyPatch) -> None:
    from tenants import events

    seen(station, 60)
    sweep_offline()
    with monkeypatch.context() as crashed:
        crashed.setattr(events, "_receivers", {})
        connect(station)
    sweep_offline()
    assert alerts(station.tenant_id) == [("offline", "warning", "resolved")]


def test_the_tenant_says_how_long_is_too_long(station: ChargePoint, tenant: Tenant) -> None:
    with tenant_transaction(tenant.pk):
        MeteringSettings.objects.create(tenant=tenant, offline_after_minutes=120)
    seen(station, 60)
    assert sweep_offline() == 0


def test_a_connected_a_new_and_a_refused_station_are_not_offline(station: ChargePoint, tenant: Tenant) -> None:
    connect(station)
    seen(station, 600)
    with system_transaction():
        for name, registration, at in (("NEW", "Accepted", None), ("NO", "Rejected", NOW - timedelta(days=1))):
            ChargePoint.objects.create(
                tenant=tenant, identity=name, identity_key=name, registration=registration, last_seen_at=at
            )
    assert sweep_offline() == 0


def test_a_gateway_that_lost_the_database_takes_no_station_offline(station: ChargePoint) -> None:
    connect(station)
    seen(station, 600)
    with system_transaction():
        Gateway.objects.update(seen_at=timezone.now() - timedelta(hours=1))
    assert sweep_offline() == 0


def test_each_absence_is_an_alert_of_its_own(station: ChargePoint) -> None:
    seen(station, 60)
    sweep_offline()
    claim = connect(station)
    with system_transaction():
        Alert.objects.update(resolved_at=timezone.now() - timedelta(minutes=30))
    release_connection(
        tenant_id=station.tenant_id,
        charge_point_id=station.pk,
        identity=station.identity,
        connection_id=claim.connection_id,
        at=timezone.now() - timedelta(minutes=20),
        reason="",
    )
    sweep_offline()
    assert [state for _, _, state in alerts(station.tenant_id)] == ["resolved", "open"]


@pytest.fixture
def session(station: ChargePoint) -> Transaction:
    """Began an hour ago; its last reading came half an hour ago; the station is connected since."""
    hour_ago = timezone.now() - timedelta(hours=1)
    started = start_transaction(
        tenant_id=station.tenant_id,
        charge_point_id=station.pk,
        start=Start(1, "TAG", hour_ago, Decimal(0), hour_ago),
    ).transaction
    connect(station)
    half = timezone.now() - timedelta(minutes=30)
    with system_transaction():
        StationConnection.objects.update(connected_at=hour_ago)
        Transaction.objects.update(last_reading_at=half, verdict="Accepted")
    started.refresh_from_db(using="system")
    return started


def test_a_session_without_readings_is_told_once_and_ends_with_the_next_reading(session: Transaction) -> None:
    assert sweep_silent_sessions() == 1
    assert sweep_silent_sessions() == 0
    assert alerts(session.tenant_id) == [(f"silent:{session.pk}", "warning", "open")]
    with system_transaction():
        Transaction.objects.update(last_reading_at=timezone.now())
    sweep_silent_sessions()
    assert alerts(session.tenant_id) == [(f"silent:{session.pk}", "warning", "resolved")]


def test_the_end_of_the_session_ends_its_silence_and_its_power_but_not_the_heat(session: Transaction) -> None:
    sweep_silent_sessions()
    for measurand in ("Power.Active.Import", "Temperature"):
        incident = Incident(
            charge_point_id=session.charge_point_id,
            key=measurand,
            kind="threshold",
            severity="warning",
            measurand=measurand,
            transaction_id=session.pk,
            started_at=session.started_at,
            last_at=session.started_at,
        )
        record_incidents(tenant_id=session.tenant_id, incidents=[incident])
    stop_transaction(
        tenant_id=session.tenant_id,
        charge_point_id=session.charge_point_id,
        stop=Stop(session.protocol_id, timezone.now(), Decimal(500), timezone.now()),
    )
    assert {key: state for key, _, state in alerts(session.tenant_id)} == {
        f"silent:{session.pk}": "resolved",
        "Power.Active.Import": "resolved",
        "Temperature": "open",
    }


def test_an_offline_stations_session_is_not_called_silent(session: Transaction) -> None:
    with system_transaction():
        StationConnection.objects.all().delete()
    assert sweep_silent_sessions() == 0


def test_a_station_just_back_is_given_time(session: Transaction) -> None:
    with system_transaction():
        StationConnection.objects.update(connected_at=timezone.now())
    assert sweep_silent_sessions() == 0


def test_a_clock_behind_is_no_silence(session: Transaction) -> None:
    """Readings come; the station only believes that it is earlier."""
    from django.db import connections

    with system_transaction(), connections["system"].cursor() as cursor:
        cursor.execute(
            "INSERT INTO metering_series (tenant_id, charge_point_id, evse_number, measurand, phase, location, unit) "
            "VALUES (%s, %s, 1, 'SoC', '', 'EV', 'Percent') RETURNING id",
            [session.tenant_id, session.charge_point_id],
        )
        (series,) = cursor.fetchone()
        cursor.execute(
            "INSERT INTO metering_sample (tenant_id, series_id, at, context, value, received_at) "
            "VALUES (%s, %s, now() - interval '1 hour', 0, 5, now())",
            [session.tenant_id, series],
        )
    assert sweep_silent_sessions() == 0


def test_the_task_does_all_of_it(station: ChargePoint) -> None:
    seen(station, 60)
    assert watch_stations() == 1


def test_old_resolved_alerts_are_forgotten(station: ChargePoint) -> None:
    says(station, "GroundFailure")
    says(station, "NoError", 1)
    says(station, "OtherError", 2)
    assert purge_alerts() == 0
    with system_transaction():
        Alert.objects.filter(status="resolved").update(resolved_at=timezone.now() - timedelta(days=500))
    assert purge_alerts() == 1
    assert [state for _, _, state in alerts(station.tenant_id)] == ["open"]
    with system_transaction():
        assert Connector.objects.count() == 1
