"""The standard configuration keys (OCPP 1.6 §9, Security Whitepaper §5) and what a value of each may be. Pure.

Vendor keys are taken as given. One key is our own: it is never sent to a station.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from django.utils.translation import gettext, gettext_lazy, gettext_noop
from ocpp.v16.enums import Measurand, Phase

RETENTION_KEY = "MeterValueRetentionDays"
# CiString50 and CiString500 of ChangeConfiguration.req (OCPP 1.6 §6.7).
LONGEST_KEY, LONGEST_VALUE = 50, 500
DAY_S = 86400
_INTEGER = re.compile(r"-?[0-9]{1,10}\Z")
_ROTATION = re.compile(r"[0-9]{1,3}\.(NotApplicable|Unknown|RST|RTS|SRT|STR|TRS|TSR)\Z")
_MEASURANDS = {measurand.value.lower(): measurand.value for measurand in Measurand}
_PHASES = {phase.value.lower(): phase.value for phase in Phase}


class Kind(StrEnum):
    """What a value is."""

    BOOLEAN = "boolean"
    INTEGER = "integer"
    TEXT = "text"
    LIST = "list"
    MEASURANDS = "measurands"
    ROTATIONS = "rotations"


class InvalidValue(ValueError):
    """The value doesn't fit its key, or the key can't be set here; the text says why, for people."""


@dataclass(frozen=True, slots=True)
class Key:
    """One standard key. `minimum` and `maximum` bound integers; `refusal`: why it isn't set by us."""

    name: str
    kind: Kind
    minimum: int = 0
    maximum: int = 2**31 - 1
    unit: str = ""
    refusal: str = ""

    @property
    def hint(self) -> str:
        """What to type, in a few words."""
        if self.kind == Kind.INTEGER:
            bounds = gettext("%(minimum)s to %(maximum)s") % {"minimum": self.minimum, "maximum": self.maximum}
            return f"{bounds} {gettext(self.unit) if self.unit else ''}".strip()
        return str(_HINTS[self.kind])


_HINTS = {
    Kind.BOOLEAN: gettext_lazy("true or false"),
    Kind.TEXT: gettext_lazy("text"),
    Kind.LIST: gettext_lazy("a list with commas"),
    Kind.MEASURANDS: gettext_lazy("measurands with commas, each with a phase where wanted: Voltage.L1"),
    Kind.ROTATIONS: gettext_lazy("connector and rotation with commas: 1.RST,2.RTS"),
}
_READ_ONLY = gettext_noop("A station only reports it.")
_SECRET = gettext_noop("A station's password is changed with the charge point, not here.")
_PROFILE = gettext_noop("The security profile is changed with the charge point, not here.")
# Units that are words.
_TIMES, _DAYS = gettext_noop("times"), gettext_noop("days")


def _booleans(*names: str) -> list[Key]:
    return [Key(name, Kind.BOOLEAN) for name in names]


def _reported(*names: str, kind: Kind = Kind.INTEGER) -> list[Key]:
    return [Key(name, kind, refusal=_READ_ONLY) for name in names]


_KEYS = [
    *_booleans("AllowOfflineTxForUnknownId", "AuthorizationCacheEnabled", "AuthorizeRemoteTxRequests"),
    *_booleans("LocalAuthorizeOffline", "LocalPreAuthorize", "LocalAuthListEnabled"),
    *_booleans("StopTransactionOnEVSideDisconnect", "StopTransactionOnInvalidId"),
    *_booleans("UnlockConnectorOnEVSideDisconnect"),
    Key("BlinkRepeat", Kind.INTEGER, unit=_TIMES),
    Key("ClockAlignedDataInterval", Kind.INTEGER, maximum=DAY_S, unit="s"),
    Key("ConnectionTimeOut", Kind.INTEGER, maximum=DAY_S, unit="s"),
    Key("ConnectorPhaseRotation", Kind.ROTATIONS),
    Key("HeartbeatInterval", Kind.INTEGER, minimum=1, maximum=7 * DAY_S, unit="s"),
    Key("LightIntensity", Kind.INTEGER, maximum=100, unit="%"),
    Key("MaxEnergyOnInvalidId", Kind.INTEGER, unit="Wh"),
    Key("MeterValuesAlignedData", Kind.MEASURANDS),
    Key("MeterValuesSampledData", Kind.MEASURANDS),
    Key("MeterValueSampleInterval", Kind.INTEGER, maximum=DAY_S, unit="s"),
    Key("MinimumStatusDuration", Kind.INTEGER, maximum=DAY_S, unit="s"),
    Key("ResetRetries", Kind.INTEGER, maximum=100, unit=_TIMES),
    Key("StopTxnAlignedData", Kind.MEASURANDS),
    Key("StopTxnSampledData", Kind.MEASURANDS),
    Key("TransactionMessageAttempts", Kind.INTEGER, maximum=1000, unit=_TIMES),
    Key("TransactionMessageRetryInterval", Kind.INTEGER, maximum=DAY_S, unit="s"),
    Key("WebSocketPingInterval", Kind.INTEGER, maximum=DAY_S, unit="s"),
    Key("CpoName", Kind.TEXT),
    Key("CertSigningWaitMinimum", Kind.INTEGER, maximum=DAY_S, unit="s"),
    Key("CertSigningRepeatTimes", Kind.INTEGER, maximum=100, unit=_TIMES),
    Key("AuthorizationKey", Kind.TEXT, refusal=_SECRET),
    Key("SecurityProfile", Kind.INTEGER, maximum=3, refusal=_PROFILE),
    *_reported("ConnectorPhaseRotationMaxLength", "GetConfigurationMaxKeys", "MeterValuesAlignedDataMaxLength"),
    *_reported("MeterValuesSampledDataMaxLength", "NumberOfConnectors", "StopTxnAlignedDataMaxLength"),
    *_reported("StopTxnSampledDataMaxLength", "SupportedFeatureProfilesMaxLength", "LocalAuthListMaxLength"),
    *_reported("SendLocalListMaxLength", "ChargeProfileMaxStackLevel", "ChargingScheduleMaxPeriods"),
    *_reported("MaxChargingProfilesInstalled", "CertificateSignedMaxChainSize", "CertificateStoreMaxLength"),
    *_reported("SupportedFeatureProfiles", "ChargingScheduleAllowedChargingRateUnit", kind=Kind.LIST),
    *_reported("ReserveConnectorZeroSupported", "ConnectorSwitch3to1PhaseSupported", kind=Kind.BOOLEAN),
    *_reported("AdditionalRootCertificateCheck", kind=Kind.BOOLEAN),
    Key(RETENTION_KEY, Kind.INTEGER, minimum=1, maximum=365, unit=_DAYS),
]
KEYS = {key.name.lower(): key for key in _KEYS}
PASSWORD_KEY, PROFILE_KEY = "AuthorizationKey", "SecurityProfile"
SECRET_KEYS = frozenset({"authorizationkey"})
# What stands for a secret wherever it is shown or kept.
MASK = "***"
OWN_KEYS = frozenset({RETENTION_KEY.lower()})


def find_key(name: str) -> Key | None:
    """The standard key of this name (without case), or None for a vendor's."""
    return KEYS.get(name.strip().lower())


def check_key(name: str) -> str:
    """The key in its standard spelling. InvalidValue for one that can't be set here."""
    name = name.strip()
    if not name or len(name) > LONGEST_KEY or not name.isprintable():
        raise InvalidValue(gettext("A key has 1 to %(longest)s printable characters.") % {"longest": LONGEST_KEY})
    key = find_key(name)
    if key is None:
        return name
    if key.refusal:
        raise InvalidValue(gettext(key.refusal))
    return key.name


def check_value(name: str, value: str) -> str:
    """The value as it is sent. InvalidValue where it doesn't fit a standard key; a vendor's may be any text."""
    if len(value) > LONGEST_VALUE:
        raise InvalidValue(gettext("At most %(longest)s characters.") % {"longest": LONGEST_VALUE})
    if any(ord(character) < 32 and character not in "\t\r\n" for character in value):
        raise InvalidValue(gettext("Control characters can't be sent."))
    key = find_key(name)
    return value if key is None else _fitted(key, value.strip())


def _fitted(key: Key, value: str) -> str:
    if key.kind == Kind.BOOLEAN:
        if value.lower() not in {"true", "false"}:
            raise InvalidValue(gettext("true or false."))
        return value.lower()
    if key.kind == Kind.INTEGER:
        if not _INTEGER.match(value) or not key.minimum <= int(value) <= key.maximum:
            raise InvalidValue(
                gettext("A whole number from %(minimum)s to %(maximum)s.")
                % {"minimum": key.minimum, "maximum": key.maximum}
            )
        return str(int(value))
    if key.kind == Kind.MEASURANDS:
        return _joined(_measurand(word) for word in _words(value))
    if key.kind == Kind.ROTATIONS:
        for word in _words(value):
            if not _ROTATION.match(word):
                raise InvalidValue(gettext("%(word)s: a connector and its rotation, as 1.RST.") % {"word": word[:40]})
        return ",".join(_words(value))
    return value


def _measurand(word: str) -> str:
    """`Voltage.L1` (OCPP 1.6 §9.1.17: "the Measurand is combined with the optional phase")."""
    whole = _MEASURANDS.get(word.lower())
    if whole is not None:
        return whole
    head, _, tail = word.rpartition(".")
    measurand, phase = _MEASURANDS.get(head.lower()), _PHASES.get(tail.lower())
    if measurand is None or phase is None:
        raise InvalidValue(gettext("%(word)s is not a measurand.") % {"word": word[:60]})
    return f"{measurand}.{phase}"


def _words(value: str) -> list[str]:
    return [word.strip() for word in value.split(",") if word.strip()]


def _joined(words: Iterable[str]) -> str:
    """Each word once, in the order given."""
    return ",".join(dict.fromkeys(words))


def same_value(first: str, second: str) -> bool:
    """Lists compare as sets of words, all else as text without case."""
    if "," in first or "," in second:
        return {word.lower() for word in _words(first)} == {word.lower() for word in _words(second)}
    return first.strip().lower() == second.strip().lower()
