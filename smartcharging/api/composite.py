"""`/chargepoints/{id}/connectors/{n}/composite-schedule`: what a connector may take, as we work it out or as it says."""

from datetime import datetime
from typing import Any

from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from chargepoints.api.command_rows import LONGEST_WAIT_S, WAIT
from chargepoints.api.sending import SendingViewSet
from chargepoints.api.waiting import wait_for_commands
from chargepoints.models import Command
from smartcharging.profiles.shapes import CompositePeriod, Unit
from smartcharging.profiles.units import limit_to_send
from smartcharging.selectors import composite_of
from smartcharging.services.schedule_answers import NotReported, read_answer
from tenants.api.exceptions import Conflict
from tenants.api.parameters import read_number, read_time, utc

DEFAULT_DURATION_S, LONGEST_DURATION_S = 86_400, 7 * 86_400
DEFAULT_WAIT_S = 10
CSMS, STATION = "csms", "chargepoint"
# Beyond these the arithmetic of time zones fails.
FIRST_YEAR, LAST_YEAR = 2000, 2999
QUERY = [
    OpenApiParameter(
        "duration",
        {"type": "integer", "minimum": 1, "maximum": LONGEST_DURATION_S, "default": DEFAULT_DURATION_S},
        description="Seconds.",
    ),
    OpenApiParameter("chargingRateUnit", {"type": "string", "enum": ["A", "W"], "default": "A"}),
    OpenApiParameter("startTime", OpenApiTypes.DATETIME, description="Ours only; left out: now."),
    OpenApiParameter("source", {"type": "string", "enum": [CSMS, STATION], "default": CSMS}),
    WAIT,
]


class CompositePeriodSerializer(serializers.Serializer[Any]):
    startPeriod = serializers.IntegerField(help_text="Seconds from scheduleStart on.")
    limit = serializers.FloatField(allow_null=True, help_text="null: nobody limits it.")
    numberPhases = serializers.IntegerField(allow_null=True)


class CompositeSerializer(serializers.Serializer[Any]):
    source = serializers.ChoiceField([CSMS, STATION])  # type: ignore[assignment]  # (a field of ours)
    connectorId = serializers.IntegerField()
    scheduleStart = serializers.DateTimeField()
    duration = serializers.IntegerField(allow_null=True, help_text="null: the charge point leaves the end open.")
    chargingRateUnit = serializers.ChoiceField(["A", "W"])
    chargingSchedulePeriod = CompositePeriodSerializer(many=True)


class CompositeScheduleViewSet(SendingViewSet):
    """Two answers to the same question, for comparing."""

    scope = "charging-profiles"
    serializer_class: Any = CompositeSerializer
    extra_parameters = {"composite_schedule": {"duration", "chargingRateUnit", "startTime", "source"}}
    _asked: Command | None = None

    @extend_schema(parameters=QUERY, responses=CompositeSerializer, filters=False)
    @action(detail=True, methods=["get"], url_path=r"connectors/(?P<connector_id>[0-9]{1,4})/composite-schedule")
    def composite_schedule(self, request: Request, charge_point_id: str, connector_id: str) -> Response:
        """By the profiles that the charge point holds; with `source=chargepoint` by GetCompositeSchedule (OCPP 1.6 §5.7).

        The charge point has 10 s to answer, or `wait`. 409: it is offline, it refuses, or no answer came.
        """
        duration = read_number(request, "duration", LONGEST_DURATION_S)
        if duration == 0:
            raise ValidationError({"duration": "At least 1."})
        duration = duration or DEFAULT_DURATION_S
        unit: Unit = "W" if _choice(request, "chargingRateUnit", ("A", "W")) == "W" else "A"
        start = _read_start(request)
        if _choice(request, "source", (CSMS, STATION)) == STATION:
            if start is not None:
                raise ValidationError({"startTime": "A charge point is asked from now on."})
            return self._ask(int(connector_id), duration, unit)
        start = start or timezone.now()
        periods = composite_of(self.get_object(), int(connector_id), start, duration, unit)
        return Response(_shown(CSMS, int(connector_id), start, duration, unit, periods))

    def _ask(self, connector_id: int, duration: int, unit: str) -> Response:
        if "wait" not in self.request.query_params:
            self._wait_s = float(DEFAULT_WAIT_S)
        payload = {"connectorId": connector_id, "duration": duration, "chargingRateUnit": unit}
        self._asked = self._command("GetCompositeSchedule", payload, timeout_s=LONGEST_WAIT_S)
        # Written when the answer is there.
        return Response({})

    def after_commit(self, response: Any) -> Any:
        if self._asked is None:
            return response
        asked = self._asked
        command = wait_for_commands(self.tenant.pk, [asked.pk], self._wait_s)[asked.pk]
        if not command.is_final:
            raise Conflict("The charge point has not answered in time.", code="no_answer")
        answer = read_answer(command)
        if isinstance(answer, NotReported):
            raise Conflict(f"The charge point gave no schedule: {answer.detail}.", code="not_reported")
        connector_id = command.payload["connectorId"]
        response.data = _shown(STATION, connector_id, answer.start, answer.duration_s, answer.unit, answer.periods)
        return response


def _shown(
    source: str, connector_id: int, start: datetime, duration: int | None, unit: Unit, periods: Any
) -> dict[str, Any]:
    return {
        "source": source,
        "connectorId": connector_id,
        "scheduleStart": start.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "duration": duration,
        "chargingRateUnit": unit,
        "chargingSchedulePeriod": [_period(one, unit) for one in periods],
    }


def _period(period: CompositePeriod, unit: Unit) -> dict[str, Any]:
    limit = None if period.limit is None else float(limit_to_send(period.limit, unit))
    return {"startPeriod": period.start_s, "limit": limit, "numberPhases": period.phases}


def _read_start(request: Request) -> datetime | None:
    start = read_time(request, "startTime")
    if start is None:
        return None
    start = utc("startTime", start)
    if not FIRST_YEAR <= start.year <= LAST_YEAR:
        raise ValidationError({"startTime": "Out of range."})
    return start


def _choice(request: Request, name: str, values: tuple[str, ...]) -> str:
    value = request.query_params.get(name, values[0])
    if value not in values:
        raise ValidationError({name: f"One of {', '.join(values)}."})
    return value
