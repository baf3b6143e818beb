"""Why a session ended, and what is odd about it, as sentences for people."""

from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chargepoints.models import Transaction

Text = str | Promise

# OCPP 1.6 §7.36 (Reason).
STOP_REASONS: dict[str, Text] = {
    "Local": gettext_lazy("Stopped at the station"),
    "Remote": gettext_lazy("Stopped remotely"),
    "EVDisconnected": gettext_lazy("Unplugged at the car"),
    "DeAuthorized": gettext_lazy("Tag not accepted"),
    "EmergencyStop": gettext_lazy("Emergency stop"),
    "PowerLoss": gettext_lazy("Power failure"),
    "Reboot": gettext_lazy("Station restarted"),
    "HardReset": gettext_lazy("Station reset (hard)"),
    "SoftReset": gettext_lazy("Station reset (soft)"),
    "UnlockCommand": gettext_lazy("Connector unlocked remotely"),
    "Other": gettext_lazy("Another reason"),
}
# How a session that the station never ended was closed by us.
CLOSED: dict[str, Text] = {
    "closed_by_hand": gettext_lazy("Closed by hand"),
    "closed_by_next_start": gettext_lazy("Closed when the next one began"),
    "closed_without_readings": gettext_lazy("Closed after a long silence"),
    "replayed_out_of_order": gettext_lazy("Told after the next one had begun"),
}
# Which limit of its own a session was stopped for.
LIMITS: dict[str, Text] = {
    "limit_energy": gettext_lazy("Its energy limit was reached"),
    "limit_duration": gettext_lazy("Its time limit was reached"),
    "limit_cost": gettext_lazy("Its cost limit was reached"),
}
REMARKS: dict[str, Text] = {
    **LIMITS,
    "bad_connector": gettext_lazy("The station named no connector that it can have: counted on connector 0."),
    "started_offline": gettext_lazy("It began while the station was offline, and was told of later."),
    "start_in_future": gettext_lazy("The station's clock was ahead when it began."),
    "stop_in_future": gettext_lazy("The station's clock was ahead when it ended."),
    "stop_before_start": gettext_lazy("It ended before it began by the station's clock: check its duration."),
    "register_backwards": gettext_lazy("The meter ended below where it began: check the energy."),
    "replayed_out_of_order": gettext_lazy("It was told of after a later session of the same connector."),
    "closed_by_hand": gettext_lazy("The station sent no end: closed by hand with the last reading."),
    "closed_by_next_start": gettext_lazy("The station sent no end: closed with the last reading when the next began."),
    "closed_without_readings": gettext_lazy("The station sent no end: closed after a long silence."),
    "superseded_inferred_stop": gettext_lazy("The station's own end came later and replaced ours."),
    "other_stop_followed": gettext_lazy("The station sent another end afterwards: the first one counts."),
    "stopped_by_other_tag": gettext_lazy("It was stopped with another tag than it was started with."),
    "connector_reserved_for_another": gettext_lazy("The connector was reserved for another tag."),
    "available_with_open_session": gettext_lazy(
        "The station says that the connector is free while the session is open."
    ),
}
# Of these a person should think.
DOUBTFUL = {
    *("bad_connector", "register_backwards", "stop_before_start", "available_with_open_session"),
    *("closed_without_readings", "closed_by_next_start", "other_stop_followed"),
}


def reason_in_words(reason: str) -> str:
    """The station's word as people say it; the word itself where the standard has none such."""
    return str(STOP_REASONS.get(reason, reason))


def why_ended(session: Transaction) -> str:
    """In a few words; empty while it runs."""
    if session.state == Transaction.State.ACTIVE:
        return ""
    known = CLOSED if session.state == Transaction.State.INFERRED else LIMITS
    flag = next((one for one in session.flags if one in known), None)
    return str(known[flag]) if flag is not None else reason_in_words(session.stop_reason or "Other")


def end_in_words(session: Transaction) -> str:
    """Why it ended, and by whom where that is known; empty while it runs."""
    said = why_ended(session)
    who = session.stopped_by or (session.stop_id_tag if "stopped_by_other_tag" in session.flags else "")
    return _("%(reason)s (%(who)s)") % {"reason": said, "who": who} if said and who and who != "system" else said


def remarks_of(session: Transaction) -> list[tuple[str, str]]:
    """(kind of pill, sentence) for each thing that is odd about it."""
    return [("warn" if flag in DOUBTFUL else "info", str(REMARKS.get(flag, flag))) for flag in session.flags]
