"""`/charging-profile-templates`: profiles with a name."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import django_filters
from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.api.bulk import BulkOrder, BulkSerializer
from smartcharging.api.many_profiles import CONNECTOR_HELP, send_to_many
from smartcharging.api.profile_rows import PROFILE_HELP, TemplateSerializer, profile_refusals, read_profile
from smartcharging.models import ProfileTemplate
from smartcharging.services.templates import (
    NameTaken,
    change_template,
    create_template,
    delete_template,
    profile_to_send,
)
from tenants.api.serializers import StrictSerializer
from tenants.api.views import TenantViewSet


class TemplateChange(StrictSerializer):
    name = serializers.CharField(max_length=80)
    description = serializers.CharField(max_length=240, allow_blank=True, required=False)
    profile = serializers.DictField(help_text=PROFILE_HELP)


class ApplyTemplate(BulkOrder):
    connectorId = serializers.IntegerField(min_value=0, max_value=1000, help_text=CONNECTOR_HELP)


class TemplateFilter(django_filters.FilterSet):
    name = django_filters.CharFilter("name", "iexact")

    class Meta:
        model = ProfileTemplate
        fields: list[str] = []


@extend_schema_view(list=extend_schema(responses=TemplateSerializer(many=True)))
class TemplateViewSet(TenantViewSet):
    """What was sent by a template before keeps what it says."""

    scope = "charging-profiles"
    serializer_class = TemplateSerializer
    filterset_class = TemplateFilter
    queryset = ProfileTemplate.objects.all()
    lookup_value_regex = "[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[ProfileTemplate]:
        return ProfileTemplate.objects.order_by("name", "id")

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(TemplateSerializer(page, many=True).data)

    @extend_schema(responses=TemplateSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(TemplateSerializer(self._template(pk)).data)

    @extend_schema(request=TemplateChange, responses={201: TemplateSerializer})
    def create(self, request: Request) -> Response:
        """Its profile's chargingProfileId is not kept: each charge point is sent one of its own."""
        given = TemplateChange(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = _with_profile(given.validated_data)
        with _refusals():
            template = create_template(
                name=wanted["name"],
                description=wanted.get("description", ""),
                profile=wanted["profile"],
                actor=self.caller.actor,
                origin="api",
            )
        return Response(TemplateSerializer(template).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=TemplateChange(partial=True), responses=TemplateSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        """A profile is changed as a whole."""
        template = self._template(pk)
        given = TemplateChange(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        with _refusals():
            change_template(template, actor=self.caller.actor, origin="api", **_with_profile(given.validated_data))
        return Response(TemplateSerializer(template).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        delete_template(self._template(pk), actor=self.caller.actor, origin="api")
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=ApplyTemplate, responses={202: BulkSerializer})
    @action(detail=True, methods=["post"])
    def apply(self, request: Request, pk: str) -> Response:
        """Send it to one connector of many charge points; `/commands/bulk/{bulkId}/results` tells the rest."""
        template = self._template(pk)
        given = ApplyTemplate(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = given.validated_data
        bulk = send_to_many(
            wanted,
            evse_number=wanted["connectorId"],
            profile=profile_to_send(template),
            template_id=template.pk,
            requested_by=self.caller.actor,
        )
        return Response(bulk, status=status.HTTP_202_ACCEPTED)

    def _template(self, pk: str) -> ProfileTemplate:
        found: ProfileTemplate = get_object_or_404(self.get_queryset(), pk=int(pk))
        return found


def _with_profile(given: dict[str, Any]) -> dict[str, Any]:
    return {**given, "profile": read_profile(given["profile"], "profile")} if "profile" in given else dict(given)


@contextmanager
def _refusals() -> Iterator[None]:
    """NameTaken and InvalidProfile as failures of the request."""
    try:
        with profile_refusals():
            yield
    except NameTaken:
        raise ValidationError({"name": "Another template has this name."}) from None
