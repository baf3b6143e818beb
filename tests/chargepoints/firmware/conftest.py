"""What these tests share."""

from pathlib import Path
from typing import Any

import pytest

from chargepoints.models import (
    ChargePoint,
    FirmwareFile,
)
from tenants.models import Tenant
from tests.api.conftest import make_station
from tests.chargepoints.firmware.rows import (
    add,
)


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    settings.MEDIA_ROOT = tmp_path
    settings.PUBLIC_URL = "http://csms.example.com"
    return tmp_path


@pytest.fixture
def station(tenant: Tenant) -> ChargePoint:
    return make_station(tenant)


@pytest.fixture
def firmware(tenant: Tenant) -> FirmwareFile:
    return add(tenant)
