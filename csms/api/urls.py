"""Routes of the REST API, version 1."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import SimpleRouter

from chargepoints.api.authorization_webhook import AuthorizationWebhookViewSet
from chargepoints.api.bulk import BulkCommandViewSet
from chargepoints.api.certificate_authorities import CertificateAuthorityViewSet
from chargepoints.api.charge_points import ChargePointViewSet, ClientViewSet
from chargepoints.api.commands import CommandViewSet, StationCommandViewSet
from chargepoints.api.configuration import ConfigurationViewSet, TenantConfigurationViewSet
from chargepoints.api.firmware import FirmwareCommandViewSet, FirmwareUpdateViewSet, FirmwareViewSet
from chargepoints.api.id_tags import IdTagViewSet
from chargepoints.api.local_list import LocalListCommandViewSet, LocalListViewSet
from chargepoints.api.messages import MessageViewSet
from chargepoints.api.reservations import ReservationCommandViewSet, ReservationViewSet
from chargepoints.api.rollouts import RolloutViewSet
from chargepoints.api.security import StationSecurityViewSet
from chargepoints.api.security_events import SecurityEventViewSet
from chargepoints.api.security_settings import SecuritySettingsViewSet
from chargepoints.api.station_files import UploadCommandViewSet, UploadViewSet
from chargepoints.api.transactions import TransactionViewSet
from metering.api.aggregates import AggregateViewSet
from metering.api.alerts import AlertViewSet
from metering.api.analytics import SessionAnalyticsViewSet
from metering.api.cost import RENDERERS, CostViewSet, RecordViewSet
from metering.api.limits import IdTagLimitsViewSet, MeteringSettingsViewSet, SessionLimitsViewSet
from metering.api.readings import MeterValueViewSet
from metering.api.recipients import RecipientViewSet
from metering.api.session_readings import SessionMeterValueViewSet
from metering.api.tariffs import AssignmentViewSet, TariffViewSet
from metering.api.thresholds import ThresholdViewSet
from smartcharging.api.circuit_limits import CircuitLimitViewSet
from smartcharging.api.circuit_load import CircuitLoadViewSet
from smartcharging.api.circuits import CircuitViewSet
from smartcharging.api.composite import CompositeScheduleViewSet
from smartcharging.api.limits_sent import LimitSentViewSet
from smartcharging.api.many_profiles import ManyProfilesViewSet
from smartcharging.api.members import MemberViewSet
from smartcharging.api.meter import CircuitMeterViewSet
from smartcharging.api.needs import SessionNeedViewSet, TagNeedViewSet
from smartcharging.api.price_files import PriceFileViewSet
from smartcharging.api.prices import EnergyPriceViewSet
from smartcharging.api.profiles import ChargingProfileViewSet
from smartcharging.api.templates import TemplateViewSet
from tenants.api.events import EventViewSet
from tenants.api.sign_in import RefreshView, TokenView
from tenants.api.views import NotFoundView
from tenants.api.webhooks import WebhookViewSet

STATION = r"chargepoints/(?P<charge_point_id>[^/]+)"
SESSION = r"transactions/(?P<id>[0-9]{1,18})"
CIRCUIT = r"circuits/(?P<circuit_id>[0-9]{1,15})"
router = SimpleRouter(trailing_slash=False)
router.register("chargepoints", ChargePointViewSet, "charge-point")
router.register("chargepoints", StationCommandViewSet, "station-command")
router.register("chargepoints", ReservationCommandViewSet, "station-reservation")
router.register("chargepoints", LocalListCommandViewSet, "station-local-list")
router.register("chargepoints", ConfigurationViewSet, "station-configuration")
router.register("chargepoints", StationSecurityViewSet, "station-security")
router.register("chargepoints", UploadCommandViewSet, "station-upload")
router.register("chargepoints", FirmwareCommandViewSet, "station-firmware")
router.register("chargepoints", ChargingProfileViewSet, "station-charging-profile")
router.register("chargepoints", CompositeScheduleViewSet, "station-composite-schedule")
router.register("charging-profile-templates", TemplateViewSet, "charging-profile-template")
router.register(rf"{STATION}/uploads", UploadViewSet, "upload")
router.register(rf"{STATION}/firmware-updates", FirmwareUpdateViewSet, "firmware-update")
router.register("firmware/rollouts", RolloutViewSet, "firmware-rollout")
router.register("firmware", FirmwareViewSet, "firmware")
router.register(rf"{STATION}/messages", MessageViewSet, "message")
router.register(rf"{STATION}/meter-values", MeterValueViewSet, "meter-value")
router.register(rf"{STATION}/meter-values", AggregateViewSet, "meter-value-aggregate")
router.register(rf"{SESSION}/meter-values", SessionMeterValueViewSet, "session-meter-value")
router.register("tariffs", TariffViewSet, "tariff")
router.register(r"tariffs/(?P<tariff_id>[0-9]{1,15})/assignments", AssignmentViewSet, "tariff-assignment")
router.register("charge-detail-records", RecordViewSet, "charge-detail-record")
router.register("clients", ClientViewSet, "client")
router.register("security-events", SecurityEventViewSet, "security-event")
router.register("certificate-authorities", CertificateAuthorityViewSet, "certificate-authority")
router.register("reservations", ReservationViewSet, "reservation")
router.register("id-tags", IdTagViewSet, "id-tag")
router.register("transactions", TransactionViewSet, "transaction")
router.register("commands/bulk", BulkCommandViewSet, "bulk-command")
router.register("commands", CommandViewSet, "command")
router.register("alerts/thresholds", ThresholdViewSet, "threshold")
router.register("alerts/recipients", RecipientViewSet, "alert-recipient")
router.register("alerts", AlertViewSet, "alert")
router.register("circuits", CircuitViewSet, "circuit")
router.register(rf"{CIRCUIT}/members", MemberViewSet, "circuit-member")
router.register(rf"{CIRCUIT}/limits", CircuitLimitViewSet, "circuit-limit")
router.register(rf"{CIRCUIT}/limits-sent", LimitSentViewSet, "limit-sent")
router.register("events", EventViewSet, "event")
router.register("webhooks", WebhookViewSet, "webhook")

urlpatterns: list[URLPattern | URLResolver] = [
    path("auth/token", TokenView.as_view()),
    path("auth/token/refresh", RefreshView.as_view()),
    path("schema", SpectacularAPIView.as_view(), name="schema"),
    path("docs", SpectacularSwaggerView.as_view(url_name="schema"), name="docs"),
    path("metering/settings", MeteringSettingsViewSet.as_view({"get": "retrieve", "patch": "partial_update"})),
    path(
        "id-tags/<str:id_tag>/limits",
        IdTagLimitsViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"}),
    ),
    path("security/settings", SecuritySettingsViewSet.as_view({"get": "retrieve", "patch": "partial_update"})),
    re_path(rf"^{STATION}/local-list$", LocalListViewSet.as_view({"get": "retrieve", "patch": "partial_update"})),
    re_path(rf"^{SESSION}/limits$", SessionLimitsViewSet.as_view({"get": "retrieve"})),
    re_path(rf"^{SESSION}/analytics$", SessionAnalyticsViewSet.as_view({"get": "retrieve"})),
    path(
        "authorization-webhook",
        AuthorizationWebhookViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"}),
    ),
    path("authorization-webhook/test", AuthorizationWebhookViewSet.as_view({"post": "test"})),
    path("charging-profiles/bulk", ManyProfilesViewSet.as_view({"post": "bulk"})),
    path("charging-profiles/clear", ManyProfilesViewSet.as_view({"post": "clear"})),
    path("configuration", TenantConfigurationViewSet.as_view({"get": "list", "put": "update"})),
    re_path(rf"^{SESSION}/cost$", CostViewSet.as_view({"get": "retrieve"})),
    re_path(rf"^{SESSION}/receipt$", CostViewSet.as_view({"get": "receipt"}, renderer_classes=RENDERERS)),
    path(
        "id-tags/<str:id_tag>/charging-need",
        TagNeedViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"}),
    ),
    re_path(
        rf"^{SESSION}/charging-need$",
        SessionNeedViewSet.as_view({"get": "retrieve", "put": "update", "delete": "destroy"}),
    ),
    re_path(rf"^{CIRCUIT}/load$", CircuitLoadViewSet.as_view({"get": "retrieve"})),
    re_path(rf"^{CIRCUIT}/meter$", CircuitMeterViewSet.as_view({"get": "retrieve", "post": "create"})),
    path(
        "energy-prices",
        EnergyPriceViewSet.as_view({"get": "list", "post": "create", "put": "update", "delete": "remove"}),
    ),
    path("energy-prices/import", PriceFileViewSet.as_view({"post": "create"})),
    path("", include(router.urls)),
    re_path(r"^.*$", NotFoundView.as_view()),
]
