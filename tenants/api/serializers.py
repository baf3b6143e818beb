"""Serializers that refuse what they don't know."""

from decimal import Decimal
from typing import Any

from rest_framework import serializers


class StrictSerializer(serializers.Serializer[Any]):
    """Unknown fields are errors: a misspelled one must not be taken for an absent one."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = {key: ["Unknown field."] for key in data if key not in self.fields}
            if unknown:
                raise serializers.ValidationError({str(key)[:80]: value for key, value in unknown.items()})
        return super().to_internal_value(data)


class ExactDecimal(serializers.DecimalField):
    """A decimal as a string, so that no client rounds it: `"1234.567"`, trailing zeros cut.

    `max_digits` and `decimal_places` bound what is taken; what is given is never rounded.
    """

    def __init__(self, *, max_digits: int = 30, decimal_places: int = 6, **kwargs: Any) -> None:
        super().__init__(max_digits=max_digits, decimal_places=decimal_places, coerce_to_string=True, **kwargs)

    def to_representation(self, value: Any) -> str:
        return plain_decimal(value if isinstance(value, Decimal) else Decimal(str(value)))


def plain_decimal(value: Decimal) -> str:
    """Exact, without an exponent or trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
