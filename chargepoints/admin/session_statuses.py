"""What the session's connector said of itself, from plugging in to unplugging."""

from collections.abc import Iterable

from django.utils.translation import gettext as _

from chargepoints.admin.session_timeline import MOST, Kind, Moment, Span, register_moments
from chargepoints.models import ConnectorStatus, StatusChange, Transaction

LOOKS: dict[str, tuple[Kind, str]] = {
    "Available": ("ok", "power_off"),
    "Preparing": ("info", "ev_charger"),
    "Charging": ("busy", "bolt"),
    "SuspendedEV": ("warn", "pause_circle"),
    "SuspendedEVSE": ("warn", "pause_circle"),
    "Finishing": ("info", "logout"),
    "Reserved": ("info", "event_seat"),
    "Unavailable": ("off", "block"),
    "Faulted": ("bad", "error"),
}
NO_ERROR = "NoError"
# A cable is in, or somebody stands before it.
TAKEN = {"Preparing", "Charging", "SuspendedEV", "SuspendedEVSE"}


@register_moments("statuses")
def statuses(session: Transaction, span: Span) -> Iterable[Moment]:
    rows = StatusChange.objects.filter(
        charge_point=session.charge_point_id, evse_number=session.evse.number, at__gte=span.start, at__lte=span.end
    )
    said = ""
    for row in belonging(list(rows.order_by("-at", "-id")[:MOST])[::-1], session):
        told = f"{row.status} {row.error_code}"
        if told != said:
            yield _moment(row, session)
        said = told


def belonging(rows: list[StatusChange], session: Transaction) -> list[StatusChange]:
    """The oldest first: from when the connector was last free before it, to when it first was free after it."""
    first = 0
    for index, row in enumerate(rows):
        if row.at < session.started_at and row.status == ConnectorStatus.AVAILABLE:
            first = index + 1
    rows = rows[first:]
    if session.stopped_at is not None:
        for index, row in enumerate(rows):
            if row.at >= session.stopped_at and row.status == ConnectorStatus.AVAILABLE:
                return rows[: index + 1]
    return rows


def _moment(row: StatusChange, session: Transaction) -> Moment:
    kind, icon = LOOKS.get(row.status, ("off", "circle"))
    error = row.error_code if row.error_code != NO_ERROR else ""
    detail = " · ".join(part for part in (error, row.vendor_error_code, row.info) if part)
    return Moment(
        row.at,
        _title(row, session),
        "bad" if error else kind,
        icon,
        detail,
        group="status",
        rank=30,
        begins=row.status in TAKEN,
    )


def _title(row: StatusChange, session: Transaction) -> str:
    over = session.stopped_at is not None and row.at >= session.stopped_at
    titles = {
        "Available": _("Unplugged: the connector is free") if over else _("The connector says that it is free"),
        "Preparing": _("Plugged in, or the driver identified"),
        "Charging": _("Charging"),
        "SuspendedEV": _("Paused by the car"),
        "SuspendedEVSE": _("Paused by the station"),
        "Finishing": _("Charging has ended, the cable is still in"),
        "Reserved": _("Reserved"),
        "Unavailable": _("Out of service"),
        "Faulted": _("Fault"),
    }
    return titles.get(row.status, row.status)
