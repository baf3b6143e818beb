"""OpenAPI settings: the schema is the contract for clients (API.md)."""

from typing import Any

SPECTACULAR: dict[str, Any] = {
    "TITLE": "CSMS REST API",
    "DESCRIPTION": "Charge points, sessions, commands and readings of one tenant.",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "SCHEMA_PATH_PREFIX": r"/api/v1",
}
