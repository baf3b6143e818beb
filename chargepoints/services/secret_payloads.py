"""Commands that could lock a station out: refused where they are sent by hand, and their secrets shown to nobody.

Rows of commands with a secret in them show `***`; the gateway fills it in as it takes them.
"""

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext, gettext_noop

from chargepoints.models import ChargePoint, Command
from chargepoints.protocol.errors import Code, violation
from chargepoints.services.configuration_keys import MASK, PASSWORD_KEY, PROFILE_KEY
from chargepoints.services.pem import InvalidCertificate, check_root
from tenants.sealing import SealBroken, unseal

PURPOSE = "station password"
# Set by services of their own: by hand, a station would be locked out.
_RESERVED = {
    PASSWORD_KEY.lower(): gettext_noop("A station's password is changed by rotate-password, not here."),
    PROFILE_KEY.lower(): gettext_noop("The security profile is changed by security-profile, not here."),
}


def refuse_reserved(action: str, payload: dict[str, Any]) -> None:
    """OcppError for a ChangeConfiguration of a key that nobody sets by hand, and a root that no station should trust."""
    if action == "InstallCertificate":
        try:
            check_root(str(payload.get("certificate", "")), timezone.now())
        except InvalidCertificate as error:
            raise violation(Code.PROPERTY, "certificate", str(error)) from None
    if action == "ChangeConfiguration" and (reason := _RESERVED.get(str(payload.get("key", "")).strip().lower())):
        raise violation(Code.PROPERTY, "key", gettext(reason))


def reveal(command: Command) -> bool:
    """Fill in what the row masks, in memory only; False where there is nothing to fill in any more. In its tenant."""
    if command.action != "ChangeConfiguration" or command.payload.get("key") != PASSWORD_KEY:
        return True
    if command.payload.get("value") != MASK:
        return False
    sealed = ChargePoint.objects.filter(pk=command.charge_point_id).values_list("next_password", flat=True).first()
    if not sealed:
        return False
    try:
        command.payload = {**command.payload, "value": unseal(sealed, PURPOSE)}
    except SealBroken:
        return False
    return True
