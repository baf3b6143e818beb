"""What the services refuse, as answers: 400 with the field and the reason's name, 409 where the state of things forbids it."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from rest_framework.exceptions import ErrorDetail, ValidationError

from smartcharging.services.circuits import CircuitRefused
from tenants.api.exceptions import Conflict

CONFLICTS = frozenset({"connector_taken", "has_children", "gone"})
# The models' names, as clients know them.
CIRCUIT_NAMES = {
    "parent": "parentId",
    "base_load_a": "baseLoadA",
    "minimum_a": "minimumA",
    "fallback_a": "fallbackA",
    "rotation_s": "rotationSeconds",
    "raise_step_a": "raiseStepA",
    "hysteresis_a": "hysteresisA",
    "hold_s": "holdSeconds",
    "tolerance_percent": "tolerancePercent",
    "tolerance_s": "toleranceSeconds",
    "price_zone": "priceZone",
    "solar_import_a": "solarImportA",
    "has_meter": "hasMeter",
    "meter_counts_chargers": "meterCountsChargers",
    "meter_silent_s": "meterSilentSeconds",
    # Of members.
    "circuit": "circuitId",
    "charge_point": "chargePointId",
    "evse_number": "connectorId",
    "max_a": "maxA",
}


@contextmanager
def circuit_refusals() -> Iterator[None]:
    """CircuitRefused as ValidationError or Conflict."""
    try:
        yield
    except CircuitRefused as refused:
        if refused.reason in CONFLICTS:
            raise Conflict(refused.sentence, code=refused.reason) from None
        details: dict[str, list[ErrorDetail]] = {}
        for problem in refused.problems:
            name = CIRCUIT_NAMES.get(problem.field, problem.field)
            details.setdefault(name, []).append(ErrorDetail(problem.sentence, problem.reason))
        raise ValidationError(details) from None


def field_error(names: Mapping[str, str], field: str, reason: str, sentence: str) -> ValidationError:
    """One refusal of one field, by its name in `names`."""
    return ValidationError({names.get(field, field): [ErrorDetail(sentence, reason)]})
