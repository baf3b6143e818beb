"""Many id tags at once: blocked or let in again, their expiry, group, number of sessions. All of them or none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from chargepoints.models import IdTag
from chargepoints.services.importing.plans import as_plain
from chargepoints.services.tag_changes import rights_of, tags_changed, takes_away
from tenants.context import current_tenant_id, tenant_transaction
from tenants.services.audit import record_many

FIELDS = ("status", "expires_at", "parent", "max_active_transactions")
MOST = 50_000
NAMED = 5


class InvalidChange(ValueError):
    """`field`: of the tag; the text is for people."""

    def __init__(self, field: str, text: str) -> None:
        super().__init__(text)
        self.field = field


@dataclass(frozen=True, slots=True)
class ChangedTags:
    """How many are others now, and how many were so already."""

    changed: int
    same: int


def check_change(tags: QuerySet[IdTag], change: Mapping[str, Any]) -> None:
    """`change`: field of FIELDS -> value. Raises InvalidChange for what can't be done with all of these."""
    if tags.order_by()[: MOST + 1].count() > MOST:
        raise InvalidChange("", _("At most %(most)s at once: choose fewer.") % {"most": MOST})
    parent = change.get("parent")
    if parent is None:
        return
    if parent.parent_id is not None:
        raise InvalidChange("parent", _("A parent has no parent itself."))
    if tags.filter(pk=parent.pk).exists():
        raise InvalidChange("parent", _("An id tag can't be its own parent."))
    parents = tags.filter(pk__in=IdTag.objects.exclude(parent=None).values("parent")).order_by("token_key")
    if named := list(parents.values_list("token", flat=True)[:NAMED]):
        text = _("These are parents, which have no parent themselves: %(names)s.")
        raise InvalidChange("parent", text % {"names": ", ".join(named)})


def change_tags(*, tags: QuerySet[IdTag], change: Mapping[str, Any], actor: str, origin: str) -> ChangedTags:
    """As `check_change`, then done: one statement for the tags, and an entry of the trail for each that changes."""
    with tenant_transaction(current_tenant_id()):
        rows, change = _locked(tags, change)
        # Once nobody else can make one of them a parent or a child.
        check_change(tags, change)
        changed, revoked = [], False
        for row in rows:
            before = rights_of(row)
            if difference := _applied(row, change):
                changed.append((row, difference))
                revoked = revoked or takes_away(before, rights_of(row))
        IdTag.objects.filter(pk__in=[row.pk for row, _difference in changed]).update(**change)
        record_many(actor=actor, origin=origin, action="change", changed=changed)
        if changed:
            tags_changed(revoked=revoked)
    return ChangedTags(len(changed), len(rows) - len(changed))


def _locked(tags: QuerySet[IdTag], change: Mapping[str, Any]) -> tuple[list[IdTag], Mapping[str, Any]]:
    """The rows, and the change with its parent as it is now; locked in order, the parent too. Raises InvalidChange."""
    chosen = tags.order_by().values("pk")[: MOST + 1]
    wanted = change.get("parent")
    named = Q(pk__in=chosen) if wanted is None else Q(pk__in=chosen) | Q(pk=wanted.pk)
    rows = list(
        IdTag.objects.select_for_update(of=("self",)).select_related("parent").filter(named).order_by("token_key")
    )
    if wanted is None:
        return rows, change
    parent = next((row for row in rows if row.pk == wanted.pk), None)
    if parent is None:
        raise InvalidChange("parent", _("There is no such id tag."))
    return [row for row in rows if row is not parent], {**change, "parent": parent}


def _applied(row: IdTag, change: Mapping[str, Any]) -> dict[str, list[Any]]:
    """The row changed, and what is other than before."""
    difference = {}
    for name, value in change.items():
        before = getattr(row, name)
        if before != value:
            difference[name] = [_shown(before), _shown(value)]
            setattr(row, name, value)
    return difference


def _shown(value: Any) -> Any:
    return value.token if isinstance(value, IdTag) else as_plain(value)
