"""What stands in a local authorization list, and how it gets there in messages (OCPP 1.6 §3.5.2, §5.15).

Entries are `{token: idTagInfo}`. Only `wanted_entries` reads the database.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from chargepoints.models import IdTag
from chargepoints.protocol.timestamps import format_timestamp
from chargepoints.services.authorize import ACCEPTED, status_of

Entries = dict[str, dict[str, Any]]
# OCPP 1.6's idToken.
LONGEST_TOKEN = 20
LARGEST_VERSION = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Part:
    """One SendLocalList: what it says, and what the list holds once it has been accepted."""

    payload: dict[str, Any]
    entries: Entries


@dataclass(frozen=True, slots=True)
class Drift:
    """Tokens by what is wrong with the station's list."""

    missing: list[str]
    outdated: list[str]
    surplus: list[str]

    def __bool__(self) -> bool:
        return bool(self.missing or self.outdated or self.surplus)


def wanted_entries(now: datetime) -> Entries:
    """All tags of the open scope's tenant that 1.6 can carry, those that may charge first.

    Never ConcurrentTx: the list holds for later. Without tags that only an offline station has let in.
    """
    tags = IdTag.objects.select_related("parent").filter(seen_offline=False).order_by("token_key")
    entries = {tag.token: _info(tag, now) for tag in tags if len(tag.token) <= LONGEST_TOKEN}
    return dict(sorted(entries.items(), key=lambda pair: pair[1]["status"] != ACCEPTED))


def _info(tag: IdTag, now: datetime) -> dict[str, Any]:
    info: dict[str, Any] = {"status": status_of(tag, now)}
    if tag.expires_at is not None:
        info["expiryDate"] = format_timestamp(tag.expires_at)
    if tag.parent is not None:
        info["parentIdTag"] = tag.parent.token[:LONGEST_TOKEN]
    return info


def cut(entries: Entries, most: int) -> Entries:
    """What fits into a list of `most` entries."""
    return dict(list(entries.items())[:most])


def drift(held: Entries, wanted: Entries) -> Drift:
    """How the list that a station has differs from the one that it should have."""
    return Drift(
        missing=[token for token in wanted if token not in held],
        outdated=[token for token, info in wanted.items() if token in held and held[token] != info],
        surplus=[token for token in held if token not in wanted],
    )


def full_part(wanted: Entries, version: int, most: int) -> Part:
    """The list, or as much of it as goes into one message; differentials follow."""
    entries = cut(wanted, most)
    payload: dict[str, Any] = {"listVersion": version, "updateType": "Full"}
    if entries:
        payload["localAuthorizationList"] = [{"idTag": token, "idTagInfo": info} for token, info in entries.items()]
    return Part(payload, entries)


def next_part(held: Entries, wanted: Entries, version: int, most: int) -> Part | None:
    """The next changes, at most `most`; what goes makes room first. None: in step."""
    found = drift(held, wanted)
    changed = [*found.surplus, *found.outdated, *found.missing][:most]
    return differential_part(held, wanted, changed, version) if changed else None


def differential_part(held: Entries, wanted: Entries, tokens: Iterable[str], version: int) -> Part:
    """These tokens as they should be; those that shouldn't be there are taken out (no idTagInfo)."""
    entries = dict(held)
    items: list[dict[str, Any]] = []
    for token in tokens:
        info = wanted.get(token)
        if info is None:
            entries.pop(token, None)
            items.append({"idTag": token})
        else:
            entries[token] = info
            items.append({"idTag": token, "idTagInfo": info})
    return Part({"listVersion": version, "updateType": "Differential", "localAuthorizationList": items}, entries)


def after_update(held: Entries, payload: dict[str, Any]) -> Entries:
    """What a list holds once a station has accepted `payload` (SendLocalList; tokens compare without case)."""
    entries = {} if payload["updateType"] == "Full" else dict(held)
    spelled = {token.lower(): token for token in entries}
    for item in payload.get("localAuthorizationList", ()):
        token = spelled.setdefault(item["idTag"].lower(), item["idTag"])
        info = item.get("idTagInfo")
        if info is None:
            entries.pop(token, None)
        else:
            entries[token] = info
    return entries


def next_version(*known: int | None) -> int:
    """Above all that either side has; begins anew where 32 bits end (a full list may go back)."""
    highest = max([0, *(version for version in known if version is not None)])
    return highest + 1 if highest < LARGEST_VERSION else 1
