"""What every list of the back office has: its rows as a file.

Asked for by POST, for it leaves a trace: the audit trail says who took which rows along. The list is looked at, counted and
noted in the page's own transaction; what is read for the file is read afterwards, without one.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial, update_wrapper
from typing import Any
from urllib.parse import urlencode

import structlog
from django.conf import settings
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ORDER_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.text import slugify
from unfold.admin import ModelAdmin

from tenants.admin.exports.answers import Busy, Refused, TooLong, TooMany, send_csv, send_workbook
from tenants.admin.exports.columns import columns_of
from tenants.admin.exports.places import NoPlace, Place
from tenants.admin.exports.reading import Plan, TakesTooLong
from tenants.admin.exports.titles import titles_of
from tenants.context import report_transaction, system_transaction
from tenants.selectors import tenant_zone
from tenants.services.audit import record_export
from tenants.services.platform_trail import record_for_platform

log = structlog.get_logger(__name__)
# Of what was filtered by, so much gets into the audit trail.
LONGEST_FILTER = 500


class Planned(HttpResponse):
    """What the page's transaction ends with: an export that has been allowed and noted, to be made now."""

    def __init__(self, plan: Plan, kind: str, place: Place) -> None:
        super().__init__(status=202)
        self.plan, self.kind, self.place = plan, kind, place


class ExportedList(ModelAdmin):
    """A list that can be taken along. Whoever may look at it may."""

    # For the buttons: the view's name, and what stands on them.
    export_kinds = (("export_csv", "CSV"), ("export_xlsx", "XLSX"))

    def get_urls(self) -> list[URLPattern]:
        own = [self._export_url("csv", self.export_csv_view), self._export_url("xlsx", self.export_xlsx_view)]
        return [*own, *super().get_urls()]

    def export_csv_view(self, request: HttpRequest) -> HttpResponse:
        """POST: the list with the filters and the search of the address, as CSV."""
        return self._plan_export(request, "csv")

    def export_xlsx_view(self, request: HttpRequest) -> HttpResponse:
        """POST: the same as XLSX."""
        return self._plan_export(request, "xlsx")

    def _export_url(self, kind: str, plan_view: Callable[[HttpRequest], HttpResponse]) -> URLPattern:
        planned = self.admin_site.admin_view(plan_view)

        def view(request: HttpRequest) -> HttpResponseBase:
            answer = planned(request)
            return self._made(request, answer) if isinstance(answer, Planned) else answer

        view.model_admin = self  # type: ignore[attr-defined]
        name = f"{self.opts.app_label}_{self.opts.model_name}_export_{kind}"
        return path(f"export.{kind}", update_wrapper(view, planned), name=name)

    def _plan_export(self, request: HttpRequest, kind: str) -> HttpResponse:
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        # Rows come by their key: the list need not find out whether it could sort them.
        request.GET = request.GET.copy()
        request.GET.pop(ORDER_VAR, None)
        try:
            rows = self.get_changelist_instance(request).queryset
        except IncorrectLookupParameters:
            return self._refused(request, Refused())
        expected = rows.order_by().values("pk").count()
        most = {"csv": settings.EXPORT_CSV_ROWS, "xlsx": settings.EXPORT_XLSX_ROWS}[kind]
        if expected > most:
            return self._refused(request, TooMany(expected, most, kind))
        try:
            place = Place()
        except NoPlace:
            return self._refused(request, Busy())
        self._note_export(request, kind, expected)
        return Planned(self._plan(request, rows, expected, kind), kind, place)

    def _plan(self, request: HttpRequest, rows: QuerySet[Any], expected: int, kind: str) -> Plan:
        access = request.access  # type: ignore[attr-defined]
        zone, columns = tenant_zone(access.tenant), columns_of(self)
        stem = slugify(str(self.opts.verbose_name_plural)) or self.opts.model_name
        scope: Callable[[], AbstractContextManager[None]] = partial(report_transaction, access.tenant.pk)
        return Plan(
            rows=rows,
            columns=tuple(columns),
            # A workbook's times have no zone of their own.
            titles=titles_of(self.model, columns, zone if kind == "xlsx" else None),
            scope=system_transaction if getattr(self, "platform_only", False) else scope,
            zone=zone,
            name=f"{stem}-{timezone.now():%Y%m%dT%H%M%SZ}.{kind}",
            expected=expected,
            seconds={"csv": settings.EXPORT_CSV_SECONDS, "xlsx": settings.EXPORT_XLSX_SECONDS}[kind],
        )

    def _note_export(self, request: HttpRequest, kind: str, rows: int) -> None:
        """Who took what along: in the trail of the tenant, or of the platform where the rows are of all tenants."""
        access = request.access  # type: ignore[attr-defined]
        listed, actor = str(self.opts.verbose_name_plural), request.user.get_username()
        changes: dict[str, Any] = {"format": kind, "rows": rows}
        if asked := urlencode([(name, value) for name, values in request.GET.lists() for value in values]):
            changes["filter"] = asked[:LONGEST_FILTER]
        if getattr(self, "platform_only", False):
            changes = {"list": listed, **changes}
            record_for_platform(actor=actor, origin="admin", action="export", tenant=access.tenant, changes=changes)
        else:
            record_export(actor=actor, origin="admin", model=self.model, changes=changes)

    def _made(self, request: HttpRequest, planned: Planned) -> HttpResponseBase:
        if planned.kind == "csv":
            return send_csv(request, planned.plan, planned.place)
        try:
            return send_workbook(request, planned.plan, planned.place)
        except TakesTooLong:
            planned.place.let_go()
            log.warning("an export took too long", rows=planned.plan.expected)
            return self._refused(request, TooLong())

    def _refused(self, request: HttpRequest, refusal: Refused) -> HttpResponse:
        asked = f"?{request.GET.urlencode()}" if request.GET else ""
        listed, name = self.admin_site.name, f"{self.opts.app_label}_{self.opts.model_name}"
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "back": reverse(f"{listed}:{name}_changelist") + asked,
            "as_csv": reverse(f"{listed}:{name}_export_csv") + asked,
        }
        return refusal.page(request, context)
