"""Management commands that make tenants."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import connections

from chargepoints.tasks import keep_message_log
from metering.tasks import keep_sample_partitions
from tenants.context import SYSTEM_ALIAS, system_transaction
from tenants.models import Membership, PlatformEntry, SystemAlert, Tenant, User
from tenants.partitions import partition_days
from tenants.tasks import purge_events, purge_idempotent_answers, purge_sessions

pytestmark = pytest.mark.django_db


def test_create_tenant_makes_an_administrator_and_shows_the_password_once() -> None:
    out = StringIO()
    call_command("create_tenant", "acme", "--admin", "alice", stdout=out)
    with system_transaction():
        membership = Membership.objects.select_related("user", "tenant").get()
        assert (membership.tenant.slug, membership.role) == ("acme", "admin")
        assert membership.user.check_password(out.getvalue().split("password ")[1].split(" ")[0])


def test_create_tenant_refuses_a_taken_or_misspelled_slug() -> None:
    call_command("create_tenant", "acme", "--admin", "alice", stdout=StringIO())
    for slug in ("acme", "Not A Slug"):
        with pytest.raises(CommandError):
            call_command("create_tenant", slug, "--admin", "alice", stdout=StringIO())
    with system_transaction():
        assert Tenant.objects.count() == 1


def test_create_tenant_takes_policies_and_names_a_wrong_one() -> None:
    given = ["--timezone", "Europe/Paris", "--max-charge-points", "40", "--unknown-charge-points", "pending"]
    call_command("create_tenant", "acme", "--admin", "alice", *given, stdout=StringIO())
    with pytest.raises(CommandError, match="currency: "):
        call_command("create_tenant", "other", "--admin", "alice", "--currency", "EURO", stdout=StringIO())
    with system_transaction():
        tenant = Tenant.objects.get()
        assert (tenant.timezone, tenant.max_charge_points, tenant.unknown_charge_points) == (
            *("Europe/Paris", 40, "pending"),
        )
        assert PlatformEntry.objects.get().changes["administrator"] == "alice"


def test_the_demo_is_made_once_and_keeps_its_password(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    call_command("ensure_demo", "--credentials", str(path))
    first = json.loads(path.read_text())
    call_command("ensure_demo", "--credentials", str(path))
    assert json.loads(path.read_text()) == first
    assert path.stat().st_mode & 0o777 == 0o600
    with system_transaction():
        assert User.objects.get().check_password(first["password"])


def test_a_lost_credentials_file_gets_a_new_password(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    call_command("ensure_demo", "--credentials", str(path))
    path.unlink()
    call_command("ensure_demo", "--credentials", str(path))
    with system_transaction():
        assert User.objects.get().check_password(json.loads(path.read_text())["password"])


def test_partitions_are_made_a_week_ahead_and_sweeps_run() -> None:
    keep_message_log()
    keep_sample_partitions()
    for table in ("chargepoints_message", "metering_sample"):
        assert len(partition_days(table)) >= 9
    assert [purge_events(), purge_idempotent_answers(), purge_sessions()] == [0, 0, 0]


def test_a_missing_partition_of_the_message_log_is_told_and_made() -> None:
    day = datetime.now(UTC).date() + timedelta(days=2)
    with connections[SYSTEM_ALIAS].cursor() as cursor:
        cursor.execute("SELECT csms_drop_partition('chargepoints_message', %s)", [day])
    keep_message_log()
    assert day in partition_days("chargepoints_message")
    with system_transaction():
        alert = SystemAlert.objects.get(kind="missing_partition")
        assert alert.subject == f"chargepoints_message {day}"
    keep_message_log()
    with system_transaction():
        assert SystemAlert.objects.get(kind="missing_partition").resolved_at is not None
