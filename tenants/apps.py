"""App configuration."""

from django.apps import AppConfig


class TenantsConfig(AppConfig):
    name = "tenants"
    verbose_name = "Tenants"

    def ready(self) -> None:
        from tenants import checks  # noqa: F401  (registers the system checks)
        from tenants.databases import copies  # noqa: F401  (follows the rows of tenants)
