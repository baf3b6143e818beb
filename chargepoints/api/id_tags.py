"""`/id-tags`: what drivers identify with; export and import as CSV."""

from collections.abc import Iterator
from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import Http404, HttpResponseBase
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import BaseParser, MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.models import IdTag
from chargepoints.services.authorize import find_tag
from chargepoints.services.bulk_tags import InvalidChange
from chargepoints.services.tag_changes import NONE, rights_of, tags_changed, takes_away
from chargepoints.services.tag_groups import lock_for_parent
from chargepoints.services.tag_import import ChangedMeanwhile, ImportedTags, InvalidFile, import_tags
from chargepoints.services.tag_table import COLUMNS, MOST_BYTES, row_of
from tenants.api.csv_export import MEDIA_TYPE, ROWS_PER_PAGE, Cell, CsvRenderer, csv_response, tenant_pages
from tenants.api.exceptions import Conflict, TooLarge
from tenants.api.renderers import EnvelopeRenderer, ProblemRenderer
from tenants.api.serializers import StrictSerializer
from tenants.api.views import TenantViewSet
from tenants.models import Role
from tenants.services.audit import record
from tenants.services.trail_values import kept_value

SHOWN_ROWS = 1000


class IdTagSerializer(serializers.ModelSerializer[IdTag]):
    idTag = serializers.CharField(source="token")
    parentIdTag = serializers.CharField(source="parent.token", default=None, allow_null=True)
    expiryDate = serializers.DateTimeField(source="expires_at", allow_null=True)
    maxActiveTransactions = serializers.IntegerField(source="max_active_transactions", allow_null=True)
    seenOffline = serializers.BooleanField(source="seen_offline")
    createdTime = serializers.DateTimeField(source="created_at")

    class Meta:
        model = IdTag
        fields = [
            *("idTag", "type", "status", "holder", "parentIdTag", "expiryDate", "maxActiveTransactions"),
            *("note", "seenOffline", "createdTime"),
        ]


class IdTagChange(StrictSerializer):
    type = serializers.ChoiceField(IdTag.Type.choices, required=False)
    status = serializers.ChoiceField(IdTag.Status.choices, required=False)
    holder = serializers.CharField(max_length=120, allow_blank=True, required=False)
    parentIdTag = serializers.CharField(source="parent", max_length=255, allow_null=True, required=False)
    expiryDate = serializers.DateTimeField(source="expires_at", allow_null=True, required=False)
    maxActiveTransactions = serializers.IntegerField(
        source="max_active_transactions", min_value=0, max_value=1000, allow_null=True, required=False
    )
    note = serializers.CharField(max_length=240, allow_blank=True, required=False)

    def validate_parentIdTag(self, token: str | None) -> IdTag | None:
        if token is None:
            return None
        parent = find_tag(token)
        if parent is None:
            raise serializers.ValidationError("There is no such id tag.")
        if parent.parent_id is not None:
            raise serializers.ValidationError("A parent has no parent itself.")
        return parent


class NewIdTag(IdTagChange):
    idTag = serializers.CharField(source="token", max_length=255)

    def validate_idTag(self, token: str) -> str:
        if find_tag(token) is not None:
            raise serializers.ValidationError("This id tag exists already.")
        return token


class IdTagFilter(django_filters.FilterSet):
    status = django_filters.ChoiceFilter(choices=IdTag.Status.choices)
    parentIdTag = django_filters.CharFilter("parent__token_key", method="of_parent")
    search = django_filters.CharFilter(method="find")

    class Meta:
        model = IdTag
        fields: list[str] = []

    def of_parent(self, queryset: QuerySet[IdTag], name: str, value: str) -> QuerySet[IdTag]:
        return queryset.filter(parent__token_key=value.strip().lower())

    def find(self, queryset: QuerySet[IdTag], name: str, value: str) -> QuerySet[IdTag]:
        return queryset.filter(token_key__contains=value.lower()) | queryset.filter(holder__icontains=value)


class CsvParser(BaseParser):
    """A CSV file as the body: `{"file": bytes}`, cut one byte past the limit."""

    media_type = MEDIA_TYPE

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> dict[str, bytes]:
        return {"file": stream.read(MOST_BYTES + 1)}


class ImportedTag(serializers.Serializer[Any]):
    line = serializers.IntegerField()
    idTag = serializers.CharField(source="tag.token")
    result = serializers.ChoiceField(["create", "change", "same"])
    changes = serializers.DictField(help_text="Field: before and after.")


class ImportResult(serializers.Serializer[Any]):
    dryRun = serializers.BooleanField()
    created = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    rows = ImportedTag(many=True, help_text=f"The first {SHOWN_ROWS}.")


class TagFile(serializers.Serializer[Any]):
    file = serializers.FileField()


@extend_schema_view(list=extend_schema(responses=IdTagSerializer(many=True)))
class IdTagViewSet(TenantViewSet):
    """Matched without case."""

    scope = "id-tags"
    serializer_class = IdTagSerializer
    filterset_class = IdTagFilter
    lookup_url_kwarg = "id_tag"
    lookup_value_regex = "[^/]+"
    required_roles = {"destroy": Role.ADMIN}
    extra_parameters = {"export": set(IdTagFilter.base_filters), "import_file": {"dryRun"}}

    def get_queryset(self) -> QuerySet[IdTag]:
        return IdTag.objects.select_related("parent").order_by("token_key")

    def get_object(self) -> IdTag:
        token = self.kwargs["id_tag"]
        found = None if "\0" in token else find_tag(token)
        if found is None:
            raise Http404
        return found

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(IdTagSerializer(page, many=True).data)

    @extend_schema(responses=IdTagSerializer)
    def retrieve(self, request: Request, id_tag: str) -> Response:
        return Response(IdTagSerializer(self.get_object()).data)

    @extend_schema(request=NewIdTag, responses={201: IdTagSerializer})
    def create(self, request: Request) -> Response:
        given = NewIdTag(data=request.data)
        given.is_valid(raise_exception=True)
        _locked(None, given.validated_data)
        row = IdTag(tenant=self.tenant, **given.validated_data)
        self._save(row, "create", {})
        tags_changed(revoked=False)
        return Response(IdTagSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=IdTagChange, responses=IdTagSerializer)
    def partial_update(self, request: Request, id_tag: str) -> Response:
        row = self.get_object()
        given = IdTagChange(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        row = _locked(row, given.validated_data)
        changes: dict[str, Any] = {}
        before = rights_of(row)
        for name, value in given.validated_data.items():
            changes[name] = [kept_value(getattr(row, name)), kept_value(value)]
            setattr(row, name, value)
        self._save(row, "change", changes)
        tags_changed(revoked=takes_away(before, rights_of(row)))
        return Response(IdTagSerializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, id_tag: str) -> Response:
        row = self.get_object()
        record(actor=self.caller.actor, origin="api", action="delete", target=row)
        tags_changed(revoked=takes_away(rights_of(row), NONE))
        row.delete()
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _save(self, row: IdTag, what: str, changes: dict[str, Any]) -> None:
        row.clean()
        row.save()
        record(actor=self.caller.actor, origin="api", action=what, target=row, changes=changes)

    @extend_schema(responses={(200, MEDIA_TYPE): OpenApiTypes.STR})
    @action(detail=False, renderer_classes=[EnvelopeRenderer, ProblemRenderer, CsvRenderer], pagination_class=None)
    def export(self, request: Request) -> HttpResponseBase:
        """All tags (or those of the filters) as CSV; what `import` takes."""
        rows = self.filter_queryset(self.get_queryset())
        pages = tenant_pages(self.tenant.pk, lambda last: _after(rows, last))
        return csv_response(
            request,
            filename=f"id-tags-{timezone.now():%Y%m%dT%H%M%SZ}.csv",
            header=list(COLUMNS),
            pages=_cells(pages),
        )

    @extend_schema(
        request={MEDIA_TYPE: OpenApiTypes.STR, "multipart/form-data": TagFile},
        responses=ImportResult,
        parameters=[OpenApiParameter("dryRun", OpenApiTypes.BOOL, description="Only say what would be done.")],
        filters=False,
    )
    @action(
        detail=False,
        methods=["post"],
        url_path="import",
        parser_classes=[CsvParser, MultiPartParser],
        pagination_class=None,
    )
    def import_file(self, request: Request) -> Response:
        """Make and change tags by a CSV file, all or none. The first line names the columns, `idTag` among them.

        Columns that the file doesn't have stay as they are. Faults are named `lines.<line>.<column>`.
        """
        dry_run = request.query_params.get("dryRun", "false")
        if dry_run not in {"true", "false"}:
            raise ValidationError({"dryRun": "true or false."})
        try:
            imported = import_tags(
                tenant=self.tenant,
                raw=_file_of(request),
                dry_run=dry_run == "true",
                actor=self.caller.actor,
                origin="api",
            )
        except InvalidFile as invalid:
            raise ValidationError(_by_line(invalid)) from None
        except ChangedMeanwhile:
            raise Conflict("Someone else made one of these tags at the same time; try again.") from None
        return Response(ImportResult(_result(imported, dry_run=dry_run == "true")).data)


def _locked(row: IdTag | None, given: dict[str, Any]) -> Any:
    """The tag as it is now (None: a new one), which with its parent nobody else changes before this is done."""
    parent = given.get("parent")
    try:
        found = lock_for_parent(tag_pk=getattr(row, "pk", None), parent_pk=getattr(parent, "pk", None))
    except InvalidChange as invalid:
        raise serializers.ValidationError({"parentIdTag": str(invalid)}) from None
    if row is not None and found is None:
        raise Http404
    return found


def _file_of(request: Request) -> bytes:
    given: Any = request.data
    file = given.get("file")
    unknown = set(given) - {"file"}
    if unknown:
        raise ValidationError({name[:80]: "Unknown field." for name in unknown})
    if file is None or isinstance(file, str):
        raise ValidationError({"file": "A CSV file."})
    raw: bytes = file if isinstance(file, bytes) else file.read(MOST_BYTES + 1)
    if len(raw) > MOST_BYTES:
        raise TooLarge
    return raw


def _by_line(invalid: InvalidFile) -> dict[str, list[str]]:
    errors: dict[str, list[str]] = {}
    for fault in invalid.faults:
        errors.setdefault(f"lines.{fault.line}.{fault.column}".rstrip("."), []).append(fault.text)
    return errors


def _result(imported: ImportedTags, *, dry_run: bool) -> dict[str, Any]:
    return {
        "dryRun": dry_run,
        "created": imported.count("create"),
        "changed": imported.count("change"),
        "unchanged": imported.count("same"),
        "rows": imported.rows[:SHOWN_ROWS],
    }


def _after(rows: QuerySet[IdTag], last: IdTag | None) -> list[IdTag]:
    return list((rows if last is None else rows.filter(token_key__gt=last.token_key))[:ROWS_PER_PAGE])


def _cells(pages: Iterator[list[IdTag]]) -> Iterator[list[list[Cell]]]:
    for page in pages:
        yield [list(row_of(tag)) for tag in page]
