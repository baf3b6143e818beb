"""All HTTP routes."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from chargepoints import authority_files
from csms.health import views as health
from csms.language import choose_language

urlpatterns: list[URLPattern | URLResolver] = [
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", health.metrics),
    path("metrics/system", health.system_metrics),
    path("tenant-ca/<slug:slug>.pem", authority_files.certificates, name="tenant_ca"),
    path("tenant-ca/<slug:slug>.crl", authority_files.revoked, name="tenant_crl"),
    path("api/v1/", include("csms.api.urls")),
    path("admin/language/", choose_language, name="set_language"),
    path("admin/", admin.site.urls),
    path("", include("chargepoints.files.urls")),
]
