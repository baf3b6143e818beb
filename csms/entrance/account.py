"""One's own account: name, password, second factor, and where one is signed in."""

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from csms.entrance.forms import ChangePasswordForm, PersonForm
from csms.entrance.pages import for_people, page
from csms.language import speak
from tenants.context import directory_transaction
from tenants.models import User
from tenants.services import passwords
from tenants.services.browser_sessions import end_all_sessions, end_session, sessions_of
from tenants.services.people_trail import note_of_person
from tenants.services.second_factor import authenticator_of


@for_people
def account(request: HttpRequest, user: User) -> HttpResponse:
    """All of it on one page; the name and the language are changed here."""
    if getattr(request, "access", None) is None:
        # Says what is missing: a tenant, or a second factor.
        return HttpResponseRedirect(reverse("admin:login"))
    form = PersonForm(request.POST or None, instance=User.objects.using("system").get(pk=user.pk))
    if request.method == "POST" and form.is_valid():
        if form.has_changed():
            changes = {name: [form.initial.get(name), form.cleaned_data[name]] for name in form.changed_data}
            with directory_transaction():
                form.instance.save(update_fields=form.changed_data)
            note_of_person(user, action="change", changes=changes)
            if "language" in form.changed_data:
                speak(request, form.cleaned_data["language"])
        messages.success(request, _("Saved."))
        return HttpResponseRedirect(reverse("admin:account"))
    authenticator = authenticator_of(user)
    return page(
        request,
        "account",
        _("Your account"),
        form=form,
        authenticator=authenticator,
        codes_left=len(authenticator.recovery_hashes) if authenticator else 0,
        sessions=sessions_of(user, request.session.session_key),
    )


@for_people
def end_one(request: HttpRequest, user: User) -> HttpResponse:
    """End one of one's sessions; of the one that asks, that is signing out."""
    ended = end_session(user, request.POST.get("session", "")) if request.method == "POST" else None
    if ended is not None:
        note_of_person(user, action="end session", changes={"browser": ended.browser, "address": ended.address})
        messages.success(request, _("%(browser)s is signed out.") % {"browser": ended.browser or _("The browser")})
    elif request.method == "POST":
        messages.info(request, _("This session had ended already."))
    return HttpResponseRedirect(reverse("admin:account"))


@for_people
def end_others(request: HttpRequest, user: User) -> HttpResponse:
    """Asks once; then all other browsers and all tokens are signed out."""
    if request.method == "POST":
        count = end_all_sessions(user, keep=request.session.session_key)
        update_session_auth_hash(request, user)
        note_of_person(user, action="end sessions", changes={"browsers": count})
        said = ngettext("One other browser was signed out.", "%(count)d other browsers were signed out.", count)
        messages.success(request, said % {"count": count})
        return HttpResponseRedirect(reverse("admin:account"))
    return page(
        request,
        "form",
        _("Sign out everywhere else"),
        intro=_(
            "All other browsers are signed out at their next click, and tokens that programs got with your password "
            "are refused at once. This browser stays signed in; API keys are not touched."
        ),
        button=_("Sign out everywhere else"),
        back=reverse("admin:account"),
        back_text=_("Back"),
    )


@for_people
def change_password(request: HttpRequest, user: User) -> HttpResponse:
    """With the old one. All other sessions and tokens end."""
    form = ChangePasswordForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        passwords.change_password(user, form.cleaned_data["password"], keep_session=request.session.session_key)
        update_session_auth_hash(request, user)
        messages.success(request, _("The new password is set. All other browsers and tokens are signed out."))
        return HttpResponseRedirect(reverse("admin:account"))
    return page(
        request,
        "form",
        _("Change the password"),
        form=form,
        intro=_("All other browsers are signed out then, and programs that use your tokens must sign in again."),
        button=_("Change the password"),
        back=reverse("admin:account"),
        back_text=_("Back"),
    )
