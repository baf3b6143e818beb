"""Every failure in the envelope: `{"success": false, "message", "data": null, "errors": [{code, detail, field}]}`."""

from typing import Any

import structlog
from django.core.exceptions import BadRequest, PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.core.exceptions import ValidationError as ModelValidationError
from django.http import Http404, UnreadablePostError
from rest_framework import exceptions, status
from rest_framework.response import Response

from tenants.databases.fence import TenantMoving
from tenants.periodic import AWAY

log = structlog.get_logger(__name__)


class Conflict(exceptions.APIException):
    """The state of things forbids it: offline, already finished."""

    status_code = status.HTTP_409_CONFLICT
    default_code = "conflict"


class Unprocessable(exceptions.APIException):
    """An idempotency key used for another request."""

    status_code = status.HTTP_422_UNPROCESSABLE_ENTITY
    default_code = "idempotency_key_reused"


class TooLarge(exceptions.APIException):
    """A body over DATA_UPLOAD_MAX_MEMORY_SIZE."""

    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_code = "too_large"
    default_detail = "The body is too large."


class Unavailable(exceptions.APIException):
    """The database is away: nothing was done, the same request may be sent again."""

    status_code = status.HTTP_503_SERVICE_UNAVAILABLE
    default_code = "unavailable"
    default_detail = "The database can't be reached. Try again in a few seconds."
    wait = 4


class BeingMoved(Unavailable):
    """The tenant's rows are on the way to another database: nothing was done."""

    default_code = "being_moved"
    default_detail = "The tenant's data is being moved. Try again in a minute."
    wait = TenantMoving.retry_after_s - 1


def handle_exception(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler. What nobody expected is a 500 without details, logged with them."""
    error = _as_api_exception(error)
    if not isinstance(error, exceptions.APIException):
        log.exception("request failed", path=context["request"].path)
        return failure(500, "Something went wrong on our side.", [entry("internal", "See the log by the request id.")])
    headers = {}
    challenge, wait = getattr(error, "auth_header", None), getattr(error, "wait", None)
    if challenge:
        headers["WWW-Authenticate"] = str(challenge)
    if wait is not None:
        headers["Retry-After"] = str(int(wait) + 1)
    errors = flatten(error.detail)
    message = "The request is not valid." if isinstance(error, exceptions.ValidationError) else errors[0]["detail"]
    return failure(error.status_code, message, errors, headers)


def _as_api_exception(error: Exception) -> Exception:
    """Django's own refusals as DRF's; anything else as it is."""
    if isinstance(error, AWAY):
        log.warning("database away", error=str(error).partition("\n")[0][:200])
        return Unavailable()
    if isinstance(error, TenantMoving):
        return BeingMoved()
    if isinstance(error, ModelValidationError):
        return exceptions.ValidationError(_model_errors(error))
    if isinstance(error, Http404):
        return exceptions.NotFound()
    if isinstance(error, PermissionDenied):
        return exceptions.PermissionDenied()
    if isinstance(error, RequestDataTooBig):
        return TooLarge()
    # Too many parameters, a host that isn't ours; a client that hung up while it sent its body.
    if isinstance(error, SuspiciousOperation | BadRequest | UnreadablePostError):
        return exceptions.ParseError("The request can't be read.")
    return error


def failure(code: int, message: str, errors: list[dict[str, Any]], headers: dict[str, str] | None = None) -> Response:
    return Response(
        {"success": False, "message": message, "data": None, "errors": errors}, status=code, headers=headers or {}
    )


def entry(code: str, detail: str, field: str | None = None) -> dict[str, Any]:
    """One error. `field` is the path in the request (`chargingProfile.stackLevel`), None for the whole."""
    return {"code": code, "detail": detail, "field": field}


def flatten(detail: Any, path: str = "") -> list[dict[str, Any]]:
    """DRF's nested details as a flat list."""
    if isinstance(detail, dict):
        return [
            error
            for key, inner in detail.items()
            for error in flatten(inner, path if key == "non_field_errors" else f"{path}.{key}".strip("."))
        ]
    if isinstance(detail, list):
        nested = [
            flatten(inner, f"{path}.{index}" if isinstance(inner, dict) else path) for index, inner in enumerate(detail)
        ]
        return [error for errors in nested for error in errors]
    return [entry(str(getattr(detail, "code", "invalid")), str(detail), path or None)]


def _model_errors(error: ModelValidationError) -> Any:
    return error.message_dict if hasattr(error, "error_dict") else {"non_field_errors": error.messages}
