"""Groups of id tags stay flat, whoever changes single tags, by the form and by the API, and however many at once."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import monotonic
from typing import Any

import pytest
from django.urls import reverse

from chargepoints.models import IdTag
from tenants.context import tenant_transaction
from tenants.models import Tenant, User
from tests.admin.conftest import office
from tests.api.conftest import client_of
from tests.conftest import superuser
from tests.threads import _run

WAITING = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
PATIENCE_S = 60


@pytest.fixture
def tags(tenant: Tenant) -> dict[str, IdTag]:
    with tenant_transaction(tenant.pk):
        return {name: IdTag.objects.create(tenant=tenant, token=name, token_key=name) for name in ("a", "b", "c")}


def by_form(user: User, tags: dict[str, IdTag], child: str, parent: str) -> bool:
    """Whether the tag is the parent's child now; else the field says why not."""
    url = reverse("admin:chargepoints_idtag_change", args=[tags[child].pk])
    form = {"token": child, "type": "ISO14443", "status": "Accepted", "parent": tags[parent].pk}
    answer: Any = office(user).post(url, form)
    assert answer.status_code == 302 or "parent" in answer.context["adminform"].form.errors
    return bool(answer.status_code == 302)


def by_api(user: User, tags: dict[str, IdTag], child: str, parent: str) -> bool:
    answer = client_of(user).patch(f"/api/v1/id-tags/{child}", {"parentIdTag": parent}, format="json")
    assert answer.status_code == 200 or "parentIdTag" in answer.content.decode(), answer.content
    return bool(answer.status_code == 200)


@pytest.mark.parametrize("change", [by_form, by_api])
def test_a_parent_gets_no_parent_and_a_child_no_children(
    tenant: Tenant, alice: User, tags: dict[str, IdTag], change: Any
) -> None:
    assert change(alice, tags, "a", "b")
    assert not change(alice, tags, "b", "c")
    assert not change(alice, tags, "c", "a")
    assert not change(alice, tags, "c", "c")


@pytest.mark.parametrize(("first", "second"), [(by_form, by_api), (by_api, by_form)])
def test_two_edits_at_once_make_no_chain(
    tenant: Tenant, alice: User, tags: dict[str, IdTag], first: Any, second: Any
) -> None:
    """A becomes B's child while B becomes C's: whoever comes second is refused."""
    with ThreadPoolExecutor(2) as pool:
        with tenant_transaction(tenant.pk):
            # Both have looked at B and found nothing wrong before either of them may go on.
            IdTag.objects.select_for_update().get(pk=tags["b"].pk)
            done = [
                pool.submit(_run, partial(first, alice, tags, "a", "b")),
                pool.submit(_run, partial(second, alice, tags, "b", "c")),
            ]
            _until_both_wait()
        outcomes = [one.result(PATIENCE_S) for one in done]
    with tenant_transaction(tenant.pk):
        assert not IdTag.objects.exclude(parent__parent=None).exists()
        assert IdTag.objects.exclude(parent=None).count() == 1
    assert sorted(outcomes) == [False, True]


def _until_both_wait() -> None:
    deadline = monotonic() + PATIENCE_S
    while monotonic() < deadline:
        row = superuser().execute(WAITING).fetchone()
        if row is not None and row[0] >= 2:
            return
    pytest.fail("Both should wait for the row.")
