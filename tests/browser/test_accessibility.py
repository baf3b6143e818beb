"""Every main page, light and dark, at a desk and on a phone: it fits its window, and axe finds nothing serious."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings

from tenants.models import User
from tests.admin.conftest import office
from tests.browser.axe import faults
from tests.browser.conftest import PATIENCE_MS, is_problem
from tests.browser.lively import Lively, make_lively, pages_of
from tests.conftest import _empty_tables
from tests.threads import give_connections_back

pytestmark = pytest.mark.browser
# A window that grows shows at once whether it was too narrow before.
WIDTHS = (390, 1440)
# Of the platform's staff; signed out.
PLATFORM = {"all tenants"}
OUTSIDE = {"sign-in": "/admin/login/", "forgotten password": "/admin/password-reset/"}


@pytest.fixture(scope="module")
def lively(web_process: str, django_db_setup: None, django_db_blocker: Any) -> Iterator[Lively]:
    with django_db_blocker.unblock():
        try:
            yield make_lively()
        finally:
            give_connections_back()
            _empty_tables()


class Looker:
    """A window of a person's (nobody's: signed out), and what it complained of since it was asked last."""

    def __init__(self, browser: Any, web: str, scheme: str, person: User | None) -> None:
        self.web, self.problems = web, list[str]()
        self.context = browser.new_context(viewport={"width": WIDTHS[0], "height": 900}, color_scheme=scheme)
        self.context.set_default_timeout(PATIENCE_MS)
        if person is not None:
            name = settings.SESSION_COOKIE_NAME
            self.context.add_cookies([{"name": name, "value": office(person).cookies[name].value, "url": web}])
        self.page = self.context.new_page()
        self.page.on("console", lambda said: self.problems.append(said.text) if is_problem(said) else None)
        self.page.on("pageerror", lambda error: self.problems.append(str(error)))
        self.page.on("request", self._note_request)

    def _note_request(self, request: Any) -> None:
        if not request.url.startswith((self.web, "data:")):
            self.problems.append(f"asks {request.url}")

    def look_at(self, path: str) -> list[str]:
        """What is wrong with a page at any width."""
        answer = self.page.goto(self.web + path)
        found = [] if answer.ok else [f"answered {answer.status}"]
        for width in WIDTHS:
            self.page.set_viewport_size({"width": width, "height": 900})
            found += [f"{width} px: {fault}" for fault in faults(self.page)]
        self.page.set_viewport_size({"width": WIDTHS[0], "height": 900})
        found += self.problems
        self.problems.clear()
        return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_fits_and_can_be_read_by_all(
    lively: Lively, web_process: str, browser_process: Any, scheme: str
) -> None:
    wrong: dict[str, list[str]] = {}
    people = {
        lively.olga: {name: path for name, path in pages_of(lively).items() if name not in PLATFORM},
        lively.petra: {name: path for name, path in pages_of(lively).items() if name in PLATFORM},
        None: OUTSIDE,
    }
    for person, pages in people.items():
        looker = Looker(browser_process, web_process, scheme, person)
        wrong |= {name: found for name, path in pages.items() if (found := looker.look_at(path))}
        looker.context.close()
    assert not wrong, "\n".join(f"{name}: {fault}" for name, found in wrong.items() for fault in found)
