"""The people and the station of tests of load management in the back office."""

from typing import Any

import pytest
from celery import current_app
from django.test import Client

from chargepoints.models import ChargePoint
from tenants.models import Role, Tenant, User
from tests.admin.conftest import office
from tests.admin.smart_charging_data import make_connectors
from tests.api.conftest import bring_online, make_session, make_station
from tests.conftest import make_user


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_app, "send_task", lambda *args, **options: None)


@pytest.fixture
def station(tenant: Tenant, redis_clean: Any) -> ChargePoint:
    made = make_station(tenant)
    make_session(made)
    make_connectors(made, 2)
    bring_online(made)
    return made


@pytest.fixture
def operator(tenant: Tenant) -> Client:
    return office(make_user("oscar", tenant, Role.OPERATOR))


@pytest.fixture
def admin(alice: User) -> Client:
    return office(alice)
