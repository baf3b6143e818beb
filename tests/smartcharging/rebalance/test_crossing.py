"""A round and a session's end at the same instant: neither waits for ever, and what was free is shared out afterwards."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from threading import Event
from time import monotonic
from typing import Any

import pytest
from django.db import connection

from chargepoints.models import Command, CommandState
from chargepoints.services import session_hooks
from smartcharging.models import ChargingProfile
from smartcharging.services import rebalance, rounds, wake
from tenants.context import tenant_transaction
from tests.smartcharging.rebalance.conftest import Woken
from tests.smartcharging.rebalance.yard import Yard
from tests.threads import give_connections_back

Make = Callable[..., Yard]
# A deadlock is found by PostgreSQL within a second; a lock that nobody gives back never is.
PATIENCE_S = 60
LOCKED_OUT = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"


class Crossing:
    """Two of them, each on a connection of its own. One is held just before its commit, with all its locks."""

    def __init__(self, yard: Yard) -> None:
        self.yard = yard
        self.is_there, self.may_go_on = Event(), Event()
        self._threads = ThreadPoolExecutor(2)
        self._running: list[Future[None]] = []

    def hold(self, *args: object) -> None:
        """Called where the first one is to wait."""
        if not self.is_there.is_set():
            self.is_there.set()
            assert self.may_go_on.wait(PATIENCE_S)

    def begin(self, act: Callable[[], Any]) -> "Future[None]":
        def run() -> None:
            try:
                act()
            finally:
                give_connections_back()

        self._running.append(self._threads.submit(run))
        return self._running[-1]

    def begin_and_hold(self, act: Callable[[], Any]) -> None:
        self.begin(act)
        assert self.is_there.wait(PATIENCE_S)

    def meet(self, act: Callable[[], Any]) -> bool:
        """The other one comes to its end, or to a lock that the first one holds; whether it has ended."""
        other, deadline = self.begin(act), monotonic() + PATIENCE_S
        while not other.done():
            assert monotonic() < deadline
            with connection.cursor() as cursor:
                cursor.execute(LOCKED_OUT)
                if cursor.fetchone()[0]:
                    return False
            wait([other], 0.02)
        return True

    def let_go(self) -> None:
        """Both come to their end."""
        self.may_go_on.set()
        for one in self._running:
            one.result(PATIENCE_S)

    def close(self) -> None:
        self.may_go_on.set()
        self._threads.shutdown()

    def round(self) -> None:
        """As the worker does it."""
        yard = self.yard
        wake.take_wake(tenant_id=yard.tenant.pk, root_id=yard.root.pk)
        rebalance.rebalance_circuit(tenant_id=yard.tenant.pk, root_id=yard.root.pk, cause="test", now=yard.now)


@pytest.fixture
def queued(request: pytest.FixtureRequest) -> bool:
    """A limit is queued for A that both sides want to take back."""
    return bool(request.param)


BOTH = pytest.mark.parametrize("queued", [False, True], indirect=True, ids=["nothing_queued", "a_limit_queued"])


@pytest.fixture
def crossing(make: Make, woken: Woken, queued: bool) -> Iterator[Crossing]:
    """A and B charge with half of the fuse each."""
    yard = make("A", "B")
    yard.start("A")
    yard.start("B")
    yard.settle()
    if queued:
        yard.root.capacity = 20
        with tenant_transaction(yard.tenant.pk):
            yard.root.save()
        yard.round()
        for command in yard.queued():
            if command.charge_point_id != yard.plugs["A"].charge_point_id:
                yard.answer(command, checked=False)
        # Another one for A follows, in the place of what is queued.
        yard.root.capacity = 14
        with tenant_transaction(yard.tenant.pk):
            yard.root.save()
    wake.take_wake(tenant_id=yard.tenant.pk, root_id=yard.root.pk)
    woken.clear()
    crossing = Crossing(yard)
    yield crossing
    crossing.close()


def ends_well(crossing: Crossing, woken: Woken) -> None:
    """The end has asked for a round, and that gives B what A had; nothing is left under way to a session that is over."""
    yard = crossing.yard
    # The session's end, or that of its profile: whichever was told first.
    assert {arguments[2] for _, arguments in woken} & {"session_end", "limit_settled"}
    yard.later(31)
    yard.round()
    # The capacity has just been lowered: nothing can be promised before these are taken.
    yard.answer_all(checked=False)
    yard.settle()
    assert yard.in_force() == {"A": 0.0, "B": float(yard.root.capacity)}
    yard.check()
    with tenant_transaction(yard.tenant.pk):
        assert not Command.objects.filter(state__in=[CommandState.QUEUED, CommandState.SENT]).exists()
        assert not ChargingProfile.objects.filter(state="sending").exists()


@BOTH
def test_a_session_that_ends_while_a_round_is_about_to_commit(
    crossing: Crossing, queued: bool, woken: Woken, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_round = rounds.store_round

    def held(*args: Any) -> Any:
        stored = store_round(*args)
        crossing.hold()
        return stored

    monkeypatch.setattr(rebalance, "store_round", held)
    crossing.begin_and_hold(crossing.round)
    # Only for a command that both want to take back.
    assert crossing.meet(lambda: crossing.yard.stop("A")) != queued
    crossing.let_go()
    ends_well(crossing, woken)


@BOTH
def test_a_round_that_runs_while_a_session_is_about_to_have_ended(
    crossing: Crossing, queued: bool, woken: Woken, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The last of the hooks: every lock of the end is held by then.
    monkeypatch.setattr(session_hooks, "_at_end", [*session_hooks._at_end, crossing.hold])
    crossing.begin_and_hold(lambda: crossing.yard.stop("A"))
    assert crossing.meet(crossing.round) != queued
    crossing.let_go()
    ends_well(crossing, woken)
