"""The inbox of alerts, thresholds and recipients in the back office."""

from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from chargepoints.models import ChargePoint
from metering.models import Alert, AlertRecipient, Threshold
from tenants.context import system_transaction, tenant_transaction
from tenants.models import AuditEntry, Role, SystemAlert, Tenant, User
from tenants.services.system_alerts import raise_system_alert
from tests.admin.conftest import office
from tests.api.conftest import make_station
from tests.api.test_alerts import NOON, make_alert
from tests.conftest import make_user

INBOX = "admin:metering_alert_changelist"
BADGE = "bg-red-100 text-red-700"


@pytest.fixture
def station(tenant: Tenant) -> ChargePoint:
    return make_station(tenant)


@pytest.fixture
def alert(station: ChargePoint) -> Alert:
    return make_alert(station)


@pytest.fixture
def otto(tenant: Tenant) -> Client:
    """An operator at the browser."""
    return office(make_user("otto", tenant, Role.OPERATOR))


def page(client: Client, name: str, query: str = "", *args: Any) -> str:
    answer = client.get(reverse(name, args=args) + query)
    assert answer.status_code == 200
    return answer.content.decode()


def current(alert: Alert) -> Alert:
    with tenant_transaction(alert.tenant_id):
        return Alert.objects.get(pk=alert.pk)


def test_the_worst_open_alert_comes_first_and_resolved_ones_are_out_of_sight(
    station: ChargePoint, otto: Client
) -> None:
    make_alert(station, "a", worst_value=71)
    make_alert(station, "b", worst_value=99, severity="critical")
    acknowledged = make_alert(station, "c", worst_value=88, severity="critical")
    make_alert(station, "d", worst_value=77, resolved_at=NOON)
    otto.post(reverse("admin:alerts_acknowledge") + f"?ids={acknowledged.pk}", {"text": "mine"})
    shown = page(otto, INBOX)
    places = [shown.index(f"Temperature {value} Celsius") for value in (99, 71, 88)]
    assert places == sorted(places)
    assert "Temperature 77 Celsius" not in shown
    assert "Temperature 77 Celsius" in page(otto, INBOX, "?state=resolved")
    assert "Temperature 71 Celsius" not in page(otto, INBOX, "?state=acknowledged")
    assert reverse("admin:chargepoints_chargepoint_change", args=[station.pk]) in shown


def test_many_are_acknowledged_with_one_note(station: ChargePoint, otto: Client) -> None:
    alerts = [make_alert(station, key) for key in "abc"]
    chosen = {"action": "acknowledge", "_selected_action": [one.pk for one in alerts]}
    asked = otto.post(reverse(INBOX), chosen, follow=True)
    assert "Acknowledge 3 alerts" in asked.content.decode()
    assert all(current(one).status == "open" for one in alerts)
    done = otto.post(asked.redirect_chain[0][0], {"text": "On my way"}, follow=True)
    assert "3 alerts done" in done.content.decode()
    assert [(one.status, one.note, one.acknowledged_by) for one in map(current, alerts)] == [
        ("acknowledged", "On my way", "otto")
    ] * 3
    again = otto.post(asked.redirect_chain[0][0], {"text": ""}, follow=True)
    assert "3 alerts had been dealt with already" in again.content.decode()


def test_resolving_asks_for_the_reason(alert: Alert, otto: Client) -> None:
    url = reverse("admin:alerts_resolve") + f"?ids={alert.pk}"
    assert "Resolve: CP1: Temperature 75.5 Celsius, limit 70" in otto.get(url).content.decode()
    assert "This field is required" in otto.post(url, {"text": ""}).content.decode()
    assert otto.post(url, {"text": "Sensor replaced"}).status_code == 302
    assert (current(alert).status, current(alert).resolution) == ("resolved", "otto: Sensor replaced")
    with tenant_transaction(alert.tenant_id):
        entry = AuditEntry.objects.get()
    assert (entry.actor, entry.origin, entry.action) == ("otto", "admin", "resolve")


def test_an_alerts_page_offers_what_can_be_done(alert: Alert, otto: Client, bob: User) -> None:
    shown = page(otto, "admin:metering_alert_change", "", alert.pk)
    assert reverse("admin:alerts_acknowledge") in shown
    assert reverse("admin:alerts_resolve") in shown
    assert reverse("admin:alerts_resolve") not in page(office(bob), "admin:metering_alert_change", "", alert.pk)


@pytest.mark.parametrize("ids", ["", "x", "9" * 30, "0", "1,2;3"])
def test_wrong_numbers_are_not_found(otto: Client, ids: str) -> None:
    assert otto.get(reverse("admin:alerts_acknowledge") + f"?ids={ids}").status_code == 404


def test_viewers_and_strangers_cannot_touch_them(alert: Alert, bob: User, charlie: User) -> None:
    for person in (bob, charlie):
        for name in ("admin:alerts_acknowledge", "admin:alerts_resolve"):
            answer = office(person).post(reverse(name) + f"?ids={alert.pk}", {"text": "x"})
            assert answer.status_code == 404
    assert current(alert).status == "open"


def test_the_number_of_open_alerts_stands_beside_the_menu(station: ChargePoint, otto: Client, charlie: User) -> None:
    assert BADGE not in page(otto, "admin:chargepoints_chargepoint_changelist")
    for key in "abcdefghijklm":
        make_alert(station, key)
    shown = page(otto, "admin:chargepoints_chargepoint_changelist")
    assert "".join(shown[shown.index(BADGE) :].partition(">")[2].partition("<")[0].split()) == "13"
    assert BADGE not in page(office(charlie), "admin:chargepoints_chargepoint_changelist")


def test_the_badge_counts_the_tenants_own_on_platform_pages_too(
    alert: Alert, other_tenant: Tenant, redis_clean: Any
) -> None:
    make_alert(make_station(other_tenant), "theirs")
    shown = page(office(make_user("root", None, superuser=True)), "admin:tenants_systemalert_changelist")
    assert "".join(shown[shown.index(BADGE) :].partition(">")[2].partition("<")[0].split()) == "1"


def test_the_overview_and_the_stations_page_show_them(alert: Alert, otto: Client) -> None:
    text = "Temperature 75.5 Celsius, limit 70"
    assert f"CP1 / 1: {text}" in page(otto, "admin:index")
    assert text in page(otto, "admin:chargepoints_chargepoint_change", "", alert.charge_point_id)


BOUNDS = {"measurand": "Temperature", "min_value": "", "max_value": "55", "severity": "info", "enabled": "on"}
REST = {"charge_point": "", "evse_number": "", "hysteresis": "", "minimum_duration_s": "0"}


def test_an_administrator_sets_a_threshold(station: ChargePoint, alice: User, tenant: Tenant) -> None:
    data = {**BOUNDS, **REST, "charge_point": station.pk, "evse_number": "1"}
    assert office(alice).post(reverse("admin:metering_threshold_add"), data).status_code == 302
    with tenant_transaction(tenant.pk):
        row = Threshold.objects.get(charge_point=station)
        assert AuditEntry.objects.get().action == "create"
    assert (row.max_value, row.evse_number, row.severity) == (Decimal(55), 1, "info")
    shown = page(office(alice), "admin:metering_threshold_changelist")
    assert "at most 55 Celsius" in shown
    assert "CP1 / 1" in shown


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"max_value": ""}, "Give a minimum, a maximum, or both."),
        ({"min_value": "60"}, "The maximum must be above the minimum."),
        ({"evse_number": "1"}, "A connector needs its charge point."),
        ({"hysteresis": "-1"}, "The hysteresis can&#x27;t be negative."),
        ({"severity": "critical"}, "There is a threshold of this severity"),
        ({"measurand": "Temprature"}, "not one of the available choices"),
    ],
)
def test_a_threshold_that_cannot_be_is_a_form_error(
    tenant: Tenant, alice: User, change: dict[str, str], said: str
) -> None:
    answer = office(alice).post(reverse("admin:metering_threshold_add"), {**BOUNDS, **REST, **change})
    assert answer.status_code == 200
    assert said in answer.content.decode()


@pytest.mark.parametrize("how", ["off", "delete", "delete_selected"])
def test_switching_a_threshold_off_or_removing_it_ends_its_alerts(
    station: ChargePoint, alice: User, tenant: Tenant, how: str
) -> None:
    with tenant_transaction(tenant.pk):
        row = Threshold.objects.get(measurand="Temperature")
    alert = make_alert(station, threshold_id=row.pk)
    client = office(alice)
    if how == "off":
        data = {**BOUNDS, **REST, "severity": "critical"}
        del data["enabled"]
        client.post(reverse("admin:metering_threshold_change", args=[row.pk]), data)
    elif how == "delete":
        client.post(reverse("admin:metering_threshold_delete", args=[row.pk]), {"post": "yes"})
    else:
        chosen = {"action": "delete_selected", "_selected_action": [row.pk], "post": "yes"}
        client.post(reverse("admin:metering_threshold_changelist"), chosen)
    assert current(alert).status == "resolved"


def test_a_recipient_is_added_once(tenant: Tenant, alice: User) -> None:
    client, url = office(alice), reverse("admin:metering_alertrecipient_add")
    data = {"email": "ops@example.com", "minimum_severity": "critical", "enabled": "on"}
    assert client.post(url, data).status_code == 302
    again = client.post(url, {**data, "email": "OPS@example.com"})
    assert "This address is a recipient already" in again.content.decode()
    with tenant_transaction(tenant.pk):
        assert AlertRecipient.objects.get().email == "ops@example.com"


def test_system_alerts_are_for_platform_staff(tenant: Tenant, alice: User) -> None:
    for _ in range(2):
        raise_system_alert(kind="missing_partition", subject="metering_sample 2026-11-21", detail="gone")
    shown = page(office(make_user("root", None, superuser=True)), "admin:tenants_systemalert_changelist")
    assert "metering_sample 2026-11-21" in shown
    assert office(alice).get(reverse("admin:tenants_systemalert_changelist")).status_code == 403
    with system_transaction():
        assert SystemAlert.objects.get().count == 2


def test_the_inbox_takes_a_fixed_number_of_queries(station: ChargePoint, otto: Client) -> None:
    from django.db import connections
    from django.test.utils import CaptureQueriesContext

    def queries() -> int:
        with CaptureQueriesContext(connections["default"]) as captured:
            page(otto, INBOX)
        return len(captured)

    make_alert(station, "first")
    few = queries()
    for number in range(8):
        make_alert(station, str(number))
    assert queries() == few
