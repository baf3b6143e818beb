"""One's own second factor: set up, recovery codes, taken off."""

import time

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
from tenants.sessions import SINCE

# In the session of somebody who has given the password and may set a phone up: since when, and for how long.
PROVEN_KEY = "sets_up_since"
PROVEN_S = 900
# Who signed in within so long is not asked for the password again, where there is no getting on without a phone.
FRESH_S = 300


@for_people
def set_up(request: HttpRequest, user: User) -> HttpResponse:
    """The password; then the QR code, and a first code as proof that the app has understood it. Only then it counts."""
    if has_second_factor(user):
        return HttpResponseRedirect(reverse("admin:account"))
    if not _may_set_up(request):
        return _ask_password(request, user)
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
            request.session.pop(PROVEN_KEY, None)
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


def _may_set_up(request: HttpRequest) -> bool:
    """Whether it is the person who sits there, as far as the password says."""
    now, session = time.time(), request.session
    if now - session.get(PROVEN_KEY, 0) < PROVEN_S:
        return True
    if getattr(request, "barred", None) is None or now - session.get(SINCE, 0) > FRESH_S:
        return False
    session[PROVEN_KEY] = now
    return True


def _ask_password(request: HttpRequest, user: User) -> HttpResponse:
    """Before the QR code is seen: whoever keeps a picture of it has the phone too."""
    # A code may be sent by a page that has stood open for too long.
    form = PasswordForm(request.POST if "password" in request.POST else None, user=user)
    if form.is_valid():
        request.session[PROVEN_KEY] = time.time()
        return HttpResponseRedirect(reverse("admin:two_factor"))
    barred = getattr(request, "barred", None)
    intro = _("First your password, so that nobody who finds this browser open adds a phone of their own.")
    if barred is not None:
        asks = _("%(tenant)s asks for two-factor sign-in of people with your role: set it up, then you go on.")
        intro = f"{asks % {'tenant': barred.tenant.name}} {intro}"
    return page(
        request,
        "form",
        _("Two-factor sign-in"),
        form=form,
        intro=intro,
        button=_("Continue"),
        back="" if barred else reverse("admin:account"),
        back_text=_("Not now"),
        barred=barred,
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
        # Others count as having shown it, and a tenant that asks for one would be content with them.
        end_all_sessions(user, keep=request.session.session_key)
        update_session_auth_hash(request, user)
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
            "All other browsers and tokens are signed out. "
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
