"""What a command to many charge points will do, in words, for the page that asks once more."""

from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

Words = str | Promise

RESTARTS: Words = _("Each restarts, and can't charge for a minute or more.")
ASKS: Words = _("They are only asked: nothing is changed.")
WORDS: dict[str, Words] = {
    "RemoteStartTransaction": _("At each a session is started for this tag. Make sure that this is what you want."),
    "RemoteStopTransaction": _("The session with this number is stopped, where a station has it."),
    "UnlockConnector": _("The cable is let go; a session that runs on this connector ends."),
    "TriggerMessage": ASKS,
    "ExtendedTriggerMessage": ASKS,
    "GetConfiguration": ASKS,
    "GetLocalListVersion": ASKS,
    "GetInstalledCertificateIds": ASKS,
    "GetCompositeSchedule": ASKS,
    "GetDiagnostics": _("Each uploads its diagnostics to this address; that takes some of its line."),
    "GetLog": _("Each uploads its log to this address; that takes some of its line."),
    "ClearCache": _(
        "They forget which tags they know and ask us about the next. Offline, they know none but their list's."
    ),
    "ChangeConfiguration": _("The key is set now. A wish for the same key sets it back later."),
    "SetChargingProfile": _("What lies at the same place is replaced; cars that charge follow the new limit at once."),
    "ClearChargingProfile": _("Limits that match are taken away: cars may charge faster at once."),
    "UpdateFirmware": _("Each fetches and installs it, and can't charge meanwhile. A rollout does this in waves."),
    "SignedUpdateFirmware": _(
        "Each fetches and installs it, and can't charge meanwhile. A rollout does this in waves."
    ),
    "ReserveNow": _("The connector is kept for this tag at each of them; others can't charge there."),
    "CancelReservation": _("The reservation with this number is let go."),
    "SendLocalList": _("The list that a station has is replaced or changed."),
    "InstallCertificate": _("The stations trust this root from now on."),
    "DeleteCertificate": _("The stations no longer trust it: a station that needs it to reach us stays away."),
}
DEFAULT: Words = _("Each is sent this command once.")


def words_for(action: str, payload: dict[str, Any], sessions: int) -> list[str]:
    """Sentences. `sessions`: how many run at these stations."""
    said = [str(_words(action, payload))]
    if sessions and (ending := _ends_sessions(action, payload)):
        running = ngettext("%(n)d session runs there.", "%(n)d sessions run there.", sessions) % {"n": sessions}
        said += [running, str(ending)]
    return said


def _words(action: str, payload: dict[str, Any]) -> Words:
    if action == "Reset":
        return RESTARTS
    if action == "ChangeAvailability":
        if payload.get("type") == "Inoperative":
            return _("No session can begin there any more, until someone makes them available again.")
        return _("Sessions can begin there again.")
    return WORDS.get(action, DEFAULT)


def _ends_sessions(action: str, payload: dict[str, Any]) -> Words | None:
    if action == "Reset" and payload.get("type") == "Hard":
        return _("A hard reset cuts them off: what they used since the last reading may be lost.")
    if action == "Reset":
        return _("They are ended in good order before the restart: drivers have to begin anew.")
    if action == "ChangeAvailability" and payload.get("type") == "Inoperative":
        return _("They go on to their end; the change comes after it.")
    if action in {"UpdateFirmware", "SignedUpdateFirmware"}:
        return _("Most stations wait for them to end; some cut them off.")
    return None
