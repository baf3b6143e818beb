"""Where queries go when tenants live in different databases."""

import pytest
from django.db import DatabaseError, connections, transaction

from chargepoints.models import ChargePoint, Site
from tenants.context import (
    current_database,
    directory_transaction,
    in_database,
    scope_alias,
    system_transaction,
    tenant_transaction,
    where_lives,
)
from tenants.databases import placement
from tenants.databases.fence import TenantMoving
from tenants.databases.placement import UnknownDatabase
from tenants.models import AuditEntry, ClosedTenant, Membership, Tenant, User
from tests.conftest import make_user
from tests.second_database import SPARE, move_to, rows_in


def add_site(tenant: Tenant, name: str) -> Site:
    with tenant_transaction(tenant.pk):
        return Site.objects.create(tenant=tenant, name=name)


def test_a_tenant_of_its_own_database_is_found_there_and_nowhere_else(
    tenant: Tenant, other_tenant: Tenant, spare: str
) -> None:
    add_site(tenant, "before")
    move_to(tenant, spare)
    site = add_site(tenant, "after")
    add_site(other_tenant, "elsewhere")
    assert rows_in(spare, "chargepoints_site", tenant.pk) == 2
    assert rows_in("", "chargepoints_site", tenant.pk) == 0
    assert rows_in(spare, "chargepoints_site", other_tenant.pk) == 0
    with tenant_transaction(tenant.pk):
        assert scope_alias() == f"default@{SPARE}"
        assert set(Site.objects.values_list("name", flat=True)) == {"before", "after"}
        # What it refers to in the directory has a copy beside it.
        assert Site.objects.select_related("tenant").get(pk=site.pk).tenant.slug == tenant.slug
    with tenant_transaction(other_tenant.pk):
        assert [one.name for one in Site.objects.all()] == ["elsewhere"]


def test_the_systems_transaction_is_where_it_is_wanted(tenant: Tenant, spare: str) -> None:
    add_site(tenant, "one")
    move_to(tenant, spare)
    with system_transaction():
        assert current_database() == ""
        assert not Site.objects.exists()
    with in_database(spare), system_transaction():
        assert Site.objects.count() == 1
    with where_lives(tenant.pk), system_transaction():
        assert Site.objects.count() == 1
    with tenant_transaction(tenant.pk), system_transaction():
        assert Site.objects.count() == 1
        with directory_transaction():
            assert not Site.objects.exists()


def test_people_are_read_and_written_in_the_main_database_from_everywhere(tenant: Tenant, spare: str) -> None:
    alice = make_user("alice", tenant)
    move_to(tenant, spare)
    with tenant_transaction(tenant.pk):
        assert list(Membership.objects.values_list("user__username", flat=True)) == ["alice"]
    with in_database(spare), system_transaction():
        User.objects.filter(pk=alice.pk).update(first_name="Alice")
        assert Membership.objects.select_related("tenant").get(user=alice).tenant == tenant
    alice.refresh_from_db(using="system")
    assert alice.first_name == "Alice"
    assert rows_in(spare, "tenants_membership", tenant.pk) == 0


def test_what_is_changed_of_a_tenant_is_seen_at_once_in_both_places(tenant: Tenant, spare: str) -> None:
    move_to(tenant, spare)
    with tenant_transaction(tenant.pk):
        row = Tenant.objects.get(pk=tenant.pk)
        row.desired_configuration = {"HeartbeatInterval": "60"}
        row.save(update_fields=["desired_configuration"])
        assert Tenant.objects.get(pk=tenant.pk).desired_configuration == {"HeartbeatInterval": "60"}
    for alias in ("system", f"system@{spare}"):
        assert Tenant.objects.using(alias).get(pk=tenant.pk).desired_configuration == {"HeartbeatInterval": "60"}
    tenant.refresh_from_db(using="system")
    tenant.name = "Acme & Sons"
    with directory_transaction():
        tenant.save()
    assert Tenant.objects.using(f"system@{spare}").get(pk=tenant.pk).name == "Acme & Sons"


def test_nothing_is_kept_of_a_transaction_that_fails_in_either_place(tenant: Tenant, spare: str) -> None:
    move_to(tenant, spare)

    def fail() -> None:
        with tenant_transaction(tenant.pk):
            row = Tenant.objects.get(pk=tenant.pk)
            row.name = "Never"
            row.save()
            Site.objects.create(tenant=tenant, name="never")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert {Tenant.objects.using(alias).get(pk=tenant.pk).name for alias in ("system", f"system@{spare}")} == {"Acme"}
    assert rows_in(spare, "chargepoints_site", tenant.pk) == 0


def test_who_remembers_the_old_place_is_led_to_the_new_one(tenant: Tenant, spare: str) -> None:
    move_to(tenant, spare)
    placement.remember(tenant.pk, "")
    add_site(tenant, "not lost")
    assert rows_in(spare, "chargepoints_site", tenant.pk) == 1
    assert rows_in("", "chargepoints_site", tenant.pk) == 0


def test_a_tenant_that_is_closed_everywhere_is_on_the_move(tenant: Tenant, spare: str) -> None:
    with system_transaction():
        ClosedTenant.objects.create(tenant_number=tenant.pk)
    with pytest.raises(TenantMoving), tenant_transaction(tenant.pk):
        pass
    with system_transaction():
        ClosedTenant.objects.all().delete()
    add_site(tenant, "again")


def test_a_tenant_of_a_database_that_this_process_does_not_know_is_refused(
    tenant: Tenant, spare: str, settings: "pytest.FixtureRequest"
) -> None:
    move_to(tenant, spare)
    settings.TENANT_DATABASES = ("another",)  # type: ignore[attr-defined]
    placement.forget()
    with pytest.raises(UnknownDatabase), tenant_transaction(tenant.pk):
        pass
    tenant.refresh_from_db(using="system")
    assert not tenant.is_active
    settings.TENANT_DATABASES = (spare,)  # type: ignore[attr-defined]
    assert tenant.is_active


def test_rows_of_one_tenant_are_walled_off_in_its_own_database_too(
    tenant: Tenant, other_tenant: Tenant, spare: str
) -> None:
    add_site(tenant, "mine")
    for one in (tenant, other_tenant):
        move_to(one, spare)
    with tenant_transaction(other_tenant.pk):
        assert not Site.objects.exists()
        with pytest.raises(DatabaseError), transaction.atomic(using=scope_alias()):
            Site.objects.create(tenant=tenant, name="in another's name")
    with connections[f"default@{spare}"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM chargepoints_site")
        assert cursor.fetchone() == (0,)


def test_without_another_database_nobody_asks_where_a_tenant_lives(
    tenant: Tenant, django_assert_num_queries: object
) -> None:
    # BEGIN, the query, COMMIT of the system's own transaction.
    with django_assert_num_queries(3, using="system"):  # type: ignore[operator]
        with tenant_transaction(tenant.pk):
            ChargePoint.objects.exists()
        with system_transaction():
            AuditEntry.objects.exists()
