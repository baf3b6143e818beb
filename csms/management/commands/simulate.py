"""`manage.py simulate`: play charging stations against a gateway."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from csms.simulator.cli import add_options, run


class Command(BaseCommand):
    """A thin shell around csms.simulator."""

    help = "Play believable charging stations (OCPP 1.6) against a gateway."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        add_options(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        run(argparse.Namespace(**options))
