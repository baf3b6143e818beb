"""A forgotten password: a link by mail, and the page that it leads to. Nobody learns here who has an account."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from csms.entrance.forms import EmailForm, NewPasswordForm
from csms.entrance.pages import open_to_all, page
from tenants.mail import mail_is_set
from tenants.services.attempts import TooMany
from tenants.services.passwords import count_reset, person_of_token, reset_password
from tenants.tasks import mail_password_reset
from tenants.visitors import client_address

# In the session, so that the token stands in no address while the page is open.
TOKEN_KEY = "password_reset"  # noqa: S105 (a name)


@open_to_all
def ask_for_reset(request: HttpRequest) -> HttpResponse:
    """The same answer whether or not anybody has the address; the worker looks."""
    title, back = _("Forgotten your password?"), reverse("admin:login")
    if not mail_is_set():
        text = _("This system sends no mail. Ask the platform's staff to set a new password for you.")
        return page(request, "said", title, text=text, back=back)
    form = EmailForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        email = form.cleaned_data["email"]
        try:
            count_reset(email, client_address(request))
        except TooMany as refused:
            form.add_error(
                None, _("Too many requests. Try again in %(minutes)d minutes.") % {"minutes": refused.minutes}
            )
            return _ask(request, form, status=429)
        mail_password_reset.delay(email)
        text = _(
            "If an account has the address %(email)s, a mail with a link is on its way. It is good for an hour. "
            "Nothing there after some minutes? Look among unwanted mail, or ask an administrator which address you have."
        )
        return page(request, "said", _("Look into your mailbox"), text=text % {"email": email}, back=back)
    return _ask(request, form)


def _ask(request: HttpRequest, form: EmailForm, status: int = 200) -> HttpResponse:
    return page(
        request,
        "form",
        _("Forgotten your password?"),
        status=status,
        form=form,
        intro=_("Give the e-mail address of your account: we mail you a link with which you set a new password."),
        button=_("Send the link"),
        back=reverse("admin:login"),
        back_text=_("Back to the sign-in"),
    )


@open_to_all
def open_reset_link(request: HttpRequest, token: str) -> HttpResponse:
    """Where the mail's link leads."""
    if person_of_token(token) is None:
        return _link_is_dead(request)
    request.session[TOKEN_KEY] = token
    return HttpResponseRedirect(reverse("admin:password_reset_new"))


@open_to_all
def new_password(request: HttpRequest) -> HttpResponse:
    """Sets it, and ends all other sessions and tokens of the account."""
    token = str(request.session.get(TOKEN_KEY, ""))
    user = person_of_token(token)
    if user is None:
        return _link_is_dead(request)
    form = NewPasswordForm(request.POST or None, user=user)
    if request.method == "POST" and form.is_valid():
        del request.session[TOKEN_KEY]
        if not reset_password(token, form.cleaned_data["password"]):
            return _link_is_dead(request)
        messages.success(request, _("The new password is set. Sign in with it."))
        return HttpResponseRedirect(reverse("admin:login"))
    return page(
        request,
        "form",
        _("Set a new password"),
        form=form,
        intro=_(
            "For the account %(name)s. It is signed out everywhere then, and programs that use its tokens must sign in again."
        )
        % {"name": user.username},
        button=_("Set the password"),
    )


def _link_is_dead(request: HttpRequest) -> HttpResponse:
    return page(
        request,
        "said",
        _("This link is not valid any more"),
        status=404,
        text=_("It was used already, or is older than an hour. Ask for another one."),
        back=reverse("admin:admin_password_reset"),
        back_text=_("Ask for a new link"),
    )
