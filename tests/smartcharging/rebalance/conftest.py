"""The tests are the worker: what would have been woken is kept."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import current_app

from smartcharging.services.roots import forget_roots
from tenants.models import Tenant
from tests.smartcharging.rebalance.yard import Yard, make_yard

Woken = list[tuple[str, tuple[Any, ...]]]


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch, redis_clean: Any) -> Iterator[Woken]:
    """Names and arguments of the tasks that were asked for."""
    asked: Woken = []
    monkeypatch.setattr(current_app, "send_task", lambda name, args, **options: asked.append((name, tuple(args))))
    forget_roots()
    yield asked
    forget_roots()


@pytest.fixture
def make(tenant: Tenant) -> Callable[..., Yard]:
    """`make("A", "B", capacity=32)`: a car park with these stations, whose defaults are confirmed."""

    def build(*identities: str, **options: Any) -> Yard:
        yard = make_yard(tenant, **options)
        for identity in identities:
            yard.add(identity)
        yard.round()
        # Before that they may take what they like: no fuse can be promised.
        yard.answer_all(checked=False)
        yard.round()
        return yard

    return build
