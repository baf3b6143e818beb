"""Charge points from a file in the back office: checked, shown, imported; the passwords are given once."""

import csv
import io
import re
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from chargepoints.admin.checked_files import MOST_CHECKED
from chargepoints.models import ChargePoint, IdTag, Site
from chargepoints.services.passwords import password_matches
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Role, Tenant, User
from tests.admin.conftest import office
from tests.conftest import make_user

IMPORT, DONE = "admin:station_import", "admin:station_imported"
SECRET = "correct-horse-battery"

pytestmark = pytest.mark.usefixtures("redis_clean")


def upload(client: Client, content: str | bytes, name: str = IMPORT, **fields: str) -> str:
    raw = content if isinstance(content, bytes) else content.encode()
    file = SimpleUploadedFile("stations.csv", raw, "text/csv")
    return str(client.post(reverse(name), {"file": file, **fields}).content.decode())


def checked_in(page: str) -> str:
    found = re.search('name="checked" value="([^"]+)"', page)
    assert found is not None, page
    return found[1]


def identities(tenant: Tenant) -> list[str]:
    with tenant_transaction(tenant.pk):
        return list(ChargePoint.objects.values_list("identity", flat=True))


def test_a_file_is_shown_first_imported_then_and_its_passwords_are_fetched(tenant: Tenant, alice: User) -> None:
    client = office(alice)
    page = upload(client, "identity;name;site\nCP-1;=1+1;Yard\nCP-2;<b>;\n", make_sites="on")
    assert "2 new, 0 changed, 0 as they are" in page
    assert "New sites: Yard." in page
    assert "Passwords are made for 2 charge points" in page
    assert "<b>;" not in page
    assert identities(tenant) == []
    answer = client.post(reverse(IMPORT), {"checked": checked_in(page)})
    assert answer.status_code == 302
    assert identities(tenant) == ["CP-1", "CP-2"]
    done = answer["Location"]
    shown = client.get(done).content.decode()
    assert "2 new, 0 changed" in shown
    kept = done.partition("kept=")[2]
    file = client.post(reverse(DONE), {"kept": kept})
    assert "no-store" in file["Cache-Control"]
    lines = list(csv.DictReader(io.StringIO(file.content.decode())))
    assert [line["identity"] for line in lines] == ["CP-1", "CP-2"]
    assert lines[0]["url"].endswith("/ocpp/acme/CP-1")
    assert lines[0]["password"] not in page + shown
    with tenant_transaction(tenant.pk):
        hashes = list(ChargePoint.objects.order_by("identity").values_list("password_hash", flat=True))
        assert AuditEntry.objects.filter(action="fetch passwords").count() == 1
        assert Site.objects.get().name == "Yard"
    assert password_matches(lines[1]["password"].encode(), hashes[1])


def test_the_same_check_imports_once(tenant: Tenant, alice: User) -> None:
    client = office(alice)
    checked = checked_in(upload(client, "identity\nCP-1\n"))
    assert client.post(reverse(IMPORT), {"checked": checked}).status_code == 302
    assert "imported already" in client.post(reverse(IMPORT), {"checked": checked}).content.decode()


def test_passwords_that_cannot_be_kept_are_not_made(
    tenant: Tenant, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = office(alice)
    checked = checked_in(upload(client, "identity\nCP-1\n"))
    monkeypatch.setattr(cache, "set", lambda *arguments, **options: None)
    assert "Nothing was imported" in client.post(reverse(IMPORT), {"checked": checked}).content.decode()
    assert identities(tenant) == []


def test_faults_are_shown_by_line_and_column_and_name_no_password(tenant: Tenant, alice: User) -> None:
    page = upload(office(alice), "identity,password\nCP/1,\nCP-2,tooshort\n")
    assert "2 faults: nothing was imported" in page
    assert re.search(r">2</td><td>identity</td>", page)
    assert re.search(r">3</td><td>password</td>", page)
    assert "tooshort" not in page


def test_a_file_of_excel_is_read_and_its_encoding_told(tenant: Tenant, alice: User) -> None:
    page = upload(office(alice), "identity;name\r\nCP-1;Köln\r\n".encode("cp1252"))
    assert "Windows-1252" in page
    assert "Köln" in page


def test_what_was_checked_is_nobody_elses_and_lies_sealed(tenant: Tenant, alice: User, redis_clean: Any) -> None:
    checked = checked_in(upload(office(alice), f"identity,password\nCP-1,{SECRET}\n"))
    other = office(make_user("anna", tenant, Role.ADMIN))
    assert "run out" in other.post(reverse(IMPORT), {"checked": checked}).content.decode()
    assert identities(tenant) == []
    # Nor does it lie there to be read.
    kept = [redis_clean.get(key) for key in redis_clean.keys("*csms:import:*") if not key.endswith(b":all")]
    assert len(kept) == 1
    assert b"v1." in kept[0]


@pytest.mark.parametrize(("role", "status"), [(Role.VIEWER, 403), (Role.OPERATOR, 403), (Role.ADMIN, 200)])
def test_stations_are_imported_by_administrators(tenant: Tenant, role: str, status: int) -> None:
    client = office(make_user("person", tenant, role))
    for name in (IMPORT, "admin:station_import_blank"):
        assert client.get(reverse(name)).status_code == status
    listed = client.get(reverse("admin:chargepoints_chargepoint_changelist")).content.decode()
    assert ("Import a CSV file" in listed) == (status == 200)


def test_the_empty_file_has_the_columns_that_the_import_reads(tenant: Tenant, alice: User) -> None:
    client = office(alice)
    for name, row in (("station_import", "CP-1,,,,,,,"), ("id_tag_import", "T1,,,,,,,")):
        blank = client.get(reverse(f"admin:{name}_blank")).content
        assert blank.startswith(b"\xef\xbb\xbf")
        page = upload(client, blank + row.encode(), f"admin:{name}")
        assert "1 new, 0 changed" in page


def test_both_imports_say_what_a_file_may_hold(tenant: Tenant, alice: User) -> None:
    client = office(alice)
    for name, column in (("station_import", "securityProfile"), ("id_tag_import", "parentIdTag")):
        assert column in client.get(reverse(f"admin:{name}")).content.decode()
    with tenant_transaction(tenant.pk):
        assert not IdTag.objects.exists()


def test_of_files_that_were_checked_the_last_few_are_kept(tenant: Tenant, alice: User) -> None:
    client = office(alice)
    checked = [checked_in(upload(client, f"identity,password\nCP-{n},{SECRET}\n")) for n in range(MOST_CHECKED + 1)]
    assert "run out" in client.post(reverse(IMPORT), {"checked": checked[0]}).content.decode()
    for token in checked[1:]:
        assert client.post(reverse(IMPORT), {"checked": token}).status_code == 302
    assert identities(tenant) == [f"CP-{n}" for n in range(1, MOST_CHECKED + 1)]


def test_who_never_saw_the_answer_of_an_import_finds_its_passwords(tenant: Tenant, alice: User) -> None:
    client, said = office(alice), "can still be downloaded"
    page = upload(client, "identity\nCP-1\n")
    assert said not in page
    client.post(reverse(IMPORT), {"checked": checked_in(page)})
    # Its line was broken: all that is left is to begin again.
    lost = client.post(reverse(IMPORT), {"checked": checked_in(page)}).content.decode()
    assert "imported already" in lost
    found = re.search(r'href="([^"]+kept=[^"]+)"', lost)
    assert found is not None
    assert "1 new, 0 changed" in client.get(found[1]).content.decode()
    other = office(make_user("anna", tenant, Role.ADMIN))
    assert said not in other.get(reverse(IMPORT)).content.decode()
    assert said in client.get(reverse(IMPORT)).content.decode()
