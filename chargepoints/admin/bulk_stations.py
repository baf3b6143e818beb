"""Work on many charge points that is no plain command: labels, configuration keys, local lists. Form, question, done."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chargepoints.admin.bulk_choice import confirm_page, ids_of, kept_fields, order_of, page, stations_in, who
from chargepoints.admin.bulk_forms import ConcurrencyForm, KeysForm, LabelsForm
from chargepoints.models import BulkCommand, ChargePoint
from chargepoints.protocol.errors import OcppError
from chargepoints.services.bulk import NoTargets, Order, create_bulk
from chargepoints.services.bulk_labels import TooManyLabels, label_stations
from chargepoints.services.bulk_wishes import configure_many, own_among
from chargepoints.services.configuration_keys import KEYS
from chargepoints.services.configuration_wishes import InvalidWishes
from tenants.admin.base import has_role
from tenants.models import Role

LISTED = "admin:chargepoints_chargepoint_changelist"
ORDERS = "admin:chargepoints_bulkcommand_changelist"


def _chosen(request: HttpRequest) -> QuerySet[ChargePoint] | None:
    """Who is meant; None: nobody, or the page was opened by itself. For operators."""
    if not has_role(request, Role.OPERATOR):
        raise Http404
    stations = stations_in(request.POST.get("stations", ""))
    return stations if request.method == "POST" and stations.exists() else None


def _bound(request: HttpRequest) -> Any:
    """The form's data; None on the first page, which comes from the list."""
    return request.POST if request.POST.get("step") in ("check", "send") else None


def _form(request: HttpRequest, stations: QuerySet[ChargePoint], template: str, **context: Any) -> HttpResponse:
    hidden = {"stations": request.POST.get("stations") or ids_of(stations), "step": "check"}
    shared = {"hidden": hidden, "back": reverse(LISTED), "button": _("Look it over")}
    return page(request, template, **{**shared, **context})


def _number(stations: QuerySet[ChargePoint]) -> int:
    return stations.order_by().values("pk").distinct().count()


# --- labels ---


def labels_view(request: HttpRequest) -> HttpResponse:
    stations = _chosen(request)
    return HttpResponseRedirect(reverse(LISTED)) if stations is None else labels_page(request, stations)


def labels_page(request: HttpRequest, stations: QuerySet[ChargePoint]) -> HttpResponse:
    form = LabelsForm(_bound(request))
    if form.is_bound and form.is_valid():
        add, remove = form.cleaned_data["add"], form.cleaned_data["remove"]
        if request.POST["step"] == "check":
            return _ask_labels(request, stations, add, remove)
        actor = request.user.get_username()
        try:
            changed = label_stations(stations=stations, add=add, remove=remove, actor=actor, origin="admin")
        except TooManyLabels as error:
            form.add_error("add", str(error))
        else:
            said = ngettext(
                "%(n)d charge point has other labels now.", "%(n)d charge points have other labels now.", changed
            )
            messages.success(request, said % {"n": changed})
            return HttpResponseRedirect(reverse(LISTED))
    number = _number(stations)
    title = ngettext("Labels of %(n)d charge point", "Labels of %(n)d charge points", number) % {"n": number}
    return _form(
        request,
        stations,
        "office/command_form.html",
        title=title,
        forms=[form],
        online=True,
        post_to=reverse("admin:bulk_labels"),
    )


def _ask_labels(
    request: HttpRequest, stations: QuerySet[ChargePoint], add: list[str], remove: list[str]
) -> HttpResponse:
    meant = who(stations)
    number = meant["number"]
    details = [(_("Added"), ", ".join(add)), (_("Taken away"), ", ".join(remove))]
    return confirm_page(
        request,
        title=ngettext("Label %(n)d charge point?", "Label %(n)d charge points?", number) % {"n": number},
        words=[_("Nothing is sent to them. Filters, tariffs and orders that go by labels follow at once.")],
        who=meant,
        offline_words=_("Offline or not makes no difference."),
        details=[(name, value) for name, value in details if value],
        button=ngettext("Label %(n)d charge point", "Label %(n)d charge points", number) % {"n": number},
        leave=_("Change nothing"),
        post_to=reverse("admin:bulk_labels"),
        back=reverse(LISTED),
    )


# --- configuration keys ---


def keys_view(request: HttpRequest) -> HttpResponse:
    stations = _chosen(request)
    return HttpResponseRedirect(reverse(LISTED)) if stations is None else keys_page(request, stations)


def keys_page(request: HttpRequest, stations: QuerySet[ChargePoint]) -> HttpResponse:
    form = KeysForm(_bound(request))
    if form.is_bound and form.is_valid():
        if request.POST["step"] == "check":
            return _ask_keys(request, stations, form)
        try:
            return _configure(request, stations, form)
        except InvalidWishes as error:
            form.add_error(None, list(error.errors.values()))
        except OcppError as error:
            form.add_error(None, error.description)
    number = _number(stations)
    title = ngettext("Configuration of %(n)d charge point", "Configuration of %(n)d charge points", number)
    names = sorted(key.name for key in KEYS.values() if not key.refusal)
    return _form(
        request,
        stations,
        "office/bulk_keys.html",
        title=title % {"n": number},
        form=form,
        names=names,
        post_to=reverse("admin:bulk_keys"),
    )


def _ask_keys(request: HttpRequest, stations: QuerySet[ChargePoint], form: KeysForm) -> HttpResponse:
    meant, values = who(stations), form.cleaned_data["values"]
    number, keep = meant["number"], form.cleaned_data["keep"]
    return confirm_page(
        request,
        title=ngettext("Configure %(n)d charge point?", "Configure %(n)d charge points?", number) % {"n": number},
        words=_words_of_keys(values, keep=keep),
        who=meant,
        offline_words=_offline_words(values, keep=keep),
        concurrency=form.cleaned_data["concurrency"],
        details=list(values.items()),
        button=ngettext("Configure %(n)d charge point", "Configure %(n)d charge points", number) % {"n": number},
        leave=_("Change nothing"),
        post_to=reverse("admin:bulk_keys"),
        back=reverse(LISTED),
    )


def _words_of_keys(values: dict[str, str], *, keep: bool) -> list[str]:
    own = own_among(values)
    said = []
    if len(own) < len(values):
        said += [
            _(
                "Each that is online is sent the keys now. One that reports a key as read-only is left out for that key."
            ),
            _("Some keys hold only after a restart: the answer says so (RebootRequired)."),
        ]
    if keep:
        said.append(
            _("It is kept as the wish of each: what the tenant wants of all no longer holds there for these keys.")
        )
    elif len(own) < len(values):
        said.append(_("It is not kept: where a wish says otherwise, the wish is sent again within minutes."))
    if own and not keep:
        text = _("%(keys)s: no station is sent this, it is kept here as the wish of each.")
        said.append(text % {"keys": ", ".join(own)})
    return said


def _offline_words(values: dict[str, str], *, keep: bool) -> str:
    if len(own_among(values)) == len(values):
        return _("Offline or not makes no difference.")
    return _("Those that are offline are set when they come back.") if keep else ""


def _configure(request: HttpRequest, stations: QuerySet[ChargePoint], form: KeysForm) -> HttpResponse:
    values = form.cleaned_data["values"]
    try:
        orders = configure_many(
            stations=stations,
            values=values,
            keep=form.cleaned_data["keep"],
            concurrency=form.cleaned_data["concurrency"],
            order_id=order_of(request),
            requested_by=request.user.get_username(),
            origin="admin",
        )
    except NoTargets:
        return HttpResponseRedirect(reverse(LISTED))
    if len(orders) == 1:
        return _page_of(orders[0])
    if orders:
        messages.success(request, _("An order for each key: the newest stand first."))
        return HttpResponseRedirect(reverse(ORDERS))
    messages.success(request, _("Kept."))
    return HttpResponseRedirect(reverse(LISTED))


# --- local lists ---


def lists_view(request: HttpRequest) -> HttpResponse:
    stations = _chosen(request)
    return HttpResponseRedirect(reverse(LISTED)) if stations is None else lists_page(request, stations)


def lists_page(request: HttpRequest, stations: QuerySet[ChargePoint]) -> HttpResponse:
    """From the list straight to the question: there is nothing to fill in but how many at a time."""
    form = ConcurrencyForm(_bound(request))
    if form.is_bound and form.is_valid():
        order = Order(
            action="SendLocalList",
            payload={"updateType": "Full"},
            concurrency=form.cleaned_data["concurrency"],
            kind=BulkCommand.Kind.LOCAL_LIST,
            vetted=True,
        )
        actor = request.user.get_username()
        try:
            return _page_of(
                create_bulk(
                    stations=stations, order=order, requested_by=actor, origin="admin", order_id=order_of(request)
                )
            )
        except OcppError as error:
            form.add_error(None, error.description)
        except NoTargets:
            return HttpResponseRedirect(reverse(LISTED))
    meant = who(stations)
    number = meant["number"]
    title = ngettext(
        "Send the local list to %(n)d charge point?", "Send the local list to %(n)d charge points?", number
    )
    button = ngettext("Send to %(n)d charge point", "Send to %(n)d charge points", number)
    return confirm_page(
        request,
        title=title % {"n": number},
        words=[
            _("Each gets the whole list of your id tags, as many as it takes, in place of the one that it has."),
            _("Where that is more than one message, the rest follows by itself: the station's page shows it."),
            _("One that has no local list, or is being sent one, is skipped with the reason."),
        ],
        who=meant,
        form=form,
        button=button % {"n": number},
        post_to=reverse("admin:bulk_lists"),
        back=reverse(LISTED),
        hidden={**kept_fields(request), "stations": ids_of(stations), "step": "send", "order": str(order_of(request))},
    )


def _page_of(bulk: BulkCommand) -> HttpResponse:
    return HttpResponseRedirect(reverse("admin:chargepoints_bulkcommand_change", args=[bulk.pk]))
