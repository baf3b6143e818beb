"""Many id tags at once: what they are to be, one question with the consequence, done."""

from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from chargepoints.admin.bulk_choice import SHOWN, among, confirm_page, ids_of, page
from chargepoints.admin.bulk_forms import TagsForm
from chargepoints.models import IdTag, Transaction
from chargepoints.services.bulk_tags import MOST, InvalidChange, change_tags, check_change
from tenants.admin.base import has_role
from tenants.models import Role

LISTED = "admin:chargepoints_idtag_changelist"
PLACES = {"status": "status", "parent": "parent", "expires_at": "expires_at", "max_active_transactions": "most"}


def tags_view(request: HttpRequest) -> HttpResponse:
    if not has_role(request, Role.OPERATOR):
        raise Http404
    tags = IdTag.objects.filter(pk__in=among(request.POST.get("tags", "")))
    if request.method != "POST" or not tags.exists():
        return HttpResponseRedirect(reverse(LISTED))
    return tags_page(request, tags)


def tags_page(request: HttpRequest, tags: QuerySet[IdTag]) -> HttpResponse:
    """The form; `step` check asks, send does it. Each step carries all before it."""
    step = request.POST.get("step", "")
    if not step and tags.order_by()[: MOST + 1].count() > MOST:
        messages.error(request, _("At most %(most)s at once: filter the list first.") % {"most": MOST})
        return HttpResponseRedirect(reverse(LISTED))
    if not tags.exists():
        return HttpResponseRedirect(reverse(LISTED))
    form = TagsForm(request.POST if step in ("check", "send") else None)
    if form.is_bound and form.is_valid():
        change = form.cleaned_data["change"]
        try:
            if step == "check":
                check_change(tags, change)
                return _ask(request, tags, change)
            done = change_tags(tags=tags, change=change, actor=request.user.get_username(), origin="admin")
        except InvalidChange as error:
            form.add_error(PLACES.get(error.field), str(error))
        else:
            said = ngettext(
                "%(n)d tag changed, %(same)d were so already.",
                "%(n)d tags changed, %(same)d were so already.",
                done.changed,
            )
            messages.success(request, said % {"n": done.changed, "same": done.same})
            return HttpResponseRedirect(reverse(LISTED))
    number = tags.order_by().count()
    return page(
        request,
        "office/bulk_tags.html",
        title=ngettext("Change %(n)d id tag", "Change %(n)d id tags", number) % {"n": number},
        form=form,
        hidden={"tags": request.POST.get("tags") or ids_of(tags), "step": "check"},
        post_to=reverse("admin:bulk_tags"),
        back=reverse(LISTED),
        button=_("Look it over"),
    )


def _ask(request: HttpRequest, tags: QuerySet[IdTag], change: dict[str, Any]) -> HttpResponse:
    number = tags.count()
    names = list(tags.order_by("token_key").values_list("token", flat=True)[:SHOWN])
    return confirm_page(
        request,
        title=ngettext("Change %(n)d id tag?", "Change %(n)d id tags?", number) % {"n": number},
        words=_words(tags, change),
        details=[(_name_of(field), _shown(value)) for field, value in change.items()],
        lists=[(ngettext("%(n)d id tag", "%(n)d id tags", number) % {"n": number}, names, max(0, number - SHOWN))],
        button=ngettext("Change %(n)d id tag", "Change %(n)d id tags", number) % {"n": number},
        leave=_("Change nothing"),
        post_to=reverse("admin:bulk_tags"),
        back=reverse(LISTED),
    )


def _words(tags: QuerySet[IdTag], change: dict[str, Any]) -> list[str]:
    said = []
    expires = change.get("expires_at")
    over = expires is not None and expires <= timezone.now()
    if change.get("status") == IdTag.Status.BLOCKED or change.get("max_active_transactions") == 0 or over:
        running = Transaction.objects.filter(state=Transaction.State.ACTIVE, id_tag__in=tags.values("token")).count()
        said.append(
            _("These drivers can't begin a session any more; stations are told to forget what they know of tags.")
        )
        if running:
            text = ngettext(
                "%(n)d session of theirs runs, and goes on.", "%(n)d sessions of theirs run, and go on.", running
            )
            said.append(text % {"n": running})
    elif change.get("status") == IdTag.Status.ACCEPTED:
        said.append(_("These drivers can begin sessions, as far as expiry and limits let them."))
    if "parent" in change:
        said.append(_("Tags of one group may stop each other's sessions."))
    said.append(_("Local lists that are kept in step follow within a minute."))
    return said


def _name_of(field: str) -> str:
    names = {
        "status": _("Status"),
        "expires_at": _("Expires at"),
        "parent": _("Group"),
        "max_active_transactions": _("Sessions at the same time"),
    }
    return names[field]


def _shown(value: Any) -> str:
    if value is None:
        return "–"
    if hasattr(value, "astimezone"):
        return date_format(timezone.localtime(value), "Y-m-d H:i")
    return str(value)
