"""Rollouts: laid out, looked over, confirmed; then watched, paused, resumed, cancelled."""

from typing import Any
from uuid import uuid4

from django.contrib import admin, messages
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.bulk_choice import ids_of, order_of, page
from chargepoints.admin.pills import pill
from chargepoints.admin.rollout_forms import RolloutForm
from chargepoints.admin.rollout_page import failed_stations, rollout_csv, rollout_progress
from chargepoints.models import ChargePoint, FirmwareFile, FirmwareRollout, StationConnection
from chargepoints.services.rollouts import (
    Chosen,
    InvalidRollout,
    WrongState,
    cancel_rollout,
    choose_stations,
    create_rollout,
    pause_rollout,
    resume_rollout,
    with_progress,
)
from tenants.admin.base import ReadOnlyAdmin, has_role
from tenants.admin.shown import ShownDetail
from tenants.context import current_tenant_id
from tenants.models import Role

SHOWN, WAVES_SHOWN = 20, 5
# The page that asks, sent twice within so long, is one rollout.
ONCE_S = 3600
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


@admin.register(FirmwareRollout)
class FirmwareRolloutAdmin(ShownDetail, ReadOnlyAdmin):
    list_display = ["name", "firmware", "state_shown", "progress", "current_wave", "start_at", "created_by"]
    list_filter = ["state"]
    search_fields = ["name"]
    list_select_related = ["firmware"]
    change_form_outer_before_template = "office/rollout.html"
    fields = [
        *("name", "firmware", "signed", "state_shown", "detail_shown", "current_wave", "wave_size", "allowed_failures"),
        *("wave_hours", "start_at", "install_at", "created_by", "created_at", "finished_at"),
    ]
    readonly_fields = ["state_shown", "detail_shown"]

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
        form = RolloutForm(request.POST) if request.method == "POST" else RolloutForm(initial=self._initial(request))
        if request.method == "POST" and form.is_valid():
            try:
                answer = self._create(request, form) if "confirmed" in request.POST else self._confirm(request, form)
            except InvalidRollout as error:
                form.refuse(error)
            else:
                return answer
        return _form_page(request, form)

    def _initial(self, request: HttpRequest) -> dict[str, Any]:
        """A firmware that was clicked on; or what failed of a rollout, once more."""
        again = request.GET.get("again", "")
        failed = FirmwareRollout.objects.filter(pk=again).first() if again.isascii() and again.isdigit() else None
        if failed is None:
            return {"firmware": request.GET.get("firmware")}
        names = ("firmware", "signed", "wave_size", "allowed_failures", "wave_hours")
        return {
            **{name: getattr(failed, name) for name in names},
            "name": str(_("%(name)s, again") % {"name": failed.name})[:120],
            "stations": failed_stations(failed),
        }

    def _confirm(self, request: HttpRequest, form: RolloutForm) -> HttpResponse:
        group, firmware, size = form.group(), form.cleaned_data["firmware"], form.cleaned_data["wave_size"]
        if group.is_empty():
            raise InvalidRollout({"chargePointIds": str(_("Name charge points, or say which."))})
        chosen = choose_stations(group, firmware)
        waves = _waves(chosen, size)
        online = set(
            StationConnection.objects.live()
            .filter(charge_point__in=[station.pk for station in chosen.stations])
            .values_list("charge_point_id", flat=True)
        )
        return page(
            request,
            "office/rollout_confirm.html",
            title=_("Roll out %(firmware)s") % {"firmware": firmware},
            form=form,
            chosen=chosen,
            plan=form.plan(),
            online=len(online),
            offline=len(chosen.stations) - len(online),
            number_of_waves=len(waves),
            # The first ones, and the last: between them they are all alike.
            waves=[
                (number, [(one, one.pk in online) for one in stations[:SHOWN]], max(0, len(stations) - SHOWN))
                for number, stations in (waves if len(waves) <= WAVES_SHOWN else [*waves[: WAVES_SHOWN - 1], waves[-1]])
            ],
            waves_left_out=max(0, len(waves) - WAVES_SHOWN),
            unfit=chosen.unfit[:SHOWN],
            order=uuid4(),
            back=reverse("admin:chargepoints_firmwarerollout_changelist"),
        )

    def _create(self, request: HttpRequest, form: RolloutForm) -> HttpResponse:
        mark = f"csms:rollout:{current_tenant_id()}:{order_of(request)}"
        if not cache.add(mark, 1, ONCE_S):
            messages.info(request, _("This rollout has been begun already."))
            return HttpResponseRedirect(reverse("admin:chargepoints_firmwarerollout_changelist"))
        try:
            rollout = create_rollout(
                firmware=form.cleaned_data["firmware"],
                group=form.group(),
                plan=form.plan(),
                actor=request.user.get_username(),
                origin="admin",
            )
        except Exception:
            cache.delete(mark)
            raise
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
        may = has_role(request, Role.OPERATOR)
        return {
            **rollout_progress(request, rollout, may_operate=may),
            "buttons": [
                (what, label)
                for what, (_change, label, states, _said) in CHANGES.items()
                if may and rollout.state in states
            ],
        }

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path("<int:pk>/live/", wrap(self.live_view), name="firmware_rollout_live"),
            path("<int:pk>/results.csv", wrap(self.csv_view), name="firmware_rollout_csv"),
            path("<int:pk>/do/<str:what>/", wrap(self.do_view), name="firmware_rollout_do"),
        ]
        return [*own, *super().get_urls()]

    def live_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The part that changes."""
        return render(request, "office/rollout_live.html", self._page(request, _rollout(pk)))

    def csv_view(self, request: HttpRequest, pk: int) -> HttpResponseBase:
        """All results."""
        return rollout_csv(request, _rollout(pk))

    def do_view(self, request: HttpRequest, pk: int, what: str) -> HttpResponse:
        """Ask once, with the consequence in words; then do it."""
        rollout = _rollout(pk)
        if what not in CHANGES or not has_role(request, Role.OPERATOR):
            raise Http404
        change, label, _states, consequence = CHANGES[what]
        back = reverse("admin:chargepoints_firmwarerollout_change", args=[pk])
        if request.method != "POST":
            return page(
                request,
                "office/confirm.html",
                title=f"{label}: {rollout}",
                consequence=consequence,
                button=label,
                back=back,
            )
        try:
            change(rollout=rollout, actor=request.user.get_username(), origin="admin")
        except WrongState:
            messages.warning(request, _("The rollout has moved on: this is no longer possible."))
        return HttpResponseRedirect(back)


def rollout_page(request: HttpRequest, stations: QuerySet[ChargePoint]) -> HttpResponse:
    """The form, for charge points that were chosen in their list."""
    return _form_page(request, RolloutForm(initial={"stations": ids_of(stations)}))


def _form_page(request: HttpRequest, form: RolloutForm) -> HttpResponse:
    picked = None if form.picked is None else form.picked.count()
    return page(
        request,
        "office/rollout_form.html",
        title=_("Roll out a firmware"),
        form=form,
        picked=picked,
        files=FirmwareFile.objects.exists(),
        post_to=reverse("admin:chargepoints_firmwarerollout_add"),
        back=reverse("admin:chargepoints_firmwarerollout_changelist"),
    )


def _rollout(pk: int) -> FirmwareRollout:
    rollout = FirmwareRollout.objects.filter(pk=pk).first()
    if rollout is None:
        raise Http404
    return rollout


def _waves(chosen: Chosen, size: int) -> list[tuple[int, list[Any]]]:
    starts = range(0, len(chosen.stations), size)
    return [(number, chosen.stations[start : start + size]) for number, start in enumerate(starts, 1)]
