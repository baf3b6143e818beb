"""One connection of a station: answers the server's calls, by asking the station."""

import json
from typing import TYPE_CHECKING, Any

from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call_result
from ocpp.v16.enums import Action

from csms.simulator.files import FileCalls
from csms.simulator.reservations import read_hold
from csms.simulator.security import SecurityCalls

if TYPE_CHECKING:
    from csms.simulator.station import Station


class Link(FileCalls, SecurityCalls, ChargePoint):
    """The `ocpp` package's client; one for each websocket."""

    def __init__(self, station: "Station", connection: Any) -> None:
        super().__init__(station.identity, connection, response_timeout=30)
        self.station = station

    # --- the journal ---

    async def _handle_call(self, msg: Any) -> Any:
        self.station.journal.asked(self.station.identity, msg.unique_id, msg.action, msg.payload)
        return await super()._handle_call(msg)

    async def _send(self, message: str) -> None:
        await super()._send(message)
        if message.startswith("[3"):
            _, message_id, payload = json.loads(message)
            self.station.journal.answered(self.station.identity, message_id, payload)

    # --- what the server asks for ---

    @on(Action.get_configuration)
    def get_configuration(self, key: list[str] | None = None) -> Any:
        known, unknown = self.station.configuration.report(key)
        return call_result.GetConfiguration(configuration_key=known, unknown_key=unknown)

    @on(Action.change_configuration)
    def change_configuration(self, key: str, value: str) -> Any:
        status = self.station.security.change(key, value) or self.station.configuration.change(key, value)
        return call_result.ChangeConfiguration(status=status)

    @on(Action.remote_start_transaction)
    def remote_start(
        self, id_tag: str, connector_id: int | None = None, charging_profile: dict[str, Any] | None = None
    ) -> Any:
        return call_result.RemoteStartTransaction(
            status=self.station.sessions.remote_start(id_tag, connector_id, charging_profile)
        )

    @on(Action.remote_stop_transaction)
    def remote_stop(self, transaction_id: int) -> Any:
        return call_result.RemoteStopTransaction(status=self.station.sessions.remote_stop(transaction_id))

    @on(Action.reset)
    def reset(self, type: str) -> Any:
        return call_result.Reset(status="Accepted")

    @after(Action.reset)
    def after_reset(self, type: str) -> None:
        self.station.restart(hard=type == "Hard")

    @on(Action.unlock_connector)
    def unlock(self, connector_id: int) -> Any:
        return call_result.UnlockConnector(status=self.station.answers.unlock(connector_id))

    @on(Action.change_availability)
    def change_availability(self, connector_id: int, type: str) -> Any:
        return call_result.ChangeAvailability(status=self.station.answers.change_availability(connector_id, type))

    @on(Action.trigger_message)
    def trigger(self, requested_message: str, connector_id: int | None = None) -> Any:
        return call_result.TriggerMessage(status=self.station.answers.trigger(requested_message, connector_id))

    @on(Action.clear_cache)
    def clear_cache(self) -> Any:
        return call_result.ClearCache(status="Accepted")

    @on(Action.data_transfer)
    def data_transfer(self, vendor_id: str, message_id: str | None = None, data: str | None = None) -> Any:
        status, answer = self.station.answers.data_transfer(vendor_id, message_id, data)
        return call_result.DataTransfer(status=status, data=answer)

    @on(Action.set_charging_profile)
    def set_profile(self, connector_id: int, cs_charging_profiles: dict[str, Any]) -> Any:
        return call_result.SetChargingProfile(
            status=self.station.charging.set_profile(connector_id, cs_charging_profiles)
        )

    @on(Action.clear_charging_profile)
    def clear_profile(self, **criteria: Any) -> Any:
        return call_result.ClearChargingProfile(status=self.station.charging.clear_profiles(criteria))

    @on(Action.get_composite_schedule)
    def composite_schedule(self, connector_id: int, duration: int, charging_rate_unit: str | None = None) -> Any:
        schedule = self.station.charging.composite_schedule(connector_id, duration, charging_rate_unit)
        return call_result.GetCompositeSchedule(**schedule)

    @on(Action.get_local_list_version)
    def local_list_version(self) -> Any:
        return call_result.GetLocalListVersion(list_version=self.station.local_list.reported_version())

    @on(Action.send_local_list)
    def send_local_list(self, list_version: int, update_type: str, local_authorization_list: Any = None) -> Any:
        status = self.station.local_list.send(list_version, update_type, local_authorization_list or [])
        return call_result.SendLocalList(status=status)

    @on(Action.reserve_now)
    def reserve_now(
        self,
        connector_id: int,
        expiry_date: str,
        id_tag: str,
        reservation_id: int,
        parent_id_tag: str | None = None,
    ) -> Any:
        hold = read_hold(connector_id, expiry_date, id_tag, reservation_id, parent_id_tag)
        return call_result.ReserveNow(status=self.station.reservations.reserve(hold))

    @on(Action.cancel_reservation)
    def cancel_reservation(self, reservation_id: int) -> Any:
        return call_result.CancelReservation(status=self.station.reservations.cancel(reservation_id))

    async def close(self) -> None:
        """Hang up."""
        await self._connection.close()
