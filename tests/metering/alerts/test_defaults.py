"""Every tenant starts with the usual thresholds, however it came to be."""

from importlib import import_module
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.db import connections
from django.test import Client
from django.urls import reverse

from metering.alerts.defaults import DEFAULTS
from metering.models import Threshold
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Tenant
from tests.conftest import make_user

FIELDS = ("measurand", "min_value", "max_value", "severity")
USUAL = {tuple(row.get(name, "warning" if name == "severity" else None) for name in FIELDS) for row in DEFAULTS}


def thresholds(tenant: Tenant) -> set[tuple[Any, ...]]:
    with tenant_transaction(tenant.pk):
        return set(Threshold.objects.filter(enabled=True).values_list(*FIELDS))


def test_the_migration_gives_them_to_tenants_that_were_there(tenant: Tenant, other_tenant: Tenant) -> None:
    with tenant_transaction(tenant.pk):
        Threshold.objects.all().delete()
    migration = import_module("metering.migrations.0006_default_thresholds")
    with connections["owner"].schema_editor() as editor:
        migration.add_defaults(None, editor)
    assert thresholds(tenant) == thresholds(other_tenant) == USUAL
    with tenant_transaction(other_tenant.pk):
        assert Threshold.objects.count() == len(DEFAULTS)
        Threshold.objects.update(ac_only=False)
        Threshold.objects.filter(measurand="Voltage").update(max_value=260)
    migration = import_module("metering.migrations.0011_thresholds_of_alternating_current")
    with connections["owner"].schema_editor() as editor:
        migration.mark_usual(None, editor)
    with tenant_transaction(other_tenant.pk):
        marked = set(Threshold.objects.filter(ac_only=True).values_list("measurand", flat=True))
    assert marked == {"Power.Active.Import", "Current.Import"}, "what somebody has changed holds as they set it"
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "SELECT bool_and(relforcerowsecurity) FROM pg_class WHERE relname IN ('tenants_tenant', 'metering_threshold')"
        )
        assert cursor.fetchone() == (True,)


def test_the_demo_has_them_once(db: None, tmp_path: Path) -> None:
    for _ in range(2):
        call_command("ensure_demo", "--credentials", str(tmp_path / "credentials.json"))
    with system_transaction():
        demo = Tenant.objects.get(slug="demo")
        assert Threshold.objects.count() == len(DEFAULTS)
    assert thresholds(demo) == USUAL


def test_a_tenant_made_in_the_back_office_has_them(tenant: Tenant) -> None:
    root = make_user("root", None, superuser=True)
    client = Client()
    client.post(reverse("admin:login"), {"username": root.username, "password": "rootroot"})
    page = client.get(reverse("admin:tenants_tenant_add"))
    form = page.context["adminform"].form
    data = {name: form.get_initial_for_field(field, name) for name, field in form.fields.items()}
    data = {name: value for name, value in data.items() if value not in (None, False)}
    answer = client.post(reverse("admin:tenants_tenant_add"), {**data, "slug": "new", "name": "New"})
    assert answer.status_code == 302, answer.context["errors"]
    with system_transaction():
        made = Tenant.objects.get(slug="new")
    assert thresholds(made) == USUAL
