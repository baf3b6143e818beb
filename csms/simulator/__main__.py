"""`python -m csms.simulator`: without Django's settings."""

import argparse

from csms.simulator.cli import add_options, run

parser = argparse.ArgumentParser(prog="python -m csms.simulator", description="Play charging stations.")
add_options(parser)
run(parser.parse_args())
