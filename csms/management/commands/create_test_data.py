"""`manage.py create_test_data --tenants 3 --charge-points 50`: made-up tenants with weeks of charging behind them.

With `--sessions 2000000 --charge-points 5000` one tenant, with as much over two years (`csms.test_data.large`).
"""

import random
import secrets
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from tqdm import tqdm

from csms.test_data.days import PlannedSession, plan_sessions
from csms.test_data.fleet import make_fleet
from csms.test_data.large.fleet import Size
from csms.test_data.large.make import STEPS, make_large, tidy
from csms.test_data.large.sessions import TooMany
from csms.test_data.store import store_sessions
from metering.aggregation.runs import aggregate_between
from tenants.context import system_transaction, tenant_transaction
from tenants.models import Role, Tenant, User
from tenants.selectors import tenant_zone
from tenants.services.api_keys import issue_api_key
from tenants.services.platform_trail import record_for_platform
from tenants.services.tenants import add_member, create_tenant

ZONES = ["Europe/Berlin", "Europe/Lisbon", "Europe/Helsinki"]
# Hours are kept for thirty days: older ones would be made only to be deleted.
MOST_DAYS = 30
USUAL_DAYS, USUAL_TENANTS = 21, 3
# With --sessions: of two years.
LARGE_DAYS = 730


class Command(BaseCommand):
    """Tenants `test-1`, `test-2` ... beside what is there; each run makes new ones. Marked as test data."""

    help = "Make tenants with stations, drivers, tariffs and weeks of sessions, to look at and to try things on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--tenants", type=_positive, metavar="N", help=f"{USUAL_TENANTS}; with --sessions 1")
        parser.add_argument("--charge-points", type=_positive, default=50, metavar="N", help="of each tenant")
        parser.add_argument(
            "--days",
            type=_positive,
            metavar="N",
            help=f"of charging: {USUAL_DAYS}, at most {MOST_DAYS}; with --sessions {LARGE_DAYS}",
        )
        parser.add_argument(
            "--sessions", type=_positive, metavar="N", help="about so many in each tenant, with all that goes with them"
        )
        parser.add_argument("--prefix", default="test", help="tenants are called PREFIX-1 and so on")
        parser.add_argument("--seed", type=int, default=1, help="the same seed makes the same days")
        parser.add_argument("--force", action="store_true", help="in production too")

    def handle(self, *args: Any, **options: Any) -> None:
        if settings.PRODUCTION and not options["force"]:
            raise CommandError("This is a production system: made-up tenants would stand beside real ones. Or --force.")
        now = timezone.now().replace(microsecond=0)
        if options["sessions"]:
            size = Size(options["charge_points"], options["sessions"], options["days"] or LARGE_DAYS)
            for number, slug in enumerate(_free_slugs(options["prefix"], options["tenants"] or 1)):
                self._make_large(self._make_tenant(slug, number), size, options["seed"] + number, now)
            return
        days = options["days"] or USUAL_DAYS
        if days > MOST_DAYS:
            raise CommandError(f"--days: at most {MOST_DAYS}.")
        first, stations = now - timedelta(days=days), list[int]()
        for number, slug in enumerate(_free_slugs(options["prefix"], options["tenants"] or USUAL_TENANTS)):
            rng = random.Random(f"{options['seed']}-{number}")  # noqa: S311 (made-up data)
            tenant = self._make_tenant(slug, number)
            stations += self._fill(tenant, options["charge_points"], first, now, rng)
        hours = int((now - first) / timedelta(hours=1)) + 1
        with tqdm(total=hours, unit="h", desc="hours and days", disable=None, file=self.stderr) as bar:

            def advance(until: datetime) -> None:
                bar.update(min(hours, int((until - first) / timedelta(hours=1))) - bar.n)

            aggregate_between(first, now, stations=stations, now=now, progress=advance)
        self.stdout.write("The worker makes the charge detail records in the next minutes.")

    def _make_large(self, tenant: Tenant, size: Size, seed: int, now: datetime) -> None:
        """All of it, or no tenant."""
        bar = partial(tqdm, disable=None, file=self.stderr)
        try:
            with (
                bar(total=size.sessions, unit="session", desc=tenant.slug) as of_sessions,
                bar(total=len(STEPS), unit="step", desc="what goes with them") as of_steps,
            ):
                made = make_large(
                    tenant, size, seed=seed, now=now, sessions_made=of_sessions.update, step_made=of_steps.update
                )
        except BaseException as error:
            call_command(
                "delete_tenant", tenant.slug, confirm=tenant.slug, no_export=True, wait=0.0, stdout=self.stdout
            )
            if isinstance(error, TooMany):
                raise CommandError(
                    f"--sessions: at most {error.most} at so many charge points in so many days."
                ) from None
            raise
        self.stdout.write(f"  {size.charge_points} charge points, {made} sessions.")
        tidy()

    def _make_tenant(self, slug: str, number: int) -> Tenant:
        password = secrets.token_urlsafe(12)
        with system_transaction():
            tenant = create_tenant(
                slug=slug,
                name=f"Test {slug.rpartition('-')[2]}",
                timezone=ZONES[number % len(ZONES)],
                test_data=True,
                # The simulator's stations come without passwords.
                allow_unauthenticated=True,
                unknown_id_tags=Tenant.UnknownIdTags.ACCEPT,
            )
            user = User(username=f"{slug}-admin")
            user.set_password(password)
            user.save()
            add_member(tenant=tenant, user=user, role=Role.ADMIN)
            record_for_platform(
                actor="create_test_data", origin="command", action="create", tenant=tenant, changes={"test_data": True}
            )
        with tenant_transaction(tenant.pk):
            _, key = issue_api_key(name="test data", role=Role.ADMIN)
        self.stdout.write(f"{slug}: sign in as {user.username} with {password}; API key {key} (both shown this once).")
        self.stdout.write(f"  Its stations come online with: manage.py simulate --tenant {slug}")
        return tenant

    def _fill(
        self, tenant: Tenant, charge_points: int, first: datetime, now: datetime, rng: random.Random
    ) -> list[int]:
        fleet, zone = make_fleet(tenant, charge_points, rng, now), tenant_zone(tenant)
        planned: list[PlannedSession] = []
        for outlet in fleet.outlets:
            planned += plan_sessions(outlet, fleet.tags, first, now, zone, rng)
        # As they began: ids count up with time.
        planned.sort(key=lambda session: session.readings[0].at)
        with tqdm(total=len(planned), unit="session", desc=tenant.slug, disable=None, file=self.stderr) as bar:
            readings = store_sessions(tenant, fleet.outlets, planned, bar.update)
        self.stdout.write(f"  {charge_points} charge points, {len(planned)} sessions, {readings} readings.")
        return sorted({outlet.charge_point_id for outlet in fleet.outlets})


def _free_slugs(prefix: str, count: int) -> list[str]:
    """The next so many that no tenant has."""
    with system_transaction():
        taken = set(Tenant.objects.filter(slug__startswith=f"{prefix}-").values_list("slug", flat=True))
        names = set(User.objects.filter(username__startswith=f"{prefix}-").values_list("username", flat=True))
    free: list[str] = []
    number = 0
    while len(free) < count:
        number += 1
        slug = f"{prefix}-{number}"
        if slug not in taken and f"{slug}-admin" not in names:
            free.append(slug)
    return free


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number
