"""What a tenant makes use of, beside what it may: on its own page, and on the platform's page of the tenant."""

from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.translation import gettext_lazy as _

from chargepoints.models import ChargePoint, StationConnection
from tenants.admin.base import has_role
from tenants.context import system_transaction, where_lives
from tenants.models import Role, Tenant
from tenants.storage import Stored, storage_of
from tenants.usage import UsageFigures, usage_figures

# What is stored in the other tables is next to nothing.
TABLES_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Usage:
    """`stored`: the largest tables; `stored_bytes` of all of them, estimated."""

    tenant: Tenant
    charge_points: int
    connected: int
    counted: UsageFigures
    stored: list[Stored]
    stored_bytes: int
    message_log_days: int


def usage_of(tenant: Tenant, now: datetime) -> Usage:
    """A fixed number of short queries, however large the tenant: one plan for each table, nothing is read through."""
    with where_lives(tenant.pk), system_transaction():
        charge_points = ChargePoint.objects.filter(tenant=tenant).count()
        connected = StationConnection.objects.filter(tenant=tenant).live().count()
    stored = storage_of(tenant.pk)
    return Usage(
        tenant=tenant,
        charge_points=charge_points,
        connected=connected,
        counted=usage_figures(tenant.pk, now.astimezone(UTC).date()),
        stored=stored[:TABLES_SHOWN],
        stored_bytes=sum(table.bytes for table in stored),
        message_log_days=tenant.message_log_days or settings.MESSAGE_LOG_DAYS,
    )


def usage_section(tenant: Tenant) -> str:
    """For the platform's page of a tenant."""
    return render_to_string("office/usage_body.html", {"usage": usage_of(tenant, datetime.now(UTC))})


def usage_page(request: HttpRequest) -> HttpResponse:
    """For the administrators of the tenant that one works in."""
    if not has_role(request, Role.ADMIN):
        raise PermissionDenied
    tenant: Tenant = request.access.tenant  # type: ignore[attr-defined]
    usage = usage_of(tenant, datetime.now(UTC))
    context = {**admin.site.each_context(request), "title": _("Usage"), "usage": usage}
    return TemplateResponse(request, "office/usage.html", context)
