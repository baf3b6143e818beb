"""`manage.py ensure_demo`: the demo tenant and a way in, made once."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from metering.models import Tariff, TariffAssignment
from tenants.context import system_transaction
from tenants.models import Membership, Role, Tenant, User
from tenants.services.tenants import furnish

SLUG = "demo"


class Command(BaseCommand):
    """Create what is missing; never change what is there, but for a lost password."""

    help = "Create the demo tenant (accepts unknown stations and tags) and an administrator, once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--credentials", type=Path, required=True, help="Where the login is kept (mode 0600).")

    def handle(self, *args: Any, **options: Any) -> None:
        path: Path = options["credentials"]
        kept = _read(path)
        with system_transaction():
            tenant, created = Tenant.objects.get_or_create(
                slug=SLUG,
                defaults={
                    "name": "Demo",
                    "unknown_charge_points": Tenant.UnknownChargePoints.ACCEPT,
                    "unknown_id_tags": Tenant.UnknownIdTags.ACCEPT,
                    "allow_unauthenticated": True,
                    "heartbeat_interval": 60,
                    # A demonstration is watched: readings every ten seconds.
                    "desired_configuration": {"MeterValueSampleInterval": "10"},
                },
            )
            if created:
                furnish(tenant)
                _set_price(tenant)
            user = User.objects.filter(username=kept.get("username", "admin")).first()
            if user is None or "password" not in kept:
                password = secrets.token_urlsafe(12)
                user = user or User(username="admin", is_staff=True, is_superuser=True)
                user.set_password(password)
                user.save()
                kept |= {"username": user.username, "password": password}
            Membership.objects.get_or_create(tenant=tenant, user=user, defaults={"role": Role.ADMIN})
        _write(path, kept | {"tenant": SLUG})


def _set_price(tenant: Tenant) -> None:
    """A price that the demonstration can show: 0.49 a kWh, and parking after four hours."""
    elements = [
        {"price_components": [{"type": "ENERGY", "price": 0.49, "vat": 19, "step_size": 1}]},
        {
            "price_components": [{"type": "PARKING_TIME", "price": 6, "vat": 19, "step_size": 60}],
            "restrictions": {"min_duration": 4 * 3600},
        },
    ]
    tariff = Tariff.objects.create(tenant=tenant, name="Demo", currency=tenant.currency, elements=elements)
    TariffAssignment.objects.create(tenant=tenant, tariff=tariff)


def _read(path: Path) -> dict[str, str]:
    try:
        kept = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _write(path: Path, content: dict[str, str]) -> None:
    draft = path.with_suffix(".draft")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
