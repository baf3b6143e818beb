"""OCPP 1.6: translate, call a service, translate back. One small file per group of actions.

Importing the package registers the handlers.
"""

from chargepoints.ocpp16 import (
    authorize,
    boot,
    configuration,
    data_transfer,
    diagnostics,
    firmware,
    heartbeat,
    local_list,
    reservations,
    security,
    status,
    transactions,
)

__all__ = [
    "authorize",
    "boot",
    "configuration",
    "data_transfer",
    "diagnostics",
    "firmware",
    "heartbeat",
    "local_list",
    "reservations",
    "security",
    "status",
    "transactions",
]
