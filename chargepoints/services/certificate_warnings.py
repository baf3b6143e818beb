"""Certificates that near their end, told by beat: at each stage once, so that nobody finds out by stations staying away.

A station's certificate is renewed before (`certificate_sweeps`): a warning means that this did not work. An authority
can't renew itself: a person makes or brings the next one, in good time for all stations to get new certificates.
"""

from datetime import datetime, timedelta

from cryptography import x509
from django.db.models import Exists, OuterRef, Q

from chargepoints.events import CertificateExpiring
from chargepoints.models import CertificateAuthority, StationCertificate
from chargepoints.services.pem import InvalidCertificate, read_certificates
from tenants.context import system_transaction, tenant_transaction
from tenants.events import publish

# Days before the end; 0: it has ended.
AUTHORITY_STAGES = (180, 90, 30, 14, 7, 1, 0)
STATION_STAGES = (14, 7, 1, 0)
# One that ended long ago isn't in use.
FORGOTTEN_AFTER = timedelta(days=30)


def warn_of_ends(now: datetime) -> int:
    """Publish what has reached its next stage; how many."""
    return _warn_of_stations(now) + _warn_of_authorities(now)


def stage_of(end: datetime, now: datetime, stages: tuple[int, ...]) -> int | None:
    """The nearest stage that is reached; None: it is far yet. Pure."""
    reached = [days for days in stages if end - now <= timedelta(days=days)]
    return min(reached) if reached else None


def _warn_of_stations(now: datetime) -> int:
    with system_transaction():
        installed = StationCertificate.objects.filter(state=StationCertificate.State.INSTALLED)
        newer = installed.filter(charge_point=OuterRef("charge_point"), not_after__gt=OuterRef("not_after"))
        rows = list(
            installed.select_related("charge_point").filter(
                ~Exists(newer),
                not_after__lt=now + timedelta(days=max(STATION_STAGES)),
                not_after__gt=now - FORGOTTEN_AFTER,
            )
        )
    told = 0
    for row in rows:
        assert row.not_after is not None  # noqa: S101 (compared above)
        stage = stage_of(row.not_after, now, STATION_STAGES)
        with tenant_transaction(row.tenant_id):
            if _reaches(row, stage):
                told += 1
                _tell(row.charge_point.identity, "", row.serial_number, row.not_after, now)
    return told


def _warn_of_authorities(now: datetime) -> int:
    with system_transaction():
        held = StationCertificate.objects.filter(
            authority=OuterRef("pk"), state__in=StationCertificate.TRUSTED, not_after__gt=now
        )
        rows = list(CertificateAuthority.objects.filter(Q(active=True) | Exists(held)))
    told = 0
    for row in rows:
        try:
            first = _first_to_end(row)
        except InvalidCertificate:
            continue
        end = first.not_valid_after_utc
        with tenant_transaction(row.tenant_id):
            if _reaches(row, stage_of(end, now, AUTHORITY_STAGES)):
                told += 1
                _tell("", row.name, f"{first.serial_number:x}", end, now)
    return told


def _first_to_end(row: CertificateAuthority) -> x509.Certificate:
    """Of its chain: with it the others are of no use."""
    return min(read_certificates(row.certificate), key=lambda one: one.not_valid_after_utc)


def _reaches(row: CertificateAuthority | StationCertificate, stage: int | None) -> bool:
    """Note that the stage is told; False where it has been. Two beats at once tell it once."""
    if stage is None:
        return False
    untold = Q(warned_days=None) | Q(warned_days__gt=stage)
    return bool(type(row).objects.filter(untold, pk=row.pk).update(warned_days=stage))


def _tell(identity: str, authority: str, serial_number: str, end: datetime, now: datetime) -> None:
    publish(
        CertificateExpiring(
            charge_point=identity,
            at=now,
            authority=authority,
            serial_number=serial_number,
            ends_at=end,
            days_left=max(0, (end - now).days),
        )
    )
