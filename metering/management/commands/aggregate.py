"""`manage.py aggregate --from 2026-11-01 --to 2026-11-20`: work out hours, days, weeks and months again."""

from argparse import ArgumentParser
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone
from tqdm import tqdm

from chargepoints.models import ChargePoint
from metering.aggregation.runs import Busy, aggregate_between, aggregate_late_readings, aggregated_until
from tenants.context import directory_transaction, in_database, system_transaction
from tenants.databases.names import all_databases, called, own_databases
from tenants.models import Tenant


class Command(BaseCommand):
    """Backfill. Running it twice changes nothing; hours whose samples are gone are left as they are."""

    help = "Work out hourly, daily, weekly and monthly aggregates again from the samples that are kept."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--from", dest="start", required=True, help="first day or time (UTC), e.g. 2026-11-01")
        parser.add_argument("--to", dest="end", help="time (UTC), or a day that is included; now if not given")
        parser.add_argument("--tenant", help="only this tenant (slug)")
        parser.add_argument("--charge-point", action="append", help="only this charge point; may be repeated")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now()
        start, end = _moment("--from", options["start"]), min(_end(options["end"]) or now, now)
        if start >= end:
            raise CommandError(f"--from ({start:%Y-%m-%d %H:%M}) is not before --to ({end:%Y-%m-%d %H:%M}).")
        if options["tenant"] is None:
            for database in all_databases():
                self._aggregate(database, start, end, options)
        else:
            self._aggregate(_home_of(options["tenant"]), start, end, options)

    def _aggregate(self, database: str, start: datetime, end: datetime, options: dict[str, Any]) -> None:
        if own_databases():
            self.stdout.write(f"Database {called(database)}:")
        with in_database(database):
            self._aggregate_here(start, end, options)

    def _aggregate_here(self, start: datetime, end: datetime, options: dict[str, Any]) -> None:
        stations = _stations(options["tenant"], options["charge_point"])
        total = -int((start - end) // timedelta(hours=1))
        with tqdm(total=total, unit="h", disable=None, file=self.stderr) as bar:

            def advance(until: datetime) -> None:
                bar.update(int((until - start) / timedelta(hours=1)) - bar.n)

            aggregate_between(start, end, stations=stations, progress=advance)
            bar.update(total - bar.n)
        try:
            late = str(aggregate_late_readings())
        except Busy:
            late = "the periodic task is at work on"
        with system_transaction():
            until = aggregated_until()
        stands = f"stands at {until:%Y-%m-%d %H:%M} UTC" if until else "has not run yet"
        self.stdout.write(
            f"{total} hours from {start:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M} UTC, {late} late stretches; "
            f"the periodic aggregation {stands}."
        )


def _moment(name: str, text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{name}: {text!r} is no day or time; write 2026-11-01 or 2026-11-01T06:00.") from None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _end(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return _moment("--to", text)
    return datetime.combine(day + timedelta(days=1), time(), UTC)


def _stations(tenant: str | None, identities: list[str] | None) -> list[int] | None:
    if tenant is None and not identities:
        return None
    with system_transaction():
        found = ChargePoint.objects.all()
        if tenant is not None:
            found = found.filter(tenant__slug=tenant)
        if identities:
            found = found.filter(identity_key__in=[identity.lower() for identity in identities])
        ids = list(found.values_list("pk", flat=True))
    if not ids and not (own_databases() and tenant is None):
        raise CommandError("There is no such charge point.")
    return ids


def _home_of(slug: str) -> str:
    with directory_transaction():
        tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise CommandError("There is no such charge point.")
    return tenant.database
