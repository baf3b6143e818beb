"""Every list as a file: what is filtered now, all of it, nothing that is secret, by those who may look at it."""

import csv
import io
import re
import zipfile
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from chargepoints.models import ChargePoint, IdTag, Transaction
from tenants.admin.exports import places, reading, workbook
from tenants.admin.exports.columns import Column, columns_of, declare_export, is_declared, is_secret
from tenants.admin.one_row import OneRowAdmin
from tenants.context import system_transaction, tenant_transaction
from tenants.models import AuditEntry, PlatformEntry, Role, SystemAlert, Tenant, User
from tests.admin.conftest import office
from tests.api.conftest import make_session, make_station
from tests.conftest import make_user, superuser

PAGES = {f"{model._meta.app_label}_{model._meta.model_name}": page for model, page in admin.site._registry.items()}
PLATFORM = {name for name, page in PAGES.items() if getattr(page, "platform_only", False)}
SESSIONS = "chargepoints_transaction"
HALF_PAST = datetime(2026, 7, 1, 22, 30, tzinfo=UTC)


def url_of(name: str, kind: str = "csv", query: str = "") -> str:
    return reverse(f"admin:{name}_export_{kind}") + query


def content_of(answer: Any) -> bytes:
    assert answer.status_code == 200, answer.content[:2000]
    return b"".join(answer.streaming_content)


def rows_of(answer: Any) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content_of(answer).decode("utf-8-sig"))))


def sheets_of(answer: Any) -> list[str]:
    """The XML of each sheet."""
    book = zipfile.ZipFile(io.BytesIO(content_of(answer)))
    names = sorted(name for name in book.namelist() if name.startswith("xl/worksheets/sheet"))
    return [book.read(name).decode() for name in names]


def column(rows: list[list[str]], title: str) -> list[str]:
    place = rows[0].index(title)
    return [row[place] for row in rows[1:]]


@pytest.fixture
def staff(tenant: Tenant, alice: User) -> Client:
    """Platform staff, in Acme, which has a member: every list opens."""
    return office(make_user("root", None, superuser=True))


# --- every list ---


def test_every_list_says_what_its_file_contains() -> None:
    missing = [name for name, page in PAGES.items() if not is_declared(page.model)]
    assert not missing, f"declare_export() in the app's admin/export_columns.py: {missing}"


def test_every_list_is_exported_in_both_kinds_and_has_its_buttons(stocked: Transaction, staff: Client) -> None:
    with system_transaction():
        PlatformEntry.objects.create(actor="x", origin="command", action="create", tenant_slug="acme")
        SystemAlert.objects.create(kind="missing_partition", last_at=HALF_PAST)
    for name, page in PAGES.items():
        listed = staff.get(reverse(f"admin:{name}_changelist")).content.decode()
        # Settings of one row have a form instead of a list.
        if not isinstance(page, OneRowAdmin):
            assert {url_of(name), url_of(name, "xlsx")} <= set(re.findall(r'formaction="([^"?]+)', listed)), name
        rows = rows_of(staff.post(url_of(name)))
        assert rows[0] == [str(one.title) for one in columns_of(page)], name
        assert len(rows) > 1, f"{name}: give `stocked` a row"
        assert all(len(row) == len(rows[0]) for row in rows)
        (sheet,) = sheets_of(staff.post(url_of(name, "xlsx")))
        assert sheet.count("<row ") == len(rows) + (name in GROWING), name


# Each export leaves a row there.
GROWING = {"tenants_auditentry", "tenants_platformentry"}


def test_no_file_has_anything_secret_in_it(stocked: Transaction, staff: Client) -> None:
    hidden = "HIDDEN-FROM-ALL-FILES"
    found = superuser().execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
        "AND data_type IN ('text', 'character varying') AND (character_maximum_length IS NULL OR character_maximum_length > 30)"
    )
    secret = [(table, name) for table, name in found if is_secret(name)]
    assert len(secret) > 6
    for table, name in secret:
        superuser().execute(
            f'UPDATE "{table}" SET "{name}" = %s WHERE ctid = (SELECT min(ctid) FROM "{table}")', [hidden]
        )
    # The password of the one who asks is one of them: a session made before is over.
    staff.force_login(User.objects.using("system").get(username="root"))
    for name in PAGES:
        assert hidden.encode() not in content_of(staff.post(url_of(name))), name


def test_a_secret_can_not_be_declared() -> None:
    for source in ("password_hash", "next_password", "webhook__secret", "private_key"):
        with pytest.raises(ValueError, match="must not be exported"):
            declare_export(ChargePoint, [Column("Key", source)])


# --- what is in a file ---


def test_it_exports_what_is_filtered_and_searched(tenant: Tenant, bob: User) -> None:
    stations = [make_station(tenant, identity) for identity in ("CP1", "CP2", "DEPOT1")]
    for number, station in enumerate(stations, 1):
        make_session(station, str(number), state="stopped" if number < 3 else "active")
    client = office(bob)
    assert column(rows_of(client.post(url_of(SESSIONS))), "Transaction id") == ["1", "2", "3"]
    assert column(rows_of(client.post(url_of(SESSIONS, query="?state__exact=stopped"))), "Transaction id") == ["1", "2"]
    assert column(rows_of(client.post(url_of(SESSIONS, query="?q=depot1"))), "Transaction id") == ["3"]
    assert column(rows_of(client.post(url_of("chargepoints_chargepoint", query="?q=cp&p=2"))), "Identity") == [
        "CP1",
        "CP2",
    ]
    buttons = client.get(reverse(f"admin:{SESSIONS}_changelist") + "?state__exact=stopped&p=1").content.decode()
    assert url_of(SESSIONS, query="?state__exact=stopped") + '"' in buttons


def test_numbers_are_exact_and_times_have_the_zone_of_the_tenant(tenant: Tenant, alice: User) -> None:
    with system_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(timezone="Europe/Berlin")
    make_session(
        make_station(tenant),
        started_at=HALF_PAST,
        stopped_at=HALF_PAST + timedelta(hours=1, seconds=5),
        state="stopped",
        meter_stop_wh=Decimal("13345.678"),
        flags=["late", "odd"],
    )
    client = office(alice)
    answer = client.post(url_of(SESSIONS))
    assert answer["Content-Type"].startswith("text/csv")
    assert re.search(r'attachment; filename="transactions-\d{8}T\d{6}Z\.csv"', answer["Content-Disposition"])
    content = content_of(answer)
    assert content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(content.decode("utf-8-sig"))))
    assert column(rows, "Energy (Wh)") == ["12345.678"]
    assert column(rows, "Duration (s)") == ["3605"]
    assert column(rows, "Started") == ["2026-07-02T00:30:00+02:00"]
    assert column(rows, "Flags") == ["late, odd"]
    assert column(rows, "Power (W)") == [""]

    (sheet,) = sheets_of(client.post(url_of(SESSIONS, "xlsx")))
    assert "<v>12345.678</v>" in sheet
    assert "<t>Started (Europe/Berlin)</t>" in sheet
    # Days since 1900, with a format for times: a date that a spreadsheet reckons with.
    assert re.search(r'<c r="[A-Z]+2" s="\d+"><v>46205\.0208333', sheet), sheet


@pytest.mark.parametrize("text", ["=1+1", "+49 30 1234", "-2+3", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_text_is_worked_out_by_a_spreadsheet(tenant: Tenant, alice: User, text: str) -> None:
    with tenant_transaction(tenant.pk):
        IdTag.objects.create(tenant=tenant, token="T", token_key="t", holder=text)
    client = office(alice)
    assert column(rows_of(client.post(url_of("chargepoints_idtag"))), "Holder") == [f"'{text}"]
    (sheet,) = sheets_of(client.post(url_of("chargepoints_idtag", "xlsx")))
    assert "<f>" not in sheet


def test_rows_come_in_batches_each_of_them_once(tenant: Tenant, alice: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BATCH", 2)
    station = make_station(tenant)
    for number in range(5):
        make_session(station, str(number), id_tag=f"TAG{number}", state="stopped")
    rows = rows_of(office(alice).post(url_of(SESSIONS)))
    assert column(rows, "Transaction id") == ["0", "1", "2", "3", "4"]


def test_what_a_sheet_can_not_hold_goes_on_in_the_next(
    tenant: Tenant, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workbook, "ROWS_OF_A_SHEET", 2)
    station = make_station(tenant)
    for number in range(5):
        make_session(station, str(number), id_tag=f"TAG{number}", state="stopped")
    sheets = sheets_of(office(alice).post(url_of(SESSIONS, "xlsx")))
    assert [sheet.count("<row ") for sheet in sheets] == [3, 3, 2]
    assert all("<t>Transaction id</t>" in sheet for sheet in sheets)


def test_a_command_is_exported_without_the_passwords_in_its_payload(stocked: Transaction, alice: User) -> None:
    from chargepoints.models import Command

    with tenant_transaction(stocked.tenant_id):
        payload = {"location": "ftp://user:topsecret@files.example.com/logs"}
        Command.objects.create(
            tenant_id=stocked.tenant_id,
            charge_point_id=stocked.charge_point_id,
            action="GetDiagnostics",
            payload=payload,
            requested_by="x",
            origin="api",
        )
    content = content_of(office(alice).post(url_of("chargepoints_command")))
    assert b"files.example.com" in content
    assert b"topsecret" not in content


# --- who may, and what is left of it ---


def test_whoever_may_look_at_a_list_may_export_it(stocked: Transaction, tenant: Tenant) -> None:
    client = office(make_user("person", tenant, Role.VIEWER))
    refused = {name for name in PAGES if client.post(url_of(name)).status_code == 403}
    hidden = {"chargepoints_authorizationwebhook", "tenants_apikey", "tenants_webhook", "tenants_webhookdelivery"}
    assert refused >= PLATFORM | hidden
    lists = {name: reverse(f"admin:{name}_changelist") for name in PAGES}
    seen = {name for name, url in lists.items() if client.get(url, follow=True).status_code == 200}
    assert refused == set(PAGES) - seen


def test_it_is_asked_for_by_post_by_people_who_are_signed_in(stocked: Transaction, alice: User) -> None:
    assert office(alice).get(url_of(SESSIONS)).status_code == 405
    answer = Client().post(url_of(SESSIONS))
    assert answer.status_code == 302
    assert "/login/" in answer["Location"]
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(alice)
    assert strict.post(url_of(SESSIONS)).status_code == 403


def test_the_audit_trail_says_who_took_what_along(stocked: Transaction, bob: User) -> None:
    content_of(office(bob).post(url_of(SESSIONS, "xlsx", "?q=cp1")))
    with tenant_transaction(stocked.tenant_id):
        entry = AuditEntry.objects.get(action="export")
    assert (entry.actor, entry.origin, entry.object_type) == ("bob", "admin", "transaction")
    assert entry.changes == {"format": "xlsx", "rows": 1, "filter": "q=cp1"}


def test_exports_of_the_platform_are_in_its_own_trail(stocked: Transaction, staff: Client) -> None:
    """How many tenants there are is no tenant's business."""
    content_of(staff.post(url_of("tenants_tenant")))
    with system_transaction():
        entry = PlatformEntry.objects.get(action="export")
        assert entry.changes == {"list": "tenants", "format": "csv", "rows": 1}
        assert not AuditEntry.objects.filter(action="export").exists()


# --- what is not made ---


@pytest.fixture
def no_places(settings: Any) -> None:
    settings.EXPORTS_AT_ONCE = 0


def test_more_at_a_time_than_may_are_asked_to_come_again(stocked: Transaction, alice: User, no_places: None) -> None:
    answer = office(alice).post(url_of(SESSIONS, query="?q=cp1"))
    assert answer.status_code == 503
    assert answer["Retry-After"] == "20"
    page = answer.content.decode()
    assert "As many exports are being made" in page
    assert reverse(f"admin:{SESSIONS}_changelist") + "?q=cp1" in page
    with tenant_transaction(stocked.tenant_id):
        assert not AuditEntry.objects.filter(action="export").exists()


def test_a_place_is_free_again_when_the_file_was_sent_or_nobody_wants_it(
    stocked: Transaction, alice: User, settings: Any
) -> None:
    settings.EXPORTS_AT_ONCE = 1
    client = office(alice)
    first = client.post(url_of(SESSIONS))
    assert places._taken == 1
    assert client.post(url_of(SESSIONS)).status_code == 503
    assert len(rows_of(first)) == 2
    assert places._taken == 0
    for kind in ("csv", "xlsx"):
        abandoned = client.post(url_of(SESSIONS, kind))
        abandoned.close()
        del abandoned
        assert places._taken == 0, kind


def test_too_many_rows_are_said_before_anything_is_made(stocked: Transaction, alice: User, settings: Any) -> None:
    settings.EXPORT_XLSX_ROWS = 0
    client = office(alice)
    answer = client.post(url_of(SESSIONS, "xlsx"))
    assert answer.status_code == 422
    assert "The list has 1 row; a file of this kind may have 0." in answer.content.decode()
    assert "Export as CSV" in answer.content.decode()
    assert len(rows_of(client.post(url_of(SESSIONS)))) == 2
    settings.EXPORT_CSV_ROWS = 0
    assert "Export as CSV" not in client.post(url_of(SESSIONS)).content.decode()


def test_what_takes_too_long_is_given_up(stocked: Transaction, alice: User, settings: Any) -> None:
    settings.EXPORT_CSV_SECONDS = settings.EXPORT_XLSX_SECONDS = -1
    client = office(alice)
    answer = client.post(url_of(SESSIONS, "xlsx"))
    assert answer.status_code == 422
    assert "took too long" in answer.content.decode()
    # Half a file breaks off: it is not taken for the whole.
    with pytest.raises(reading.TakesTooLong):
        content_of(client.post(url_of(SESSIONS)))
    assert places._taken == 0


def test_a_filter_that_means_nothing_is_said(stocked: Transaction, alice: User) -> None:
    answer = office(alice).post(url_of(SESSIONS, query="?started_at__gte=yesterday"))
    assert answer.status_code == 400
    assert "set the filters of the list anew" in answer.content.decode()


def test_keys_that_are_no_numbers_are_read_in_batches_too(
    stocked: Transaction, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    from chargepoints.models import Command

    monkeypatch.setattr(reading, "BATCH", 1)
    with tenant_transaction(stocked.tenant_id):
        common = {"tenant_id": stocked.tenant_id, "charge_point_id": stocked.charge_point_id, "origin": "api"}
        Command.objects.bulk_create([Command(id=uuid4(), action=f"A{number}", **common) for number in range(3)])
    rows = rows_of(office(alice).post(url_of("chargepoints_command")))
    assert sorted(column(rows, "Action")) == ["A0", "A1", "A2", "Reset"]
