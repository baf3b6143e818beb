"""App configuration."""

from django.apps import AppConfig


class ChargePointsConfig(AppConfig):
    name = "chargepoints"
    verbose_name = "Charge points"

    def ready(self) -> None:
        from chargepoints.protocol.registry import autodiscover

        autodiscover()
