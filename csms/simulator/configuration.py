"""The configuration keys of a simulated station."""

from dataclasses import dataclass, field

READONLY = {
    "NumberOfConnectors",
    "SupportedFeatureProfiles",
    "GetConfigurationMaxKeys",
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleAllowedChargingRateUnit",
    "ChargingScheduleMaxPeriods",
    "MaxChargingProfilesInstalled",
    "LocalAuthListMaxLength",
    "SendLocalListMaxLength",
    "ReserveConnectorZeroSupported",
}
NUMBERS = {
    "HeartbeatInterval",
    "MeterValueSampleInterval",
    "ClockAlignedDataInterval",
    "ConnectionTimeOut",
    "ResetRetries",
    "TransactionMessageAttempts",
    "TransactionMessageRetryInterval",
}


@dataclass
class Configuration:
    """Keys and values, as GetConfiguration reports them."""

    connectors: int
    sample_interval_s: int
    values: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.values = {
            "AuthorizeRemoteTxRequests": "false",
            "ClockAlignedDataInterval": "0",
            "ConnectionTimeOut": "60",
            "ChargeProfileMaxStackLevel": "10",
            "ChargingScheduleAllowedChargingRateUnit": "Current,Power",
            "ChargingScheduleMaxPeriods": "48",
            "GetConfigurationMaxKeys": "50",
            "HeartbeatInterval": "60",
            "LocalAuthListEnabled": "true",
            "LocalAuthListMaxLength": "500",
            "LocalPreAuthorize": "false",
            "MaxChargingProfilesInstalled": "20",
            "MeterValueSampleInterval": str(self.sample_interval_s),
            "MeterValuesSampledData": (
                "Energy.Active.Import.Register,Power.Active.Import,Current.Import,Voltage,Temperature,SoC"
            ),
            "NumberOfConnectors": str(self.connectors),
            "ReserveConnectorZeroSupported": "false",
            "ResetRetries": "1",
            "SendLocalListMaxLength": "100",
            "StopTransactionOnInvalidId": "true",
            "StopTxnSampledData": "Energy.Active.Import.Register",
            "SupportedFeatureProfiles": "Core,FirmwareManagement,LocalAuthListManagement,Reservation,SmartCharging,RemoteTrigger",
            "TransactionMessageAttempts": "3",
            "TransactionMessageRetryInterval": "5",
        }

    def number(self, key: str) -> int:
        return int(self.values[key])

    def measurands(self) -> list[str]:
        return [name.strip() for name in self.values["MeterValuesSampledData"].split(",") if name.strip()]

    def change(self, key: str, value: str) -> str:
        """ChangeConfiguration's status (OCPP 1.6 §7.22)."""
        if key not in self.values:
            return "NotSupported"
        if key in READONLY or (key in NUMBERS and not value.isdigit()):
            return "Rejected"
        self.values[key] = value
        return "Accepted"

    def report(self, keys: list[str] | None) -> tuple[list[dict[str, object]], list[str]]:
        """(configuration keys, unknown keys)."""
        asked = keys or list(self.values)
        known = [
            {"key": key, "readonly": key in READONLY, "value": self.values[key]} for key in asked if key in self.values
        ]
        return known, [key for key in asked if key not in self.values]
