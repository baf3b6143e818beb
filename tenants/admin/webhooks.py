"""Webhooks, and what was sent to them."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.decorators import display
from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget

from tenants.admin.base import TenantModelAdmin
from tenants.admin.filters import KnownFilter
from tenants.admin.forms import TenantModelForm
from tenants.admin.shown import short, shown_host, shown_time
from tenants.events import event_types
from tenants.models import Role, Webhook, WebhookDelivery
from tenants.outbound import InvalidUrl, check_url
from tenants.services.webhooks import (
    MOST_PER_TENANT,
    NothingToRedeliver,
    Who,
    change_webhook,
    create_webhook,
    delete_webhook,
    redeliver,
    redeliver_dead,
    rotate_secret,
)
from tenants.stored_words import shown

FIELDS = ("url", "description", "event_types", "enabled")
SHOWN_ONCE = _("The secret is %(secret)s — copy it now, it is not shown again.")


def who(request: HttpRequest) -> Who:
    return Who(request.user.get_username(), "admin")


class WebhookForm(TenantModelForm):
    event_types = forms.MultipleChoiceField(
        label=_("Events"),
        required=False,
        help_text=_("None chosen: events of every type."),
        widget=UnfoldAdminCheckboxSelectMultipleWidget,
    )

    class Meta:
        model = Webhook
        fields = list(FIELDS)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["event_types"].choices = [(name, name) for name in sorted(event_types())]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        if self.instance.pk is None and Webhook.objects.count() >= MOST_PER_TENANT:
            raise ValidationError(_("There are as many webhooks as there may be: delete one first."))
        return super().clean() or {}

    def clean_url(self) -> str:
        url: str = self.cleaned_data["url"]
        try:
            check_url(url)
        except InvalidUrl as error:
            raise ValidationError(str(error)) from None
        return url


@admin.register(Webhook)
class WebhookAdmin(TenantModelAdmin):
    """Addresses that events are posted to."""

    form = WebhookForm
    view_role = Role.ADMIN
    fieldsets = [
        (
            None,
            {
                "description": _(
                    "Events are sent as JSON by POST, signed with a secret that is shown once, and tried again."
                ),
                "fields": list(FIELDS),
            },
        )
    ]
    list_display = ["shown_url", "description", "shown_state", "reason", "waiting", "dead", "last_delivered"]
    actions = ["rotate", "redeliver"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Webhook]:
        state = WebhookDelivery.State
        return (
            super()
            .get_queryset(request)
            .annotate(
                waiting_count=Count("deliveries", filter=Q(deliveries__state=state.PENDING)),
                dead_count=Count("deliveries", filter=Q(deliveries__state=state.DEAD)),
            )
        )

    def save_model(self, request: HttpRequest, obj: Webhook, form: Any, change: bool) -> None:
        given = {name: form.cleaned_data[name] for name in FIELDS}
        if change:
            change_webhook(webhook=obj, who=who(request), **given)
            return
        enabled = given.pop("enabled")
        row, secret = create_webhook(who=who(request), **given)
        if not enabled:
            change_webhook(webhook=row, who=who(request), enabled=False)
        obj.pk = row.pk
        messages.warning(request, SHOWN_ONCE % {"secret": secret})

    def delete_model(self, request: HttpRequest, obj: Webhook) -> None:
        delete_webhook(webhook=obj, who=who(request))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        for row in queryset:
            delete_webhook(webhook=row, who=who(request))

    @admin.action(description=_("Make a new secret: the old one signs beside it for a day"))
    def rotate(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        for row in queryset:
            secret = rotate_secret(webhook=row, who=who(request))
            messages.warning(request, f"{row.url}: " + SHOWN_ONCE % {"secret": secret})

    @admin.action(description=_("Send again what was given up"))
    def redeliver(self, request: HttpRequest, queryset: QuerySet[Webhook]) -> None:
        count = sum(redeliver_dead(webhook=row, who=who(request)) for row in queryset)
        text = ngettext("%(count)d event is sent again.", "%(count)d events are sent again.", count)
        messages.success(request, text % {"count": count})

    # The services have written it.
    def _audit(self, request: HttpRequest, action: str, obj: Any, changes: dict[str, Any]) -> None:
        return

    @display(description=_("State"), label={"on": "success", "failing": "warning", "off": "danger"})
    def shown_state(self, row: Webhook) -> tuple[str, str]:
        if not row.enabled:
            return "off", str(_("Off"))
        return ("failing", str(_("Does not answer"))) if row.failing_since else ("on", str(_("On")))

    @display(description=_("Address"), ordering="url")
    def shown_url(self, row: Webhook) -> str:
        return short(row.url)

    @display(description=_("Why"))
    def reason(self, row: Webhook) -> str:
        return shown(row.disabled_reason) or "–"

    @display(description=_("Last delivered"), ordering="last_delivered_at")
    def last_delivered(self, row: Webhook) -> str:
        return shown_time(row.last_delivered_at)

    @display(description=_("Waiting"))
    def waiting(self, row: Webhook) -> int:
        return int(getattr(row, "waiting_count", 0))

    @display(description=_("Given up"))
    def dead(self, row: Webhook) -> int:
        return int(getattr(row, "dead_count", 0))


class EventTypeFilter(KnownFilter):
    """The types that there are: Django would look for those that occur, through every row."""

    title = _("event")
    parameter_name = "event__event_type"

    def words(self) -> list[tuple[str, Any]]:
        return [(name, name) for name in sorted(event_types())]


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(TenantModelAdmin):
    """What was sent, and what was given up."""

    view_role = Role.ADMIN
    read_only = True
    list_display = [
        *("when", "event_type", "charge_point", "shown_state", "attempts", "status_code", "why", "shown_webhook"),
        *("last_tried", "next_try"),
    ]
    list_filter = ["state", "webhook", EventTypeFilter]
    list_filter_submit = True
    list_select_related = ["webhook", "event"]
    search_fields = ["=charge_point"]
    search_help_text = _("Charge point")
    actions = ["again"]

    @admin.action(description=_("Send again"))
    def again(self, request: HttpRequest, queryset: QuerySet[WebhookDelivery]) -> None:
        count = 0
        for row in queryset.order_by("event_id"):
            try:
                redeliver(delivery=row, who=who(request))
            except NothingToRedeliver:
                continue
            count += 1
        text = ngettext("%(count)d event is sent again.", "%(count)d events are sent again.", count)
        messages.success(request, text % {"count": count})

    @display(description=_("State"), label={"pending": "warning", "delivered": "success", "dead": "danger"})
    def shown_state(self, row: WebhookDelivery) -> tuple[str, str]:
        return row.state, row.get_state_display()

    @display(description=_("Created"), ordering="created_at")
    def when(self, row: WebhookDelivery) -> str:
        return shown_time(row.created_at)

    @display(description=_("Detail"))
    def why(self, row: WebhookDelivery) -> str:
        return format_html('<div style="min-width:160px">{}</div>', shown(row.detail) or "–")

    @display(description=_("Webhook"))
    def shown_webhook(self, row: WebhookDelivery) -> str:
        return shown_host(row.webhook.url)

    @display(description=_("Last tried"))
    def last_tried(self, row: WebhookDelivery) -> str:
        return shown_time(row.last_at)

    @display(description=_("Not before"))
    def next_try(self, row: WebhookDelivery) -> str:
        return shown_time(row.next_at)

    @display(description=_("Event"))
    def event_type(self, row: WebhookDelivery) -> str:
        return row.event.event_type
