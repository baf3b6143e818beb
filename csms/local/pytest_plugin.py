"""Loaded before Django's settings (pyproject: `-p`): the services that they name must run by then."""

import os

from csms.local.testing import STARTED, start_services, use_worker_database

# Connections are shared as in production: a new one for each piece of work took much of the time of the tests.
os.environ.setdefault("CSMS_DB_POOL", "1")
os.environ.setdefault("CSMS_DB_POOL_SIZE", "24")
if STARTED not in os.environ:
    start_services()
if "PYTEST_XDIST_WORKER" in os.environ or not any(name.startswith("PYTEST_XDIST") for name in os.environ):
    use_worker_database()
