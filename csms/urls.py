"""All HTTP routes."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from csms.health import views as health

urlpatterns: list[URLPattern | URLResolver] = [
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", health.metrics),
    path("api/v1/", include("csms.api.urls")),
    path("admin/", admin.site.urls),
]
