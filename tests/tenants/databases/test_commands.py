"""`migrate` of all databases, and `move_tenant` as people call it."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.core.management.commands.migrate import Command as DjangoMigrate
from django.db import OperationalError, connections

from chargepoints.models import Site
from tenants.checks import homes_are_known, roles_are_unprivileged
from tenants.context import directory_transaction, tenant_transaction
from tenants.databases.numbering import STEP, id_sequences, read_sequence, spread_ids
from tenants.models import ClosedTenant, Tenant
from tests.second_database import SPARE, move_to, rows_in

pytestmark = pytest.mark.django_db


def run(name: str, *args: Any, **options: Any) -> str:
    out = io.StringIO()
    call_command(name, *args, stdout=out, stderr=out, **options)
    return out.getvalue()


def test_migrate_goes_to_every_database_and_numbers_them(spare: str) -> None:
    with connections[f"owner@{SPARE}"].cursor() as cursor:
        cursor.execute("DELETE FROM tenants_databaseidentity")
        cursor.execute("ALTER SEQUENCE chargepoints_site_id_seq INCREMENT BY 1 RESTART WITH 1")
    said = run("migrate", verbosity=1)
    assert "Database spare:" in said
    with connections[f"owner@{SPARE}"].cursor() as cursor:
        cursor.execute("SELECT name, number FROM tenants_databaseidentity")
        assert cursor.fetchall() == [(SPARE, 1)]
        for name in id_sequences(cursor):
            assert read_sequence(cursor, name).step == STEP, name
    # A second time nothing is left to do.
    assert spread_ids("") == spread_ids(SPARE) == 0


def test_a_database_that_can_not_be_migrated_is_named_and_the_exit_code_says_so(
    spare: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrated: list[str] = []

    def handle(self: DjangoMigrate, *args: Any, **options: Any) -> None:
        migrated.append(options["database"])
        if options["database"] != "owner":
            raise OperationalError("connection refused")

    monkeypatch.setattr(DjangoMigrate, "handle", handle)
    with pytest.raises(CommandError, match="Not migrated: spare"):
        run("migrate")
    assert migrated == ["owner", "owner@spare"]
    run("migrate", main_only=True)
    assert migrated == ["owner", "owner@spare", "owner"]


def test_a_tenant_is_moved_and_back_by_command(tenant: Tenant, spare: str, redis_clean: Any) -> None:
    with tenant_transaction(tenant.pk):
        Site.objects.create(tenant=tenant, name="one")
    said = run("move_tenant", "acme", to=spare, wait=60.0)
    assert "acme lives in spare" in said
    assert rows_in(spare, "chargepoints_site", tenant.pk) == 1
    assert "acme lives in main" in run("move_tenant", "acme", to="main", wait=60.0)
    assert rows_in("", "chargepoints_site", tenant.pk) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [({"to": "main"}, "lives in main already"), ({"to": "other"}, "names no database"), ({"undo": True}, "No move of")],
)
def test_nonsense_is_refused_in_words(tenant: Tenant, spare: str, options: dict[str, Any], said: str) -> None:
    with pytest.raises(CommandError, match=said):
        run("move_tenant", "acme", **options)


def test_without_another_database_there_is_nowhere_to_go(tenant: Tenant) -> None:
    with pytest.raises(CommandError, match="CSMS_TENANT_DATABASES names no database"):
        run("move_tenant", "acme", to="spare")


def test_a_tenant_of_its_own_database_is_deleted_in_both(tenant: Tenant, spare: str, redis_clean: Any) -> None:
    with tenant_transaction(tenant.pk):
        Site.objects.create(tenant=tenant, name="one")
    move_to(tenant, spare)
    with directory_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(test_data=True)
    run("delete_tenant", "acme", confirm="acme", no_export=True, wait=60.0)
    assert rows_in(spare, "chargepoints_site", tenant.pk) == 0
    with directory_transaction():
        assert not Tenant.objects.filter(pk=tenant.pk).exists()
        assert not ClosedTenant.objects.exists()
    assert not Tenant.objects.using(f"system@{spare}").filter(pk=tenant.pk).exists()


def test_a_check_tells_of_a_tenant_whose_database_has_no_address(tenant: Tenant, spare: str, settings: Any) -> None:
    move_to(tenant, spare)
    assert homes_are_known(None, databases=["system"]) == []
    settings.TENANT_DATABASES = ()
    (found,) = homes_are_known(None, databases=["default", "system"])
    assert found.id == "tenants.E002"
    assert "'acme'" in found.msg
    settings.TENANT_DATABASES = (spare,)
    assert roles_are_unprivileged(None, databases=["default@spare", "system@spare", "owner@spare"]) == []
