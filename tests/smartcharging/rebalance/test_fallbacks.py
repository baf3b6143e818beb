"""Room for fallbacks, through the whole round: who is paused may end his session, or go away, at any time."""

from collections.abc import Callable
from decimal import Decimal

import pytest

from smartcharging.models import Circuit
from tenants.context import tenant_transaction
from tests.smartcharging.rebalance.yard import Yard

Make = Callable[..., Yard]
NAMES = ("A", "B", "C")


@pytest.fixture
def short(make: Make) -> Yard:
    """A, B and C on 20 A start at 8 A and fall back to 6: 2 A are left beyond, so one of them charges at a time."""
    yard = make(*NAMES, capacity=20, minimum_a=Decimal(8), fallback_a=Decimal(6))
    for name in NAMES:
        yard.start(name)
    yard.settle()
    assert sorted(yard.in_force().values()) == [0.0, 0.0, 8.0]
    return yard


def test_the_paused_may_end_their_sessions_before_anyone_is_lowered(short: Yard) -> None:
    for name, amps in short.in_force().items():
        if not amps:
            short.stop(name)
    assert sorted(short.in_force().values()) == [6.0, 6.0, 8.0]


def test_the_paused_may_go_away(short: Yard) -> None:
    for name in [name for name, amps in short.in_force().items() if not amps]:
        short.disconnect(name)
        short.round()
    assert sorted(short.worst().values()) == [6.0, 6.0, 8.0]


def test_the_round_says_where_not_all_fallbacks_fit(short: Yard) -> None:
    with tenant_transaction(short.tenant.pk):
        Circuit.objects.update(capacity=17)
    short.root.capacity = Decimal(17)
    done = short.round()
    assert done is not None
    assert done.detail == f"No room to keep all fallbacks: circuit {short.root.pk} L1 (18.0 of 17.0)."
    short.answer_all(checked=False)
    short.settle()
    # Two charge. To the one that did before, half an ampere more isn't worth a message.
    assert sorted(short.in_force().values()) == [0.0, 8.0, 8.5]
