"""What is kept in the main database only, and what in each.

A row that belongs to a tenant lives where the tenant does. The others are the directory's: people, sessions, what the
platform's staff look at. Of the tables that belong to no tenant, few are in every database, each for itself.
"""

import functools

from django.db import models

# Who may enter has to be known before it is known where a tenant lives.
OWNED = frozenset({"tenants.Membership", "tenants.ApiKey", "tenants.Invitation"})
# Copies of what rows refer to (Tenant, Gateway), and notes of each database about itself.
EVERYWHERE = frozenset(
    {
        "tenants.Tenant",
        "tenants.FeedCursor",
        "tenants.ClosedTenant",
        "tenants.DatabaseIdentity",
        "chargepoints.Gateway",
        "metering.AggregationState",
    }
)


@functools.cache
def is_in_directory(model: type[models.Model]) -> bool:
    """Whether its rows are in the main database, wherever the tenant in question lives.

    A model of a tenant's rows that have to be found before the tenant is known says so: `in_directory = True`.
    """
    label = model._meta.label
    if label in OWNED or getattr(model, "in_directory", False):
        return True
    return label not in EVERYWHERE and not _belongs_to_a_tenant(model)


def _belongs_to_a_tenant(model: type[models.Model]) -> bool:
    return any(
        field.name == "tenant" and getattr(field.related_model, "__name__", "") == "Tenant"
        for field in model._meta.concrete_fields
    )
