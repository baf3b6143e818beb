"""The overview of one tenant: what its page and the part of it that refreshes itself show. In the tenant's scope."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from chargepoints.admin.pills import pill
from chargepoints.admin.uptime import Strip, uptime_strip
from chargepoints.models import Transaction
from chargepoints.uptime_selectors import uptime_days
from csms.dashboard.attention import needs_attention
from csms.dashboard.board_page import ICONS, words
from csms.dashboard.figures import fleet_now
from csms.dashboard.first_steps import first_steps
from csms.dashboard.kept import kept
from csms.dashboard.quantities import energy_text, power_text
from csms.dashboard.tiles import tiles_of
from csms.dashboard.today import spans_of, today_of
from tenants.admin.base import has_role
from tenants.models import Role, Tenant

# Figures of today are worked out again after so many seconds, for all pages of the tenant.
TODAY_S = 15
UPTIME_DAYS = 60
SESSIONS = 8


def overview_parts(request: HttpRequest, tenant: Tenant) -> dict[str, Any]:
    """What refreshes itself. A fixed number of queries, however large the fleet."""
    now = timezone.now()
    fleet = fleet_now(tenant, now)
    today = kept(tenant.pk, "today", TODAY_S, lambda: today_of(tenant, now))
    return {
        "tenant": tenant,
        "steps": first_steps(request, tenant, now),
        "may": {role.value: has_role(request, role) for role in Role},
        "tiles": tiles_of(fleet, today, spans_of(tenant, now), tenant.currency),
        "mix": _mix(fleet.statuses),
        "attention": needs_attention(now),
        "sessions": [_session_row(session, now) for session in _latest_sessions()],
    }


def fleet_strip() -> Strip:
    """The fleet's days of uptime. One query."""
    return uptime_strip(uptime_days(None, UPTIME_DAYS))


def _mix(statuses: dict[str, int]) -> list[dict[str, Any]]:
    """Connectors by status, what needs somebody first; `share` in percent of all."""
    known, total = words()["statuses"], sum(statuses.values())
    order = list(ICONS)
    shown = sorted(statuses, key=lambda status: order.index(status) if status in order else len(order))
    return [
        {
            "text": known[status]["text"] if status in known else _("No status yet"),
            "kind": known[status]["kind"] if status in known else "off",
            "icon": known[status]["icon"] if status in known else "help",
            "count": statuses[status],
            "share": max(1, round(statuses[status] * 100 / total)),
            "url": f"{reverse('admin:board')}?status={status}" if status else reverse("admin:board"),
        }
        for status in shown
    ]


def _latest_sessions() -> list[Transaction]:
    return list(Transaction.objects.select_related("charge_point", "evse").order_by("-started_at", "-pk")[:SESSIONS])


def _session_row(session: Transaction, now: datetime) -> dict[str, Any]:
    running, energy, power = session.state == Transaction.State.ACTIVE, session.energy_wh, session.last_power_w
    local = timezone.localtime(session.started_at)
    return {
        "url": reverse("admin:chargepoints_transaction_change", args=[session.pk]),
        "started": local.strftime("%H:%M" if local.date() == timezone.localtime(now).date() else "%Y-%m-%d %H:%M"),
        "place": f"{session.charge_point.identity} / {session.evse.number}",
        "tag": session.id_tag,
        "state": pill(session.state, session.get_state_display()),
        "energy": "–" if energy is None else energy_text(energy),
        "power": power_text(power) if running and power is not None else "–",
    }
