"""Every reading that is stored is compared, off the reply path and never waiting.

One watch per gateway process, and one per drain of spilled readings. Thresholds are read every ten seconds; so are
the open alerts, so that a value back inside resolves what another gateway, or this one before a restart, has
opened. Until a tenant's thresholds are known its messages are held. What is found is written by one thread
(`incidents`); while PostgreSQL is away it waits, the latest of each excursion only.
"""

from collections import deque
from collections.abc import Iterable
from datetime import datetime

import structlog
from django.db import InterfaceError, InternalError, OperationalError, ProgrammingError

from chargepoints.gateway.threads import DatabaseThreads
from metering.alerts.comparison import Comparison
from metering.alerts.incidents import Incident, record_incidents
from metering.alerts.loading import load_tenants
from metering.ingest.message import MeterMessage
from metering.metrics import ALERTS_DROPPED
from metering.periodic import Coalesced

log = structlog.get_logger(__name__)

WRITE_S, LOAD_S, REFRESH_S = 1.0, 0.5, 10.0
# Bounds of memory: readings held, incidents to write.
HELD_VALUES, PENDING = 100_000, 50_000
# Incidents that share a transaction.
CHUNK = 200
AWAY = (OperationalError, InterfaceError, InternalError, ProgrammingError, OSError)

# Tenant, charge point, key, beginning.
Identity = tuple[int, int, str, datetime]


class Watch:
    """`note(messages)`; the rest follows by itself. `clocks` False: the messages come late, their times say nothing."""

    def __init__(self, *, clocks: bool = True) -> None:
        self._comparison = Comparison(self._put, clocks=clocks)
        self._threads = DatabaseThreads(1, "alerts")
        self._held: deque[MeterMessage] = deque()
        self._held_values = 0
        # Tenants that are asked for without readings to hold.
        self._wanted: set[int] = set()
        self._pending: dict[Identity, Incident] = {}
        self._taken: dict[Identity, Incident] = {}
        # Alerts told of since the last load began: what that finds open may be outdated.
        self._told: set[tuple[int, str]] = set()
        self._noted = False
        self._writing = Coalesced(WRITE_S, lambda: bool(self._pending), self._write)
        self._loading = Coalesced(LOAD_S, lambda: bool(self._held or self._wanted), self._load_new)
        self._refreshing = Coalesced(REFRESH_S, lambda: self._noted, self._refresh)

    def note(self, messages: list[MeterMessage]) -> None:
        """Take stored readings; never waits."""
        for message in messages:
            if not self._comparison.knows(message.tenant_id):
                self._hold(message)
                continue
            try:
                self._comparison.compare(message)
            except Exception:
                # Whatever a station sent: the readings of the others, and ingest, go on.
                log.exception("readings not compared", charge_point_id=message.charge_point_id)
        self._noted = True
        self._refreshing.wake()
        if self._pending:
            self._writing.wake()

    def note_time(self, *, tenant_id: int, charge_point_id: int, received_at: datetime, at: datetime) -> None:
        """A message without readings says what time the station thinks it is."""
        if self._comparison.knows(tenant_id):
            self._comparison.judge_time(tenant_id, charge_point_id, received_at, at)
            if self._pending:
                self._writing.wake()
        else:
            self._wanted.add(tenant_id)
            self._loading.wake()

    async def compare_now(self, messages: list[MeterMessage]) -> None:
        """As `note`, but what is found is written on return. Not beside `note`. The database's errors pass."""
        unknown = {message.tenant_id for message in messages if not self._comparison.knows(message.tenant_id)}
        if unknown:
            await self._load(unknown)
        for message in messages:
            self._comparison.compare(message)
        await self._write()

    async def close(self) -> None:
        """Compare what is held, write what was found."""
        self._noted = False
        for part in (self._loading, self._refreshing, self._writing):
            try:
                await part.close()
            except AWAY as error:
                log.warning("alerts not written at the end", waiting=len(self._pending), error=str(error)[:200])
        self._threads.close()

    # --- what is known ---

    def _hold(self, message: MeterMessage) -> None:
        self._held.append(message)
        self._held_values += message.size
        while self._held_values > HELD_VALUES:
            ALERTS_DROPPED.inc()
            self._held_values -= self._held.popleft().size
        self._loading.wake()

    async def _load_new(self) -> None:
        new = {message.tenant_id for message in self._held} | self._wanted
        await self._load(new - set(self._comparison.tenants))
        self._wanted -= new
        held, self._held, self._held_values = self._held, deque(), 0
        self.note(list(held))

    async def _refresh(self) -> None:
        self._noted = False
        try:
            await self._load(self._comparison.tenants)
        except AWAY:
            self._noted = True
            raise
        if self._pending:
            self._writing.wake()

    async def _load(self, tenant_ids: Iterable[int]) -> None:
        self._told = {(charge_point_id, key) for _, charge_point_id, key, _ in [*self._pending, *self._taken]}
        loaded = await self._threads.run(load_tenants, list(tenant_ids))
        for tenant_id, one in loaded.items():
            self._comparison.learn(tenant_id, one, skip=self._told)

    # --- what was found ---

    def _put(self, tenant_id: int, incident: Incident) -> None:
        identity = tenant_id, incident.charge_point_id, incident.key, incident.started_at
        if len(self._pending) >= PENDING and identity not in self._pending:
            ALERTS_DROPPED.inc()
            return
        self._pending[identity] = incident
        self._told.add((incident.charge_point_id, incident.key))

    async def _write(self) -> None:
        taken, self._pending = self._pending, {}
        self._taken = taken
        try:
            while taken:
                tenant_id = next(iter(taken))[0]
                chunk = [identity for identity in taken if identity[0] == tenant_id][:CHUNK]
                await self._write_chunk(tenant_id, [taken[identity] for identity in chunk])
                for identity in chunk:
                    del taken[identity]
        finally:
            # What couldn't be written, unless it is told anew.
            self._pending, self._taken = {**taken, **self._pending}, {}

    async def _write_chunk(self, tenant_id: int, incidents: list[Incident]) -> None:
        """One that the database refuses must not hold up the others."""
        try:
            await self._threads.run(record_incidents, tenant_id=tenant_id, incidents=incidents)
        except AWAY:
            raise
        except Exception:
            if len(incidents) == 1:
                log.exception("alert lost", tenant_id=tenant_id, key=incidents[0].key)
                return
            for incident in incidents:
                await self._write_chunk(tenant_id, [incident])
