"""`/chargepoints/{id}/configuration` and the tenant's `/configuration`: wanted against reported, and changing it."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.api.charge_points import StationViewSet
from chargepoints.api.commands import LONGEST_WAIT_S, WAIT
from chargepoints.api.waiting import wait_for_commands
from chargepoints.configuration_selectors import configuration_of
from chargepoints.models import ChargePoint, Command
from chargepoints.services.commands import StationOffline
from chargepoints.services.configuration import (
    ask_configuration,
    change_station,
    keep_reply,
    reset_station,
    result_of,
)
from chargepoints.services.configuration_keys import LONGEST_KEY, LONGEST_VALUE
from chargepoints.services.configuration_wishes import (
    InvalidWishes,
    Source,
    change_tenant_wishes,
    check_wishes,
    inherited_wishes,
)
from tenants.api.exceptions import Conflict
from tenants.api.views import TenantViewSet
from tenants.context import tenant_transaction
from tenants.models import Role, Tenant

DEFAULT_WAIT_S = 10
MOST_KEYS_ASKED = 100
WISHES: dict[str, Any] = {
    "application/json": {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 50,
        "additionalProperties": {"type": "string", "maxLength": LONGEST_VALUE, "nullable": True},
        "description": "Key and value; null takes the wish back, so that the key is inherited again.",
    }
}


class KeySerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    value = serializers.CharField(allow_null=True, help_text="As last reported; null: not reported, or secret.")
    desired = serializers.CharField(allow_null=True)
    source = serializers.ChoiceField([source.value for source in Source], allow_null=True)  # type: ignore[assignment]
    drift = serializers.BooleanField(help_text="The station is not set to what is wanted.")
    readonly = serializers.BooleanField()
    reportedTime = serializers.DateTimeField(source="reported_at", allow_null=True)


class KeyResultSerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    value = serializers.CharField(allow_null=True, help_text="What the station was asked to take.")
    result = serializers.ChoiceField(
        ["Accepted", "RebootRequired", "Rejected", "NotSupported", "Failed", "Pending"],
        help_text="Pending: not answered yet; a station that is offline is told when it comes back.",
    )
    commandId = serializers.UUIDField(allow_null=True)


class TenantKeySerializer(serializers.Serializer[Any]):
    key = serializers.CharField()
    value = serializers.CharField()
    source = serializers.ChoiceField(["default", "tenant"])  # type: ignore[assignment]


class ConfigurationViewSet(StationViewSet):
    """What a charge point is set to, and what it is to be set to."""

    serializer_class = KeySerializer
    pagination_class = None
    filter_backends: Any = ()
    extra_parameters = {
        "configuration": {"keys", "refresh"},
        "set_configuration": {"wait"},
        "reset_configuration": {"wait"},
    }

    _asked: Command | None = None
    _wanted: dict[str, str | None] = {}
    _sent: dict[str, Command] = {}
    _keys: tuple[str, ...] = ()

    @extend_schema(
        parameters=[
            OpenApiParameter("keys", OpenApiTypes.STR, description="Only these, with commas."),
            OpenApiParameter("refresh", {"type": "boolean"}, description="Ask the station first; 409 while offline."),
        ],
        responses=KeySerializer(many=True),
    )
    @action(detail=True, methods=["get"])
    def configuration(self, request: Request, charge_point_id: str) -> Response:
        """With `refresh=true` the station has 10 s to answer; after that, what it last reported is shown."""
        station = self.get_object()
        self._keys = _read_keys(request)
        if _read_refresh(request):
            try:
                self._asked = ask_configuration(
                    charge_point=station, keys=list(self._keys), requested_by=self.caller.actor, origin="api"
                )
            except StationOffline:
                raise Conflict("The charge point is offline.") from None
        return Response(self._shown(station))

    @extend_schema(request=WISHES, responses=KeyResultSerializer(many=True), parameters=[WAIT])
    @configuration.mapping.put
    def set_configuration(self, request: Request, charge_point_id: str) -> Response:
        """Store as the charge point's own wishes and send ChangeConfiguration for each (OCPP 1.6 §5.3)."""
        station = self.get_object()
        changes = _read_wishes(request)
        with _named():
            self._wanted, self._sent = change_station(
                charge_point=station, changes=changes, actor=self.caller.actor, origin="api"
            )
        return Response(self._results(self._sent))

    @extend_schema(request=None, responses=KeyResultSerializer(many=True), parameters=[WAIT])
    @action(detail=True, methods=["post"], url_path="configuration/reset")
    def reset_configuration(self, request: Request, charge_point_id: str) -> Response:
        """Drop the charge point's own wishes; what the tenant wants is sent where the station differs."""
        self._wanted, self._sent = reset_station(charge_point=self.get_object(), actor=self.caller.actor, origin="api")
        return Response(self._results(self._sent))

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raw = request.query_params.get("wait", str(DEFAULT_WAIT_S))
        if not (raw.isascii() and raw.isdigit() and int(raw[:6]) <= LONGEST_WAIT_S):
            raise ValidationError({"wait": f"A whole number of seconds, at most {LONGEST_WAIT_S}."})
        self._wait_s = float(raw)

    def after_commit(self, response: Any) -> Any:
        """The station answers while no transaction is open here."""
        if getattr(response, "replayed", False):
            return response
        tenant_id = self.tenant.pk
        if self._asked is not None:
            commands = wait_for_commands(tenant_id, [self._asked.pk], self._wait_s)
            keep_reply(tenant_id, commands[self._asked.pk])
            response.data = self._shown_in_scope(tenant_id)
        elif self._sent:
            ended = wait_for_commands(tenant_id, [command.pk for command in self._sent.values()], self._wait_s)
            response.data = self._results({key: ended[command.pk] for key, command in self._sent.items()})
        return response

    def _shown_in_scope(self, tenant_id: int) -> Any:
        with tenant_transaction(tenant_id):
            return self._shown(self.get_object())

    def _shown(self, station: ChargePoint) -> Any:
        return KeySerializer(configuration_of(station, self._keys), many=True).data

    def _results(self, commands: dict[str, Command]) -> list[dict[str, Any]]:
        return [
            {
                "key": key,
                "value": value,
                "result": result_of(key, value, commands.get(key)),
                "commandId": str(commands[key].pk) if key in commands else None,
            }
            for key, value in self._wanted.items()
        ]


class TenantConfigurationViewSet(TenantViewSet):
    """What all of the tenant's charge points are to be set to, unless they want something of their own."""

    scope = "chargepoints"
    serializer_class = TenantKeySerializer
    queryset = Tenant.objects.none()
    pagination_class = None
    filter_backends: Any = ()
    required_roles = {"update": Role.ADMIN}

    @extend_schema(responses=TenantKeySerializer(many=True))
    def list(self, request: Request) -> Response:
        return Response(self._shown())

    @extend_schema(request=WISHES, responses=TenantKeySerializer(many=True))
    def update(self, request: Request) -> Response:
        """Charge points that are online are told soon, the others when they come back."""
        changes = _read_wishes(request)
        with _named():
            change_tenant_wishes(self.tenant.pk, changes, actor=self.caller.actor, origin="api")
        return Response(self._shown())

    def get_object(self) -> Tenant:
        return Tenant.objects.get(pk=self.tenant.pk)

    def _shown(self) -> Any:
        wishes = inherited_wishes(self.get_object().desired_configuration)
        rows = sorted(wishes.values(), key=lambda wish: wish.key.lower())
        return TenantKeySerializer(rows, many=True).data


def _read_wishes(request: Request) -> dict[str, str | None]:
    with _named():
        changes = check_wishes(request.data)
    if not changes:
        raise ValidationError({"non_field_errors": ["At least one key."]})
    return changes


@contextmanager
def _named() -> Iterator[None]:
    """InvalidWishes as 400, each error with its key."""
    try:
        yield
    except InvalidWishes as error:
        raise ValidationError({key[:80] or "non_field_errors": [text] for key, text in error.errors.items()}) from None


def _read_keys(request: Request) -> tuple[str, ...]:
    raw = request.query_params.get("keys")
    if raw is None:
        return ()
    keys = tuple(dict.fromkeys(key.strip() for key in raw.split(",") if key.strip()))
    if not keys or len(keys) > MOST_KEYS_ASKED or any(len(key) > LONGEST_KEY for key in keys):
        raise ValidationError(
            {"keys": f"1 to {MOST_KEYS_ASKED} keys of at most {LONGEST_KEY} characters, with commas."}
        )
    return keys


def _read_refresh(request: Request) -> bool:
    raw = request.query_params.get("refresh", "false")
    if raw not in {"true", "false"}:
        raise ValidationError({"refresh": "true or false."})
    return raw == "true"
