"""A row of every model for each tenant, its texts filled with the tenant's marks.

A new model is filled by itself: texts with marks, references with the tenant's own rows, the rest with defaults. What that
doesn't suit stands in ROWS.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import connections, models
from django.utils import timezone

from chargepoints.files.addresses import digest_of
from chargepoints.models import Gateway
from tenants.models import Tenant, User
from tenants.sealing import seal
from tests.chargepoints.pki import certificate_of, new_key, pem
from tests.conftest import superuser
from tests.isolation.marks import B, Marks

# Of both tenants' sockets: gateways belong to nobody. Its lease has run out: all stations are offline.
GATEWAY = UUID("cccccccc-0000-4000-8000-000000000001")
HERE = "tests/isolation/stock.py"


def recently() -> datetime:
    """Ten minutes ago, to the minute: within what lists and dashboards show of the past."""
    return timezone.now().replace(second=0, microsecond=0) - timedelta(minutes=10)


def soon() -> datetime:
    return recently() + timedelta(days=2)


def _certificate(marks: Marks) -> str:
    return pem(certificate_of(f"{marks.hidden}authority", key=new_key(), authority=True))


def _file(marks: Marks, folder: str) -> str:
    name = f"{marks.number}/{folder}/{marks.slug}-file"
    path = Path(settings.MEDIA_ROOT) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(f"{marks.hidden}content".encode())
    return name


SCHEDULE = {"unit": "A", "periods": [{"start": 0, "limit": "16", "phases": None}], "minRate": None}
ELEMENTS = [{"price_components": [{"type": "ENERGY", "price": 0.2, "step_size": 1}]}]

# What the columns of a model hold where filling them by their kind won't do.
ROWS: dict[str, Callable[[Marks], dict[str, Any]]] = {
    "tenants.Tenant": lambda marks: {
        **{"slug": marks.slug, "timezone": "UTC", "currency": "EUR", "mqtt_topic_prefix": "ocpp"},
        **{"unknown_charge_points": "reject", "unknown_id_tags": "accept", "allow_unauthenticated": marks is B},
        **{"two_factor": "", "database": ""},
        **{"api_rate_limit": 10_000_000, "max_charge_points": None},
    },
    "tenants.Membership": lambda marks: {"role": "admin"},
    # Open, so that its pages do something.
    "tenants.Invitation": lambda marks: {"expires_at": soon()},
    "tenants.ApiKey": lambda marks: {"prefix": marks.slug[:12], "scopes": []},
    "tenants.AuditEntry": lambda marks: {
        **{"object_type": "chargepoint", "object_id": str(marks.number)},
        "changes": {"name": ["", f"{marks.hidden}name"]},
    },
    "tenants.OutboxEvent": lambda marks: {
        **{"event_type": "session.started", "charge_point": marks.key},
        "data": {"sessionId": marks.number, "idTag": f"{marks.hidden}tag"},
    },
    "tenants.Webhook": lambda marks: {
        **{"url": f"https://{marks.hidden.lower()}hook.example.com/", "event_types": []},
        **{"secret": seal("whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "webhook"), "old_secret": ""},
        "disabled_reason": "",
    },
    "tenants.WebhookDelivery": lambda marks: {"state": "dead", "attempts": 5, "charge_point": marks.key},
    # A caller of A's has the name of one of B's.
    "tenants.IdempotentAnswer": lambda marks: {
        **{"key": f"{marks.slug}-order", "actor": f"{B.hidden}person", "path": "/api/v1/id-tags", "status": 201},
        "answer": {"success": True, "data": {"idTag": f"{marks.hidden}tag"}},
    },
    "chargepoints.ChargePoint": lambda marks: {
        **{"identity": marks.key, "identity_key": marks.key.lower(), "tags": [f"{marks.hidden}group"]},
        **{
            "boot_info": {"iccid": f"{marks.hidden}sim"},
            "security_profile": 0 if marks is B else 1,
            "ocpp_version": "1.6",
        },
        **{"next_password": "", "next_password_hash": "", "status": "Available", "error_code": "NoError"},
        **{"last_seen_at": recently(), "desired_configuration": {"LightIntensity": f"{marks.hidden}wish"}},
    },
    "chargepoints.Site": lambda marks: {"timezone": ""},
    "chargepoints.Connector": lambda marks: {"status": "Available", "error_code": "NoError"},
    "chargepoints.StatusChange": lambda marks: {"status": "Available", "error_code": "NoError"},
    "chargepoints.IdTag": lambda marks: {"token": marks.key, "token_key": marks.key.lower()},
    "chargepoints.Transaction": lambda marks: {
        **{"protocol_id": str(marks.number), "id_tag": marks.key, "verdict": "Accepted", "stop_id_tag": ""},
        **{"last_register_wh": Decimal(2500), "last_power_w": Decimal(7200), "last_reading_at": recently()},
        **{"stop_reason": "", "stopped_by": "", "reservation_id": None},
    },
    "chargepoints.UnmatchedStop": lambda marks: {"protocol_id": str(marks.number)},
    "chargepoints.Command": lambda marks: {
        **{"action": "RemoteStartTransaction", "payload": {"idTag": f"{marks.hidden}tag"}, "expires_at": soon()},
        **{"error_code": "", "error_description": "", "outcome": ""},
    },
    "chargepoints.BulkCommand": lambda marks: {
        **{"action": "Reset", "payload": {"type": "Soft"}, "total": 1, "expires_at": soon()},
        "filter": {"search": f"{marks.hidden}search"},
    },
    "chargepoints.Reservation": lambda marks: {
        **{"protocol_id": marks.number, "id_tag": marks.key, "state": "active", "expires_at": soon()},
    },
    "chargepoints.SignInAttempt": lambda marks: {
        **{"identity": f"{marks.key}-X", "identity_key": f"{marks.key}-X".lower(), "reason": "unknown"},
    },
    "chargepoints.AuthorizationWebhook": lambda marks: {
        **{"url": f"https://{marks.hidden.lower()}tags.example.com/", "secret": "", "enabled": False},
    },
    "chargepoints.LocalAuthList": lambda marks: {"entries": {marks.key: {"status": "Accepted"}}, "state": "in_step"},
    "chargepoints.ConfigurationKey": lambda marks: {"key": "LightIntensity"},
    "chargepoints.FirmwareFile": lambda marks: {
        **{"file": _file(marks, "firmware"), "url": "", "signature": "", "signing_certificate": ""},
        **{"size": 1, "sha256": "0" * 64},
    },
    "chargepoints.FirmwareRollout": lambda marks: {"start_at": soon()},
    "chargepoints.FirmwareUpdate": lambda marks: {
        **{"token_digest": digest_of(marks.token), "state": "sent", "deadline_at": soon(), "location": ""},
    },
    "chargepoints.StationUpload": lambda marks: {
        **{"token_digest": digest_of(marks.token), "expires_at": soon(), "file": _file(marks, "uploads")},
        **{"location": "", "filename": f"{marks.hidden}file.log", "size": 1, "sha256": "0" * 64, "state": "received"},
    },
    "chargepoints.CertificateAuthority": lambda marks: {"certificate": _certificate(marks), "private_key": ""},
    "chargepoints.StationCertificate": lambda marks: {
        **{"certificate": _certificate(marks), "request": _certificate(marks), "state": "installed"},
        **{"not_before": recently(), "not_after": soon() + timedelta(days=900), "fingerprint": marks.slug},
    },
    "chargepoints.SecurityEvent": lambda marks: {"type": "ResetOrReboot"},
    "chargepoints.LoggedMessage": lambda marks: {
        **{"direction": "in", "kind": 2, "action": "Heartbeat", "message_id": marks.key, "error_code": ""},
        "payload": f'[2,"{marks.hidden}m","Heartbeat",{{}}]',
    },
    "metering.Series": lambda marks: {
        "measurand": "Power.Active.Import",
        "phase": "",
        "location": "Outlet",
        "unit": "W",
    },
    "metering.SignedReading": lambda marks: {"measurand": "SoC", "location": "EV"},
    "metering.QuarantinedReading": lambda marks: {"reason": "clock", "reading": {"value": f"{marks.hidden}value"}},
    "metering.Bucket": lambda marks: {
        **{
            "period": 1,
            "start": recently().replace(minute=0),
            "end": recently().replace(minute=0) + timedelta(hours=1),
        },
        **{"evse_number": 1, "energy_source": "register"},
    },
    "metering.FleetBucket": lambda marks: {
        "period": 1,
        "start": recently().replace(minute=0),
        "end": recently().replace(minute=0) + timedelta(hours=1),
    },
    "metering.BucketStatistics": lambda marks: {"period": 1, "start": recently().replace(minute=0)},
    "metering.Threshold": lambda marks: {"measurand": "Voltage", "min_value": None, "max_value": Decimal(marks.number)},
    "metering.Alert": lambda marks: {
        "kind": "threshold",
        "measurand": "Voltage",
        "unit": "V",
        "phase": "",
        "key": marks.slug,
    },
    "metering.Tariff": lambda marks: {"currency": "EUR", "elements": ELEMENTS, "max_price": None, "min_price": None},
    "metering.TariffAssignment": lambda marks: {"id_tag": None, "site": None},
    "metering.SessionTariff": lambda marks: {
        "snapshot": {
            **{"id": marks.number, "name": f"{marks.hidden}tariff", "currency": "EUR", "elements": ELEMENTS},
            **{"min_price": None, "max_price": None, "timezone": "UTC"},
        }
    },
    "metering.ChargeDetailRecord": lambda marks: {
        **{"charge_point": marks.key, "id_tag": marks.key, "currency": "EUR", "tariff": None, "lines": []},
        **{"number": marks.record, "stopped_at": recently()},
    },
    "metering.SessionAnalytics": lambda marks: {"content": None, "due_at": soon()},
    "metering.RecordDue": lambda marks: {"due_at": soon()},
    "metering.MeteringSettings": lambda marks: {"hour_days": 30 + marks.number % 10},
    "smartcharging.ProfileTemplate": lambda marks: {"schedule": SCHEDULE, "purpose": "tx_default", "kind": "relative"},
    "smartcharging.ChargingProfile": lambda marks: {
        **{"schedule": SCHEDULE, "purpose": "tx_default", "kind": "relative", "recurrency": ""},
        **{"state": "installed", "profile_id": marks.number},
    },
    "smartcharging.Circuit": lambda marks: {"capacity": Decimal(63), "price_zone": marks.key},
    "smartcharging.CircuitMember": lambda marks: {"wiring": "RST"},
    "smartcharging.Allotment": lambda marks: {"reason": "equal_share"},
    "smartcharging.LimitSent": lambda marks: {"reason": "equal_share", "limit_a": Decimal(16)},
    "smartcharging.CircuitLimit": lambda marks: {"limit_a": Decimal(10), "end_at": soon()},
    "smartcharging.CircuitMeter": lambda marks: {"source": f"{marks.hidden}meter"},
    "smartcharging.CircuitRound": lambda marks: {"strategy": "equal"},
    "smartcharging.EnergyPrice": lambda marks: {"zone": marks.key, "currency": "EUR", "end_at": soon()},
    "smartcharging.ScheduleCheck": lambda marks: {"unit": "A", "result": "equal"},
}


def owned_models() -> list[type[models.Model]]:
    """Tenant itself, and all models whose rows belong to one."""
    return [
        model
        for model in apps.get_models()
        if model is Tenant or any(field.name == "tenant" for field in model._meta.concrete_fields)
    ]


def fill(marks: Marks) -> None:
    """A row of every model for one tenant; its administrator, whose password is the user name, twice."""
    person = User(pk=marks.number, username=f"{marks.hidden}person", email=f"{marks.hidden}person@example.com")
    person.set_password(person.username * 2)
    person.save(using="system", force_insert=True)
    for model in owned_models():
        insert(model, marks)


def add_gateway() -> None:
    """The one that both tenants' sockets name."""
    long_ago = recently() - timedelta(days=1)
    Gateway(id=GATEWAY, host="gone", pid=1, channel="gone", started_at=long_ago, seen_at=long_ago).save(using="system")


@contextmanager
def numbered_beyond(sequence: str, connection: "psycopg.Connection[tuple[Any, ...]] | None" = None) -> Iterator[None]:
    """As if our rows' numbers had come from the sequence: readers of the feed go as far as it has come."""
    connection = connection or superuser()
    before = connection.execute(f"SELECT last_value, is_called FROM {sequence}").fetchone()
    connection.execute("SELECT setval(%s, %s)", [sequence, 2 * B.number])
    yield
    connection.execute("SELECT setval(%s, %s, %s)", [sequence, *(before or (1, False))])


def insert(model: type[models.Model], marks: Marks, **changes: Any) -> None:
    """One row, past all walls and checks of references."""
    given = ROWS.get(model._meta.label, lambda _: {})(marks) | changes
    fields = [field for field in model._meta.concrete_fields if field.column and not field.generated]
    unknown = set(given) - {field.name for field in fields}
    assert not unknown, f"{HERE}: {model._meta.label} has no {unknown}"
    values = [_stored(field, given[field.name] if field.name in given else value_of(field, marks)) for field in fields]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    places = ", ".join(["%s"] * len(fields))
    statement = f'INSERT INTO "{model._meta.db_table}" ({columns}) OVERRIDING SYSTEM VALUE VALUES ({places})'
    try:
        superuser().execute(statement, values)
    except Exception as error:
        pytest.fail(f"{HERE}: say in ROWS how a row of {model._meta.label} is filled: {error}")


def _stored(field: Any, value: Any) -> Any:
    return field.get_db_prep_save(value, connections["default"])


def value_of(field: Any, marks: Marks) -> Any:
    """What suits the kind of field: the tenant's own marks wherever they fit."""
    if isinstance(field, models.ForeignKey):
        return _reference(field, marks)
    if field.primary_key or field.name in {"transaction_id", "id"}:
        return marks.uuid if isinstance(field, models.UUIDField) else marks.number
    if field.choices:
        return field.get_default() or next(key for key, _ in field.choices if key not in ("", None))
    if isinstance(field, models.EmailField):
        return f"{marks.hidden}{field.name}@example.com"
    if isinstance(field, models.CharField | models.TextField):
        return _text(field, marks)
    return _plain(field, marks)


def _reference(field: Any, marks: Marks) -> Any:
    target = field.remote_field.model
    if target is Gateway:
        return GATEWAY
    if target is field.model:
        return None
    return marks.uuid if isinstance(target._meta.pk, models.UUIDField) else marks.number


def _text(field: Any, marks: Marks) -> str:
    """As much of the marks as goes in; what is too short for them has its default."""
    longest = field.max_length or 10_000
    text = f"{marks.hidden}{field.model._meta.model_name}-{field.name}"
    return text[:longest] if longest > len(marks.hidden) else field.get_default() or ""


def _plain(field: Any, marks: Marks) -> Any:
    if isinstance(field, models.UUIDField):
        return marks.uuid
    if isinstance(field, ArrayField):
        return []
    if field.null:
        return None
    if field.has_default() and not isinstance(field, models.DateTimeField):
        return field.get_default()
    if isinstance(field, models.DateTimeField):
        return recently()
    kinds: dict[type[Any], Any] = {
        models.JSONField: {"name": f"{marks.hidden}{field.name}"},
        models.TimeField: time(8, tzinfo=None),
        models.BooleanField: False,
        models.DateField: datetime.now(UTC).date(),
    }
    return next((value for kind, value in kinds.items() if isinstance(field, kind)), 1)
