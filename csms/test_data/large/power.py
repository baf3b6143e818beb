"""Load management of a large tenant: circuits, what was sent to their members, profiles, prices, what drivers need."""

from csms.test_data.large.fleet import Size
from csms.test_data.large.rows import Rows, literal
from metering.models import IdTagLimit
from smartcharging.models import ChargingProfile, Circuit, CircuitMember, EnergyPrice, IdTagNeed, LimitSent

# The rest has a connection that is large enough.
SITES_WITH_A_CIRCUIT = 5
SCHEDULE = {"unit": "A", "periods": [{"start": 0, "limit": "16", "phases": None}], "duration": None, "minRate": None}


def make_circuits(rows: Rows) -> None:
    """One at every fifth site, with all connectors of it but the fast ones."""
    of_tenant = f"tenant_id = {rows.tenant_id}"
    rows.insert(
        Circuit,
        {
            "name": "'Connection ' || s.name",
            "site_id": "s.id",
            "capacity": "63",
            "strategy": "'equal'",
            "enabled": "false",
        },
        f"FROM chargepoints_site s JOIN made_site m ON m.id = s.id WHERE m.n % {SITES_WITH_A_CIRCUIT} = 0 ORDER BY m.n",
    )
    rows.insert(
        CircuitMember,
        {"circuit_id": "x.id", "charge_point_id": "o.charge_point_id", "evse_number": "o.evse_number"},
        "FROM made_outlet o JOIN made_station c ON c.id = o.charge_point_id JOIN smartcharging_circuit x "
        f"ON x.site_id = c.site_id AND x.{of_tenant} WHERE o.habit <> 'fast' ORDER BY o.n",
    )
    rows.run(
        "CREATE TEMP TABLE made_member ON COMMIT DROP AS SELECT id, circuit_id, charge_point_id, evse_number "
        f"FROM smartcharging_circuitmember WHERE {of_tenant}"
    )
    rows.run("ANALYZE made_member")


def make_limits(rows: Rows) -> None:
    """What was sent to the members while they charged in the last weeks, and the profiles that carried it."""
    result = rows.pick("s.key", 121, ["accepted"] * 30 + ["rejected", "timed_out", "offline"])
    at = "s.started_at + number * interval '25 minutes'"
    member = "made_member m ON m.charge_point_id = s.charge_point_id AND m.evse_number = s.evse_number"
    rows.insert(
        LimitSent,
        {
            "circuit_id": "m.circuit_id",
            "member_id": "m.id",
            "charge_point_id": "s.charge_point_id",
            "evse_number": "s.evse_number",
            "transaction_id": "s.id",
            "at": at,
            "limit_a": f"6 + floor({rows.chance('s.key * 10 + number', 122)} * 26)",
            "reason": rows.pick("s.key * 10 + number", 123, ["equal_share", "lent", "capacity", "waits"]),
            "cause": rows.pick("s.key * 10 + number", 124, ["session_started", "session_stopped", "readings"]),
            "result": result,
            "result_at": f"{at} + interval '2 seconds'",
        },
        f"FROM made_recent s JOIN {member} CROSS JOIN generate_series(0, 5) number WHERE {at} < s.stopped_at "
        f"AND {at} < {rows.at} ORDER BY {at}",
    )
    rows.insert(
        ChargingProfile,
        {
            "purpose": "'tx'",
            "kind": "'relative'",
            "schedule": literal(SCHEDULE),
            "charge_point_id": "s.charge_point_id",
            "evse_number": "s.evse_number",
            "profile_id": "nextval('smartcharging_profile_id')",
            "transaction_id": "s.id",
            "state": "'dropped'",
            "source": "'circuit'",
            "created_at": "s.started_at",
            "installed_at": "s.started_at + interval '2 seconds'",
            "ended_at": "s.stopped_at",
        },
        f"FROM made_recent s JOIN {member} WHERE s.stopped_at < {rows.at} ORDER BY s.started_at",
    )


def make_prices(rows: Rows, size: Size, currency: str) -> None:
    """Day-ahead prices, hour by hour until tomorrow: cheap by night and at noon."""
    hour = "extract(hour FROM at)"
    rows.insert(
        EnergyPrice,
        {
            "zone": "'DE'",
            "start_at": "at",
            "end_at": "at + interval '1 hour'",
            "price": f"round((0.09 - 0.04 * sin(({hour} - 2) * pi() / 6) + 0.05 * ({rows.chance('n', 125)} - 0.5))::numeric, 6)",
            "currency": f"'{currency}'",
        },
        f"FROM generate_series(date_trunc('day', {rows.at}) - interval '{size.days} days', date_trunc('day', {rows.at}) "
        "+ interval '47 hours', interval '1 hour') WITH ORDINALITY g (at, n)",
    )


def make_wishes(rows: Rows) -> None:
    """Limits and needs of every twentieth tag."""
    tags = "FROM made_tag WHERE n % 20 = {} ORDER BY n"
    rows.insert(
        IdTagLimit,
        {"id_tag_id": "id", "max_energy_wh": f"10000 + 1000 * floor({rows.chance('n', 126)} * 40)"},
        tags.format(3),
    )
    rows.insert(
        IdTagNeed,
        {"id_tag_id": "id", "departure_time": "time '07:30'", "energy_wh": "20000", "priority": "n % 5"},
        tags.format(9),
    )
