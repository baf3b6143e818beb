"""Stations fetch firmware from us: whole or in parts, with the one-time address of their update."""

from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from django.utils import timezone

from chargepoints.models import (
    ChargePoint,
    FirmwareFile,
    FirmwareUpdate,
)
from chargepoints.services.firmware_updates import Source
from tenants.context import tenant_transaction
from tests.chargepoints.firmware.rows import CONTENT, State, download_path, update
from tests.stations import PATIENCE_S

pytestmark = pytest.mark.usefixtures("db", "redis_clean")


@pytest.mark.parametrize(
    ("asked", "status", "expected"),
    [
        ("", 200, CONTENT),
        ("bytes=0-9", 206, CONTENT[:10]),
        ("bytes=10-", 206, CONTENT[10:]),
        ("bytes=-5", 206, CONTENT[-5:]),
        ("bytes=0-99999999", 206, CONTENT),
        ("bytes=9-1", 200, CONTENT),
        ("bytes=0-1,5-6", 200, CONTENT),
        ("lines=1-2", 200, CONTENT),
        (f"bytes={len(CONTENT)}-", 416, b""),
        ("bytes=-0", 416, b""),
    ],
)
def test_a_station_fetches_the_file_or_a_part_of_it(
    station: ChargePoint, firmware: FirmwareFile, asked: str, status: int, expected: bytes
) -> None:
    path = download_path(update(station, Source(firmware=firmware)))
    answer: Any = Client().get(path, headers={"Range": asked})
    assert answer.status_code == status
    assert answer.getvalue() == expected
    if status != 416:
        assert answer["Content-Disposition"] == 'attachment; filename="Wall-2.0.bin"'
        assert (answer["Content-Type"], answer["X-Content-Type-Options"]) == ("application/octet-stream", "nosniff")
        assert int(answer["Content-Length"]) == len(expected)


def test_a_part_of_another_version_is_not_given(station: ChargePoint, firmware: FirmwareFile) -> None:
    path = download_path(update(station, Source(firmware=firmware)))
    head: Any = Client().head(path)
    assert (head.status_code, head.content, head["Content-Length"]) == (200, b"", str(len(CONTENT)))
    same: Any = Client().get(path, headers={"Range": "bytes=0-1", "If-Range": head["ETag"]})
    other: Any = Client().get(path, headers={"Range": "bytes=0-1", "If-Range": '"old"'})
    assert (same.status_code, other.status_code) == (206, 200)


async def test_a_download_is_streamed_by_the_real_server(
    gateway: str, station: ChargePoint, firmware: FirmwareFile
) -> None:
    from urllib.request import urlopen

    row = await sync_to_async(update)(station, Source(firmware=firmware))
    url = gateway.replace("ws:", "http:") + await sync_to_async(download_path)(row)
    body = await sync_to_async(lambda: urlopen(url, timeout=PATIENCE_S).read(), thread_sensitive=False)()
    assert body == CONTENT


def test_a_token_ends_with_its_update(station: ChargePoint, firmware: FirmwareFile) -> None:
    row = update(station, Source(firmware=firmware))
    path = download_path(row)
    assert Client().put(path, b"x").status_code == 404
    for state, status in ((State.RUNNING, 200), (State.FAILED, 200), (State.INSTALLED, 404), (State.CANCELLED, 404)):
        with tenant_transaction(row.tenant_id):
            FirmwareUpdate.objects.filter(pk=row.pk).update(state=state)
        assert Client().get(path).status_code == status
    with tenant_transaction(row.tenant_id):
        FirmwareUpdate.objects.filter(pk=row.pk).update(state=State.RUNNING, deadline_at=timezone.now())
    assert Client().get(path).status_code == 404
