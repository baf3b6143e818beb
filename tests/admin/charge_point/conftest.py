"""A station that is online, and who looks at its page."""

import pytest
from celery import current_app
from django.test import Client

from chargepoints.models import (
    ChargePoint,
)
from tenants.models import Role, Tenant, User
from tests.admin.conftest import office
from tests.api.conftest import bring_online, make_station
from tests.conftest import make_user


@pytest.fixture(autouse=True)
def no_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(current_app, "send_task", lambda *args, **options: None)


@pytest.fixture
def station(tenant: Tenant) -> ChargePoint:
    made = make_station(tenant)
    bring_online(made)
    return made


@pytest.fixture
def oscar(tenant: Tenant) -> User:
    return make_user("oscar", tenant, Role.OPERATOR)


@pytest.fixture
def operator(oscar: User) -> Client:
    return office(oscar)
