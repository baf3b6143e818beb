"""`/alerts/recipients`: who is mailed."""

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from metering.models import AlertRecipient, Severity
from tenants.api.serializers import StrictSerializer
from tenants.api.views import TenantViewSet
from tenants.models import Role
from tenants.services.audit import record


class RecipientSerializer(serializers.ModelSerializer[AlertRecipient]):
    minimumSeverity = serializers.ChoiceField(Severity.choices, source="minimum_severity")

    class Meta:
        model = AlertRecipient
        fields = ["id", "email", "minimumSeverity", "enabled"]


class NewRecipient(StrictSerializer):
    email = serializers.EmailField(max_length=254)
    minimumSeverity = serializers.ChoiceField(Severity.choices, source="minimum_severity", default=Severity.WARNING)
    enabled = serializers.BooleanField(default=True)

    def validate_email(self, email: str) -> str:
        if AlertRecipient.objects.filter(email__iexact=email).exists():
            raise serializers.ValidationError("This address is a recipient already.")
        return email


@extend_schema_view(list=extend_schema(responses=RecipientSerializer(many=True)))
class RecipientViewSet(TenantViewSet):
    """One mail for all alerts of a half minute, of `minimumSeverity` and above."""

    scope = "alerts"
    serializer_class = RecipientSerializer
    queryset = AlertRecipient.objects.none()
    lookup_value_regex = "[0-9]{1,18}"
    required_roles = {"create": Role.ADMIN, "destroy": Role.ADMIN}

    def get_queryset(self) -> QuerySet[AlertRecipient]:
        return AlertRecipient.objects.order_by("email", "id")

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(RecipientSerializer(page, many=True).data)

    @extend_schema(request=NewRecipient, responses={201: RecipientSerializer})
    def create(self, request: Request) -> Response:
        given = NewRecipient(data=request.data)
        given.is_valid(raise_exception=True)
        row = AlertRecipient.objects.create(tenant=self.tenant, **given.validated_data)
        changes = {name: [None, str(value)] for name, value in given.validated_data.items()}
        record(actor=self.caller.actor, origin="api", action="create", target=row, changes=changes)
        return Response(RecipientSerializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        row = get_object_or_404(self.get_queryset(), pk=int(pk))
        record(actor=self.caller.actor, origin="api", action="delete", target=row)
        row.delete()
        return Response(status=status.HTTP_204_NO_CONTENT)
