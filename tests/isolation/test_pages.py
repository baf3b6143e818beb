"""Every page of the back office, by B's administrator in a browser: with A's ids, and with what lists, searches and actions take.

The back office sends people from a row that isn't there to its start page and says so; from A's rows it does the same.
"""

from collections.abc import Callable
from itertools import combinations
from typing import Any
from urllib.parse import urlencode

import pytest
from django.contrib import admin
from django.db import models
from django.test import RequestFactory
from django.urls import reverse

from csms.entrance.urls import entrance_urls
from tenants.models import Role
from tests.conftest import superuser
from tests.isolation.asking import Answer, ask, differ, tells_of_a
from tests.isolation.conftest import Cast
from tests.isolation.marks import NOBODY, A, B, Marks
from tests.isolation.routes import Route, office_routes

HERE = "tests/isolation/test_pages.py"
WITH_IDS = [route for route in office_routes() if route.ids]
WITHOUT_IDS = [route for route in office_routes() if not route.ids]
# Leaving ends the session that the others need.
LEAVING = "/admin/logout/"
PAGES = {f"{model._meta.app_label}_{model._meta.model_name}": page for model, page in admin.site._registry.items()}
OF_TENANTS = {name: page for name, page in PAGES.items() if not getattr(page, "platform_only", False)}
PLATFORM = {name for name in PAGES if name not in OF_TENANTS}
# Fields of forms and queries by which pages take ids that stand in no address.
FIELDS = (
    *("charge_point", "charge_points", "station", "stations", "connector", "evse", "id_tag", "tag"),
    *(
        "transaction",
        "session",
        "site",
        "parent",
        "circuit",
        "member",
        "members",
        "template",
        "firmware",
        "tariff",
        "key",
    ),
    *(
        "rollout",
        "webhook",
        "event",
        "command",
        "bulk",
        "reservation",
        "alert",
        "alerts",
        "ids",
        "pk",
        "id",
        "search",
        "q",
    ),
)
# Some pages say how long ago something was: what differs for that reason is the same when asked at once.
TRIES = 3


def named(route: Route) -> str:
    return route.template


def look(cast: Cast, method: str, path: str, data: Any = None, role: str = Role.ADMIN) -> Answer:
    """The answer, with what the next page would say because of it."""
    client = cast.office(role)
    answer = ask(client, method, path, data)
    client.cookies.pop("messages", None)
    return Answer(answer.status, answer.headers, answer.body + answer.said)


def told_apart(a_and_nobody: Callable[[Marks], Answer]) -> str:
    """How the answer to A's ids differs from that to ids that nobody has, whenever it is asked; empty: not at all."""
    found = ""
    for _ in range(TRIES):
        answers = [a_and_nobody(marks) for marks in (A, NOBODY)]
        assert answers[0].status in {200, 302, 403}, answers[0]
        if not (found := differ(*answers)):
            break
    return found


def filled(marks: Marks) -> dict[str, Any]:
    """A form with that tenant's ids in every field that may take one."""
    return {name: [str(marks.number), marks.key] for name in FIELDS} | {"post": "yes", "confirm": "1"}


def placed(route: Route, stranger: Marks) -> list[str]:
    chosen = [some for number in range(1, len(route.ids) + 1) for some in combinations(route.ids, number)]
    return [path for some in chosen for path in route.paths(dict.fromkeys(some, stranger))]


@pytest.mark.parametrize("route", WITH_IDS, ids=named)
def test_the_page_of_a_row_of_a_is_as_that_of_a_row_that_is_not_there(both: Cast, route: Route) -> None:
    (own, *_) = route.paths({})
    for path, other in zip(placed(route, A), placed(route, NOBODY), strict=True):
        for method, data in (("get", None), ("post", filled(A))):
            answer = look(both, method, path, data)
            assert not differ(answer, look(both, method, other, filled(NOBODY) if data else data)), f"{method} {path}"
            if answer.status == 403:
                # Only where B may not do so with its own rows either.
                answer = look(both, method, own, {} if data else None)
                assert answer.status == 403, f"{method} {path}"
            assert answer.status in {404, 302, 405, 403}, f"{method} {path}: {answer}"


def test_pages_of_bs_own_rows_are_there(both: Cast) -> None:
    """Or else what is said of A's would say nothing."""
    for route in WITH_IDS:
        if any(f"/{name.replace('_', '/')}/" in route.template for name in PLATFORM):
            continue
        found = [ask(both.office(), "get", path) for path in route.paths({})]
        if all(answer.status == 404 for answer in found):
            # Some only take a form.
            found = [ask(both.office(), "post", path, {}) for path in route.paths({})]
        assert all(answer.status < 500 for answer in found), route
        there = any(answer.status in {200, 400, 403, 405} for answer in found) or _leads_on(found)
        assert there or route.template in NOT_OF_BS, f"{route}: {[str(answer) for answer in found][:2]}"


# What B's rows allow none of.
NOT_OF_BS = {
    "/admin/chargepoints/certificateauthority/{pk}/activate/": "only where we have its key",
    "/admin/chargepoints/chargepoint/{pk}/profiles/ask/": "the form names a connector",
    "/admin/invitation/{token}/": "whoever has the link is let in by it; only its hash is stored",
    "/admin/password-reset/{token}/": "whoever has the link sets the password; the token is stored nowhere",
}


def _leads_on(found: list[Answer]) -> bool:
    return any(dict(answer.headers).get("location", "/admin/") != "/admin/" for answer in found if answer.status == 302)


def test_lists_are_the_same_whether_a_is_there_or_not(both: Cast) -> None:
    paths = [path for route in WITHOUT_IDS if route.template != LEAVING for path in route.paths({})]
    for _ in range(TRIES):
        with_a = [look(both, "get", path) for path in paths]
        with both.stock.without(A):
            alone = [look(both, "get", path) for path in paths]
        for path, answer in zip(paths, with_a, strict=True):
            assert answer.status < 500, f"{path}: {answer}"
            assert not tells_of_a(answer), f"{path}: {tells_of_a(answer)}"
        together = zip(paths, with_a, alone, strict=True)
        paths = [path for path, one, other in together if one.without(A) != other.without(A)]
    assert paths == []


@pytest.mark.parametrize("name", sorted(OF_TENANTS))
def test_a_list_searched_and_filtered_by_a_finds_as_much_as_by_nobody(both: Cast, name: str) -> None:
    url = reverse(f"admin:{name}_changelist")
    for query_a, query_nobody in zip(queries(name, A), queries(name, NOBODY), strict=True):

        def search(marks: Marks, queries: tuple[str, str] = (query_a, query_nobody)) -> Answer:
            return look(both, "get", f"{url}?{queries[marks is NOBODY]}")

        assert not told_apart(search), query_a


def queries(name: str, marks: Marks) -> list[str]:
    """A search; the page's filters; what its rows refer to."""
    page = PAGES[name]
    found = [{"q": marks.key, "_facets": "True"}]
    for one in page.list_filter:
        named_field: Any = one if isinstance(one, str) else one[0] if isinstance(one, tuple | list) else ""
        parameter: str = getattr(one, "parameter_name", None) or str(named_field)
        found.append({parameter: marks.key})
    for field in page.model._meta.concrete_fields:
        if isinstance(field, models.ForeignKey):
            found.append({f"{field.name}__id__exact": _key_of(page, field.name, marks)})
    # The others are refused before they are looked at.
    return [urlencode(query) for query in found if _is_looked_at(page, query)]


def _is_looked_at(page: Any, query: dict[str, str]) -> bool:
    request = RequestFactory().get("/")
    return "q" in query or all(page.lookup_allowed(name, value, request) for name, value in query.items())


@pytest.mark.parametrize("name", sorted(OF_TENANTS))
def test_actions_on_rows_of_a_do_nothing(both: Cast, name: str) -> None:
    url, page = reverse(f"admin:{name}_changelist"), OF_TENANTS[name]
    for action in ["delete_selected", *(page.actions or [])]:
        chosen = action if isinstance(action, str) else action.__name__
        for data in ({"select_across": "0"}, {"select_across": "1"}):

            def act(marks: Marks, chosen: str = chosen, data: dict[str, str] = data) -> Answer:
                fields = {"action": chosen, "index": "0", **filled(marks), **data, **_chosen(page, marks)}
                return look(both, "post", url, fields)

            if data["select_across"] == "0":
                assert not told_apart(act), chosen
            else:
                assert act(A).status in {200, 302, 403}, chosen


def test_nothing_of_a_is_proposed_in_forms(both: Cast) -> None:
    """Autocomplete of each reference, and the choices on each form for a new row."""
    for name, page in OF_TENANTS.items():
        form = look(both, "get", reverse(f"admin:{name}_add"))
        assert not tells_of_a(form), f"{name}: {tells_of_a(form)}"
        for field in page.model._meta.concrete_fields:
            if not isinstance(field, models.ForeignKey):
                continue
            of = {
                "app_label": page.model._meta.app_label,
                "model_name": page.model._meta.model_name,
                "field_name": field.name,
            }
            for term in ("", A.key, str(A.number)):
                answer = look(both, "get", f"{reverse('admin:autocomplete')}?{urlencode(of | {'term': term})}")
                assert answer.status in {200, 403, 404}, answer
                assert not tells_of_a(answer, asked=bool(term)), f"{name}.{field.name}: {answer}"


@pytest.mark.parametrize("name", sorted(OF_TENANTS))
def test_a_form_that_refers_to_rows_of_a_is_refused_as_for_rows_that_are_not_there(both: Cast, name: str) -> None:
    page = OF_TENANTS[name]
    fields = [field.name for field in page.model._meta.concrete_fields if isinstance(field, models.ForeignKey)]
    for url in (reverse(f"admin:{name}_add"), reverse(f"admin:{name}_change", args=[_key(page, B)])):

        def send(marks: Marks, url: str = url) -> Answer:
            return look(both, "post", url, filled(marks) | {field: _key_of(page, field, marks) for field in fields})

        assert not told_apart(send), url


def _chosen(page: Any, marks: Marks) -> dict[str, str]:
    return {"_selected_action": _key(page, marks)}


def _key(page: Any, marks: Marks) -> str:
    return str(marks.uuid if isinstance(page.model._meta.pk, models.UUIDField) else marks.number)


def _key_of(page: Any, field: str, marks: Marks) -> str:
    target = page.model._meta.get_field(field).target_field
    return str(marks.uuid if isinstance(target, models.UUIDField) else marks.number)


def test_a_person_of_b_cannot_choose_a(both: Cast) -> None:
    url = reverse("admin:choose_tenant")
    answers = [look(both, "post", url, {"tenant": marks.slug}) for marks in (A, NOBODY)]
    assert not differ(*answers)
    assert not tells_of_a(look(both, "get", reverse("admin:index")))


def test_what_is_for_platform_staff_is_for_nobody_of_b(both: Cast) -> None:
    for name in sorted(PLATFORM):
        for suffix, keys in (("changelist", []), ("add", []), ("change", [_key(PAGES[name], A)])):
            url = reverse(f"admin:{name}_{suffix}", args=keys)
            for method in ("get", "post"):
                answer = look(both, method, url, None if method == "get" else filled(A))
                assert answer.status in {403, 302}, f"{url}: {answer}"
                assert not tells_of_a(answer, asked=True), url


def test_staff_of_a_suspended_tenant_read_and_change_nothing(both: Cast) -> None:
    superuser().execute("UPDATE tenants_tenant SET status = 'suspended' WHERE id = %s", [B.number])
    own_affairs = {reverse("admin:choose_tenant"), reverse("set_language"), "/admin/login/", LEAVING}
    own_affairs |= {reverse(f"admin:{one.name}") for one in entrance_urls if "<" not in str(one.pattern)}
    for route in office_routes():
        for path in route.paths({})[:1]:
            if path not in own_affairs:
                answer = look(both, "post", path, filled(B))
                assert answer.status in {403, 404, 405}, f"{path}: {answer}"
    superuser().execute("UPDATE tenants_tenant SET status = 'active' WHERE id = %s", [B.number])
    assert both.stock.put_back(B) == set()


def test_a_viewer_sees_no_more_of_a(both: Cast) -> None:
    for path in [path for route in WITHOUT_IDS if route.template != LEAVING for path in route.paths({})]:
        answer = look(both, "get", path, role=Role.VIEWER)
        assert not tells_of_a(answer), f"{path}: {tells_of_a(answer)}"
