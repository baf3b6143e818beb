"""How circuits and their members are shown."""

from collections.abc import Iterable
from typing import Any

from rest_framework import serializers

from smartcharging.circuit_rules import warnings_of
from smartcharging.circuit_selectors import ROOT_FIELDS, fuses_of, plugs_of, roots_by_circuit
from smartcharging.models import Circuit, CircuitMember, Strategy
from tenants.api.serializers import ExactDecimal


class CircuitMemberSerializer(serializers.ModelSerializer[CircuitMember]):
    circuitId = serializers.IntegerField(source="circuit_id")
    chargePointId = serializers.CharField(source="charge_point.identity")
    connectorId = serializers.IntegerField(source="evse_number")
    wiring = serializers.ChoiceField(
        CircuitMember.Wiring.choices, help_text="What its own L1, L2, L3 hang on: R, S, T are the circuit's L1, L2, L3."
    )
    maxA = ExactDecimal(source="max_a")
    minimumA = ExactDecimal(source="minimum_a", allow_null=True, help_text="Null: the root's.")
    fallbackA = ExactDecimal(source="fallback_a", allow_null=True, help_text="Null: the root's.")
    createdTime = serializers.DateTimeField(source="created_at")

    class Meta:
        model = CircuitMember
        fields = [
            *("id", "circuitId", "chargePointId", "connectorId", "wiring", "maxA", "minimumA", "fallbackA"),
            *("priority", "createdTime"),
        ]


class CircuitName(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    name = serializers.CharField()


class CircuitWarning(serializers.Serializer[Any]):
    code = serializers.CharField(source="reason")
    detail = serializers.CharField(source="sentence")


class CircuitSerializer(serializers.ModelSerializer[Circuit]):
    """What only a root has is null below it."""

    site = serializers.CharField(source="site.name", default=None, allow_null=True)
    parentId = serializers.IntegerField(source="parent_id", allow_null=True)
    rootId = serializers.SerializerMethodField(help_text="Of the tree that it is in; its own where it is a root.")
    capacity = ExactDecimal()
    baseLoadA = ExactDecimal(source="base_load_a")
    hasMeter = serializers.BooleanField(source="has_meter")
    meterCountsChargers = serializers.BooleanField(source="meter_counts_chargers")
    meterSilentSeconds = serializers.IntegerField(source="meter_silent_s")
    strategy = serializers.ChoiceField(Strategy.choices, allow_null=True)
    minimumA = ExactDecimal(source="minimum_a", allow_null=True)
    fallbackA = ExactDecimal(source="fallback_a", allow_null=True)
    rotationSeconds = serializers.IntegerField(source="rotation_s", allow_null=True)
    raiseStepA = ExactDecimal(source="raise_step_a", allow_null=True)
    hysteresisA = ExactDecimal(source="hysteresis_a", allow_null=True)
    holdSeconds = serializers.IntegerField(source="hold_s", allow_null=True)
    lend = serializers.BooleanField(allow_null=True)
    tolerancePercent = serializers.IntegerField(source="tolerance_percent", allow_null=True)
    toleranceSeconds = serializers.IntegerField(source="tolerance_s", allow_null=True)
    priceZone = serializers.CharField(source="price_zone", allow_null=True)
    solarImportA = ExactDecimal(source="solar_import_a", allow_null=True)
    children = CircuitName(many=True)
    members = CircuitMemberSerializer(many=True)
    warnings = serializers.SerializerMethodField(help_text="What looks like a mistake and is safe all the same.")
    createdTime = serializers.DateTimeField(source="created_at")

    class Meta:
        model = Circuit
        fields = [
            *("id", "name", "kind", "site", "parentId", "rootId", "enabled", "unit", "capacity", "phases", "voltage"),
            *("baseLoadA", "hasMeter", "meterCountsChargers", "meterSilentSeconds", "strategy", "minimumA"),
            *("fallbackA", "rotationSeconds", "raiseStepA", "hysteresisA", "holdSeconds", "lend"),
            *("tolerancePercent", "toleranceSeconds", "priceZone", "solarImportA", "children", "members"),
            *("warnings", "createdTime"),
        ]

    def get_rootId(self, row: Circuit) -> int:
        roots: dict[int, int] = self.context["roots"]
        return roots[row.pk]

    def get_warnings(self, row: Circuit) -> list[dict[str, str]]:
        root: Circuit = row if row.parent is None else self.context["root_rows"][self.get_rootId(row)]
        fuses = fuses_of([root, row, *([] if row.parent is None else [row.parent])])
        found = warnings_of(fuses, plugs_of(row.members.all(), root)).get(row.pk, [])
        shown: list[dict[str, str]] = CircuitWarning(found, many=True).data  # type: ignore[assignment]
        return shown

    def to_representation(self, instance: Circuit) -> dict[str, Any]:
        shown: dict[str, Any] = super().to_representation(instance)
        if instance.parent_id is not None:
            for name, field in self.fields.items():
                if field.source in ROOT_FIELDS:
                    shown[name] = None
        return shown


def circuit_context(rows: Iterable[Circuit]) -> dict[str, Any]:
    """What the serializer needs beside the rows."""
    rows = list(rows)
    known = {row.pk: row.pk for row in rows if row.parent_id is None}
    if len(known) == len(rows):
        return {"roots": known, "root_rows": {}}
    roots = roots_by_circuit()
    return {"roots": roots, "root_rows": Circuit.objects.in_bulk({roots[row.pk] for row in rows})}
