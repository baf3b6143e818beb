"""App configuration."""

from django.apps import AppConfig


class MeteringConfig(AppConfig):
    name = "metering"
    verbose_name = "Metering"

    def ready(self) -> None:
        from chargepoints.services.readings import register_last_register
        from metering.selectors import last_register

        register_last_register(last_register)
