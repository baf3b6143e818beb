"""What stations drop by themselves: a session's profile ends with it, and none survives into another session."""

from chargepoints.models import Transaction
from smartcharging.models import ChargingProfile
from smartcharging.services.sending import take_back
from smartcharging.services.settling import SESSION_ENDED, end_rows, lock_profiles
from tenants.context import tenant_transaction

State = ChargingProfile.State
BOOTED = "the charge point booted"


def session_over(session: Transaction) -> None:
    """TxProfiles end with their session (OCPP 1.6 §3.13.1); what is still queued is not sent (a hook of its end)."""
    of_session = ChargingProfile.objects.filter(transaction=session)
    take_back(of_session.filter(state=State.SENDING).values_list("command_id", flat=True))
    _drop(session.charge_point_id, SESSION_ENDED, transaction=session)


def station_booted(*, tenant_id: int, charge_point_id: int) -> None:
    """Profiles of sessions that have ended are gone for certain; the others are compared with what it reports (`drift`)."""
    with tenant_transaction(tenant_id):
        held = ChargingProfile.objects.filter(charge_point=charge_point_id, state=State.INSTALLED, purpose="tx")
        over = held.exclude(transaction__state=Transaction.State.ACTIVE).values_list("pk", flat=True)
        _drop(charge_point_id, BOOTED, pk__in=list(over))


def _drop(charge_point_id: int, detail: str, **wanted: object) -> None:
    lock_profiles(charge_point_id)
    rows = ChargingProfile.objects.select_related("charge_point").filter(
        charge_point=charge_point_id, state=State.INSTALLED, **wanted
    )
    end_rows(rows, State.DROPPED, detail)
