"""A station that is online."""

import pytest

from chargepoints.models import (
    ChargePoint,
)
from tenants.models import Tenant
from tests.api.conftest import bring_online, make_station


@pytest.fixture
def station(tenant: Tenant, no_worker: None) -> ChargePoint:
    made = make_station(tenant)
    bring_online(made)
    return made
