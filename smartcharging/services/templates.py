"""Profiles with a name ("overnight"), to be sent to one station or to many; rows like any other, to be changed or removed."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.db import IntegrityError, transaction
from django.utils import timezone

from smartcharging.models import ProfileTemplate
from smartcharging.profiles.problems import InvalidProfile
from smartcharging.profiles.shapes import Period, Profile, Schedule
from smartcharging.profiles.validation import StationLimits, validate_profile
from smartcharging.selectors import profile_of
from smartcharging.services.anchoring import anchored
from smartcharging.services.sending import NEW_ID, profile_fields
from tenants.context import current_tenant_id, scope_alias, tenant_transaction
from tenants.models import Tenant
from tenants.selectors import tenant_zone
from tenants.services.audit import record

# What any charge point might take: a template is made for many.
ANY_STATION = StationLimits(
    max_stack_level=2**31 - 1,
    max_periods=1000,
    max_installed=2**31 - 1,
    units=frozenset({"A", "W"}),
    connector_switch_3to1=True,
)
HOUR_S = 3600


class NameTaken(ValueError):
    """Another template has that name."""


def create_template(
    *, name: str, description: str, profile: Profile, actor: str, origin: str, path: str = "profile"
) -> ProfileTemplate:
    """Raises NameTaken, InvalidProfile (fields below `path`)."""
    check_template(profile, path)
    tenant_id = current_tenant_id()
    with tenant_transaction(tenant_id):
        template = ProfileTemplate(
            tenant_id=tenant_id, name=name, description=description, created_by=actor[:150], **profile_fields(profile)
        )
        _save(template)
        record(actor=actor, origin=origin, action="create", target=template)
    return template


def change_template(
    template: ProfileTemplate,
    *,
    actor: str,
    origin: str,
    name: str | None = None,
    description: str | None = None,
    profile: Profile | None = None,
    path: str = "profile",
) -> ProfileTemplate:
    """What is None stays; profiles that were sent before keep what they say. Raises NameTaken, InvalidProfile."""
    changes: dict[str, Any] = {"name": name, "description": description}
    if profile is not None:
        check_template(profile, path)
        changes |= profile_fields(profile)
    changes = {field: value for field, value in changes.items() if value is not None or field.startswith("valid_")}
    with tenant_transaction(template.tenant_id):
        for field, value in changes.items():
            setattr(template, field, value)
        _save(template)
        record(actor=actor, origin=origin, action="change", target=template, changes={"fields": sorted(changes)})
    return template


def delete_template(template: ProfileTemplate, *, actor: str, origin: str) -> None:
    """What was sent by it stays."""
    with tenant_transaction(template.tenant_id):
        record(actor=actor, origin=origin, action="delete", target=template)
        template.delete()


def check_template(profile: Profile, path: str) -> None:
    """InvalidProfile for what no station could take. Its session is named when it is sent."""
    found = validate_profile(
        profile,
        evse_number=0 if profile.purpose == "station_max" else 1,
        limits=ANY_STATION,
        now=timezone.now(),
        running_transaction="0",
        path=path,
    )
    if found:
        raise InvalidProfile(found)


def profile_to_send(template: ProfileTemplate) -> Profile:
    """Without an id, which it is given as it is sent; a recurring one from its latest time on. In the open tenant scope."""
    zone = tenant_zone(Tenant.objects.get(pk=template.tenant_id))
    profile = replace(profile_of(template), profile_id=NEW_ID)
    return anchored(profile, now=timezone.now(), zone=zone)


def _save(template: ProfileTemplate) -> None:
    try:
        with transaction.atomic(using=scope_alias()):
            template.save()
    except IntegrityError as error:
        if "profile_template_once" in str(error):
            raise NameTaken(template.name) from None
        raise


# --- what a tenant starts with ---


def create_default_templates(tenant: Tenant) -> None:
    """In the open scope, for a tenant that has none. Migration 0003 does the same in SQL for those of before."""
    ProfileTemplate.objects.bulk_create(
        ProfileTemplate(tenant=tenant, name=name, description=description, **profile_fields(profile))
        for name, description, profile in default_templates(tenant_zone(tenant))
    )


def default_templates(local: ZoneInfo) -> Iterable[tuple[str, str, Profile]]:
    """(name, description, profile); times of day in the zone."""
    yield (
        "overnight",
        "Full power from 22:00 to 06:00, 6 A by day.",
        _daily(datetime(2026, 1, 1, 22, tzinfo=local), (0, 32), (8 * HOUR_S, 6)),
    )
    yield (
        "solar hours",
        "16 A from 10:00 to 16:00, 6 A otherwise.",
        _daily(datetime(2026, 1, 1, 10, tzinfo=local), (0, 16), (6 * HOUR_S, 6)),
    )


def _daily(start_at: datetime, *periods: tuple[int, int]) -> Profile:
    steps = tuple(Period(start_s, Decimal(limit)) for start_s, limit in periods)
    return Profile(
        profile_id=NEW_ID,
        stack_level=1,
        purpose="tx_default",
        kind="recurring",
        recurrency="daily",
        schedule=Schedule("A", steps, duration_s=24 * HOUR_S, start_at=start_at),
    )
