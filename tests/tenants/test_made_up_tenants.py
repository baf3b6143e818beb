"""`create_test_data` and `issue_token`."""

import random
from datetime import UTC, datetime, timedelta
from io import StringIO
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from rest_framework.test import APIClient

from chargepoints.models import ChargePoint, Connector, IdTag, Site, Transaction
from csms.test_data.days import plan_sessions
from csms.test_data.fleet import Outlet
from metering.models import Bucket, ChargeDetailRecord, Period, Sample, Tariff
from metering.pricing.tasks import make_due_records
from tenants.context import system_transaction, tenant_transaction
from tenants.models import ApiKey, AuditEntry, Tenant, User
from tests.conftest import make_user

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def run(name: str, *given: str, **options: Any) -> str:
    out = StringIO()
    call_command(name, *given, stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def call(said: str, path: str) -> Any:
    """Ask the API with the credential that the command printed."""
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=said)
    return client.get(f"/api/v1{path}")


@pytest.mark.parametrize("habit", ["work", "depot", "public", "fast"])
def test_planned_sessions_follow_each_other_and_their_registers_never_fall(habit: str) -> None:
    outlet = Outlet(1, 1, 1, 1, 1, 50_000 if habit == "fast" else 11_000, habit)
    first = NOW - timedelta(days=30)
    tags = [("TAG-1", 1), ("TAG-2", 2)]
    planned = list(plan_sessions(outlet, tags, first, NOW, ZoneInfo("Europe/Berlin"), random.Random(7)))
    assert 8 < len(planned) < 140
    assert planned[0].readings[0].at >= first
    assert planned[-1].readings[-1].at <= NOW
    for before, after in pairwise(planned):
        assert before.readings[-1].at < after.readings[0].at
        assert before.readings[-1].register_wh == after.readings[0].register_wh
    for session in planned:
        for earlier, later in pairwise(session.readings):
            assert earlier.at < later.at
            # Power times time is energy.
            hours = (later.at - earlier.at) / timedelta(hours=1)
            assert 0 <= float(later.register_wh - earlier.register_wh) <= outlet.power_w * hours + 1
    again = list(plan_sessions(outlet, tags, first, NOW, ZoneInfo("Europe/Berlin"), random.Random(7)))
    assert again == planned


def test_made_up_tenants_have_everything_to_look_at(db: None, redis_clean: Any) -> None:
    said = run("create_test_data", tenants=2, charge_points=6, days=3)
    with system_transaction():
        first, second = Tenant.objects.order_by("slug")
        assert (first.slug, first.test_data, second.slug) == ("test-1", True, "test-2")
    with tenant_transaction(first.pk):
        assert (ChargePoint.objects.count(), Connector.objects.count()) == (6, 8)
        assert min(Site.objects.count(), IdTag.objects.count(), Tariff.objects.count()) >= 2
        sessions = list(Transaction.objects.all())
        energy = sum(session.energy_wh or 0 for session in sessions)
        buckets = Bucket.objects.filter(period=Period.HOUR)
        # What the sessions' registers say is what the hours add up to.
        assert sum(bucket.energy_wh for bucket in buckets) == energy > 0
        assert Bucket.objects.filter(period=Period.DAY).exists()
        assert Sample.objects.count() > 10 * len(sessions)
    assert make_due_records() > len(sessions)
    with tenant_transaction(first.pk):
        assert ChargeDetailRecord.objects.count() == len(sessions)
        assert any(record.total_incl_tax for record in ChargeDetailRecord.objects.all())
    # The printed password and key open it.
    line = next(line for line in said.splitlines() if line.startswith("test-1:"))
    with system_transaction():
        assert User.objects.get(username="test-1-admin").check_password(line.split("with ")[1].split(";")[0])
    key = line.split("API key ")[1].split(" ")[0]
    assert call(f"Api-Key {key}", "/chargepoints").json()["meta"]["count"] == 6
    # A second run makes others.
    run("create_test_data", tenants=1, charge_points=1, days=1)
    with system_transaction():
        assert set(Tenant.objects.values_list("slug", flat=True)) == {"test-1", "test-2", "test-3"}


def test_made_up_tenants_stay_out_of_production(db: None, settings: Any) -> None:
    settings.PRODUCTION = True
    with pytest.raises(CommandError, match="production"):
        run("create_test_data", tenants=1, charge_points=1)
    with system_transaction():
        assert not Tenant.objects.exists()
    run("create_test_data", tenants=1, charge_points=1, days=1, force=True)


def test_a_key_has_its_role_scopes_and_end_and_is_audited(tenant: Tenant, redis_clean: Any) -> None:
    said = run("issue_token", "acme", role="viewer", scope=["events:read"], days=3)
    header = said.splitlines()[0].removeprefix("Authorization: ")
    assert call(header, "/events").status_code == 200
    assert call(header, "/id-tags").status_code == 403
    with tenant_transaction(tenant.pk):
        key = ApiKey.objects.get()
        assert key.expires_at is not None
        assert AuditEntry.objects.get().origin == "command"
    assert header.removeprefix("Api-Key ") not in str(key.__dict__)


def test_a_persons_token_has_the_role_that_they_have(tenant: Tenant, redis_clean: Any) -> None:
    make_user("vera", tenant, "viewer")
    header = run("issue_token", "acme", user="vera").splitlines()[0].removeprefix("Authorization: ")
    assert call(header, "/events").status_code == 200


@pytest.mark.parametrize(
    ("tenant_slug", "options", "said"),
    [
        ("nobody", {"role": "viewer"}, "no tenant"),
        ("acme", {}, "--role"),
        ("acme", {"role": "viewer", "scope": ["event:read"]}, "--scope"),
        ("acme", {"role": "viewer", "days": 0}, "--days"),
        ("acme", {"user": "nobody"}, "no active member"),
        ("acme", {"user": "vera", "role": "admin"}, "is viewer"),
        ("acme", {"user": "vera", "days": 3}, "for keys"),
    ],
)
def test_what_cannot_be_issued_is_said(tenant: Tenant, tenant_slug: str, options: dict[str, Any], said: str) -> None:
    make_user("vera", tenant, "viewer")
    with pytest.raises(CommandError, match=said):
        run("issue_token", tenant_slug, **options)
    with tenant_transaction(tenant.pk):
        assert not ApiKey.objects.exists()


def test_nothing_is_issued_for_a_suspended_tenant(tenant: Tenant) -> None:
    with system_transaction():
        Tenant.objects.update(status="suspended")
    with pytest.raises(CommandError, match="suspended"):
        run("issue_token", "acme", role="viewer")
