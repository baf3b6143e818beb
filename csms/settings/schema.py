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
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "csms.api.schema.wrap_in_envelope",
    ],
    "ENUM_NAME_OVERRIDES": {
        "TransactionStatus": ["active", "stopped", "inferred"],
        "CommandStatus": ["queued", "sent", "accepted", "rejected", "failed", "timed_out", "cancelled"],
        "ResetType": ["Hard", "Soft"],
        "Severity": "metering.models.alert.Severity",
        "AvailabilityType": ["Inoperative", "Operative"],
        "BulkCommandStatus": "chargepoints.models.bulk.BulkCommand.State",
        "IdTagType": "chargepoints.models.id_tag.IdTag.Type",
        "ConnectorStatus": "chargepoints.models.connector.ConnectorStatus",
        "IdTagStatus": ["Accepted", "Blocked"],
        "CircuitKind": "smartcharging.models.circuit.Circuit.Kind",
        "CircuitUnit": "smartcharging.models.circuit.Circuit.Unit",
        "ChargingProfilePurpose": ["ChargePointMaxProfile", "TxDefaultProfile", "TxProfile"],
        "Registration": ["Accepted", "Pending", "Rejected"],
    },
}
