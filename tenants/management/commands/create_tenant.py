"""`manage.py create_tenant`: a tenant, and its first administrator."""

import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.context import system_transaction
from tenants.models import Role, Tenant, User
from tenants.services.platform_trail import record_for_platform
from tenants.services.tenants import add_member, create_tenant

ACTOR = "create_tenant"
# Fields that may be given: option (without dashes) -> how its text is read.
FIELDS: dict[str, type] = {
    "timezone": str,
    "currency": str,
    "heartbeat_interval": int,
    "max_charge_points": int,
    "api_rate_limit": int,
    "mqtt_topic_prefix": str,
    "message_log_days": int,
}


class Command(BaseCommand):
    """Prints the administrator's password once."""

    help = "Create a tenant and its first administrator."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="short name in URLs and station addresses")
        parser.add_argument("--name", help="shown to people (default: the slug)")
        parser.add_argument("--admin", required=True, metavar="USERNAME", help="made if there is no such person")
        parser.add_argument("--platform", action="store_true", help="the person becomes platform staff")
        for name, kind in FIELDS.items():
            described = str(getattr(Tenant._meta.get_field(name), "help_text", ""))
            parser.add_argument(f"--{name.replace('_', '-')}", type=kind, help=described)
        parser.add_argument(
            "--unknown-charge-points",
            choices=Tenant.UnknownChargePoints.values,
            help="what becomes of stations that nobody has entered",
        )
        parser.add_argument("--unknown-id-tags", choices=Tenant.UnknownIdTags.values)

    def handle(self, *args: Any, **options: Any) -> None:
        wanted = [*FIELDS, "unknown_charge_points", "unknown_id_tags"]
        policies = {name: options[name] for name in wanted if options.get(name) is not None}
        try:
            with system_transaction():
                tenant = create_tenant(slug=options["slug"], name=options["name"] or options["slug"], **policies)
                user, password = _find_or_make(options["admin"], platform=options["platform"])
                add_member(tenant=tenant, user=user, role=Role.ADMIN)
                record_for_platform(
                    actor=ACTOR,
                    origin="command",
                    action="create",
                    tenant=tenant,
                    changes={"administrator": user.username, **policies},
                )
        except ValidationError as error:
            raise CommandError(_by_field(error)) from None
        self.stdout.write(f"Tenant {tenant.slug} made. Stations connect to /ocpp/{tenant.slug}/IDENTITY.")
        if password:
            self.stdout.write(f"Sign in as {user.username} with the password {password} (shown this once).")


def _by_field(error: ValidationError) -> str:
    """`slug: Tenant with this Slug already exists.`"""
    if not hasattr(error, "error_dict"):
        return "; ".join(error.messages)
    return "; ".join(f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items())


def _find_or_make(username: str, *, platform: bool) -> tuple[User, str | None]:
    known = User.objects.filter(username=username).first()
    if known is not None:
        return known, None
    password = secrets.token_urlsafe(12)
    user = User(username=username, is_staff=platform, is_superuser=platform)
    user.set_password(password)
    user.full_clean()
    user.save()
    return user, password
