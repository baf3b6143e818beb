"""Signing in to the back office."""

from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.forms import AuthenticationForm

from tenants.models import User
from tenants.selectors import accesses_of


class MemberSignIn(AuthenticationForm):  # type: ignore[misc]
    """Members of a tenant and platform staff may sign in; Django's is_staff says nothing here."""

    def confirm_login_allowed(self, user: Any) -> None:
        if not user.is_active or not isinstance(user, User) or not (user.is_superuser or accesses_of(user)):
            raise ValidationError(_("This account belongs to no tenant: ask an administrator for an invitation."))
