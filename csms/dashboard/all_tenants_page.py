"""The page of all tenants, for platform staff: a row each, and one of sums."""

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from chargepoints.admin.uptime import percent
from csms.dashboard.all_tenants import UPTIME_DAYS, TenantNow, platform_now
from csms.dashboard.kept import ALL_TENANTS, kept
from csms.dashboard.quantities import count_text, energy_text, money_text, power_text
from tenants.admin.base import has_role
from tenants.models import Tenant

# Over everything there is: worked out once in so many seconds, for all who look.
PLATFORM_S = 10


def all_tenants(request: HttpRequest) -> HttpResponse:
    """The whole page."""
    context = {**admin.site.each_context(request), "title": _("All tenants"), **_rows(request)}
    return TemplateResponse(request, "office/all_tenants.html", context)


def all_tenants_rows(request: HttpRequest) -> HttpResponse:
    """What changes by itself."""
    return render(request, "office/all_tenants_rows.html", _rows(request))


def _rows(request: HttpRequest) -> dict[str, Any]:
    if not has_role(request, "platform"):
        raise PermissionDenied
    platform = kept(ALL_TENANTS, "platform", PLATFORM_S, lambda: platform_now(timezone.now()))
    return {
        "rows": [_row(one) for one in platform.tenants],
        "total": _row(platform.total),
        "count": len(platform.tenants),
        "days": UPTIME_DAYS,
    }


def _row(one: TenantNow) -> dict[str, Any]:
    """In words."""
    return {
        "slug": one.slug,
        "name": one.name,
        "status": one.status,
        "status_text": Tenant.Status(one.status).label if one.status else "",
        "not_known": one.away,
        "online": f"{count_text(one.online)} / {count_text(one.stations)}",
        "away": one.stations - one.online,
        "charging": count_text(one.charging),
        "faulted": one.faulted,
        "faulted_text": count_text(one.faulted),
        "power": power_text(one.power_w),
        "limit": "" if one.limit_w is None else power_text(one.limit_w),
        "energy": energy_text(one.energy_wh),
        "sessions": count_text(one.sessions),
        "revenue": [money_text(amount, currency) for currency, amount in sorted(one.revenue.items())],
        "alerts": one.alerts,
        "alerts_text": count_text(one.alerts),
        "uptime": "–" if one.uptime is None else percent(one.uptime),
    }
