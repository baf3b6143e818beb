"""Grid signals: a limit for a time on a circuit, and taking it back."""

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _

from smartcharging.admin.circuit_edit import PAGE
from smartcharging.admin.circuit_forms import SignalForm
from smartcharging.admin.load_bars import signal_said
from smartcharging.admin.pictures import clock
from smartcharging.admin.zones import zone_of_site
from smartcharging.models import Circuit, CircuitLimit
from smartcharging.services.signals import AlreadyOver, LimitRefused, cancel_circuit_limit, set_circuit_limit


def signal_page(request: HttpRequest, circuit: Circuit) -> HttpResponse:
    """A form; kept to by the next round."""
    zone = zone_of_site(request, circuit.site)
    form = SignalForm(request.POST if request.method == "POST" else None, zone=zone, initial={"unit": circuit.unit})
    if request.method == "POST" and form.is_valid():
        actor = request.user.get_username()
        try:
            set_circuit_limit(circuit=circuit, actor=actor, origin="admin", **form.values())
        except LimitRefused as error:
            form.refuse(error.reason, error.field, error.sentence)
        else:
            messages.success(request, _("The limit holds from its time on; limits are lowered within seconds."))
            return HttpResponseRedirect(reverse(PAGE, args=[circuit.pk]))
    context = {
        **admin.site.each_context(request),
        "title": _("A limit for a time on %(name)s") % {"name": circuit.name},
        "consequence": _(
            "In this time the circuit carries no more than this, whatever its capacity: cars are slowed down, or wait"
            " their turn. Times are local time, %(zone)s."
        )
        % {"zone": zone.key},
        "form": form,
        "button": _("Set the limit"),
        "back": reverse(PAGE, args=[circuit.pk]),
    }
    return render(request, "office/form.html", context)


def cancel_signal_page(request: HttpRequest, circuit: Circuit, limit_id: int) -> HttpResponse:
    """Asks once, then takes it back."""
    row = CircuitLimit.objects.filter(circuit=circuit, pk=limit_id).first()
    if row is None:
        raise Http404
    back = reverse(PAGE, args=[circuit.pk])
    if request.method == "POST":
        try:
            cancel_circuit_limit(limit=row, actor=request.user.get_username(), origin="admin")
        except AlreadyOver:
            messages.warning(request, _("It is over already."))
        else:
            messages.success(request, _("Cancelled: the circuit's own capacity holds again."))
        return HttpResponseRedirect(back)
    zone = zone_of_site(request, circuit.site)
    values = {
        "limit": signal_said(row),
        "start": clock(row.start_at, zone, "date"),
        "end": clock(row.end_at, zone, "date"),
    }
    context = {
        **admin.site.each_context(request),
        "title": _("Cancel a limit of %(name)s") % {"name": circuit.name},
        "consequence": _(
            "“%(limit)s” from %(start)s until %(end)s holds no longer: charging goes up to the circuit's own capacity."
            " Whoever asked for the limit is not told."
        )
        % values,
        "button": _("Cancel the limit"),
        "back": back,
    }
    return render(request, "office/confirm.html", context)
