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
        from csms.api import security  # noqa: F401  (registers the schema extensions)
