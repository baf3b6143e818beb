"""Which tariff applies: the most particular one that is in force when the session starts."""

from datetime import timedelta
from typing import Any

import pytest

from chargepoints.models import ChargePoint, IdTag, Site
from metering.models import SessionTariff, Tariff, TariffAssignment
from tenants.context import tenant_transaction
from tests.metering.conftest import NOW
from tests.metering.pricing.terms import component, element
from tests.metering.test_selectors import begin

LEVELS = ["id_tag", "parent", "charge_point", "site", "everywhere"]


@pytest.fixture
def targets(station: ChargePoint) -> dict[str, dict[str, Any]]:
    """What a tariff can be assigned to, all of it the session's."""
    with tenant_transaction(station.tenant_id):
        parent = IdTag.objects.create(tenant_id=station.tenant_id, token="FLEET", token_key="fleet")
        tag = IdTag.objects.create(
            tenant_id=station.tenant_id, token="TAG", token_key="tag", parent=parent, max_active_transactions=None
        )
        site = Site.objects.create(tenant_id=station.tenant_id, name="Depot", timezone="Asia/Tokyo")
        ChargePoint.objects.filter(pk=station.pk).update(site=site)
    return {
        "id_tag": {"id_tag": tag},
        "parent": {"id_tag": parent},
        "charge_point": {"charge_point": station},
        "site": {"site": site},
        "everywhere": {},
    }


def assign(station: ChargePoint, name: str, target: dict[str, Any], **fields: Any) -> Tariff:
    with tenant_transaction(station.tenant_id):
        tariff = Tariff.objects.create(
            tenant_id=station.tenant_id,
            name=name,
            currency="EUR",
            elements=[element(component("ENERGY", 1))],
            **fields,
        )
        TariffAssignment.objects.create(tenant_id=station.tenant_id, tariff=tariff, **target)
    return tariff


def frozen(station: ChargePoint, ago: float = 1) -> dict[str, Any]:
    session = begin(station, ago=ago)
    with tenant_transaction(station.tenant_id):
        snapshot: dict[str, Any] = SessionTariff.objects.get(transaction=session).snapshot
    return snapshot


@pytest.mark.parametrize("missing", range(len(LEVELS) + 1))
def test_the_most_particular_tariff_applies(
    station: ChargePoint, targets: dict[str, dict[str, Any]], missing: int
) -> None:
    for name in reversed(LEVELS[missing:]):
        assign(station, name, targets[name])
    assert frozen(station).get("name") == (LEVELS[missing] if missing < len(LEVELS) else None)


def test_local_time_is_the_sites(station: ChargePoint, targets: dict[str, dict[str, Any]]) -> None:
    assert frozen(station)["timezone"] == "Asia/Tokyo"


@pytest.mark.parametrize(
    "fields",
    [
        {"archived": True},
        {"valid_from": NOW - timedelta(minutes=30)},
        {"valid_to": NOW - timedelta(hours=1)},
    ],
)
def test_one_that_is_not_in_force_at_the_start_does_not(
    station: ChargePoint, targets: dict[str, dict[str, Any]], fields: dict[str, Any]
) -> None:
    assign(station, "other", targets["id_tag"], **fields)
    assign(station, "general", {})
    assert frozen(station)["name"] == "general"


def test_an_old_and_a_new_price_list_follow_each_other(
    station: ChargePoint, targets: dict[str, dict[str, Any]]
) -> None:
    assign(station, "old", {})
    assign(station, "new", {}, valid_from=NOW - timedelta(hours=2))
    assert frozen(station, ago=3)["name"] == "old"
    assert frozen(station, ago=1)["name"] == "new"


def test_a_tag_without_a_group_takes_no_ones_tariff(station: ChargePoint) -> None:
    """No id tag of the session, no site: an assignment must not match on absence."""
    with tenant_transaction(station.tenant_id):
        site = Site.objects.create(tenant_id=station.tenant_id, name="Elsewhere")
    assign(station, "elsewhere", {"site": site})
    assert "elements" not in frozen(station)
