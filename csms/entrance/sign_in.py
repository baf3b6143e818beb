"""Signing in: the password, then a code where the person has a second factor. Only then there is a session."""

import time
from dataclasses import dataclass
from typing import Any

from django.contrib.auth import login
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from csms.entrance.forms import CodeForm
from csms.entrance.pages import open_to_all, page
from csms.language import follow_person
from csms.sign_in import INVITATION_KEY
from tenants.context import directory_transaction
from tenants.middleware import SECOND_FACTOR_KEY, SESSION_KEY
from tenants.models import User
from tenants.selectors import accesses_of
from tenants.services.second_factor import Verdict, check_code, has_second_factor
from tenants.sessions import SINCE
from tenants.visitors import client_address

BACKEND = "tenants.auth.PeopleBackend"
# In the session of somebody who has shown the password and not yet the code; they have so long.
WAITING_KEY = "waits_for_code"
WAITS_S = 600


@dataclass(frozen=True, slots=True)
class Waiting:
    """Who has shown the password, and where they go when they have shown the code."""

    user: User
    next: str


class SignInView(LoginView):
    """Django's, which leaves those who have a second factor to the next page."""

    def form_valid(self, form: Any) -> HttpResponse:
        user = form.get_user()
        if not has_second_factor(user):
            complete_sign_in(self.request, user, second_factor=False)
            return HttpResponseRedirect(self.get_success_url())
        # Another key for the session: who knew the old one must not be let in by what follows.
        self.request.session.cycle_key()
        self.request.session[WAITING_KEY] = {
            "user": user.pk,
            "stamp": user.token_stamp,
            "at": time.time(),
            "next": self.get_success_url(),
        }
        return HttpResponseRedirect(reverse("admin:second_factor"))

    def get_default_redirect_url(self) -> str:
        return reverse("admin:index")


def complete_sign_in(request: HttpRequest, user: User, *, second_factor: bool) -> None:
    """Make the session theirs, of the tenant that they work in, and the browser's language theirs."""
    login(request, user, backend=BACKEND)
    follow_person(request, user)
    # Said either way: the same person's session of before is gone on with.
    request.session[SECOND_FACTOR_KEY], request.session[SINCE] = second_factor, time.time()
    for access in accesses_of(user)[:1]:
        # Written down, so that an administrator of the tenant ends the sessions in it and no others.
        request.session.setdefault(SESSION_KEY, access.tenant.slug)


def way_in(request: HttpRequest) -> str:
    """Where somebody who is signed in and may see nothing yet has to go; empty: nowhere."""
    if getattr(request, "barred", None) is not None:
        return reverse("admin:two_factor")
    return reverse("admin:accept_invitation") if INVITATION_KEY in request.session else ""


@open_to_all
def second_factor(request: HttpRequest) -> HttpResponse:
    """Asks for the code."""
    waiting = _waiting(request)
    if waiting is None:
        request.session.pop(WAITING_KEY, None)
        return HttpResponseRedirect(reverse("admin:login"))
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        verdict, until = check_code(
            waiting.user, form.cleaned_data["code"], address=client_address(request), origin="admin"
        )
        if verdict is Verdict.PASSED:
            request.session.pop(WAITING_KEY, None)
            complete_sign_in(request, waiting.user, second_factor=True)
            return HttpResponseRedirect(waiting.next)
        if verdict is Verdict.WAIT and until is not None:
            seconds = max(1, round((until - timezone.now()).total_seconds()))
            form.add_error("code", _("Too many wrong codes. Try again in %(seconds)d s.") % {"seconds": seconds})
        else:
            form.add_error("code", _("This code is wrong or was used already. Wait for the next one."))
    return page(
        request,
        "form",
        _("One more step"),
        form=form,
        intro=_("Type the code that your authenticator app shows. A recovery code works too, once."),
        button=_("Sign in"),
        back=reverse("admin:login"),
        back_text=_("Sign in as somebody else"),
    )


def _waiting(request: HttpRequest) -> Waiting | None:
    kept = request.session.get(WAITING_KEY)
    if not isinstance(kept, dict) or time.time() - kept["at"] > WAITS_S:
        return None
    with directory_transaction():
        user = User.objects.filter(pk=kept["user"], is_active=True).first()
    # The password may have been changed meanwhile.
    if user is None or user.token_stamp != kept["stamp"]:
        return None
    return Waiting(user, kept["next"])
