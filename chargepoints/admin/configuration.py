"""Configuration pages: what a charge point is set to against what is wanted, and the tenant's wishes for all."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.pills import pill
from chargepoints.admin.sections import register_view, tabs_of
from chargepoints.configuration_selectors import KeyState, configuration_of
from chargepoints.models import ChargePoint, StationConnection
from chargepoints.services.commands import StationOffline
from chargepoints.services.configuration import ask_configuration, change_station, reset_station
from chargepoints.services.configuration_keys import KEYS, LONGEST_KEY, LONGEST_VALUE, InvalidValue, check_key, find_key
from chargepoints.services.configuration_wishes import (
    Changes,
    InvalidWishes,
    Source,
    change_tenant_wishes,
    check_wishes,
    inherited_wishes,
)
from tenants.admin.base import access_of, has_role
from tenants.models import Role, Tenant

SOURCES = {Source.DEFAULT: _("Default"), Source.TENANT: _("Tenant"), Source.CHARGE_POINT: _("Charge point")}
PAGE = "charge_point_configuration"


class WishForm(forms.Form):
    """One key and what it is to be; `inherit` takes the wish back."""

    key = forms.CharField(
        label=_("Key"), max_length=LONGEST_KEY, widget=forms.TextInput({"list": "known-keys", "size": 40})
    )
    value = forms.CharField(
        label=_("Value"),
        max_length=LONGEST_VALUE,
        required=False,
        strip=False,
        widget=forms.Textarea({"rows": 2, "cols": 60}),
    )
    inherit = forms.BooleanField(label=_("Nothing of its own: inherit"), required=False)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if "key" in given and "value" in given:
            try:
                given["changes"] = check_wishes({given["key"]: None if given["inherit"] else given["value"]})
            except InvalidWishes as error:
                raise ValidationError(list(error.errors.values())) from None
        return given


# --- of one charge point ---


@register_view("charge_point", "configuration/", name=PAGE, title=_("Configuration"), order=50)
def configuration_page(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """The keys; a POST asks the station for all of them."""
    if request.method == "POST":
        _need(request, Role.OPERATOR)
        try:
            ask_configuration(charge_point=station, keys=[], requested_by=_actor(request), origin="admin")
            messages.success(request, _("The station was asked; what it answers shows here in a moment."))
        except StationOffline:
            messages.error(request, _("The station is offline: nothing was sent."))
        return HttpResponseRedirect(_page_of(station))
    live = StationConnection.objects.live().filter(charge_point=station).exists()
    context = {
        "title": _("Configuration of %(station)s") % {"station": station.identity},
        "station": station,
        "live": live,
        "rows": [
            {
                "state": state,
                "value": _breakable(state.value),
                "desired": _breakable(state.desired),
                "drift": _drift(state),
                "source": SOURCES[state.source] if state.source else "",
                "editable": _editable(state),
            }
            for state in configuration_of(station)
        ],
        "tabs": tabs_of("charge_point", request, station.pk, PAGE),
        "may_change": has_role(request, Role.OPERATOR),
        "edit": reverse("admin:charge_point_configuration_key", args=[station.pk]),
    }
    return _render(request, "office/configuration.html", context)


@register_view("charge_point", "configuration/key/", name="charge_point_configuration_key", role=Role.OPERATOR)
def configuration_key(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """Wish for one key; it is stored and sent."""
    form = _form(request, {state.key: state.desired or state.value for state in configuration_of(station)})
    if request.method == "POST" and form.is_valid():
        try:
            _wanted, sent = change_station(
                charge_point=station, changes=form.cleaned_data["changes"], actor=_actor(request), origin="admin"
            )
        except InvalidWishes as error:
            form.add_error(None, list(error.errors.values()))
        else:
            _tell(request, sent=bool(sent))
            return HttpResponseRedirect(_page_of(station))
    title = _("Set a key of %(station)s") % {"station": station.identity}
    return _edit(request, form, title=title, back=_page_of(station))


@register_view("charge_point", "configuration/reset/", name="charge_point_configuration_reset", role=Role.OPERATOR)
def configuration_reset(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """Ask once; then drop the charge point's own wishes."""
    if request.method == "POST":
        _wanted, sent = reset_station(charge_point=station, actor=_actor(request), origin="admin")
        _tell(request, sent=bool(sent))
        return HttpResponseRedirect(_page_of(station))
    context = {
        "title": _("Forget the own wishes of %(station)s") % {"station": station.identity},
        "consequence": _("What the tenant wants holds again, and is sent where the station is set to something else."),
        "button": _("Forget them"),
        "back": _page_of(station),
    }
    return _render(request, "office/confirm.html", context)


# --- of the tenant ---


def tenant_configuration(request: HttpRequest) -> HttpResponse:
    """What all charge points are to be set to."""
    tenant = _tenant(request)
    wishes = sorted(inherited_wishes(tenant.desired_configuration).values(), key=lambda wish: wish.key.lower())
    context = {
        "title": _("Configuration keys"),
        "rows": [(wish, SOURCES[wish.source]) for wish in wishes],
        "may_change": has_role(request, Role.ADMIN),
        "edit": reverse("admin:tenant_configuration_key"),
    }
    return _render(request, "office/tenant_configuration.html", context)


def tenant_configuration_key(request: HttpRequest) -> HttpResponse:
    """Wish for one key of all charge points."""
    _need(request, Role.ADMIN)
    tenant, back = _tenant(request), reverse("admin:tenant_configuration")
    wishes = inherited_wishes(tenant.desired_configuration)
    form = _form(request, {wish.key: wish.value for wish in wishes.values()})
    if request.method == "POST" and form.is_valid():
        changes: Changes = form.cleaned_data["changes"]
        try:
            change_tenant_wishes(tenant.pk, changes, actor=_actor(request), origin="admin")
        except InvalidWishes as error:
            form.add_error(None, list(error.errors.values()))
        else:
            text = _("Kept. Charge points that are online are told now, the others when they come back.")
            messages.success(request, text)
            return HttpResponseRedirect(back)
    return _edit(request, form, title=_("Set a key of all charge points"), back=back)


# --- helpers ---


def _form(request: HttpRequest, present: dict[str, str | None]) -> WishForm:
    """Filled in with what holds for the key named in the address."""
    key = request.GET.get("key", "")
    return WishForm(request.POST or None, initial={"key": key, "value": present.get(key) or ""})


def _edit(request: HttpRequest, form: WishForm, **context: Any) -> HttpResponse:
    known = find_key(request.GET.get("key", ""))
    names = sorted(key.name for key in KEYS.values() if not key.refusal)
    return _render(
        request,
        "office/configuration_key.html",
        {"form": form, "hint": known and known.hint, "names": names, **context},
    )


def _editable(state: KeyState) -> bool:
    if state.readonly:
        return False
    try:
        check_key(state.key)
    except InvalidValue:
        return False
    return True


def _drift(state: KeyState) -> SafeString | str:
    if state.drift:
        return pill("Pending", str(_("not reported") if state.value is None else _("differs")))
    return "" if state.desired is None or state.value is None else pill("Accepted", str(_("as wanted")))


def _breakable(value: str | None) -> SafeString | None:
    """Long lists may break after a comma; copied, they are as they were."""
    return (
        None if value is None else format_html_join(mark_safe(",<wbr>"), "{}", ((word,) for word in value.split(",")))
    )


def _tell(request: HttpRequest, *, sent: bool) -> None:
    if sent:
        messages.success(request, _("Kept, and sent to the station: its answer is among its commands."))
    else:
        messages.success(request, _("Kept. A station that is offline is told when it comes back."))


def _render(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    return TemplateResponse(request, template, {**admin.site.each_context(request), **context})


def _need(request: HttpRequest, role: str) -> None:
    if not has_role(request, role):
        raise PermissionDenied


def _tenant(request: HttpRequest) -> Tenant:
    access = access_of(request)
    if access is None:
        raise Http404
    return Tenant.objects.get(pk=access.tenant.pk)


def _actor(request: HttpRequest) -> str:
    return request.user.get_username()


def _page_of(station: ChargePoint) -> str:
    return reverse(f"admin:{PAGE}", args=[station.pk])
