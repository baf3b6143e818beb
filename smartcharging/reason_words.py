"""Why a connector has the limit that it has, and what set a round off: words of the log as sentences for people."""

from typing import cast

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from smartcharging.causes import Cause

REASONS: dict[str, str | Promise] = {
    "": _("No limit has been decided yet."),
    # What it may take.
    "full_share": _("All that it can take."),
    "equal_share": _("Its equal share of what there is."),
    "first_come": _("What those that came before leave."),
    "priority": _("Its share by priority."),
    "deadline": _("To have its energy by its departure."),
    "price": _("The cheapest hours before its departure."),
    "solar": _("Its share of what the sun leaves."),
    "lent_out": _("It takes less than its share: the rest is lent to others."),
    # Why it waits.
    "rotation_pause": _("Not enough for all to charge: it waits for its turn."),
    "planned_later": _("It has time: it charges later."),
    "no_sun": _("The sun leaves too little to charge."),
    "no_capacity": _("There is no room on its circuits now."),
    "never_enough": _("Its circuits never have the current that it needs to charge."),
    # What the monitoring and the fuse asked for.
    "emergency": _("Paused at once, to hold the circuit."),
    "over_limit": _("It takes more than its limit: told again."),
    "retry": _("The last limit was not confirmed: told again."),
    "fallback": _("What a session may take that has not been given a limit."),
}
CAUSES: dict[Cause, str | Promise] = {
    "minute": _("The round of each minute"),
    "session_start": _("A session began"),
    "session_end": _("A session ended"),
    "connector_status": _("A connector changed its status"),
    "online": _("A charge point connected"),
    "offline": _("A charge point went away"),
    "boot": _("A charge point booted"),
    "power": _("The power changed"),
    "limit_settled": _("A charge point answered"),
    "retry": _("A limit is tried again"),
    "grid_signal": _("A grid signal"),
    "site_meter": _("The site's meter moved"),
    "charging_need": _("A driver's need changed"),
    "prices": _("New prices"),
    "circuit_changed": _("The circuit was changed"),
    "member_added": _("A connector was added"),
    "member_changed": _("A connector was changed"),
    "member_removed": _("A connector was removed"),
}
# Why a connector counts with all that it can take, though it takes nothing.
NEVER_CAME = _("It has never connected: until it has taken a limit, it counts with all that it can take.")
NOT_HELD = _("Nothing is known to hold it: until it has taken a limit, it counts with all that it can take.")


def reason_in_words(reason: str) -> str:
    """A sentence; the word itself where nobody has written one."""
    return str(REASONS.get(reason) or _as_text(reason))


def cause_in_words(cause: str) -> str:
    """What set off a round, in a few words."""
    return str(CAUSES.get(cast(Cause, cause)) or _as_text(cause))


def _as_text(word: str) -> str:
    return word.replace("_", " ").capitalize()
