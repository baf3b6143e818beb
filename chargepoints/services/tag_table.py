"""Id tags as a table of text: the columns of the CSV file, reading one, writing one. Touches no database."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy

from chargepoints.models import IdTag
from chargepoints.services.importing import cells
from chargepoints.services.importing.table import MOST_BYTES, Layout, Table, read_table

__all__ = ["COLUMNS", "FIELDS", "KEY", "LAYOUT", "MOST_BYTES", "TagLine", "read_tags", "row_of"]

LONGEST_TOKEN = 255
KEY, PARENT = "idTag", "parentIdTag"
COLUMNS: dict[str, cells.Reader] = {
    KEY: cells.required(cells.text(LONGEST_TOKEN)),
    "type": cells.choice(IdTag.Type.values, IdTag.Type.ISO14443),
    "status": cells.choice(IdTag.Status.values, IdTag.Status.ACCEPTED),
    "holder": cells.text(120),
    PARENT: cells.text(LONGEST_TOKEN),
    "expiryDate": cells.time,
    "maxActiveTransactions": cells.whole(0, 1000, gettext_lazy("empty: no limit")),
    "note": cells.text(240),
}
LAYOUT = Layout(COLUMNS, KEY)
# Column -> field of the model, of those that are taken as they are.
FIELDS = {
    "type": "type",
    "status": "status",
    "holder": "holder",
    "expiryDate": "expires_at",
    "maxActiveTransactions": "max_active_transactions",
    "note": "note",
}


@dataclass(slots=True)
class TagLine:
    """A tag as the file has it: model field -> value, only of the columns that the file has."""

    number: int
    token: str
    values: dict[str, Any]
    # None: no such column. Empty: no parent.
    parent: str | None

    @property
    def key(self) -> str:
        return self.token.lower()


def read_tags(raw: bytes, *, guess: bool = False) -> tuple[list[TagLine], Table]:
    """The tags of a file, and its table with what is wrong with it."""
    table = read_table(raw, LAYOUT, guess=guess)
    lines = [
        TagLine(
            line.number,
            line.cells[KEY],
            {FIELDS[name]: value for name, value in line.cells.items() if name in FIELDS},
            line.cells.get(PARENT),
        )
        for line in table.lines
    ]
    return lines, table


def row_of(tag: IdTag) -> list[str | int | datetime | None]:
    """A tag's cells, in the order of COLUMNS; what `read_tags` reads back as the same."""
    return [
        *(tag.token, tag.type, tag.status, tag.holder, tag.parent.token if tag.parent else ""),
        *(tag.expires_at, tag.max_active_transactions, tag.note),
    ]
