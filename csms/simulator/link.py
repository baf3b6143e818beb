"""One connection of a station: answers the server's calls, by asking the station."""

from typing import TYPE_CHECKING, Any

from ocpp.routing import after, on
from ocpp.v16 import ChargePoint, call_result
from ocpp.v16.enums import Action

if TYPE_CHECKING:
    from csms.simulator.station import Station


class Link(ChargePoint):
    """The `ocpp` package's client; one for each websocket."""

    def __init__(self, station: "Station", connection: Any) -> None:
        super().__init__(station.identity, connection, response_timeout=30)
        self.station = station

    @on(Action.get_configuration)
    def get_configuration(self, key: list[str] | None = None) -> Any:
        known, unknown = self.station.configuration.report(key)
        return call_result.GetConfiguration(configuration_key=known, unknown_key=unknown)

    @on(Action.change_configuration)
    def change_configuration(self, key: str, value: str) -> Any:
        return call_result.ChangeConfiguration(status=self.station.configuration.change(key, value))

    @on(Action.remote_start_transaction)
    def remote_start(
        self, id_tag: str, connector_id: int | None = None, charging_profile: dict[str, Any] | None = None
    ) -> Any:
        return call_result.RemoteStartTransaction(
            status=self.station.remote_start(id_tag, connector_id, charging_profile)
        )

    @on(Action.remote_stop_transaction)
    def remote_stop(self, transaction_id: int) -> Any:
        return call_result.RemoteStopTransaction(status=self.station.remote_stop(transaction_id))

    @on(Action.reset)
    def reset(self, type: str) -> Any:
        return call_result.Reset(status="Accepted")

    @after(Action.reset)
    def after_reset(self, type: str) -> None:
        self.station.restart(hard=type == "Hard")

    @on(Action.unlock_connector)
    def unlock(self, connector_id: int) -> Any:
        return call_result.UnlockConnector(status=self.station.unlock(connector_id))

    @on(Action.change_availability)
    def change_availability(self, connector_id: int, type: str) -> Any:
        return call_result.ChangeAvailability(status=self.station.change_availability(connector_id, type))

    @on(Action.trigger_message)
    def trigger(self, requested_message: str, connector_id: int | None = None) -> Any:
        return call_result.TriggerMessage(status=self.station.trigger(requested_message, connector_id))

    @on(Action.clear_cache)
    def clear_cache(self) -> Any:
        return call_result.ClearCache(status="Accepted")

    @on(Action.data_transfer)
    def data_transfer(self, vendor_id: str, message_id: str | None = None, data: str | None = None) -> Any:
        return call_result.DataTransfer(status="UnknownVendorId")

    @on(Action.set_charging_profile)
    def set_profile(self, connector_id: int, cs_charging_profiles: dict[str, Any]) -> Any:
        return call_result.SetChargingProfile(status=self.station.set_profile(connector_id, cs_charging_profiles))

    @on(Action.clear_charging_profile)
    def clear_profile(self, **criteria: Any) -> Any:
        return call_result.ClearChargingProfile(status=self.station.clear_profiles(criteria))

    @on(Action.get_local_list_version)
    def local_list_version(self) -> Any:
        return call_result.GetLocalListVersion(list_version=self.station.list_version)

    @on(Action.send_local_list)
    def send_local_list(self, list_version: int, update_type: str, local_authorization_list: Any = None) -> Any:
        if update_type == "Differential" and list_version <= self.station.list_version:
            return call_result.SendLocalList(status="VersionMismatch")
        self.station.list_version = list_version
        return call_result.SendLocalList(status="Accepted")
