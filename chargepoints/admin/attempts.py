"""Refused sign-ins: accept a charge point from one in one click."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from chargepoints.models import SignInAttempt
from chargepoints.services.provisioning import accept_attempt
from tenants.admin.base import ReadOnlyAdmin


@admin.register(SignInAttempt)
class SignInAttemptAdmin(ReadOnlyAdmin):
    list_display = ["identity", "reason", "count", "remote_address", "first_at", "last_at"]
    list_filter = ["reason"]
    search_fields = ["identity_key"]
    actions = ["accept", "forget"]

    @admin.action(description=_("Accept: create the charge points and show their passwords once"))
    def accept(self, request: HttpRequest, queryset: Any) -> None:
        for attempt in queryset:
            try:
                station, password = accept_attempt(attempt)
            except ValidationError as error:
                messages.error(request, "; ".join(error.messages))
                continue
            self._audit(request, "accept", station, {})
            text = _("%(station)s: the password is %(password)s — copy it now, it is not shown again.")
            messages.warning(request, text % {"station": station.identity, "password": password})

    @admin.action(description=_("Forget"))
    def forget(self, request: HttpRequest, queryset: Any) -> None:
        for attempt in queryset:
            self._audit(request, "forget", attempt, {})
        queryset.delete()
