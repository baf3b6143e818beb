"""What a threshold may be about. Callers hold the scope."""

from ocpp.v16.enums import Measurand

from metering.models import Series

STANDARD = sorted(str(measurand.value) for measurand in Measurand)


def is_measurand(name: str) -> bool:
    """One of OCPP's, or one of their own that the tenant's stations have sent."""
    return name in STANDARD or Series.objects.filter(measurand=name).exists()


def measurands() -> list[str]:
    """OCPP's, then the stations' own."""
    own = Series.objects.exclude(measurand__in=STANDARD).order_by("measurand").values_list("measurand", flat=True)
    return [*STANDARD, *own.distinct()[:200]]
