"""The templates that tenants start with: by the service for new ones, by migration for those of before."""

from importlib import import_module
from typing import Any

from smartcharging.models import ProfileTemplate
from smartcharging.selectors import profile_of
from smartcharging.services.templates import check_template, profile_to_send
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Tenant
from tenants.services.tenants import create_tenant
from tests.conftest import superuser

FIELDS = ("name", "description", "purpose", "stack_level", "kind", "recurrency", "schedule")


def templates(tenant: Tenant) -> list[dict[str, Any]]:
    with tenant_transaction(tenant.pk):
        return list(ProfileTemplate.objects.order_by("name").values(*FIELDS))


def test_the_migration_makes_what_the_service_makes(db: None) -> None:
    berlin = create_tenant(slug="berlin", name="Berlin", timezone="Europe/Berlin")
    by_service = templates(berlin)
    assert [row["schedule"]["startAt"] for row in by_service] == [
        "2026-01-01T21:00:00+00:00",
        "2026-01-01T09:00:00+00:00",
    ]
    with tenant_transaction(berlin.pk):
        ProfileTemplate.objects.all().delete()
    migration = import_module("smartcharging.migrations.0003_default_templates")
    superuser().execute(migration.ADD_DEFAULTS)
    assert templates(berlin) == by_service
    # Whoever has some keeps to them.
    superuser().execute(migration.ADD_DEFAULTS)
    assert templates(berlin) == by_service


def test_the_defaults_are_right_and_may_be_sent(tenant: Tenant) -> None:
    with tenant_transaction(tenant.pk):
        for row in ProfileTemplate.objects.all():
            check_template(profile_of(row), "profile")
            start_at = profile_to_send(row).schedule.start_at
            assert start_at is not None
            assert start_at.year >= 2026


def test_each_tenant_has_its_own(tenant: Tenant, other_tenant: Tenant) -> None:
    with system_transaction():
        assert ProfileTemplate.objects.count() == 4
    assert len(templates(tenant)) == len(templates(other_tenant)) == 2
