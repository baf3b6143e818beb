"""Rollouts: laid out, looked over, confirmed; then watched, paused, resumed, cancelled."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Max, QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.pills import pill
from chargepoints.admin.uploads import form_page
from chargepoints.models import FirmwareFile, FirmwareRollout, FirmwareUpdate, Site
from chargepoints.services.rollouts import (
    Chosen,
    Group,
    InvalidRollout,
    Plan,
    WrongState,
    cancel_rollout,
    choose_stations,
    create_rollout,
    pause_rollout,
    resume_rollout,
    with_progress,
)
from tenants.admin.base import ReadOnlyAdmin, has_role
from tenants.models import Role

State = FirmwareRollout.State
CHANGES: dict[str, tuple[Any, Any, Any, Any]] = {
    "pause": (pause_rollout, _("Pause"), [State.RUNNING], _("No further wave begins; stations of this wave go on.")),
    "resume": (resume_rollout, _("Resume"), [State.PAUSED], _("The next wave begins when this one is done.")),
    "cancel": (
        cancel_rollout,
        _("Cancel the rollout"),
        [State.RUNNING, State.PAUSED],
        _("No further station is told. Those that have been told can't be stopped. This can't be undone."),
    ),
}
FIELDS = {"chargePointIds": "charge_points", "installTime": "install_at", "signed": "signed"}


class RolloutForm(forms.Form):
    """What, to whom, how fast."""

    name = forms.CharField(label=_("Name"), max_length=120)
    firmware = forms.ModelChoiceField(label=_("Firmware"), queryset=FirmwareFile.objects.none())
    charge_points = forms.CharField(
        label=_("These charge points"),
        required=False,
        widget=forms.Textarea({"rows": 3}),
        help_text=_("Identities, with blanks or commas. Or, left empty, all that fit:"),
    )
    tags = forms.CharField(label=_("with all of these tags"), max_length=400, required=False)
    site = forms.ModelChoiceField(label=_("at the site"), queryset=Site.objects.none(), required=False)
    vendor = forms.CharField(label=_("of the vendor"), max_length=50, required=False)
    model = forms.CharField(label=_("of the model"), max_length=50, required=False)
    version = forms.CharField(label=_("with the firmware version"), max_length=100, required=False)
    wave_size = forms.IntegerField(label=_("Stations in a wave"), min_value=1, max_value=1000, initial=10)
    allowed_failures = forms.IntegerField(
        label=_("Stop when more than so many have failed"), min_value=0, max_value=10_000, initial=1
    )
    wave_hours = forms.IntegerField(
        label=_("Hours until a station that has not finished has failed"), min_value=1, max_value=720, initial=4
    )
    start_at = forms.DateTimeField(
        label=_("Begin at"),
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local"}),
        help_text=_("Empty: now."),
    )
    signed = forms.BooleanField(label=_("As signed updates (security extension)"), required=False)
    install_at = forms.DateTimeField(
        label=_("Install at (signed updates only)"),
        required=False,
        widget=forms.DateTimeInput({"type": "datetime-local"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["firmware"].queryset = FirmwareFile.objects.all()  # type: ignore[attr-defined]
        self.fields["site"].queryset = Site.objects.all()  # type: ignore[attr-defined]

    def group(self) -> Group:
        given = self.cleaned_data
        named = tuple(dict.fromkeys(given["charge_points"].replace(",", " ").split()))
        if named:
            return Group(charge_points=named)
        return Group(
            tags=tuple(tag.strip() for tag in given["tags"].split(",") if tag.strip()),
            site=given["site"].name if given["site"] else "",
            vendor=given["vendor"],
            model=given["model"],
            version=given["version"],
        )

    def plan(self) -> Plan:
        names = ("name", "signed", "start_at", "install_at", "wave_size", "allowed_failures", "wave_hours")
        return Plan(**{name: self.cleaned_data[name] for name in names})

    def refuse(self, error: InvalidRollout) -> None:
        for name, text in error.errors.items():
            self.add_error(FIELDS.get(name), text)


@admin.register(FirmwareRollout)
class FirmwareRolloutAdmin(ReadOnlyAdmin):
    list_display = ["name", "firmware", "state_shown", "progress", "current_wave", "start_at", "created_by"]
    list_filter = ["state"]
    search_fields = ["name"]
    list_select_related = ["firmware"]
    change_form_outer_before_template = "office/rollout.html"
    fields = [
        *("name", "firmware", "signed", "state_shown", "detail", "current_wave", "wave_size", "allowed_failures"),
        *("wave_hours", "start_at", "install_at", "created_by", "created_at", "finished_at"),
    ]
    readonly_fields = ["state_shown"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[FirmwareRollout]:
        return with_progress(super().get_queryset(request)).order_by("-created_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return has_role(request, Role.OPERATOR)

    @admin.display(description=_("State"), ordering="state")
    def state_shown(self, row: FirmwareRollout) -> SafeString:
        # A session that has stopped is fine; a rollout that was stopped is not.
        return pill("failed" if row.state == State.STOPPED else row.state, row.get_state_display())

    @admin.display(description=_("Progress"))
    def progress(self, row: Any) -> SafeString:
        done = row.installed + row.failed + row.cancelled
        text = _("%(installed)s of %(total)s installed, %(failed)s failed") % vars(row)
        return format_html('<progress value="{}" max="{}" aria-label="{}"></progress> {}', done, row.total, text, text)

    # --- a new one: the form, then who is meant, then it begins ---

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        if not self.has_add_permission(request):
            raise PermissionDenied
        given = request.POST if request.method == "POST" else None
        form = RolloutForm(given, initial={"firmware": request.GET.get("firmware")})
        if request.method == "POST" and form.is_valid():
            try:
                answer = self._create(request, form) if "confirmed" in request.POST else self._confirm(request, form)
            except InvalidRollout as error:
                form.refuse(error)
            else:
                return answer
        return form_page(
            request,
            form,
            title=_("Roll out a firmware"),
            consequence=_("Stations are told wave by wave. The next page says which; nothing is sent before."),
            button=_("Look it over"),
            back=reverse("admin:chargepoints_firmwarerollout_changelist"),
        )

    def _confirm(self, request: HttpRequest, form: RolloutForm) -> HttpResponse:
        group, firmware, size = form.group(), form.cleaned_data["firmware"], form.cleaned_data["wave_size"]
        if group.is_empty():
            raise InvalidRollout({"chargePointIds": str(_("Name charge points, or say which."))})
        chosen = choose_stations(group, firmware)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Roll out %(firmware)s") % {"firmware": firmware},
            "form": form,
            "chosen": chosen,
            "waves": _waves(chosen, size),
            "back": reverse("admin:chargepoints_firmwarerollout_changelist"),
        }
        return TemplateResponse(request, "office/rollout_confirm.html", context)

    def _create(self, request: HttpRequest, form: RolloutForm) -> HttpResponse:
        rollout = create_rollout(
            firmware=form.cleaned_data["firmware"],
            group=form.group(),
            plan=form.plan(),
            actor=request.user.get_username(),
            origin="admin",
        )
        messages.success(request, _("The rollout begins within seconds of its time."))
        return HttpResponseRedirect(reverse("admin:chargepoints_firmwarerollout_change", args=[rollout.pk]))

    # --- the page of one ---

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        rollout = self.get_object(request, object_id)
        extra = {} if rollout is None else self._page(request, rollout)
        return super().change_view(request, object_id, form_url, {**extra, **(extra_context or {})})

    def _page(self, request: HttpRequest, rollout: FirmwareRollout) -> dict[str, Any]:
        rows = FirmwareUpdate.objects.filter(rollout=rollout).select_related("charge_point")
        may = has_role(request, Role.OPERATOR)
        return {
            "rollout": rollout,
            "progress": self.progress(rollout),
            "running": rollout.state == State.RUNNING,
            "waves": rows.aggregate(last=Max("wave"))["last"],
            "updates": [
                (one, pill(one.state, one.get_state_display()))
                for one in rows.order_by("wave", "charge_point__identity_key")[:1000]
            ],
            "buttons": [
                (what, label)
                for what, (_change, label, states, _said) in CHANGES.items()
                if may and rollout.state in states
            ],
        }

    def get_urls(self) -> list[URLPattern]:
        own = path("<int:pk>/do/<str:what>/", self.admin_site.admin_view(self.do_view), name="firmware_rollout_do")
        return [own, *super().get_urls()]

    def do_view(self, request: HttpRequest, pk: int, what: str) -> HttpResponse:
        """Ask once, with the consequence in words; then do it."""
        rollout = FirmwareRollout.objects.filter(pk=pk).first()
        if rollout is None or what not in CHANGES or not has_role(request, Role.OPERATOR):
            raise Http404
        change, label, _states, consequence = CHANGES[what]
        back = reverse("admin:chargepoints_firmwarerollout_change", args=[pk])
        if request.method != "POST":
            context = {"title": f"{label}: {rollout}", "consequence": consequence, "button": label, "back": back}
            return TemplateResponse(
                request, "office/confirm.html", {**self.admin_site.each_context(request), **context}
            )
        try:
            change(rollout=rollout, actor=request.user.get_username(), origin="admin")
        except WrongState:
            messages.warning(request, _("The rollout has moved on: this is no longer possible."))
        return HttpResponseRedirect(back)


def _waves(chosen: Chosen, size: int) -> list[tuple[int, list[Any]]]:
    starts = range(0, len(chosen.stations), size)
    return [(number, chosen.stations[start : start + size]) for number, start in enumerate(starts, 1)]
