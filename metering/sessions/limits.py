"""What a session is limited to: the tightest of its remote start's, its tag's and its tenant's limits.

Fixed in the start's own transaction: a limit changed later is for later sessions.
"""

from decimal import Decimal

from chargepoints.models import Command, IdTag, Transaction
from chargepoints.services.authorize import ACCEPTED
from chargepoints.services.remote_limits import LimitValues
from metering.models import IdTagLimit, MeteringSettings, RemoteStartLimit, SessionLimit
from metering.models.limits import Limits


def keep_remote_limits(command: Command, limits: LimitValues) -> None:
    """Store them beside the command, until its session begins."""
    RemoteStartLimit.objects.create(
        tenant_id=command.tenant_id,
        command=command,
        max_energy_wh=limits.max_energy_wh,
        max_duration_s=limits.max_duration_s,
        max_cost=limits.max_cost,
    )


def fix_limits(session: Transaction) -> None:
    """At a session's start: keep what it is limited to. Nothing for one that was refused, or that nothing limits."""
    limits = limits_for(session)
    if session.verdict != ACCEPTED or limits == LimitValues():
        return
    SessionLimit.objects.create(
        tenant_id=session.tenant_id,
        transaction=session,
        max_energy_wh=limits.max_energy_wh,
        max_duration_s=limits.max_duration_s,
        max_cost=limits.max_cost,
    )


def limits_for(session: Transaction) -> LimitValues:
    """The tightest of each kind. Callers hold the scope."""
    remote = (
        RemoteStartLimit.objects.filter(command=session.remote_start_id).first() if session.remote_start_id else None
    )
    tag = tag_limit(session.id_tag_row) if session.id_tag_row is not None else None
    return tightest([values_of(remote), values_of(tag), tenant_limits(session.tenant_id)])


def tag_limit(tag: IdTag) -> IdTagLimit | None:
    """The tag's own, else its parent's: what a group may, each of its tags may."""
    found = {row.id_tag_id: row for row in IdTagLimit.objects.filter(id_tag__in=[tag.pk, tag.parent_id])}
    return found.get(tag.pk) or (found.get(tag.parent_id) if tag.parent_id else None)


def tenant_limits(tenant_id: int) -> LimitValues:
    row = MeteringSettings.objects.filter(tenant_id=tenant_id).first()
    if row is None:
        return LimitValues()
    return LimitValues(row.max_session_energy_wh, row.max_session_duration_s, row.max_session_cost)


def values_of(row: Limits | None) -> LimitValues:
    return LimitValues() if row is None else LimitValues(row.max_energy_wh, row.max_duration_s, row.max_cost)


def tightest(sources: list[LimitValues]) -> LimitValues:
    """Pure: the least of each kind that anyone names."""
    return LimitValues(
        _least([one.max_energy_wh for one in sources]),
        min((one.max_duration_s for one in sources if one.max_duration_s is not None), default=None),
        _least([one.max_cost for one in sources]),
    )


def _least(values: list[Decimal | None]) -> Decimal | None:
    return min((value for value in values if value is not None), default=None)
