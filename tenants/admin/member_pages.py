"""Pages that change who belongs to a tenant. Each says in words what follows, and asks once."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from tenants.admin.base import access_of, has_role
from tenants.admin.invitation_pages import told_of_invitation
from tenants.context import directory_transaction
from tenants.mail import mail_is_set
from tenants.models import Membership, Role, Tenant, User
from tenants.people import is_only_here, without_second_factor
from tenants.selectors import Access
from tenants.services.attempts import Limit, TooMany, count_attempt
from tenants.services.browser_sessions import end_all_sessions
from tenants.services.invitations import NotNow, invite
from tenants.services.members import (
    Gone,
    LastAdministrator,
    change_role,
    is_last_administrator,
    remove_member,
    sign_out_member,
)
from tenants.services.people_trail import note_in_tenant
from tenants.services.second_factor import remove_second_factor
from tenants.services.tenants import require_second_factor

LIST = "admin:tenants_membership_changelist"
# Mails go to whomever an administrator names.
INVITATIONS = Limit("invitations-of-tenant", 100, 3600)
WHAT_ROLES_MAY = {
    Role.VIEWER.value: gettext_lazy("sees everything, changes nothing"),
    Role.OPERATOR.value: gettext_lazy("runs the stations: sessions, commands, tags, firmware"),
    Role.ADMIN.value: gettext_lazy("everything, prices, keys and people included"),
}


class InviteForm(forms.Form):
    email = forms.EmailField(label=gettext_lazy("E-mail"), max_length=150)
    role = forms.ChoiceField(label=gettext_lazy("Role"), initial=Role.VIEWER)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = role_choices()  # type: ignore[attr-defined]


class RoleForm(forms.Form):
    role = forms.ChoiceField(label=gettext_lazy("Role"))

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].choices = role_choices()  # type: ignore[attr-defined]


class PolicyForm(forms.Form):
    two_factor = forms.ChoiceField(
        label=gettext_lazy("Who must sign in with two factors"), choices=Tenant.TwoFactor.choices, required=False
    )


def role_choices() -> list[tuple[str, str]]:
    return [(role.value, f"{role.label}: {WHAT_ROLES_MAY[role.value]}") for role in Role]


def invite_page(request: HttpRequest) -> HttpResponse:
    """Asks somebody in. Where no mail is sent the link is shown, once."""
    access = _administrator(request)
    form = InviteForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            count_attempt([(INVITATIONS, str(access.tenant.pk))])
            row, token = invite(
                tenant_id=access.tenant.pk,
                email=form.cleaned_data["email"],
                role=form.cleaned_data["role"],
                actor=request.user.get_username(),
                origin="admin",
                by_mail=mail_is_set(),
            )
        except NotNow as refused:
            form.add_error(refused.field, str(refused))
        except TooMany as refused:
            form.add_error(
                None, _("Too many invitations. Try again in %(minutes)d minutes.") % {"minutes": refused.minutes}
            )
        else:
            return told_of_invitation(request, row, token)
    consequence = _(
        "They get a link that is good for a week and works once: with it they choose a name and a password, "
        "or accept with the account that they have already."
    )
    return _asked(request, _("Invite somebody"), consequence, _("Invite"), reverse(LIST), form=form)


def role_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Another role, at once."""
    access, row = _administrator(request), _member(request, pk)
    form = RoleForm(request.POST or None, initial={"role": row.role})
    if request.method == "POST" and form.is_valid():
        role = form.cleaned_data["role"]
        said = _("%(person)s is %(role)s now.") % {"person": row.user.username, "role": Role(role).label}
        return _done(
            request,
            row,
            said,
            lambda: change_role(membership=row, role=role, actor=request.user.get_username(), origin="admin"),
        )
    consequence = _(
        "What %(person)s may do in %(tenant)s changes at their next click, and at the next request of programs "
        "that use their token. Nobody is signed out."
    )
    if is_last_administrator(row):
        consequence = _("%(person)s is the last administrator of %(tenant)s: make somebody else one first.")
    return _asked(
        request, _("Change the role"), _filled(consequence, row, access), _("Change the role"), _back(row), form=form
    )


def remove_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Ends the membership, at once."""
    access, row = _administrator(request), _member(request, pk)
    if request.method == "POST":
        said = _("%(person)s belongs to this tenant no more.") % {"person": row.user.username}
        return _done(
            request,
            row,
            said,
            lambda: remove_member(membership=row, actor=request.user.get_username(), origin="admin"),
            to=reverse(LIST),
        )
    consequence = _(
        "%(person)s is out of %(tenant)s at their next click, and programs that use their token are refused at once. "
        "API keys stay: revoke those that %(person)s knows. What they did stays in the audit trail. "
        "To come back they need a new invitation."
    )
    if row.user_id == request.user.pk:
        consequence = _("You leave %(tenant)s, at once. To come back you need an invitation of another administrator.")
    if is_last_administrator(row):
        consequence = _("%(person)s is the last administrator of %(tenant)s: make somebody else one first.")
        return _asked(request, _("Remove from this tenant"), _filled(consequence, row, access), "", _back(row))
    title = _("Remove %(person)s") % {"person": row.user.username}
    return _asked(request, title, _filled(consequence, row, access), _("Remove"), _back(row), danger=True)


def sign_out_page(request: HttpRequest, pk: int) -> HttpResponse:
    """Ends what the person does in this tenant; who knows the password may sign in again."""
    access, row = _administrator(request), _member(request, pk)
    if request.method == "POST":
        try:
            count = sign_out_member(membership=row, actor=request.user.get_username(), origin="admin")
        except Gone:
            return _has_gone(request)
        said = ngettext("%(count)d browser was signed out.", "%(count)d browsers were signed out.", count)
        messages.success(request, said % {"count": count})
        return HttpResponseRedirect(_back(row))
    consequence = _(
        "%(person)s is signed out of %(tenant)s in all browsers, and programs that use their token for it are refused "
        "at once. Do they belong to other tenants too? There they go on. To come back they sign in again with their "
        "password. Does a stranger know it? Then have them set a new one."
    )
    title = _("Sign %(person)s out") % {"person": row.user.username}
    return _asked(request, title, _filled(consequence, row, access), _("Sign them out"), _back(row))


def reset_two_factor_page(request: HttpRequest, pk: int) -> HttpResponse:
    """For somebody who has lost the phone and the codes. Only where no other tenant relies on it."""
    access, row = _administrator(request), _member(request, pk)
    if not is_only_here(row.user_id, access.tenant.pk):
        text = _(
            "Not only this tenant relies on the second factor of %(person)s: the platform's staff can take it off."
        )
        return _asked(request, _("Reset two-factor sign-in"), _filled(text, row, access), "", _back(row))
    if request.method == "POST":
        user = _account_of(row)
        if remove_second_factor(user):
            end_all_sessions(user)
            note_in_tenant(
                row.tenant_id,
                actor=request.user.get_username(),
                origin="admin",
                action="reset second factor",
                target=row,
            )
        messages.success(request, _("%(person)s signs in with the password alone now.") % {"person": row.user.username})
        return HttpResponseRedirect(_back(row))
    consequence = _(
        "%(person)s is signed out everywhere and signs in with the password alone, until they set up a phone anew. "
        "Make sure that it is %(person)s who asks: call them."
    )
    return _asked(
        request, _("Reset two-factor sign-in"), _filled(consequence, row, access), _("Reset"), _back(row), danger=True
    )


def two_factor_policy(request: HttpRequest) -> HttpResponse:
    """Of whom this tenant asks for a second factor."""
    access = _administrator(request)
    form = PolicyForm(request.POST or None, initial={"two_factor": access.tenant.two_factor})
    if request.method == "POST" and form.is_valid():
        require_second_factor(
            tenant_id=access.tenant.pk,
            least=form.cleaned_data["two_factor"],
            actor=request.user.get_username(),
            origin="admin",
        )
        messages.success(request, _("Saved. It holds from now on."))
        return HttpResponseRedirect(reverse(LIST))
    lacking = without_second_factor(access.tenant.pk, Role.VIEWER)
    consequence = _(
        "Those of whom it is asked and who have none set it up at their next click, before they get on; "
        "tokens that were got without a code are refused. API keys are not touched."
    )
    if lacking:
        some = ", ".join(lacking[:8]) + (" …" if len(lacking) > 8 else "")
        consequence += " " + _("Without a second factor now: %(people)s.") % {"people": some}
    return _asked(request, _("Two-factor sign-in"), consequence, _("Save"), reverse(LIST), form=form)


def _administrator(request: HttpRequest) -> Access:
    """The access of somebody who may do this; for others the page isn't there."""
    access = access_of(request)
    if access is None or not has_role(request, Role.ADMIN):
        raise Http404
    return access


def _member(request: HttpRequest, pk: int) -> Membership:
    """One of this tenant's: the database shows no others."""
    page: Any = admin.site._registry[Membership]
    row: Membership | None = page.get_queryset(request).filter(pk=pk).first()
    if row is None:
        raise Http404
    return row


def _account_of(row: Membership) -> User:
    with directory_transaction():
        return User.objects.get(pk=row.user_id)


def _done(
    request: HttpRequest, row: Membership, said: str, act: Callable[[], object], to: str | None = None
) -> HttpResponse:
    """Do it and say so; or why not."""
    try:
        act()
    except LastAdministrator as refused:
        messages.error(request, str(refused))
    except Gone:
        return _has_gone(request)
    else:
        messages.success(request, said)
        return HttpResponseRedirect(to or _back(row))
    return HttpResponseRedirect(_back(row))


def _has_gone(request: HttpRequest) -> HttpResponse:
    messages.info(request, _("Somebody else has removed this person meanwhile."))
    return HttpResponseRedirect(reverse(LIST))


def _back(row: Membership) -> str:
    return reverse("admin:tenants_membership_change", args=[row.pk])


def _filled(text: str, row: Membership, access: Access) -> str:
    return text % {"person": row.user.username, "tenant": access.tenant.name}


def _asked(
    request: HttpRequest,
    title: str,
    consequence: str,
    button: str,
    back: str,
    *,
    form: Any = None,
    danger: bool = False,
) -> HttpResponse:
    context = {**admin.site.each_context(request), "title": title, "consequence": consequence}
    context |= {"button": button, "back": back, "form": form, "danger": danger}
    return TemplateResponse(request, "office/ask.html", context)
