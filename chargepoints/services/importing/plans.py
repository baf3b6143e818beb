"""What a file does to the rows that there are: shown first, then done, the whole of it or nothing."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from django.utils.translation import gettext

from chargepoints.services.importing.table import MOST_ERRORS, Fault
from chargepoints.services.importing.text import UTF8

CREATE, CHANGE, SAME = "create", "change", "same"
# So many are named in the audit trail's entry of an import.
AUDITED = 1000
KEYS_AT_ONCE = 5000


class InvalidFile(Exception):
    """The file can't be taken as it is; nothing was."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__(gettext("The file has faults."))
        self.faults = sorted(faults)[:MOST_ERRORS]


class ChangedMeanwhile(Exception):
    """Someone else made one of the rows at the same time."""


@dataclass(slots=True, kw_only=True)
class Planned:
    """What a line does: `changes` is `{field: [before, after]}`."""

    line: int
    name: str
    result: str
    changes: dict[str, list[Any]] = field(default_factory=dict)

    def settle(self) -> None:
        """Of a row that there was: changed, or as it is."""
        if self.result != CREATE:
            self.result = CHANGE if self.changes else SAME


Row = TypeVar("Row", bound=Planned)


@dataclass(slots=True)
class Imported(Generic[Row]):
    """What a file does, or has done."""

    rows: Sequence[Row]
    encoding: str = UTF8

    def count(self, result: str) -> int:
        return sum(row.result == result for row in self.rows)


def trail_of(rows: Sequence[Planned]) -> dict[str, Any]:
    """For the audit trail's entry of the whole import."""
    created = [row.name for row in rows if row.result == CREATE]
    changed = {row.name: row.changes for row in rows if row.result == CHANGE}
    return {
        "created": created[:AUDITED],
        "changed": dict(list(changed.items())[:AUDITED]),
        "createdCount": len(created),
        "changedCount": len(changed),
    }


def as_plain(value: Any) -> Any:
    """A value as the audit trail and people see it."""
    return value if value is None or isinstance(value, str | int | list) else value.isoformat()
