"""`manage.py issue_token acme --role viewer`: a credential for the API, printed once."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from tenants.api.scopes import known_scopes
from tenants.api.sign_in import issue_tokens
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Role, Tenant, User
from tenants.selectors import access_to
from tenants.services.api_keys import issue_api_key
from tenants.services.audit import record

ACTOR = "issue_token"


class Command(BaseCommand):
    """An API key of a role; or, for a person, a token (JWT) with the role that they have in the tenant."""

    help = "Issue an API key, or a token for a person, and print it once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("tenant", help="its slug")
        parser.add_argument(
            "--role", choices=Role.values, help="of the key; with --user: what they are expected to have"
        )
        parser.add_argument("--name", default="issued by hand", help="of the key, in lists and in the audit trail")
        parser.add_argument("--scope", action="append", default=[], help="such as transactions:read; may be repeated")
        parser.add_argument("--days", type=int, help="the key expires after so many")
        parser.add_argument("--user", help="a token for this person instead of a key")

    def handle(self, *args: Any, **options: Any) -> None:
        with system_transaction():
            tenant = Tenant.objects.filter(slug=options["tenant"]).first()
        if tenant is None:
            raise CommandError(f"There is no tenant {options['tenant']!r}.")
        if not tenant.is_active:
            raise CommandError(f"{tenant.slug} is suspended: its keys and tokens would be refused.")
        self._token(tenant, options) if options["user"] else self._key(tenant, options)

    def _key(self, tenant: Tenant, options: dict[str, Any]) -> None:
        if options["role"] is None:
            raise CommandError(f"--role: one of {', '.join(Role.values)}.")
        if options["days"] is not None and options["days"] < 1:
            raise CommandError("--days: at least 1.")
        if unknown := sorted(set(options["scope"]) - known_scopes()):
            raise CommandError(f"--scope: {', '.join(unknown)} is none of {', '.join(sorted(known_scopes()))}.")
        expires_at = timezone.now() + timedelta(days=options["days"]) if options["days"] else None
        with tenant_transaction(tenant.pk):
            row, key = issue_api_key(
                name=options["name"], role=options["role"], scopes=options["scope"], expires_at=expires_at
            )
            record(actor=ACTOR, origin="command", action="create", target=row, changes={"role": [None, row.role]})
        until = f"until {expires_at:%Y-%m-%d %H:%M} UTC" if expires_at else "until it is revoked"
        self.stdout.write(f"Authorization: Api-Key {key}")
        self.stdout.write(f"{row.get_role_display()} of {tenant.slug}, {until}. It is shown this once.")

    def _token(self, tenant: Tenant, options: dict[str, Any]) -> None:
        if options["scope"] or options["days"]:
            raise CommandError("--scope and --days are for keys; a token has its person's role and a short life.")
        with system_transaction():
            user = User.objects.filter(username=options["user"], is_active=True).first()
        access = access_to(user, tenant.slug) if user is not None else None
        if user is None or access is None:
            raise CommandError(f"{options['user']} is no active member of {tenant.slug}.")
        if options["role"] not in (None, access.role):
            raise CommandError(
                f"{user.username} is {access.role} in {tenant.slug}: a token can't make them more or less."
            )
        # Whoever may run this has more than a code.
        tokens = issue_tokens(user, access, second_factor=True)
        with tenant_transaction(tenant.pk):
            record(actor=ACTOR, origin="command", action="issue token", target=user)
        self.stdout.write(f"Authorization: Bearer {tokens['access']}")
        self.stdout.write(f"Refresh with: {tokens['refresh']}")
        minutes = tokens["expiresIn"] // 60
        self.stdout.write(f"{access.role} of {tenant.slug}, for {minutes} minutes. Both are shown this once.")
