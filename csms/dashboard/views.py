"""The overview page and the part of it that refreshes itself."""

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from chargepoints.admin.pills import pill
from chargepoints.models import ConnectorStatus
from csms.dashboard.overview import fleet_overview, latest_sessions, needs_attention


def index_context(request: HttpRequest) -> dict[str, Any]:
    """For the index template: everything in scope of the person's tenant."""
    tenant = request.access.tenant  # type: ignore[attr-defined]
    overview = fleet_overview(tenant)
    labels = dict(ConnectorStatus.choices)
    return {
        "tenant": tenant,
        "overview": overview,
        "mix": [
            (pill(state, str(labels.get(state, state or "?"))), count) for state, count in overview.statuses.items()
        ],
        "attention": [
            (item, reverse(item.url_name, args=[item.pk] if item.pk is not None else [])) for item in needs_attention()
        ],
        "sessions": [(session, pill(session.state, session.get_state_display())) for session in latest_sessions()],
        "ocpp_url": f"ws://{request.get_host().split(':')[0]}:{settings.GATEWAY_PORT}/ocpp/{tenant.slug}/<identity>",
    }


def tiles(request: HttpRequest) -> HttpResponse:
    """What changes by itself, for the page to fetch every few seconds."""
    context = {**admin.site.each_context(request), **index_context(request)}
    return render(request, "office/tiles.html", context)
