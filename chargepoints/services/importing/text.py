"""The bytes of a table, as people's programs write them, to text: encoding and separator. Pure."""

import codecs
import re
from dataclasses import dataclass

UTF8, UTF16, WINDOWS = "UTF-8", "UTF-16", "Windows-1252"
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig", UTF8),
    # What Excel calls "Unicode text".
    (codecs.BOM_UTF16_LE, "utf-16", UTF16),
    (codecs.BOM_UTF16_BE, "utf-16", UTF16),
)
_SEPARATORS = (",", ";", "\t")
_QUOTED = re.compile(r'"[^"]*"')
# Excel's own way to name the separator, in a line before the table.
_NAMED = re.compile(r"sep=([,;\t|])[ \t]*(?:\r\n|\r|\n)", re.IGNORECASE)


class NotText(ValueError):
    """In no encoding that we know; `line`: where that shows."""

    def __init__(self, line: int) -> None:
        super().__init__("Not UTF-8.")
        self.line = line


@dataclass(frozen=True, slots=True)
class Text:
    """`begins`: the line in which the table begins, from 1."""

    text: str
    encoding: str
    separator: str
    begins: int


def read_text(raw: bytes, *, guess: bool) -> Text:
    """`guess`: what isn't UTF-8 may be Windows-1252, which Excel writes; for someone who looks at what comes out.

    Raises NotText.
    """
    text, encoding = _decoded(raw, guess=guess)
    named = _NAMED.match(text)
    if named is not None:
        return Text(text[named.end() :], encoding, named[1], 2)
    return Text(text, encoding, _separator(text), 1)


def _decoded(raw: bytes, *, guess: bool) -> tuple[str, str]:
    mark = next(((codec, name) for start, codec, name in _MARKS if raw.startswith(start)), None)
    codec, name = mark or ("utf-8", UTF8)
    try:
        return raw.decode(codec), name
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
    # A text that is UTF-8 elsewhere is a broken one: guessing would spoil what is whole.
    if not guess or mark is not None or not raw.decode("utf-8", "ignore").isascii():
        raise NotText(line)
    try:
        return raw.decode("cp1252"), WINDOWS
    except UnicodeDecodeError:
        raise NotText(line) from None


def _separator(text: str) -> str:
    """The one that the first line has most of, outside of quotes."""
    lines = text.splitlines()
    head = _QUOTED.sub("", lines[0]) if lines else ""
    return max(_SEPARATORS, key=head.count)
