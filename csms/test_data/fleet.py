"""A tenant's places, stations, tags and tariffs, in a handful of statements."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from chargepoints.models import ChargePoint, Connector, ConnectorStatus, Evse, IdTag, SecurityProfile, Site
from metering.models import Tariff, TariffAssignment
from tenants.context import tenant_transaction
from tenants.models import Tenant

# Name, address, latitude, longitude, and when cars come there.
PLACES = [
    ("Harbour car park", "Kaiserkai 12, Hamburg", "53.541320", "9.984420", "public"),
    ("Head office", "Lindenallee 4, Köln", "50.915300", "6.962400", "work"),
    ("Bus depot North", "Industriestraße 81, Bremen", "53.121700", "8.780300", "depot"),
    ("Shopping centre", "Ringstraße 200, Leipzig", "51.340600", "12.374700", "public"),
    ("Motorway services", "A7, Kassel", "51.262300", "9.520900", "fast"),
]
# As the simulator has them: vendor, model, power of each outlet (W).
MODELS = [
    ("Voltaic", "Wall 11", [11_000]),
    ("Voltaic", "Post 22 Duo", [22_000, 22_000]),
    ("Ampere", "Home 7", [7_400]),
    ("Rapidus", "DC50", [50_000]),
]
TAGS = 40
ENERGY_ONLY = [{"price_components": [{"type": "ENERGY", "price": 0.49, "vat": 19, "step_size": 1}]}]
WITH_PARKING = [
    {"price_components": [{"type": "ENERGY", "price": 0.59, "vat": 19, "step_size": 1}]},
    {
        "price_components": [{"type": "PARKING_TIME", "price": 6, "vat": 19, "step_size": 60}],
        "restrictions": {"min_duration": 4 * 3600},
    },
]


@dataclass(frozen=True, slots=True)
class Outlet:
    """A connector, with what sessions at it look like. `habit`: when cars come (see `days`)."""

    tenant_id: int
    charge_point_id: int
    evse_id: int
    evse_number: int
    connector_id: int
    power_w: int
    habit: str


@dataclass(frozen=True, slots=True)
class MadeFleet:
    """What was made: (token, row id) of the tags that may charge, and all outlets."""

    outlets: list[Outlet]
    tags: list[tuple[str, int]]


def make_fleet(tenant: Tenant, size: int, rng: random.Random, now: datetime) -> MadeFleet:
    """`size` stations at up to five sites, forty tags, two tariffs."""
    with tenant_transaction(tenant.pk):
        sites = _make_sites(tenant, size)
        stations = _make_stations(tenant, size, sites, rng, now)
        outlets = _make_outlets(tenant, stations)
        _break_some(outlets, rng, now)
        _make_tariffs(tenant, sites)
        return MadeFleet(outlets, _make_tags(tenant, rng, now))


def _make_sites(tenant: Tenant, size: int) -> list[Site]:
    rows = [
        Site(tenant=tenant, name=name, address=address, latitude=latitude, longitude=longitude)
        for name, address, latitude, longitude, _ in PLACES[: max(1, min(len(PLACES), size // 4 + 1))]
    ]
    return Site.objects.bulk_create(rows)


def _make_stations(
    tenant: Tenant, size: int, sites: list[Site], rng: random.Random, now: datetime
) -> list[ChargePoint]:
    rows = []
    for number in range(1, size + 1):
        vendor, model, _ = MODELS[(number - 1) % len(MODELS)]
        identity = f"SIM-{number:04d}"
        rows.append(
            ChargePoint(
                tenant=tenant,
                identity=identity,
                identity_key=identity.lower(),
                name=f"{model} {number}",
                site=sites[number % len(sites)],
                tags=["test data", rng.choice(["ground floor", "basement", "outside"])],
                security_profile=SecurityProfile.NONE,
                ocpp_version="1.6",
                vendor=vendor,
                model=model,
                serial_number=f"{vendor[:2].upper()}{rng.randrange(10**8):08d}",
                firmware_version=rng.choice(["1.4.0", "1.4.2", "2.0.1"]),
                last_boot_at=now - timedelta(hours=rng.uniform(12, 24 * 20)),
            )
        )
    return ChargePoint.objects.bulk_create(rows, batch_size=1000)


def _make_outlets(tenant: Tenant, stations: list[ChargePoint]) -> list[Outlet]:
    powers = {(vendor, model): power for vendor, model, power in MODELS}
    habits = {name: habit for name, _, _, _, habit in PLACES}
    wanted = [
        (station, number, power)
        for station in stations
        for number, power in enumerate(powers[station.vendor, station.model], 1)
    ]
    evses = Evse.objects.bulk_create(
        [Evse(tenant=tenant, charge_point=station, number=number) for station, number, _ in wanted], batch_size=1000
    )
    connectors = Connector.objects.bulk_create(
        [
            Connector(tenant=tenant, charge_point=evse.charge_point, evse=evse, status=ConnectorStatus.AVAILABLE)
            for evse in evses
        ],
        batch_size=1000,
    )
    return [
        Outlet(
            tenant_id=tenant.pk,
            charge_point_id=station.pk,
            evse_id=evse.pk,
            evse_number=number,
            connector_id=connector.pk,
            power_w=power,
            habit="fast" if power >= 50_000 else habits[station.site.name] if station.site else "public",
        )
        for (station, number, power), evse, connector in zip(wanted, evses, connectors, strict=True)
    ]


def _break_some(outlets: list[Outlet], rng: random.Random, now: datetime) -> None:
    """One in thirty is faulted, so that there is something to look after."""
    broken = rng.sample(outlets, len(outlets) // 30)
    Connector.objects.filter(pk__in=[outlet.connector_id for outlet in broken]).update(
        status=ConnectorStatus.FAULTED, error_code="GroundFailure", status_at=now - timedelta(hours=rng.uniform(1, 30))
    )


def _make_tags(tenant: Tenant, rng: random.Random, now: datetime) -> list[tuple[str, int]]:
    holders = ["A. Berger", "C. Diaz", "E. Fischer", "G. Hansen", "I. Jankowski", "K. Lorenz", "M. Novak", "O. Petrov"]
    rows = []
    for number in range(1, TAGS + 1):
        token = f"TAG-{number:04d}"
        blocked, expired = number % 17 == 0, number % 19 == 0
        rows.append(
            IdTag(
                tenant=tenant,
                token=token,
                token_key=token.lower(),
                holder=rng.choice(holders),
                status=IdTag.Status.BLOCKED if blocked else IdTag.Status.ACCEPTED,
                expires_at=now - timedelta(days=3) if expired else None,
            )
        )
    made = IdTag.objects.bulk_create(rows)
    return [(row.token, row.pk) for row in made if row.status == IdTag.Status.ACCEPTED and row.expires_at is None]


def _make_tariffs(tenant: Tenant, sites: list[Site]) -> None:
    standard, public = Tariff.objects.bulk_create(
        [
            Tariff(tenant=tenant, name="Standard", currency=tenant.currency, elements=ENERGY_ONLY),
            Tariff(tenant=tenant, name="Public, with parking", currency=tenant.currency, elements=WITH_PARKING),
        ]
    )
    assignments = [TariffAssignment(tenant=tenant, tariff=standard)]
    assignments += [TariffAssignment(tenant=tenant, tariff=public, site=site) for site in sites[:1]]
    TariffAssignment.objects.bulk_create(assignments)
