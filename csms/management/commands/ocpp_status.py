"""`manage.py ocpp_status`: write docs/ocpp_status.md: what works of OCPP 1.6, and which compliance cases are played.

Read, not run: actions from the schema folder, handlers from the registry, senders and tests from the source.
"""

import ast
import re
import runpy
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from chargepoints.protocol.actions import actions_from_station, actions_to_station, all_actions
from chargepoints.protocol.registry import registry

VERSION = "1.6"
PAGE = Path("docs", "ocpp_status.md")
SUITE = Path("tests", "compliance")
APPS = ("chargepoints", "metering", "smartcharging")
# Functions that send what they are given: services' one way out, and the endpoints' short forms of it.
SENDERS = {"send_command", "_command", "_send", "_order", "_ask"}
# test_068_069_..., test_011_2_...
NUMBERED = re.compile(r"test((?:_\d{3}(?:_\d(?!\d))?)+)_")

HEAD = """# OCPP 1.6: what works

Written by `manage.py ocpp_status` from the code and the tests; a test fails where it is out of date.

## Actions

*Handled by*: what answers the station. *Sent by*: what calls it; beside these, `POST /chargepoints/{id}/call` sends any.
*Cases*: the compliance cases below in which it crosses the wire.

| action | handled by | sent by | cases |
|---|---|---|---|
"""
MIDDLE = """
A station that sends an action of ours gets `NotSupported`; an action that 1.6 doesn't have, `NotImplemented`.

## Compliance cases

The numbers are those of the OCPP 1.6 compliance testing tool. The tests are in `tests/compliance/`: a client on the
`ocpp` package against a running gateway, the operator at the REST API.

| case | what is played | test |
|---|---|---|
"""


@dataclass(frozen=True, slots=True)
class CaseTest:
    """A test of the suite: the cases that it carries, the actions that cross the wire in it."""

    module: str
    name: str
    title: str
    numbers: tuple[str, ...]
    actions: frozenset[str]
    known_fault: bool


@dataclass(frozen=True, slots=True)
class Status:
    """All that the page shows."""

    cases: dict[str, str]
    not_yet: frozenset[str]
    tests: list[CaseTest]
    senders: dict[str, list[str]]

    @property
    def unplayed(self) -> set[str]:
        """Cases without a test."""
        return set(self.cases) - {number for test in self.tests for number in test.numbers}

    def cases_with(self, action: str) -> list[str]:
        return sorted({number for test in self.tests if action in test.actions for number in test.numbers})


def read_status(root: Path) -> Status:
    """Of the source tree at `root`."""
    promised = runpy.run_path(str(root / SUITE / "cases.py"))
    return Status(promised["CASES"], frozenset(promised["NOT_YET"]), _tests(root / SUITE), _senders(root))


def handler_of(action: str) -> str:
    """Where a call of the station is answered; empty: nowhere."""
    handler = registry.answerers.get((VERSION, action))
    return "" if handler is None else handler.__module__


def render(status: Status) -> str:
    """The page."""
    return HEAD + "".join(_action_rows(status)) + MIDDLE + "".join(_case_rows(status))


def _action_rows(status: Status) -> Iterator[str]:
    for action in sorted(all_actions(VERSION)):
        handled = handler_of(action) or "not yet" if action in actions_from_station(VERSION) else ""
        sent = ", ".join(status.senders.get(action, [])) or "not yet" if action in actions_to_station(VERSION) else ""
        yield f"| {action} | {handled} | {sent} | {', '.join(status.cases_with(action))} |\n"


def _case_rows(status: Status) -> Iterator[str]:
    rows = [
        (number, order, f"| {number} | {test.title} | {_place(test)} |\n")
        for order, test in enumerate(status.tests)
        for number in test.numbers
    ]
    rows += [(number, 0, f"| {number} | {status.cases[number]} | not yet |\n") for number in status.unplayed]
    return (row for _number, _order, row in sorted(rows))


def _place(test: CaseTest) -> str:
    return f"{test.module}.py" + (" (a known fault)" if test.known_fault else "")


# --- senders ---


def _senders(root: Path) -> dict[str, list[str]]:
    """Action -> modules that send it."""
    actions = actions_to_station(VERSION)
    found: dict[str, set[str]] = defaultdict(set)
    for app in APPS:
        for path in sorted((root / app).rglob("*.py")):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and _name_of(node.func) in SENDERS:
                    for action in _texts(node) & actions:
                        found[action].add(".".join(path.relative_to(root).with_suffix("").parts))
    return {action: sorted(modules) for action, modules in found.items()}


# --- tests ---


@dataclass(slots=True)
class _Piece:
    """A function of the suite, or a table at the top of a module: the actions that it names, the names that it uses."""

    node: ast.AST
    actions: set[str] = field(default_factory=set)
    uses: set[str] = field(default_factory=set)


def _tests(folder: Path) -> list[CaseTest]:
    modules = {path.stem: _pieces(ast.parse(path.read_text())) for path in sorted(folder.glob("*.py"))}
    shared = {name: piece for stem in ("people", "station") for name, piece in modules[stem].items()}
    return [
        _case_test(module, name, {**shared, **pieces})
        for module, pieces in modules.items()
        if module.startswith("test_")
        for name in pieces
        if numbers_in(name)
    ]


def _case_test(module: str, name: str, known: dict[str, _Piece]) -> CaseTest:
    node = known[name].node
    assert isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef)  # noqa: S101 (only functions are named so)
    return CaseTest(
        module=module,
        name=name,
        title=(ast.get_docstring(node) or name).splitlines()[0],
        numbers=numbers_in(name),
        actions=frozenset(_actions_in(name, known)),
        known_fault=any("xfail" in ast.unparse(decorator) for decorator in node.decorator_list),
    )


def numbers_in(name: str) -> tuple[str, ...]:
    """`test_011_2_remote_start` is of 011.2, `test_068_069_stop` of 068 and 069; others are of none."""
    match = NUMBERED.match(name)
    found = re.findall(r"_(\d{3}(?:_\d(?!\d))?)", match[1]) if match else []
    return tuple(number.replace("_", ".") for number in found)


def _actions_in(name: str, known: dict[str, _Piece]) -> set[str]:
    """Also of what it calls."""
    seen: set[str] = set()
    waiting, found = [name], set()
    while waiting:
        current = waiting.pop()
        if current in seen or current not in known:
            continue
        seen.add(current)
        found |= known[current].actions
        waiting += known[current].uses
    return found


def _pieces(tree: ast.Module) -> dict[str, _Piece]:
    found: dict[str, _Piece] = {}
    for node in _definitions(tree):
        piece = _Piece(node)
        for inner in ast.walk(node):
            if name := _name_of(inner):
                piece.uses.add(name)
            piece.actions |= _actions_of(inner) & all_actions(VERSION)
        for name in _names_defined(node):
            found[name] = piece
    return found


def _actions_of(node: ast.AST) -> set[str]:
    """`station.was_asked("Reset")`, and `call.Heartbeat` of the `ocpp` package."""
    if isinstance(node, ast.Call) and _name_of(node.func) == "was_asked":
        return _texts(node)
    if isinstance(node, ast.Attribute) and _name_of(node.value) == "call":
        return {node.attr}
    return set()


def _definitions(tree: ast.Module) -> Iterator[ast.stmt]:
    """Functions, methods, and assignments at the top."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            yield from (inner for inner in node.body if isinstance(inner, ast.AsyncFunctionDef | ast.FunctionDef))
        elif isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef | ast.Assign | ast.AnnAssign):
            yield node


def _names_defined(node: Any) -> list[str]:
    if isinstance(node, ast.AsyncFunctionDef | ast.FunctionDef):
        return [node.name]
    targets = [node.target] if isinstance(node, ast.AnnAssign) else node.targets
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _name_of(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _texts(node: ast.AST) -> set[str]:
    """Every text below it."""
    return {inner.value for inner in ast.walk(node) if isinstance(inner, ast.Constant) and isinstance(inner.value, str)}


class Command(BaseCommand):
    """For developers: it needs the source tree with its tests."""

    help = "Write docs/ocpp_status.md from the code and the compliance tests."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        root = Path(settings.BASE_DIR)
        if not (root / SUITE).is_dir():
            raise CommandError("The tests are not here: run this in the source tree.")
        (root / PAGE).write_text(render(read_status(root)))
        self.stdout.write(f"written: {PAGE}")
