"""Which actions exist in a version, and who may send them. The schema files of the `ocpp` package are the list.

Only what a station sends is named here; all else in the schema folder is sent by us.
"""

from functools import cache
from importlib.resources import files

FOLDERS = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}
_BOTH = frozenset({"DataTransfer"})
_FROM_STATION_16 = frozenset(
    [
        "Authorize",
        "BootNotification",
        "DataTransfer",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "SecurityEventNotification",
        "SignCertificate",
        "SignedFirmwareStatusNotification",
        "StartTransaction",
        "StatusNotification",
        "StopTransaction",
    ]
)
_FROM_STATION_201 = frozenset(
    [
        "Authorize",
        "BootNotification",
        "ClearedChargingLimit",
        "DataTransfer",
        "FirmwareStatusNotification",
        "Get15118EVCertificate",
        "GetCertificateStatus",
        "Heartbeat",
        "LogStatusNotification",
        "MeterValues",
        "NotifyChargingLimit",
        "NotifyCustomerInformation",
        "NotifyDisplayMessages",
        "NotifyEVChargingNeeds",
        "NotifyEVChargingSchedule",
        "NotifyEvent",
        "NotifyMonitoringReport",
        "NotifyReport",
        "PublishFirmwareStatusNotification",
        "ReportChargingProfiles",
        "ReservationStatusUpdate",
        "SecurityEventNotification",
        "SignCertificate",
        "StatusNotification",
        "TransactionEvent",
    ]
)
_FROM_STATION_21 = _FROM_STATION_201 | frozenset(
    [
        "BatterySwap",
        "ClosePeriodicEventStream",
        "GetCertificateChainStatus",
        "NotifyDERAlarm",
        "NotifyDERStartStop",
        "NotifyPeriodicEventStream",
        "NotifyPriorityCharging",
        "NotifySettlement",
        "OpenPeriodicEventStream",
        "PullDynamicScheduleUpdate",
        "ReportDERControl",
        "VatNumberValidation",
    ]
)
_FROM_STATION = {"1.6": _FROM_STATION_16, "2.0.1": _FROM_STATION_201, "2.1": _FROM_STATION_21}


@cache
def all_actions(version: str) -> frozenset[str]:
    """Every action of a version."""
    names = (entry.name for entry in (files("ocpp") / FOLDERS[version] / "schemas").iterdir())
    stems = {name.removesuffix(".json").removesuffix("Request") for name in names if name.endswith(".json")}
    return frozenset(stem for stem in stems if not stem.endswith("Response"))


def actions_from_station(version: str) -> frozenset[str]:
    """What a charge point of `version` may call."""
    return _FROM_STATION[version]


@cache
def actions_to_station(version: str) -> frozenset[str]:
    """What we may call on a charge point of `version`."""
    return all_actions(version) - (_FROM_STATION[version] - _BOTH)
