"""App configuration."""

from django.apps import AppConfig


class ChargePointsConfig(AppConfig):
    name = "chargepoints"
    verbose_name = "Charge points"

    def ready(self) -> None:
        from django.conf import settings

        from chargepoints.protocol.registry import autodiscover, registry

        autodiscover()
        registry.check_replies = settings.TESTING or settings.DEBUG
