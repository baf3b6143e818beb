"""Models of the metering app."""

from metering.models.sample import QuarantinedReading, Sample, Series, SignedReading

__all__ = ["QuarantinedReading", "Sample", "Series", "SignedReading"]
