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
from tenants.many_rows import insert_rows, update_rows
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
        imported = Imported(_plan(tenant, lines, lock=not dry_run), table.encoding)
        if not dry_run:
            try:
                with tenant_transaction(tenant.pk):
                    _store(imported)
            except IntegrityError as error:
                raise ChangedMeanwhile from error
            _record(tenant, imported, actor, origin)
    return imported


def _plan(tenant: Tenant, lines: Sequence[TagLine], *, lock: bool) -> list[PlannedTag]:
    """Against the tags that there are. Parents are found in the file and among those."""
    named = {line.key for line in lines} | {line.parent.lower() for line in lines if line.parent}
    known = _find(named, lock=lock)
    rows = [_planned(tenant, line, known.get(line.key)) for line in lines]
    tags = known | {row.tag.token_key: row.tag for row in rows}
    faults = []
    for line, row in zip(lines, rows, strict=True):
        if row.result == CREATE and is_shortened(line.token):
            text = _("A spreadsheet has shortened this number: have it keep the column as text.")
            faults.append(Fault(line.number, KEY, text))
        if line.parent is not None:
            faults += _set_parent(line, row, tags)
    faults += _faults_of_groups(lines, rows, _with_children_elsewhere(rows))
    if faults:
        raise InvalidFile(faults)
    for row in rows:
        row.settle()
    return rows


def _find(keys: set[str], *, lock: bool) -> dict[str, IdTag]:
    """The tags with these keys. With `lock` their rows are locked in order; a check of the file holds up nobody."""
    found: dict[str, IdTag] = {}
    ordered = sorted(keys)
    tags = IdTag.objects.select_for_update(of=("self",)) if lock else IdTag.objects.all()
    for start in range(0, len(ordered), KEYS_AT_ONCE):
        part = ordered[start : start + KEYS_AT_ONCE]
        rows = tags.select_related("parent").filter(token_key__in=part)
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


def _with_children_elsewhere(rows: Sequence[PlannedTag]) -> set[int]:
    """Of the tags of the file, those that are parents of tags which it doesn't name."""
    there = [row.tag.pk for row in rows if row.tag.pk is not None]
    children = IdTag.objects.order_by().filter(parent__in=there).exclude(pk__in=there)
    return {pk for pk in children.values_list("parent_id", flat=True).distinct() if pk is not None}


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
        elif line.parent is not None and (line.key in parents or row.tag.pk in with_children):
            faults.append(Fault(line.number, PARENT, _("This id tag is a parent: it has no parent itself.")))
    return faults


def _store(imported: ImportedTags) -> None:
    new = [row.tag for row in imported.rows if row.result == CREATE]
    parents = {tag.token_key: tag.parent for tag in new}
    for tag in new:
        tag.parent = None
    insert_rows(new)
    grouped = []
    for tag in new:
        tag.parent = parents[tag.token_key]
        if tag.parent is not None:
            grouped.append(tag)
    changed = [row.tag for row in imported.rows if row.result == CHANGE]
    for tag in changed:
        # Its parent may have been made just now: the row takes the id from it.
        tag.parent = tag.parent
    update_rows(changed, ["type", "status", "holder", "parent_id", "expires_at", "max_active_transactions", "note"])
    update_rows(grouped, ["parent_id"])


def _record(tenant: Tenant, imported: ImportedTags, actor: str, origin: str) -> None:
    trail = trail_of(imported.rows)
    if not trail["createdCount"] and not trail["changedCount"]:
        return
    record(actor=actor, origin=origin, action="import id tags", target=tenant, changes=trail)
    tags_changed(revoked=any(row.revokes for row in imported.rows))
