"""What metering shows on the page of a session: the charging curve, and every reading."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from django import forms
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext
from rest_framework.request import Request

from chargepoints.admin.sections import register_section, register_view
from chargepoints.models import Transaction
from metering.admin.chart_page import CHART_TEXTS, reading_rows
from metering.admin.charts import SESSION_CHARTS, RangeForm, StrictForm, charts_json, json_response, refused
from metering.admin.kept_curves import put_kept_curve
from metering.api.reading_export import export_readings
from metering.charts import LONGEST, SHORTEST
from metering.models import Series
from metering.reading_pages import Place, ReadingQuery, place_of, read_page, series_of, session_span
from metering.sessions.kept import kept_curve
from tenants.api.cursors import read_cursor, write_cursor
from tenants.selectors import tenant_zone

PAGE: Final = "transaction"
ROWS = 50
# The last reading comes at the very end of the session, which a range leaves out.
A_SECOND = timedelta(seconds=1)


class PageForm(StrictForm):
    """`cursor` of the rows shown last."""

    cursor = forms.CharField(max_length=200, required=False)

    def clean_cursor(self) -> Place | None:
        raw: str = self.cleaned_data["cursor"]
        if not raw:
            return None
        try:
            at, (series_id, context) = read_cursor(raw, keys=2)
        except ValueError:
            raise forms.ValidationError(gettext("Not a cursor of this list.")) from None
        return Place(at, series_id, context)


@register_section(PAGE, "curve", order=20)
def curve(request: HttpRequest, session: Transaction) -> str:
    """Charts of the session's own time, as far as something was measured."""
    measured = set(
        Series.objects.filter(charge_point_id=session.charge_point_id, evse_number=session.evse.number).values_list(
            "measurand", flat=True
        )
    )
    context = {
        "cards": [(key, chart.title) for key, chart in SESSION_CHARTS.items() if measured & {*chart.measurands}],
        "session": session,
        "config": {
            "urls": {"data": reverse("admin:transaction_readings_data", args=[session.pk])},
            "zone": str(tenant_zone(request.access.tenant)),  # type: ignore[attr-defined]
            "running": session.state == Transaction.State.ACTIVE,
            "texts": {name: str(text) for name, text in CHART_TEXTS.items()},
        },
    }
    return render_to_string("office/readings_session.html", context, request=request)


@register_section(PAGE, "readings", order=80, below=True)
def readings(request: HttpRequest, session: Transaction) -> str:
    """The first page of the session's readings."""
    return render_to_string("office/readings_table.html", _page(session, None), request=request)


@register_view(PAGE, "readings/table/", name="transaction_readings_table")
def readings_table(request: HttpRequest, session: Transaction) -> HttpResponse:
    """A page of readings, newest first, to be put in place of the page that is shown."""
    form = PageForm(request.GET)
    if not form.is_valid():
        return refused(form)
    return render(request, "office/readings_table.html", _page(session, form.cleaned_data["cursor"]))


@register_view(PAGE, "readings/data/", name="transaction_readings_data")
def readings_data(request: HttpRequest, session: Transaction) -> HttpResponse:
    """Lines of the session's charts; without a range, its whole time. Energy is counted from its start."""
    form = RangeForm(request.GET)
    if not form.is_valid():
        return refused(form)
    now = timezone.now()
    start, end = form.range(now, session_range(session, now))
    first: Decimal = session.meter_start_wh
    data = charts_json(
        session.charge_point_id,
        SESSION_CHARTS,
        evse_number=session.evse.number,
        start=start,
        end=end,
        now=now,
        register_from=first,
    )
    return json_response(put_kept_curve(data, kept_curve(session, now), SESSION_CHARTS))


@register_view(PAGE, "readings/csv/", name="transaction_readings_csv")
def readings_csv(request: HttpRequest, session: Transaction) -> HttpResponseBase:
    """All readings of the session as a file, streamed."""
    return export_readings(
        Request(request),
        tenant_id=session.tenant_id,
        query=_query(session),
        identity=session.charge_point.identity,
        filename=f"session-{session.protocol_id}-readings.csv",
    )


def session_range(session: Transaction, now: datetime) -> tuple[datetime, datetime]:
    """From its start to its stop, or to now while it runs; what a chart can show of it."""
    ends = [session.stopped_at if session.stopped_at is not None else now, session.last_reading_at]
    end = max(at for at in ends if at is not None) + A_SECOND
    start = min(session.started_at, end - SHORTEST)
    return max(start, end - LONGEST), end


def _page(session: Transaction, after: Place | None) -> dict[str, object]:
    found = read_page(_query(session), after=after, limit=ROWS + 1, newest_first=True)
    page = found[:ROWS]
    return {
        "session": session,
        "readings": reading_rows(page),
        "older": write_cursor(*place_of(page[-1])) if len(found) > ROWS else "",
        "first": after is None,
    }


def _query(session: Transaction) -> ReadingQuery:
    start, end = session_span(session)
    return ReadingQuery(series=series_of(session.charge_point_id), transaction_id=session.pk, start=start, end=end)
