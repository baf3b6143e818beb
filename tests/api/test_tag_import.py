"""Id tags as files; what follows when tags lose their rights."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.utils import timezone
from rest_framework.test import APIClient

from chargepoints import tasks
from chargepoints.models import ChargePoint, Command, ConfigurationKey, IdTag
from chargepoints.services.tag_changes import clear_caches
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Tenant
from tests.api.conftest import bring_online, make_station

URL = "/api/v1/id-tags"
HEADER = "idTag,type,status,holder,parentIdTag,expiryDate,maxActiveTransactions,note"


def send(api: APIClient, text: str | bytes, query: str = "") -> Any:
    body: Any = text.encode() if isinstance(text, str) else text
    return api.generic("POST", f"{URL}/import{query}", body, "text/csv")


def exported(api: APIClient, query: str = "") -> str:
    answer: Any = api.get(f"{URL}/export{query}")
    assert answer["Content-Type"].startswith("text/csv")
    return b"".join(answer.streaming_content).decode()


def tokens(tenant: Tenant) -> set[str]:
    with tenant_transaction(tenant.pk):
        return set(IdTag.objects.values_list("token", flat=True))


def make_tag(tenant: Tenant, token: str, **fields: Any) -> IdTag:
    with tenant_transaction(tenant.pk):
        return IdTag.objects.create(tenant=tenant, token=token, token_key=token.lower(), **fields)


@pytest.fixture(autouse=True)
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What the broker was given to clear."""
    found: list[Any] = []
    monkeypatch.setattr(tasks.clear_caches, "apply_async", lambda arguments, **options: found.append(arguments))
    return found


def test_a_file_makes_and_changes_tags_with_parents_from_the_file(api: APIClient, tenant: Tenant) -> None:
    make_tag(tenant, "OLD", holder="Ann", note="keep me")
    answer = send(api, "idTag,holder,parentIdTag,expiryDate\nold,Anna,FLEET,\nNEW,Ben,fleet,2027-01-31\nFLEET,,,\n")
    assert answer.status_code == 200, answer.json()
    data = answer.json()["data"]
    assert (data["created"], data["changed"], data["unchanged"], data["dryRun"]) == (2, 1, 0, False)
    with tenant_transaction(tenant.pk):
        rows = {tag.token: tag for tag in IdTag.objects.select_related("parent")}
        assert AuditEntry.objects.get().changes["changed"]["OLD"]["holder"] == ["Ann", "Anna"]
    assert rows["OLD"].parent == rows["NEW"].parent == rows["FLEET"]
    assert (rows["OLD"].holder, rows["OLD"].note) == ("Anna", "keep me")
    assert rows["NEW"].expires_at is not None
    assert rows["NEW"].max_active_transactions == 1


def test_a_dry_run_says_all_and_changes_nothing(api: APIClient, tenant: Tenant) -> None:
    make_tag(tenant, "OLD", holder="Ann")
    make_tag(tenant, "SAME")
    answer = send(api, "idTag,holder\nOLD,Eve\nNEW,Ben\nSAME,\n", "?dryRun=true")
    rows = answer.json()["data"]["rows"]
    assert [(row["line"], row["idTag"], row["result"]) for row in rows] == [
        (2, "OLD", "change"),
        (3, "NEW", "create"),
        (4, "SAME", "same"),
    ]
    assert rows[0]["changes"] == {"holder": ["Ann", "Eve"]}
    assert tokens(tenant) == {"OLD", "SAME"}


def test_what_is_exported_is_what_is_imported(api: APIClient, tenant: Tenant) -> None:
    fleet = make_tag(tenant, "=FLEET", type="Central")
    soon = timezone.now() + timedelta(days=3)
    make_tag(tenant, "A,1", holder='=HYPERLINK("x")', note="two\nlines", parent=fleet, expires_at=soon)
    make_tag(tenant, "-5", status="Blocked", max_active_transactions=None)
    text = exported(api)
    assert text.startswith(HEADER)
    assert "\"'=HYPERLINK" in text
    again = send(api, text, "?dryRun=true").json()["data"]
    assert (again["created"], again["changed"], again["unchanged"]) == (0, 0, 3), again
    assert exported(api, "?status=Blocked").count("\r\n") == 2
    assert api.get(f"{URL}/export?color=red").status_code == 400


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        ("", {"file"}),
        ("\n", {"lines.1.idTag"}),
        ("holder\nAnn\n", {"lines.1.idTag"}),
        ("idTag,colour\nA,red\n", {"lines.1.colour"}),
        ("idTag,idTag\nA,B\n", {"lines.1.idTag"}),
        ("idTag\nA,B\n", {"lines.2"}),
        ("idTag,status\n,Lost\n", {"lines.2.idTag", "lines.2.status"}),
        ("idTag,maxActiveTransactions\nA,-1\nB,1001\nC,two\n", {f"lines.{n}.maxActiveTransactions" for n in (2, 3, 4)}),
        ("idTag,expiryDate\nA,31.12.2026\n", {"lines.2.expiryDate"}),
        ("idTag\nA\n\na\n", {"lines.4.idTag"}),
        ("idTag,parentIdTag\nA,GHOST\nB,B\n", {"lines.2.parentIdTag", "lines.3.parentIdTag"}),
        ("idTag,parentIdTag\nA,B\nB,C\nC,\n", {"lines.2.parentIdTag", "lines.3.parentIdTag"}),
        ("idTag,parentIdTag\nOWNER,B\nB,\n", {"lines.2.parentIdTag"}),
        ('idTag,note\nA,"open\n', {"lines.2"}),
        ("idTag,note\nA,\0\n", {"lines.2.note"}),
        ("idTag\n" + "T" * 256 + "\n", {"lines.2.idTag"}),
    ],
)
def test_each_fault_is_named_by_line_and_column_and_nothing_is_kept(
    api: APIClient, tenant: Tenant, text: str, fields: set[str]
) -> None:
    owner = make_tag(tenant, "OWNER")
    make_tag(tenant, "CHILD", parent=owner)
    answer = send(api, text)
    assert answer.status_code == 400
    assert {error["field"] for error in answer.json()["errors"]} == fields
    assert tokens(tenant) == {"OWNER", "CHILD"}


def test_not_a_text_is_refused(api: APIClient, tenant: Tenant) -> None:
    answer = send(api, b"idTag\nA\xff\n")
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "lines.2")
    assert send(api, b"x" * (5 * 1024 * 1024)).status_code == 413
    assert api.post(f"{URL}/import", {"file": "x"}).status_code == 415
    assert send(api, "idTag\nA\n", "?dryRun=maybe").status_code == 400


def test_spreadsheets_with_semicolons_and_a_byte_order_mark_are_read(api: APIClient, tenant: Tenant) -> None:
    assert send(api, "\ufeffidTag;holder\r\nA;Ann, the first\r\n").status_code == 200
    with tenant_transaction(tenant.pk):
        assert IdTag.objects.get().holder == "Ann, the first"


def test_a_form_may_carry_the_file(api: APIClient, tenant: Tenant) -> None:
    file = SimpleUploadedFile("tags.csv", b"idTag\nA\n", "text/csv")
    assert api.post(f"{URL}/import", {"file": file}, format="multipart").status_code == 200
    assert api.post(f"{URL}/import", {"other": "x"}, format="multipart").status_code == 400
    assert tokens(tenant) == {"A"}


def test_roles_and_tenants_are_apart(api: APIClient, viewer: APIClient, stranger: APIClient, tenant: Tenant) -> None:
    make_tag(tenant, "A")
    assert send(viewer, "idTag\nB\n").status_code == 403
    assert send(stranger, "idTag\nA\n").status_code == 200
    assert exported(viewer).count("\r\n") == 2
    assert tokens(tenant) == {"A"}


@pytest.mark.parametrize(
    ("change", "clears"),
    [
        ({"status": "Blocked"}, True),
        ({"maxActiveTransactions": 0}, True),
        ({"expiryDate": "2020-01-01T00:00:00Z"}, True),
        ({"holder": "Ann"}, False),
        ({"maxActiveTransactions": 5}, False),
    ],
)
def test_a_tag_that_loses_its_rights_has_the_caches_cleared(
    api: APIClient, tenant: Tenant, asked: list[Any], change: dict[str, Any], clears: bool
) -> None:
    make_tag(tenant, "A")
    assert api.patch(f"{URL}/A", change).status_code == 200
    assert asked == ([(tenant.pk,)] if clears else [])


def test_many_tags_blocked_at_once_are_one_task(api: APIClient, tenant: Tenant, asked: list[Any]) -> None:
    for token in "ABC":
        make_tag(tenant, token)
    assert send(api, "idTag,status\nA,Blocked\nB,Blocked\n").status_code == 200
    assert api.delete(f"{URL}/C").status_code == 204
    assert asked == [(tenant.pk,)]


def test_061_clear_cache_goes_to_the_stations_that_have_one(tenant: Tenant, redis_clean: Any) -> None:
    stations = {name: make_station(tenant, name) for name in ("KNOWN", "WITHOUT", "QUIET", "AWAY", "UNKNOWN")}
    for name, station in stations.items():
        if name != "AWAY":
            bring_online(station)
    with tenant_transaction(tenant.pk):
        for name, value in (("KNOWN", "true"), ("WITHOUT", "false")):
            ConfigurationKey.objects.create(
                tenant=tenant,
                charge_point=stations[name],
                key="AuthorizationCacheEnabled",
                value=value,
                reported_at=timezone.now(),
            )
        ChargePoint.objects.filter(identity="QUIET").update(send_unasked=False)
    assert clear_caches(tenant.pk) is None
    # Those that have not been sent yet are not asked twice.
    clear_caches(tenant.pk)
    with tenant_transaction(tenant.pk):
        sent = Command.objects.filter(action="ClearCache").values_list("charge_point__identity", flat=True)
        assert sorted(sent) == ["KNOWN", "UNKNOWN"]
