"""What tests of a charge point's page share: its addresses, what it says, and messages of its log."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from django.test import Client
from django.urls import reverse

from chargepoints.models import (
    ChargePoint,
)
from tests.conftest import superuser

NOON = datetime(2026, 11, 1, 12, tzinfo=UTC)
CONNECTION = uuid4()


def page(name: str, station: ChargePoint) -> str:
    return reverse(f"admin:{name}", args=[station.pk])


def text_of(client: Client, url: str) -> str:
    answer = client.get(url)
    assert answer.status_code == 200, answer
    return bytes(answer.getvalue()).decode()


def home(station: ChargePoint) -> str:
    return page("chargepoints_chargepoint_change", station)


def log(station: ChargePoint, *frames: tuple[str, int, str, str, str], at: datetime = NOON) -> None:
    """(direction, kind, message id, action, payload), a second apart; errors get an error code."""
    for number, (direction, kind, message_id, action, payload) in enumerate(frames):
        superuser().execute(
            "INSERT INTO chargepoints_message (at, tenant_id, charge_point_id, connection_id, direction, kind,"
            " message_id, action, payload, error_code, note) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, '')",
            [
                *(at + timedelta(seconds=number), station.tenant_id, station.pk, CONNECTION, direction, kind),
                *(message_id, action, payload, "" if kind in (2, 3) else "FormationViolation"),
            ],
        )
