"""The OpenAPI schema says what really leaves: the envelope around every answer, and every failure."""

from typing import Any

ERRORS = {
    "400": "The request is not valid; one error per field.",
    "401": "No or bad credentials.",
    "403": "Not your role, or the tenant is suspended.",
    "404": "There is no such object in your tenant.",
    "405": "This method is not for this path.",
    "406": "The Accept header takes nothing that is served here.",
    "409": "The state of things forbids it.",
    "413": "The body is larger than this server takes.",
    "415": "Only JSON is taken.",
    "422": "The idempotency key was used for another request.",
    "429": "Too many requests; see Retry-After.",
    "500": "Something went wrong on our side.",
}
META = {
    "count": {"count": {"type": "integer"}},
    "cursor": {},
}


def wrap_in_envelope(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """drf-spectacular postprocessing hook."""
    result.setdefault("components", {}).setdefault("schemas", {})["Failure"] = _failure()
    for path, operations in result.get("paths", {}).items():
        if not path.startswith("/api/v1/") or path.endswith("/schema"):
            continue
        for method, operation in operations.items():
            _wrap(operation, method)
    return result


def _wrap(operation: dict[str, Any], method: str) -> None:
    for code, response in operation["responses"].items():
        if code.startswith("2"):
            for media_type, content in response.get("content", {}).items():
                # A file comes as it is.
                if media_type.endswith("json"):
                    content["schema"] = _envelope(content["schema"])
    # Views go by the Accept header alone (tenants.api.parameters).
    if "parameters" in operation:
        operation["parameters"] = [known for known in operation["parameters"] if known["name"] != "format"]
    failure = {"schema": {"$ref": "#/components/schemas/Failure"}}
    for code, text in ERRORS.items():
        operation["responses"].setdefault(code, {"description": text, "content": {"application/json": failure}})
    if method == "post":
        operation.setdefault("parameters", []).append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "schema": {"type": "string", "minLength": 1, "maxLength": 200},
                "description": "The same key and body gives the first answer again.",
            }
        )


def _envelope(schema: dict[str, Any]) -> dict[str, Any]:
    properties = {"success": {"type": "boolean"}, "message": {"type": "string"}, "data": schema}
    if schema.get("type") == "array":
        properties["meta"] = {
            "type": "object",
            "properties": {
                "count": {"type": "integer"},
                "next": {"type": "string", "nullable": True},
                "previous": {"type": "string", "nullable": True},
                "limit": {"type": "integer"},
            },
        }
        schema.pop("x-paged", None)
    return {"type": "object", "properties": properties, "required": ["success", "message", "data"]}


def _failure() -> dict[str, Any]:
    error = {
        "type": "object",
        "properties": {
            "code": {"type": "string"},
            "detail": {"type": "string"},
            "field": {"type": "string", "nullable": True},
        },
        "required": ["code", "detail", "field"],
    }
    return {
        "type": "object",
        "properties": {
            "success": {"type": "boolean"},
            "message": {"type": "string"},
            "data": {"nullable": True},
            "errors": {"type": "array", "items": error},
        },
        "required": ["success", "message", "data", "errors"],
    }
