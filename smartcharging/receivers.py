"""What other apps tell of, and what of it wakes a circuit. In the process where it happens, after the commit.

Best effort, all of it: a round reads what is, and the beat has one run each minute.
"""

from collections.abc import Sequence

from chargepoints.events import ChargePointBooted, ChargePointConnected, ChargePointDisconnected, StatusChanged
from chargepoints.models import Transaction
from smartcharging.causes import Cause
from smartcharging.models import ChargingProfile
from smartcharging.services.wake import wake_connector, wake_connectors, wake_station
from tenants.context import current_tenant_id
from tenants.events import Event, receives


def session_began(session: Transaction) -> None:
    """A hook of its start: the limit follows once the answer has left (OCPP.md "Core")."""
    _wake_session(session, "session_start")


def session_over(session: Transaction) -> None:
    """A hook of its end: what it had is free."""
    _wake_session(session, "session_end")


def profiles_settled(rows: Sequence[ChargingProfile]) -> None:
    """A hook: load management's own were taken or not, or what was installed is there no more."""
    places = {(row.charge_point_id, row.evse_number) for row in rows if row.source == ChargingProfile.Source.CIRCUIT}
    if places:
        wake_connectors(tenant_id=rows[0].tenant_id, places=places, cause="limit_settled")


@receives(StatusChanged)
def status_changed(event: StatusChanged) -> None:
    _wake_station(event, "connector_status")


@receives(ChargePointConnected)
def connected(event: ChargePointConnected) -> None:
    _wake_station(event, "online")


@receives(ChargePointDisconnected)
def disconnected(event: ChargePointDisconnected) -> None:
    _wake_station(event, "offline")


@receives(ChargePointBooted)
def booted(event: ChargePointBooted) -> None:
    _wake_station(event, "boot")


def _wake_session(session: Transaction, cause: Cause) -> None:
    wake_connector(
        tenant_id=session.tenant_id,
        charge_point_id=session.charge_point_id,
        evse_number=session.evse.number,
        cause=cause,
    )


def _wake_station(event: Event, cause: Cause) -> None:
    wake_station(tenant_id=current_tenant_id(), identity=event.charge_point, cause=cause)
