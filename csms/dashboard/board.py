"""What the live board shows: one tile for each connector of a tenant, and for each station that has none yet."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from chargepoints.models import ChargePoint, Connector, Registration, Site, StationConnection, Transaction
from tenants.context import tenant_transaction

OFFLINE = "Offline"
NEVER_SEEN = "NeverConnected"


class RunningSession(NamedTuple):
    """A session on a connector. `energy_wh` and `power_w` are of its last reading; None before the first."""

    id: int
    id_tag: str
    started_at: str
    energy_wh: int | None
    power_w: int | None


class Tile(NamedTuple):
    """One connector. `status` is the connector's own word, or Offline, NeverConnected, Pending, Rejected.

    `reported` is the word that it had when its station was last heard of, where `status` says something else. Times are
    ISO 8601 in UTC. Compared as a whole: a tile that differs is sent anew.
    """

    station_id: int
    station: str
    evse: int
    connector: int
    site_id: int | None
    status: str
    reported: str
    error: str
    since: str | None
    session: RunningSession | None


class Place(NamedTuple):
    """A site. `at`: latitude and longitude in degrees (WGS 84); None where nobody has said where it is."""

    name: str
    at: tuple[float, float] | None


class Board(NamedTuple):
    """Tiles by key; the sites that have any, by id."""

    tiles: dict[str, Tile]
    sites: dict[int, Place]


def board_of(tenant_id: int) -> Board:
    """The whole board, in five queries however large the fleet. Opens the tenant's scope itself."""
    with tenant_transaction(tenant_id):
        live = set(StationConnection.objects.live().values_list("charge_point_id", flat=True))
        tiles = _tiles_of_connectors(_running_sessions(), live)
        tiles |= _tiles_of_stations({tile.station_id for tile in tiles.values()}, live)
        return Board(tiles, _sites({tile.site_id for tile in tiles.values()}))


def _sites(wanted: set[int | None]) -> dict[int, Place]:
    rows = Site.objects.order_by().values_list("pk", "name", "latitude", "longitude")
    return {
        pk: Place(name, None if north is None or east is None else (float(north), float(east)))
        for pk, name, north, east in rows
        if pk in wanted
    }


def _running_sessions() -> dict[int, RunningSession]:
    rows = Transaction.objects.filter(state=Transaction.State.ACTIVE, verdict="Accepted").order_by()
    return {
        connector: RunningSession(
            pk,
            tag,
            _iso(begun) or "",
            None if end is None else _whole(end - start),
            None if power is None else _whole(power),
        )
        for pk, connector, tag, begun, start, end, power in rows.values_list(
            "pk", "connector_id", "id_tag", "started_at", "meter_start_wh", "last_register_wh", "last_power_w"
        )
    }


def _tiles_of_connectors(sessions: Mapping[int, RunningSession], live: set[int]) -> dict[str, Tile]:
    rows = (
        Connector.objects.filter(evse__number__gt=0)
        .order_by()
        .values_list(
            "pk",
            "charge_point_id",
            "charge_point__identity",
            "charge_point__site_id",
            "charge_point__registration",
            "charge_point__last_seen_at",
            "evse__number",
            "number",
            "status",
            "error_code",
            "status_at",
        )
    )
    tiles = {}
    for pk, station_id, identity, site_id, registration, seen_at, evse, number, status, error, at in rows:
        shown = shown_status(registration, station_id in live, status)
        tiles[f"c{pk}"] = Tile(
            station_id,
            identity,
            evse,
            number,
            site_id,
            shown,
            status if shown != status else "",
            "" if error == "NoError" else error,
            _iso(seen_at if shown == OFFLINE else at),
            sessions.get(pk),
        )
    return tiles


def _tiles_of_stations(known: set[int], live: set[int]) -> dict[str, Tile]:
    """Stations whose connectors nobody knows yet: they have never told a status."""
    rows = ChargePoint.objects.order_by().filter(connectors__isnull=True)
    tiles = {}
    for pk, identity, site_id, registration, seen_at in rows.values_list(
        "pk", "identity", "site_id", "registration", "last_seen_at"
    ):
        if pk not in known:
            status = shown_status(registration, pk in live, "")
            shown = NEVER_SEEN if status == OFFLINE and seen_at is None else status
            tiles[f"s{pk}"] = Tile(pk, identity, 0, 0, site_id, shown, "", "", _iso(seen_at), None)
    return tiles


def shown_status(registration: str, online: bool, status: str) -> str:
    """What is said of a connector: its own word, unless its station may not work or is away."""
    if registration != Registration.ACCEPTED:
        return registration
    return status if online else OFFLINE


def _iso(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}"


def _whole(value: Decimal) -> int:
    return int(value.to_integral_value())
