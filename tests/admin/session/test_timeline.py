"""What happened in a session, in order; and what is not of it."""

from chargepoints.admin.session_statuses import belonging
from chargepoints.admin.session_timeline import Moment, runs_of
from chargepoints.models import (
    ChargePoint,
    Command,
    StatusChange,
    Transaction,
)
from metering.models import Alert
from smartcharging.models import Circuit, LimitSent
from tenants.context import tenant_transaction
from tenants.models import OutboxEvent, Tenant, User
from tests.admin.session.cast import HOUR, MINUTE, NOON, say, shown, stopped
from tests.api.conftest import make_session


def test_what_happened_is_told_in_order_with_who_did_it(station: ChargePoint, bob: User, tenant: Tenant) -> None:
    say(station, "Available", NOON - 10 * MINUTE)
    say(station, "Preparing", NOON - 2 * MINUTE)
    say(station, "Charging", NOON + MINUTE)
    say(station, "SuspendedEV", NOON + 30 * MINUTE)
    say(station, "Finishing", NOON + HOUR + MINUTE)
    say(station, "Available", NOON + HOUR + 5 * MINUTE)
    session = stopped(station, stop_reason="Remote", stopped_by="alice")
    with tenant_transaction(tenant.pk):
        command = Command.objects.create(
            tenant=tenant,
            charge_point=station,
            action="RemoteStopTransaction",
            payload={"transactionId": 1},
            state="accepted",
            requested_by="alice",
            origin="admin",
        )
        Command.objects.filter(pk=command.pk).update(created_at=NOON + 59 * MINUTE)
        circuit = Circuit.objects.create(tenant=tenant, name="Fuse", capacity=63)
        LimitSent.objects.create(
            tenant=tenant,
            circuit=circuit,
            charge_point=station,
            evse_number=1,
            transaction_id=session.pk,
            at=NOON + 10 * MINUTE,
            limit_a=10,
            previous_a=16,
            reason="equal_share",
            result="accepted",
        )
        alert = Alert.objects.create(
            tenant=tenant,
            charge_point=station,
            kind="over_limit",
            severity="warning",
            key="x",
            transaction_id=session.pk,
            started_at=NOON,
            last_at=NOON,
            acknowledged_by="carol",
            acknowledged_at=NOON + 25 * MINUTE,
        )
        Alert.objects.filter(pk=alert.pk).update(opened_at=NOON + 20 * MINUTE)
        OutboxEvent.objects.create(
            tenant=tenant, event_type="chargepoint.offline", at=NOON + 40 * MINUTE, charge_point=station.identity
        )
    text = shown(bob, session, "transaction_timeline")
    expected = [
        *("Plugged in, or the driver identified", "Session started", "Charging", "Limit 16 A → 10 A"),
        *("Alert: Takes more than its limit", "Alert acknowledged", "Paused by the car", "Station offline"),
        *("Asked to stop", "Session stopped", "Charging has ended", "Unplugged: the connector is free"),
    ]
    places = [text.find(said) for said in expected]
    assert -1 not in places, dict(zip(expected, places, strict=True))
    assert places == sorted(places)
    assert "The connector says that it is free" not in text, "what was before it was plugged in is not of it"
    for who in ("alice", "carol", "Stopped remotely", "Its equal share of what there is."):
        assert who in text, who


def test_nothing_of_the_next_session_is_told(station: ChargePoint, bob: User) -> None:
    session = stopped(station)
    make_session(station, "2", started_at=NOON + 2 * HOUR, start_received_at=NOON + 2 * HOUR)
    say(station, "Faulted", NOON + 3 * HOUR, "GroundFailure")
    assert "GroundFailure" not in shown(bob, session, "transaction_timeline")


def test_long_rows_of_the_same_are_folded() -> None:
    moments = [Moment(NOON, "start")]
    moments += [Moment(NOON + number * MINUTE, f"limit {number}", group="limit") for number in range(6)]
    runs = runs_of([*moments, Moment(NOON + HOUR, "end")])
    assert [len(run.folded) for run in runs] == [0, 4, 0]
    assert [run.shown[0].moment.title for run in runs] == ["start", "limit 0", "end"]
    assert runs[1].last[0].moment.title == "limit 5"
    assert [run.shown[0].new_day for run in runs] == [True, False, False]


def test_statuses_from_plugging_in_to_unplugging_belong_to_it() -> None:
    def row(status: str, minutes: int) -> StatusChange:
        return StatusChange(status=status, at=NOON + minutes * MINUTE)

    session = Transaction(started_at=NOON, stopped_at=NOON + HOUR)
    rows = [row("Finishing", -20), row("Available", -9), row("Preparing", -3), row("Charging", 1)]
    rows += [row("Available", 65), row("Preparing", 90)]
    assert [one.at for one in belonging(rows, session)] == [one.at for one in rows[2:5]]
