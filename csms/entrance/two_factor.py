"""One's own second factor: set up, recovery codes, taken off."""

import segno
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from csms.entrance.forms import CodeForm, PasswordForm
from csms.entrance.pages import for_people, page
from tenants.middleware import SECOND_FACTOR_KEY
from tenants.models import Authenticator, User
from tenants.services.browser_sessions import end_all_sessions
from tenants.services.people_trail import note_of_person
from tenants.services.second_factor import (
    begin_setup,
    confirm_setup,
    has_second_factor,
    new_recovery_codes,
    remove_second_factor,
)


@for_people
def set_up(request: HttpRequest, user: User) -> HttpResponse:
    """The QR code, and a first code as proof that the app has understood it. Only then it counts."""
    authenticator = begin_setup(user)
    if authenticator is None:
        return HttpResponseRedirect(reverse("admin:account"))
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        codes = confirm_setup(user, form.cleaned_data["code"])
        if codes is not None:
            # Sessions and tokens of before have shown no second factor.
            end_all_sessions(user, keep=request.session.session_key)
            update_session_auth_hash(request, user)
            request.session[SECOND_FACTOR_KEY] = True
            return _show_codes(request, codes)
        form.add_error("code", _("This code is wrong, or the clock of the device is. Type the one that it shows now."))
    return page(
        request,
        "two_factor",
        _("Two-factor sign-in"),
        form=form,
        qr=_qr(authenticator, user),
        key=authenticator.key_text,
        issuer=settings.TWO_FACTOR_ISSUER,
        barred=getattr(request, "barred", None),
    )


@for_people
def renew_codes(request: HttpRequest, user: User) -> HttpResponse:
    """Ten new recovery codes, for the password."""
    if not has_second_factor(user):
        return HttpResponseRedirect(reverse("admin:account"))
    form = PasswordForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        codes = new_recovery_codes(user)
        if codes is not None:
            return _show_codes(request, codes)
    return page(
        request,
        "form",
        _("New recovery codes"),
        form=form,
        intro=_("You get ten new codes. Those that you have now open nothing any more."),
        button=_("Make new codes"),
        back=reverse("admin:account"),
        back_text=_("Back"),
    )


@for_people
def turn_off(request: HttpRequest, user: User) -> HttpResponse:
    """Takes it off, for the password."""
    if not has_second_factor(user):
        return HttpResponseRedirect(reverse("admin:account"))
    form = PasswordForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        remove_second_factor(user)
        request.session.pop(SECOND_FACTOR_KEY, None)
        note_of_person(user, action="turn off second factor")
        messages.success(request, _("Two-factor sign-in is off: the password alone signs you in."))
        return HttpResponseRedirect(reverse("admin:account"))
    return page(
        request,
        "form",
        _("Turn two-factor sign-in off"),
        form=form,
        intro=_(
            "Whoever learns your password can sign in as you then. Your recovery codes are deleted. "
            "A tenant that asks for two factors asks you to set them up again at once."
        ),
        button=_("Turn it off"),
        back=reverse("admin:account"),
        back_text=_("Leave it on"),
    )


def _show_codes(request: HttpRequest, codes: list[str]) -> HttpResponse:
    """Once: only hashes of them are kept."""
    return page(request, "recovery_codes", _("Your recovery codes"), codes=codes)


def _qr(authenticator: Authenticator, user: User) -> SafeString:
    """Dark on white whatever the page's theme: apps don't read it the other way round."""
    picture = segno.make(authenticator.uri(user.username), error="m")
    return mark_safe(picture.svg_inline(scale=4, border=3, dark="#111", light="#fff"))  # noqa: S308 (of our own text)
