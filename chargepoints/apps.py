"""App configuration."""

from django.apps import AppConfig


class ChargePointsConfig(AppConfig):
    name = "chargepoints"
    verbose_name = "Charge points"

    def ready(self) -> None:
        from django.conf import settings

        from chargepoints.protocol.registry import autodiscover, registry
        from chargepoints.services.outcomes import session_began, session_over
        from chargepoints.services.session_hooks import register_at_end, register_at_start

        autodiscover()
        register_at_start(session_began)
        register_at_end(session_over)
        registry.check_replies = settings.TESTING or settings.DEBUG
