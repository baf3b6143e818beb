"""What the settings refuse, and where they look."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from csms.settings.logging import mask_secrets
from csms.settings.production import refuse_unsafe
from csms.settings.runtime import env_bool, env_int

ROOT = Path(__file__).resolve().parents[1]
GOOD, OTHER = "abcdefghijklmnopqrstuvwxyz0123456789" * 2, "zyxwvutsrqponmlkjihgfedcba9876543210" * 2


def check(**changes: object) -> None:
    refuse_unsafe(**{"secret_key": GOOD, "password_key": OTHER, "debug": False, "hosts": ["a.example"], **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"debug": True}, "CSMS_DEBUG"),
        ({"secret_key": ""}, "CSMS_SECRET_KEY"),
        ({"secret_key": "x" * 60}, "CSMS_SECRET_KEY"),
        ({"secret_key": "django-insecure-" + GOOD}, "CSMS_SECRET_KEY"),
        ({"password_key": "short"}, "CSMS_PASSWORD_KEY"),
        ({"password_key": GOOD}, "CSMS_PASSWORD_KEY"),
        ({"hosts": ["*"]}, "CSMS_ALLOWED_HOSTS"),
        ({"hosts": []}, "CSMS_ALLOWED_HOSTS"),
    ],
)
def test_production_refuses_what_is_unsafe_and_names_it(changes: dict[str, object], named: str) -> None:
    check()
    with pytest.raises(SystemExit, match=named):
        check(**changes)


def test_production_settings_do_not_load_with_a_default_secret() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CSMS_")}
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=ROOT,
        env={**environment, "CSMS_ENV": "production", "CSMS_DATA_DIR": "/nonexistent"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "CSMS_SECRET_KEY must be set" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_wrong_number_in_the_environment_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CSMS_SOME_NUMBER", "many")
    with pytest.raises(SystemExit, match="CSMS_SOME_NUMBER"):
        env_int("CSMS_SOME_NUMBER", 1)
    with pytest.raises(SystemExit, match="CSMS_SOME_NUMBER"):
        env_bool("CSMS_SOME_NUMBER", default=True)
    monkeypatch.setenv("CSMS_SOME_NUMBER", "yes")
    assert env_bool("CSMS_SOME_NUMBER", default=False) is True


def test_secrets_are_masked_in_logs_by_name() -> None:
    event = mask_secrets(None, "info", {"event": "x", "password": "p", "api_key": "k", "charge_point": "CP1"})
    assert event == {"event": "x", "password": "***", "api_key": "***", "charge_point": "CP1"}
