"""Lists and pages with anything in the address: answered, never a fault of ours; and who mistyped is told so.

What there is to be asked is found out, not written down: the filters of each list, and what each page looks for in its query.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.options import IS_POPUP_VAR, TO_FIELD_VAR, IncorrectLookupParameters
from django.contrib.admin.views.main import ALL_VAR, ORDER_VAR, PAGE_VAR, SEARCH_VAR
from django.core.exceptions import SuspiciousOperation
from django.core.handlers.wsgi import WSGIRequest
from django.http import QueryDict
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils.functional import cached_property

from tenants.admin.one_row import OneRowAdmin
from tenants.context import system_transaction, tenant_transaction
from tenants.middleware import SESSION_KEY
from tenants.models import User
from tenants.selectors import access_to
from tests.conftest import make_user
from tests.isolation.conftest import Cast, cast
from tests.isolation.marks import B
from tests.isolation.routes import office_routes

__all__ = ["cast"]

NUL = "a%00b"
# As it stands in the address.
ANYTHING = [
    *("%00", NUL, "%ED%A0%80", "x" * 10_000, "-1", str(2**63), "1e400", "NaN", "", "1.5", "%C2%B2"),
    *("0000-13-99", "10000-01-01", "2026-11-21T00:00:00%2B99:99", "'%3B%20--", "%25", "_", "%5C", "%5B%5D", "("),
]
OF_LISTS = [ALL_VAR, ORDER_VAR, PAGE_VAR, SEARCH_VAR, "_facets", "no_such"]
# Django's ways to compare a column, with what each of them can't take.
COMPARED = ["", "__exact", "__gte", "__in", "__isnull", "__contains", "__regex", "__range", "__year", "__date"]
LISTS = {
    f"{model._meta.app_label}_{model._meta.model_name}": page
    for model, page in admin.site._registry.items()
    if not isinstance(page, OneRowAdmin)
}
# Of all these values, for a name that many have.
FEW = 2
# What Django looks for on each of its pages: asked on some.
OF_DJANGO = {IS_POPUP_VAR, TO_FIELD_VAR, "_changelist_filters"}
ONE_PAGE_IN = 8
LEAVING = "/admin/logout/"


@pytest.fixture(scope="module")
def root(cast: Cast) -> User:
    """Platform staff, in B: every list opens."""
    return make_user("root", None, superuser=True)


@pytest.fixture(scope="module")
def browser(root: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(root)
    session = client.session
    session[SESSION_KEY] = B.slug
    session.save()
    return client


def some(turn: int, few: int = FEW) -> list[str]:
    """NUL, which no text column holds, and a few of the others, which differ each turn: all of them in the end."""
    return [NUL] * (few > 1) + [ANYTHING[(turn * few + number) % len(ANYTHING)] for number in range(few)]


def status_of(client: Client, url: str, method: str = "get") -> int:
    answer: Any = getattr(client, method)(url)
    if answer.streaming:
        # What is read only now can fail only now.
        b"".join(answer.streaming_content)
    return int(answer.status_code)


def scope_of(page: Any) -> AbstractContextManager[None]:
    """As the admin site opens it."""
    return system_transaction() if getattr(page, "platform_only", False) else tenant_transaction(B.number)


def listed(page: Any, user: User, query: str) -> Any:
    """The list as its page has it; None: it says that the address makes no sense."""
    request: Any = RequestFactory().get("/", QUERY_STRING=query)
    request.user, request.access, request._messages = user, access_to(user, B.slug), _Unsaid()
    with scope_of(page):
        try:
            found = page.get_changelist_instance(request)
            list(found.result_list)
        except (IncorrectLookupParameters, SuspiciousOperation):
            return None
        return found


class _Unsaid:
    def add(self, level: int, message: str, extra_tags: str = "") -> None:
        """Nobody reads it."""


def asked_of(page: Any, user: User) -> list[str]:
    """The parameters of its filters and of its date hierarchy."""
    names = {name for one in listed(page, user, "").filter_specs for name in one.expected_parameters() if name}
    if page.date_hierarchy:
        names |= {f"{page.date_hierarchy}__{part}" for part in ("year", "month", "day")}
    return sorted(names)


def tried(page: Any, user: User, turn: int) -> Iterator[str]:
    names = asked_of(page, user)
    yield from (f"{name}={value}" for place, name in enumerate(names) for value in ANYTHING[(turn + place) % 2 :: 2])
    yield from (f"{name}={value}" for name in OF_LISTS for value in some(turn))
    yield from (f"{name}=1&{name}=&{name}=2" for name in [*names, *OF_LISTS])
    # Of several kinds of columns one each: what is compared with it is Django's, whatever the list.
    kinds = {type(field): field.name for field in page.model._meta.concrete_fields}
    yield from (f"{name}{how}=(" for name in kinds.values() for how in COMPARED)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_asked_for_anything_is_answered(root: User, name: str) -> None:
    failed = []
    for query in tried(LISTS[name], root, list(LISTS).index(name)):
        try:
            listed(LISTS[name], root, query)
        except Exception as error:
            failed.append(f"{query[:80]}: {error!r:.120}")
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("name", LISTS)
def test_what_the_filters_of_a_list_offer_is_never_refused(root: User, name: str) -> None:
    shown = listed(LISTS[name], root, "")
    with scope_of(LISTS[name]):
        choices = [choice for one in shown.filter_specs for choice in list(one.choices(shown))[:FEW]]
    offered = [choice["query_string"].removeprefix("?") for choice in choices if choice.get("query_string")]
    refused = [query for query in offered if listed(LISTS[name], root, query) is None]
    assert not refused


@pytest.mark.parametrize("name", LISTS)
def test_the_page_of_a_list_and_its_files_stand_any_address(browser: Client, root: User, name: str) -> None:
    asked = [*asked_of(LISTS[name], root), SEARCH_VAR, PAGE_VAR, ORDER_VAR]
    for value in some(list(LISTS).index(name), 2):
        # Each for itself is tried above: here what is drawn with it, and the search together with all of it.
        for query in ("&".join(f"{one}={value}" for one in asked), f"{SEARCH_VAR}={value}&{PAGE_VAR}={value}"):
            assert status_of(browser, f"{reverse(f'admin:{name}_changelist')}?{query}") in {200, 302, 400}, query[:200]
            for kind in ("csv", "xlsx"):
                url = f"{reverse(f'admin:{name}_export_{kind}')}?{query}"
                assert status_of(browser, url, "post") in {200, 302, 400, 422}, url[:200]


def test_who_asks_a_list_for_what_makes_no_sense_is_told_so(browser: Client) -> None:
    url = reverse("admin:chargepoints_transaction_changelist")
    answer: Any = browser.get(f"{url}?started_at__regex=(", follow=True)
    assert answer.status_code == 200
    text = " ".join(answer.content.decode().split())
    assert (
        "The address asked for what this list doesn&#x27;t have." in text or "asked for what this list doesn't" in text
    )


def test_every_page_stands_anything_in_what_it_looks_for(browser: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: set[str] = set()
    _listen(monkeypatch, asked)
    lists = {reverse(f"admin:{name}_changelist") for name in LISTS}
    failed, turn = [], 0
    for place, path in enumerate(path for route in office_routes() for path in route.paths({})[:1]):
        asked.clear()
        if path in lists | {LEAVING} or status_of(browser, path) != 200:
            continue
        for name in sorted(asked - OF_DJANGO if place % ONE_PAGE_IN else asked):
            turn += 1
            for value in some(turn, 1 if name in OF_DJANGO else FEW):
                if status_of(browser, f"{path}?{name}={value}") not in {200, 302, 400, 404}:
                    failed.append(f"{path}?{name}={value[:80]}")
    assert turn > 0
    assert not failed, "\n".join(failed)


def _listen(monkeypatch: pytest.MonkeyPatch, asked: set[str]) -> None:
    """What pages look for in the query of a request gets into `asked`."""

    class Heard(QueryDict):
        def __getitem__(self, key: Any) -> Any:
            asked.add(key)
            return super().__getitem__(key)

        def getlist(self, key: Any, default: Any = None) -> Any:
            asked.add(key)
            return super().getlist(key, default)

        def __contains__(self, key: Any) -> bool:
            asked.add(str(key))
            return super().__contains__(key)

    query: Any = cached_property(lambda request: Heard(request.environ.get("QUERY_STRING", "")))
    query.__set_name__(WSGIRequest, "GET")
    monkeypatch.setattr(WSGIRequest, "GET", query)
