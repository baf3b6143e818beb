"""Certificates that near their end are told of, at each stage once."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from chargepoints.models import CertificateAuthority, StationCertificate
from chargepoints.services.certificate_authority import create_authority
from chargepoints.services.certificate_warnings import AUTHORITY_STAGES, STATION_STAGES, stage_of, warn_of_ends
from tenants.context import tenant_transaction
from tenants.models import OutboxEvent, Tenant
from tests.api.conftest import make_station

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "stage"), [(15, None), (14, 14), (8, 14), (7, 7), (1.5, 7), (1, 1), (0.2, 1), (0, 0), (-20, 0)]
)
def test_the_stage_is_the_nearest_that_is_reached(days: float, stage: int | None) -> None:
    assert stage_of(NOW + timedelta(days=days), NOW, STATION_STAGES) == stage


def told(tenant: Tenant) -> list[OutboxEvent]:
    with tenant_transaction(tenant.pk):
        return list(OutboxEvent.objects.filter(event_type="security.certificate_expiring").order_by("pk"))


def hold(tenant: Tenant, days: float, state: str = "installed") -> StationCertificate:
    with tenant_transaction(tenant.pk):
        station = StationCertificate.objects.values_list("charge_point_id", flat=True).first()
    charge_point_id = station or make_station(tenant).pk
    with tenant_transaction(tenant.pk):
        return StationCertificate.objects.create(
            tenant=tenant,
            charge_point_id=charge_point_id,
            state=state,
            serial_number=f"{days}",
            not_after=timezone.now() + timedelta(days=days),
        )


def test_a_station_that_did_not_renew_is_told_of_at_each_stage_once(tenant: Tenant) -> None:
    hold(tenant, 20)
    now = timezone.now()
    assert warn_of_ends(now) == 0
    for ahead, number in ((7, 1), (8, 1), (14, 2), (19.5, 3), (21, 4), (22, 4)):
        warn_of_ends(now + timedelta(days=ahead))
        assert len(told(tenant)) == number, ahead
    first = told(tenant)[0]
    assert (first.charge_point, first.data["authority"], first.data["serialNumber"]) == ("CP1", "", "20")
    assert first.data["daysLeft"] == 12


def test_an_older_certificate_or_one_that_is_not_used_is_not_told_of(tenant: Tenant) -> None:
    hold(tenant, 3)
    hold(tenant, 200)
    hold(tenant, 2, "revoked")
    assert warn_of_ends(timezone.now()) == 0


def test_one_that_ended_long_ago_is_forgotten(tenant: Tenant) -> None:
    hold(tenant, -31)
    assert warn_of_ends(timezone.now()) == 0


def test_an_authority_is_told_of_in_good_time(tenant: Tenant) -> None:
    with tenant_transaction(tenant.pk):
        create_authority(name="Acme roots", validity_days=365, actor="alice", origin="api")
    end = timezone.now() + timedelta(days=3650)
    for days in (200, 180, 179, 90, 30, 14, 7, 1, -1):
        warn_of_ends(end - timedelta(days=days) + timedelta(minutes=1))
    events = told(tenant)
    assert len(events) == len(AUTHORITY_STAGES)
    assert {(event.charge_point, event.data["authority"]) for event in events} == {("", "Acme roots")}


def test_an_authority_that_signs_no_more_and_holds_nobody_is_not(tenant: Tenant) -> None:
    with tenant_transaction(tenant.pk):
        create_authority(name="Old", validity_days=365, actor="alice", origin="api")
        CertificateAuthority.objects.update(active=False)
    assert warn_of_ends(timezone.now() + timedelta(days=3649)) == 0
