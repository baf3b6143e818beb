"""Answers of many stations settled together come to the same as each by itself."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from chargepoints.models import Command, CommandState, Transaction
from chargepoints.services import command_hooks
from chargepoints.services.command_answers import Answer, finish_many
from chargepoints.services.commands import finish_command
from smartcharging.models import ChargingProfile
from smartcharging.services import settling, settling_together
from smartcharging.services.settling import on_profile_settled
from tenants.context import tenant_transaction
from tenants.models import OutboxEvent, Tenant
from tests.api.conftest import make_session
from tests.smartcharging.profile_rows.fleet import a_profile, install, leave, make_fleet, send

Outcome = list[tuple[Any, ...]]


def prepare(tenant: Tenant, prefix: str) -> list[Answer]:
    """A station for each thing that an answer can mean."""
    plain, refused, replacing, same_id, over, late, raw = make_fleet(tenant, 7, prefix=prefix)
    rows = {"plain": send(tenant, plain, a_profile(profile_id=10)), "refused": send(tenant, refused, a_profile())}
    install(tenant, replacing, a_profile(profile_id=20))
    rows["replacing"] = send(tenant, replacing, a_profile(profile_id=21))
    install(tenant, same_id, a_profile(profile_id=30))
    rows["same_id"] = send(tenant, same_id, a_profile("station_max", profile_id=30, kind="absolute"), 0)
    session = make_session(over, str(900000 + over.pk), started_at=timezone.now())
    rows["over"] = send(
        tenant, over, a_profile("tx", transaction_id="1", profile_id=40), transaction_id=session.pk, source="circuit"
    )
    rows["late"] = send(tenant, late, a_profile(profile_id=50))
    for row in rows.values():
        leave(tenant, row.command_id)
    install(tenant, late, a_profile(profile_id=51))
    unknown = send(tenant, raw, a_profile(profile_id=60))
    leave(tenant, unknown.command_id)
    with tenant_transaction(tenant.pk):
        Transaction.objects.filter(pk=session.pk).update(state=Transaction.State.STOPPED)
        # Sent before the other one, which has been taken.
        Command.objects.filter(charging_profiles=rows["late"]).update(sent_at=timezone.now() - timedelta(minutes=1))
        ChargingProfile.objects.filter(pk=unknown.pk).delete()
    commands = [*(row.command_id for row in rows.values()), unknown.command_id]
    words = ["Accepted", "Rejected", *["Accepted"] * 5]
    states = {"Accepted": CommandState.ACCEPTED, "Rejected": CommandState.REJECTED}
    return [
        Answer(pk, states[word], {"status": word}) for pk, word in zip(commands, words, strict=True) if pk is not None
    ]


def outcome(tenant: Tenant, prefix: str) -> tuple[Outcome, Outcome]:
    """What lies at the stations by our side, and what was told, without what differs by its nature."""
    with tenant_transaction(tenant.pk):
        rows = ChargingProfile.objects.filter(charge_point__identity__startswith=prefix)
        profiles = rows.order_by("charge_point__identity", "profile_id", "pk").values_list(
            "charge_point__identity", "profile_id", "purpose", "state", "detail", "source"
        )
        events = OutboxEvent.objects.filter(
            charge_point__startswith=prefix, event_type__in=["profile.changed", "command.finished"]
        )
        told = [
            (event.charge_point.removeprefix(prefix), event.event_type, event.data["state"], event.data.get("detail"))
            for event in events
        ]
        return [(one[0].removeprefix(prefix), *one[1:]) for one in profiles], sorted(told, key=str)


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """States that hooks were told, in no order that matters."""
    told: list[str] = []
    monkeypatch.setattr(settling, "_hooks", [])
    on_profile_settled(lambda rows: told.extend(str(row.state) for row in rows))
    return told


def test_together_is_the_same_as_one_by_one(tenant: Tenant, hooks: list[str]) -> None:
    singly, together = prepare(tenant, "S"), prepare(tenant, "T")
    # Ids that were given out, not chosen, differ.
    with tenant_transaction(tenant.pk):
        for prefix in ("S", "T"):
            refused = ChargingProfile.objects.filter(charge_point__identity=f"{prefix}1")
            refused.update(profile_id=11)
    hooks.clear()
    for answer in singly:
        finish_command(tenant_id=tenant.pk, command_id=answer.command_id, state=answer.state, reply=answer.reply)
    told = sorted(hooks)
    hooks.clear()
    assert len(finish_many(tenant_id=tenant.pk, answers=together)) == len(together)
    assert sorted(hooks) == told
    assert outcome(tenant, "T") == outcome(tenant, "S")
    profiles, _ = outcome(tenant, "T")
    assert {state for _, _, _, state, *_ in profiles} == {"installed", "rejected", "replaced", "dropped"}


def test_a_fault_in_settling_many_settles_each_by_itself(
    tenant: Tenant, hooks: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stations = make_fleet(tenant, 2)
    rows = [send(tenant, station, a_profile()) for station in stations]
    for row in rows:
        leave(tenant, row.command_id)

    def fail(*args: object) -> None:
        raise ArithmeticError("a fault of ours")

    monkeypatch.setattr(settling_together, "_install_all", fail)
    answers = [Answer(row.command_id, CommandState.ACCEPTED, {"status": "Accepted"}) for row in rows if row.command_id]
    assert len(finish_many(tenant_id=tenant.pk, answers=answers)) == 2
    with tenant_transaction(tenant.pk):
        assert ChargingProfile.objects.filter(state="installed").count() == 2


def test_profiles_that_were_set_may_end_together_and_reservations_not() -> None:
    may: Callable[[str], bool] = command_hooks.may_end_together
    assert may("SetChargingProfile")
    assert not may("ReserveNow")
    assert not may("ClearCache")
