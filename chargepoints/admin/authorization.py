"""The tenant's system that decides about tags, in the back office."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanSwitchWidget

from chargepoints.admin.pills import pill
from chargepoints.models import AuthorizationWebhook
from chargepoints.services.authorization_settings import FIELDS, delete_webhook, set_webhook
from chargepoints.services.authorization_trial import ask_now, trial_question
from chargepoints.services.authorization_webhook import AUTHORIZE, START
from tenants.admin.base import access_of, has_role
from tenants.admin.forms import TenantModelForm
from tenants.admin.one_row import OneRowAdmin
from tenants.context import tenant_transaction
from tenants.models import Role
from tenants.outbound import InvalidUrl, check_url


class TrialForm(forms.Form):
    """What to ask."""

    id_tag = forms.CharField(label=_("Id tag"), max_length=20, initial="TEST")
    purpose = forms.ChoiceField(label=_("As for"), choices=[(name, name) for name in (AUTHORIZE, START)])
    charge_point = forms.CharField(label=_("Charge point"), max_length=48, initial="TEST")


class WebhookForm(TenantModelForm):
    renew_secret = forms.BooleanField(
        label=_("Make a new secret"),
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
        help_text=_("It is shown once; the old one signs no more."),
    )

    class Meta:
        model = AuthorizationWebhook
        fields = list(FIELDS)
        # `check_url` says what is wrong with it.
        field_classes = {"url": forms.CharField}
        # Django's own for addresses shows the address a second time.
        widgets = {"url": UnfoldAdminTextInputWidget()}
        labels = {
            "url": _("Address"),
            "timeout_ms": _("Time to answer (ms)"),
            "cache_seconds": _("Keep an answer for (s)"),
            "fallback": _("Without an answer"),
        }
        help_texts = {"cache_seconds": _("0: it is asked each time.")}

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            check_url(url)
        except InvalidUrl as error:
            raise ValidationError(str(error)) from None
        return url


@admin.register(AuthorizationWebhook)
class AuthorizationWebhookAdmin(OneRowAdmin):
    """At most one: the form refuses a second."""

    form = WebhookForm
    view_role = Role.ADMIN
    list_display = ["url", "asks_about", "fallback", "timeout_ms", "cache_seconds", "enabled_shown"]
    fields = [*FIELDS, "renew_secret"]
    change_form_outer_before_template = "office/webhook.html"

    def get_urls(self) -> list[URLPattern]:
        # Not through `admin_view`: it would hold a transaction while the webhook is asked.
        return [path("<int:pk>/test/", self.trial_view, name="authorization_webhook_test"), *super().get_urls()]

    def trial_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask it once, and show what came back."""
        access = access_of(request)
        if access is None or not self.admin_site.has_permission(request) or not has_role(request, Role.ADMIN):
            raise Http404
        if not access.tenant.is_active:
            raise PermissionDenied(_("The tenant is suspended."))
        bound = request.POST if request.method == "POST" else None
        form = TrialForm(bound)
        with tenant_transaction(access.tenant.pk):
            row = get_object_or_404(AuthorizationWebhook, pk=pk)
        tried = ask_now(trial_question(row, access.tenant, **form.cleaned_data)) if form.is_valid() else None
        with tenant_transaction(access.tenant.pk):
            context = {
                **self.admin_site.each_context(request),
                "title": _("Test %(url)s") % {"url": row.url},
                "form": form,
                "tried": tried,
                "shown": pill(tried.answer.status) if tried and tried.answer else "",
                "fallback": row.get_fallback_display(),
                "back": reverse("admin:chargepoints_authorizationwebhook_change", args=[row.pk]),
            }
            return TemplateResponse(request, "office/webhook_test.html", context).render()

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
