"""A station, and a session that is running there."""

from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.models import (
    ChargePoint,
    IdTag,
    Transaction,
)
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tests.admin.session.cast import HOUR
from tests.api.conftest import make_session, make_station


@pytest.fixture
def station(tenant: Tenant, redis_clean: Any) -> ChargePoint:
    return make_station(tenant)


@pytest.fixture
def running(station: ChargePoint) -> Transaction:
    """For two hours, by a tag that somebody holds."""
    start = timezone.now().replace(microsecond=0) - 2 * HOUR
    with tenant_transaction(station.tenant_id):
        row = IdTag.objects.create(tenant_id=station.tenant_id, token="TAG", token_key="tag", holder="Ada")
    return make_session(
        station,
        started_at=start,
        start_received_at=start,
        id_tag_row=row,
        last_register_wh=Decimal(13345),
        last_power_w=Decimal(11000),
        last_reading_at=timezone.now(),
    )
