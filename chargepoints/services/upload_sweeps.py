"""Uploads that time ends: requests that were refused or lost, files past their keeping. Run by the beat."""

from contextlib import suppress
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q

from chargepoints.files.storage import UPLOADS, discard, discard_after_commit, stored_names
from chargepoints.models import CommandState, StationUpload
from chargepoints.services.uploads import OPEN, State, end_upload, locked_upload
from tenants.context import system_transaction, tenant_transaction
from tenants.databases.fence import TenantMoving
from tenants.models import Tenant

REFUSED = (CommandState.REJECTED, CommandState.FAILED, CommandState.TIMED_OUT, CommandState.CANCELLED)
SETTLED_AT_ONCE = 1000


def settle_uploads(now: datetime) -> int:
    """End uploads whose request was refused or lost, and those that never came."""
    refused = Q(state=State.REQUESTED, command__state__in=REFUSED) & ~Q(command__reply__status="AcceptedCanceled")
    with system_transaction():
        overdue = StationUpload.objects.filter(state__in=OPEN).filter(Q(expires_at__lt=now) | refused)
        found = list(overdue.values_list("tenant_id", "pk", "command__state")[:SETTLED_AT_ONCE])
    for tenant_id, pk, command_state in found:
        with suppress(TenantMoving), tenant_transaction(tenant_id):
            upload = locked_upload(tenant_id, pk=pk, state__in=OPEN)
            if upload is not None:
                upload.status = upload.status or (command_state if command_state in REFUSED else "Expired")
                end_upload(upload, State.FAILED)
    return len(found)


def purge_uploads(now: datetime) -> int:
    """Delete uploads past their keeping, with their files, and files that no row names (any more)."""
    before = now - timedelta(days=settings.UPLOAD_DAYS)
    with system_transaction():
        tenants = list(Tenant.objects.values_list("pk", flat=True))
    deleted = 0
    for tenant_id in tenants:
        orphans: set[str] = set()
        with suppress(TenantMoving), tenant_transaction(tenant_id):
            for upload in StationUpload.objects.filter(created_at__lt=before)[:SETTLED_AT_ONCE]:
                discard_after_commit(upload.file.name)
                upload.delete()
                deleted += 1
            orphans = set(stored_names(tenant_id, UPLOADS))
            orphans -= set(StationUpload.objects.exclude(file="").values_list("file", flat=True))
        for name in orphans:
            discard(name)
            deleted += 1
    return deleted
