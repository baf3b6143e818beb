"""Back office pages of this app."""

from django.contrib import admin
from django.contrib.auth.models import Group

from tenants.admin import (
    api_keys,
    audit,
    events,
    export_columns,
    invitations,
    people,
    platform_trail,
    system_alerts,
    tenant,
    users,
    webhooks,
)

__all__ = [
    "api_keys",
    "audit",
    "events",
    "export_columns",
    "invitations",
    "people",
    "platform_trail",
    "system_alerts",
    "tenant",
    "users",
    "webhooks",
]

# Roles come with memberships; Django's groups have no meaning here.
admin.site.unregister(Group)
