"""Charge points from a file: what each line does, all of it or nothing, passwords that are given once."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chargepoints.models import ChargePoint, Connector, SecurityProfile, SignInAttempt, Site
from chargepoints.services.passwords import password_matches
from chargepoints.services.station_import import ImportedStations, InvalidFile, import_stations
from tenants.context import system_transaction, tenant_transaction
from tenants.models import AuditEntry, Tenant
from tests.api.conftest import make_station

HEADER = "identity,name,site,tags,notes,securityProfile,password,connectors\n"
SECRET = "correct-horse-battery"


def run(tenant: Tenant, text: str, *, dry_run: bool = False, **options: Any) -> ImportedStations:
    return import_stations(tenant=tenant, raw=text.encode(), dry_run=dry_run, actor="alice", origin="admin", **options)


def station(tenant: Tenant, identity: str, **fields: Any) -> ChargePoint:
    row = make_station(tenant, identity)
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.filter(pk=row.pk).update(**fields)
    return row


def faults(tenant: Tenant, text: str, **options: Any) -> list[tuple[int, str]]:
    with pytest.raises(InvalidFile) as caught:
        run(tenant, text, **options)
    return [(fault.line, fault.column) for fault in caught.value.faults]


def stations(tenant: Tenant) -> dict[str, ChargePoint]:
    with tenant_transaction(tenant.pk):
        return {row.identity: row for row in ChargePoint.objects.select_related("site")}


def results(imported: ImportedStations) -> list[tuple[str, str]]:
    return [(row.name, row.result) for row in imported.rows]


@pytest.fixture
def harbour(tenant: Tenant) -> Site:
    with tenant_transaction(tenant.pk):
        return Site.objects.create(tenant=tenant, name="Harbour")


def test_a_file_makes_stations_with_all_that_it_says(tenant: Tenant, harbour: Site) -> None:
    with system_transaction():
        SignInAttempt.objects.create(
            tenant=tenant,
            identity="cp-2",
            identity_key="cp-2",
            reason="unknown",
            last_at=timezone.now(),
            remote_address="::1",
        )
    text = f"{HEADER}CP-1,East 1,harbour,fast|public,near the gate,,,2\nCP-2,,,,,2,{SECRET},\nCP-3,,,,,0,,\n"
    imported = run(tenant, text)
    assert results(imported) == [("CP-1", "create"), ("CP-2", "create"), ("CP-3", "create")]
    # Only what was made by us is told.
    assert set(imported.passwords) == {"CP-1"}
    made = stations(tenant)
    first = made["CP-1"]
    assert (first.name, first.site, first.tags, first.notes) == ("East 1", harbour, ["fast", "public"], "near the gate")
    assert password_matches(imported.passwords["CP-1"].encode(), first.password_hash)
    assert password_matches(SECRET.encode(), made["CP-2"].password_hash)
    assert [one.security_profile for one in made.values()] == [1, 2, 0]
    assert made["CP-3"].password_hash == ""
    with tenant_transaction(tenant.pk):
        assert list(Connector.objects.values_list("charge_point__identity", "evse__number")) == [
            ("CP-1", 1),
            ("CP-1", 2),
        ]
        assert not SignInAttempt.objects.exists()
        trail = list(AuditEntry.objects.order_by("pk"))
    assert [(entry.action, entry.object_name) for entry in trail] == [
        ("import charge points", "Acme"),
        *(("create", name) for name in ("CP-1", "CP-2", "CP-3")),
    ]
    told = str([entry.changes for entry in trail])
    assert SECRET not in told
    assert imported.passwords["CP-1"] not in told


def test_a_station_that_exists_is_changed_and_keeps_what_the_file_has_no_column_for(
    tenant: Tenant, harbour: Site
) -> None:
    station(tenant, "OLD", name="before", notes="keep me", tags=["a"], site=harbour)
    station(tenant, "SAME", name="as it is")
    before = stations(tenant)["OLD"].password_hash
    imported = run(tenant, "identity;name;site;password\nold;after;;\nSAME;as it is;;\n")
    assert results(imported) == [("OLD", "change"), ("SAME", "same")]
    assert imported.rows[0].changes == {"name": ["before", "after"], "site": ["Harbour", None]}
    row = stations(tenant)["OLD"]
    assert (row.name, row.site, row.notes, row.tags, row.password_hash) == ("after", None, "keep me", ["a"], before)
    assert imported.passwords == {}
    again = run(tenant, "identity,name,site\nold,after,\n")
    assert results(again) == [("OLD", "same")]


def test_a_new_password_ends_a_rotation_and_connectors_are_only_added(tenant: Tenant) -> None:
    old = station(tenant, "OLD", next_password_hash="x", next_password="sealed")
    with tenant_transaction(tenant.pk):
        numbers = sorted(Connector.objects.filter(charge_point=old).values_list("evse__number", flat=True))
    imported = run(tenant, f"identity,password,connectors\nOLD,{SECRET},4\n")
    assert set(imported.rows[0].changes) == {"password", "connectors"}
    assert SECRET not in str(imported.rows[0].changes)
    row = stations(tenant)["OLD"]
    assert password_matches(SECRET.encode(), row.password_hash)
    assert (row.next_password_hash, row.next_password) == ("", "")
    assert row.password_set_at is not None
    with tenant_transaction(tenant.pk):
        now = sorted(Connector.objects.filter(charge_point=old).values_list("evse__number", flat=True))
    assert now == sorted({*numbers, *range(max(numbers, default=0) + 1, 5)})
    assert results(run(tenant, "identity,connectors\nOLD,1\n")) == [("OLD", "same")]


def test_a_dry_run_says_all_and_stores_nothing(tenant: Tenant) -> None:
    imported = run(tenant, "identity,site\nA,New yard\nB,new yard\n", dry_run=True, make_sites=True)
    assert results(imported) == [("A", "create"), ("B", "create")]
    assert (imported.new_sites, imported.passwords) == (["New yard"], {})
    assert stations(tenant) == {}
    with tenant_transaction(tenant.pk):
        assert not Site.objects.exists()
        assert not AuditEntry.objects.exists()


def test_sites_are_made_where_that_is_wanted_each_once(tenant: Tenant) -> None:
    text = "identity,site\nA,New yard\nB,new yard\nC,\n"
    assert faults(tenant, text) == [(2, "site"), (3, "site")]
    run(tenant, text, make_sites=True)
    made = stations(tenant)
    assert made["A"].site == made["B"].site
    assert made["C"].site is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("identity\nCP 1\nCP/2\nCP-ä\n" + "X" * 49 + "\n", [(line, "identity") for line in (2, 3, 4, 5)]),
        ("identity\n1.23457E+13\n", [(2, "identity")]),
        ("identity\nCP-1\ncp-1\n", [(3, "identity")]),
        ("identity,securityProfile\nA,4\nB,-1\nC,one\n", [(line, "securityProfile") for line in (2, 3, 4)]),
        (
            "identity,password\nA,short\nB," + "x" * 41 + "\nC,sixteen characterä\n",
            [(n, "password") for n in (2, 3, 4)],
        ),
        (f"identity,securityProfile,password\nA,0,{SECRET}\nB,3,{SECRET}\n", [(2, "password"), (3, "password")]),
        ("identity,connectors\nA,0\nB,101\n", [(2, "connectors"), (3, "connectors")]),
        ("identity,name\nA,two\x0blines\nB," + "n" * 121 + "\n", [(2, "name"), (3, "name")]),
        (
            "identity,tags\nA," + "|".join(f"t{n}" for n in range(51)) + "\nB," + "t" * 41 + "\n",
            [(2, "tags"), (3, "tags")],
        ),
        ("identity,securityProfile\nOLD,2\n", [(2, "securityProfile")]),
        (f"identity,password\nBARE,{SECRET}\n", [(2, "password")]),
    ],
)
def test_each_fault_is_named_and_nothing_is_stored(tenant: Tenant, text: str, found: list[tuple[int, str]]) -> None:
    station(tenant, "OLD", security_profile=SecurityProfile.BASIC)
    station(tenant, "BARE", security_profile=SecurityProfile.NONE)
    assert faults(tenant, text + "GOOD" + "," * text.split("\n")[0].count(",") + "\n") == found
    assert set(stations(tenant)) == {"OLD", "BARE"}


def test_the_tenants_limit_is_named_at_the_first_line_beyond(tenant: Tenant) -> None:
    station(tenant, "OLD")
    with system_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(max_charge_points=3)
    assert faults(tenant, "identity\nA\nOLD\nB\nC\n") == [(5, "identity")]
    run(tenant, "identity\nA\nOLD\nB\n")
    assert len(stations(tenant)) == 3


def test_what_fails_in_the_middle_leaves_nothing(tenant: Tenant, monkeypatch: pytest.MonkeyPatch) -> None:
    from chargepoints.services import station_rows

    def fail(*arguments: Any) -> None:
        raise RuntimeError("power cut")

    monkeypatch.setattr(station_rows, "_add_connectors", fail)
    with pytest.raises(RuntimeError):
        run(tenant, "identity,site\nA,Yard\n", make_sites=True)
    assert stations(tenant) == {}
    with tenant_transaction(tenant.pk):
        assert not Site.objects.exists()


def test_one_tenants_file_never_touches_anothers_stations(tenant: Tenant, other_tenant: Tenant) -> None:
    station(other_tenant, "CP-1", name="theirs")
    assert results(run(tenant, "identity,name\nCP-1,ours\n")) == [("CP-1", "create")]
    assert stations(other_tenant)["CP-1"].name == "theirs"


def test_a_long_file_costs_a_few_statements(tenant: Tenant) -> None:
    def statements(work: Callable[[], Any]) -> int:
        with CaptureQueriesContext(connection) as queries:
            work()
        return len(queries)

    def lines(first: int, number: int) -> str:
        return HEADER + "".join(f"CP-{first + n},,Yard,fast,,,,2\n" for n in range(number))

    few = statements(lambda: run(tenant, lines(0, 3), make_sites=True))
    many = statements(lambda: run(tenant, lines(100, 600)))
    assert many <= few + 4
