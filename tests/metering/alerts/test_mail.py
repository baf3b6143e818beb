"""Mail about alerts: once, together, to whom it concerns, and never in the way."""

from datetime import timedelta
from smtplib import SMTPRecipientsRefused
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.utils import timezone

from chargepoints.models import ChargePoint
from metering.alerts import mail as module
from metering.alerts.checks import mail_server_is_named
from metering.alerts.incidents import Incident, record_incidents
from metering.alerts.mail import ATTEMPTS, NAMED, compose, mail_due_alerts
from metering.models import Alert, AlertRecipient
from tenants.context import system_transaction, tenant_transaction
from tenants.models import SystemAlert, Tenant
from tests.metering.conftest import NOW, make_charge_point


@pytest.fixture(autouse=True)
def outbox(redis_clean: Any) -> list[Any]:
    mail.outbox = []
    return mail.outbox


def recipient(tenant: Tenant, email: str = "ops@acme.example", **fields: Any) -> None:
    with tenant_transaction(tenant.pk):
        AlertRecipient.objects.create(tenant=tenant, email=email, **fields)


def alarm(station: ChargePoint, key: str = "k", **fields: Any) -> None:
    given: dict[str, Any] = {
        "kind": "fault",
        "severity": "warning",
        "detail": f"OtherError: {key}",
        "started_at": NOW,
        "last_at": NOW,
    }
    incident = Incident(charge_point_id=station.pk, key=key, evse_number=1, **given | fields)
    record_incidents(tenant_id=station.tenant_id, incidents=[incident])


def later(minutes: float) -> Any:
    return timezone.now() + timedelta(minutes=minutes)


def test_an_alert_is_mailed_once_in_the_tenants_time_zone(station: ChargePoint, tenant: Tenant) -> None:
    with system_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(timezone="Asia/Tokyo")
    recipient(tenant)
    alarm(station, started_at=NOW.replace(hour=3, minute=5))
    assert mail_due_alerts() == 1
    assert mail_due_alerts(now=later(60)) == 0
    (message,) = mail.outbox
    assert message.to == ["ops@acme.example"]
    assert message.subject == "[Acme] Warning: CP-1 / 1: OtherError: k"
    assert "Since " in message.body
    assert "12:05 JST" in message.body


def test_a_storm_is_one_mail_for_each_recipient(station: ChargePoint, tenant: Tenant) -> None:
    for email in ("a@acme.example", "b@acme.example"):
        recipient(tenant, email)
    incidents = [
        Incident(
            charge_point_id=station.pk,
            key=str(number),
            kind="fault",
            severity="critical" if number < 3 else "warning",
            detail=f"Error {number}",
            started_at=NOW,
            last_at=NOW,
        )
        for number in range(250)
    ]
    record_incidents(tenant_id=tenant.pk, incidents=incidents)
    assert mail_due_alerts() == 2
    first, second = mail.outbox
    assert {first.to[0], second.to[0]} == {"a@acme.example", "b@acme.example"}
    assert first.subject == "[Acme] 250 alerts at 1 charge point (3 critical, 247 warning)"
    assert f"and {250 - NAMED} more" in first.body
    assert first.body.startswith("Critical: CP-1: Fault reported")


def test_each_gets_what_is_grave_enough(station: ChargePoint, tenant: Tenant) -> None:
    recipient(tenant, "all@acme.example", minimum_severity="info")
    recipient(tenant, "grave@acme.example", minimum_severity="critical")
    recipient(tenant, "off@acme.example", minimum_severity="info", enabled=False)
    alarm(station, "a", severity="info")
    mail_due_alerts()
    assert [one.to for one in mail.outbox] == [["all@acme.example"]]
    alarm(station, "b", severity="critical")
    mail_due_alerts()
    assert len(mail.outbox) == 3


def test_without_recipients_nothing_waits(station: ChargePoint, tenant: Tenant) -> None:
    alarm(station)
    assert mail_due_alerts() == 0
    recipient(tenant)
    assert mail_due_alerts(now=later(5)) == 0


def test_tenants_are_told_of_their_own(station: ChargePoint, tenant: Tenant, other_tenant: Tenant) -> None:
    recipient(tenant)
    recipient(other_tenant, "ops@umbrella.example")
    alarm(make_charge_point(other_tenant, "THEIRS"))
    mail_due_alerts()
    assert [one.to for one in mail.outbox] == [["ops@umbrella.example"]]


class Refusing(EmailBackend):
    """Takes no mail while `away`; refuses some addresses for good, or for now."""

    away = False
    codes: dict[str, int] = {}

    def open(self) -> bool:
        if self.away:
            raise ConnectionRefusedError("no server")
        return True

    def send_messages(self, messages: Any) -> int:
        (message,) = messages
        code = self.codes.get(message.to[0])
        if code:
            raise SMTPRecipientsRefused({message.to[0]: (code, b"no")})
        return super().send_messages(messages)


@pytest.fixture
def server(settings: Any, monkeypatch: pytest.MonkeyPatch) -> type[Refusing]:
    settings.EMAIL_BACKEND = f"{__name__}.Refusing"
    monkeypatch.setattr(Refusing, "away", False)
    monkeypatch.setattr(Refusing, "codes", {})
    return Refusing


def test_a_server_that_is_away_is_tried_again_ever_more_rarely_and_then_no_more(
    station: ChargePoint, tenant: Tenant, server: type[Refusing]
) -> None:
    recipient(tenant)
    alarm(station)
    server.away = True
    tried = []
    for minute in sorted(_interesting()):
        before = attempts()
        assert mail_due_alerts(now=later(minute)) == 0
        if attempts() > before:
            tried.append(minute)
    assert tried == [int(after.total_seconds() // 60) for after in ATTEMPTS]
    with system_transaction():
        assert SystemAlert.objects.get().kind == "mail_fails"


def _interesting() -> set[int]:
    """The minutes about each attempt."""
    minutes = [int(after.total_seconds() // 60) for after in ATTEMPTS]
    return {minute + around for minute in minutes for around in (-1, 0, 1, 60) if minute + around >= 0}


def attempts() -> int:
    with system_transaction():
        return Alert.objects.get().mail_attempts


def test_it_catches_up_when_the_server_is_back(station: ChargePoint, tenant: Tenant, server: type[Refusing]) -> None:
    recipient(tenant)
    alarm(station)
    server.away = True
    mail_due_alerts()
    server.away = False
    assert mail_due_alerts(now=later(1)) == 0
    assert mail_due_alerts(now=later(3)) == 1
    with system_transaction():
        assert SystemAlert.objects.get().resolved_at is not None


def test_one_bad_address_does_not_have_the_others_told_twice(
    station: ChargePoint, tenant: Tenant, server: type[Refusing]
) -> None:
    for email in ("a@acme.example", "full@acme.example", "gone@acme.example"):
        recipient(tenant, email)
    server.codes = {"full@acme.example": 452, "gone@acme.example": 550}
    alarm(station)
    assert mail_due_alerts() == 1
    server.codes = {"gone@acme.example": 550}
    assert mail_due_alerts(now=later(3)) == 1
    assert [one.to[0] for one in mail.outbox] == ["a@acme.example", "full@acme.example"]
    assert mail_due_alerts(now=later(60)) == 0


def test_a_crash_after_the_claim_means_another_attempt(
    station: ChargePoint, tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipient(tenant)
    alarm(station)
    with monkeypatch.context() as crashed:

        def crash(*args: Any) -> Any:
            raise KeyboardInterrupt

        crashed.setattr(module, "_send", crash)
        with pytest.raises(KeyboardInterrupt):
            mail_due_alerts()
    assert mail_due_alerts(now=later(3)) == 1


def test_no_word_of_a_station_or_a_person_gets_into_a_header(station: ChargePoint, tenant: Tenant) -> None:
    recipient(tenant)
    alarm(station, detail="OtherError: x\r\nBcc: all@example.com\x00\x85\u2028more")
    tenant.name = "Ac\nme"
    with tenant_transaction(tenant.pk):
        message = compose(tenant, "ops@acme.example", list(Alert.objects.select_related("charge_point")))
    assert message.subject.startswith("[Ac me] Warning: CP-1 / 1: OtherError: x Bcc: all@example.com")
    assert len(message.subject.splitlines()) == 1
    assert set(message.message().keys()) & {"Bcc", "Cc"} == set()


def test_an_address_that_is_none_stops_nothing(station: ChargePoint, tenant: Tenant) -> None:
    recipient(tenant, "a@acme.example\nBcc: all@example.com")
    recipient(tenant, "b@acme.example")
    alarm(station)
    assert mail_due_alerts() == 1
    assert mail.outbox[0].to == ["b@acme.example"]


def test_production_without_a_server_mails_nothing_and_says_so(
    station: ChargePoint, tenant: Tenant, settings: Any
) -> None:
    assert mail_server_is_named(None) == []
    settings.EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
    (warning,) = mail_server_is_named(None)
    assert warning.id == "metering.W001"
    recipient(tenant)
    alarm(station)
    assert mail_due_alerts() == 0
    assert attempts() == 0


def test_links_lead_to_the_back_office_where_its_address_is_known(
    station: ChargePoint, tenant: Tenant, settings: Any
) -> None:
    settings.PUBLIC_URL = "https://csms.example.com/"
    recipient(tenant)
    alarm(station)
    mail_due_alerts()
    assert "https://csms.example.com/admin/metering/alert/" in mail.outbox[0].body
