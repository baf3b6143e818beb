"""A company whose stations charge: days of sessions, most stations online, some charging, a circuit, alerts, rows of every list."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from django.core.management import call_command
from django.utils import timezone

from chargepoints.models import ChargePoint, Command, Connector, IdTag, StatusChange, Transaction
from metering.models import Alert, ChargeDetailRecord, Tariff
from metering.pricing.tasks import make_due_records
from smartcharging.models import Circuit, ProfileTemplate
from smartcharging.services.fleet_load import record_fleet_load
from tenants.context import tenant_transaction
from tenants.models import Tenant, User
from tests.admin.readings_data import make_busy
from tests.admin.smart_charging_data import make_circuit, make_member, make_profile, make_rounds
from tests.api.conftest import bring_online, make_station
from tests.conftest import make_user

SLUG = "test-1"
CHARGING = 4


@dataclass(frozen=True, slots=True)
class Lively:
    """Its people (an administrator of it, one of the platform), and what the pages are about."""

    tenant: Tenant
    olga: User
    petra: User
    station: ChargePoint
    session: Transaction
    circuit: Circuit

    def first(self, model: type[Any]) -> Any:
        """The key of a row of that model."""
        with tenant_transaction(self.tenant.pk):
            return model.objects.values_list("pk", flat=True).first()


def make_lively(*, stations: int = 10, days: int = 2) -> Lively:
    """All of it; takes some seconds."""
    with open("/dev/null", "w") as nowhere:
        call_command("create_test_data", tenants=1, charge_points=stations, days=days, stdout=nowhere, stderr=nowhere)
    make_due_records()
    tenant = Tenant.objects.using("system").get(slug=SLUG)
    now = timezone.now().replace(microsecond=0)
    # One that reads all measurands that there are.
    make_station(tenant, "SIM-0000")
    with tenant_transaction(tenant.pk):
        rows = list(ChargePoint.objects.order_by("identity"))
    bring_online(*rows[:-2])
    sessions = [_begin_session(row, number, now) for number, row in enumerate(rows[:CHARGING])]
    make_busy(rows[0], now, session_id=sessions[0].pk)
    _open_alert(rows[1], now)
    circuit = _make_circuit(tenant, rows, sessions, now)
    for minutes in (20, 10, 0):
        record_fleet_load(now - timedelta(minutes=minutes))
    people = make_user("olga", tenant), make_user("petra", None, superuser=True)
    return Lively(tenant, *people, rows[0], sessions[0], circuit)


def _begin_session(station: ChargePoint, number: int, now: datetime) -> Transaction:
    started = now - timedelta(hours=1, minutes=7 * number)
    with tenant_transaction(station.tenant_id):
        connector = Connector.objects.select_related("evse").filter(charge_point=station).order_by("pk")[0]
        Connector.objects.filter(pk=connector.pk).update(status="Charging", error_code="NoError", status_at=started)
        StatusChange.objects.create(
            tenant_id=station.tenant_id,
            charge_point=station,
            evse_number=1,
            status="Charging",
            error_code="NoError",
            at=started,
            received_at=started,
        )
        tag = IdTag.objects.order_by("pk")[number]
        return Transaction.objects.create(
            tenant_id=station.tenant_id,
            charge_point=station,
            evse=connector.evse,
            connector=connector,
            protocol_id=str(9000 + number),
            id_tag=tag.token,
            id_tag_row=tag,
            verdict="Accepted",
            started_at=started,
            start_received_at=started,
            meter_start_wh=Decimal(1000),
            last_register_wh=Decimal(7000 + 900 * number),
            last_power_w=Decimal(7200 - 800 * number),
            last_reading_at=now,
        )


def _open_alert(station: ChargePoint, now: datetime) -> None:
    with tenant_transaction(station.tenant_id):
        Alert.objects.create(
            tenant_id=station.tenant_id,
            charge_point=station,
            kind="clock",
            severity="warning",
            key="clock",
            detail="Its clock is 43 s ahead.",
            started_at=now - timedelta(hours=1),
            last_at=now,
        )
        Command.objects.create(
            tenant_id=station.tenant_id, charge_point=station, action="Reset", requested_by="olga", origin="admin"
        )


def _make_circuit(tenant: Tenant, rows: list[ChargePoint], sessions: list[Transaction], now: datetime) -> Circuit:
    root = make_circuit(tenant, base_load_a=Decimal(10))
    feeder = make_circuit(tenant, "Feeder", parent=root, kind="feeder", capacity=Decimal(40))
    for row, session in zip(rows[:2], sessions, strict=False):
        ledger = {"worst_a": 16, "sent_a": 16, "transaction_id": session.pk, "default_a": 0, "state": "confirmed"}
        make_member(feeder, row, allotment=ledger)
    make_rounds(root, now, 60)
    make_profile(rows[0])
    return root


def pages_of(lively: Lively) -> dict[str, str]:
    """The main pages, by name: paths of the back office."""
    station = f"/admin/chargepoints/chargepoint/{lively.station.pk}"
    rows = {
        "alert": f"/admin/metering/alert/{lively.first(Alert)}/change/",
        "record": f"/admin/metering/chargedetailrecord/{lively.first(ChargeDetailRecord)}/change/",
        "tariff": f"/admin/metering/tariff/{lively.first(Tariff)}/change/",
        "template": f"/admin/smartcharging/profiletemplate/{lively.first(ProfileTemplate)}/change/",
        "id tag": f"/admin/chargepoints/idtag/{lively.first(IdTag)}/change/",
    }
    return (
        {name: f"/admin/{path}" for name, path in LISTS.items()}
        | rows
        | {
            "session": f"/admin/chargepoints/transaction/{lively.session.pk}/change/",
            "circuit": f"/admin/smartcharging/circuit/{lively.circuit.pk}/change/",
            "profile editor": f"{station}/profiles/new/",
            **{f"station: {tab}": f"{station}/{tab}" for tab in TABS},
        }
    )


TABS = (
    *("change/", "readings/", "sessions/", "alerts/", "profiles/", "send/", "configuration/", "log/", "files/"),
    *(
        "local-list/",
        "security/",
        "notes/",
        "history/",
        "settings/",
        "remote-start/",
        "act/reset/",
        "send/?action=Reset",
    ),
)
LISTS = {
    "overview": "",
    "all tenants": "all-tenants/",
    "board": "board/",
    "map": "board/?view=map",
    "messages": "messages/",
    "usage": "usage/",
    "tenant": "tenant/",
    "configuration": "configuration/",
    "account": "account/",
    "two-factor": "account/two-factor/",
    "charge points": "chargepoints/chargepoint/",
    "new charge point": "chargepoints/chargepoint/add/",
    "import": "chargepoints/chargepoint/import/",
    "import tags": "chargepoints/idtag/import/",
    "id tags": "chargepoints/idtag/",
    "sites": "chargepoints/site/",
    "sessions": "chargepoints/transaction/",
    "commands": "chargepoints/command/",
    "commands to many": "chargepoints/bulkcommand/",
    "new command to many": "chargepoints/bulkcommand/new/",
    "reservations": "chargepoints/reservation/",
    "firmware": "chargepoints/firmwarefile/",
    "rollouts": "chargepoints/firmwarerollout/",
    "new rollout": "chargepoints/firmwarerollout/add/",
    "people": "tenants/membership/",
    "invite": "tenants/membership/invite/",
    "trail": "tenants/auditentry/",
    "webhooks": "tenants/webhook/",
    "new webhook": "tenants/webhook/add/",
    "API keys": "tenants/apikey/",
    "alerts": "metering/alert/",
    "records": "metering/chargedetailrecord/",
    "tariffs": "metering/tariff/",
    "new tariff": "metering/tariff/add/",
    "thresholds": "metering/threshold/",
    "new threshold": "metering/threshold/add/",
    "circuits": "smartcharging/circuit/",
    "limits sent": "smartcharging/limitsent/",
    "templates": "smartcharging/profiletemplate/",
    "prices": "smartcharging/energyprice/",
    "import prices": "smartcharging/energyprice/upload/",
}
