"""The connectors of a circuit: found by search and added, changed, taken off."""

from typing import Any

from django.contrib import admin, messages
from django.db.models import Q
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chargepoints.admin.pills import pill
from chargepoints.models import ChargePoint, Connector
from smartcharging.admin.circuit_edit import PAGE
from smartcharging.admin.circuit_forms import MemberEditForm, MemberForm
from smartcharging.admin.shared import search_asked
from smartcharging.models import Circuit, CircuitMember
from smartcharging.services.circuits import CircuitRefused, add_member, remove_member, update_member
from tenants.admin.base import access_of
from tenants.context import tenant_transaction

FOUND = 50


def add_members_page(request: HttpRequest, circuit: Circuit) -> HttpResponse:
    """`?q=` finds connectors; those ticked are added, all of them or none."""
    searched = search_asked(request)
    chosen = request.POST.getlist("connector")
    form = MemberForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        if not chosen:
            form.add_error(None, _("Tick at least one connector."))
        elif _add(request, circuit, form, chosen):
            said = ngettext("%(count)s connector added.", "%(count)s connectors added.", len(chosen))
            messages.success(request, said % {"count": len(chosen)})
            return HttpResponseRedirect(reverse(PAGE, args=[circuit.pk]))
    context = {
        **admin.site.each_context(request),
        "title": _("Connectors for %(name)s") % {"name": circuit.name},
        "circuit": circuit,
        "q": searched,
        "form": form,
        "rows": _found(circuit, searched, chosen),
        "most": FOUND,
        "back": reverse(PAGE, args=[circuit.pk]),
    }
    return render(request, "office/circuit_add_members.html", context)


def member_page(request: HttpRequest, circuit: Circuit, member_id: int) -> HttpResponse:
    """Its settings, or another circuit for it."""
    member = _member(circuit, member_id)
    form = MemberEditForm(request.POST if request.method == "POST" else None, instance=member)
    form.fields["circuit"].queryset = Circuit.objects.order_by("name")  # type: ignore[attr-defined]
    access = access_of(request)
    if access is not None:
        form.tenant_id = access.tenant.pk
    if request.method == "POST" and form.is_valid():
        actor = request.user.get_username()
        try:
            changed = update_member(member=member, values=form.values(), actor=actor, origin="admin")
        except CircuitRefused as error:
            form.refuse(error)
        else:
            messages.success(request, _("Kept. The limits follow within seconds."))
            return HttpResponseRedirect(reverse(PAGE, args=[changed.circuit_id]))
    context = {
        **admin.site.each_context(request),
        "title": f"{member.charge_point.identity} / {member.evse_number}",
        "consequence": _("On the circuit %(name)s.") % {"name": circuit.name},
        "form": form,
        "button": _("Keep"),
        "back": reverse(PAGE, args=[circuit.pk]),
    }
    return render(request, "office/form.html", context)


def remove_member_page(request: HttpRequest, circuit: Circuit, member_id: int) -> HttpResponse:
    """Asks once, with what follows."""
    member = _member(circuit, member_id)
    back = reverse(PAGE, args=[circuit.pk])
    if request.method == "POST":
        remove_member(member=member, actor=request.user.get_username(), origin="admin")
        messages.success(request, _("Taken off the circuit."))
        return HttpResponseRedirect(back)
    place = f"{member.charge_point.identity} / {member.evse_number}"
    context = {
        **admin.site.each_context(request),
        "title": _("Take %(place)s off %(name)s") % {"place": place, "name": circuit.name},
        "consequence": _(
            "Load management clears its profiles there and lets it go: a car may take all that the hardware allows,"
            " and the circuit counts it no more. Only do so where the connector really hangs on another fuse."
        ),
        "button": _("Take it off"),
        "back": back,
    }
    return render(request, "office/confirm.html", context)


def _member(circuit: Circuit, member_id: int) -> CircuitMember:
    found = CircuitMember.objects.select_related("charge_point", "circuit").filter(circuit=circuit, pk=member_id)
    member: CircuitMember | None = found.first()
    if member is None:
        raise Http404
    return member


def _found(circuit: Circuit, searched: str, chosen: list[str]) -> list[dict[str, Any]]:
    """Connectors by their station's identity, name, site or tag; of the circuit's site, if it has any, where nothing is asked."""
    rows = Connector.objects.filter(evse__number__gt=0, number=1).select_related("evse", "charge_point__site")
    if searched:
        station = Q(charge_point__identity_key__icontains=searched.lower()) | Q(charge_point__name__icontains=searched)
        rows = rows.filter(station | Q(charge_point__site__name__icontains=searched))
    elif circuit.site_id is not None and rows.filter(charge_point__site=circuit.site_id).exists():
        rows = rows.filter(charge_point__site=circuit.site_id)
    found = list(rows.order_by("charge_point__identity_key", "evse__number")[:FOUND])
    members = CircuitMember.objects.filter(charge_point__in={row.charge_point_id for row in found})
    taken = {
        (pk, number): name
        for pk, number, name in members.values_list("charge_point_id", "evse_number", "circuit__name")
    }
    return [
        {
            "row": row,
            "value": f"{row.charge_point_id}-{row.evse.number}",
            "checked": f"{row.charge_point_id}-{row.evse.number}" in chosen,
            "status": pill(row.status, row.get_status_display()),
            "taken": taken.get((row.charge_point_id, row.evse.number), ""),
        }
        for row in found
    ]


def _add(request: HttpRequest, circuit: Circuit, form: MemberForm, chosen: list[str]) -> bool:
    """All or none: False where one is refused, which is said at the form."""
    places = [_place(text) for text in chosen[:FOUND]]
    stations = ChargePoint.objects.in_bulk([pk for pk, _number in places])
    actor = request.user.get_username()
    try:
        with tenant_transaction(circuit.tenant_id):
            for pk, number in places:
                if pk not in stations:
                    raise Http404
                values = {"charge_point": stations[pk], "evse_number": number, **form.values()}
                add_member(circuit=circuit, values=values, actor=actor, origin="admin")
    except CircuitRefused as error:
        form.refuse(error)
        return False
    return True


def _place(text: str) -> tuple[int, int]:
    station, _dash, number = text.partition("-")
    if not (station.isdigit() and number.isdigit() and text.isascii() and len(text) < 24):
        raise Http404
    return int(station), int(number)
