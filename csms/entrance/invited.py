"""Accepting an invitation: with the account that one has, or with a new one."""

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from csms.entrance.forms import NewAccountForm
from csms.entrance.pages import open_to_all, page, person_of
from csms.entrance.sign_in import complete_sign_in
from csms.sign_in import INVITATION_KEY
from tenants.context import directory_transaction
from tenants.middleware import SESSION_KEY
from tenants.models import Invitation, User
from tenants.services.invitations import (
    HasAccount,
    NotNow,
    accept_as,
    accept_with_new_account,
    find_invitation,
    has_account,
)


@open_to_all
def open_invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Where the link leads: the token goes into the session, so that it stands in no address while the page is open."""
    if find_invitation(token) is None:
        return _link_is_dead(request)
    request.session[INVITATION_KEY] = token
    return HttpResponseRedirect(reverse("admin:accept_invitation"))


@open_to_all
def accept_invitation(request: HttpRequest) -> HttpResponse:
    """One button for who is signed in; else a new account, or the way to the sign-in."""
    token = str(request.session.get(INVITATION_KEY, ""))
    invitation = find_invitation(token)
    if invitation is None:
        request.session.pop(INVITATION_KEY, None)
        return _link_is_dead(request)
    if isinstance(request.user, User):
        return _accept_as(request, person_of(request), token, invitation)
    with directory_transaction():
        known = has_account(invitation.email)
    form = None if known else NewAccountForm(request.POST or None, user=User(username=invitation.email))
    try:
        if form is not None and request.method == "POST" and form.is_valid() and _make_account(request, form, token):
            return _entered(request, invitation)
    except HasAccount:
        # Since a moment ago: the page says how they get on, and there is nothing to fill in.
        form = None
    return _page(request, invitation, form)


def _accept_as(request: HttpRequest, user: User, token: str, invitation: Invitation) -> HttpResponse:
    if request.method != "POST":
        return _page(request, invitation, None, person=user)
    try:
        accept_as(token=token, user=user)
    except NotNow:
        return _link_is_dead(request)
    return _entered(request, invitation)


def _make_account(request: HttpRequest, form: NewAccountForm, token: str) -> bool:
    given = form.cleaned_data
    try:
        user = accept_with_new_account(
            token=token, first_name=given["first_name"], last_name=given["last_name"], password=given["password"]
        )
    except HasAccount:
        raise
    except NotNow as refused:
        form.add_error(None, str(refused))
        return False
    except ValidationError as error:
        form.add_error(None, ValidationError(error.messages))
        return False
    complete_sign_in(request, user, second_factor=False)
    return True


def _entered(request: HttpRequest, invitation: Invitation) -> HttpResponse:
    request.session.pop(INVITATION_KEY, None)
    request.session[SESSION_KEY] = invitation.tenant.slug
    messages.success(request, _("Welcome to %(tenant)s.") % {"tenant": invitation.tenant.name})
    return HttpResponseRedirect(reverse("admin:index"))


def _page(
    request: HttpRequest, invitation: Invitation, form: NewAccountForm | None, person: User | None = None
) -> HttpResponse:
    title = _("Invitation to %(tenant)s") % {"tenant": invitation.tenant.name}
    return page(request, "invitation", title, invitation=invitation, form=form, person=person)


def _link_is_dead(request: HttpRequest) -> HttpResponse:
    return page(
        request,
        "said",
        _("This invitation is not valid any more"),
        status=404,
        text=_("It was accepted, revoked, or is older than a week. Ask the one who invited you for a new one."),
        back=reverse("admin:login"),
    )
