"""Routes of the files that stations send and fetch."""

from django.urls import path

from chargepoints.files.addresses import PREFIX
from chargepoints.files.views import station_file

urlpatterns = [
    path(f"{PREFIX}/<str:token>", station_file),
    path(f"{PREFIX}/<str:token>/", station_file),
    path(f"{PREFIX}/<str:token>/<path:name>", station_file, name="station_file"),
]
