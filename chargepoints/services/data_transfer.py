"""Vendors' own messages. A vendor registers with `@vendor_message("com.acme", "Hello")`.

The handler is `handler(context, data) -> (status, data | None)` with status Accepted or Rejected.
"""

from collections.abc import Callable

from chargepoints.context import StationContext
from chargepoints.events import DataReceived
from tenants.context import tenant_transaction
from tenants.events import publish

VendorHandler = Callable[[StationContext, str], tuple[str, str | None]]
_handlers: dict[str, dict[str, VendorHandler]] = {}


def vendor_message(vendor_id: str, message_id: str = "") -> Callable[[VendorHandler], VendorHandler]:
    """Register the handler of a vendor's message; ValueError for a second one."""

    def register(handler: VendorHandler) -> VendorHandler:
        messages = _handlers.setdefault(vendor_id, {})
        if message_id in messages:
            raise ValueError(f"DataTransfer {vendor_id}/{message_id} has a handler already")
        messages[message_id] = handler
        return handler

    return register


def receive_data(context: StationContext, *, vendor_id: str, message_id: str, data: str) -> tuple[str, str | None]:
    """The vendor's answer, or UnknownVendorId / UnknownMessageId. Every one is published as an event."""
    messages = _handlers.get(vendor_id)
    answer: str | None = None
    if messages is None:
        status = "UnknownVendorId"
    elif message_id not in messages:
        status = "UnknownMessageId"
    else:
        status, answer = messages[message_id](context, data)
    with tenant_transaction(context.tenant_id):
        publish(
            DataReceived(
                charge_point=context.identity,
                at=context.received_at,
                vendor_id=vendor_id,
                message_id=message_id,
                content=data,
                status=status,
            )
        )
    return status, answer
