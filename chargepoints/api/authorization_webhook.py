"""`/authorization-webhook`: the tenant's own system that decides about id tags."""

from typing import Any

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.models import AuthorizationWebhook
from chargepoints.services.authorization_settings import current_webhook, delete_webhook, set_webhook
from chargepoints.services.authorization_trial import Tried, ask_now, trial_question
from chargepoints.services.authorization_webhook import AUTHORIZE, START, Question
from tenants.api.serializers import StrictSerializer
from tenants.api.views import TenantViewSet
from tenants.models import Role
from tenants.outbound import LONGEST_URL, InvalidSecret, InvalidUrl, check_secret, check_url


class WebhookWish(StrictSerializer):
    url = serializers.CharField(max_length=LONGEST_URL)
    asksAbout = serializers.ChoiceField(AuthorizationWebhook.Scope.choices, source="asks_about", required=False)
    timeoutMs = serializers.IntegerField(source="timeout_ms", min_value=100, max_value=10_000, required=False)
    cacheSeconds = serializers.IntegerField(source="cache_seconds", min_value=0, max_value=86_400, required=False)
    fallback = serializers.ChoiceField(AuthorizationWebhook.Fallback.choices, required=False)
    enabled = serializers.BooleanField(required=False)
    secret = serializers.CharField(max_length=100, required=False, help_text="whsec_...; left out: one is made.")
    renewSecret = serializers.BooleanField(source="renew_secret", required=False)

    def validate_url(self, url: str) -> str:
        try:
            check_url(url)
        except InvalidUrl as error:
            raise serializers.ValidationError(str(error)) from None
        return url

    def validate_secret(self, secret: str) -> str:
        try:
            check_secret(secret)
        except InvalidSecret as error:
            raise serializers.ValidationError(str(error)) from None
        return secret


class WebhookSerializer(serializers.ModelSerializer[AuthorizationWebhook]):
    asksAbout = serializers.ChoiceField(AuthorizationWebhook.Scope.choices, source="asks_about")
    timeoutMs = serializers.IntegerField(source="timeout_ms")
    cacheSeconds = serializers.IntegerField(source="cache_seconds", help_text="0: each time anew.")
    fallback = serializers.ChoiceField(
        AuthorizationWebhook.Fallback.choices, help_text="Without an answer: our own tags decide, or all the same."
    )

    class Meta:
        model = AuthorizationWebhook
        fields = ["url", "asksAbout", "timeoutMs", "cacheSeconds", "fallback", "enabled"]


class SetWebhookSerializer(WebhookSerializer):
    secret = serializers.CharField(
        allow_null=True, help_text="New: signs the requests (Standard Webhooks). Shown this once."
    )

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret"]


class TestQuestion(StrictSerializer):
    idTag = serializers.CharField(max_length=20, default="TEST")
    purpose = serializers.ChoiceField([AUTHORIZE, START], default=AUTHORIZE)
    chargePointId = serializers.CharField(max_length=48, default="TEST")
    connectorId = serializers.IntegerField(min_value=0, max_value=1000, required=False)


class TestAnswer(serializers.Serializer[Any]):
    answered = serializers.BooleanField()
    detail = serializers.CharField(help_text="Why there is no answer that counts.")
    durationMs = serializers.IntegerField()
    status = serializers.CharField(allow_null=True)
    parentIdTag = serializers.CharField(allow_null=True)
    expiryDate = serializers.DateTimeField(allow_null=True)


class AuthorizationWebhookViewSet(TenantViewSet):
    """At most one per tenant. Asked in Authorize and StartTransaction, never in StopTransaction."""

    scope = "authorization"
    serializer_class = WebhookSerializer
    pagination_class = None
    filter_backends: Any = ()
    required_roles = {"update": Role.ADMIN, "destroy": Role.ADMIN, "test": Role.ADMIN}
    _question: Question | None = None

    @extend_schema(responses=WebhookSerializer)
    def retrieve(self, request: Request) -> Response:
        return Response(WebhookSerializer(_row()).data)

    @extend_schema(request=WebhookWish, responses=SetWebhookSerializer)
    def update(self, request: Request) -> Response:
        """Make or change it; fields that are left out stay as they are."""
        given = WebhookWish(data=request.data)
        given.is_valid(raise_exception=True)
        values = dict(given.validated_data)
        secret, renew = values.pop("secret", ""), values.pop("renew_secret", False)
        row, shown = set_webhook(values, actor=self.caller.actor, origin="api", secret=secret, renew_secret=renew)
        return Response({**WebhookSerializer(row).data, "secret": shown or None})

    @extend_schema(responses={204: None})
    def destroy(self, request: Request) -> Response:
        delete_webhook(_row(), actor=self.caller.actor, origin="api")
        return Response(status=204)

    @extend_schema(request=TestQuestion, responses=TestAnswer)
    def test(self, request: Request) -> Response:
        """Ask it once, past cache and breaker, and say what came back."""
        row = _row()
        given = TestQuestion(data=request.data)
        given.is_valid(raise_exception=True)
        asked = given.validated_data
        if not asked["idTag"].strip():
            raise ValidationError({"idTag": "Must not be empty."})
        self._question = trial_question(
            row,
            self.tenant,
            id_tag=asked["idTag"],
            purpose=asked["purpose"],
            charge_point=asked["chargePointId"],
            connector_id=asked.get("connectorId"),
        )
        return Response(_NOT_ASKED)

    def after_commit(self, response: Any) -> Any:
        """The asking, with no transaction and no connection held."""
        if self._question is not None and response.status_code == 200:
            response.data = _shown(ask_now(self._question))
        return response


_NOT_ASKED = {
    "answered": False,
    "detail": "",
    "durationMs": 0,
    "status": None,
    "parentIdTag": None,
    "expiryDate": None,
}


def _shown(tried: Tried) -> dict[str, Any]:
    """As TestAnswer documents it."""
    answer = tried.answer
    if answer is None:
        return {**_NOT_ASKED, "detail": tried.fault, "durationMs": tried.duration_ms}
    until = answer.expires_at
    return {
        "answered": True,
        "detail": "",
        "durationMs": tried.duration_ms,
        "status": answer.status,
        "parentIdTag": answer.parent_token,
        "expiryDate": serializers.DateTimeField().to_representation(until) if until else None,
    }


def _row() -> AuthorizationWebhook:
    row = current_webhook()
    if row is None:
        raise Http404
    return row
