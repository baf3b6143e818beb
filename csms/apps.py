"""App configuration: the project itself, and the admin site that it uses."""

from django.apps import AppConfig
from django.contrib.admin import apps as admin_apps


class CsmsAdminConfig(admin_apps.AdminConfig):
    default_site = "csms.admin_site.BackOfficeSite"
    default = False


class CsmsConfig(AppConfig):
    name = "csms"
    default = True

    def ready(self) -> None:
        from django.conf import settings
        from prometheus_client import REGISTRY

        from csms.api import security  # noqa: F401  (registers the schema extensions)
        from csms.dashboard.usage import usage_section
        from csms.health import tasks  # noqa: F401  (connects itself to Celery's signals)
        from csms.health.pools import PoolCollector
        from csms.health.server import serve_metrics
        from csms.model_names import mark_model_names
        from tenants.admin.tenant import register_tenant_section
        from tenants.delivery import delivery_began

        mark_model_names()
        register_tenant_section(usage_section)
        REGISTRY.register(PoolCollector())
        delivery_began.connect(lambda **_: serve_metrics("events"), weak=False, dispatch_uid="metrics")
        if settings.TRACING:
            from csms.tracing.start import start_tracing

            start_tracing()
