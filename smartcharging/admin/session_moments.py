"""What load management did with a session: the limits that it was given, for its page's timeline and figures."""

from collections.abc import Iterable

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chargepoints.admin.session_figures import Figure, register_figures
from chargepoints.admin.session_timeline import MOST, Kind, Moment, Span, register_moments
from chargepoints.models import Transaction
from smartcharging.admin.load_bars import amps_said
from smartcharging.admin.pictures import limit_in_words
from smartcharging.admin.profile_words import detail_said, detail_words
from smartcharging.models import ChargingProfile, LimitSent
from smartcharging.reason_words import reason_in_words
from smartcharging.selectors import composite_of

RESULT = LimitSent.Result
PROFILE = ChargingProfile.State


@register_figures("limit", order=20)
def limit_now(session: Transaction) -> Iterable[Figure]:
    """What it may take on each phase now, by all profiles; nothing where nobody limits it."""
    if session.state != Transaction.State.ACTIVE:
        return
    composite = composite_of(session.charge_point, session.evse.number, timezone.now(), 1, "A")
    if composite and composite[0].limit is not None:
        note = str(_("on each phase")) if composite[0].limit else str(_("paused"))
        yield Figure(gettext_lazy("Limit now"), limit_in_words(composite[0].limit, "A"), note)


@register_moments("limits")
def limits(session: Transaction, span: Span) -> Iterable[Moment]:
    """Limits sent for it. Of a session with very many, the newest."""
    found = LimitSent.objects.filter(
        charge_point=session.charge_point_id,
        evse_number=session.evse.number,
        transaction_id=session.pk,
        at__gte=span.start,
        at__lte=span.end,
    )
    for row in found.order_by("-at", "-id")[:MOST]:
        yield _limit(row)


@register_moments("profiles")
def profiles(session: Transaction, span: Span) -> Iterable[Moment]:
    """Profiles of people, programs and templates; load management's own are told by its limits."""
    end = session.stopped_at or timezone.now()
    mine = Q(transaction=session) | Q(transaction=None, created_at__gte=span.start, created_at__lte=end)
    rows = ChargingProfile.objects.filter(
        mine, charge_point=session.charge_point_id, evse_number__in=[0, session.evse.number]
    ).exclude(source=ChargingProfile.Source.CIRCUIT)
    for row in rows.order_by("-created_at", "-id")[:MOST]:
        taken = row.installed_at is not None
        title = _("Charging profile installed") if taken else _("Charging profile: %(state)s")
        detail = " · ".join(
            part for part in (row.get_purpose_display(), row.get_source_display(), detail_said(row)) if part
        )
        yield Moment(
            row.installed_at or row.created_at,
            title if taken else title % {"state": row.get_state_display()},
            "ok" if taken else "bad" if row.state == PROFILE.REJECTED else "info",
            "schedule",
            detail,
            row.requested_by,
            f"{reverse('admin:charge_point_profiles', args=[row.charge_point_id])}?connector={session.evse.number}",
            rank=36,
        )


def _limit(row: LimitSent) -> Moment:
    if row.previous_a is None or row.previous_a == row.limit_a:
        title = _("Limit %(now)s") % {"now": amps_said(row.limit_a)}
    else:
        change = {"before": amps_said(row.previous_a), "now": amps_said(row.limit_a)}
        title = _("Limit %(before)s → %(now)s") % change
    taken = row.result == RESULT.ACCEPTED
    said = "" if taken else row.get_result_display()
    kind: Kind = "info" if taken or row.result == RESULT.SENT else "warn"
    return Moment(
        row.at,
        title,
        kind,
        "speed",
        " · ".join(part for part in (reason_in_words(row.reason), said, detail_words(row.detail)) if part),
        url=reverse("admin:smartcharging_limitsent_change", args=[row.pk]),
        group="limit",
        rank=38,
    )
