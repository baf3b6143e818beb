"""Groups of id tags are flat: a parent has no parent itself (OCPP 1.6 §3.5.1). Here for one tag; many at once: `bulk_tags`."""

from django.utils.translation import gettext as _

from chargepoints.models import IdTag
from chargepoints.services.bulk_tags import InvalidChange


def lock_for_parent(*, tag_pk: int | None, parent_pk: int | None) -> IdTag | None:
    """Checks that the tag (None: a new one) may become the parent's child; the tag as it is now, None for a new one.

    Both rows stay locked until the caller's transaction ends: whoever makes the parent a child meanwhile waits, and is
    refused. They are locked in order, as many at once are, so that nobody waits in a circle. Raises InvalidChange.
    """
    wanted = [pk for pk in (tag_pk, parent_pk) if pk is not None]
    found = IdTag.objects.select_for_update(of=("self",)).select_related("parent").filter(pk__in=wanted)
    rows = {row.pk: row for row in found.order_by("token_key")}
    tag = None if tag_pk is None else rows.get(tag_pk)
    if parent_pk is None:
        return tag
    if parent_pk not in rows:
        raise InvalidChange("parent", _("There is no such id tag."))
    if parent_pk == tag_pk:
        raise InvalidChange("parent", _("An id tag can't be its own parent."))
    if rows[parent_pk].parent_id is not None:
        raise InvalidChange("parent", _("A parent has no parent itself."))
    if tag_pk is not None and IdTag.objects.filter(parent=tag_pk).exists():
        raise InvalidChange("parent", _("This id tag is a parent, which has no parent itself."))
    return tag
