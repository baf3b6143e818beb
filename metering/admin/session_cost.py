"""What a session costs and how full the car is, among the figures on top of its page; the cost with its lines below."""

from collections.abc import Iterable
from decimal import Decimal
from typing import Any, cast

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.sections import register_section, register_view
from chargepoints.admin.session_figures import Figure, register_figures
from chargepoints.models import Transaction
from metering.admin.cost_table import price_context, terms_of
from metering.models import Sample, Series, SessionAnalytics
from metering.pricing.cost import Cost, cost_of
from metering.pricing.money import shown_amount
from metering.pricing.words import shown_time
from metering.sessions.analytics import SOC

ACTIVE = Transaction.State.ACTIVE


@register_figures("cost", order=30)
def cost_figures(session: Transaction) -> Iterable[Figure]:
    cost = _cost(session)
    running = session.state == ACTIVE
    note = _("so far") if running else "" if cost.final else _("not final yet")
    if cost.snapshot is None and not cost.final:
        yield Figure(_("Cost"), "–", str(_("no tariff")))
    else:
        yield Figure(_("Cost"), shown_amount(cost.price.total_incl_tax, cost.price.currency), str(note))
    if cost.price.parking_seconds:
        parked = _("parked %(time)s") % {"time": shown_time(cost.price.parking_seconds)}
        yield Figure(_("Charging"), shown_time(cost.price.charging_seconds), str(parked))


@register_figures("soc", order=40)
def charge_of_car(session: Transaction) -> Iterable[Figure]:
    """Where the station reports it: as it was first and last read in the session."""
    first, last = _soc(session)
    if last is None:
        return
    began = "" if first is None or first == last else str(_("from %(value)s %%") % {"value": f"{first:.0f}"})
    yield Figure(_("State of charge"), f"{last:.0f} %", began)


@register_section("transaction", "cost", order=30)
def cost_section(request: HttpRequest, session: Transaction) -> str:
    """What the session costs: so far, or by its record."""
    context: dict[str, Any] = {"body": _body(request, session), "running": session.state == ACTIVE}
    context["url"] = reverse("admin:transaction_cost", args=[session.pk])
    return render_to_string("office/cost.html", context, request)


@register_view("transaction", "cost/", name="transaction_cost")
def cost_view(request: HttpRequest, session: Transaction) -> HttpResponse:
    """The card of the cost, fetched anew while the session runs."""
    return HttpResponse(_body(request, session))


def _body(request: HttpRequest, session: Transaction) -> str:
    cost = _cost(session)
    context = {
        "cost": cost,
        "shown": price_context(cost.price, terms_of(cost.snapshot)),
        "tariff_name": cost.snapshot["name"] if cost.snapshot else "",
        "running": session.state == ACTIVE,
    }
    return render_to_string("office/cost_lines.html", context, request)


def _cost(session: Transaction) -> Cost:
    """Reckoned once for a page: the row is the request's own."""
    known = session.__dict__
    if "cost_shown" not in known:
        known["cost_shown"] = cost_of(session, timezone.now())
    return cast(Cost, known["cost_shown"])


def _soc(session: Transaction) -> tuple[Decimal | None, Decimal | None]:
    """Percent; from the readings while they are kept, else as it was worked out at the end."""
    series = list(
        Series.objects.filter(
            charge_point=session.charge_point_id, evse_number=session.evse.number, measurand=SOC
        ).values_list("pk", flat=True)
    )
    if not series:
        return None, None
    end = session.stopped_at or timezone.now()
    found = Sample.objects.filter(series_id__in=series, at__gte=session.started_at, at__lte=end)
    values = found.values_list("value", flat=True)
    last = values.order_by("-at").first()
    if last is not None:
        return values.order_by("at").first(), last
    kept = SessionAnalytics.objects.filter(transaction=session, content__isnull=False).first()
    if kept is None or kept.content is None:
        return None, None
    return _decimal(kept.content.get("soc_start")), _decimal(kept.content.get("soc_end"))


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
