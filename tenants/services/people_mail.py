"""Mails about accounts. An invitation waits in its row until the mail server has taken it; a reset is sent or forgotten."""

from datetime import timedelta

import structlog
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import override

from tenants.context import directory_transaction
from tenants.mail import mail_is_set, public_link, send_text
from tenants.models import Invitation, User
from tenants.services.invitations import link_path, renew_token
from tenants.services.passwords import accounts_to_reset, reset_token
from tenants.services.people_language import mail_language, people_named

log = structlog.get_logger(__name__)

# Pauses between attempts; then it is given up, and the list of invitations says so.
PAUSES = [timedelta(minutes=minutes) for minutes in (1, 5, 30, 120, 480)]
AT_ONCE = 100


def mail_due_invitations() -> int:
    """Mail what is due; the number of mails sent. At least once: a crash in between means another mail."""
    if not mail_is_set():
        return 0
    sent = 0
    for _turn in range(AT_ONCE):
        claimed = _claim()
        if claimed is None:
            break
        row, token = claimed
        sent += _send_invitation(row, token)
    return sent


def _claim() -> tuple[Invitation, str] | None:
    """The next that is due, with a token of its own; another worker goes past it for the length of a pause."""
    now = timezone.now()
    with directory_transaction():
        row = (
            Invitation.objects.select_for_update(of=("self",), skip_locked=True)
            .select_related("tenant")
            .filter(mail_due_at__lte=now, accepted_at=None, revoked_at=None)
            .order_by("mail_due_at")
            .first()
        )
        if row is None:
            return None
        token = renew_token(row)
        row.mail_due_at = now + PAUSES[row.mail_attempts] if row.mail_attempts < len(PAUSES) else None
        row.mail_attempts += 1
        row.save()
    return row, token


def _send_invitation(row: Invitation, token: str) -> int:
    """In the language of who is invited, where they have an account; else of who invites."""
    try:
        with override(mail_language(*people_named(row.email, row.invited_by))):
            send_text(to=row.email, subject=_invitation_subject(row), body=_invitation_body(row, token))
    except OSError as error:
        log.error("invitation not mailed", invitation=row.pk, error=str(error)[:200])
        _settle(row, error=str(error)[:200])
        return 0
    _settle(row, error="")
    return 1


def _settle(row: Invitation, *, error: str) -> None:
    with directory_transaction():
        # Not one that was sent again meanwhile.
        mine = Invitation.objects.filter(pk=row.pk, token_hash=row.token_hash)
        if error:
            mine.update(mail_error=error)
        else:
            mine.update(mail_error="", mail_due_at=None, sent_at=timezone.now())


def _invitation_subject(row: Invitation) -> str:
    return _("Invitation to %(tenant)s") % {"tenant": row.tenant.name}


def _invitation_body(row: Invitation, token: str) -> str:
    text = _(
        "%(person)s invites you to %(tenant)s, to manage its charging stations as %(role)s.\n"
        "\n"
        "Accept with this link until %(until)s UTC. It works once:\n"
        "\n"
        "%(link)s\n"
        "\n"
        "If you don't know what this is about, there is nothing to do: the link does nothing by itself.\n"
    )
    return text % {
        "person": row.invited_by,
        "tenant": row.tenant.name,
        "role": row.get_role_display(),
        "until": f"{row.expires_at:%Y-%m-%d %H:%M}",
        "link": public_link(link_path(token)),
    }


def mail_reset_links(email: str) -> int:
    """To each account with that address; the number of mails. Nothing for an address that nobody has."""
    if not mail_is_set():
        return 0
    accounts = accounts_to_reset(email)
    for user in accounts:
        with override(mail_language(user)):
            send_text(to=user.email, subject=_("Set a new password"), body=_reset_body(user))
    return len(accounts)


def _reset_body(user: User) -> str:
    text = _(
        "Somebody, perhaps you, asked for a new password for the account %(name)s.\n"
        "\n"
        "Set it with this link within %(minutes)d minutes. It works once:\n"
        "\n"
        "%(link)s\n"
        "\n"
        "You will be signed out everywhere, and programs that use your tokens must sign in again.\n"
        "If it was not you, there is nothing to do: your password stays as it is.\n"
    )
    return text % {
        "name": user.username,
        "minutes": settings.PASSWORD_RESET_TIMEOUT // 60,
        "link": public_link(reverse("admin:password_reset_link", args=[reset_token(user)])),
    }
