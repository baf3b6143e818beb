"""Where tenants live: databases beside the main one, moves between them, and who is turned away (tenants.databases)."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class DatabaseIdentity(models.Model):
    """A database and its number: the ids that it gives are apart from those of all others (tenants.databases.numbering).

    The main one lists all, each of the others has its own row: so an address that leads to the wrong one is found out.
    """

    name = models.CharField(max_length=32, primary_key=True)
    number = models.PositiveSmallIntegerField(unique=True)
    made_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"{self.number}: {self.name}"


class ClosedTenant(models.Model):
    """A tenant that does not live in this database any more, or is on its way out: nothing of it is read or written here."""

    tenant_number = models.BigIntegerField(primary_key=True)
    closed_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return str(self.tenant_number)


class TenantMove(models.Model):
    """A tenant's way from one database to another. Kept in the main one; `phase` is what has been done."""

    class Phase(models.TextChoices):
        # Its stations are sent away, its people and programs asked to come again.
        CLOSING = "closing", _("Closing")
        # No transaction of its own is under way in the source; rows are being copied.
        COPYING = "copying", _("Copying")
        # The target has all rows, compared with the source.
        COPIED = "copied", _("Copied")
        # The tenant lives in the target; the source still holds its old rows.
        SWITCHED = "switched", _("Removing the old rows")
        DONE = "done", _("Done")
        # Given up before the switch: the tenant lives where it did.
        UNDONE = "undone", _("Given up")

    tenant_number = models.BigIntegerField()
    tenant_slug = models.CharField(max_length=32)
    # Names of databases; empty: the main one.
    source = models.CharField(max_length=32, blank=True)
    target = models.CharField(max_length=32, blank=True)
    phase = models.CharField(max_length=10, choices=Phase.choices, default=Phase.CLOSING)
    # Of the tenant: what it is given back at the end.
    status_before = models.CharField(max_length=10)
    rows = models.JSONField(default=dict, help_text="Table to the number of rows that were copied.")
    actor = models.CharField(max_length=150)
    started_at = models.DateTimeField(auto_now_add=True)
    switched_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    # Of the run that is at it: the backend of the main database that holds its lock (tenants.databases.alone). Not stored.
    held_by = 0

    class Meta:
        ordering = ["-started_at", "-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["tenant_number"], condition=models.Q(ended_at=None), name="one_move_of_a_tenant"
            )
        ]

    def __str__(self) -> str:
        return f"{self.tenant_slug}: {self.source or 'main'} to {self.target or 'main'} ({self.phase})"
