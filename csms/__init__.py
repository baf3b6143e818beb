"""Composition root: settings, URLs, ASGI, Celery, system checks, the dashboard. No domain logic."""

from csms.celery import app as celery_app

__all__ = ["celery_app"]
