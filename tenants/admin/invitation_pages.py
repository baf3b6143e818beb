"""Pages of one invitation, and how the one who invites is told of it."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _

from tenants.admin.base import has_role
from tenants.context import on_commit
from tenants.mail import mail_is_set, public_link
from tenants.models import Invitation, Role
from tenants.services.invitations import NotNow, invite_again, link_path, revoke_invitation
from tenants.tasks import mail_invitations

PEOPLE = "admin:tenants_membership_changelist"


def told_of_invitation(request: HttpRequest, row: Invitation, token: str) -> HttpResponse:
    """That a mail is on its way; or the link itself, on a page that is nowhere kept."""
    if row.mail_due_at is not None:
        on_commit(mail_invitations.delay)
        messages.success(request, _("A mail with the link is on its way to %(email)s.") % {"email": row.email})
        return HttpResponseRedirect(reverse(PEOPLE))
    context = {
        **admin.site.each_context(request),
        "title": _("Give this link to %(email)s") % {"email": row.email},
        "link": public_link(link_path(token), request),
        "invitation": row,
        "back": reverse(PEOPLE),
    }
    answer = TemplateResponse(request, "office/invitation_link.html", context)
    answer["Cache-Control"] = "no-store"
    return answer


def send_again_page(request: HttpRequest, pk: int) -> HttpResponse:
    """A new link for another week."""
    row = _invitation(request, pk)
    if request.method == "POST":
        return _done(
            request,
            lambda: told_of_invitation(
                request,
                *invite_again(invitation=row, actor=request.user.get_username(), origin="admin", by_mail=mail_is_set()),
            ),
        )
    text = _("%(email)s gets a new link, good for a week. The one before opens nothing any more.")
    button = _("Send again") if mail_is_set() else _("Make a new link")
    return _asked(request, _("Send the invitation again"), text % {"email": row.email}, button)


def revoke_page(request: HttpRequest, pk: int) -> HttpResponse:
    """The link opens nothing any more."""
    row = _invitation(request, pk)
    if request.method == "POST":
        return _done(request, lambda: _revoke(request, row))
    text = _("The link that %(email)s has opens nothing any more. You can invite them anew at any time.")
    return _asked(request, _("Revoke the invitation"), text % {"email": row.email}, _("Revoke"), danger=True)


def _revoke(request: HttpRequest, row: Invitation) -> HttpResponse:
    revoke_invitation(invitation=row, actor=request.user.get_username(), origin="admin")
    messages.success(request, _("The invitation of %(email)s is revoked.") % {"email": row.email})
    return HttpResponseRedirect(reverse(PEOPLE))


def _invitation(request: HttpRequest, pk: int) -> Invitation:
    row = Invitation.objects.filter(pk=pk).first() if has_role(request, Role.ADMIN) else None
    if row is None:
        raise Http404
    return row


def _done(request: HttpRequest, act: Callable[[], HttpResponse]) -> HttpResponse:
    try:
        return act()
    except NotNow as refused:
        messages.error(request, str(refused))
        return HttpResponseRedirect(reverse(PEOPLE))


def _asked(request: HttpRequest, title: str, consequence: str, button: str, *, danger: bool = False) -> HttpResponse:
    context: dict[str, Any] = {**admin.site.each_context(request), "title": title, "consequence": consequence}
    context |= {"button": button, "back": reverse(PEOPLE), "danger": danger}
    return TemplateResponse(request, "office/ask.html", context)
