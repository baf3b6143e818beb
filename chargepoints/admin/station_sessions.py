"""The sessions of a charge point, newest first."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from django import forms
from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from chargepoints.admin.pills import pill
from chargepoints.admin.sections import register_view, tabs_of
from chargepoints.models import ChargePoint, Transaction
from tenants.admin.base import has_role
from tenants.api.cursors import read_cursor, write_cursor
from tenants.models import Role

PAGE: Final = "charge_point_sessions"
ROWS = 50
State = Transaction.State


class SessionFilter(forms.Form):
    """What to look for; all of it optional."""

    state = forms.ChoiceField(label=_("State"), required=False, choices=[("", _("all")), *State.choices])
    connector = forms.IntegerField(label=_("Connector"), required=False, min_value=0, max_value=1000)
    id_tag = forms.CharField(label=_("Id tag"), max_length=255, required=False)
    start = forms.DateField(label=_("From"), required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))
    end = forms.DateField(label=_("To"), required=False, widget=forms.DateInput({"type": "date"}, "%Y-%m-%d"))

    def found(self, station: ChargePoint) -> QuerySet[Transaction]:
        """Of a valid form. Days are those of the active time zone."""
        given = self.cleaned_data
        exact = {
            "state": given["state"],
            "evse__number": given["connector"],
            # As the station sent it: tags are the same in either case.
            "id_tag__iexact": given["id_tag"],
            "started_at__date__gte": given["start"],
            "started_at__date__lte": given["end"],
        }
        rows = Transaction.objects.filter(charge_point=station).select_related("evse")
        return rows.filter(**{name: value for name, value in exact.items() if value not in (None, "")})


@register_view("charge_point", "sessions/", name=PAGE, title=_("Sessions"), order=22)
def sessions_page(request: HttpRequest, station: ChargePoint) -> HttpResponse:
    """`?cursor=` goes back in time."""
    form = SessionFilter(request.GET, label_suffix="")
    rows: list[Transaction] = []
    following = ""
    if form.is_valid():
        rows, following = _page(form.found(station), request.GET.get("cursor", ""))
    older = request.GET.copy()
    older["cursor"] = following
    context = {
        **admin.site.each_context(request),
        "title": _("Sessions of %(station)s") % {"station": station.identity},
        "station": station,
        "tabs": tabs_of("charge_point", request, station.pk, PAGE),
        "form": form,
        "rows": [_shown(one) for one in rows],
        "asked": any(request.GET.get(name) for name in form.fields),
        "older": older.urlencode() if following else "",
        "may_operate": has_role(request, Role.OPERATOR),
    }
    return TemplateResponse(request, "office/station_sessions.html", context)


def _page(rows: QuerySet[Transaction], cursor: str) -> tuple[list[Transaction], str]:
    """(rows, where the next page begins or ""). A cursor that isn't one is a page without rows."""
    if cursor:
        try:
            at, (pk,) = read_cursor(cursor)
        except ValueError:
            return [], ""
        rows = rows.filter(Q(started_at__lt=at) | Q(started_at=at, pk__lt=pk))
    page = list(rows.order_by("-started_at", "-pk")[: ROWS + 1])
    if len(page) <= ROWS:
        return page, ""
    return page[:ROWS], write_cursor(page[ROWS - 1].started_at, page[ROWS - 1].pk)


def _shown(session: Transaction) -> dict[str, Any]:
    running = session.state == State.ACTIVE
    return {
        "session": session,
        "state": _state(session),
        "duration": duration_said(session.started_at, session.stopped_at),
        "kwh": kwh(session.energy_wh),
        "kw": kw(session.last_power_w) if running else "",
    }


def _state(session: Transaction) -> SafeString:
    if session.verdict != "Accepted":
        return pill("rejected", str(_("Refused: %(verdict)s") % {"verdict": session.verdict}))
    return pill(session.state, session.get_state_display())


def duration_said(start: datetime, end: datetime | None) -> str:
    """`3:05 h` or `12 min`."""
    minutes = max(0, int(((end or timezone.now()) - start).total_seconds())) // 60
    return f"{minutes // 60}:{minutes % 60:02d} h" if minutes >= 60 else f"{minutes} min"


def kwh(energy_wh: Decimal | None) -> str:
    return "" if energy_wh is None else number_format(f"{energy_wh / 1000:.2f}")


def kw(power_w: Decimal | None) -> str:
    return "" if power_w is None else number_format(f"{power_w / 1000:.1f}")
