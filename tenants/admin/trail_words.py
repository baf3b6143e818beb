"""What the audit trail says, in the reader's words."""

from collections.abc import Callable, Iterable
from typing import Any

from django.apps import apps
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Model
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

Word = Any

ORIGINS: dict[str, Word] = {
    "admin": _("Back office"),
    "api": _("API"),
    "command": _("Command line"),
    "system": _("The system itself"),
}
# Beside these there are the actions of the protocol (RemoteStartTransaction ...), which are called what they are called.
ACTIONS: dict[str, Word] = {
    "accept": _("Accepted"),
    "accept invitation": _("Accepted an invitation"),
    "acknowledge": _("Acknowledged"),
    "activate": _("Activated"),
    "add member": _("Added a member"),
    "append": _("Added to"),
    "archive": _("Archived"),
    "cancel": _("Cancelled"),
    "cancel limit": _("Cancelled a limit"),
    "change": _("Changed"),
    "change password": _("Changed the password"),
    "change role": _("Changed a role"),
    "charging need": _("Set a charging need"),
    "close": _("Closed by hand"),
    "configure": _("Configured"),
    "correct": _("Corrected"),
    "create": _("Created"),
    "delete": _("Deleted"),
    "delete note": _("Deleted a note"),
    "dismiss": _("Dismissed"),
    "end session": _("Signed a browser out"),
    "end sessions": _("Signed out everywhere"),
    "export": _("Exported"),
    "fetch passwords": _("Fetched new passwords"),
    "import charge points": _("Imported charge points"),
    "import id tags": _("Imported id tags"),
    "invite": _("Invited"),
    "invite again": _("Invited again"),
    "issue token": _("Issued a token"),
    "limit": _("Limited"),
    "lower profile": _("Lowered the security profile"),
    "manage local list": _("Local list"),
    "note": _("Noted"),
    "password rotated": _("Password rotated"),
    "pause": _("Paused"),
    "profile not raised": _("Security profile not raised"),
    "raise profile": _("Raised the security profile"),
    "redeliver": _("Sent again"),
    "remove member": _("Removed a member"),
    "remove prices": _("Removed prices"),
    "renew recovery codes": _("Renewed recovery codes"),
    "reset password": _("Reset the password by mail"),
    "reset second factor": _("Reset a second factor"),
    "resolve": _("Resolved"),
    "resume": _("Resumed"),
    "revoke": _("Revoked"),
    "revoke invitation": _("Revoked an invitation"),
    "rotate password": _("Rotated the password"),
    "rotate secret": _("Rotated the secret"),
    "second factor refused": _("Wrong code at the sign-in"),
    "set password": _("Set a password"),
    "set up second factor": _("Set up a second factor"),
    "sign-in failed": _("Wrong password at the sign-in"),
    "sign-ins refused": _("Too many wrong passwords"),
    "status": _("Changed the status"),
    "store prices": _("Stored prices"),
    "turn off second factor": _("Turned the second factor off"),
    "use recovery code": _("Signed in with a recovery code"),
}
# What is looked for first when something is wrong.
GRAVE = frozenset({"delete", "remove member", "revoke", "archive", "turn off second factor", "reset second factor"})
WARNING = frozenset({"sign-in failed", "sign-ins refused", "second factor refused", "use recovery code"})

# Names of actions that higher apps call as they are.
_further: list[Callable[[], Iterable[str]]] = []


def register_actions(names: Callable[[], Iterable[str]]) -> None:
    """Higher apps say what else the trail may name."""
    if names not in _further:
        _further.append(names)


def further_actions() -> list[str]:
    return sorted({name for names in _further for name in names()})


def action_word(action: str) -> str:
    return str(ACTIONS.get(action, action))


def origin_word(origin: str) -> str:
    return str(ORIGINS.get(origin, origin))


def model_named(object_type: str) -> type[Model] | None:
    """The model that an entry's `object_type` names, in whichever of our apps."""
    for label in ("tenants", "chargepoints", "metering", "smartcharging"):
        try:
            return apps.get_model(label, object_type)
        except LookupError:
            continue
    return None


def kind_word(object_type: str) -> str:
    """`Charge point` for `chargepoint`."""
    model = model_named(object_type)
    return capfirst(str(model._meta.verbose_name)) if model is not None else object_type


def field_word(object_type: str, name: str) -> str:
    """`Heartbeat interval` for `heartbeat_interval`; what is no field of the model as it is."""
    text = str(getattr(field_named(object_type, name), "verbose_name", "") or name.replace("_", " "))
    return capfirst(text) if text else name


def field_named(object_type: str, name: str) -> Any:
    """The model's field of that name; None where there is none (any more)."""
    model = model_named(object_type) if object_type else None
    try:
        return model._meta.get_field(name) if model is not None else None
    except FieldDoesNotExist:
        return None
