"""The first steps of a new tenant: what is done, what a station that was refused needs, and how the panel goes."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client, RequestFactory
from django.urls import reverse
from django.utils import timezone

from chargepoints.models import ChargePoint, DismissedHint, IdTag, SignInAttempt, Site
from csms.dashboard.first_steps import FirstSteps
from csms.dashboard.ocpp_address import ocpp_address
from metering.models import Tariff, TariffAssignment
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Role, Tenant, User
from tests.admin.conftest import office
from tests.api.conftest import make_session, make_station
from tests.conftest import make_user

pytestmark = pytest.mark.usefixtures("redis_clean")


def steps_of(client: Client) -> FirstSteps | None:
    found: FirstSteps | None = client.get(reverse("admin:overview_tiles")).context["steps"]
    return found


def refuse(tenant: Tenant, identity: str, reason: str) -> None:
    with tenant_transaction(tenant.pk):
        SignInAttempt.objects.create(
            **{"tenant": tenant, "identity": identity, "identity_key": identity.lower(), "reason": reason},
            **{"remote_address": "192.0.2.17", "last_at": timezone.now() - timedelta(minutes=1), "count": 3},
        )


def test_each_step_is_ticked_once_it_is_done(alice: User, tenant: Tenant, redis_clean: Any) -> None:
    client = office(alice)
    seen: list[tuple[int, str]] = []

    def look() -> None:
        steps = steps_of(client)
        seen.append((steps.done, steps.next) if steps else (6, ""))

    look()
    with tenant_transaction(tenant.pk):
        Site.objects.create(tenant=tenant, name="Depot")
    look()
    station = make_station(tenant)
    look()
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.update(last_boot_at=timezone.now())
        IdTag.objects.create(tenant=tenant, token="Card", token_key="card")
    look()
    make_session(station)
    look()
    with tenant_transaction(tenant.pk):
        tariff = Tariff.objects.create(tenant=tenant, name="T", currency="EUR", elements=[])
        TariffAssignment.objects.create(tenant=tenant, tariff=tariff)
    look()
    assert seen == [(0, "site"), (1, "station"), (2, "boot"), (4, "session"), (5, "tariff"), (6, "")]


def test_a_station_that_has_not_come_is_told_with_what_to_type_in(alice: User, tenant: Tenant) -> None:
    make_station(tenant, "WALL 1")
    page = office(alice).get(reverse("admin:index")).content.decode()
    assert "ws://testserver:9000/ocpp/acme/WALL%201" in page
    assert "its page gives a new one" in page


def test_a_refused_station_is_told_why_and_what_helps(alice: User, tenant: Tenant) -> None:
    station = make_station(tenant, "WALL-1")
    refuse(tenant, "wall_1", "unknown")
    refuse(tenant, "WALL-1", "wrong_password")
    client = office(alice)
    steps = steps_of(client)
    assert steps is not None
    assert [(one.identity, one.reason, one.count) for one in steps.tries] == [
        ("WALL-1", "Wrong password", 3),
        ("wall_1", "Unknown identity", 3),
    ]
    assert steps.tries[0].url == reverse("admin:chargepoints_chargepoint_change", args=[station.pk])
    # The form has the identity as the station spells it.
    form = client.get(steps.tries[1].url)
    assert 'value="wall_1"' in form.content.decode()


def test_who_may_not_create_things_is_shown_no_buttons(tenant: Tenant) -> None:
    refuse(tenant, "NEW", "unknown")
    page = office(make_user("person", tenant, Role.VIEWER)).get(reverse("admin:index")).content.decode()
    assert "First steps" in page
    assert reverse("admin:chargepoints_site_add") not in page
    assert reverse("admin:chargepoints_chargepoint_add") not in page
    assert "Hide for everyone" not in page


def test_put_away_it_stays_away_for_everyone(alice: User, bob: User, tenant: Tenant) -> None:
    client, url = office(alice), reverse("admin:dismiss_first_steps")
    assert client.get(url).status_code == 405
    assert office(bob).post(url).status_code == 403
    for _ in range(2):
        assert client.post(url).status_code == 302
    assert steps_of(client) is None
    assert steps_of(office(bob)) is None
    with tenant_transaction(tenant.pk):
        assert DismissedHint.objects.get().dismissed_by == "alice"
        assert AuditEntry.objects.filter(action="dismiss", actor="alice").count() == 1


def test_hiding_is_of_one_tenant(alice: User, charlie: User) -> None:
    office(alice).post(reverse("admin:dismiss_first_steps"))
    assert steps_of(office(charlie)) is not None


@pytest.mark.parametrize(
    ("public", "production", "secure", "tls", "address"),
    [
        ("http://127.0.0.1:8000", False, False, False, "ws://csms.example.com:9000/ocpp/acme/A%2FB"),
        ("http://127.0.0.1:8000", False, False, True, "wss://csms.example.com:9000/ocpp/acme/A%2FB"),
        ("https://office.example.com", True, True, False, "wss://office.example.com/ocpp/acme/A%2FB"),
        (
            "http://office.example.com:8080/csms/",
            True,
            False,
            False,
            "ws://office.example.com:8080/csms/ocpp/acme/A%2FB",
        ),
        ("http://office.example.com", True, False, True, "wss://office.example.com/ocpp/acme/A%2FB"),
        ("", True, True, False, "wss://csms.example.com:444/ocpp/acme/A%2FB"),
    ],
)
def test_the_address_is_where_stations_reach_this_system(
    settings: Any, public: str, production: bool, secure: bool, tls: bool, address: str
) -> None:
    settings.PUBLIC_URL, settings.PRODUCTION, settings.ALLOWED_HOSTS = public, production, ["*"]
    host = "csms.example.com:444" if secure else "csms.example.com"
    request = RequestFactory().get("/admin/", secure=secure, HTTP_HOST=host)
    assert ocpp_address(request, Tenant(slug="acme"), "A/B", tls=tls) == address
