"""How bodies are read: JSON as RFC 8259 and I-JSON (RFC 7493) have it, and nothing that PostgreSQL couldn't store."""

import json
import math
from typing import Any

from django.utils.http import parse_header_parameters
from rest_framework.exceptions import ParseError, UnsupportedMediaType, ValidationError
from rest_framework.parsers import JSONParser

# No request of ours nests deeper than a dozen levels (a charging profile has five).
DEEPEST = 32
# Of 64 bits, with its sign.
LONGEST_INTEGER = 20
CHARSETS = {"utf-8", "utf8", "us-ascii"}


class StrictJSONParser(JSONParser):
    """UTF-8; no NaN, no name given twice, no lone surrogate, no NUL, whole numbers of 64 bits, at most 32 levels deep.

    The size is bounded before it gets here (DATA_UPLOAD_MAX_MEMORY_SIZE: 413). ParseError for what is not JSON,
    ValidationError with the field for a value that can't be.
    """

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        charset = parse_header_parameters(media_type or "")[1].get("charset", "utf-8")
        if charset.lower() not in CHARSETS:
            raise UnsupportedMediaType(media_type, f"JSON is read as UTF-8, not as {charset[:40]!a}.")
        try:
            parsed = json.loads(
                stream.read().decode(),
                parse_int=_whole_number,
                parse_constant=_refuse_constant,
                object_pairs_hook=_without_repeats,
            )
        except (ValueError, RecursionError) as error:
            raise ParseError(f"Not JSON: {_said(error)}") from None
        check_values(parsed)
        return parsed


def check_values(parsed: Any) -> None:
    """ValidationError for the first value that can't be stored, and for nesting past DEEPEST. Not recursive."""
    waiting: list[tuple[Any, str, int]] = [(parsed, "", 0)]
    while waiting:
        value, path, depth = waiting.pop()
        if fault := _fault_of_number(value) or (fault_of(value) if isinstance(value, str) else ""):
            raise ValidationError({path or "body": fault})
        if isinstance(value, dict | list):
            if depth == DEEPEST:
                raise ParseError(f"Nested more than {DEEPEST} levels deep.")
            waiting += [(inner, inner_path, depth + 1) for inner, inner_path in _inside(value, path)]


def fault_of(text: str) -> str:
    """Why the text can't be stored; empty: it can."""
    if "\0" in text:
        return "Null characters are not allowed."
    try:
        text.encode()
    except UnicodeEncodeError:
        return "Not Unicode text: half of a surrogate pair."
    return ""


def _fault_of_number(value: Any) -> str:
    """A float is infinite where the body says 1e999; an integer of more than 64 bits fits no column and no frame."""
    if isinstance(value, float) and not math.isfinite(value):
        return "The number is out of range."
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return "The number is out of range."
    return ""


def _inside(value: dict[str, Any] | list[Any], path: str) -> list[tuple[Any, str]]:
    """The values in it, each with its path."""
    if isinstance(value, list):
        return [(inner, path) for inner in value]
    for name in value:
        if fault := fault_of(name):
            raise ValidationError({f"{path}.{ascii(name)[1:-1][:80]}".strip("."): fault})
    return [(inner, f"{path}.{name[:80]}".strip(".")) for name, inner in value.items()]


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A name given twice is ambiguous: readers differ in which value they take (RFC 8259 §4)."""
    read = dict(pairs)
    if len(read) < len(pairs):
        raise ValueError("a name is given twice in one object")
    return read


def _whole_number(digits: str) -> int | float:
    """Thousands of digits are not worked out (quadratic in time); as infinite they are refused with their field."""
    return int(digits) if len(digits) <= LONGEST_INTEGER else math.inf


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _said(error: Exception) -> str:
    """What to tell the client: not the interpreter's own limits, nor bytes of the body."""
    if isinstance(error, RecursionError):
        return "nested too deep."
    if isinstance(error, UnicodeDecodeError):
        return f"not UTF-8 at byte {error.start}."
    return f"{error}."[:200]
