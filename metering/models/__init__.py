"""Models of the metering app."""

from metering.models.aggregate import (
    AggregationState,
    Bucket,
    BucketStatistics,
    DirtyRange,
    EnergySource,
    FleetBucket,
    Period,
)
from metering.models.alert import Alert, AlertRecipient, Severity, Threshold
from metering.models.analytics import SessionAnalytics
from metering.models.limits import IdTagLimit, RemoteStartLimit, SessionLimit
from metering.models.sample import QuarantinedReading, Sample, Series, SignedReading
from metering.models.settings import MeteringSettings
from metering.models.tariff import ChargeDetailRecord, RecordDue, SessionTariff, Tariff, TariffAssignment

__all__ = [
    "AggregationState",
    "Alert",
    "AlertRecipient",
    "Bucket",
    "BucketStatistics",
    "ChargeDetailRecord",
    "DirtyRange",
    "EnergySource",
    "FleetBucket",
    "IdTagLimit",
    "MeteringSettings",
    "Period",
    "QuarantinedReading",
    "RecordDue",
    "RemoteStartLimit",
    "Sample",
    "Series",
    "SessionAnalytics",
    "SessionLimit",
    "SessionTariff",
    "Severity",
    "SignedReading",
    "Tariff",
    "TariffAssignment",
    "Threshold",
]
