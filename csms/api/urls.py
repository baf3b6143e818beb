"""Routes of the REST API, version 1."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import SimpleRouter

from chargepoints.api.charge_points import ChargePointViewSet, ClientViewSet
from chargepoints.api.commands import CommandViewSet, StationCommandViewSet
from chargepoints.api.id_tags import IdTagViewSet
from chargepoints.api.messages import MessageViewSet
from chargepoints.api.transactions import TransactionViewSet
from metering.api.readings import MeterValueViewSet
from tenants.api.events import EventViewSet
from tenants.api.sign_in import RefreshView, TokenView
from tenants.api.views import NotFoundView

STATION = r"chargepoints/(?P<charge_point_id>[^/]+)"
router = SimpleRouter(trailing_slash=False)
router.register("chargepoints", ChargePointViewSet, "charge-point")
router.register("chargepoints", StationCommandViewSet, "station-command")
router.register(rf"{STATION}/messages", MessageViewSet, "message")
router.register(rf"{STATION}/meter-values", MeterValueViewSet, "meter-value")
router.register("clients", ClientViewSet, "client")
router.register("id-tags", IdTagViewSet, "id-tag")
router.register("transactions", TransactionViewSet, "transaction")
router.register("commands", CommandViewSet, "command")
router.register("events", EventViewSet, "event")

urlpatterns: list[URLPattern | URLResolver] = [
    path("auth/token", TokenView.as_view()),
    path("auth/token/refresh", RefreshView.as_view()),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("", include(router.urls)),
    re_path(r"^.*$", NotFoundView.as_view()),
]
