"""OCPP-J itself: framing, validation, error codes, registry, dispatch, pending calls. Knows no model and no socket."""
