"""Every word that a round can write to its log has a sentence for people, also those that come later."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import pytest

from smartcharging import allocation
from smartcharging.causes import Cause
from smartcharging.reason_words import CAUSES, REASONS, cause_in_words, reason_in_words
from smartcharging.services import deciding

DECIDES = [*Path(allocation.__file__).parent.glob("*.py"), Path(deciding.__file__)]
# Where each takes its reason.
PLACE_OF_REASON = {"Target": 1, "Answer": 1, "Order": 2, "Change": 2}
WORD = re.compile(r"[a-z]+(_[a-z]+)*")


def words_in(node: ast.AST) -> Iterator[str]:
    for one in ast.walk(node):
        if isinstance(one, ast.Constant) and isinstance(one.value, str) and WORD.fullmatch(one.value):
            yield one.value


def written() -> set[str]:
    """What the code gives as a reason: by argument, by return value, by load."""
    found: set[str] = set()
    for path in DECIDES:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in PLACE_OF_REASON:
                found.update(word for one in node.args[PLACE_OF_REASON[node.func.id] :][:1] for word in words_in(one))
                found.update(word for one in node.keywords if one.arg == "reason" for word in words_in(one.value))
            elif isinstance(node, ast.FunctionDef) and isinstance(node.returns, ast.Name) and node.returns.id == "str":
                for one in ast.walk(node):
                    if isinstance(one, ast.Return) and one.value is not None:
                        found.update(words_in(one.value))
            elif isinstance(node, ast.DictComp):
                found.update(words_in(node.value))
    return found


def test_every_reason_that_is_written_has_a_sentence() -> None:
    found = written()
    assert {"equal_share", "rotation_pause", "planned_later", "no_sun", "emergency", "retry", "fallback"} <= found
    assert found - REASONS.keys() == set()


def test_no_sentence_is_for_a_reason_that_nobody_writes() -> None:
    assert REASONS.keys() - written() - {""} == set()


def test_every_cause_has_a_sentence() -> None:
    assert set(get_args(Cause)) == CAUSES.keys()


@pytest.mark.parametrize("word", ["equal_share", "emergency", "fallback"])
def test_a_reason_is_said_as_a_sentence(word: str) -> None:
    assert reason_in_words(word).endswith(".")


def test_what_nobody_has_written_is_shown_as_it_is() -> None:
    assert reason_in_words("something_new") == "Something new"
    assert cause_in_words("session_end") == "A session ended"
    assert cause_in_words("something_new") == "Something new"
