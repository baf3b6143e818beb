"""On the page of a charge point: what each connector may take now."""

from collections.abc import Mapping

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.sections import register_connector_figure
from chargepoints.models import ChargePoint, Transaction
from smartcharging.admin.pictures import limit_in_words
from smartcharging.models import CircuitMember
from smartcharging.profiles.composite import limit_at
from smartcharging.profiles.shapes import DEFAULT_PHASES, DEFAULT_VOLTAGE
from smartcharging.selectors import installed_profiles, zone_of


@register_connector_figure("limit", title=_("Limit"), order=10)
def limits_now(
    request: HttpRequest, station: ChargePoint, sessions: Mapping[int, Transaction | None]
) -> dict[int, SafeString]:
    """By all profiles that the station holds; the circuit where load management shares it out. Three queries."""
    installed, zone, now = installed_profiles(station.pk), zone_of(station.pk), timezone.now()
    members = {
        number: (circuit, name, voltage, len(wiring))
        for number, circuit, name, voltage, wiring in CircuitMember.objects.filter(charge_point=station).values_list(
            "evse_number", "circuit_id", "circuit__name", "circuit__voltage", "wiring"
        )
    }
    shown = {}
    for number, session in sessions.items():
        circuit, name, voltage, phases = members.get(number, (None, "", DEFAULT_VOLTAGE, DEFAULT_PHASES))
        period = limit_at(
            installed,
            evse_number=number,
            at=now,
            unit="A",
            zone=zone,
            session_start=session.started_at if session else None,
            transaction_id=session.protocol_id if session else None,
            voltage=voltage,
            default_phases=phases,
        )
        said = format_html("{}", limit_in_words(period.limit, "A"))
        if circuit is not None:
            url = reverse("admin:smartcharging_circuit_change", args=[circuit])
            said = format_html('{} <a href="{}">{}</a>', said, url, name)
        shown[number] = said
    return shown
