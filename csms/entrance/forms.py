"""The forms of these pages."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.password_validation import password_validators_help_texts, validate_password
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from tenants.models import User
from tenants.services.attempts import TooMany
from tenants.services.passwords import is_own_password

OWN_PASSWORD = {"autocomplete": "current-password"}
NEW_PASSWORD = {"autocomplete": "new-password"}
CODE = {"autocomplete": "one-time-code", "autofocus": True, "spellcheck": "false", "autocapitalize": "none"}


class CodeForm(forms.Form):
    """A code of the app, or one on paper."""

    code = forms.CharField(label=_("Code"), max_length=40, widget=UnfoldAdminTextInputWidget(attrs=CODE))


class EmailForm(forms.Form):
    email = forms.EmailField(
        label=_("E-mail"),
        max_length=254,
        widget=UnfoldAdminEmailInputWidget(attrs={"autocomplete": "email", "autofocus": True}),
    )


class NewPasswordForm(forms.Form):
    """Twice, and one that the rules allow `user`."""

    password = forms.CharField(
        label=_("New password"), max_length=200, strip=False, widget=UnfoldAdminPasswordWidget(attrs=NEW_PASSWORD)
    )
    again = forms.CharField(
        label=_("New password, again"),
        max_length=200,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs=NEW_PASSWORD),
    )

    def __init__(self, *args: Any, user: User | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user
        self.fields["password"].help_text = " ".join(password_validators_help_texts()[1:2])

    def clean_password(self) -> str:
        password: str = self.cleaned_data["password"]
        if self.user is not None:
            validate_password(password, self.user)
        return password

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if "password" in cleaned and "again" in cleaned and cleaned["password"] != cleaned["again"]:
            raise ValidationError({"again": _("The two passwords are not the same.")})
        return cleaned


class ChangePasswordForm(NewPasswordForm):
    """With the one that was."""

    old_password = forms.CharField(
        label=_("Old password"), max_length=200, strip=False, widget=UnfoldAdminPasswordWidget(attrs=OWN_PASSWORD)
    )
    field_order = ["old_password", "password", "again"]

    def clean_old_password(self) -> str:
        return _right_password(self.user, self.cleaned_data["old_password"])


class NewAccountForm(NewPasswordForm):
    """Who somebody is who was invited."""

    first_name = forms.CharField(
        label=_("First name"), max_length=150, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "given-name"})
    )
    last_name = forms.CharField(
        label=_("Last name"), max_length=150, widget=UnfoldAdminTextInputWidget(attrs={"autocomplete": "family-name"})
    )
    field_order = ["first_name", "last_name", "password", "again"]


class PasswordForm(forms.Form):
    """For what somebody who finds an open browser must not do."""

    password = forms.CharField(
        label=_("Your password"), max_length=200, strip=False, widget=UnfoldAdminPasswordWidget(attrs=OWN_PASSWORD)
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_password(self) -> str:
        return _right_password(self.user, self.cleaned_data["password"])


class PersonForm(forms.ModelForm):  # type: ignore[type-arg]
    """How others see one in lists and in the trail's pages, and what language the pages and mails are in."""

    # Each language by its own name: who can't read the page finds theirs.
    language = forms.ChoiceField(
        label=_("Language of pages and mails"),
        required=False,
        choices=[("", _("As the browser asks")), *settings.LANGUAGES],
        widget=UnfoldAdminSelectWidget,
    )

    class Meta:
        model = User
        fields = ["first_name", "last_name", "language"]
        widgets = {"first_name": UnfoldAdminTextInputWidget, "last_name": UnfoldAdminTextInputWidget}
        labels = {"first_name": _("First name"), "last_name": _("Last name")}


def _right_password(user: User | None, given: str) -> str:
    try:
        if user is not None and is_own_password(user, given):
            return given
    except TooMany as refused:
        text = _("Too many attempts. Try again in %(minutes)d minutes.") % {"minutes": refused.minutes}
        raise ValidationError(text) from None
    raise ValidationError(_("This is not your password."))
