"""Whatever happens in whatever order: no limit in force is above the ledger, and what is handed out fits the fuse.

Named exceptions, all of a station's own doing: one that has started up and lost its profiles may take what it likes until
its default is confirmed again. Nothing that we send may add to it then.
"""

import random
from collections.abc import Callable
from decimal import Decimal

import pytest

from chargepoints.models import StationConnection
from tenants.context import tenant_transaction
from tests.smartcharging.rebalance.yard import Yard

Make = Callable[..., Yard]
NAMES = ("A", "B", "C", "D")


class Play:
    """One step of something, by chance; limits are compared after each."""

    def __init__(self, yard: Yard, seed: int) -> None:
        self.yard, self.chance = yard, random.Random(seed)
        self.acts = [self.round] * 6 + [self.message] * 10 + [self.session] * 4
        self.acts += [self.connection, self.boot, self.measure, self.wait, self.wait]

    def step(self) -> None:
        before = self.handed_out()
        act = self.chance.choice(self.acts)
        act()
        yard = self.yard
        yard.check_ledger()
        capacity = float(yard.root.capacity)
        total = self.handed_out()
        assert total <= max(capacity, before) + 1e-6, (act.__name__, yard.in_force(), yard.worst())

    def handed_out(self) -> float:
        """By those that hold a default of ours, whose limits are all our doing."""
        return sum(plug.may_take for plug in self.yard.plugs.values() if plug.default_a is not None)

    def is_online(self, name: str) -> bool:
        with tenant_transaction(self.yard.tenant.pk):
            place = self.yard.plugs[name].charge_point_id
            return StationConnection.objects.filter(charge_point_id=place).exists()

    def round(self) -> None:
        self.yard.round()

    def wait(self) -> None:
        self.yard.later(self.chance.choice([1, 6, 31, 120]))

    def message(self) -> None:
        """Something on the wire goes on: leaves, is done, is answered, is lost."""
        yard = self.yard
        if yard.unanswered and self.chance.random() < 0.6:
            command = self.chance.choice(yard.unanswered)
            if self.chance.random() < 0.8:
                yard.obey(command)
                if self.chance.random() < 0.85:
                    yard.say(command)
                else:
                    yard.time_out(command)
            elif self.chance.random() < 0.5:
                yard.say(command, "Rejected")
            else:
                yard.time_out(command)
            return
        busy = {command.charge_point_id for command in yard.unanswered}
        online = {yard.plugs[name].charge_point_id for name in NAMES if self.is_online(name)}
        waiting = [one for one in yard.queued() if one.charge_point_id not in busy and one.charge_point_id in online]
        if waiting:
            yard.leave(waiting[0])

    def session(self) -> None:
        name = self.chance.choice(NAMES)
        if not self.is_online(name):
            return
        if self.yard.plugs[name].session is None:
            self.yard.start(name)
        else:
            self.yard.stop(name)

    def connection(self) -> None:
        name = self.chance.choice(NAMES)
        if self.is_online(name):
            self.yard.disconnect(name)
        else:
            self.yard.connect(name)

    def boot(self) -> None:
        name = self.chance.choice(NAMES)
        place = self.yard.plugs[name].charge_point_id
        if self.is_online(name) and not any(one.charge_point_id == place for one in self.yard.unanswered):
            self.yard.boot(name, keeps=self.chance.random() < 0.7)
            # The message of the boot is there; a round follows it at once.
            self.yard.round()

    def measure(self) -> None:
        name = self.chance.choice(NAMES)
        amps = self.yard.plugs[name].may_take * self.chance.choice([0.0, 0.5, 1.0])
        self.yard.measure(name, amps, amps, amps)


@pytest.mark.parametrize("seed", range(4))
def test_nothing_in_force_is_above_the_ledger_or_the_fuse(make: Make, seed: int) -> None:
    yard = make(*NAMES, capacity=40, rotation_s=120, fallback_a=Decimal(0))
    play = Play(yard, seed)
    for _ in range(120):
        play.step()
