"""CSMS_TENANT_DATABASES: what is wrong with it stops the start, by name and without a secret."""

import json
from pathlib import Path

import pytest

from csms.settings.tenant_databases import tenant_databases

SECRET = "hunter2"
GOOD = {login: f"postgresql://csms_{login}:{SECRET}@db2:5432/acme" for login in ("app", "system", "owner")}


@pytest.fixture(autouse=True)
def _main(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://csms_app:x@db1/csms")


def read(monkeypatch: pytest.MonkeyPatch, value: object) -> dict[str, dict[str, str]]:
    monkeypatch.setenv("CSMS_TENANT_DATABASES", value if isinstance(value, str) else json.dumps(value))
    return tenant_databases()


def test_databases_are_named_in_place_or_in_a_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert read(monkeypatch, "") == {}
    assert read(monkeypatch, {"acme": GOOD}) == {"acme": GOOD}
    path = tmp_path / "databases.json"
    path.write_text(json.dumps({"acme": GOOD}))
    assert read(monkeypatch, str(path)) == {"acme": GOOD}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("/nowhere/databases.json", "the file can't be read"),
        ("{acme", "no JSON"),
        ({"main": GOOD}, "'main'"),
        ({"Acme Ltd": GOOD}, "'Acme Ltd'"),
        ({"acme": "postgresql://x"}, "acme must be an object"),
        ({"acme": {"app": GOOD["app"]}}, "acme: the address for system is missing"),
        ({"acme": {**GOOD, "reader": GOOD["app"]}}, "'reader' is none of"),
        ({"acme": {**GOOD, "system": "mysql://db/acme"}}, "acme: system must be postgresql://"),
        (
            {"acme": {**GOOD, "owner": "postgresql://csms_owner@db2/other"}},
            "app and owner are not of the same database",
        ),
        ({"acme": GOOD, "twin": GOOD}, "twin is the same database as acme"),
        ({"acme": dict.fromkeys(GOOD, "postgresql://a@db1:5432/csms")}, "acme is the same database as main"),
    ],
)
def test_a_wrong_entry_stops_the_start(monkeypatch: pytest.MonkeyPatch, value: object, said: str) -> None:
    with pytest.raises(SystemExit, match="CSMS_TENANT_DATABASES") as stopped:
        read(monkeypatch, value)
    assert said in str(stopped.value)
    assert SECRET not in str(stopped.value)
