"""`GET /chargepoints/{id}/meter-values/aggregate`: hours, days, weeks and months."""

from collections import defaultdict
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.api.charge_points import StationViewSet
from metering.models import Bucket, BucketStatistics, EnergySource, Period
from metering.selectors import bucket_statistics, buckets
from tenants.api.parameters import read_number, read_time
from tenants.api.serializers import ExactDecimal
from tenants.context import report_transaction

PERIODS = {"hour": Period.HOUR, "day": Period.DAY, "week": Period.WEEK, "month": Period.MONTH}
# What is answered without a range, and the longest range.
USUAL = {
    "hour": timedelta(days=1),
    "day": timedelta(days=31),
    "week": timedelta(weeks=26),
    "month": timedelta(days=366),
}
LONGEST = {
    "hour": timedelta(days=31),
    "day": timedelta(days=366),
    "week": timedelta(days=3653),
    "month": timedelta(days=3653),
}
LARGEST_CONNECTOR = 1000


class MeasurandSerializer(serializers.Serializer[Any]):
    measurand = serializers.CharField(source="series.measurand")
    phase = serializers.CharField(source="series.phase")
    location = serializers.CharField(source="series.location")
    unit = serializers.CharField(source="series.unit")
    min = serializers.FloatField(source="minimum")
    max = serializers.FloatField(source="maximum")
    avg = serializers.SerializerMethodField()
    sum = serializers.FloatField(source="total")
    count = serializers.IntegerField()
    last = serializers.FloatField()
    lastTime = serializers.DateTimeField(source="last_at")

    def get_avg(self, row: BucketStatistics) -> float:
        return float(row.total / row.count)


class BucketSerializer(serializers.Serializer[Any]):
    connectorId = serializers.IntegerField(source="evse_number", help_text="0: the station's main meter.")
    startTime = serializers.DateTimeField(source="start")
    endTime = serializers.DateTimeField(source="end")
    totalEnergy = serializers.SerializerMethodField(help_text="kWh, exact.")
    maxPower = serializers.SerializerMethodField(help_text="kW; null where no power was sent.")
    avgPower = serializers.SerializerMethodField(help_text="kW: mean of the readings of power, else energy by time.")
    sampleCount = serializers.IntegerField(source="sample_count")
    energySource = serializers.ChoiceField(
        EnergySource.choices, source="energy_source", help_text="Where totalEnergy comes from."
    )
    estimated = serializers.BooleanField(
        help_text="A gap, a reset or a change of meters was bridged: the sum holds, its place in time is a guess."
    )
    complete = serializers.SerializerMethodField(help_text="False while the period runs.")
    measurands = serializers.SerializerMethodField()

    def get_totalEnergy(self, row: Bucket) -> str:
        return _kilo(row.energy_wh)

    def get_maxPower(self, row: Bucket) -> str | None:
        return None if row.max_power_w is None else _kilo(row.max_power_w)

    def get_avgPower(self, row: Bucket) -> str | None:
        if row.power_count and row.power_sum_w is not None:
            return _kilo(round(row.power_sum_w / row.power_count, 3))
        if not row.energy_source:
            return None
        hours = Decimal((row.end - row.start) // timedelta(seconds=1)) / 3600
        return _kilo(round(row.energy_wh / hours, 3))

    def get_complete(self, row: Bucket) -> bool:
        return bool(row.end <= self.context["now"])

    def get_measurands(self, row: Bucket) -> list[dict[str, Any]]:
        found = self.context["statistics"].get((row.evse_number, row.start), [])
        return list(MeasurandSerializer(found, many=True).data)


class AggregateViewSet(StationViewSet):
    """Summed-up readings."""

    scope = "meter-values"
    pagination_class = None
    filter_backends: Any = ()
    serializer_class = BucketSerializer
    extra_parameters = {"aggregate": {"period", "connectorId", "startTime", "endTime"}}

    @extend_schema(
        parameters=[
            OpenApiParameter("period", {"type": "string", "enum": list(PERIODS)}, description="Default: hour."),
            OpenApiParameter("connectorId", {"type": "integer", "minimum": 0, "maximum": LARGEST_CONNECTOR}),
            OpenApiParameter(
                "startTime", OpenApiTypes.DATETIME, description="Default: a day, month, half year or year ago."
            ),
            OpenApiParameter("endTime", OpenApiTypes.DATETIME, description="Default: now."),
        ],
        responses=BucketSerializer(many=True),
    )
    @action(detail=False)
    def aggregate(self, request: Request, charge_point_id: str) -> Response:
        """One bucket for each connector and period that begins in the range, oldest first.

        Hours are those of UTC; days, weeks (from Monday) and months those of the tenant's time zone.
        """
        station, now = self.get_object(), timezone.now()
        name = request.query_params.get("period", "hour")
        if name not in PERIODS:
            raise ValidationError({"period": f"One of {', '.join(PERIODS)}."})
        start, end = _range(request, name, now)
        wanted: dict[str, Any] = {
            "charge_point_id": station.pk,
            "period": PERIODS[name],
            "start": start,
            "end": end,
            "evse_number": read_number(request, "connectorId", LARGEST_CONNECTOR),
        }
        statistics: defaultdict[tuple[int, datetime], list[BucketStatistics]] = defaultdict(list)
        with report_transaction(self.tenant.pk):
            for row in bucket_statistics(**wanted):
                statistics[row.series.evse_number, row.start].append(row)
            context = {"statistics": statistics, "now": now}
            return Response(BucketSerializer(buckets(**wanted), many=True, context=context).data)


def _range(request: Request, name: str, now: datetime) -> tuple[datetime, datetime]:
    end = read_time(request, "endTime") or now
    start = read_time(request, "startTime")
    if start is None:
        try:
            return end - USUAL[name], end
        except OverflowError:
            raise ValidationError({"endTime": "Out of range."}) from None
    if start >= end:
        raise ValidationError({"startTime": "Must be before endTime."})
    if end - start > LONGEST[name]:
        raise ValidationError({"startTime": f"At most {LONGEST[name].days} days before endTime for this period."})
    return start, end


def _kilo(value: Decimal) -> str:
    return str(ExactDecimal().to_representation(value / 1000))
