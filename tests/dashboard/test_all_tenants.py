"""The page of all tenants: who may see it, and whose day is which."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from chargepoints.models import FleetOnlineDay
from csms.dashboard.all_tenants import platform_now
from metering.models import FleetBucket, Period
from tenants.context import system_transaction
from tenants.models import Role, Tenant
from tests.admin.conftest import office
from tests.api.conftest import bring_online, make_session, make_station
from tests.conftest import make_user
from tests.dashboard.test_overview import charge, record_of, shown, tiles


@pytest.mark.parametrize("role", [Role.VIEWER, Role.ADMIN])
def test_all_tenants_are_for_platform_staff(tenant: Tenant, role: str) -> None:
    client = office(make_user("person", tenant, role))
    for name in ("admin:all_tenants", "admin:all_tenants_rows"):
        assert client.get(reverse(name)).status_code == 403
    assert reverse("admin:all_tenants") not in client.get(reverse("admin:index")).content.decode()


def test_platform_staff_see_every_tenant_and_their_sums(tenant: Tenant, other_tenant: Tenant) -> None:
    now = timezone.now()
    for one, power in ((tenant, 11_000), (other_tenant, 22_000)):
        station = make_station(one)
        bring_online(station)
        record_of(charge(station, power, started_at=now), now, "5.00")
        with system_transaction():
            FleetBucket.objects.create(
                **{"tenant": one, "period": Period.HOUR, "start": now, "end": now + timedelta(hours=1)}, energy_wh=power
            )
            FleetOnlineDay.objects.create(
                **{
                    "tenant": one,
                    "day": now.date(),
                    "stations": 1,
                    "online_s": 50,
                    "expected_s": 100,
                    "computed_at": now,
                }
            )
    root = office(make_user("root", None, superuser=True))
    context = shown(root, "admin:all_tenants").context
    rows = {row["slug"]: row for row in context["rows"]}
    assert {"acme", "umbrella"} <= set(rows)
    assert rows["umbrella"]["power"] == "22.0 kW"
    assert rows["acme"]["revenue"] == ["5.00 €"]
    total = context["total"]
    assert (total["online"], total["charging"], total["power"]) == ("2 / 2", "2", "33.0 kW")
    assert (total["energy"], total["revenue"], total["uptime"]) == ("33.0 kWh", ["10.00 €"], "50.0 %")
    root.post(reverse("admin:choose_tenant"), {"tenant": "umbrella"})
    assert tiles(root)["power"].value == "22.0 kW"


def test_the_days_of_uptime_are_those_of_each_tenants_calendar(tenant: Tenant, other_tenant: Tenant) -> None:
    """Noon of the 20th in UTC is the 21st in Kiritimati (+14), and in Niue (-11) the 20th has just begun."""
    now, today = (
        datetime(2026, 11, 20, 12, tzinfo=UTC),
        {tenant.pk: date(2026, 11, 21), other_tenant.pk: date(2026, 11, 20)},
    )
    with system_transaction():
        for one, zone in ((tenant, "Pacific/Kiritimati"), (other_tenant, "Pacific/Niue")):
            Tenant.objects.filter(pk=one.pk).update(timezone=zone)
            for ago in range(9):
                FleetOnlineDay.objects.create(
                    tenant=one,
                    day=today[one.pk] - timedelta(days=ago),
                    stations=1,
                    online_s=1,
                    expected_s=10**ago,
                    computed_at=now,
                )
    rows = {row.slug: (row.online_s, row.expected_s) for row in platform_now(now).tenants}
    assert rows[tenant.slug] == rows[other_tenant.slug] == (7, 1_111_111)


def test_what_a_station_says_of_the_future_is_not_of_today(tenant: Tenant) -> None:
    now = timezone.now()
    station = make_station(tenant)
    make_session(station, started_at=now)
    then = now + timedelta(days=400)
    late = make_session(
        station,
        "2",
        started_at=then,
        state="stopped",
        stopped_at=then,
        stop_received_at=now,
        meter_stop_wh=Decimal(2000),
    )
    record_of(late, then, "9.00")
    (row,) = [one for one in platform_now(now + timedelta(seconds=1)).tenants if one.slug == tenant.slug]
    assert (row.sessions, row.revenue) == (1, {})
