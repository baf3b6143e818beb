"""`/security-events`: what stations report of their own security."""

from datetime import datetime

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.models import SecurityEvent
from tenants.api.pagination import TimePagination
from tenants.api.parameters import utc
from tenants.api.views import TenantViewSet


class SecurityEventSerializer(serializers.ModelSerializer[SecurityEvent]):
    chargePointId = serializers.CharField(source="charge_point.identity")
    techInfo = serializers.CharField(source="tech_info")
    timestamp = serializers.DateTimeField(source="at", help_text="By the station's clock.")
    receivedTime = serializers.DateTimeField(source="received_at")

    class Meta:
        model = SecurityEvent
        fields = ["id", "chargePointId", "type", "critical", "techInfo", "timestamp", "receivedTime"]


class SecurityEventFilter(django_filters.FilterSet):
    chargePointId = django_filters.CharFilter(method="of_station")
    type = django_filters.CharFilter("type")
    critical = django_filters.TypedChoiceFilter(
        field_name="critical", choices=[("true", "true"), ("false", "false")], coerce=lambda text: text == "true"
    )
    startTime = django_filters.IsoDateTimeFilter(method="since")
    endTime = django_filters.IsoDateTimeFilter(method="before")

    class Meta:
        model = SecurityEvent
        fields: list[str] = []

    def of_station(self, queryset: QuerySet[SecurityEvent], name: str, value: str) -> QuerySet[SecurityEvent]:
        return queryset.filter(charge_point__identity_key=value.lower())

    def since(self, queryset: QuerySet[SecurityEvent], name: str, value: datetime) -> QuerySet[SecurityEvent]:
        return queryset.filter(at__gte=utc(name, value))

    def before(self, queryset: QuerySet[SecurityEvent], name: str, value: datetime) -> QuerySet[SecurityEvent]:
        return queryset.filter(at__lt=utc(name, value))


@extend_schema_view(list=extend_schema(responses=SecurityEventSerializer(many=True)))
class SecurityEventViewSet(TenantViewSet):
    """Newest first."""

    scope = "chargepoints"
    serializer_class = SecurityEventSerializer
    filterset_class = SecurityEventFilter
    pagination_class = TimePagination

    def get_queryset(self) -> QuerySet[SecurityEvent]:
        return SecurityEvent.objects.select_related("charge_point")

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(SecurityEventSerializer(page, many=True).data)
