"""App configuration."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class MeteringConfig(AppConfig):
    name = "metering"
    verbose_name = gettext_lazy("Metering")

    def ready(self) -> None:
        from chargepoints.services.readings import register_last_register
        from chargepoints.services.remote_limits import register_keep_limits
        from chargepoints.services.session_hooks import register_at_end, register_at_start
        from metering.aggregation.arrival import mark_unsummed_hours
        from metering.alerts import checks, ocpp16, receivers  # noqa: F401  (register themselves)
        from metering.alerts.defaults import create_default_thresholds
        from metering.alerts.receivers import session_ended
        from metering.pricing.assignment import freeze_tariff
        from metering.pricing.records import queue_record
        from metering.selectors import last_register
        from metering.sessions.kept import queue_analytics
        from metering.sessions.limits import fix_limits, keep_remote_limits
        from tenants.databases.move import on_arrival
        from tenants.services.tenants import on_tenant_created

        register_last_register(last_register)
        register_keep_limits(keep_remote_limits)
        register_at_start(fix_limits)
        register_at_start(freeze_tariff)
        register_at_end(queue_record)
        register_at_end(queue_analytics)
        register_at_end(session_ended)
        on_tenant_created(create_default_thresholds)
        on_arrival(mark_unsummed_hours)
