"""The way of a new tenant to its first session: what has been done, and what to do next. For the tenant in scope.

Put away by itself once all is done, or by a person; either is for all of the tenant and for good.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from chargepoints.models import (
    ChargePoint,
    DismissedHint,
    IdTag,
    Registration,
    SignInAttempt,
    Site,
    StationConnection,
    Transaction,
)
from csms.dashboard.kept import kept
from csms.dashboard.ocpp_address import ocpp_address
from metering.models import TariffAssignment
from tenants.admin.base import has_role
from tenants.models import Role, Tenant

HINT = "first-steps"
# That they are done, or put away, is looked up again after so many seconds: neither comes undone.
REMEMBERED_S = 600
RECENT = timedelta(days=7)
TRIES_SHOWN = 3
Reason = SignInAttempt.Reason
ADVICE = {
    Reason.UNKNOWN: gettext_lazy("No charge point has this identity. Create it, spelled as here."),
    Reason.WRONG_PASSWORD: gettext_lazy("It sent another password. Give it a new one and enter that in the station."),
    Reason.NO_PASSWORD: gettext_lazy("It sent no password. Enter it in the station as authorization key."),
    Reason.NOT_TLS: gettext_lazy("It came unencrypted, and its security profile wants TLS: use the wss:// address."),
    Reason.NO_CERTIFICATE: gettext_lazy(
        "Its security profile wants a client certificate, and it showed none of its own."
    ),
    Reason.LIMIT: gettext_lazy("The limit of charge points is reached. The platform's staff can raise it."),
}


@dataclass(frozen=True, slots=True)
class Try:
    """A station that knocked and was refused. `url`, `action`: what helps; may be empty."""

    identity: str
    remote_address: str
    at: datetime
    count: int
    reason: str
    advice: str
    url: str = ""
    action: str = ""


@dataclass(frozen=True, slots=True)
class StationToConnect:
    """What is typed into a station that has not come yet. `connected`: its socket is open, and no boot was accepted."""

    identity: str
    address: str
    page: str
    connected: bool
    pending: bool


@dataclass(frozen=True, slots=True)
class Step:
    """`key` names it; `url` leads to the page where it is done, for whom it `may` be."""

    key: str
    title: str
    text: str
    action: str
    url: str
    may: bool
    done: bool


@dataclass(frozen=True, slots=True)
class FirstSteps:
    """`next`: the first step that isn't done."""

    steps: list[Step]
    next: str
    station: StationToConnect | None
    tries: list[Try] = field(default_factory=list)

    @property
    def done(self) -> int:
        return sum(step.done for step in self.steps)


def first_steps(request: HttpRequest, tenant: Tenant, now: datetime) -> FirstSteps | None:
    """None: all done, or put away. A dozen short queries until then."""
    if kept(tenant.pk, HINT, REMEMBERED_S, lambda: _is_over(request) or None):
        return None
    steps = _steps(request)
    following = next((step.key for step in steps if not step.done), "")
    if not following:
        return None
    station = None if _done(steps, "boot") else _station_to_connect(request, tenant)
    tries = [] if _done(steps, "boot") else _tries(now, station)
    return FirstSteps(steps, following, station, tries)


def dismiss_first_steps(tenant: Tenant, by: str) -> DismissedHint | None:
    """Put away for the tenant; None: it was already."""
    row, created = DismissedHint.objects.get_or_create(tenant=tenant, hint=HINT, defaults={"dismissed_by": by[:150]})
    return row if created else None


def _is_over(request: HttpRequest) -> bool:
    return DismissedHint.objects.filter(hint=HINT).exists() or all(step.done for step in _steps(request))


def _steps(request: HttpRequest) -> list[Step]:
    administrator, operator = has_role(request, Role.ADMIN), has_role(request, Role.OPERATOR)
    return [
        Step(
            key="site",
            title=_("Create a site"),
            text=_("Where charge points stand: a car park, a depot, a street."),
            action=_("Create a site"),
            url=_add("site"),
            may=administrator,
            done=Site.objects.exists(),
        ),
        Step(
            key="station",
            title=_("Create a charge point"),
            text=_("By its identity. Its password is shown once: copy it."),
            action=_("Create a charge point"),
            url=_add("chargepoint"),
            may=administrator,
            done=ChargePoint.objects.exists(),
        ),
        Step(
            key="boot",
            title=_("Connect it"),
            text=_("Enter address and password in the station; its first boot is accepted."),
            action=_("Refused sign-ins"),
            url=_list("signinattempt"),
            may=True,
            done=_has_booted(),
        ),
        Step(
            key="tag",
            title=_("Create an id tag"),
            text=_("The card or app account that a driver charges with."),
            action=_("Create an id tag"),
            url=_add("idtag"),
            may=operator,
            done=IdTag.objects.exists(),
        ),
        Step(
            key="session",
            title=_("Charge for the first time"),
            text=_("With the tag at the station, or started from its page."),
            action=_("Charge points"),
            url=_list("chargepoint"),
            may=True,
            done=_has_charged(),
        ),
        Step(
            key="tariff",
            title=_("Say what charging costs"),
            text=_("A tariff, and where it applies. Without one, sessions cost nothing."),
            action=_("Create a tariff"),
            url=reverse("admin:metering_tariff_add"),
            may=administrator,
            done=TariffAssignment.objects.exists(),
        ),
    ]


def _has_booted() -> bool:
    return ChargePoint.objects.filter(registration=Registration.ACCEPTED, last_boot_at__isnull=False).exists()


def _has_charged() -> bool:
    # By the index of times: a plain EXISTS may read through other tenants' sessions.
    return bool(Transaction.objects.order_by("tenant_id", "-started_at").values_list("pk", flat=True)[:1])


def _station_to_connect(request: HttpRequest, tenant: Tenant) -> StationToConnect | None:
    """The newest that has not booted."""
    rows = ChargePoint.objects.exclude(registration=Registration.REJECTED).order_by("-created_at", "-pk")
    station = rows.filter(last_boot_at=None).first() or rows.filter(registration=Registration.PENDING).first()
    if station is None:
        return None
    return StationToConnect(
        identity=station.identity,
        address=ocpp_address(request, tenant, station.identity, tls=station.security_profile >= 2),
        page=reverse("admin:chargepoints_chargepoint_change", args=[station.pk]),
        connected=StationConnection.objects.live().filter(charge_point=station).exists(),
        pending=station.registration == Registration.PENDING,
    )


def _tries(now: datetime, station: StationToConnect | None) -> list[Try]:
    """The latest refusals, that of the station that is awaited first."""
    rows = list(SignInAttempt.objects.filter(last_at__gt=now - RECENT).order_by("-last_at")[:TRIES_SHOWN])
    wanted = station.identity.lower() if station else ""
    rows.sort(key=lambda row: row.identity_key != wanted)
    return [_try(row, station) for row in rows]


def _try(row: SignInAttempt, station: StationToConnect | None) -> Try:
    url, action = "", ""
    if row.reason == Reason.UNKNOWN:
        url, action = f"{_add('chargepoint')}?{urlencode({'identity': row.identity})}", _("Create it")
    elif row.reason in (Reason.WRONG_PASSWORD, Reason.NO_PASSWORD) and station and station.identity == row.identity:
        url, action = station.page, _("New password")
    advice = str(ADVICE.get(Reason(row.reason), ""))
    shown = row.get_reason_display()
    return Try(row.identity, row.remote_address, row.last_at, row.count, shown, advice, url, action)


def _done(steps: list[Step], key: str) -> bool:
    return any(step.done for step in steps if step.key == key)


def _add(model: str) -> str:
    return reverse(f"admin:chargepoints_{model}_add")


def _list(model: str) -> str:
    return reverse(f"admin:chargepoints_{model}_changelist")
