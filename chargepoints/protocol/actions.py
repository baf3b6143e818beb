"""Which actions exist in a version, and who may send them. The schema files of the `ocpp` package are the list."""

from functools import cache
from importlib.resources import files

FOLDERS = {"1.6": "v16", "2.0.1": "v201", "2.1": "v21"}
# What a charge point sends in 1.6; all else in the schema folder is sent by us. DataTransfer goes both ways.
_FROM_STATION_16 = {
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
}
_BOTH = {"DataTransfer"}


@cache
def all_actions(version: str) -> frozenset[str]:
    """Every action of a version."""
    names = (entry.name for entry in (files("ocpp") / FOLDERS[version] / "schemas").iterdir())
    stems = {name.removesuffix(".json").removesuffix("Request") for name in names if name.endswith(".json")}
    return frozenset(stem for stem in stems if not stem.endswith("Response"))


@cache
def actions_from_station(version: str) -> frozenset[str]:
    """What a charge point of `version` may call."""
    return frozenset(_FROM_STATION_16) if version == "1.6" else all_actions(version)


@cache
def actions_to_station(version: str) -> frozenset[str]:
    """What we may call on a charge point of `version`."""
    return frozenset(all_actions(version) - (_FROM_STATION_16 - _BOTH)) if version == "1.6" else all_actions(version)
