"""Filters of the list of commands: by what is known of them, none looks through the rows for its choices."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from chargepoints.admin.command_forms import GROUPS
from tenants.admin.filters import KnownFilter, WrittenFilter
from tenants.admin.trail_words import ORIGINS


class ActionFilter(KnownFilter):
    title = _("action")
    parameter_name = "action"

    def words(self) -> list[tuple[str, Any]]:
        return [(name, name) for name in sorted(name for _title, names in GROUPS for name in names)]


class OriginFilter(KnownFilter):
    title = _("origin")
    parameter_name = "origin"

    def words(self) -> list[tuple[str, Any]]:
        return list(ORIGINS.items())


class ActorFilter(WrittenFilter):
    title = _("requested by")
    parameter_name = "requested_by"
