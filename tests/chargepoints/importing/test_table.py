"""Tables as people's programs write them: read alike whatever the encoding and the separator, faults by line and column."""

import csv
import io
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from chargepoints.services.importing import cells
from chargepoints.services.importing.table import MOST_BYTES, MOST_ERRORS, MOST_LINES, Layout, Table, read_table
from chargepoints.services.importing.text import UTF8, UTF16, WINDOWS
from tenants.api.csv_export import csv_chunks
from tests.examples import examples

LAYOUT = Layout(
    {
        "idTag": cells.required(cells.text(40)),
        "holder": cells.text(40),
        "most": cells.whole(0, 9, "empty: none"),
        "tags": cells.words(10, 3),
    },
    "idTag",
)


def read(text: str | bytes, *, guess: bool = False) -> Table:
    return read_table(text if isinstance(text, bytes) else text.encode(), LAYOUT, guess=guess)


def rows(table: Table) -> list[dict[str, Any]]:
    assert table.faults == []
    return [line.cells for line in table.lines]


def places(table: Table) -> list[tuple[int, str]]:
    return [(fault.line, fault.column) for fault in table.faults]


TABLE = 'idTag,holder\r\nA1,"Müller, Ann"\r\nB2,"two\nlines"\r\n'
READ = [{"idTag": "A1", "holder": "Müller, Ann"}, {"idTag": "B2", "holder": "two\nlines"}]


@pytest.mark.parametrize(
    ("raw", "encoding"),
    [
        (TABLE.encode(), UTF8),
        (b"\xef\xbb\xbf" + TABLE.encode(), UTF8),
        (TABLE.encode("utf-16"), UTF16),
        (TABLE.replace(",", "\t").replace("Müller\t", "Müller,").encode("utf-16"), UTF16),
        (TABLE.replace(",", ";").replace("Müller;", "Müller,").encode(), UTF8),
        ((b"sep=;\r\n" + TABLE.replace(",", ";").replace("Müller;", "Müller,").encode()), UTF8),
        (TABLE.replace("\r\n", "\n").encode(), UTF8),
        (TABLE.encode("cp1252"), WINDOWS),
        (b'"idTag";"holder";;\r\nA1;"M\xfcller, Ann";;\r\n;;;\r\nB2;"two\nlines";;\r\n', WINDOWS),
        (TABLE.replace("idTag,holder", "ID Tag, HOLDER ").encode(), UTF8),
        (TABLE.replace("A1", "\u200b A1\u00a0").encode(), UTF8),
    ],
)
def test_what_excel_and_others_write_is_read_alike(raw: bytes, encoding: str) -> None:
    table = read(raw, guess=True)
    assert rows(table) == READ
    assert table.encoding == encoding


def test_another_encoding_is_refused_where_nobody_looks_at_what_is_read() -> None:
    assert places(read("idTag,holder\nA,ok\nB,Müller\n".encode("cp1252"))) == [(3, "")]


def test_a_broken_utf8_is_never_read_as_something_else() -> None:
    assert places(read("idTag,holder\nA,Müller\nB,M".encode() + b"\xfc\n", guess=True)) == [(3, "")]
    assert places(read(b"\xff\xfei\x00d", guess=True)) != []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("holder\nAnn\n", [(1, "idTag")]),
        ("sep=;\nholder\nAnn\n", [(2, "idTag")]),
        ("idTag,colour,holder,holder\n", [(1, "colour"), (1, "holder")]),
        ("idTag,most\nA,1\nB,12\nC,1.5\n,2\n", [(3, "most"), (4, "most"), (5, "idTag")]),
        # A quoted line break moves what follows down.
        ('idTag,holder\nA,"one\ntwo\nthree"\nA,x\n', [(5, "idTag")]),
        ("idTag,holder\nA,x,y\nB\n", [(2, ""), (3, "")]),
        ("idTag,holder\nA,\0\n", [(2, "holder")]),
        ("idTag,tags\nA,a|b;c|d\nB,a-label-that-is-too-long\n", [(2, "tags"), (3, "tags")]),
        ("sep=,\nidTag\n" + "\n" * 3 + "A\na\n", [(7, "idTag")]),
    ],
)
def test_each_fault_is_named_by_line_and_column(text: str, found: list[tuple[int, str]]) -> None:
    assert places(read(text)) == found


def test_an_open_quote_is_a_fault_and_no_exception() -> None:
    assert [fault.column for fault in read('idTag,holder\nA,"open\nB,x\n').faults] == [""]
    assert places(read("idTag\n" + "x" * 200_000 + "\n"))[0][1] == ""


def test_what_is_too_much_is_said_and_not_read() -> None:
    assert places(read(b"idTag\n" + b"x" * MOST_BYTES)) == [(1, "")]
    many = "idTag\n" + "\n".join(f"T{number}" for number in range(MOST_LINES + 1))
    assert places(read(many)) == [(MOST_LINES + 2, "")]
    wrong = "idTag,most\n" + "\n".join(f"T{number},x" for number in range(MOST_ERRORS + 50))
    assert len(read(wrong).faults) == MOST_ERRORS


def test_labels_stand_in_one_cell_each_once() -> None:
    assert rows(read('idTag;tags\nA;fast|public, fast\nB;"a;b"\nC;\n')) == [
        {"idTag": "A", "tags": ["fast", "public"]},
        {"idTag": "B", "tags": ["a", "b"]},
        {"idTag": "C", "tags": []},
    ]


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40)


@given(st.lists(st.tuples(TEXT, TEXT), max_size=12), st.sampled_from([",", ";", "\t"]))
@examples(60)
def test_whatever_stands_in_cells_is_read_as_it_was_written(content: list[tuple[str, str]], separator: str) -> None:
    buffer = io.StringIO(newline="")
    csv.writer(buffer, delimiter=separator).writerows(
        [("idTag", "holder"), *((f"T{n}", two) for n, (_, two) in enumerate(content))]
    )
    table = read(buffer.getvalue())
    plain = [two for _, two in content]
    found = [line["holder"] for line in rows(table)]
    assert len(found) == len(plain)
    for one, other in zip(found, plain, strict=True):
        # Blanks around it, and the guard of an export, are no content.
        assert one in other
        assert len(one) >= len(other.strip().strip("\u200b\ufeff").strip()) - 1


@given(st.binary(max_size=400), st.booleans())
@examples(150)
def test_no_bytes_make_the_reader_fail(raw: bytes, guess: bool) -> None:
    table = read(raw, guess=guess)
    assert table.faults or all(line.cells["idTag"] for line in table.lines)


@given(st.text(alphabet='idTag,holder;\t"\r\n\x00=+-@\ufeff|A1ü ', max_size=200))
@examples(150)
def test_nothing_that_looks_like_a_table_makes_the_reader_fail(text: str) -> None:
    table = read("idTag,holder\n" + text)
    assert all(1 <= fault.line <= text.count("\n") + text.count("\r") + 3 for fault in table.faults)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=30))
@examples(100)
def test_what_we_write_is_no_formula_and_is_read_back(text: str) -> None:
    # It looks like the guard itself.
    assume(not text.strip().startswith("'"))
    written = b"".join(csv_chunks(["idTag", "holder"], [[["A", text]]])).decode()
    cell = next(iter(list(csv.reader(io.StringIO(written, newline="")))[1:]))[1]
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r")) or cell.lstrip("+-").replace(".", "", 1).isdigit()
    table = read(written)
    if not table.faults:
        assert rows(table)[0]["holder"] == text.strip().strip("\u200b\ufeff").strip()


def test_a_file_that_is_one_line_of_columns_is_refused_at_once() -> None:
    """Compared each with each they took hours; ten million million comparisons at this length."""
    names = [f"c{number}" for number in range(400_000)]
    table = read(",".join([*names, *names[:300]]))
    assert 0 < len(table.faults) <= MOST_ERRORS
    assert table.lines == []


@pytest.mark.parametrize("text", ["=1+1", "\uff1d1+1", "\uff0b1", "\uff0d1", "\uff20SUM(1)", "\n=1"])
def test_what_a_spreadsheet_would_work_out_is_guarded_and_read_back(text: str) -> None:
    written = b"".join(csv_chunks(["idTag", "holder"], [[["A1", text]]])).decode()
    assert f"'{text}" in written
    (row,) = rows(read(written))
    assert row["holder"] == text.strip()
