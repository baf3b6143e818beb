"""One profile to many stations, by the machinery of bulk commands: each has its own result.

A station that the profile doesn't suit is skipped with the reason, the others are sent it. What a station has accepted
becomes a row of ours then (`adopting`).
"""

from collections import Counter
from dataclasses import replace
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext

from chargepoints.models import BulkCommand, BulkTarget, ChargePoint
from chargepoints.services.bulk import Order, create_bulk
from smartcharging.models import ChargingProfile
from smartcharging.profiles.problems import InvalidProfile, ProfileProblem, problem
from smartcharging.profiles.shapes import Profile
from smartcharging.profiles.validation import StationLimits, validate_profile
from smartcharging.selectors import managed_connectors
from smartcharging.services.adopting import TEMPLATE
from smartcharging.services.profiles import limits_of
from smartcharging.services.sending import ACTION, NEW_ID, next_profile_ids, payload_of

State = ChargingProfile.State


def set_many(
    *,
    stations: QuerySet[ChargePoint],
    evse_number: int,
    profile: Profile,
    requested_by: str,
    origin: str,
    chosen_by: dict[str, Any],
    template_id: int | None = None,
    path: str = "csChargingProfiles",
    order_id: UUID | None = None,
    **options: Any,
) -> BulkCommand:
    """Send it to all of them. `options` as those of `Order`, `order_id` as of `create_bulk`. In the tenant's transaction.

    Raises NoTargets; InvalidProfile where it suits none of them.
    """
    if profile.purpose == "tx":
        sentence = gettext("The profile of a session is set connector by connector.")
        raise InvalidProfile([ProfileProblem("tx_not_for_many", f"{path}.chargingProfilePurpose", sentence)])
    if profile.profile_id == NEW_ID:
        profile = replace(profile, profile_id=next_profile_ids(1)[0])
    if template_id is not None:
        chosen_by = {**chosen_by, TEMPLATE: template_id}
    ids = list(stations.order_by().values_list("pk", flat=True).distinct())
    problems = unsuited(ids, evse_number, profile, path)
    if ids and len(problems) == len(ids):
        # A mistake in the profile more likely than in a thousand stations.
        raise InvalidProfile(next(iter(problems.values())))
    order = Order(action=ACTION, payload=payload_of(evse_number, profile), chosen_by=chosen_by, vetted=True, **options)
    bulk = create_bulk(stations=stations, order=order, requested_by=requested_by, origin=origin, order_id=order_id)
    _skip(bulk, problems)
    return bulk


def unsuited(ids: list[int], evse_number: int, profile: Profile, path: str) -> dict[int, list[ProfileProblem]]:
    """The stations that it can't be sent to, and why. A fixed number of queries."""
    limits, now = limits_of(ids), timezone.now()
    full, held = _full(ids, evse_number, profile, limits), _held(ids, evse_number, profile, limits)
    by_limits: dict[StationLimits, list[ProfileProblem]] = {}
    found = {}
    for pk in ids:
        if limits[pk] not in by_limits:
            by_limits[limits[pk]] = validate_profile(
                profile, evse_number=evse_number, limits=limits[pk], now=now, running_transaction=None, path=path
            )
        problems = list(by_limits[limits[pk]])
        if pk in held:
            problems.append(problem("held_by_load_management", f"{path}.stackLevel"))
        if pk in full:
            problems.append(problem("too_many_installed", path, most=limits[pk].max_installed))
        if problems:
            found[pk] = problems
    return found


def _full(ids: list[int], evse_number: int, profile: Profile, limits: dict[int, StationLimits]) -> set[int]:
    rows = ChargingProfile.objects.filter(charge_point__in=ids, state=State.INSTALLED)
    counted = Counter(rows.values_list("charge_point_id", flat=True))
    place = Q(evse_number=evse_number, purpose=profile.purpose, stack_level=profile.stack_level)
    replacing = set(rows.filter(place | Q(profile_id=profile.profile_id)).values_list("charge_point_id", flat=True))
    return {pk for pk, number in counted.items() if number >= limits[pk].max_installed and pk not in replacing}


def held_at(ids: list[int], evse_number: int, profile: Profile) -> set[int]:
    """The stations where load management holds this place: `profiles.held_by_load_management`, of many."""
    return _held(ids, evse_number, profile, limits_of(ids))


def _held(ids: list[int], evse_number: int, profile: Profile, limits: dict[int, StationLimits]) -> set[int]:
    if profile.purpose == "station_max":
        return set()
    at_stations = {pk for pk, number in managed_connectors(ids) if evse_number in (0, number)}
    return {pk for pk in at_stations if profile.stack_level >= limits[pk].max_stack_level}


def _skip(bulk: BulkCommand, problems: dict[int, list[ProfileProblem]]) -> None:
    by_text: dict[str, list[int]] = {}
    for pk, found in problems.items():
        by_text.setdefault(" ".join(one.sentence for one in found)[:255], []).append(pk)
    for text, ids in by_text.items():
        waiting = BulkTarget.objects.filter(bulk=bulk, state=BulkTarget.State.WAITING, charge_point__in=ids)
        waiting.update(state=BulkTarget.State.SKIPPED, detail=text, skipped_at=bulk.created_at)
