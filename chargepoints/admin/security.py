"""The security page of a charge point: its profile, its password, its certificates, what it reported."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.pills import pill
from chargepoints.admin.sections import register_view, tabs_of
from chargepoints.models import (
    CertificateAuthority,
    ChargePoint,
    Command,
    InstalledCertificate,
    SecurityEvent,
    SecurityProfile,
    StationCertificate,
    StationConnection,
)
from chargepoints.services.certificates import ask_for_request
from chargepoints.services.commands import StationOffline
from chargepoints.services.password_rotation import RotationRefused, rotate_password
from chargepoints.services.pem import LONGEST_CERTIFICATE, InvalidCertificate
from chargepoints.services.root_certificates import ask_installed, delete_root, hash_data_of, install_root
from chargepoints.services.security_profiles import ProfileRefused, lower_profile, raise_profile
from tenants.admin.base import has_role
from tenants.models import Role

PAGE = "charge_point_security"
SHOWN = 20


class ProfileForm(forms.Form):
    """A higher profile, or a lower one with a reason."""

    profile = forms.TypedChoiceField(label=_("Security profile"), coerce=int)
    confirmed = forms.BooleanField(
        label=_("It has the certificates that this needs, though it never told us"), required=False
    )
    reason = forms.CharField(label=_("To lower it by force: the reason"), max_length=255, required=False)

    def __init__(self, *args: Any, station: ChargePoint, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        others = [choice for choice in SecurityProfile.choices if choice[0] != station.security_profile]
        self.fields["profile"].choices = others  # type: ignore[attr-defined]
        self.fields["profile"].initial = min(station.security_profile + 1, SecurityProfile.TLS_CLIENT)


class RootForm(forms.Form):
    """A root certificate for the station."""

    certificate_type = forms.ChoiceField(label=_("What it vouches for"), choices=InstalledCertificate.Type.choices)
    certificate = forms.CharField(
        label=_("Certificate (PEM)"),
        max_length=LONGEST_CERTIFICATE,
        widget=forms.Textarea({"rows": 12, "cols": 66, "spellcheck": "false", "class": "frame"}),
    )


@register_view("charge_point", "security/", name=PAGE, title=_("Security"), order=60)
def security_page(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """What its sign-in rests on; a POST asks the station for its root certificates."""
    if request.method == "POST":
        if not has_role(request, Role.OPERATOR):
            return HttpResponseRedirect(_page_of(station))
        return _do(request, station, lambda: _ask_all(request, station))
    now = timezone.now()
    context = {
        "title": _("Security of %(station)s") % {"station": station.identity},
        "station": station,
        "live": StationConnection.objects.live().filter(charge_point=station).exists(),
        "has_authority": CertificateAuthority.objects.filter(active=True).exists(),
        "certificates": [
            (row, pill(colour_of(row), row.get_state_display()), bool(row.not_after and row.not_after <= now))
            for row in StationCertificate.objects.filter(charge_point=station)[:SHOWN]
        ],
        "roots": InstalledCertificate.objects.filter(charge_point=station),
        "events": [
            (row, pill("critical", str(_("Critical"))) if row.critical else "")
            for row in SecurityEvent.objects.filter(charge_point=station)[:SHOWN]
        ],
        "tabs": tabs_of("charge_point", request, station.pk, PAGE),
        "may_operate": has_role(request, Role.OPERATOR),
        "may_administer": has_role(request, Role.ADMIN),
    }
    return _render(request, "office/security.html", context)


@register_view("charge_point", "security/password/", name="charge_point_rotate_password", role=Role.ADMIN)
def rotate_view(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    return _ask_then_do(
        request,
        station,
        lambda: rotate_password(charge_point=station, **_who(request)),
        title=_("Rotate the password of %(station)s") % {"station": station.identity},
        consequence=_("It is given a new random password; the present one works until it has come back with the new."),
        button=_("Rotate"),
    )


@register_view("charge_point", "security/renew/", name="charge_point_renew_certificate", role=Role.OPERATOR)
def renew_view(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    return _ask_then_do(
        request,
        station,
        lambda: ask_for_request(charge_point=station, **_who(request)),
        title=_("A new certificate for %(station)s") % {"station": station.identity},
        consequence=_("The station is to make a new key and ask for a certificate, which is signed and sent to it."),
        button=_("Ask the station"),
    )


@register_view("charge_point", "security/profile/", name="charge_point_security_profile", role=Role.ADMIN)
def profile_view(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """Raise it, or lower it by force."""
    form = ProfileForm(request.POST or None, station=station)
    if request.method == "POST" and form.is_valid():
        profile, given = form.cleaned_data["profile"], form.cleaned_data
        try:
            if profile < station.security_profile:
                lower_profile(
                    charge_point=station,
                    profile=profile,
                    reason=given["reason"],
                    actor=request.user.get_username(),
                    origin="admin",
                )
                messages.success(request, _("The lower profile is taken from now on. Nothing was sent."))
                return HttpResponseRedirect(_page_of(station))
            command = raise_profile(
                charge_point=station, profile=profile, confirmed=given["confirmed"], **_who(request)
            )
            return _to(command)
        except ProfileRefused as refused:
            form.add_error("reason" if profile < station.security_profile else "profile", refused.sentence)
        except StationOffline:
            form.add_error(None, _("The station is offline: nothing was sent."))
    return _confirm(
        request,
        station,
        title=_("Change the security profile of %(station)s") % {"station": station.identity},
        consequence=_(
            "Raising: the station is told and reset; both profiles are taken until it comes back with the higher one, "
            "or the time is over. Lowering only changes what we take: for a station that was replaced or reset by hand."
        ),
        button=_("Change"),
        form=form,
    )


@register_view("charge_point", "security/install/", name="charge_point_install_root", role=Role.ADMIN)
def install_view(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    form = RootForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            return _to(install_root(charge_point=station, **form.cleaned_data, **_who(request)))
        except InvalidCertificate as error:
            form.add_error("certificate", str(error))
        except StationOffline:
            form.add_error(None, _("The station is offline: nothing was sent."))
    return _confirm(
        request,
        station,
        title=_("Install a root certificate in %(station)s") % {"station": station.identity},
        consequence=_("From then on the station trusts what this authority has signed. A wrong one can lock it out."),
        button=_("Install"),
        form=form,
    )


@register_view("charge_point", "security/delete/", name="charge_point_delete_root", role=Role.ADMIN)
def delete_view(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """`?root=`: the installed certificate."""
    given = request.GET.get("root", "")
    rows = InstalledCertificate.objects.filter(charge_point=station)
    root = rows.filter(pk=int(given)).first() if given.isascii() and given.isdigit() and len(given) < 18 else None
    if root is None:
        messages.error(request, _("The station doesn't have this certificate any more."))
        return HttpResponseRedirect(_page_of(station))
    return _ask_then_do(
        request,
        station,
        lambda: delete_root(charge_point=station, hashes=hash_data_of(root), **_who(request)),
        title=_("Delete a root certificate from %(station)s") % {"station": station.identity},
        consequence=_("The station no longer trusts %(type)s %(serial)s. Without any it can't find us over TLS.")
        % {"type": root.get_type_display(), "serial": root.serial_number},
        button=_("Delete"),
    )


def _ask_all(request: HttpRequest, station: ChargePoint) -> Command:
    commands = [
        ask_installed(charge_point=station, certificate_type=kind, **_who(request))
        for kind in InstalledCertificate.Type.values
    ]
    return commands[0]


def _ask_then_do(
    request: HttpRequest, station: ChargePoint, act: Callable[[], Command], **context: Any
) -> HttpResponse:
    """The page that asks once more; its button does it."""
    return _do(request, station, act) if request.method == "POST" else _confirm(request, station, **context)


def _do(request: HttpRequest, station: ChargePoint, act: Callable[[], Command]) -> HttpResponse:
    """The command's page, or the station's with what forbids it."""
    try:
        return _to(act())
    except StationOffline:
        messages.error(request, _("The station is offline: nothing was sent."))
    except RotationRefused as refused:
        messages.error(request, str(refused))
    return HttpResponseRedirect(_page_of(station))


def _to(command: Command) -> HttpResponseRedirect:
    return HttpResponseRedirect(reverse("admin:chargepoints_command_change", args=[command.pk]))


def _who(request: HttpRequest) -> dict[str, str]:
    return {"requested_by": request.user.get_username(), "origin": "admin"}


def _page_of(station: ChargePoint) -> str:
    return reverse(f"admin:{PAGE}", args=[station.pk])


def _confirm(request: HttpRequest, station: ChargePoint, **context: Any) -> HttpResponse:
    return _render(request, "office/confirm.html", {"back": _page_of(station), **context})


def _render(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    shared = admin.site.each_context(request)
    return TemplateResponse(request, template, {**shared, **context})


def colour_of(row: StationCertificate) -> str:
    """Of its pill."""
    states = StationCertificate.State
    return {
        states.REQUESTED: "queued",
        states.SIGNED: "sent",
        states.INSTALLED: "accepted",
        states.REVOKED: "cancelled",
    }.get(states(row.state), "failed")
