"""Id tags as a table of text: the columns of the CSV file, reading one, writing one. Touches no database."""

import csv
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from chargepoints.models import IdTag

MOST_BYTES = 4 * 1024 * 1024
MOST_LINES = 20_000
MOST_ERRORS = 200
LONGEST_TOKEN = 255
# What the export puts before text that a spreadsheet would take for a formula is taken off again.
_GUARDED = re.compile(r"'[=+\-@\t\r]")
_NUMBER = re.compile(r"[0-9]{1,4}")


class Wrong(ValueError):
    """A cell that can't be."""


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What is wrong where. Lines count from 1 (the header); `column` is empty where it is about the line."""

    line: int
    column: str
    text: str


@dataclass(slots=True)
class Line:
    """A tag as the file has it: model field -> value, only of the columns that the file has."""

    number: int
    token: str
    values: dict[str, Any] = field(default_factory=dict)
    # None: no such column. Empty: no parent.
    parent: str | None = None

    @property
    def key(self) -> str:
        return self.token.lower()


@dataclass(slots=True)
class Table:
    """A file as read."""

    lines: list[Line] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def read_table(raw: bytes) -> Table:
    """The tags of a CSV file (UTF-8, commas or semicolons); what is wrong with it, at most MOST_ERRORS faults."""
    table = Table()
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        table.faults.append(Fault(raw[: error.start].count(b"\n") + 1, "", "Not UTF-8."))
        return table
    if len(raw) > MOST_BYTES:
        table.faults.append(Fault(1, "", f"More than {MOST_BYTES // 1024 // 1024} MiB."))
        return table
    head = text.split("\n", 1)[0]
    delimiter = ";" if head.count(";") > head.count(",") else ","
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        _read_lines(reader, table)
    except csv.Error as error:
        table.faults.append(Fault(max(reader.line_num, 1), "", f"Not CSV: {error}."))
    return table


def _read_lines(reader: Any, table: Table) -> None:
    names = [cell.strip() for cell in next(reader, [])]
    table.faults += _faults_of_header(names)
    if table.faults:
        return
    seen: dict[str, int] = {}
    number = reader.line_num + 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            if len(table.lines) >= MOST_LINES:
                table.faults.append(Fault(number, "", f"More than {MOST_LINES} tags."))
                return
            line = _read_line(number, names, cells, table.faults)
            if line is not None:
                if line.key in seen:
                    table.faults.append(Fault(number, "idTag", f"Stands in line {seen[line.key]} already."))
                seen.setdefault(line.key, number)
                table.lines.append(line)
        if len(table.faults) >= MOST_ERRORS:
            return
        number = reader.line_num + 1


def _faults_of_header(names: Sequence[str]) -> list[Fault]:
    faults = [Fault(1, name[:80], "Unknown column.") for name in names if name not in COLUMNS]
    faults += [Fault(1, name, "Stands there twice.") for name in sorted(set(names)) if names.count(name) > 1]
    if "idTag" not in names:
        faults.append(Fault(1, "idTag", "The first line must name the columns, idTag among them."))
    return faults[:MOST_ERRORS]


def _read_line(number: int, names: Sequence[str], cells: Sequence[str], faults: list[Fault]) -> Line | None:
    if len(cells) != len(names):
        faults.append(Fault(number, "", f"Has {len(cells)} columns, the first line {len(names)}."))
        return None
    line = Line(number, "")
    wrong = len(faults)
    for name, cell in zip(names, cells, strict=True):
        text = (cell[1:] if _GUARDED.match(cell) else cell).strip()
        try:
            if "\0" in text:
                raise Wrong("Null characters are not allowed.")
            value = COLUMNS[name](text)
        except Wrong as error:
            faults.append(Fault(number, name, str(error)))
            continue
        if name == "idTag":
            line.token = value
        elif name == "parentIdTag":
            line.parent = value
        else:
            line.values[FIELDS[name]] = value
    return line if len(faults) == wrong else None


# --- cells ---


def _token(text: str) -> str:
    if not text:
        raise Wrong("Must not be empty.")
    return _text(LONGEST_TOKEN)(text)


def _text(longest: int) -> Callable[[str], str]:
    def read(text: str) -> str:
        if len(text) > longest:
            raise Wrong(f"At most {longest} characters.")
        return text

    return read


def _choice(values: Sequence[str], empty: str) -> Callable[[str], str]:
    known = {value.lower(): value for value in values}

    def read(text: str) -> str:
        found = known.get(text.lower() or empty.lower())
        if found is None:
            raise Wrong(f"One of {', '.join(values)}.")
        return found

    return read


def _time(text: str) -> datetime | None:
    """RFC 3339; without an offset: UTC; a day alone: its beginning."""
    if not text:
        return None
    try:
        parsed = parse_datetime(text if len(text) > 10 else f"{text}T00:00:00Z")
        if parsed is None:
            raise ValueError(text)
        return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Wrong("Not a time such as 2027-01-31T12:00:00Z.") from None


def _limit(text: str) -> int | None:
    if not text:
        return None
    if not (_NUMBER.fullmatch(text) and int(text) <= 1000):
        raise Wrong("A whole number from 0 to 1000; empty: no limit.")
    return int(text)


COLUMNS: dict[str, Callable[[str], Any]] = {
    "idTag": _token,
    "type": _choice(IdTag.Type.values, IdTag.Type.ISO14443),
    "status": _choice(IdTag.Status.values, IdTag.Status.ACCEPTED),
    "holder": _text(120),
    "parentIdTag": _text(LONGEST_TOKEN),
    "expiryDate": _time,
    "maxActiveTransactions": _limit,
    "note": _text(240),
}
FIELDS = {
    "type": "type",
    "status": "status",
    "holder": "holder",
    "expiryDate": "expires_at",
    "maxActiveTransactions": "max_active_transactions",
    "note": "note",
}


def row_of(tag: IdTag) -> list[str | int | datetime | None]:
    """A tag's cells, in the order of COLUMNS; what `read_table` reads back as the same."""
    return [
        *(tag.token, tag.type, tag.status, tag.holder, tag.parent.token if tag.parent else ""),
        *(tag.expires_at, tag.max_active_transactions, tag.note),
    ]
