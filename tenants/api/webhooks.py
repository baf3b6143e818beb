"""`/webhooks`: where events are sent (API.md "Events")."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from asgiref.sync import async_to_sync
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from tenants.api.exceptions import Conflict
from tenants.api.pagination import TimePagination
from tenants.api.serializers import StrictSerializer
from tenants.api.views import TenantViewSet
from tenants.delivery.queue import Hook, Job
from tenants.delivery.webhooks import send_jobs
from tenants.events import event_types
from tenants.models import Role, Webhook, WebhookDelivery
from tenants.outbound import LONGEST_URL, InvalidSecret, InvalidUrl
from tenants.services.webhooks import (
    NothingToRedeliver,
    TooManyWebhooks,
    Who,
    change_webhook,
    create_webhook,
    delete_webhook,
    redeliver,
    redeliver_dead,
    rotate_secret,
    sample_event,
)

PK = "[0-9]{1,18}"


class WebhookChange(StrictSerializer):
    url = serializers.CharField(max_length=LONGEST_URL)
    description = serializers.CharField(max_length=240, allow_blank=True, required=False)
    eventTypes = serializers.ListField(
        child=serializers.CharField(max_length=60),
        source="event_types",
        max_length=100,
        required=False,
        help_text="Empty: all.",
    )
    enabled = serializers.BooleanField(required=False)

    def validate_eventTypes(self, wanted: list[str]) -> list[str]:
        known = event_types()
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise serializers.ValidationError(f"No such event type: {unknown[0][:60]}.")
        return sorted(set(wanted))


class NewWebhook(WebhookChange):
    secret = serializers.CharField(max_length=100, required=False, help_text="whsec_...; left out: one is made.")


class EventWebhookSerializer(serializers.ModelSerializer[Webhook]):
    eventTypes = serializers.ListField(child=serializers.CharField(), source="event_types")
    disabledReason = serializers.CharField(source="disabled_reason")
    failingSince = serializers.DateTimeField(source="failing_since", allow_null=True)
    lastDeliveredTime = serializers.DateTimeField(source="last_delivered_at", allow_null=True)
    createdTime = serializers.DateTimeField(source="created_at")

    class Meta:
        model = Webhook
        fields = [
            *("id", "url", "description", "eventTypes", "enabled", "disabledReason", "failingSince"),
            *("lastDeliveredTime", "createdTime"),
        ]


class CreatedEventWebhookSerializer(EventWebhookSerializer):
    secret = serializers.CharField(help_text="Signs the requests (Standard Webhooks). Shown this once.")

    class Meta(EventWebhookSerializer.Meta):
        fields = [*EventWebhookSerializer.Meta.fields, "secret"]


class SecretSerializer(serializers.Serializer[Any]):
    secret = serializers.CharField(help_text="Shown this once. The old one signs too, for a day.")


class CountSerializer(serializers.Serializer[Any]):
    count = serializers.IntegerField()


class TestSerializer(serializers.Serializer[Any]):
    delivered = serializers.BooleanField()
    statusCode = serializers.IntegerField(allow_null=True)
    detail = serializers.CharField()
    durationMs = serializers.IntegerField()


class DeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    eventId = serializers.UUIDField(source="event.event_id")
    eventType = serializers.CharField(source="event.event_type")
    chargePointId = serializers.CharField(source="charge_point")
    status = serializers.ChoiceField(WebhookDelivery.State.choices, source="state")
    statusCode = serializers.IntegerField(source="status_code", allow_null=True)
    durationMs = serializers.IntegerField(source="duration_ms", allow_null=True)
    lastTime = serializers.DateTimeField(source="last_at", allow_null=True)
    nextTime = serializers.DateTimeField(source="next_at", allow_null=True)
    createdTime = serializers.DateTimeField(source="created_at")

    class Meta:
        model = WebhookDelivery
        fields = [
            *("id", "eventId", "eventType", "chargePointId", "status", "attempts", "statusCode", "detail"),
            *("durationMs", "lastTime", "nextTime", "createdTime"),
        ]


class DeliveryPagination(TimePagination):
    ordering = ("-created_at", "-id")


class WebhookViewSet(TenantViewSet):
    """Addresses that events are posted to, signed, in order for each charge point."""

    scope = "webhooks"
    serializer_class = EventWebhookSerializer
    lookup_value_regex = PK
    filter_backends: Any = ()
    required_roles = dict.fromkeys(
        ("create", "partial_update", "destroy", "rotate", "test", "redeliver_all", "redeliver_one"), Role.ADMIN
    )
    extra_parameters = {"deliveries": {"status", "limit", "cursor"}}
    _tried: Hook | None = None

    def get_queryset(self) -> QuerySet[Webhook]:
        return Webhook.objects.order_by("id")

    @property
    def who(self) -> Who:
        return Who(self.caller.actor, "api")

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(EventWebhookSerializer(page, many=True).data)

    @extend_schema(responses=EventWebhookSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(EventWebhookSerializer(self._row(pk)).data)

    @extend_schema(request=NewWebhook, responses={201: CreatedEventWebhookSerializer})
    def create(self, request: Request) -> Response:
        """It gets the events from now on."""
        given = NewWebhook(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = dict(given.validated_data)
        enabled = wanted.pop("enabled", True)
        with refusals():
            row, secret = create_webhook(who=self.who, **wanted)
            if not enabled:
                row = change_webhook(webhook=row, who=self.who, enabled=False)
        return Response(EventWebhookSerializer(row).data | {"secret": secret}, status=201)

    @extend_schema(request=WebhookChange, responses=EventWebhookSerializer)
    def partial_update(self, request: Request, pk: str) -> Response:
        row = self._row(pk)
        given = WebhookChange(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        with refusals():
            row = change_webhook(webhook=row, who=self.who, **given.validated_data)
        return Response(EventWebhookSerializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        delete_webhook(webhook=self._row(pk), who=self.who)
        return Response(status=204)

    @extend_schema(request=None, responses=SecretSerializer)
    @action(detail=True, methods=["post"], url_path="rotate-secret")
    def rotate(self, request: Request, pk: str) -> Response:
        """A new secret; the old one signs beside it for a day."""
        return Response({"secret": rotate_secret(webhook=self._row(pk), who=self.who)})

    @extend_schema(request=None, responses=TestSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Post one event of the type `webhook.test` now, and say what came of it."""
        row = self._row(pk)
        self._tried = Hook(row.pk, row.tenant_id, row.url, (row.secret,))
        return Response({})

    def after_commit(self, response: Any) -> Any:
        """The address is asked while no transaction is open."""
        if self._tried is not None and response.status_code == 200 and not getattr(response, "replayed", False):
            body = sample_event(self.tenant.slug)
            job = Job(0, UUID(body["event_id"]), "", body, 0)
            (result,) = async_to_sync(_try)(self._tried, job)
            response.data = {
                "delivered": result.delivered,
                "statusCode": result.status_code,
                "detail": result.detail,
                "durationMs": result.duration_ms,
            }
        return response

    @extend_schema(
        parameters=[
            OpenApiParameter("status", OpenApiTypes.STR, enum=WebhookDelivery.State.values),
            OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": 1000}),
            OpenApiParameter("cursor", OpenApiTypes.STR, description="From `meta.next`."),
        ],
        responses=DeliverySerializer(many=True),
    )
    @action(detail=True, pagination_class=DeliveryPagination)
    def deliveries(self, request: Request, pk: str) -> Response:
        """What was sent, newest first; kept for a week."""
        rows = WebhookDelivery.objects.filter(webhook=self._row(pk)).select_related("event")
        status = request.query_params.get("status")
        if status is not None:
            if status not in WebhookDelivery.State.values:
                raise ValidationError({"status": f"One of {', '.join(WebhookDelivery.State.values)}."})
            rows = rows.filter(state=status)
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(DeliverySerializer(page, many=True).data)

    @extend_schema(request=None, responses=CountSerializer)
    @action(detail=True, methods=["post"], url_path="redeliver")
    def redeliver_all(self, request: Request, pk: str) -> Response:
        """All dead letters again, in their order."""
        return Response({"count": redeliver_dead(webhook=self._row(pk), who=self.who)})

    @extend_schema(request=None, responses=DeliverySerializer)
    @action(detail=True, methods=["post"], url_path=f"deliveries/(?P<delivery_id>{PK})/redeliver")
    def redeliver_one(self, request: Request, pk: str, delivery_id: str) -> Response:
        """This one again. 409 where it waits to be sent."""
        rows = WebhookDelivery.objects.select_related("event", "webhook")
        found = get_object_or_404(rows, webhook=self._row(pk), pk=int(delivery_id))
        try:
            row = redeliver(delivery=found, who=self.who)
        except NothingToRedeliver as error:
            raise Conflict(str(error)) from None
        return Response(DeliverySerializer(row).data)

    def _row(self, pk: str) -> Webhook:
        return get_object_or_404(self.get_queryset(), pk=int(pk))


async def _try(hook: Hook, job: Job) -> Any:
    async with asyncio.timeout(30):
        return await send_jobs(hook, [job])


@contextmanager
def refusals() -> Iterator[None]:
    """The services' refusals as answers."""
    try:
        yield
    except InvalidUrl as error:
        raise ValidationError({"url": str(error)}) from None
    except InvalidSecret as error:
        raise ValidationError({"secret": str(error)}) from None
    except TooManyWebhooks as error:
        raise Conflict(str(error)) from None
