"""Reading a table: the first line names the columns, each cell is read by its column's reader. Touches no database."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _

from chargepoints.services.importing.cells import Reader, Wrong
from chargepoints.services.importing.text import UTF8, NotText, read_text

MOST_BYTES = 4 * 1024 * 1024
MOST_LINES = 20_000
MOST_ERRORS = 200
# What the export puts before text that a spreadsheet would take for a formula is taken off again.
_GUARDED = re.compile(r"'[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")
# Invisible, and not what Python takes for a blank.
_INVISIBLE = "\u200b\ufeff"


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """What is wrong where. Lines count from 1 (the header); `column` is empty where it is about the line."""

    line: int
    column: str
    text: str


@dataclass(slots=True)
class Line:
    """One row of the file: column -> value, only of the columns that the file has."""

    number: int
    cells: dict[str, Any]


@dataclass(slots=True)
class Table:
    """A file as read. With faults, its lines are not to be used."""

    lines: list[Line] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    encoding: str = UTF8


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns that a file may have, and the one (text, compared without case) that names the row."""

    columns: Mapping[str, Reader]
    key: str


def read_table(raw: bytes, layout: Layout, *, guess: bool = False) -> Table:
    """The rows of a CSV file (commas, semicolons or tabs); what is wrong with it, at most MOST_ERRORS faults.

    `guess`: see `read_text`.
    """
    table = Table()
    if len(raw) > MOST_BYTES:
        table.faults.append(Fault(1, "", _("More than %(most)s MiB.") % {"most": MOST_BYTES // 1024 // 1024}))
        return table
    try:
        given = read_text(raw, guess=guess)
    except NotText as error:
        table.faults.append(Fault(error.line, "", _("Not UTF-8.")))
        return table
    table.encoding = given.encoding
    reader = csv.reader(io.StringIO(given.text, newline=""), delimiter=given.separator, strict=True)
    try:
        _read_lines(reader, given.begins, layout, table)
    except csv.Error as error:
        line = max(reader.line_num, 1) + given.begins - 1
        table.faults.append(Fault(line, "", _("Not CSV: %(error)s.") % {"error": error}))
    return table


def _read_lines(reader: Any, begins: int, layout: Layout, table: Table) -> None:
    names = _names(next(reader, []), layout)
    table.faults += _faults_of_header(names, begins, layout)
    if table.faults:
        return
    seen: dict[str, int] = {}
    number = reader.line_num + begins
    for cells in reader:
        if any(_plain(cell) for cell in cells):
            if len(table.lines) >= MOST_LINES:
                table.faults.append(Fault(number, "", _("More than %(most)s rows.") % {"most": MOST_LINES}))
                return
            line = _read_line(number, names, cells, layout, table.faults)
            if line is not None:
                key = line.cells[layout.key].lower()
                if key in seen:
                    text = _("Stands in line %(line)s already.") % {"line": seen[key]}
                    table.faults.append(Fault(number, layout.key, text))
                seen.setdefault(key, number)
                table.lines.append(line)
        if len(table.faults) >= MOST_ERRORS:
            return
        number = reader.line_num + begins


def _names(cells: Iterable[str], layout: Layout) -> list[str]:
    """The header, in our spelling; without the empty columns that spreadsheets leave at the end."""
    known = {_folded(name): name for name in layout.columns}
    names = [known.get(_folded(_plain(cell)), _plain(cell)) for cell in cells]
    while names and not names[-1]:
        names.pop()
    return names


def _folded(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()


def _faults_of_header(names: Sequence[str], number: int, layout: Layout) -> list[Fault]:
    unknown = [name for name in names if name not in layout.columns][:MOST_ERRORS]
    # Counted once: a file that is one line of millions of columns must not take hours.
    twice = [name for name, times in sorted(Counter(names).items()) if times > 1][:MOST_ERRORS]
    faults = [
        *(Fault(number, name[:80], _("Unknown column.")) for name in unknown),
        *(Fault(number, name[:80], _("Stands there twice.")) for name in twice),
    ]
    if layout.key not in names:
        text = _("The first line must name the columns, %(column)s among them.") % {"column": layout.key}
        faults.append(Fault(number, layout.key, text))
    return faults[:MOST_ERRORS]


def _read_line(
    number: int, names: Sequence[str], cells: Sequence[str], layout: Layout, faults: list[Fault]
) -> Line | None:
    beyond = cells[len(names) :]
    if len(cells) < len(names) or any(_plain(cell) for cell in beyond):
        text = _("Has %(found)s columns, the first line %(wanted)s.")
        faults.append(Fault(number, "", text % {"found": len(cells), "wanted": len(names)}))
        return None
    line = Line(number, {})
    wrong = len(faults)
    for name, cell in zip(names, cells, strict=False):
        given = _plain(cell[1:] if _GUARDED.match(cell) else cell)
        try:
            if "\0" in given:
                raise Wrong(_("Null characters are not allowed."))
            line.cells[name] = layout.columns[name](given)
        except Wrong as error:
            faults.append(Fault(number, name, str(error)))
    return line if len(faults) == wrong else None


def _plain(cell: str) -> str:
    return cell.strip().strip(_INVISIBLE).strip()
