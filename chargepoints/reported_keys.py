"""What a station can do, by the configuration keys that it reported. None where it has not said. In the open scope."""

from chargepoints.models import ChargePoint, ConfigurationKey


def reported_value(station: ChargePoint, key: str) -> str | None:
    """As it stands in the last report, stripped."""
    row = ConfigurationKey.objects.filter(charge_point=station, key__iexact=key).values_list("value", flat=True).first()
    return None if row is None else row.strip()


def reported_flag(station: ChargePoint, key: str) -> bool | None:
    """A boolean key."""
    value = reported_value(station, key)
    return None if value is None or value.lower() not in {"true", "false"} else value.lower() == "true"


def reported_number(station: ChargePoint, key: str) -> int | None:
    """A whole number above 0; nonsense counts as not said."""
    value = reported_value(station, key)
    if value is None or not (value.isascii() and value.isdigit() and len(value) < 10):
        return None
    return int(value) or None


def supports_profile(station: ChargePoint, profile: str) -> bool | None:
    """Whether a feature profile is among SupportedFeatureProfiles (OCPP 1.6 §9.1.28)."""
    value = reported_value(station, "SupportedFeatureProfiles")
    if not value:
        return None
    return profile.lower() in {name.strip().lower() for name in value.split(",")}
