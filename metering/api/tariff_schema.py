"""OCPI 2.2.1 tariff elements as OpenAPI has them. What is checked, and how, is in metering.pricing.tariff."""

from typing import Any

from metering.pricing.tariff import DAYS, MAX_ELEMENTS, Dimension

_AMOUNT: dict[str, Any] = {"type": "number", "minimum": 0, "maximum": 10**8, "description": "At most four decimals."}
_TIME: dict[str, Any] = {"type": "string", "pattern": "^([01][0-9]|2[0-3]):[0-5][0-9]$"}
_DATE: dict[str, Any] = {"type": "string", "format": "date"}
_WHOLE: dict[str, Any] = {"type": "integer", "minimum": 0, "maximum": 10**9}
_COMPONENT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "type": {"type": "string", "enum": list(Dimension.__members__)},
        "price": _AMOUNT | {"description": "Per kWh, per hour, or (FLAT) per session; before tax."},
        "vat": _AMOUNT | {"maximum": 100, "nullable": True, "description": "Percent."},
        "step_size": _WHOLE | {"minimum": 1, "description": "Wh or seconds; billed once per session."},
    },
    "required": ["type", "price", "step_size"],
    "additionalProperties": False,
}
_RESTRICTIONS: dict[str, Any] = {
    "type": "object",
    "description": "All must hold. Times and dates are local to the site; lower bounds inclusive, upper ones exclusive.",
    "properties": {
        **dict.fromkeys(("start_time", "end_time"), _TIME),
        **dict.fromkeys(("start_date", "end_date"), _DATE),
        "day_of_week": {"type": "array", "items": {"type": "string", "enum": list(DAYS)}},
        **dict.fromkeys(("min_kwh", "max_kwh", "min_power", "max_power"), _AMOUNT),
        **dict.fromkeys(("min_duration", "max_duration"), _WHOLE),
    },
    "additionalProperties": False,
}
ELEMENTS: dict[str, Any] = {
    "type": "array",
    "minItems": 1,
    "maxItems": MAX_ELEMENTS,
    "items": {
        "type": "object",
        "properties": {
            "price_components": {"type": "array", "minItems": 1, "items": _COMPONENT},
            "restrictions": _RESTRICTIONS,
        },
        "required": ["price_components"],
        "additionalProperties": False,
    },
}
