"""Row-level security: the database keeps tenants apart, whatever the code does."""

import pytest
from django.apps import apps
from django.db import IntegrityError, connections

from chargepoints.models import ChargePoint, Site
from tenants.context import ScopeError, system_transaction, tenant_transaction
from tenants.models import Tenant

pytestmark = pytest.mark.django_db


def _tenant_tables() -> set[str]:
    """Every table with a column tenant_id, partitions aside, as the catalogue says."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid "
            "WHERE a.attname = 'tenant_id' AND NOT a.attisdropped AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
        )
        return {name for (name,) in cursor.fetchall()}


def test_no_tenant_owned_table_goes_without_forced_row_level_security(db: None) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relrowsecurity AND relforcerowsecurity AND relkind IN ('r', 'p')"
        )
        protected = {name for (name,) in cursor.fetchall()}
    assert _tenant_tables() - protected == set()
    assert {"tenants_tenant", "tenants_user"} <= protected


def test_every_model_with_a_tenant_has_its_table_among_them(db: None) -> None:
    modelled = {
        model._meta.db_table
        for model in apps.get_models()
        if any(field.name == "tenant" for field in model._meta.get_fields())
    }
    assert modelled <= _tenant_tables()


def test_partitions_carry_no_grants(db: None) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relispartition AND c.relkind = 'r' "
            "AND (has_table_privilege('csms_app', c.oid, 'SELECT') OR has_table_privilege('csms_system', c.oid, 'SELECT'))"
        )
        assert cursor.fetchall() == []


@pytest.mark.parametrize("alias", ["default", "system"])
def test_runtime_roles_are_neither_superuser_nor_owner_nor_bypassing(db: None, alias: str) -> None:
    with connections[alias].cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchone() == (False, False, False, False)
        cursor.execute(
            "SELECT count(*) FROM pg_class WHERE relowner = (SELECT oid FROM pg_roles WHERE rolname = current_user)"
        )
        assert cursor.fetchone() == (0,)


def test_without_a_scope_there_are_no_rows(tenant: Tenant) -> None:
    with tenant_transaction(tenant.pk):
        Site.objects.create(tenant=tenant, name="Depot")
    assert list(Site.objects.all()) == []


def test_raw_sql_under_the_app_role_sees_only_its_tenant(tenant: Tenant, other_tenant: Tenant) -> None:
    for owner in (tenant, other_tenant):
        with tenant_transaction(owner.pk):
            Site.objects.create(tenant=owner, name=f"Depot of {owner.slug}")
    with tenant_transaction(other_tenant.pk), connections["default"].cursor() as cursor:
        for table in sorted(_tenant_tables()):
            cursor.execute("SELECT has_table_privilege(current_user, %s, 'SELECT')", [table])
            if cursor.fetchone() == (True,):
                cursor.execute(f'SELECT count(*) FROM "{table}" WHERE tenant_id = %s', [tenant.pk])
                assert cursor.fetchone() == (0,), table


def test_a_row_cannot_be_written_into_another_tenant(tenant: Tenant, other_tenant: Tenant) -> None:
    with pytest.raises(Exception, match="row-level security"), tenant_transaction(tenant.pk):
        Site.objects.create(tenant=other_tenant, name="Trojan")


def test_a_row_cannot_point_into_another_tenant(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_transaction(other_tenant.pk):
        foreign = Site.objects.create(tenant=other_tenant, name="Theirs")
    with pytest.raises(IntegrityError), tenant_transaction(tenant.pk):
        ChargePoint.objects.create(tenant=tenant, identity="CP1", identity_key="cp1", site_id=foreign.pk)


def test_the_setting_does_not_outlive_its_transaction(tenant: Tenant) -> None:
    with tenant_transaction(tenant.pk):
        pass
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT current_setting('csms.tenant_id', true)")
        assert cursor.fetchone()[0] in (None, "")


def test_a_scope_of_another_tenant_inside_a_scope_is_refused(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_transaction(tenant.pk), pytest.raises(ScopeError), tenant_transaction(other_tenant.pk):
        pass


def test_password_hashes_are_out_of_reach_of_the_app_role(alice: object, tenant: Tenant) -> None:
    with (
        pytest.raises(Exception, match="permission denied"),
        tenant_transaction(tenant.pk),
        connections["default"].cursor() as cursor,
    ):
        cursor.execute("SELECT password FROM tenants_user")


def test_people_of_other_tenants_are_invisible(alice: object, charlie: object, tenant: Tenant) -> None:
    with tenant_transaction(tenant.pk), connections["default"].cursor() as cursor:
        cursor.execute("SELECT username FROM tenants_user")
        assert cursor.fetchall() == [("alice",)]


def test_the_system_role_sees_all_tenants(tenant: Tenant, other_tenant: Tenant) -> None:
    with system_transaction():
        assert Tenant.objects.count() == 2
