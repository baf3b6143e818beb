"""What metering knows of a session's course: alerts, limits of its own, what it was charged."""

from collections.abc import Iterable

from django.db.models import Q
from django.urls import reverse
from django.utils.translation import gettext as _

from chargepoints.admin.session_timeline import MOST, Kind, Moment, Span, register_moments
from chargepoints.models import Transaction
from metering.alerts.words import describe
from metering.models import Alert, ChargeDetailRecord, SessionLimit
from metering.pricing.money import shown_amount
from tenants.stored_words import shown


@register_moments("alerts")
def alerts(session: Transaction, span: Span) -> Iterable[Moment]:
    """Those of the session, and those of its connector or its station that rose meanwhile."""
    end = session.stopped_at or span.end
    here = Q(evse_number=session.evse.number) | Q(evse_number=None)
    meanwhile = Q(here, opened_at__gte=span.start, opened_at__lte=end, transaction_id=None)
    found = Alert.objects.filter(Q(transaction_id=session.pk) | meanwhile, charge_point=session.charge_point_id)
    for alert in found.order_by("-opened_at", "-id")[:MOST]:
        url = reverse("admin:metering_alert_change", args=[alert.pk])
        name = alert.get_kind_display()
        kind: Kind = "bad" if alert.severity == "critical" else "warn"
        yield Moment(alert.opened_at, _("Alert: %(kind)s") % {"kind": name}, kind, "warning", describe(alert), url=url)
        if alert.acknowledged_at is not None:
            title = _("Alert acknowledged: %(kind)s") % {"kind": name}
            yield Moment(alert.acknowledged_at, title, "info", "done", alert.note, alert.acknowledged_by, url)
        if alert.resolved_at is not None:
            title = _("Alert resolved: %(kind)s") % {"kind": name}
            yield Moment(alert.resolved_at, title, "ok", "done_all", shown(alert.resolution), url=url)


@register_moments("own limit")
def own_limit(session: Transaction, span: Span) -> Iterable[Moment]:
    row = SessionLimit.objects.filter(transaction=session).exclude(reached="").first()
    if row is not None and row.reached_at is not None:
        title = _("Its own limit is reached: %(limit)s") % {"limit": row.get_reached_display()}
        detail = _("asked to stop %(count)d times") % {"count": row.attempts} if row.attempts > 1 else ""
        yield Moment(row.reached_at, title, "warn", "speed", detail, rank=34)


@register_moments("records")
def records(session: Transaction, span: Span) -> Iterable[Moment]:
    """Made once the last readings are in; each correction is another."""
    for record in ChargeDetailRecord.objects.filter(transaction=session).order_by("revision")[:MOST]:
        url = reverse("admin:metering_chargedetailrecord_change", args=[record.pk])
        title = _("Correction %(number)s") if record.corrects_id else _("Charge detail record %(number)s")
        amount = shown_amount(record.total_incl_tax, record.currency)
        detail = " · ".join(part for part in (amount, record.reason) if part)
        yield Moment(
            record.created_at,
            title % {"number": record.number},
            "ok",
            "receipt_long",
            detail,
            record.created_by if record.corrects_id else "",
            url,
            rank=70,
        )
