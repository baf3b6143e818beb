"""The base of all views: tenant scope, envelope, idempotency, strict parameters."""

import json
from collections.abc import Callable
from typing import Any

from django.http import HttpResponseBase
from rest_framework.exceptions import NotFound
from rest_framework.metadata import SimpleMetadata
from rest_framework.permissions import AllowAny
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from tenants.api.authentication import Caller
from tenants.api.idempotency import claim, give_up, keep_answer, read_key
from tenants.api.parameters import AcceptNegotiation, refuse_parameters
from tenants.api.parsers import StrictJSONParser, fault_of
from tenants.context import tenant_transaction
from tenants.models import Tenant


class PlainMetadata(SimpleMetadata):
    """What OPTIONS tells: name and formats. The fields are in the schema; DRF would look up objects to list them."""

    def determine_actions(self, request: Request, view: Any) -> dict[str, Any]:
        return {}


class EnvelopeMixin(APIView):
    """Strict about what comes in; successful answers in the envelope, errors come in it already."""

    parser_classes: Any = (StrictJSONParser,)
    content_negotiation_class = AcceptNegotiation
    metadata_class = PlainMetadata
    rate_headers: dict[str, str]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """As DRF's, who calls being known; then refuse what no view could take."""
        # First: the throttle of sign-ins looks into the body.
        _measure_chunked_body(request)
        super().initial(request, *args, **kwargs)
        if any(fault_of(value) for value in kwargs.values() if isinstance(value, str)):
            raise NotFound
        refuse_parameters(request, self.known_parameters())

    def known_parameters(self) -> set[str]:
        """The query parameters that the view takes."""
        return set()

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        final: Response = super().finalize_response(request, response, *args, **kwargs)
        for name, value in getattr(self, "rate_headers", {}).items():
            final[name] = value
        if isinstance(response, Response) and response.status_code < 400 and response.status_code != 204:
            final.data = envelope(response)
        return final


def envelope(response: Response) -> Any:
    """`{"success": true, "message", "data"}`, `meta` for pages."""
    if isinstance(response.data, dict) and response.data.get("success") is True and "data" in response.data:
        return response.data
    body = {"success": True, "message": getattr(response, "message", "OK"), "data": response.data}
    meta = getattr(response, "meta", None)
    return body if meta is None else body | {"meta": meta}


def _measure_chunked_body(request: Request) -> None:
    """DRF takes a body without a Content-Length for none: a change sent in chunks would be answered and not made."""
    if "CONTENT_LENGTH" not in request.META and "HTTP_TRANSFER_ENCODING" in request.META:
        request.META["CONTENT_LENGTH"] = str(len(request.body))


class TenantViewSet(EnvelopeMixin, GenericViewSet[Any]):
    """Every action runs in one transaction of the caller's tenant, committed before the answer leaves."""

    scope = "none"
    required_roles: dict[str, str] = {}
    # Query parameters beyond those of paging and filtering, by action.
    extra_parameters: dict[str, set[str]] = {}

    @property
    def caller(self) -> Caller:
        auth = self.request.auth
        assert isinstance(auth, Caller)  # noqa: S101 (permission was checked)
        return auth

    @property
    def tenant(self) -> Tenant:
        return self.caller.access.tenant

    def known_parameters(self) -> set[str]:
        known = set(self.extra_parameters.get(self.action or "", set()))
        if self.action in {"list", *getattr(self, "list_actions", ())}:
            known |= set(getattr(self.paginator, "parameters", ()))
            filterset = getattr(self, "filterset_class", None)
            if filterset is not None:
                known |= set(filterset.base_filters)
        return known

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """As DRF's, with the handler in the tenant's transaction."""
        self.args, self.kwargs = args, kwargs
        drf_request = self.initialize_request(request, *args, **kwargs)
        self.request, self.headers = drf_request, self.default_response_headers
        try:
            self.initial(drf_request, *args, **kwargs)
            name = (drf_request.method or "").lower()
            known = name in self.http_method_names
            handler = getattr(self, name, self.http_method_not_allowed) if known else self.http_method_not_allowed
            response = self._run(drf_request, lambda: self._handle(handler, name))
            response = self.after_commit(response)
        except Exception as error:
            response = self.handle_exception(error)
        self.response = self.finalize_response(drf_request, response, *args, **kwargs)
        return self.response

    def find_parent(self) -> None:
        """Http404 where the address lies below something that isn't there; before anything of the body is looked at."""

    def _handle(self, handler: Callable[..., Any], method: str) -> Any:
        if self.action is not None and method != "options":
            self.find_parent()
        return handler(self.request, *self.args, **self.kwargs)

    def after_commit(self, response: Any) -> Any:
        """For views that wait on something: no transaction is open here."""
        return response

    def _run(self, request: Request, handle: Callable[[], Any]) -> Any:
        key = read_key(request)
        if key is None:
            with tenant_transaction(self.tenant.pk):
                return handle()
        row = claim(request, key)
        if row.status:
            replayed = Response(row.answer, status=row.status, headers={"Idempotent-Replayed": "true"})
            replayed.replayed = True  # type: ignore[attr-defined]
            return replayed
        try:
            with tenant_transaction(self.tenant.pk):
                response = handle()
                # As it will be read: decimals and times turned into text.
                keep_answer(row, response.status_code, json.loads(JSONRenderer().render(envelope(response))))
                return response
        except Exception:
            give_up(row)
            raise


class NotFoundView(EnvelopeMixin):
    """Every other path under the API: 404 in the envelope."""

    authentication_classes: Any = ()
    permission_classes: Any = (AllowAny,)
    throttle_classes: Any = ()
    schema = None

    def dispatch(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
        drf_request = self.initialize_request(request, *args, **kwargs)
        self.request, self.headers = drf_request, self.default_response_headers
        self.args, self.kwargs, self.format_kwarg = args, kwargs, None
        drf_request.accepted_renderer, drf_request.accepted_media_type = self.perform_content_negotiation(
            drf_request, force=True
        )
        self.response = self.finalize_response(drf_request, self.handle_exception(NotFound()))
        return self.response
