"""The form that people sign in with (unfold's settings name it)."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.forms import AuthenticationForm

from tenants.models import User
from tenants.selectors import accesses_of
from tenants.services.attempts import TooMany
from tenants.services.sign_in import sign_in_with_password
from tenants.visitors import client_address

# In the session of somebody who came with an invitation: the token of its link.
INVITATION_KEY = "invitation"


class MemberSignIn(AuthenticationForm):  # type: ignore[misc]
    """Members of a tenant, platform staff, and the invited may sign in; Django's is_staff says nothing here."""

    error_messages = {
        "invalid_login": _("The name or the password is wrong."),
        "inactive": _("The name or the password is wrong."),
    }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = _("User name or e-mail")

    def clean(self) -> Any:
        name, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if not name or not password:
            return self.cleaned_data
        try:
            self.user_cache = sign_in_with_password(
                name=name,
                password=password,
                address=client_address(self.request),
                origin="admin",
                request=self.request,
            )
        except TooMany as refused:
            text = _("Too many attempts. Try again in %(minutes)d minutes.") % {"minutes": refused.minutes}
            raise ValidationError(text, "too_many") from None
        if self.user_cache is None:
            raise self.get_invalid_login_error()
        self.confirm_login_allowed(self.user_cache)
        return self.cleaned_data

    def confirm_login_allowed(self, user: Any) -> None:
        is_member = user.is_active and isinstance(user, User) and (user.is_superuser or accesses_of(user))
        if not is_member and INVITATION_KEY not in self.request.session:
            raise ValidationError(_("This account belongs to no tenant: ask an administrator for an invitation."))
