"""The pages and answers of the overview."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from csms.dashboard.charts import energy_chart, power_chart
from csms.dashboard.first_steps import dismiss_first_steps
from csms.dashboard.kept import kept
from csms.dashboard.overview import UPTIME_DAYS, fleet_strip, overview_parts
from tenants.admin.base import has_role
from tenants.models import Role, Tenant
from tenants.selectors import tenant_zone
from tenants.services.audit import record

CHARTS_S = 20


def index_context(request: HttpRequest) -> dict[str, Any]:
    """For the index template: everything in scope of the person's tenant."""
    tenant = _tenant_of(request)
    return {
        **overview_parts(request, tenant),
        "strip": fleet_strip(),
        "uptime_days": UPTIME_DAYS,
        "chart_config": chart_config(tenant),
        "is_platform": has_role(request, "platform"),
    }


def chart_config(tenant: Tenant) -> dict[str, Any]:
    """What the charts' script is told: where to ask, in which zone time is shown, and all that it writes."""
    return {
        "url": reverse("admin:overview_charts"),
        "zone": tenant_zone(tenant).key,
        "texts": {
            "energy": _("Energy"),
            "day": _("Day"),
            "time": _("Time"),
            "mean": _("mean; from {low} to {high}"),
            "summary": _("{label}: {last} now, from {low} to {high}."),
            "more": _("The latest {count} of {all}."),
            "empty": _("Nothing was written down yet: a point comes every minute while the system runs."),
            "noEnergy": _("No energy yet: days appear with the first readings of a meter."),
            "running": _("still running"),
            "estimated": _("estimated"),
            "total": _("{total} in {days} days."),
            "remark": _("Remark"),
        },
    }


def tiles(request: HttpRequest) -> HttpResponse:
    """What changes by itself, for the page to fetch every few seconds."""
    return render(request, "office/tiles.html", overview_parts(request, _tenant_of(request)))


def uptime(request: HttpRequest) -> HttpResponse:
    """The strip of days, for the page to fetch every few minutes."""
    return render(request, "office/uptime_strip.html", {"strip": fleet_strip()})


def charts(request: HttpRequest) -> HttpResponse:
    """Data of the charts."""
    tenant, now = _tenant_of(request), timezone.now()
    data = kept(
        tenant.pk,
        # With words in it.
        f"charts:{get_language()}",
        CHARTS_S,
        lambda: {"power": power_chart(now), "energy": energy_chart(tenant, now)},
    )
    return JsonResponse(data)


def dismiss_steps(request: HttpRequest) -> HttpResponse:
    """Put the first steps away, for all of the tenant."""
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    if not has_role(request, Role.OPERATOR):
        raise PermissionDenied
    row = dismiss_first_steps(_tenant_of(request), request.user.get_username())
    if row is not None:
        record(actor=request.user.get_username(), origin="admin", action="dismiss", target=row)
    return HttpResponseRedirect(reverse("admin:index"))


def _tenant_of(request: HttpRequest) -> Tenant:
    tenant: Tenant = request.access.tenant  # type: ignore[attr-defined]
    return tenant
