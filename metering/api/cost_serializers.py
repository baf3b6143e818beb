"""What costs and charge detail records look like over REST, and what a correction is asked for with."""

import dataclasses
from decimal import Decimal
from fractions import Fraction
from typing import Any

from rest_framework import serializers

from chargepoints.models import Transaction
from metering.models import ChargeDetailRecord
from metering.pricing.cost import Cost, price_of
from metering.pricing.lines import Line, Price, priced_line
from tenants.api.serializers import ExactDecimal, StrictSerializer

MOST_LINES = 50


class LineSerializer(serializers.Serializer[Any]):
    type = serializers.ChoiceField(["FLAT", "ENERGY", "TIME", "PARKING_TIME", "MIN_PRICE", "MAX_PRICE", "CORRECTION"])
    element = serializers.IntegerField(allow_null=True, help_text="Of the tariff, from 0.")
    text = serializers.CharField()
    quantity = ExactDecimal()
    unit = serializers.ChoiceField(["kWh", "h", ""])
    roundedUp = ExactDecimal(source="rounded_up", help_text="What step_size added; part of `quantity`.")
    price = ExactDecimal(help_text="Of one unit, before tax.")
    vat = ExactDecimal(allow_null=True, help_text="Percent; null: no tax applies.")
    amount = ExactDecimal(help_text="Before tax, half-up to four decimals.")
    tax = ExactDecimal()


class TaxSerializer(serializers.Serializer[Any]):
    vat = ExactDecimal(allow_null=True)
    net = ExactDecimal()
    tax = ExactDecimal()


class PriceSerializer(serializers.Serializer[Any]):
    """Totals are in the currency's smallest unit, half-up; the taxes add up to them."""

    currency = serializers.CharField()
    lines = LineSerializer(many=True)
    taxes = TaxSerializer(many=True)
    totalExclTax = ExactDecimal(source="total_excl_tax")
    totalTax = ExactDecimal(source="total_tax")
    totalInclTax = ExactDecimal(source="total_incl_tax")
    energyWh = ExactDecimal(source="energy_wh")
    chargingSeconds = serializers.IntegerField(source="charging_seconds")
    parkingSeconds = serializers.IntegerField(source="parking_seconds")


class CostSerializer(PriceSerializer):
    transactionId = serializers.IntegerField(help_text="`id` of /transactions.")
    asOf = serializers.DateTimeField()
    final = serializers.BooleanField(help_text="Stands in a charge detail record.")
    recordNumber = serializers.CharField(allow_null=True)
    tariffName = serializers.CharField(allow_null=True, help_text="null: no tariff applied when it started.")
    timezone = serializers.CharField(help_text="Of the tariff's local times.")


class RecordSerializer(PriceSerializer):
    number = serializers.CharField()
    revision = serializers.IntegerField()
    corrects = serializers.CharField(allow_null=True)
    correctedBy = serializers.CharField(allow_null=True, help_text="null: this one holds.")
    reason = serializers.CharField()
    createdTime = serializers.DateTimeField()
    createdBy = serializers.CharField(help_text="Empty: the system.")
    transactionId = serializers.IntegerField(help_text="`id` of /transactions.")
    chargePointId = serializers.CharField()
    connectorId = serializers.IntegerField()
    idTag = serializers.CharField()
    startTime = serializers.DateTimeField()
    stopTime = serializers.DateTimeField()
    meterStartWh = ExactDecimal()
    meterStopWh = ExactDecimal()
    tariff = serializers.JSONField(allow_null=True, help_text="As it was when the session began.")


class NewLine(StrictSerializer):
    text = serializers.CharField(max_length=120)
    quantity = serializers.DecimalField(14, 4, min_value=0, default=Decimal(1))
    price = serializers.DecimalField(12, 4, help_text="Of one, before tax; below zero: a credit.")
    vat = serializers.DecimalField(7, 4, min_value=0, max_value=100, allow_null=True, default=None)

    def line(self, given: dict[str, Any]) -> Line:
        quantity = Fraction(given["quantity"])
        return priced_line("CORRECTION", quantity, given["price"], given["vat"], text=given["text"])


class Correction(StrictSerializer):
    """`lines`: these are charged instead (an empty list: nothing is). Else the frozen tariff, on `energyWh` if given."""

    reason = serializers.CharField(max_length=240)
    energyWh = serializers.DecimalField(13, 3, source="energy_wh", min_value=0, required=False)
    lines = serializers.ListField(child=NewLine(), max_length=MOST_LINES, required=False)


def cost_data(session: Transaction, cost: Cost) -> Any:
    fields = {
        **_fields(cost.price),
        "transactionId": session.pk,
        "asOf": cost.at,
        "final": cost.final,
        "recordNumber": cost.record.number if cost.record else None,
        "tariffName": cost.snapshot["name"] if cost.snapshot else None,
        "timezone": cost.timezone,
    }
    return CostSerializer(fields).data


def record_data(record: ChargeDetailRecord) -> Any:
    fields = {
        **_fields(price_of(record)),
        "number": record.number,
        "revision": record.revision,
        "corrects": record.corrects.number if record.corrects else None,
        "correctedBy": getattr(record, "corrected_by", None),
        "reason": record.reason,
        "createdTime": record.created_at,
        "createdBy": record.created_by,
        "transactionId": record.transaction_id,
        "chargePointId": record.charge_point,
        "connectorId": record.connector,
        "idTag": record.id_tag,
        "startTime": record.started_at,
        "stopTime": record.stopped_at,
        "meterStartWh": record.meter_start_wh,
        "meterStopWh": record.meter_stop_wh,
        "tariff": record.tariff,
    }
    return RecordSerializer(fields).data


def _fields(price: Price) -> dict[str, Any]:
    return {field.name: getattr(price, field.name) for field in dataclasses.fields(price)}
