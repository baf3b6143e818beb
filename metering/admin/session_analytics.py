"""What a session's readings add up to, and what it is limited to, on its page."""

from decimal import Decimal

from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.pills import pill
from chargepoints.admin.sections import register_section
from chargepoints.models import Transaction
from metering.models import SessionLimit
from metering.sessions.kept import analytics_of_any

Row = tuple[object, object]


@register_section("transaction", "analytics", order=40)
def analytics(request: HttpRequest, session: Transaction) -> str:
    """Power, time, efficiency; limits where there are any. What stands on top of the page is not said again."""
    context = {"figures": _figures(session), "limits": _limits(session)}
    return render_to_string("office/session_analytics.html", context, request=request)


def _figures(session: Transaction) -> list[Row]:
    found = analytics_of_any(session, timezone.now())
    rows: list[tuple[object, object | None]] = [
        (_("Peak power"), _scaled(found.peak_power_w, "kW")),
        (_("Mean power while charging"), _scaled(found.mean_power_w, "kW")),
        (_("Charging"), _duration(found.charging_seconds)),
        (_("Plugged in"), _duration(found.plugged_seconds)),
        (_("Without charging"), _duration(found.idle_seconds)),
        (_("State of charge"), _range(found.soc_start, found.soc_end)),
        (_("Efficiency"), None if found.efficiency is None else f"{number_format(f'{found.efficiency * 100:.1f}')} %"),
        (
            _("Highest temperature"),
            None if found.max_temperature is None else f"{number_format(f'{found.max_temperature:.1f}')} °C",
        ),
    ]
    return [(name, value) for name, value in rows if value is not None]


def _limits(session: Transaction) -> list[Row]:
    row = SessionLimit.objects.filter(transaction=session).first()
    if row is None:
        return []
    rows: list[Row] = []
    if row.max_energy_wh is not None:
        rows.append((_("Energy, at most"), _scaled(row.max_energy_wh, "kWh")))
    if row.max_duration_s is not None:
        rows.append((_("Duration, at most"), _duration(row.max_duration_s)))
    if row.max_cost is not None:
        rows.append((_("Cost, at most"), f"{row.max_cost.normalize():f} {session.tenant.currency}"))
    if row.reached:
        rows.append((_("Reached"), pill("Pending", row.get_reached_display())))
        rows.append((_("Asked to stop"), row.attempts))
    return rows


def _scaled(value: Decimal | None, unit: str) -> str | None:
    return None if value is None else f"{number_format(f'{value / 1000:.3f}')} {unit}"


def _duration(seconds: int | None) -> str | None:
    return None if seconds is None else f"{seconds // 3600}:{seconds % 3600 // 60:02d}:{seconds % 60:02d}"


def _celsius(degrees: float | None) -> str | None:
    return None if degrees is None else f"{number_format(f'{degrees:.1f}')} °C"


def _range(first: Decimal | None, last: Decimal | None) -> str | None:
    return None if first is None or last is None else f"{first:.0f} % – {last:.0f} %"
