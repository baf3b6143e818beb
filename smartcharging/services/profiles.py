"""Charging profiles for people and programs: checked against what the station can do, then sent."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from django.db.models import Q
from django.utils import timezone

from chargepoints.models import ChargePoint, ConfigurationKey
from chargepoints.services.commands import StationOffline
from smartcharging.models import ChargingProfile
from smartcharging.profiles.problems import InvalidProfile, ProfileProblem, problem
from smartcharging.profiles.shapes import Profile, Unit
from smartcharging.profiles.translation import profile_from_ocpp16
from smartcharging.profiles.validation import StationLimits, validate_profile
from smartcharging.selectors import managed_connectors, running_session
from smartcharging.services.sending import OFFLINE, ProfileToSend, send_profiles
from smartcharging.services.settling import on_profile_settled
from tenants.context import tenant_transaction

__all__ = [
    "check_profile",
    "held_by_load_management",
    "limits_of",
    "on_profile_settled",
    "set_profile",
    "station_limits",
]

State, Source = ChargingProfile.State, ChargingProfile.Source

# Of stations that have not reported their own (OCPP 1.6 §9.4); small, so that what is sent unasked is taken.
DEFAULT_MAX_STACK_LEVEL = 8
DEFAULT_MAX_PERIODS = 24
DEFAULT_MAX_INSTALLED = 10
BOTH_UNITS: frozenset[Unit] = frozenset({"A", "W"})
# The words of ChargingScheduleAllowedChargingRateUnit, and what stations write instead.
UNIT_WORDS: dict[str, Unit] = {"current": "A", "a": "A", "power": "W", "w": "W"}
LIMIT_KEYS = (
    "ChargeProfileMaxStackLevel",
    "ChargingScheduleMaxPeriods",
    "MaxChargingProfilesInstalled",
    "ChargingScheduleAllowedChargingRateUnit",
    "ConnectorSwitch3to1PhaseSupported",
)


def station_limits(charge_point: ChargePoint) -> StationLimits:
    """What one station can do, by its reported configuration. In the open tenant scope."""
    return limits_of([charge_point.pk])[charge_point.pk]


def limits_of(charge_point_ids: Collection[int]) -> dict[int, StationLimits]:
    """The same for many, in one query."""
    wanted = Q()
    for key in LIMIT_KEYS:
        wanted |= Q(key__iexact=key)
    reported: dict[int, dict[str, str]] = {pk: {} for pk in charge_point_ids}
    keys = ConfigurationKey.objects.filter(wanted, charge_point__in=list(reported))
    for pk, key, value in keys.values_list("charge_point_id", "key", "value"):
        reported[pk][key.lower()] = value.strip()
    return {pk: _limits(values) for pk, values in reported.items()}


def _limits(values: dict[str, str]) -> StationLimits:
    def number(key: str, default: int) -> int:
        value = values.get(key.lower(), "")
        return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else default

    words = values.get("chargingscheduleallowedchargingrateunit", "").lower().split(",")
    units = frozenset(UNIT_WORDS[word.strip()] for word in words if word.strip() in UNIT_WORDS)
    return StationLimits(
        max_stack_level=number("ChargeProfileMaxStackLevel", DEFAULT_MAX_STACK_LEVEL),
        # 0 would mean that it takes none at all: a station that says so has not filled it in.
        max_periods=number("ChargingScheduleMaxPeriods", 0) or DEFAULT_MAX_PERIODS,
        max_installed=number("MaxChargingProfilesInstalled", 0) or DEFAULT_MAX_INSTALLED,
        units=units or BOTH_UNITS,
        connector_switch_3to1=values.get("connectorswitch3to1phasesupported", "").lower() == "true",
    )


def check_profile(
    charge_point: ChargePoint,
    evse_number: int,
    profile: Profile,
    *,
    now: datetime,
    with_start: bool = False,
    path: str = "csChargingProfiles",
) -> list[ProfileProblem]:
    """Why it is not sent there; empty: it may be. `with_start`: it goes with a remote start (0: any connector).

    In the open tenant scope.
    """
    limits = station_limits(charge_point)
    session = running_session(charge_point.pk, evse_number) if evse_number and not with_start else None
    found = validate_profile(
        profile,
        evse_number=(evse_number or 1) if with_start else evse_number,
        limits=limits,
        now=now,
        running_transaction=session.protocol_id if session else None,
        with_start=with_start,
        path=path,
    )
    if held_by_load_management(charge_point.pk, evse_number, profile, limits):
        found.append(problem("held_by_load_management", f"{path}.stackLevel"))
    if not found and _is_full(charge_point.pk, evse_number, profile, limits):
        found.append(problem("too_many_installed", path, most=limits.max_installed))
    return found


def held_by_load_management(charge_point_id: int, evse_number: int, profile: Profile, limits: StationLimits) -> bool:
    """Whether a circuit keeps its own profile there: for sessions, at the highest stack level (0: at any connector).

    A default of the whole station too: there are stations that put it in the place of those of their connectors.
    """
    if profile.purpose == "station_max" or profile.stack_level < limits.max_stack_level:
        return False
    managed = managed_connectors([charge_point_id])
    return (charge_point_id, evse_number) in managed if evse_number else bool(managed)


def _is_full(charge_point_id: int, evse_number: int, profile: Profile, limits: StationLimits) -> bool:
    """The station holds as many as it can, and this one replaces none."""
    held = ChargingProfile.objects.filter(charge_point=charge_point_id, state=State.INSTALLED)
    place = Q(evse_number=evse_number, purpose=profile.purpose, stack_level=profile.stack_level)
    replaces = held.filter(place | Q(profile_id=profile.profile_id)).exists()
    return not replaces and held.count() >= limits.max_installed


def set_profile(
    *,
    charge_point: ChargePoint,
    evse_number: int,
    profile: Profile,
    requested_by: str,
    origin: str,
    source: str = Source.PERSON,
    template_id: int | None = None,
    timeout_s: int | None = None,
    path: str = "csChargingProfiles",
) -> ChargingProfile:
    """Check and send one. A TxProfile without a session named is for the one that runs on the connector.

    Raises InvalidProfile (every problem with its field below `path`), StationOffline.
    """
    with tenant_transaction(charge_point.tenant_id):
        problems = check_profile(charge_point, evse_number, profile, now=timezone.now(), path=path)
        if problems:
            raise InvalidProfile(problems)
        session = running_session(charge_point.pk, evse_number) if profile.purpose == "tx" else None
        if session is not None:
            profile = replace(profile, transaction_id=session.protocol_id)
        item = ProfileToSend(
            charge_point_id=charge_point.pk,
            evse_number=evse_number,
            profile=profile,
            transaction_id=session.pk if session else None,
            source=source,
            template_id=template_id,
            timeout_s=timeout_s,
        )
        (row,) = send_profiles(tenant_id=charge_point.tenant_id, items=[item], requested_by=requested_by, origin=origin)
        if row.command_id is None:
            # Nothing of it stays: the caller is told.
            if row.detail == OFFLINE:
                raise StationOffline(charge_point.identity)
            raise InvalidProfile([ProfileProblem("out_of_range", path, row.detail)])
    return row


def check_start_profile(charge_point: ChargePoint, connector_id: int, wanted: object) -> list[tuple[str, str, str]]:
    """Why the profile of a remote start can't be sent: (field below `chargingProfile`, reason, sentence), §5.11."""
    path = "chargingProfile"
    try:
        profile = profile_from_ocpp16(wanted, path=path)
        found = check_profile(charge_point, connector_id, profile, now=timezone.now(), with_start=True, path=path)
    except InvalidProfile as error:
        found = error.problems
    return [(one.field, one.reason, one.sentence) for one in found]
