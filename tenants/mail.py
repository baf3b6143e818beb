"""Mail to people: plain text, one recipient each, links to the back office."""

from django.conf import settings
from django.core.mail import EmailMessage
from django.http import HttpRequest

# They deliver nothing.
NO_SERVER = {"django.core.mail.backends.dummy.EmailBackend", "django.core.mail.backends.console.EmailBackend"}


def mail_is_set() -> bool:
    """Whether mail reaches people: there is a server, and an address that links in mails can lead to."""
    return settings.EMAIL_BACKEND not in NO_SERVER and bool(settings.PUBLIC_URL)


def public_link(path: str, request: HttpRequest | None = None) -> str:
    """The whole address of a page: as people reach it (`CSMS_PUBLIC_URL`), else as the request did."""
    if settings.PUBLIC_URL:
        return f"{settings.PUBLIC_URL.rstrip('/')}{path}"
    return request.build_absolute_uri(path) if request is not None else path


def send_text(*, to: str, subject: str, body: str) -> None:
    """Hand it to the mail server. Raises OSError (smtplib's errors are such) where that fails."""
    EmailMessage(subject=" ".join(subject.split())[:160], body=body, to=[to]).send()
