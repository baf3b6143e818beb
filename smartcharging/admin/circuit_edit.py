"""Making, changing and deleting a circuit: through the services, whose refusals stand at the form's fields."""

from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from smartcharging.admin.circuit_forms import CircuitForm
from smartcharging.admin.shared import number_asked
from smartcharging.circuit_selectors import subtree_ids
from smartcharging.models import Circuit, CircuitMember
from smartcharging.services.circuits import CircuitRefused, create_circuit, delete_circuit, update_circuit
from tenants.admin.base import access_of

LISTED = "admin:smartcharging_circuit_changelist"
PAGE = "admin:smartcharging_circuit_change"


def edit_page(request: HttpRequest, circuit: Circuit | None) -> HttpResponse:
    """Without a circuit a new one, `?parent=` below that one."""
    below = _below(request) if circuit is None else None
    form = _form(request, circuit, below)
    if request.method == "POST" and form.is_valid():
        saved = _save(request, form, circuit)
        if saved is not None:
            messages.success(request, _("Kept. The limits follow within seconds."))
            return HttpResponseRedirect(reverse(PAGE, args=[saved.pk]))
    back = circuit or below
    context = {
        **admin.site.each_context(request),
        "title": _("Change %(name)s") % {"name": circuit.name} if circuit else _("New circuit"),
        "form": form,
        "circuit": circuit,
        "back": reverse(PAGE, args=[back.pk]) if back else reverse(LISTED),
    }
    return render(request, "office/circuit_form.html", context)


def delete_page(request: HttpRequest, circuit: Circuit) -> HttpResponse:
    """Asks once, with what becomes of the connectors."""
    if request.method == "POST":
        actor = request.user.get_username()
        try:
            delete_circuit(circuit=circuit, actor=actor, origin="admin")
        except CircuitRefused as error:
            messages.error(request, error.sentence)
            return HttpResponseRedirect(reverse(PAGE, args=[circuit.pk]))
        messages.success(request, _("Deleted."))
        return HttpResponseRedirect(reverse(LISTED))
    number = CircuitMember.objects.filter(circuit__in=subtree_ids([circuit.pk])).count()
    said = ngettext(
        "Its %(count)s connector is let go: nothing keeps it within a capacity any more, and a car may take all that"
        " its hardware allows. The log of its limits goes too.",
        "Its %(count)s connectors are let go: nothing keeps them within a capacity any more, and cars may take all that"
        " their hardware allows. The log of their limits goes too.",
        number,
    )
    context = {
        **admin.site.each_context(request),
        "title": _("Delete the circuit %(name)s") % {"name": circuit.name},
        "consequence": said % {"count": number} if number else _("No connector hangs on it."),
        "button": _("Delete"),
        "back": reverse(PAGE, args=[circuit.pk]),
    }
    return render(request, "office/confirm.html", context)


def _form(request: HttpRequest, circuit: Circuit | None, below: Circuit | None) -> CircuitForm:
    posted = request.POST if request.method == "POST" else None
    form = CircuitForm(posted, instance=circuit, below=below)
    access = access_of(request)
    if access is not None:
        form.tenant_id = access.tenant.pk
    return form


def _save(request: HttpRequest, form: CircuitForm, circuit: Circuit | None) -> Circuit | None:
    """None: refused, and said why at the form."""
    access, actor = access_of(request), request.user.get_username()
    if access is None:
        raise Http404
    values: dict[str, Any] = form.values()
    try:
        if circuit is None:
            return create_circuit(tenant=access.tenant, values=values, actor=actor, origin="admin")
        # The form has put the values into its own row already: the service reads it anew.
        return update_circuit(circuit=circuit, values=values, actor=actor, origin="admin")
    except CircuitRefused as error:
        form.refuse(error)
        return None


def _below(request: HttpRequest) -> Circuit | None:
    pk = number_asked(request.GET.get("parent", ""))
    found: Circuit | None = Circuit.objects.select_related("site").filter(pk=pk).first() if pk else None
    return found
