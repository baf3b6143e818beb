"""The language that a person has chosen: for their pages in every browser, and for mails to them."""

from django.conf import settings
from django.db.models import Q

from tenants.context import directory_transaction
from tenants.models import User


def keep_language(user: User, code: str) -> None:
    """Remember what they chose; empty: as the browser asks. Codes that there are no pages in (LANGUAGES) are left alone."""
    if code and code not in dict(settings.LANGUAGES):
        return
    if user.language != code:
        with directory_transaction():
            User.objects.filter(pk=user.pk).update(language=code)
        user.language = code


def mail_language(*people: User | None) -> str:
    """Of the first of them who has chosen one; else what the installation writes its mails in."""
    return next((user.language for user in people if user is not None and user.language), settings.MAIL_LANGUAGE)


def people_named(email: str, inviter: str) -> tuple[User | None, User | None]:
    """Whose mailbox it is, where they have an account already, and who invites them there."""
    with directory_transaction():
        theirs = User.objects.filter(Q(email__iexact=email) | Q(username__iexact=email), is_active=True)
        return theirs.exclude(language="").order_by("username").first(), User.objects.filter(username=inviter).first()
