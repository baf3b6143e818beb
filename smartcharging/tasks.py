"""Tasks of this app: the rounds of load management, asked for or by the minute, and what is swept."""

from typing import Any

from django.utils import timezone

from smartcharging.metrics import ROUND_SECONDS, note_round
from smartcharging.services import fleet_load, rounds, wake
from smartcharging.services import rebalance as rounds_of_circuits
from smartcharging.services.drift import check_schedules
from smartcharging.services.settling import settle_lost
from tenants.periodic import periodic_task


@periodic_task(expires=9)
def settle_profiles() -> int:
    """Profiles whose command has ended where nobody was told."""
    return settle_lost()


@periodic_task(expires=50)
def compare_schedules() -> int:
    """Ask stations for their composite schedules; what differs is mended as the answers come."""
    return check_schedules()


@periodic_task(expires=50)
def rebalance(tenant_id: int, root_id: int, cause: str) -> None:
    """A round of one tree, because something has happened there."""
    wake.take_wake(tenant_id=tenant_id, root_id=root_id)
    with ROUND_SECONDS.time():
        done = rounds_of_circuits.rebalance_circuit(tenant_id=tenant_id, root_id=root_id, cause=cause)
    note_round(done)


@periodic_task(expires=50)
def rebalance_all() -> int:
    """By the minute, a round of every tree: what nobody told of is found. The number of trees."""
    return rounds_of_circuits.rebalance_all()


@periodic_task()
def delete_old_rounds() -> int:
    """Rounds and limits sent are kept for 30 days."""
    return rounds.delete_old_rounds(timezone.now())


@periodic_task(expires=50)
def record_fleet_load() -> int:
    """The power of every fleet at this minute, and what its connections could carry."""
    return fleet_load.record_fleet_load(timezone.now())


@periodic_task(expires=3600)
def forget_fleet_load() -> int:
    """Minutes of fleets past their keeping."""
    return fleet_load.forget_old_load(timezone.now())


BEAT_SCHEDULE: dict[str, dict[str, Any]] = {
    "settle-profiles": {"task": "smartcharging.tasks.settle_profiles", "schedule": 10.0},
    "rebalance-circuits": {"task": "smartcharging.tasks.rebalance_all", "schedule": 60.0},
    "record-fleet-load": {"task": "smartcharging.tasks.record_fleet_load", "schedule": 60.0},
    "forget-fleet-load": {"task": "smartcharging.tasks.forget_fleet_load", "schedule": 3600.0},
    "delete-old-rounds": {"task": "smartcharging.tasks.delete_old_rounds", "schedule": 3600.0},
    "compare-schedules": {"task": "smartcharging.tasks.compare_schedules", "schedule": 60.0},
}
