"""`manage.py create_tenant`: a tenant, and its first administrator."""

import secrets
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser

from tenants.context import system_transaction
from tenants.models import Role, User
from tenants.services.tenants import add_member, create_tenant


class Command(BaseCommand):
    """Prints the administrator's password once."""

    help = "Create a tenant and its first administrator."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="short name in URLs and station addresses")
        parser.add_argument("--name", help="shown to people (default: the slug)")
        parser.add_argument("--admin", required=True, metavar="USERNAME", help="made if there is no such person")
        parser.add_argument("--platform", action="store_true", help="the person becomes platform staff")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with system_transaction():
                tenant = create_tenant(slug=options["slug"], name=options["name"] or options["slug"])
                user, password = _find_or_make(options["admin"], platform=options["platform"])
                add_member(tenant=tenant, user=user, role=Role.ADMIN)
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from None
        self.stdout.write(f"Tenant {tenant.slug} made. Stations connect to /ocpp/{tenant.slug}/IDENTITY.")
        if password:
            self.stdout.write(f"Sign in as {user.username} with the password {password} (shown this once).")


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
