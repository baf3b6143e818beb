"""Options of the simulator: the same for `manage.py simulate` and `python -m csms.simulator`."""

import argparse
import asyncio
import logging
from pathlib import Path

from csms.simulator.fleet import Fleet
from csms.simulator.settings import Settings

TAGS = [f"TAG-{number:04d}" for number in range(1, 41)]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Declare them on a parser."""
    parser.add_argument("--charge-points", type=_positive, default=10, metavar="N", help="how many stations")
    parser.add_argument(
        "--url", default="ws://127.0.0.1:9000", help="the gateway, or several with commas, without a path"
    )
    parser.add_argument("--tenant", default="demo")
    parser.add_argument("--password", help="Basic password of all stations (default: none)")
    parser.add_argument("--prefix", default="SIM", help="identities are PREFIX-0001 and so on")
    parser.add_argument("--seed", type=int, default=1, help="the same seed plays the same day")
    parser.add_argument("--speed", type=_rate, default=1.0, help="how much faster than real things happen")
    parser.add_argument("--sample-interval", type=_positive, default=10, metavar="S", help="seconds between readings")
    parser.add_argument("--tags", default=",".join(TAGS), help="id tags of the drivers, comma-separated")
    parser.add_argument(
        "--offline-every", type=_rate, default=600.0, metavar="S", help="mean time between lost connections"
    )
    parser.add_argument("--duration", type=_rate, metavar="S", help="end by itself after this time")
    parser.add_argument("--journal", type=Path, help="file for what the server acknowledged and asked (JSON lines)")


def run(options: argparse.Namespace) -> None:
    """Play until the end."""
    # The `ocpp` package logs every message at INFO.
    logging.getLogger("ocpp").setLevel(logging.ERROR)
    settings = Settings(
        url=options.url,
        tenant=options.tenant,
        password=options.password,
        tags=[tag.strip() for tag in options.tags.split(",") if tag.strip()],
        speed=options.speed,
        sample_interval_s=options.sample_interval,
        offline_every_s=options.offline_every,
    )

    async def play() -> None:
        fleet = Fleet(
            options.charge_points, settings, prefix=options.prefix, seed=options.seed, journal=options.journal
        )
        await fleet.run(options.duration)

    asyncio.run(play())


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def _rate(text: str) -> float:
    number = float(text)
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError("must be above 0")
    return number
