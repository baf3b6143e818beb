"""One round of a tree: read, settle, allot, send. What keeps the fuse (DESIGN §7.4).

One round at a time for each root (an advisory lock of the transaction), and all that it changes is committed together:
the ledger says what the stations may be following from the moment at which a command exists that lets them. Lowers go
out at once; a raise only where everything that may be in force, the raise included, fits everywhere above it. What is
not confirmed counts at its highest possible value (`ledger`). Where allocation fails nobody is raised.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.utils import timezone

from smartcharging.causes import Cause
from smartcharging.models import Allotment, Circuit, CircuitRound
from smartcharging.services import ledger
from smartcharging.services.bookkeeping import count_anew, let_go, settle_tree
from smartcharging.services.deciding import decide
from smartcharging.services.limits_out import note_results, send_limits, tell_limits
from smartcharging.services.loads import picture_of
from smartcharging.services.measured import measured_amps
from smartcharging.services.monitoring import Findings, look, look_at_circuits
from smartcharging.services.reading import Tree, read_tree
from smartcharging.services.rounds import Report, store_round
from smartcharging.services.wake import wake_at, wake_now
from smartcharging.services.watching import tell_findings
from smartcharging.services.writing import fill_report, honour, note_turns, save_ledger
from tenants.context import scope_connection, system_transaction, tenant_transaction
from tenants.services.system_alerts import raise_system_alert, resolve_system_alert

log = structlog.get_logger(__name__)
State = Allotment.State

LOCK = "SELECT pg_try_advisory_xact_lock(hashtextextended('rebalancing circuit ' || %s || ' of ' || %s, 0))"
# Another round is at work: this one comes after it.
BUSY_S = 0.3
FAILED = "rebalancing_failed"
BY_THE_MINUTE: Cause = "minute"
# How long one task goes through the trees itself.
ALONE_S = 40.0


@dataclass(slots=True)
class Outcome:
    """What is done once the round is committed."""

    tree: Tree
    findings: Findings
    round: CircuitRound
    failure: str = ""
    look_again_at: datetime | None = None


def rebalance_circuit(*, tenant_id: int, root_id: int, cause: str, now: datetime | None = None) -> CircuitRound | None:
    """Run a round. None: the tree is gone or switched off, or another round is at work (then one more follows it)."""
    now = now or timezone.now()
    with tenant_transaction(tenant_id):
        with scope_connection().cursor() as cursor:
            cursor.execute(LOCK, [root_id, tenant_id])
            (locked,) = cursor.fetchone()
        outcome = _round(root_id, cause, now) if locked else None
    if not locked:
        wake_now(tenant_id=tenant_id, root_id=root_id, cause=cause, delay_s=BUSY_S)
        return None
    if outcome is None:
        return None
    _after_commit(outcome, tenant_id, root_id, now)
    return outcome.round


def rebalance_all() -> int:
    """Ask for a round of every tree that is switched on; where nobody can be asked, run it here. The number of trees."""
    with system_transaction():
        roots = list(Circuit.objects.filter(parent=None, enabled=True).order_by("pk").values_list("tenant_id", "pk"))
    started = time.monotonic()
    for done, (tenant_id, root_id) in enumerate(roots):
        if wake_now(tenant_id=tenant_id, root_id=root_id, cause=BY_THE_MINUTE):
            continue
        if time.monotonic() - started > ALONE_S:
            # The next minute goes on; by then somebody can be asked again, or begins elsewhere.
            log.warning("circuits left to the next minute", left=len(roots) - done)
            break
        try:
            rebalance_circuit(tenant_id=tenant_id, root_id=root_id, cause=BY_THE_MINUTE)
        except Exception:
            # One that fails must not stand before the others.
            log.exception("circuit not rebalanced", circuit_id=root_id)
    return len(roots)


def _round(root_id: int, cause: str, now: datetime) -> Outcome | None:
    tree = read_tree(root_id, now)
    if tree is None:
        return None
    started = time.perf_counter()
    told = settle_tree(tree, now)
    if not tree.root.enabled:
        let_go(tree)
        save_ledger(tree, Findings())
        return None
    settled = time.perf_counter() - started
    measured = measured_amps(
        {seat.place for seat in tree.seats},
        phases={seat.place: len(seat.phases) for seat in tree.seats},
        voltage=float(tree.root.voltage),
        now=now,
    )
    # Without what is read: that is the database's and Redis's time.
    started = time.perf_counter() - settled
    findings = look(tree, measured, now)
    picture = picture_of(tree, measured, now)
    look_at_circuits(tree, picture, measured, findings, now)
    report = Report(cause, tree.root.strategy, active=sum(load.active for load in picture.loads))
    orders, headroom, failure = decide(tree, picture, findings, report, now)
    report.compute_ms = (time.perf_counter() - started) * 1000
    sent = send_limits(root=tree.root, orders=orders, cause=cause, now=now)
    report.sent = len(sent)
    note_turns(tree, picture, now)
    count_anew(tree.seats)
    honour(tree, headroom, now)
    save_ledger(tree, findings)
    note_results([circuit.pk for circuit in tree.circuits])
    tell_limits(told, now)
    fill_report(report, tree, picture)
    stored = store_round(tree.root, report, now)
    return Outcome(tree, findings, stored, failure, _look_again_at(tree, now))


def _look_again_at(tree: Tree, now: datetime) -> datetime | None:
    """When something is due before the next minute: a retry, a message that is slow, a signal's edge."""
    times = [tree.next_limit_at]
    for seat in tree.seats:
        row = seat.row
        if not seat.reachable:
            continue
        times += [row.retry_at, row.default_retry_at]
        if row.state == State.SENDING and row.sent_at is not None:
            times.append(row.sent_at + ledger.SLOW)
        if row.default_sent_a is not None and row.default_sent_at is not None:
            times.append(row.default_sent_at + ledger.SLOW)
        if row.raised_at is not None and row.raised_at > now - timedelta(seconds=tree.root.hold_s):
            times.append(row.raised_at + timedelta(seconds=tree.root.hold_s))
    soon = [at for at in times if at is not None and now < at <= now + timedelta(seconds=60)]
    return min(soon, default=None)


def _after_commit(outcome: Outcome, tenant_id: int, root_id: int, now: datetime) -> None:
    """Nothing of this may undo or hold up a round: it is committed."""
    subject = f"circuit {root_id} of tenant {tenant_id}"
    try:
        if outcome.failure:
            raise_system_alert(kind=FAILED, subject=subject, detail=outcome.failure)
        else:
            resolve_system_alert(kind=FAILED, subject=subject)
        tell_findings(tree=outcome.tree, findings=outcome.findings, now=now)
    except Exception:
        log.exception("alerts of a circuit not written", circuit_id=root_id)
    if outcome.look_again_at is not None:
        wake_at(tenant_id=tenant_id, root_id=root_id, at=outcome.look_again_at, cause="retry")
