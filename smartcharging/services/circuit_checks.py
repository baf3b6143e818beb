"""What a change of circuits must pass, and the audit row it leaves. Callers hold the tenant's transaction and lock."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeVar

from django.core.exceptions import ValidationError
from django.db.models import Model, QuerySet
from django.utils.translation import gettext

from smartcharging.circuit_rules import Problem, problems_of
from smartcharging.circuit_selectors import ROOT_FIELDS, fuses_of, plugs_of, subtree_ids, tree_of
from smartcharging.models import Circuit, CircuitMember, Strategy
from tenants.context import scope_connection

Row = TypeVar("Row", Circuit, CircuitMember)

# What else may have to do with it: the first of these that was given is to blame.
_BLAME = {
    "fallbacks_exceed_capacity": (
        *("fallback_a", "capacity", "base_load_a", "unit", "voltage", "phases", "parent", "wiring", "circuit"),
        *("charge_point",),
    ),
    "minimum_above_maximum": ("minimum_a", "max_a", "parent", "circuit"),
    "fallback_above_maximum": ("fallback_a", "max_a", "parent", "circuit"),
    "three_phases_on_one": ("wiring", "phases", "parent", "circuit"),
    "another_phase": ("wiring", "phases", "parent", "circuit"),
    "base_load_above_parent": ("base_load_a", "parent"),
}


class CircuitRefused(Exception):
    """A change that would make the tree one that can't be kept. Nothing was changed.

    `reason` is a word for programs, `field` the model's name of what is to blame, `sentence` for people.
    `problems`: all of them, the first is told.
    """

    def __init__(self, reason: str, field: str, sentence: str, problems: Iterable[Problem] = ()) -> None:
        super().__init__(sentence)
        self.reason, self.field, self.sentence = reason, field, sentence
        self.problems = list(problems) or [Problem(reason, field, sentence)]


def lock_circuits(tenant_id: int) -> None:
    """One change of a tenant's circuits at a time, until the transaction ends: two halves of a circle must not meet."""
    with scope_connection().cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('circuits of ' || %s, 0))", [tenant_id])


def current(rows: QuerySet[Row], pk: int) -> Row:
    """The row as it is under the lock. CircuitRefused where someone else removed it meanwhile."""
    found = rows.filter(pk=pk).first()
    if found is None:
        raise CircuitRefused("gone", "", gettext("It was removed meanwhile."))
    return found


def check_fields(row: Model, values: Mapping[str, Any]) -> None:
    """Each value by itself: range, choice, length."""
    others = [field.name for field in row._meta.fields if field.name not in values]
    try:
        row.clean_fields(exclude=others)
    except ValidationError as error:
        found = [Problem("invalid", name, " ".join(texts)) for name, texts in error.message_dict.items()]
        refuse(found)


def check_circuit(circuit: Circuit, values: Mapping[str, Any]) -> None:
    """Before it is saved: its name, its place, and that only a root has a root's settings."""
    if "name" in values and Circuit.objects.filter(name=circuit.name).exclude(pk=circuit.pk).exists():
        raise CircuitRefused("name_taken", "name", gettext("There is a circuit of this name already."))
    if circuit.parent_id is not None:
        current(Circuit.objects.all(), circuit.parent_id)
        given = [name for name in ROOT_FIELDS if name in values]
        sentence = gettext("Set on the root of the tree, for all of it.")
        refuse([Problem("of_root_only", name, sentence) for name in given])
        if circuit.pk is not None and circuit.parent_id in subtree_ids([circuit.pk]):
            raise CircuitRefused("cycle", "parent", gettext("A circuit can't be below itself."))
    elif circuit.strategy == Strategy.SOLAR and not circuit.has_meter:
        blame = "has_meter" if "has_meter" in values and "strategy" not in values else "strategy"
        sentence = gettext("Solar surplus is what the meter of this circuit tells of: it has none.")
        raise CircuitRefused("meter_needed", blame, sentence)


def check_tree(root: Circuit, values: Mapping[str, Any]) -> None:
    """The whole tree as it has been saved. `values`: what was given, for the field to blame."""
    tree = tree_of(root)
    members = [member for circuit in tree for member in circuit.members.all()]
    found = problems_of(fuses_of(tree), plugs_of(members, root))
    refuse([_blamed(problem, values) for problem in found])


def refuse(problems: list[Problem]) -> None:
    """CircuitRefused where there are any."""
    if problems:
        first = problems[0]
        raise CircuitRefused(first.reason, first.field, first.sentence, problems)


def _blamed(problem: Problem, values: Mapping[str, Any]) -> Problem:
    for name in (problem.field, *_BLAME.get(problem.reason, ())):
        if name in values:
            return Problem(problem.reason, name, problem.sentence, problem.fuse_id, problem.plug_id)
    return problem


def apply(row: Circuit | CircuitMember, values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Set the values; what differs, `{field: [before, after]}`, for the audit trail."""
    changes = {}
    for name, value in values.items():
        before = getattr(row, name) if row.pk is not None else None
        setattr(row, name, value)
        if row.pk is None or before != value:
            changes[name] = [_plain(before), _plain(value)]
    return changes


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    if value is None or isinstance(value, bool | int | str):
        return value
    return value.isoformat() if isinstance(value, datetime) else str(value)
