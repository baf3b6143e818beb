"""Serializers that refuse what they don't know."""

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
    """A decimal as a string, so that no client rounds it: `"1234.567"`, trailing zeros cut."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=30, decimal_places=6, coerce_to_string=True, normalize_output=True, **kwargs)

    def to_representation(self, value: Any) -> Any:
        shown = super().to_representation(value)
        return f"{value.normalize():f}" if "E" in str(shown) else shown
