"""All HTTP routes."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, path

from csms.health import views as health

urlpatterns: list[URLPattern | URLResolver] = [
    path("health/live", health.live),
    path("health/ready", health.ready),
    path("metrics", health.metrics),
    path("admin/", admin.site.urls),
]
