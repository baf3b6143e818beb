"""The tenant's system that decides about tags, in the back office."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.pills import pill
from chargepoints.models import AuthorizationWebhook
from chargepoints.services.authorization_settings import FIELDS, delete_webhook, set_webhook
from tenants.admin.base import TenantModelAdmin
from tenants.admin.forms import TenantModelForm
from tenants.models import Role
from tenants.outbound import InvalidUrl, check_url


class WebhookForm(TenantModelForm):
    renew_secret = forms.BooleanField(
        label=_("Make a new secret"), required=False, help_text=_("It is shown once; the old one signs no more.")
    )

    class Meta:
        model = AuthorizationWebhook
        fields = list(FIELDS)
        # `check_url` says what is wrong with it.
        field_classes = {"url": forms.CharField}

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            check_url(url)
        except InvalidUrl as error:
            raise ValidationError(str(error)) from None
        return url


@admin.register(AuthorizationWebhook)
class AuthorizationWebhookAdmin(TenantModelAdmin):
    """At most one: the form refuses a second."""

    form = WebhookForm
    view_role = Role.ADMIN
    actions = None
    list_display = ["url", "asks_about", "fallback", "timeout_ms", "cache_seconds", "enabled_shown"]
    fields = [*FIELDS, "renew_secret"]

    def save_model(self, request: HttpRequest, obj: AuthorizationWebhook, form: Any, change: bool) -> None:
        given = form.cleaned_data
        row, secret = set_webhook(
            {name: given[name] for name in FIELDS},
            actor=request.user.get_username(),
            origin="admin",
            renew_secret=given["renew_secret"],
        )
        obj.pk = row.pk
        if secret:
            text = _("The secret is %(secret)s — copy it now, it is not shown again.")
            messages.warning(request, text % {"secret": secret})

    def delete_model(self, request: HttpRequest, obj: AuthorizationWebhook) -> None:
        delete_webhook(obj, actor=request.user.get_username(), origin="admin")

    # The services have written it.
    def _audit(self, request: HttpRequest, action: str, obj: Any, changes: dict[str, Any]) -> None:
        return

    @admin.display(description=_("State"))
    def enabled_shown(self, row: AuthorizationWebhook) -> SafeString:
        return pill("Accepted", str(_("on"))) if row.enabled else pill("", str(_("off")))
