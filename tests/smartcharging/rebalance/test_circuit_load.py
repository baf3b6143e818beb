"""The load of a tree as it is shown: what it costs, and what is said of connectors that nothing holds."""

from collections.abc import Callable

from django.db import connection
from django.test.utils import CaptureQueriesContext

from chargepoints.models import ChargePoint
from smartcharging.circuit_load import MemberLoad, load_of
from tenants.context import tenant_transaction
from tests.smartcharging.rebalance.yard import Yard

Make = Callable[..., Yard]


def shown(yard: Yard) -> dict[str, MemberLoad]:
    with tenant_transaction(yard.tenant.pk):
        load = load_of(yard.root)
        # What a page says of each.
        for one in load.members:
            assert one.reason_text
            assert one.member.circuit.name == yard.root.name
            assert str(one.member).startswith(one.member.charge_point.identity)
        return {one.member.charge_point.identity: one for one in load.members}


def queries(yard: Yard) -> int:
    with CaptureQueriesContext(connection) as caught:
        shown(yard)
    return len(caught)


def test_more_connectors_cost_no_more_queries(make: Make) -> None:
    """With sessions, limits under way, and without a row in the ledger."""
    yard = make("A", "B")
    for name in ("A", "B"):
        yard.start(name)
    yard.round()
    yard.add("NEW1")
    few = queries(yard)
    for name in ("C", "D", "E"):
        yard.add(name)
    yard.round()
    yard.answer_all(checked=False)
    for name in ("C", "D", "E"):
        yard.start(name)
    yard.round()
    for name in ("NEW2", "NEW3"):
        yard.add(name)
    assert queries(yard) == few
    assert few <= 20


def test_one_that_has_never_connected_counts_with_all_and_says_so(make: Make) -> None:
    yard = make("A")
    yard.add("NEW")
    with tenant_transaction(yard.tenant.pk):
        ChargePoint.objects.filter(identity="NEW").update(last_seen_at=None)
    members = shown(yard)
    assert members["A"].not_held_text == ""
    assert "never connected" in members["NEW"].not_held_text
    assert members["NEW"].worst_a == members["NEW"].member.max_a
    yard.disconnect("NEW")
    yard.round()
    assert "never connected" in shown(yard)["NEW"].not_held_text


def test_one_that_has_not_answered_yet_says_that_nothing_holds_it(make: Make) -> None:
    yard = make("A")
    yard.add("B")
    yard.disconnect("B")
    yard.round()
    assert "Nothing is known to hold it" in shown(yard)["B"].not_held_text
