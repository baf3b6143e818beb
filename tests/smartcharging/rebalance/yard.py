"""A site of stations without sockets: what is sent to them waits in the table, and the test says what becomes of it.

It keeps what each connector really holds, whatever our side knows of that, and after each step compares the two: nothing
at a station may be higher than the ledger says, and the ledger's sum must fit below the fuse.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import orjson
import redis
from django.conf import settings
from django.utils import timezone

from chargepoints.models import ChargePoint, Command, CommandState, Gateway, IdTag, StationConnection, Transaction
from chargepoints.services.commands import finish_command
from chargepoints.services.transactions import Start, Stop, start_transaction, stop_transaction
from metering.live.keys import BUCKET_S, field_name, hash_key
from smartcharging.models import Allotment, Circuit, CircuitMember, CircuitRound
from smartcharging.services.rebalance import rebalance_circuit
from smartcharging.services.roots import forget_roots
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Tenant

SET = "SetChargingProfile"
UNLIMITED = 32.0


@dataclass
class Plug:
    """A connector as it really is: the profiles that it holds, and its session."""

    identity: str
    charge_point_id: int
    evse: int
    default_a: float | None = None
    tx_a: float | None = None
    session: Transaction | None = None

    @property
    def may_take(self) -> float:
        """What a car on it could take at this moment, or a car that came now."""
        default = UNLIMITED if self.default_a is None else self.default_a
        return min(UNLIMITED, default if self.session is None or self.tx_a is None else self.tx_a)


@dataclass
class Yard:
    """One root with a capacity, and one connector on each station, all on three phases unless told."""

    tenant: Tenant
    root: Circuit
    plugs: dict[str, Plug] = field(default_factory=dict)
    offset: timedelta = timedelta()
    gateway: Gateway | None = None
    # What a station has been sent and has not answered.
    unanswered: list[Command] = field(default_factory=list)

    # --- the site ---

    def add(self, identity: str, **member: Any) -> Plug:
        with tenant_transaction(self.tenant.pk):
            station = ChargePoint.objects.create(
                tenant=self.tenant, identity=identity, identity_key=identity.lower(), last_seen_at=timezone.now()
            )
            options = {"circuit": self.root, "evse_number": 1, **member}
            CircuitMember.objects.create(tenant=self.tenant, charge_point=station, **options)
        forget_roots()
        self.plugs[identity] = Plug(identity, station.pk, options["evse_number"])
        self.connect(identity)
        return self.plugs[identity]

    def connect(self, identity: str) -> None:
        now = timezone.now()
        with system_transaction():
            self.gateway = self.gateway or Gateway.objects.create(
                id=uuid4(), host="h", pid=1, channel="gateway.x!y", started_at=now, seen_at=now + timedelta(days=1)
            )
            StationConnection.objects.create(
                tenant=self.tenant,
                charge_point_id=self.plugs[identity].charge_point_id,
                connection_id=uuid4(),
                gateway=self.gateway,
                remote_address="10.0.0.2",
                ocpp_version="1.6",
                connected_at=now,
                last_message_at=now,
            )

    def disconnect(self, identity: str) -> None:
        """What was sent and not answered is lost; what is queued waits."""
        place = self.plugs[identity].charge_point_id
        with tenant_transaction(self.tenant.pk):
            StationConnection.objects.filter(charge_point_id=place).delete()
            Command.objects.filter(charge_point_id=place, state=CommandState.SENT).update(
                state=CommandState.FAILED, error_code="ConnectionLost", finished_at=timezone.now()
            )
        self.unanswered = [command for command in self.unanswered if command.charge_point_id != place]

    def start(self, identity: str, tag: str = "TAG") -> Transaction:
        plug = self.plugs[identity]
        with tenant_transaction(self.tenant.pk):
            IdTag.objects.get_or_create(
                tenant=self.tenant,
                token_key=tag.lower(),
                defaults={"token": tag, "max_active_transactions": None},
            )
        at = timezone.now()
        started = start_transaction(
            tenant_id=self.tenant.pk,
            charge_point_id=plug.charge_point_id,
            start=Start(evse_number=plug.evse, id_tag=tag, at=at, meter_wh=Decimal(0), received_at=at),
        )
        plug.session, plug.tx_a = started.transaction, None
        return started.transaction

    def stop(self, identity: str) -> None:
        plug = self.plugs[identity]
        assert plug.session is not None
        at = timezone.now()
        stop = Stop(protocol_id=plug.session.protocol_id, at=at, meter_wh=Decimal(1000), received_at=at)
        stop_transaction(tenant_id=self.tenant.pk, charge_point_id=plug.charge_point_id, stop=stop)
        plug.session, plug.tx_a = None, None

    def boot(self, identity: str, *, keeps: bool) -> None:
        """It starts up, and keeps its profiles or has lost them."""
        plug = self.plugs[identity]
        if not keeps:
            plug.default_a = plug.tx_a = None
        with tenant_transaction(self.tenant.pk):
            ChargePoint.objects.filter(pk=plug.charge_point_id).update(last_boot_at=timezone.now())

    def measure(self, identity: str, *amps: float, at: datetime | None = None) -> None:
        """Current.Import on L1, L2, L3, as metering keeps it."""
        plug, at = self.plugs[identity], at or self.now
        client = redis.Redis.from_url(settings.REDIS_URL)
        key = hash_key(plug.charge_point_id, int(at.timestamp()) // BUCKET_S)
        for number, value in enumerate(amps, 1):
            statistics = [value, value, value, 1, value, at.timestamp(), "A"]
            client.hset(
                key, field_name(plug.evse, "Current.Import", f"L{number}", "Outlet", "A"), orjson.dumps(statistics)
            )
        client.close()

    # --- time and rounds ---

    @property
    def now(self) -> datetime:
        return timezone.now() + self.offset

    def later(self, seconds: float) -> None:
        self.offset += timedelta(seconds=seconds)

    def round(self, cause: str = "test") -> CircuitRound | None:
        done = rebalance_circuit(tenant_id=self.tenant.pk, root_id=self.root.pk, cause=cause, now=self.now)
        self.check_ledger()
        return done

    def settle(self, rounds: int = 8) -> None:
        """Rounds and answers until nothing is sent any more; time passes between them."""
        for _ in range(rounds):
            self.round()
            if not self.answer_all():
                return
            self.later(self.root.hold_s + 1)
        raise AssertionError(f"still sending after {rounds} rounds")

    # --- the wire ---

    def queued(self) -> list[Command]:
        with tenant_transaction(self.tenant.pk):
            rows = Command.objects.filter(action=SET, state=CommandState.QUEUED)
            return list(rows.order_by("priority", "created_at"))

    def leave(self, command: Command) -> None:
        """It goes out to the station, which has not done anything yet."""
        with tenant_transaction(self.tenant.pk):
            left = Command.objects.filter(pk=command.pk, state=CommandState.QUEUED)
            assert left.update(state=CommandState.SENT, sent_at=timezone.now())
        self.unanswered.append(command)

    def obey(self, command: Command) -> None:
        """The station does it; whether we hear of that is another matter."""
        plug = next(plug for plug in self.plugs.values() if plug.charge_point_id == command.charge_point_id)
        profile = command.payload["csChargingProfiles"]
        limit = float(profile["chargingSchedule"]["chargingSchedulePeriod"][0]["limit"])
        if profile["chargingProfilePurpose"] == "TxDefaultProfile":
            plug.default_a = limit
        elif plug.session is not None and str(profile.get("transactionId")) == plug.session.protocol_id:
            plug.tx_a = limit

    def say(self, command: Command, status: str = "Accepted") -> None:
        """The answer arrives."""
        state = CommandState.ACCEPTED if status == "Accepted" else CommandState.REJECTED
        finish_command(tenant_id=self.tenant.pk, command_id=command.pk, state=state, reply={"status": status})
        self.unanswered = [one for one in self.unanswered if one.pk != command.pk]

    def time_out(self, command: Command) -> None:
        finish_command(tenant_id=self.tenant.pk, command_id=command.pk, state=CommandState.TIMED_OUT)
        self.unanswered = [one for one in self.unanswered if one.pk != command.pk]

    def answer(self, command: Command, *, checked: bool = True) -> None:
        self.leave(command)
        self.obey(command)
        if checked:
            self.check()
        self.say(command)

    def answer_all(self, *, checked: bool = True) -> int:
        """Every station takes what waits for it; how many messages that were."""
        commands = self.queued()
        for command in commands:
            self.answer(command, checked=checked)
        return len(commands)

    # --- what is compared ---

    def row(self, identity: str) -> Allotment:
        with tenant_transaction(self.tenant.pk):
            return Allotment.objects.get(member__charge_point_id=self.plugs[identity].charge_point_id)

    def worst(self) -> dict[str, float]:
        with tenant_transaction(self.tenant.pk):
            rows = Allotment.objects.select_related("member__charge_point")
            return {row.member.charge_point.identity: float(row.worst_a) for row in rows}

    def in_force(self) -> dict[str, float]:
        return {identity: plug.may_take for identity, plug in self.plugs.items()}

    def check_ledger(self) -> None:
        """What a station holds is at most what is counted for it."""
        worst = self.worst()
        over = {
            name: (taken, worst.get(name))
            for name, taken in self.in_force().items()
            if taken > worst.get(name, UNLIMITED)
        }
        assert not over, f"in force above the ledger: {over}"

    def check(self) -> None:
        """The limits in force fit below the fuse, as does what is counted."""
        self.check_ledger()
        assert sum(self.in_force().values()) <= float(self.root.capacity), self.in_force()
        assert sum(self.worst().values()) <= float(self.root.capacity), self.worst()


def make_yard(tenant: Tenant, *, capacity: float = 32, **options: Any) -> Yard:
    with tenant_transaction(tenant.pk):
        root = Circuit.objects.create(tenant=tenant, name="Car park", capacity=Decimal(str(capacity)), **options)
    return Yard(tenant, root)
