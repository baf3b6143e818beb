"""`/commands/bulk`: one command to many charge points, and what became of each."""

from collections.abc import Sequence
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.api.charge_points import ChargePointFilter
from chargepoints.api.command_requests import check_expiry
from chargepoints.api.command_rows import ShownPayload
from chargepoints.api.sending import refusals
from chargepoints.models import BulkCommand, BulkTarget, ChargePoint
from chargepoints.selectors import charge_points
from chargepoints.services.bulk import (
    COUNTED,
    DEFAULT_CONCURRENCY,
    MOST_CONCURRENCY,
    NoTargets,
    Order,
    cancel_bulk,
    counts_of,
    create_bulk,
    status_of,
    with_status,
)
from tenants.api.csv_export import ROWS_PER_PAGE, Cell, CsvRenderer, csv_response, tenant_pages
from tenants.api.exceptions import Conflict
from tenants.api.pagination import EnvelopePagination, TimePagination
from tenants.api.renderers import EnvelopeRenderer, ProblemRenderer
from tenants.api.serializers import StrictSerializer
from tenants.api.views import TenantViewSet

MOST_NAMED = 10_000
STATUS = OpenApiParameter("status", {"type": "string", "enum": list(COUNTED)}, description="Only these.")
CSV_HEADER = (
    *("chargePointId", "status", "detail", "commandId", "sentTime", "finishedTime", "reply"),
    *("errorCode", "errorDescription", "outcome", "outcomeDetail"),
)


class StationChoice(StrictSerializer):
    """As the filters of `/chargepoints`."""

    status = serializers.CharField(max_length=30, required=False)
    online = serializers.BooleanField(required=False)
    vendor = serializers.CharField(max_length=100, required=False)
    model = serializers.CharField(max_length=100, required=False)
    site = serializers.CharField(max_length=120, required=False)
    tag = serializers.CharField(max_length=40, required=False)
    search = serializers.CharField(max_length=120, required=False)

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if not given:
            raise serializers.ValidationError("At least one criterion: an empty filter would mean every charge point.")
        return given


class BulkOrder(StrictSerializer):
    """What every order to many charge points takes."""

    chargePointIds = serializers.ListField(
        child=serializers.CharField(max_length=48), min_length=1, max_length=MOST_NAMED, required=False
    )
    filter = StationChoice(required=False)
    expiresAt = serializers.DateTimeField(
        source="expires_at",
        required=False,
        validators=[check_expiry],
        help_text="Wait for offline charge points until then. Left out: those that are offline at their turn are skipped.",
    )
    concurrency = serializers.IntegerField(
        min_value=1, max_value=MOST_CONCURRENCY, default=DEFAULT_CONCURRENCY, help_text="Charge points asked at a time."
    )

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if ("chargePointIds" in given) == ("filter" in given):
            raise serializers.ValidationError({"chargePointIds": "Either chargePointIds or filter."})
        return given


class NewBulkCommand(BulkOrder):
    action = serializers.CharField(max_length=50)
    payload = serializers.DictField(default=dict)


class BulkSerializer(serializers.ModelSerializer[BulkCommand]):
    bulkId = serializers.UUIDField(source="id")
    payload = ShownPayload(help_text="Addresses without passwords and tokens.")
    filter = serializers.DictField()
    status = serializers.ChoiceField(BulkCommand.State.choices, source="state")
    requestedBy = serializers.CharField(source="requested_by")
    createdTime = serializers.DateTimeField(source="created_at")
    expiresAt = serializers.DateTimeField(source="expires_at", allow_null=True)
    finishedTime = serializers.DateTimeField(source="finished_at", allow_null=True)
    counts = serializers.SerializerMethodField(help_text="Charge points by status: waiting, skipped, or the command's.")

    class Meta:
        model = BulkCommand
        fields = [
            *("bulkId", "action", "payload", "filter", "status", "concurrency", "total", "requestedBy", "origin"),
            *("createdTime", "expiresAt", "finishedTime", "counts"),
        ]

    def get_counts(self, row: BulkCommand) -> dict[str, int]:
        counts: dict[str, int] = self.context["counts"][row.pk]
        return counts


class ResultSerializer(serializers.ModelSerializer[BulkTarget]):
    chargePointId = serializers.CharField(source="charge_point.identity")
    status = serializers.SerializerMethodField()
    commandId = serializers.UUIDField(source="command_id", allow_null=True)
    sentTime = serializers.DateTimeField(source="command.sent_at", default=None, allow_null=True)
    finishedTime = serializers.DateTimeField(source="command.finished_at", default=None, allow_null=True)
    reply = serializers.DictField(source="command.reply", default=None, allow_null=True)
    errorCode = serializers.CharField(source="command.error_code", default="")
    errorDescription = serializers.CharField(source="command.error_description", default="")
    outcome = serializers.SerializerMethodField()
    outcomeDetail = serializers.CharField(source="command.outcome_detail", default="")

    class Meta:
        model = BulkTarget
        fields = [
            *("chargePointId", "status", "detail", "commandId", "sentTime", "finishedTime", "reply"),
            *("errorCode", "errorDescription", "outcome", "outcomeDetail"),
        ]

    def get_status(self, row: BulkTarget) -> str:
        return status_of(row.state, row.command.state if row.command else None)

    def get_outcome(self, row: BulkTarget) -> str | None:
        return (row.command.outcome or None) if row.command else None


class BulkFilter(django_filters.FilterSet):
    action = django_filters.CharFilter("action")
    status = django_filters.ChoiceFilter(field_name="state", choices=BulkCommand.State.choices)

    class Meta:
        model = BulkCommand
        fields: list[str] = []


class BulkPagination(TimePagination):
    ordering = ("-created_at", "-id")


@extend_schema_view(list=extend_schema(responses=BulkSerializer(many=True)))
class BulkCommandViewSet(TenantViewSet):
    """Commands to many charge points."""

    scope = "commands"
    serializer_class = BulkSerializer
    filterset_class: Any = BulkFilter
    pagination_class: Any = BulkPagination
    queryset = BulkCommand.objects.all()
    lookup_value_regex = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    list_actions = ("results",)
    extra_parameters = {"results": {"status"}, "export": {"status"}}

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(shown_bulks(page or []))

    @extend_schema(request=NewBulkCommand, responses={202: BulkSerializer})
    def create(self, request: Request) -> Response:
        """Sent to some at a time; nothing is sent where the payload doesn't fit one of their OCPP versions."""
        given = NewBulkCommand(data=request.data)
        given.is_valid(raise_exception=True)
        wanted = given.validated_data
        stations = chosen_stations(wanted)
        order = Order(
            action=wanted["action"],
            payload=wanted["payload"],
            expires_at=wanted.get("expires_at"),
            concurrency=wanted["concurrency"],
            chosen_by=wanted.get("filter", {}),
        )
        try:
            with refusals("payload"):
                bulk = create_bulk(stations=stations, order=order, requested_by=self.caller.actor, origin="api")
        except NoTargets:
            raise ValidationError({"filter": "No charge point matches."}) from None
        return Response(shown_bulks([bulk])[0], status=status.HTTP_202_ACCEPTED)

    @extend_schema(responses=BulkSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(shown_bulks([self._bulk(pk)])[0])

    @extend_schema(request=None, responses=BulkSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """What waits is skipped, what is queued cancelled; what has been sent can't be taken back."""
        if not cancel_bulk(self._bulk(pk), self.caller.actor):
            raise Conflict("It has ended.")
        return Response(shown_bulks([self._bulk(pk)])[0])

    @extend_schema(responses=ResultSerializer(many=True), parameters=[STATUS], filters=False)
    @action(detail=True, pagination_class=EnvelopePagination, filterset_class=None, filter_backends=[])
    def results(self, request: Request, pk: str) -> Response:
        """One row per charge point."""
        page = self.paginate_queryset(self._targets(self._bulk(pk)))
        return self.get_paginated_response(ResultSerializer(page, many=True).data)

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR}, parameters=[STATUS], filters=False)
    @action(
        detail=True,
        url_path="results/export",
        renderer_classes=[EnvelopeRenderer, ProblemRenderer, CsvRenderer],
        filterset_class=None,
        filter_backends=[],
        pagination_class=None,
    )
    def export(self, request: Request, pk: str) -> HttpResponseBase:
        """The results as CSV."""
        bulk = self._bulk(pk)
        targets = self._targets(bulk)
        pages = tenant_pages(self.tenant.pk, lambda last: _after(targets, last))
        return csv_response(
            request,
            filename=f"{bulk.action}-{bulk.created_at:%Y%m%dT%H%M%SZ}.csv",
            header=CSV_HEADER,
            pages=(result_rows(page) for page in pages),
        )

    def _bulk(self, pk: str) -> BulkCommand:
        found: BulkCommand = get_object_or_404(BulkCommand.objects.all(), pk=pk)
        return found

    def _targets(self, bulk: BulkCommand) -> QuerySet[BulkTarget]:
        targets = BulkTarget.objects.filter(bulk=bulk).select_related("charge_point", "command").order_by("pk")
        wanted = self.request.query_params.get("status")
        if wanted is None:
            return targets
        if wanted not in COUNTED:
            raise ValidationError({"status": f"One of {', '.join(COUNTED)}."})
        return with_status(targets, wanted)


def shown_bulks(bulks: Sequence[BulkCommand]) -> Any:
    """As clients see them, with their counts."""
    return BulkSerializer(bulks, many=True, context={"counts": counts_of(bulks)}).data


def chosen_stations(wanted: dict[str, Any]) -> QuerySet[ChargePoint]:
    """By `chargePointIds` or `filter`."""
    return _named(wanted["chargePointIds"]) if "chargePointIds" in wanted else _matching(wanted["filter"])


def _named(identities: list[str]) -> QuerySet[ChargePoint]:
    """Those charge points; ValidationError naming each that isn't there (another tenant's isn't)."""
    keys = [identity.lower() for identity in identities]
    known = set(ChargePoint.objects.filter(identity_key__in=keys).values_list("identity_key", flat=True))
    missing = {f"chargePointIds.{index}": "No such charge point." for index, key in enumerate(keys) if key not in known}
    if missing:
        raise ValidationError(dict(list(missing.items())[:20]))
    return ChargePoint.objects.filter(identity_key__in=keys)


def _matching(criteria: dict[str, Any]) -> QuerySet[ChargePoint]:
    texts = {name: str(value).lower() if name == "online" else value for name, value in criteria.items()}
    chosen = ChargePointFilter(texts, queryset=charge_points())
    if not chosen.is_valid():
        raise ValidationError({f"filter.{name}": list(errors) for name, errors in chosen.errors.items()})
    found: QuerySet[ChargePoint] = chosen.qs
    return found


def _after(targets: QuerySet[BulkTarget], last: BulkTarget | None) -> list[BulkTarget]:
    return list((targets if last is None else targets.filter(pk__gt=last.pk))[:ROWS_PER_PAGE])


def result_rows(targets: Sequence[BulkTarget]) -> list[list[Cell]]:
    """Lines of the CSV file; `targets` with their charge points and commands."""
    return [[_cell(row[name]) for name in CSV_HEADER] for row in ResultSerializer(targets, many=True).data]


def _cell(value: Any) -> Cell:
    return value if value is None or isinstance(value, str) else str(value)
