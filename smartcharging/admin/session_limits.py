"""On the page of a session: its limit now and why, what the driver needs, and a form to say so."""

from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chargepoints.admin.sections import register_section, register_view, tabs_of
from chargepoints.models import ChargePoint, Transaction
from smartcharging.admin.load_bars import amps_said
from smartcharging.admin.pictures import clock, limit_in_words
from smartcharging.admin.pills import pill
from smartcharging.admin.profile_forms import LocalTimeField
from smartcharging.admin.zones import zone_of_station
from smartcharging.models import Allotment, CircuitMember, SessionNeed
from smartcharging.reason_words import reason_in_words
from smartcharging.selectors import composite_of
from smartcharging.services.needs import Need, NeedRefused, clear_session_need, need_of, set_session_need
from tenants.admin.base import has_role
from tenants.api.serializers import plain_decimal
from tenants.models import Role

NEED = "transaction_need"
ACTIVE = Transaction.State.ACTIVE


class NeedForm(forms.Form):
    """What the driver needs; empty: what the tag says, or nothing."""

    departure_at = LocalTimeField(label=gettext_lazy("Departure"), required=False, max_length=25)
    energy_kwh = forms.DecimalField(
        label=gettext_lazy("Energy wanted (kWh)"),
        required=False,
        min_value=0,
        max_value=1000,
        decimal_places=3,
        help_text=gettext_lazy("In the whole session."),
    )
    priority = forms.IntegerField(
        label=gettext_lazy("Priority"),
        required=False,
        min_value=-100,
        max_value=100,
        help_text=gettext_lazy("Higher goes first."),
    )
    max_a = forms.DecimalField(
        label=gettext_lazy("The car takes at most (A)"), required=False, min_value=0, max_digits=6, decimal_places=1
    )

    def __init__(self, *args: Any, zone: ZoneInfo, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["departure_at"].zone = zone  # type: ignore[attr-defined]

    def values(self) -> dict[str, Any]:
        """For the service, of a valid form."""
        given = self.cleaned_data
        energy: Decimal | None = given["energy_kwh"]
        shared = {name: given[name] for name in ("departure_at", "priority", "max_a")}
        return {**shared, "energy_wh": None if energy is None else round(energy * 1000)}

    def refuse(self, error: NeedRefused) -> None:
        name = "energy_kwh" if error.field == "energy_wh" else error.field
        self.add_error(name if name in self.fields else None, f"{error.sentence} ({error.reason})")


@register_section("transaction", "limit", order=35)
def limit_section(request: HttpRequest, session: Transaction) -> str:
    """Nothing for a session that is over and of which nobody said a need."""
    running = session.state == ACTIVE
    own = SessionNeed.objects.filter(transaction=session).first()
    if not running and own is None:
        return ""
    station = ChargePoint.objects.select_related("site").get(pk=session.charge_point_id)
    zone = zone_of_station(request, station)
    context = {
        "session": session,
        "running": running,
        "own": own,
        "need": _need_said(need_of(session), session, zone),
        "may_operate": running and has_role(request, Role.OPERATOR),
        **(_limit(session) if running else {}),
    }
    with timezone.override(zone):
        return render_to_string("office/session_limit.html", context, request=request)


@register_view("transaction", "need/", name=NEED, role=Role.OPERATOR)
def need_page(request: HttpRequest, session: Transaction) -> HttpResponse:
    """The form; `clear` forgets what was said of this session."""
    station = ChargePoint.objects.select_related("site").get(pk=session.charge_point_id)
    zone = zone_of_station(request, station)
    back = reverse("admin:chargepoints_transaction_change", args=[session.pk])
    actor = request.user.get_username()
    if request.method == "POST" and "clear" in request.POST:
        clear_session_need(session=session, actor=actor, origin="admin")
        messages.success(request, _("Forgotten: what the tag says holds again."))
        return HttpResponseRedirect(back)
    form = _form(request, session, zone)
    if request.method == "POST" and form.is_valid():
        try:
            set_session_need(session=session, values=form.values(), actor=actor, origin="admin")
        except NeedRefused as error:
            form.refuse(error)
        else:
            messages.success(request, _("Kept. The limits follow within seconds."))
            return HttpResponseRedirect(back)
    context = {
        **admin.site.each_context(request),
        "title": _("What the driver of session %(id)s needs") % {"id": session.protocol_id},
        "tabs": tabs_of("transaction", request, session.pk),
        "form": form,
        "zone": zone.key,
        "has_own": SessionNeed.objects.filter(transaction=session).exists(),
        "back": back,
    }
    return render(request, "office/session_need.html", context)


def _form(request: HttpRequest, session: Transaction, zone: ZoneInfo) -> NeedForm:
    if request.method == "POST":
        return NeedForm(request.POST, zone=zone)
    own = SessionNeed.objects.filter(transaction=session).first()
    initial = {}
    if own is not None:
        energy = None if own.energy_wh is None else plain_decimal(Decimal(own.energy_wh) / 1000)
        names = ("departure_at", "priority", "max_a")
        initial = {**{name: getattr(own, name) for name in names}, "energy_kwh": energy}
    return NeedForm(initial=initial, zone=zone)


def _limit(session: Transaction) -> dict[str, Any]:
    """What it may take now by all profiles, and what load management says of it."""
    now, number = timezone.now(), session.evse.number
    composite = composite_of(session.charge_point, number, now, 1, "A")
    member = (
        CircuitMember.objects.select_related("circuit", "allotment")
        .filter(charge_point=session.charge_point_id, evse_number=number)
        .first()
    )
    row: Allotment | None = getattr(member, "allotment", None) if member is not None else None
    mine = row is not None and row.transaction_id == session.pk
    return {
        "limit": limit_in_words(composite[0].limit if composite else None, "A"),
        "limited": bool(composite) and composite[0].limit is not None,
        "member": member,
        "allotted": amps_said(row.sent_a) if row is not None and mine else "",
        "state": pill(row.state, row.get_state_display()) if row is not None and mine else "",
        "reason": reason_in_words(row.reason) if row is not None and mine else "",
        "waiting_since": row.paused_since if row is not None and mine else None,
    }


def _need_said(need: Need, session: Transaction, zone: ZoneInfo) -> list[tuple[str, str]]:
    said = []
    if need.departure_at is not None:
        said.append((_("Departure"), clock(need.departure_at, zone, "date")))
    if need.energy_wh is not None:
        wanted = _kwh(need.energy_wh)
        got = _kwh(session.energy_wh or 0)
        said.append((_("Energy"), _("%(got)s of %(wanted)s kWh") % {"got": got, "wanted": wanted}))
    if need.priority is not None:
        said.append((_("Priority"), str(need.priority)))
    if need.max_a is not None:
        said.append((_("The car takes at most"), amps_said(need.max_a)))
    return said


def _kwh(wh: Decimal | int) -> str:
    return str(number_format(plain_decimal(round(Decimal(wh) / 1000, 2))))
