"""The people and the station of tests of load management in the back office."""

from typing import Any

import pytest
from django.test import Client

from chargepoints.models import ChargePoint
from tenants.models import Tenant, User
from tests.admin.conftest import office
from tests.admin.smart_charging_data import make_connectors
from tests.api.conftest import bring_online, make_session, make_station


@pytest.fixture(autouse=True)
def _no_worker(no_worker: None) -> None:
    """For all of them: also a circuit without a station is reckoned with."""


@pytest.fixture
def station(tenant: Tenant, redis_clean: Any) -> ChargePoint:
    made = make_station(tenant)
    make_session(made)
    make_connectors(made, 2)
    bring_online(made)
    return made


@pytest.fixture
def admin(alice: User) -> Client:
    return office(alice)
