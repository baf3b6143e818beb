"""Id tags from a file: all of it or nothing. A tag that exists is changed, one that doesn't is made."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError
from django.utils.translation import gettext as _

from chargepoints.models import IdTag
from chargepoints.services.importing.cells import is_shortened
from chargepoints.services.importing.plans import (
    CHANGE,
    CREATE,
    KEYS_AT_ONCE,
    ChangedMeanwhile,
    Imported,
    InvalidFile,
    Planned,
    as_plain,
    trail_of,
)
from chargepoints.services.importing.table import Fault
from chargepoints.services.tag_changes import rights_of, tags_changed, takes_away
from chargepoints.services.tag_table import KEY, PARENT, TagLine, read_tags
from tenants.context import tenant_transaction
from tenants.models import Tenant
from tenants.services.audit import record

__all__ = ["ChangedMeanwhile", "ImportedTags", "InvalidFile", "PlannedTag", "import_tags"]


@dataclass(slots=True, kw_only=True)
class PlannedTag(Planned):
    """A line's tag, changed already but not stored."""

    tag: IdTag
    revokes: bool = False


ImportedTags = Imported[PlannedTag]


def import_tags(
    *, tenant: Tenant, raw: bytes, dry_run: bool, actor: str, origin: str, guess: bool = False
) -> ImportedTags:
    """Read, check, and unless `dry_run` store. Raises InvalidFile, ChangedMeanwhile. `guess`: the file's encoding."""
    lines, table = read_tags(raw, guess=guess)
    if table.faults:
        raise InvalidFile(table.faults)
    with tenant_transaction(tenant.pk):
        imported = Imported(_plan(tenant, lines), table.encoding)
        if not dry_run:
            try:
                with tenant_transaction(tenant.pk):
                    _store(imported)
            except IntegrityError as error:
                raise ChangedMeanwhile from error
            _record(tenant, imported, actor, origin)
    return imported


def _plan(tenant: Tenant, lines: Sequence[TagLine]) -> list[PlannedTag]:
    """Against the tags that there are. Parents are found in the file and among those."""
    named = {line.key for line in lines} | {line.parent.lower() for line in lines if line.parent}
    known = _find(named)
    rows = [_planned(tenant, line, known.get(line.key)) for line in lines]
    tags = known | {row.tag.token_key: row.tag for row in rows}
    children = IdTag.objects.filter(parent__in=[tag.pk for tag in known.values()])
    with_children = {pk for pk in children.values_list("parent_id", flat=True) if pk is not None}
    faults = []
    for line, row in zip(lines, rows, strict=True):
        if row.result == CREATE and is_shortened(line.token):
            text = _("A spreadsheet has shortened this number: have it keep the column as text.")
            faults.append(Fault(line.number, KEY, text))
        if line.parent is not None:
            faults += _set_parent(line, row, tags)
    faults += _faults_of_groups(lines, rows, with_children)
    if faults:
        raise InvalidFile(faults)
    for row in rows:
        row.settle()
    return rows


def _find(keys: set[str]) -> dict[str, IdTag]:
    """The tags with these keys, their rows locked in order."""
    found: dict[str, IdTag] = {}
    ordered = sorted(keys)
    for start in range(0, len(ordered), KEYS_AT_ONCE):
        part = ordered[start : start + KEYS_AT_ONCE]
        rows = IdTag.objects.select_for_update(of=("self",)).select_related("parent").filter(token_key__in=part)
        found |= {row.token_key: row for row in rows.order_by("token_key")}
    return found


def _planned(tenant: Tenant, line: TagLine, tag: IdTag | None) -> PlannedTag:
    if tag is None:
        tag = IdTag(tenant=tenant, token=line.token, token_key=line.key, **line.values)
        return PlannedTag(line=line.number, name=tag.token, result=CREATE, tag=tag)
    before = rights_of(tag)
    changes = {}
    for name, value in line.values.items():
        old = getattr(tag, name)
        if old != value:
            changes[name] = [as_plain(old), as_plain(value)]
            setattr(tag, name, value)
    revokes = takes_away(before, rights_of(tag))
    return PlannedTag(line=line.number, name=tag.token, result=CHANGE, changes=changes, tag=tag, revokes=revokes)


def _set_parent(line: TagLine, row: PlannedTag, tags: dict[str, IdTag]) -> list[Fault]:
    key = (line.parent or "").lower()
    parent = tags.get(key) if key else None
    if key and parent is None:
        return [Fault(line.number, PARENT, _("There is no such id tag, nor is it in the file."))]
    if key == line.key:
        return [Fault(line.number, PARENT, _("An id tag can't be its own parent."))]
    before = row.tag.parent
    if (before.token_key if before else "") != key:
        row.changes["parent"] = [before.token if before else None, parent.token if parent else None]
    row.tag.parent = parent
    return []


def _faults_of_groups(lines: Sequence[TagLine], rows: list[PlannedTag], with_children: set[int]) -> list[Fault]:
    """A parent has no parent itself, neither before nor by the file."""
    faults = []
    parents = {row.tag.parent.token_key for row in rows if row.tag.parent is not None}
    for line, row in zip(lines, rows, strict=True):
        parent = row.tag.parent
        if parent is None:
            continue
        if parent.parent is not None:
            faults.append(Fault(line.number, PARENT, _("A parent has no parent itself.")))
        elif line.parent is not None and (line.key in parents or _keeps_children(row, rows, with_children)):
            faults.append(Fault(line.number, PARENT, _("This id tag is a parent: it has no parent itself.")))
    return faults


def _keeps_children(row: PlannedTag, rows: list[PlannedTag], with_children: set[int]) -> bool:
    """Whether tags that the file doesn't name have it as their parent."""
    if row.tag.pk is None or row.tag.pk not in with_children:
        return False
    moved = [one.tag.pk for one in rows if one.tag.pk is not None]
    return IdTag.objects.filter(parent=row.tag).exclude(pk__in=moved).exists()


def _store(imported: ImportedTags) -> None:
    new = [row.tag for row in imported.rows if row.result == CREATE]
    parents = {tag.token_key: tag.parent for tag in new}
    for tag in new:
        tag.parent = None
    IdTag.objects.bulk_create(new, batch_size=1000)
    grouped = []
    for tag in new:
        tag.parent = parents[tag.token_key]
        if tag.parent is not None:
            grouped.append(tag)
    changed = [row.tag for row in imported.rows if row.result == CHANGE]
    for tag in changed:
        # Its parent may have been made just now: the row takes the id from it.
        tag.parent = tag.parent
    fields = ["type", "status", "holder", "parent", "expires_at", "max_active_transactions", "note"]
    IdTag.objects.bulk_update(changed, fields, batch_size=500)
    IdTag.objects.bulk_update(grouped, ["parent"], batch_size=500)


def _record(tenant: Tenant, imported: ImportedTags, actor: str, origin: str) -> None:
    trail = trail_of(imported.rows)
    if not trail["createdCount"] and not trail["changedCount"]:
        return
    record(actor=actor, origin=origin, action="import id tags", target=tenant, changes=trail)
    tags_changed(revoked=any(row.revokes for row in imported.rows))
