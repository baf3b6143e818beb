"""Celery: events, sweeps, flushes. Times are UTC everywhere; no crontab without a time zone."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "csms.settings")
app = Celery("csms")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@app.on_after_finalize.connect
def schedule(sender: Celery, **kwargs: object) -> None:
    """Each app names its own periodic tasks."""
    from chargepoints.tasks import BEAT_SCHEDULE as CHARGEPOINTS
    from metering.tasks import BEAT_SCHEDULE as METERING
    from smartcharging.tasks import BEAT_SCHEDULE as SMARTCHARGING
    from tenants.tasks import BEAT_SCHEDULE as TENANTS

    sender.conf.beat_schedule = {**TENANTS, **CHARGEPOINTS, **METERING, **SMARTCHARGING}
