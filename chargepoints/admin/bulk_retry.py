"""Those that a bulk command failed at, once more: how long to wait for who is away, then one question, then it is sent."""

import json

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from chargepoints.admin.bulk_choice import confirm_page, order_of, who
from chargepoints.admin.bulk_words import words_for
from chargepoints.admin.command_forms import SendingForm
from chargepoints.models import BulkCommand
from chargepoints.protocol.errors import OcppError
from chargepoints.services.bulk import NoTargets
from chargepoints.services.bulk_retry import StillRunning, retry_bulk, stations_to_retry
from chargepoints.services.shown_payloads import shown_payload


def retry_page(request: HttpRequest, bulk: BulkCommand) -> HttpResponse:
    """GET asks, POST sends."""
    form = SendingForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            again = retry_bulk(
                bulk,
                order_id=order_of(request),
                requested_by=request.user.get_username(),
                origin="admin",
                expires_at=form.cleaned_data["wait_until"],
            )
        except StillRunning:
            messages.warning(request, _("It is still running: cancel it first, or wait for its end."))
        except NoTargets:
            messages.warning(request, _("There is none left to try again."))
        except OcppError as error:
            messages.error(request, error.description)
        else:
            return HttpResponseRedirect(_page_of(again))
        return HttpResponseRedirect(_page_of(bulk))
    return _ask(request, bulk, form)


def _ask(request: HttpRequest, bulk: BulkCommand, form: SendingForm) -> HttpResponse:
    meant = who(stations_to_retry(bulk))
    number = meant["number"]
    if not number or bulk.state == BulkCommand.State.RUNNING:
        messages.info(request, _("There is nothing to try again."))
        return HttpResponseRedirect(_page_of(bulk))
    title = ngettext(
        "Try %(action)s again at %(n)d charge point?", "Try %(action)s again at %(n)d charge points?", number
    )
    button = ngettext("Try again at %(n)d charge point", "Try again at %(n)d charge points", number)
    payload, before = shown_payload(bulk.payload), _tried_again(bulk)
    return confirm_page(
        request,
        title=title % {"action": bulk.action, "n": number},
        words=[
            *([before] if before else []),
            str(_("It is sent again to those that refused, failed, did not answer, were offline or were cancelled.")),
            *words_for(bulk.action, bulk.payload, meant["sessions"]),
        ],
        who=meant,
        form=form,
        concurrency=bulk.concurrency,
        payload_title=bulk.action,
        payload_shown=json.dumps(payload, indent=2, ensure_ascii=False) if payload else "",
        button=button % {"n": number},
        post_to=reverse("admin:bulk_command_retry", args=[bulk.pk]),
        back=_page_of(bulk),
    )


def _tried_again(bulk: BulkCommand) -> str:
    """Two people at night: the second is told what the first has done."""
    again = BulkCommand.objects.filter(retry_of=bulk.pk).order_by("-created_at").first()
    if again is None:
        return ""
    at = date_format(timezone.localtime(again.created_at), "Y-m-d H:i")
    said = _("%(who)s has tried this again already (%(at)s, %(state)s): look there first, or it is sent twice.")
    return str(said) % {"who": again.requested_by, "at": at, "state": again.get_state_display()}


def _page_of(bulk: BulkCommand) -> str:
    return reverse("admin:chargepoints_bulkcommand_change", args=[bulk.pk])
