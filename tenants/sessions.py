"""Django's sessions, in rows that say whose they are (`settings.SESSION_ENGINE`)."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from django.contrib.auth import SESSION_KEY as USER_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone

from tenants.models import BrowserSession

# A page that refreshes itself must not write for each answer.
NOTED_EVERY = timedelta(minutes=1)
SINCE = "signed_in_at"


class SessionStore(DatabaseStore):
    """`visited_from` is told by the middleware; what is stored of it follows from whose session it is."""

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._address = self._browser = ""
        self._noted_at: datetime | None = None

    @classmethod
    def get_model_class(cls) -> Any:
        return BrowserSession

    def visited_from(self, address: str, browser: str) -> None:
        """Where the request that is being answered comes from."""
        self._address, self._browser = address[:64], browser[:300]

    def note_visit(self) -> None:
        """Somebody who is signed in has asked for a page."""
        now = timezone.now()
        if self.session_key and self._noted_at is not None and now - self._noted_at > NOTED_EVERY:
            BrowserSession.objects.filter(session_key=self.session_key).update(
                last_seen_at=now, address=self._address, browser=self._browser
            )
            self._noted_at = now

    def create_model_instance(self, data: Any) -> Any:
        user_id = data.get(USER_KEY)
        if user_id is not None:
            data.setdefault(SINCE, time.time())
        row: Any = super().create_model_instance(data)
        if user_id is not None:
            row.user_id = int(user_id)
            row.created_at, row.last_seen_at = datetime.fromtimestamp(data[SINCE], UTC), timezone.now()
            row.address, row.browser = self._address, self._browser
        return row

    def _get_session_from_db(self) -> Any:
        row: Any = super()._get_session_from_db()  # type: ignore[misc]
        self._noted_at = row.last_seen_at if row is not None else None
        if row is not None and not self._address:
            self._address, self._browser = row.address, row.browser
        return row
