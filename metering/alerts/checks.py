"""System checks: alerts that nobody is told of."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register

from metering.alerts.mail import NO_SERVER


@register()
def mail_server_is_named(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Production without a mail server: alerts are kept and shown, nothing is mailed."""
    if settings.EMAIL_BACKEND not in NO_SERVER:
        return []
    return [
        Warning(
            "no mail server is set: alerts are shown and published, but not mailed",
            hint="Set CSMS_EMAIL_HOST (see .env.example).",
            id="metering.W001",
        )
    ]
