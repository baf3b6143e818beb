"""Databases beside the main one, for tenants that have one of their own (docs/tenants.md).

`CSMS_TENANT_DATABASES` is JSON, or the path of a file that holds it: a name for each database, and its addresses for the
three logins (DESIGN §5). `owner` may be missing where a process never migrates or moves anything.

    {"acme": {"app": "postgresql://...", "system": "postgresql://...", "owner": "postgresql://..."}}

The addresses hold passwords: messages name the variable, the database and the login, never what stands there.
"""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from csms.settings.runtime import runtime
from tenants.databases.names import MAIN_WORD, VALID

VARIABLE = "CSMS_TENANT_DATABASES"
NEEDED, OPTIONAL = ("app", "system"), ("owner",)
Urls = dict[str, str]


def tenant_databases() -> dict[str, Urls]:
    """Name -> login -> address. SystemExit names what is wrong."""
    text = runtime("tenant_databases").strip()
    if not text:
        return {}
    found = _parsed(text)
    places: dict[tuple[str | None, int, str], str] = {_place(runtime("database_url")): MAIN_WORD}
    for name, urls in found.items():
        _check_entry(name, urls)
        place = _place(urls["app"])
        if place in places:
            raise SystemExit(f"{VARIABLE}: {name} is the same database as {places[place]}.")
        if any(_place(url) != place for login, url in urls.items() if login == "owner"):
            raise SystemExit(f"{VARIABLE}: {name}: app and owner are not of the same database.")
        places[place] = name
    return found


def _parsed(text: str) -> dict[str, Any]:
    if not text.startswith("{"):
        try:
            text = Path(text).read_text()
        except OSError as error:
            raise SystemExit(f"{VARIABLE}: the file can't be read ({error.strerror}).") from None
    try:
        found = json.loads(text)
    except ValueError as error:
        raise SystemExit(f"{VARIABLE} is no JSON: line {getattr(error, 'lineno', 1)}.") from None
    if not isinstance(found, dict):
        raise SystemExit(f"{VARIABLE} must be an object: a name for each database.")
    return found


def _check_entry(name: str, urls: Any) -> None:
    if not VALID.match(name) or name == MAIN_WORD:
        raise SystemExit(f"{VARIABLE}: {name!r}: lower-case letters, digits and hyphens, at most 32, and not 'main'.")
    if not isinstance(urls, dict):
        raise SystemExit(f"{VARIABLE}: {name} must be an object: app, system and owner, each with an address.")
    if unknown := set(urls) - {*NEEDED, *OPTIONAL}:
        raise SystemExit(f"{VARIABLE}: {name}: {sorted(unknown)[0]!r} is none of app, system and owner.")
    for login in NEEDED:
        if not urls.get(login):
            raise SystemExit(f"{VARIABLE}: {name}: the address for {login} is missing.")
    for login, url in urls.items():
        parts = urlsplit(url if isinstance(url, str) else "")
        if parts.scheme not in ("postgres", "postgresql") or not parts.path.strip("/"):
            raise SystemExit(f"{VARIABLE}: {name}: {login} must be postgresql://user:password@host/database.")


def _place(url: str) -> tuple[str | None, int, str]:
    parts = urlsplit(url)
    return (parts.hostname, parts.port or 5432, parts.path.strip("/"))
