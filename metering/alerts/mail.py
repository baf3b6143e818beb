"""Mail about alerts: each recipient gets one message for all that are due, in the tenant's time zone.

At least once: alerts are claimed by counting the attempt, mailed outside of any transaction, and marked. A crash in
between, or a server that refuses, means another attempt later; who got it in the last attempt is remembered for a
while, so that one bad address doesn't have the others told again.
"""

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from smtplib import SMTPRecipientsRefused, SMTPSenderRefused

import structlog
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.core.validators import validate_email
from django.db.models import F, Q, QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from metering.alerts.selectors import SEVERITY_RANK
from metering.alerts.words import describe, place_of, shown_time
from metering.models import Alert, AlertRecipient
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Tenant
from tenants.selectors import tenant_zone
from tenants.services.system_alerts import raise_system_alert, resolve_system_alert

log = structlog.get_logger(__name__)

# After the alert was opened: the attempts, and the end.
ATTEMPTS = [timedelta(minutes=minutes) for minutes in (0, 2, 10, 30, 120, 480)]
TOO_OLD = timedelta(days=1)
# Alerts of one tenant in one mail; and how many of them it names.
AT_ONCE, NAMED = 5_000, 50
MAIL_FAILS = "mail_fails"
REMEMBERED_S = 24 * 3600
LONGEST_SUBJECT = 160
NO_SERVER = {"django.core.mail.backends.dummy.EmailBackend"}


@dataclass(slots=True)
class Delivery:
    """What became of a round: alerts settled, mails sent, and whether the server failed us."""

    sent: int = 0
    failed: bool = False
    reasons: list[str] = field(default_factory=list)


def mail_due_alerts(*, now: datetime | None = None) -> int:
    """Mail what is due in all tenants; the number of mails sent. Without a mail server nothing happens."""
    if settings.EMAIL_BACKEND in NO_SERVER:
        return 0
    now = now or timezone.now()
    with system_transaction():
        tenant_ids = list(_due(now).order_by("tenant_id").values_list("tenant_id", flat=True).distinct())
    total = Delivery()
    for tenant_id in tenant_ids:
        try:
            one = _mail_tenant(tenant_id, now)
        except Exception:
            # Whatever it is, the other tenants' mail must not wait for it.
            log.exception("alerts not mailed", tenant_id=tenant_id)
            one = Delivery(failed=True, reasons=["see the log"])
        total.sent += one.sent
        total.failed |= one.failed
        total.reasons += one.reasons
    if total.failed:
        raise_system_alert(kind=MAIL_FAILS, detail="; ".join(dict.fromkeys(total.reasons)))
    elif total.sent:
        resolve_system_alert(kind=MAIL_FAILS)
    return total.sent


def _due(now: datetime) -> QuerySet[Alert]:
    attempts = Q()
    for number, after in enumerate(ATTEMPTS):
        attempts |= Q(mail_attempts=number, opened_at__lte=now - after)
    return Alert.objects.filter(attempts, mailed_at=None, opened_at__gt=now - TOO_OLD)


def _mail_tenant(tenant_id: int, now: datetime) -> Delivery:
    with tenant_transaction(tenant_id):
        tenant = Tenant.objects.get(pk=tenant_id)
        recipients = list(AlertRecipient.objects.filter(enabled=True))
        # Another worker that looks now goes past these rows; one that looks later finds the attempt counted.
        claimed = list(
            _due(now).select_for_update(of=("self",), skip_locked=True).select_related("charge_point")[:AT_ONCE]
        )
        ids = [alert.pk for alert in claimed]
        Alert.objects.filter(pk__in=ids).update(mail_attempts=F("mail_attempts") + 1)
    delivery = _send(tenant, recipients, claimed)
    if not delivery.failed:
        with tenant_transaction(tenant_id):
            Alert.objects.filter(pk__in=ids).update(mailed_at=timezone.now())
    return delivery


def _send(tenant: Tenant, recipients: list[AlertRecipient], claimed: list[Alert]) -> Delivery:
    delivery = Delivery()
    wanted = {one: _of_severity(claimed, one.minimum_severity) for one in recipients}
    if not any(wanted.values()):
        return delivery
    connection = get_connection()
    try:
        connection.open()
    except OSError as error:
        log.error("mail server can't be reached", error=str(error)[:200])
        return Delivery(failed=True, reasons=[str(error)[:200]])
    try:
        for recipient, alerts in wanted.items():
            new = _not_yet_told(recipient, alerts)
            if new:
                _send_one(connection, tenant, recipient, new, delivery)
    finally:
        connection.close()
    return delivery


def _send_one(
    connection: BaseEmailBackend, tenant: Tenant, recipient: AlertRecipient, alerts: list[Alert], delivery: Delivery
) -> None:
    try:
        validate_email(recipient.email)
        message = compose(tenant, recipient.email, alerts)
        message.connection = connection
        message.send()
    except (ValidationError, SMTPRecipientsRefused) as error:
        if isinstance(error, SMTPRecipientsRefused) and _is_passing(error):
            delivery.failed = True
            delivery.reasons.append(f"{recipient.email}: try later")
        # Refused for good: to try again would change nothing, and the others need not suffer.
        log.error("alert mail refused", tenant=tenant.slug, recipient=recipient.pk, error=str(error)[:200])
        return
    except (SMTPSenderRefused, OSError) as error:
        log.error("alert mail not sent", tenant=tenant.slug, recipient=recipient.pk, error=str(error)[:200])
        delivery.failed = True
        delivery.reasons.append(str(error)[:200])
        return
    delivery.sent += 1
    _remember_told(recipient, alerts)


def compose(tenant: Tenant, address: str, alerts: list[Alert]) -> EmailMessage:
    """One message about one or many alerts of a tenant, the worst first."""
    ordered = sorted(alerts, key=lambda alert: (-SEVERITY_RANK[alert.severity], -alert.opened_at.timestamp()))
    with translation.override(settings.MAIL_LANGUAGE), timezone.override(tenant_zone(tenant)):
        lines = [_line(alert) for alert in ordered[:NAMED]]
        if len(ordered) > NAMED:
            lines.append(_("... and %(count)d more.") % {"count": len(ordered) - NAMED})
        if settings.PUBLIC_URL:
            lines.append(f"{settings.PUBLIC_URL.rstrip('/')}/admin/metering/alert/")
        lines.append(
            _("You get this mail because your address is a recipient of alerts of %(tenant)s.")
            % {"tenant": _one_line(tenant.name)}
        )
        subject = f"[{tenant.name}] {_subject(ordered)}"
    return EmailMessage(subject=_one_line(subject)[:LONGEST_SUBJECT], body="\n\n".join(lines) + "\n", to=[address])


def _subject(ordered: list[Alert]) -> str:
    first = ordered[0]
    if len(ordered) == 1:
        return f"{first.get_severity_display()}: {place_of(first)}: {describe(first)}"
    counts: defaultdict[str, int] = defaultdict(int)
    for alert in ordered:
        counts[str(alert.get_severity_display())] += 1
    parts = ", ".join(f"{count} {name.lower()}" for name, count in counts.items())
    stations = len({alert.charge_point_id for alert in ordered})
    return ngettext(
        "%(count)d alerts at %(stations)d charge point (%(parts)s)",
        "%(count)d alerts at %(stations)d charge points (%(parts)s)",
        stations,
    ) % {"count": len(ordered), "stations": stations, "parts": parts}


def _line(alert: Alert) -> str:
    what = f"{alert.get_severity_display()}: {place_of(alert)}: {alert.get_kind_display()}"
    lines = [_one_line(what), _one_line(describe(alert)), _("Since %(time)s") % {"time": shown_time(alert.started_at)}]
    if alert.resolved_at is not None:
        over = {"time": shown_time(alert.resolved_at), "why": alert.resolution}
        lines.append(_one_line(_("Over since %(time)s: %(why)s") % over))
    return "\n".join(lines)


def _one_line(text: str) -> str:
    """No line break or control character gets from a station's or a person's words into a header."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _of_severity(alerts: list[Alert], minimum: str) -> list[Alert]:
    return [alert for alert in alerts if SEVERITY_RANK[alert.severity] >= SEVERITY_RANK[minimum]]


def _is_passing(error: SMTPRecipientsRefused) -> bool:
    """4xx: the server asks to try again."""
    return any(400 <= code < 500 for code, _reason in error.recipients.values())


def _told_key(recipient: AlertRecipient, alert: Alert) -> str:
    return f"csms:alert-mail:{recipient.pk}:{alert.pk}"


def _not_yet_told(recipient: AlertRecipient, alerts: list[Alert]) -> list[Alert]:
    """Only in a further attempt there is something to ask."""
    again = [alert for alert in alerts if alert.mail_attempts > 0]
    if not again:
        return alerts
    try:
        told = cache.get_many([_told_key(recipient, alert) for alert in again])
    except Exception:
        return alerts
    return [alert for alert in alerts if _told_key(recipient, alert) not in told]


def _remember_told(recipient: AlertRecipient, alerts: list[Alert]) -> None:
    try:
        cache.set_many({_told_key(recipient, alert): 1 for alert in alerts}, REMEMBERED_S)
    except Exception as error:
        log.warning("who was told is not remembered", error=str(error)[:200])
