"""Composition root: settings, URLs, ASGI, Celery, system checks, the dashboard. No domain logic."""
