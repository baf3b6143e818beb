"""The strategies that need nothing but the moment: equal share, first come first served, priority, solar surplus."""

from itertools import groupby

from smartcharging.allocation.contest import Answer, Contest, Shares
from smartcharging.allocation.lending import least
from smartcharging.allocation.reserve import give_back, lacking, spend
from smartcharging.allocation.surplus import room_to_start


def equal(contest: Contest, detail: str = "") -> Answer:
    served = contest.chosen(contest.loads)
    bounds = {load_id: contest.bounds[load_id] for load_id in sorted(served)}
    return Answer(contest.fair(bounds), "equal_share", "equal", detail)


def first_come(contest: Contest) -> Answer:
    """The minimum for all who can have it; then the earliest has all that he can use, then the next."""
    arrivals = sorted(
        contest.loads, key=lambda load: (load.arrived_at is None, load.arrived_at or contest.now, load.id)
    )
    ranks = {load.id: float(place) for place, load in enumerate(arrivals)}
    served = contest.chosen(contest.loads, ranks)
    shares: Shares = {load_id: contest.bounds[load_id][0] for load_id in served}
    reserve, room = contest.reserve, contest.rest(shares)
    for load in arrivals:
        if load.id in served:
            low, high = contest.bounds[load.id]
            shares[load.id] = max(low, min(high, reserve.top(room, load.id, low) or low))
            spend(room, reserve.needs(load.id, shares[load.id], low))
    return Answer(shares, "first_come", "first_come")


def priority(contest: Contest) -> Answer:
    """The minimum for all who can have it; then level by level, fair inside a level."""
    ranks = {load.id: float(-load.priority) for load in contest.loads}
    served = contest.chosen(contest.loads, ranks)
    shares: Shares = {load_id: contest.bounds[load_id][0] for load_id in sorted(served)}
    reserve, room = contest.reserve, contest.rest(shares)
    for _, level in groupby(sorted(shares, key=lambda load_id: (ranks[load_id], load_id)), key=ranks.__getitem__):
        ids = [*level]
        for load_id in ids:
            give_back(room, reserve.needs(load_id, shares[load_id]))
        shares |= contest.fair({load_id: contest.bounds[load_id] for load_id in ids}, room)
        for load_id in ids:
            spend(room, reserve.needs(load_id, shares[load_id]))
    return Answer(shares, "priority", "priority")


def solar(contest: Contest) -> Answer:
    """Equal shares of what the sun leaves; one more car starts only when it leaves something to spare."""
    charging = [load for load in contest.loads if load.served_since is not None]
    room = room_to_start(contest.tree, contest.room, charging, contest.rules)
    served = contest.chosen(contest.loads, room=room)
    bounds = {load_id: contest.bounds[load_id] for load_id in sorted(served)}
    too_little = {
        load.id: "no_sun" for load in contest.loads if lacking(room, contest.reserve.needs(load.id, least(load)))
    }
    return Answer(contest.fair(bounds), "solar", "solar", reasons=too_little)
