"""What endpoints that send commands share: refusals by field, 202 or the end with `?wait=`."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.api.charge_points import StationViewSet
from chargepoints.api.command_requests import OURS, CommandRequest
from chargepoints.api.command_rows import LONGEST_WAIT_S, WAIT, CommandSerializer
from chargepoints.api.waiting import wait_for_commands
from chargepoints.models import Command
from chargepoints.protocol.errors import OcppError
from chargepoints.services.commands import StationOffline, send_command
from tenants.api.exceptions import Conflict
from tenants.context import tenant_transaction


@contextmanager
def refusals(prefix: str = "") -> Iterator[None]:
    """What `send_command` refuses, as failures of the request; paths in the payload stand below `prefix`."""
    try:
        yield
    except StationOffline:
        raise Conflict("The charge point is offline.") from None
    except OcppError as error:
        raise ValidationError(faults_of(error, prefix)) from None


def faults_of(error: OcppError, prefix: str = "") -> dict[str, str]:
    """One error per field. `action` is a field of ours, not of the payload."""
    faults = error.details.get("errors") or [{"path": "", "fault": error.description}]
    return {_field(fault["path"], prefix): fault["fault"] for fault in faults}


def _field(path: str, prefix: str) -> str:
    if path == "action" or not prefix:
        return path or "payload"
    return f"{prefix}.{path}".rstrip(".")


def command_schema(request: type[CommandRequest]) -> Callable[[Any], Any]:
    """How an endpoint that sends a command is documented."""
    decorate: Callable[[Any], Any] = extend_schema(
        request=request, responses={202: CommandSerializer}, parameters=[WAIT]
    )
    return decorate


class SendingViewSet(StationViewSet):
    """Commands below a charge point."""

    scope = "commands"
    serializer_class = CommandSerializer
    pagination_class = None
    filter_backends: Any = ()
    _wait_s = 0.0

    def known_parameters(self) -> set[str]:
        return super().known_parameters() | {"wait"}

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        raw = request.query_params.get("wait", "0")
        if not (raw.isascii() and raw.isdigit() and int(raw[:6]) <= LONGEST_WAIT_S):
            raise ValidationError({"wait": f"A whole number of seconds, at most {LONGEST_WAIT_S}."})
        self._wait_s = float(raw)

    def after_commit(self, response: Any) -> Any:
        """`?wait=`: look until the command has ended. No transaction and no connection is held meanwhile."""
        if getattr(response, "replayed", False) or not self._wait_s:
            return response
        command_id = response.data["commandId"]
        wait_for_commands(self.tenant.pk, [command_id], self._wait_s)
        with tenant_transaction(self.tenant.pk):
            command = Command.objects.select_related("charge_point").get(pk=command_id)
            response.data = CommandSerializer(command).data
        return response

    def _read(self, kind: type[CommandRequest], request: Request) -> tuple[dict[str, Any], dict[str, Any]]:
        """(payload, our own options) of a request that is right."""
        given = kind(data=request.data)
        given.is_valid(raise_exception=True)
        payload = dict(given.validated_data)
        return payload, {name: payload.pop(name) for name in OURS if name in payload}

    def _order(self, name: str, kind: type[CommandRequest], request: Request) -> Response:
        """Send what was asked for, as it is."""
        payload, options = self._read(kind, request)
        return self._send(name, payload, **options)

    def _send(self, name: str, payload: dict[str, Any], **options: Any) -> Response:
        return self._accepted(self._command(name, payload, **options))

    def _command(self, name: str, payload: dict[str, Any], *, prefix: str = "", **options: Any) -> Command:
        with refusals(prefix):
            return send_command(
                charge_point=self.get_object(),
                action=name,
                payload=payload,
                requested_by=self.caller.actor,
                origin="api",
                **options,
            )

    def _accepted(self, command: Command) -> Response:
        return Response(CommandSerializer(command).data, status=status.HTTP_202_ACCEPTED)
