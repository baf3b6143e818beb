"""`/id-tags`: what drivers identify with."""

from typing import Any

import django_filters
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.models import IdTag
from chargepoints.services.authorize import find_tag
from tenants.api.serializers import StrictSerializer
from tenants.api.views import TenantViewSet
from tenants.models import Role
from tenants.services.audit import record


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


@extend_schema_view(list=extend_schema(responses=IdTagSerializer(many=True)))
class IdTagViewSet(TenantViewSet):
    """Matched without case."""

    scope = "id-tags"
    serializer_class = IdTagSerializer
    filterset_class = IdTagFilter
    lookup_url_kwarg = "id_tag"
    lookup_value_regex = "[^/]+"
    required_roles = {"destroy": Role.ADMIN}

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
        row = IdTag(tenant=self.tenant, **given.validated_data)
        self._save(row, "create", {})
        return Response(IdTagSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=IdTagChange, responses=IdTagSerializer)
    def partial_update(self, request: Request, id_tag: str) -> Response:
        row = self.get_object()
        given = IdTagChange(data=request.data, partial=True)
        given.is_valid(raise_exception=True)
        if given.validated_data.get("parent") == row:
            raise serializers.ValidationError({"parentIdTag": "An id tag can't be its own parent."})
        changes: dict[str, Any] = {}
        for name, value in given.validated_data.items():
            changes[name] = [str(getattr(row, name)), str(value)]
            setattr(row, name, value)
        self._save(row, "change", changes)
        return Response(IdTagSerializer(row).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, id_tag: str) -> Response:
        row = self.get_object()
        record(actor=self.caller.actor, origin="api", action="delete", target=row)
        row.delete()
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _save(self, row: IdTag, what: str, changes: dict[str, Any]) -> None:
        row.clean()
        row.save()
        record(actor=self.caller.actor, origin="api", action=what, target=row, changes=changes)
