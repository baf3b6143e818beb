"""A list asks the database as often for twelve rows as for one."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import pytest
from django.contrib import admin
from django.db import connections, models
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from tenants.context import system_transaction
from tenants.models import PlatformEntry, SystemAlert, Tenant, User
from tests.admin.conftest import office
from tests.conftest import make_user
from tests.isolation.marks import B, Marks
from tests.isolation.stock import add_gateway, fill, insert, owned_models, recently

PAGES = {f"{model._meta.app_label}_{model._meta.model_name}": page for model, page in admin.site._registry.items()}
ROWS = 12
# Half a dozen statements are the page itself: who asks, the tenant, the transaction, the count, the alerts.
MOST = 30
HERE = "tests/admin/test_query_counts.py"
# A tenant has one of each at most.
ONCE = {
    *("chargepoints.SecuritySettings", "chargepoints.AuthorizationWebhook", "metering.MeteringSettings"),
}
# What can't be the same in every row of a tenant, beside the keys.
CHANGES: dict[str, dict[str, Any]] = {
    "chargepoints.CertificateAuthority": {"active": False},
}


def marks_of(number: int) -> Marks:
    uuid = UUID(f"cccccccc-0000-4000-8000-{number:012d}")
    return Marks(900_000 + number, uuid, f"MANY-{number:02d}", f"many-{number:02d}", f"MANY-{number:02d}-")


def add_rows(number: int) -> None:
    """One more of everything, in B; each with a station, a tag, a session of its own."""
    marks = marks_of(number)
    for model in owned_models():
        if model is Tenant:
            insert(model, marks)
        elif model._meta.label not in ONCE:
            _add_row(model, marks)
    with system_transaction():
        User.objects.create(username=marks.slug)
        _add_of_nobody(marks)


def _add_row(model: type[models.Model], marks: Marks) -> None:
    try:
        insert(model, marks, tenant=B.number, **CHANGES.get(model._meta.label, {}))
    except pytest.fail.Exception as failure:
        # What has no list and is there once (a day's usage) needs no second.
        if model in admin.site._registry:
            pytest.fail(f"{HERE}: say in CHANGES what must differ, or in ONCE that there is one at most: {failure}")


def _add_of_nobody(marks: Marks) -> None:
    PlatformEntry.objects.create(actor="x", origin="command", action="create", tenant_slug=marks.slug)
    SystemAlert.objects.create(kind="missing_partition", subject=marks.slug, last_at=recently())


@pytest.fixture
def staff(db: None, redis_clean: Any) -> Client:
    """Platform staff who work in B, which has one row of everything."""
    add_gateway()
    fill(B)
    with system_transaction():
        _add_of_nobody(B)
    client = office(make_user("root", None, superuser=True))
    assert client.post(reverse("admin:choose_tenant"), {"tenant": B.slug}).status_code == 302
    return client


@contextmanager
def counting() -> Iterator[list[str]]:
    """All statements, of whichever login."""
    found: list[str] = []
    with CaptureQueriesContext(connections["default"]) as own, CaptureQueriesContext(connections["system"]) as systems:
        yield found
    found += [query["sql"] for query in (*own.captured_queries, *systems.captured_queries)]


def asked(client: Client, name: str) -> list[str]:
    with counting() as found:
        # Lists of one row lead on to it.
        answer = client.get(reverse(f"admin:{name}_changelist"), follow=True)
    assert answer.status_code == 200, name
    return found


def test_lists_ask_as_often_for_twelve_rows_as_for_one_and_never_much(staff: Client) -> None:
    for name in PAGES:
        # What is looked up once in a process doesn't count.
        asked(staff, name)
    for_one = {name: asked(staff, name) for name in PAGES}
    for number in range(1, ROWS):
        add_rows(number)
    for_many = {name: asked(staff, name) for name in PAGES}
    counts = {name: (len(for_one[name]), len(for_many[name])) for name in PAGES}
    differing = [name for name, (one, many) in counts.items() if one != many]
    new = [sql[:300] for name in differing for sql in for_many[name] if sql not in for_one[name]]
    assert not differing, "\n".join([str({name: counts[name] for name in differing}), *new[:40]])
    many = {name: count for name, (count, _) in counts.items() if count > MOST}
    assert not many, many
