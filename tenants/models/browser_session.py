"""Sign-ins of browsers: what Django's session table holds, and whose it is, since when, from where."""

from typing import Any

from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models

from tenants.models.people import User


class BrowserSession(AbstractBaseSession):
    """A browser's session. Deleting the row ends it. `user` is empty until somebody has signed in with it."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, related_name="browser_sessions")
    # Since when somebody is signed in; then the last time that a page was asked for, to the minute.
    created_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField(null=True)
    address = models.CharField(max_length=64, blank=True)
    browser = models.CharField(max_length=300, blank=True)

    class Meta(AbstractBaseSession.Meta):
        abstract = False
        verbose_name = "browser session"

    def __str__(self) -> str:
        return f"{self.address} {self.browser}"[:80]

    @classmethod
    def get_session_store_class(cls) -> Any:
        from tenants.sessions import SessionStore

        return SessionStore
