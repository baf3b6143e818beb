"""The scope of database work, also in what runs after a commit."""

import pytest

from chargepoints.models import Site
from tenants.context import ScopeError, on_commit, tenant_transaction
from tenants.models import Tenant


def test_what_runs_after_the_commit_sees_the_tenants_rows(tenant: Tenant) -> None:
    seen: list[int] = []

    def look() -> None:
        with tenant_transaction(tenant.pk):
            seen.append(Site.objects.count())

    with tenant_transaction(tenant.pk):
        Site.objects.create(tenant=tenant, name="Depot")
        on_commit(look)
    assert seen == [1]


def test_a_nested_scope_is_a_savepoint_of_the_same_transaction(tenant: Tenant) -> None:
    with tenant_transaction(tenant.pk):
        _fail_inside(tenant)
        Site.objects.create(tenant=tenant, name="Kept")
    with tenant_transaction(tenant.pk):
        assert list(Site.objects.values_list("name", flat=True)) == ["Kept"]


def _fail_inside(tenant: Tenant) -> None:
    try:
        with tenant_transaction(tenant.pk):
            Site.objects.create(tenant=tenant, name="Undone")
            raise RuntimeError
    except RuntimeError:
        return


def test_another_tenants_scope_inside_one_is_refused(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_transaction(tenant.pk), pytest.raises(ScopeError), tenant_transaction(other_tenant.pk):
        pytest.fail("opened")
