"""Work on many by careless and hurried people: pages say what is done, twice is not done unasked, too much is refused."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from chargepoints.models import BulkCommand, ChargePoint, CommandState, IdTag
from chargepoints.services.bulk_progress import advance_bulks
from chargepoints.services.configuration_keys import RETENTION_KEY
from chargepoints.services.connectors import get_connector
from tenants.admin.paging import WorkedOnPaginator
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Tenant, User
from tests.admin.conftest import office
from tests.admin.test_bulk import LIST, answer, hidden, only_bulk, pick
from tests.api.conftest import make_session
from tests.chargepoints.test_bulk import make_fleet

pytestmark = pytest.mark.usefixtures("redis_clean", "no_worker")


@pytest.fixture
def fleet(tenant: Tenant) -> list[ChargePoint]:
    make_fleet(tenant, 3, prefix="ON")
    with tenant_transaction(tenant.pk):
        return list(ChargePoint.objects.order_by("pk"))


def begun(operator: Client, tenant: Tenant, fleet: list[ChargePoint]) -> BulkCommand:
    """A command that has been sent to all of them."""
    form = pick(operator, "send_to_many", fleet)
    ready = {**hidden(form), "chosen": "ClearCache", "concurrency": "10", "step": "send"}
    operator.post(reverse("admin:bulk_command_new"), ready)
    advance_bulks()
    return only_bulk(tenant)


def test_what_is_not_to_be_kept_is_not_kept_beside_a_key_that_is_ours(
    operator: Client, tenant: Tenant, fleet: list[ChargePoint]
) -> None:
    form = pick(operator, "configure_many", fleet)
    filled = {"key1": RETENTION_KEY, "value1": "30", "key2": "HeartbeatInterval", "value2": "300", "concurrency": "10"}
    asked = operator.post(reverse("admin:bulk_keys"), {**hidden(form), **filled}).content.decode()
    assert f"{RETENTION_KEY}: no station is sent this, it is kept here as the wish of each." in asked
    assert "Each that is online is sent the keys now." in asked
    assert "It is kept as the wish of each: what the tenant wants" not in asked
    operator.post(reverse("admin:bulk_keys"), hidden(asked))
    with tenant_transaction(tenant.pk):
        assert [row.desired_configuration for row in ChargePoint.objects.all()] == [{RETENTION_KEY: "30"}] * 3
        assert BulkCommand.objects.get().payload["key"] == "HeartbeatInterval"


def test_a_key_that_no_station_is_sent_is_not_said_to_be_sent(
    operator: Client, tenant: Tenant, fleet: list[ChargePoint]
) -> None:
    form = pick(operator, "configure_many", fleet)
    filled = {"key1": RETENTION_KEY, "value1": "30", "concurrency": "10"}
    asked = operator.post(reverse("admin:bulk_keys"), {**hidden(form), **filled}).content.decode()
    assert "is sent the keys now" not in asked
    assert "no station is sent this" in asked


def test_the_second_who_tries_again_is_told_of_the_first(
    operator: Client, tenant: Tenant, alice: User, fleet: list[ChargePoint]
) -> None:
    bulk = begun(operator, tenant, fleet)
    answer(tenant, CommandState.REJECTED)
    advance_bulks()
    retry = reverse("admin:bulk_command_retry", args=[bulk.pk])
    asked = operator.get(retry).content.decode()
    assert "has tried this again already" not in asked
    operator.post(retry, hidden(asked))
    assert "oscar has tried this again already" in office(alice).get(retry).content.decode()


def test_progress_counts_the_stations_that_are_left_and_is_whole_only_at_the_end(
    operator: Client, tenant: Tenant, fleet: list[ChargePoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    bulk = begun(operator, tenant, fleet)
    answer(tenant, CommandState.ACCEPTED, charge_point=fleet[0])
    live = reverse("admin:bulk_command_live", args=[bulk.pk])
    assert "1 of 3 done" in operator.get(live).content.decode()
    # 999 of 1000 are no 100 %.
    counts = {"accepted": 999, "queued": 1}
    monkeypatch.setattr(
        "chargepoints.admin.bulk_page.counts_of",
        lambda bulks: {bulk.pk: {**dict.fromkeys(("waiting", "skipped", *CommandState.values), 0), **counts}},
    )
    assert 'value="99"' in operator.get(live).content.decode()
    monkeypatch.undo()
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.filter(pk=fleet[1].pk).delete()
    answer(tenant, CommandState.ACCEPTED)
    shown = operator.get(live).content.decode()
    assert "2 of 2 done" in shown
    assert 'value="100"' in shown


def test_more_stations_than_a_form_can_carry_are_refused_before_anything_is_asked(
    operator: Client, fleet: list[ChargePoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("chargepoints.admin.bulk_actions.MOST_STATIONS", 2)
    chosen = {"action": "reset_many", "_selected_action": [fleet[0].pk], "select_across": "1"}
    listed = reverse(LIST)
    assert "At most 2 at once: filter the list first." in operator.post(listed, chosen, follow=True).content.decode()
    assert "Reset to 2 charge points" in pick(operator, "reset_many", fleet[:2])


def test_select_all_says_how_many_that_are(
    operator: Client, tenant: Tenant, fleet: list[ChargePoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Lists that are only read count no further than this.
    monkeypatch.setattr("tenants.admin.paging.CAP", 2)
    listed = operator.get(reverse(LIST))
    assert isinstance(listed.context["cl"].paginator, WorkedOnPaginator)
    assert listed.context["cl"].result_count == 3


def test_a_station_with_too_many_labels_may_lose_some(
    operator: Client, tenant: Tenant, fleet: list[ChargePoint]
) -> None:
    many = [f"l{number}" for number in range(60)]
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.filter(pk=fleet[0].pk).update(tags=many)
    start = {**hidden(pick(operator, "label_many", fleet)), "step": "send"}
    operator.post(reverse("admin:bulk_labels"), {**start, "remove": "l0,l1"})
    with tenant_transaction(tenant.pk):
        assert ChargePoint.objects.get(pk=fleet[0].pk).tags == many[2:]
    page = operator.post(reverse("admin:bulk_labels"), {**start, "add": "one more"}).content.decode()
    assert "ON0 would have more than 50 labels." in page


def test_the_trail_says_who_took_the_tags_along(tenant: Tenant, bob: User, redis_clean: Any) -> None:
    with tenant_transaction(tenant.pk):
        IdTag.objects.create(tenant=tenant, token="CARD", token_key="card")
    assert b"CARD" in office(bob).get(reverse("admin:id_tag_export")).getvalue()
    with tenant_transaction(tenant.pk):
        entry = AuditEntry.objects.get(action="export")
    assert (entry.actor, entry.object_type, entry.changes["rows"]) == (bob.get_username(), "idtag", 1)


def test_what_holds_stations_back_is_counted_and_never_fetched(
    tenant: Tenant, alice: User, fleet: list[ChargePoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    with tenant_transaction(tenant.pk):
        get_connector(fleet[0], 1)
    for number in range(3):
        make_session(fleet[0], str(number), state="stopped", started_at=timezone.now() - timedelta(hours=number))
    client = office(alice)
    listed, chosen = reverse(LIST), {"action": "delete_selected", "_selected_action": [one.pk for one in fleet]}
    assert "3 sessions, which stay on record." in client.post(listed, chosen).content.decode()
    one = client.get(reverse("admin:chargepoints_chargepoint_delete", args=[fleet[0].pk])).content.decode()
    assert "3 sessions, which stay on record." in one
    assert "Take it out of service" in one
    client.post(listed, {**chosen, "post": "yes"})
    with tenant_transaction(tenant.pk):
        assert ChargePoint.objects.count() == 3
    monkeypatch.setattr("chargepoints.admin.station_deletion.MOST_DELETED", 2)
    assert "More than 2 charge points at once" in client.post(listed, chosen).content.decode()


def test_stations_without_sessions_are_deleted_with_what_hangs_on_them(
    operator: Client, tenant: Tenant, alice: User, fleet: list[ChargePoint]
) -> None:
    begun(operator, tenant, fleet)
    chosen = {"action": "delete_selected", "_selected_action": [one.pk for one in fleet[:2]]}
    client = office(alice)
    page = client.post(reverse(LIST), chosen)
    assert page.context["model_count"]
    assert dict(page.context["model_count"])["commands"] == 2
    client.post(reverse(LIST), {**chosen, "post": "yes"})
    with tenant_transaction(tenant.pk):
        assert list(ChargePoint.objects.values_list("identity", flat=True)) == ["ON2"]
        assert AuditEntry.objects.filter(action="delete", object_type="chargepoint").count() == 2


@pytest.mark.parametrize("asked", ["actor=a%00b", "action=a%00b", "at__year=99999999999999999999", "q=a%00b"])
def test_a_list_asked_for_nonsense_is_answered(tenant: Tenant, alice: User, asked: str) -> None:
    answer = office(alice).get(reverse("admin:tenants_auditentry_changelist") + f"?{asked}", follow=True)
    assert answer.status_code == 200
