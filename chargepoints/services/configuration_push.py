"""Which wishes a station is still to be told, for one station or the whole fleet.

A wish is sent once per connection and boot, and one that the station refused not before its next boot: stations
that reconnect every few minutes must not be asked the same for ever. What was asked is read from the commands.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from django.db.models import Max, QuerySet
from django.db.models.fields.json import KT
from django.db.models.functions import Lower
from django.utils import timezone

from chargepoints.models import ChargePoint, Command, CommandState, ConfigurationKey, Registration, StationConnection
from chargepoints.models.command import OPEN_STATES
from chargepoints.protocol.errors import OcppError
from chargepoints.services.commands import StationOffline, send_command
from chargepoints.services.configuration import ASKED_BY, read_configuration
from chargepoints.services.configuration_keys import OWN_KEYS, same_value
from chargepoints.services.configuration_wishes import Source, Wish, inherited_wishes, wishes_of
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Tenant

log = structlog.get_logger(__name__)

# A station that has just connected may be about to boot, and must not be spoken to before.
SETTLED_AFTER = timedelta(seconds=60)
MOST_AT_ONCE = 500


@dataclass(slots=True)
class Standing:
    """What is known of a connected station's configuration."""

    tenant_id: int
    charge_point_id: int
    wishes: dict[str, Wish]
    connected_at: datetime
    booted_at: datetime | None
    # Key in lower case -> as reported; the last command that set it.
    reported: dict[str, ConfigurationKey] = field(default_factory=dict)
    asked: dict[str, Command] = field(default_factory=dict)

    @property
    def since(self) -> datetime:
        """From when on asking counts as asked."""
        return max(self.connected_at, self.booted_at or self.connected_at)

    def differing(self) -> dict[str, str]:
        """Key -> value of the wishes that the station, as last reported, is not set to.

        A key that it doesn't have is only asked for where someone wants it of this very station.
        """
        found = {}
        for name, wish in self.wishes.items():
            row = self.reported.get(name)
            if name in OWN_KEYS or (row is None and wish.source != Source.CHARGE_POINT):
                continue
            if row is None or (not row.readonly and not same_value(row.value, wish.value)):
                found[wish.key if row is None else row.key] = wish.value
        return found

    def to_ask(self) -> dict[str, str]:
        """Of those, what it has not been asked yet."""
        return {key: value for key, value in self.differing().items() if not self._was_asked(key, value)}

    def _was_asked(self, key: str, value: str) -> bool:
        last = self.asked.get(key.lower())
        if last is None or last.payload.get("value") != value:
            return False
        if last.state in OPEN_STATES or last.created_at >= self.since:
            return True
        return _refused(last) and (self.booted_at is None or last.created_at >= self.booted_at)


def _refused(command: Command) -> bool:
    failed = command.state == CommandState.FAILED and command.error_code != "ConnectionLost"
    return failed or command.state == CommandState.REJECTED


def standings(connections: QuerySet[StationConnection]) -> list[Standing]:
    """How these connected stations stand; a few queries in the open scope, however many they are."""
    rows = list(
        connections.select_related("charge_point").only(
            *("tenant_id", "charge_point_id", "connected_at"),
            *("charge_point__desired_configuration", "charge_point__last_boot_at"),
        )
    )
    tenants = Tenant.objects.filter(pk__in={row.tenant_id for row in rows})
    inherited = {pk: inherited_wishes(wishes) for pk, wishes in tenants.values_list("pk", "desired_configuration")}
    found = {
        row.charge_point_id: Standing(
            row.tenant_id,
            row.charge_point_id,
            wishes_of(inherited[row.tenant_id], row.charge_point.desired_configuration),
            row.connected_at,
            row.charge_point.last_boot_at,
        )
        for row in rows
    }
    wanted = {name for standing in found.values() for name in standing.wishes}
    reported = ConfigurationKey.objects.annotate(name=Lower("key")).filter(charge_point__in=found, name__in=wanted)
    for key in reported:
        found[key.charge_point_id].reported[key.key.lower()] = key
    _note_asked([standing for standing in found.values() if standing.differing()], wanted)
    return list(found.values())


def _note_asked(differing: Iterable[Standing], wanted: Iterable[str]) -> None:
    """The last ChangeConfiguration of each key."""
    by_id = {standing.charge_point_id: standing for standing in differing}
    last = (
        Command.objects.filter(charge_point__in=by_id, action="ChangeConfiguration")
        .annotate(name=Lower(KT("payload__key")))
        .filter(name__in=wanted)
        .order_by("charge_point_id", "name", "-created_at")
        .distinct("charge_point_id", "name")
    )
    for command in last:
        by_id[command.charge_point_id].asked[command.name] = command


def push_configuration(*, tenant_id: int, charge_point_id: int) -> int:
    """Send a connected station the wishes that it has not been asked yet; how many."""
    with tenant_transaction(tenant_id):
        # Its row first: two pushes at once would both ask.
        charge_point = ChargePoint.objects.select_for_update().get(pk=charge_point_id)
        if not charge_point.send_unasked:
            return 0
        standing = next(iter(standings(_connections().filter(charge_point=charge_point))), None)
        return 0 if standing is None else send_changes(charge_point, standing.to_ask())


def send_changes(charge_point: ChargePoint, changes: dict[str, str]) -> int:
    """ChangeConfiguration for each, on our own account; 0 where it has just gone offline."""
    try:
        with tenant_transaction(charge_point.tenant_id):
            for key, value in changes.items():
                send_command(
                    charge_point=charge_point,
                    action="ChangeConfiguration",
                    payload={"key": key, "value": value},
                    requested_by=ASKED_BY,
                    origin="system",
                )
    except StationOffline:
        return 0
    return len(changes)


def push_to_fleet(tenant_id: int | None = None, limit: int = MOST_AT_ONCE) -> int:
    """Push to at most `limit` connected stations (of one tenant) that have something to be asked; how many were.

    Stations that have never told their configuration are asked for it: the push follows their answer.
    """
    asked = 0
    for tenant, charge_point_id, read_first in _waiting_stations(tenant_id)[:limit]:
        ask = read_configuration if read_first else push_configuration
        try:
            asked += bool(ask(tenant_id=tenant, charge_point_id=charge_point_id))
        except OcppError as error:
            # One station whose protocol doesn't know such keys must not stop the others.
            log.warning("configuration not pushed", charge_point_id=charge_point_id, error=error.description)
    return asked


def _waiting_stations(tenant_id: int | None) -> list[tuple[int, int, bool]]:
    """(tenant, charge point, its configuration is to be read first)."""
    with system_transaction():
        connections = _connections().filter(
            charge_point__send_unasked=True, charge_point__registration=Registration.ACCEPTED
        )
        if tenant_id is not None:
            connections = connections.filter(tenant_id=tenant_id)
        now = timezone.now()
        settled = [one for one in standings(connections) if _is_settled(one, now)]
        unread = _never_read([one for one in settled if not one.reported])
    return [
        (one.tenant_id, one.charge_point_id, one.charge_point_id in unread)
        for one in settled
        if (unread[one.charge_point_id] if one.charge_point_id in unread else one.to_ask())
    ]


def _never_read(candidates: list[Standing]) -> dict[int, bool]:
    """Stations that have never told their configuration -> they have not been asked on this connection."""
    ids = {one.charge_point_id for one in candidates}
    known = set(ConfigurationKey.objects.filter(charge_point__in=ids).values_list("charge_point_id", flat=True))
    asked: dict[int, datetime] = dict(
        Command.objects.filter(charge_point__in=ids - known, action="GetConfiguration")
        .values_list("charge_point_id")
        .annotate(Max("created_at"))
    )
    return {
        one.charge_point_id: one.charge_point_id not in asked or asked[one.charge_point_id] < one.since
        for one in candidates
        if one.charge_point_id not in known
    }


def _is_settled(standing: Standing, now: datetime) -> bool:
    booted = standing.booted_at is not None and standing.booted_at >= standing.connected_at
    return booted or standing.connected_at < now - SETTLED_AFTER


def _connections() -> QuerySet[StationConnection]:
    return StationConnection.objects.live()
