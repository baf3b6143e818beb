"""`/certificate-authorities`: what signs the certificates of the tenant's stations. Private keys come in, never out."""

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_view
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.models import CertificateAuthority
from chargepoints.services.certificate_authority import (
    LONGEST_VALIDITY_DAYS,
    StillNeeded,
    activate_authority,
    bring_authority,
    create_authority,
    delete_authority,
)
from tenants.api.exceptions import Conflict
from tenants.api.serializers import StrictSerializer
from tenants.api.views import TenantViewSet
from tenants.models import Role

LONGEST_PEM = 60_000


class CertificateAuthoritySerializer(serializers.ModelSerializer[CertificateAuthority]):
    signs = serializers.SerializerMethodField(help_text="It has a private key.")
    validityDays = serializers.IntegerField(source="validity_days", help_text="Of the certificates that it signs.")
    createdBy = serializers.CharField(source="created_by")
    createdTime = serializers.DateTimeField(source="created_at")

    class Meta:
        model = CertificateAuthority
        fields = ["id", "name", "active", "brought", "signs", "validityDays", "certificate", "createdBy", "createdTime"]

    def get_signs(self, row: CertificateAuthority) -> bool:
        return bool(row.private_key)


class NewAuthority(StrictSerializer):
    """Without a certificate one is made here (EC P-256, 10 years)."""

    name = serializers.CharField(max_length=120, allow_blank=True, default="")
    validityDays = serializers.IntegerField(min_value=1, max_value=LONGEST_VALIDITY_DAYS, default=365)
    certificate = serializers.CharField(max_length=LONGEST_PEM, required=False, help_text="PEM, then its chain.")
    privateKey = serializers.CharField(
        max_length=LONGEST_PEM, required=False, write_only=True, help_text="PEM; without one it only checks."
    )

    def validate(self, given: dict[str, Any]) -> dict[str, Any]:
        if "privateKey" in given and "certificate" not in given:
            raise serializers.ValidationError({"certificate": "A key comes with its certificate."})
        return given


@extend_schema_view(list=extend_schema(responses=CertificateAuthoritySerializer(many=True)))
class CertificateAuthorityViewSet(TenantViewSet):
    """One signs at a time; all are trusted."""

    scope = "chargepoints"
    serializer_class = CertificateAuthoritySerializer
    lookup_value_regex = "[0-9]{1,18}"
    required_roles = {"create": Role.ADMIN, "destroy": Role.ADMIN, "activate": Role.ADMIN}

    def get_queryset(self) -> QuerySet[CertificateAuthority]:
        return CertificateAuthority.objects.order_by("-created_at", "-pk")

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.get_queryset())
        return self.get_paginated_response(CertificateAuthoritySerializer(page, many=True).data)

    @extend_schema(responses=CertificateAuthoritySerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        return Response(CertificateAuthoritySerializer(self._find(pk)).data)

    @extend_schema(request=NewAuthority, responses={201: CertificateAuthoritySerializer})
    def create(self, request: Request) -> Response:
        """Make one, or bring your own. With a key it signs from now on."""
        given = NewAuthority(data=request.data)
        given.is_valid(raise_exception=True)
        values = given.validated_data
        shared = {
            "name": values["name"],
            "validity_days": values["validityDays"],
            "actor": self.caller.actor,
            "origin": "api",
        }
        if "certificate" in values:
            created = bring_authority(
                certificate=values["certificate"], private_key=values.get("privateKey", ""), **shared
            )
        else:
            created = create_authority(**shared)
        return Response(CertificateAuthoritySerializer(created).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=CertificateAuthoritySerializer)
    @action(detail=True, methods=["post"])
    def activate(self, request: Request, pk: str) -> Response:
        """It signs from now on, instead of the one that did."""
        row = self._find(pk)
        if not row.private_key:
            raise Conflict("It has no private key: it only checks.")
        activate_authority(row, actor=self.caller.actor, origin="api")
        return Response(CertificateAuthoritySerializer(self._find(pk)).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Trust it no longer. 409 while stations have valid certificates of it: revoke those first."""
        try:
            delete_authority(self._find(pk), actor=self.caller.actor, origin="api")
        except StillNeeded:
            raise Conflict("Stations have valid certificates of it: revoke those first.") from None
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _find(self, pk: str) -> CertificateAuthority:
        return get_object_or_404(self.get_queryset(), pk=int(pk))
