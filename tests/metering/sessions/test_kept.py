"""Analytics that outlive the readings."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.models import ChargePoint, Transaction
from chargepoints.services.configuration_wishes import change_own_wishes
from chargepoints.services.transactions import Start, Stop, start_transaction, stop_transaction
from metering.models import SessionAnalytics
from metering.readings import ENERGY, POWER
from metering.sessions import kept
from metering.sessions.analytics import Analytics, Bounds, analyse
from metering.sessions.kept import SETTLES, analytics_of_any, as_content, keep_due_analytics, read_content
from metering.sessions.readings import analytics_of
from tenants.context import tenant_transaction

NOW = timezone.now().replace(microsecond=0)
DAY = timedelta(days=1)


def run(station: ChargePoint, evse_number: int = 1) -> Transaction:
    """An hour that ends now."""
    begun = NOW - timedelta(hours=1)
    session = start_transaction(
        tenant_id=station.tenant_id,
        charge_point_id=station.pk,
        start=Start(evse_number, "TAG", begun, Decimal(1000), begun),
    ).transaction
    stop = Stop(session.protocol_id, NOW, Decimal(4000), NOW)
    stop_transaction(tenant_id=station.tenant_id, charge_point_id=station.pk, stop=stop)
    with tenant_transaction(station.tenant_id):
        return Transaction.objects.select_related("evse", "charge_point").get(pk=session.pk)


def row_of(session: Transaction) -> SessionAnalytics:
    with tenant_transaction(session.tenant_id):
        return SessionAnalytics.objects.get(transaction=session)


def content_of(row: SessionAnalytics) -> dict[str, Any]:
    assert row.content is not None
    return dict(row.content)


def shown(session: Transaction, at: timedelta) -> Analytics:
    with tenant_transaction(session.tenant_id):
        return analytics_of_any(session, NOW + at)


def test_it_comes_back_as_it_was_kept() -> None:
    values = {(ENERGY, "Outlet"): {"": Decimal(2000)}, (POWER, "Outlet"): {"": Decimal("7.5")}}
    bounds = Bounds(NOW, NOW + timedelta(hours=1), Decimal(1000), Decimal(3000))
    found = analyse(bounds, [(NOW + timedelta(minutes=5), values)])
    assert read_content(as_content(found)) == found
    empty = analyse(replace(bounds, end=NOW, meter_stop_wh=None), [])
    assert read_content(as_content(empty)) == empty


def test_it_is_worked_out_after_the_end_and_again_before_the_readings_go(station: ChargePoint) -> None:
    session = run(station)
    assert keep_due_analytics(NOW + SETTLES / 2) == 0
    later = timezone.now() + SETTLES
    assert keep_due_analytics(later) == 1
    row = row_of(session)
    assert (content_of(row)["energy_wh"], row.computed_at) == ("3000.000", later)
    assert row.due_at == session.started_at + 6 * DAY
    assert keep_due_analytics(later) == 0
    assert keep_due_analytics(session.started_at + 6 * DAY) == 1
    assert row_of(session).due_at is None


def test_a_station_whose_readings_go_after_a_day_gets_it_once(station: ChargePoint) -> None:
    change_own_wishes(station, {"MeterValueRetentionDays": "1"}, actor="alice", origin="api")
    session = run(station)
    assert keep_due_analytics(timezone.now() + SETTLES) == 1
    assert row_of(session).due_at is None


def test_the_readings_are_asked_while_they_are_there_and_the_kept_ones_afterwards(station: ChargePoint) -> None:
    session = run(station)
    keep_due_analytics(timezone.now() + SETTLES)
    with tenant_transaction(session.tenant_id):
        row = SessionAnalytics.objects.get()
        row.content = {**content_of(row), "charging_seconds": 1234}
        row.save()
    assert shown(session, 6 * DAY).charging_seconds == 3600
    assert shown(session, 8 * DAY).charging_seconds == 1234


def test_a_stop_that_comes_when_the_readings_are_gone_leaves_what_is_known(station: ChargePoint) -> None:
    session = run(station)
    keep_due_analytics(timezone.now() + SETTLES)
    with tenant_transaction(session.tenant_id):
        row = SessionAnalytics.objects.get()
        known = {**content_of(row), "charging_seconds": 1234}
        SessionAnalytics.objects.update(content=known, due_at=NOW)
    assert keep_due_analytics(NOW + 30 * DAY) == 1
    assert row_of(session).content == known


def test_one_that_fails_is_tried_again_and_does_not_stop_the_others(
    station: ChargePoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = run(station), run(station, 2)
    real = analytics_of

    def failing(session: Transaction, now: object) -> Analytics:
        if session.pk == first.pk:
            raise ValueError("broken")
        return real(session, now)  # type: ignore[arg-type]

    monkeypatch.setattr(kept, "analytics_of", failing)
    later = timezone.now() + SETTLES
    assert keep_due_analytics(later) == 1
    assert row_of(second).content is not None
    assert row_of(first).due_at == later + kept.TRY_AGAIN
