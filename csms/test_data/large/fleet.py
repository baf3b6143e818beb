"""Sites, stations, connectors, tags and tariffs of a large tenant; and what the later steps know them by."""

from dataclasses import dataclass

from chargepoints.models import ChargePoint, ConfigurationKey, Connector, Evse, IdTag, Site
from csms.test_data.fleet import ENERGY_ONLY, MODELS, WITH_PARKING
from csms.test_data.large.names import CITIES, FAMILIES, FIRST_NAMES, KEYS, STREETS
from csms.test_data.large.rows import Rows, literal, quoted
from metering.models import Tariff, TariffAssignment

# Name, elements, net price of a kWh, of an hour parked (after four hours).
TARIFFS = [
    ("Standard", ENERGY_ONLY, "0.49", "0"),
    ("Public, with parking", WITH_PARKING, "0.59", "6"),
    (
        "Fast charging",
        [{"price_components": [{"type": "ENERGY", "price": 0.69, "vat": 19, "step_size": 1}]}],
        "0.69",
        "0",
    ),
    ("Staff", [{"price_components": [{"type": "ENERGY", "price": 0.29, "vat": 19, "step_size": 1}]}], "0.29", "0"),
]
HABITS = ["public", "public", "public", "public", "work", "work", "work", "depot", "public", "work"]
VERSIONS = ["1.4.0", "1.4.2", "1.4.2", "2.0.0", "2.0.1", "2.0.1"]
TAGS_IN_A_GROUP = 80


@dataclass(frozen=True, slots=True)
class Size:
    """How much is made. `days`: of charging."""

    charge_points: int
    sessions: int
    days: int

    @property
    def sites(self) -> int:
        return max(1, self.charge_points // 4)

    @property
    def tags(self) -> int:
        return max(40, self.sessions // 100)

    @property
    def groups(self) -> int:
        return max(1, self.tags // TAGS_IN_A_GROUP)


def make_fleet(rows: Rows, size: Size, currency: str) -> None:
    """Leaves the temporary tables `made_outlet`, `made_tag` and `made_tariff` behind, for this transaction."""
    _make_sites(rows, size)
    _make_stations(rows, size)
    _make_outlets(rows)
    _make_tags(rows, size)
    _make_tariffs(rows, currency)
    _make_configuration(rows)
    for table in ("made_site", "made_station", "made_outlet", "made_tag", "made_tariff"):
        rows.run(f"ANALYZE {table}")


def _make_sites(rows: Rows, size: Size) -> None:
    cities = ", ".join(f"({number}, {quoted(name)}, {lat}, {lon})" for number, (name, lat, lon) in enumerate(CITIES))
    streets = ", ".join(quoted(one) for one in STREETS)
    street = (
        f"(ARRAY[{streets}])[1 + (n / {len(CITIES)}) % {len(STREETS)}] || ' ' || (1 + n / {len(CITIES) * len(STREETS)})"
    )
    rows.insert(
        Site,
        {
            "name": f"city || ', ' || {street}",
            "address": f"{street} || ', ' || city",
            "latitude": f"lat + ({rows.chance('n', 1)} - 0.5) * 0.12",
            "longitude": f"lon + ({rows.chance('n', 2)} - 0.5) * 0.18",
        },
        f"FROM generate_series(0, {size.sites - 1}) n JOIN (VALUES {cities}) c (number, city, lat, lon) "
        f"ON c.number = n % {len(CITIES)} ORDER BY n",
    )
    habits = ", ".join(quoted(one) for one in HABITS)
    rows.run(
        f"CREATE TEMP TABLE made_site ON COMMIT DROP AS SELECT n, id, (ARRAY[{habits}])[1 + (n % {len(HABITS)})::int] AS habit "
        f"FROM (SELECT id, row_number() OVER (ORDER BY id) - 1 AS n FROM chargepoints_site WHERE tenant_id = {rows.tenant_id}) s"
    )


def _make_stations(rows: Rows, size: Size) -> None:
    models = ", ".join(
        f"({number}, {quoted(vendor)}, {quoted(model)})" for number, (vendor, model, _) in enumerate(MODELS)
    )
    identity = "'SIM-' || lpad(g.n::text, greatest(4, length(g.n::text)), '0')"
    rows.insert(
        ChargePoint,
        {
            "identity": identity,
            "identity_key": f"lower({identity})",
            "name": "model || ' ' || g.n",
            "site_id": "s.id",
            "tags": f"jsonb_build_array('test data', {rows.pick('g.n', 3, ['ground floor', 'basement', 'outside'])})",
            "security_profile": "0",
            "ocpp_version": "'1.6'",
            "vendor": "vendor",
            "model": "model",
            "serial_number": f"upper(left(vendor, 2)) || lpad(floor({rows.chance('g.n', 4)} * 1e8)::bigint::text, 8, '0')",
            "firmware_version": rows.pick("g.n", 5, VERSIONS),
            "last_boot_at": f"{rows.at} - {rows.chance('g.n', 6)} * interval '40 days'",
        },
        f"FROM generate_series(1, {size.charge_points}) g (n) JOIN (VALUES {models}) m (number, vendor, model) "
        f"ON m.number = (g.n - 1) % {len(MODELS)} JOIN made_site s ON s.n = g.n % {size.sites} ORDER BY g.n",
    )
    rows.run(
        "CREATE TEMP TABLE made_station ON COMMIT DROP AS SELECT row_number() OVER (ORDER BY c.id) AS n, c.id, c.identity, "
        "c.vendor, c.model, c.site_id, s.habit FROM chargepoints_chargepoint c JOIN made_site s ON s.id = c.site_id "
        f"WHERE c.tenant_id = {rows.tenant_id}"
    )


def _make_outlets(rows: Rows) -> None:
    outlets = ", ".join(
        f"({quoted(vendor)}, {quoted(model)}, {number}, {power})"
        for vendor, model, powers in MODELS
        for number, power in enumerate(powers, 1)
    )
    wanted = f"made_station c JOIN (VALUES {outlets}) o (vendor, model, number, power) USING (vendor, model)"
    rows.insert(Evse, {"charge_point_id": "c.id", "number": "o.number"}, f"FROM {wanted} ORDER BY c.n, o.number")
    statuses = ["Available"] * 40 + ["Preparing", "Finishing", "Unavailable", "Faulted"]
    rows.insert(
        Connector,
        {
            "charge_point_id": "e.charge_point_id",
            "evse_id": "e.id",
            "status": rows.pick("c.n * 10 + e.number", 7, statuses),
            "error_code": "'NoError'",
            "status_at": f"{rows.at} - {rows.chance('c.n * 10 + e.number', 8)} * interval '3 days'",
        },
        f"FROM chargepoints_evse e JOIN made_station c ON c.id = e.charge_point_id WHERE e.tenant_id = {rows.tenant_id} "
        "ORDER BY e.id",
    )
    rows.run(
        f"UPDATE chargepoints_connector SET error_code = 'GroundFailure' WHERE tenant_id = {rows.tenant_id} "
        "AND status = 'Faulted'"
    )
    rows.run(
        "CREATE TEMP TABLE made_outlet ON COMMIT DROP AS SELECT row_number() OVER (ORDER BY k.id) AS n, c.n AS station, "
        "c.id AS charge_point_id, c.identity, e.id AS evse_id, e.number AS evse_number, k.id AS connector_id, o.power, "
        "CASE WHEN o.power >= 50000 THEN 'fast' ELSE c.habit END AS habit, (200000 + c.n * 977)::numeric AS register "
        f"FROM {wanted} JOIN chargepoints_evse e ON e.charge_point_id = c.id AND e.number = o.number "
        "JOIN chargepoints_connector k ON k.evse_id = e.id"
    )


def _make_tags(rows: Rows, size: Size) -> None:
    rows.insert(
        IdTag,
        {
            "token": "'FLEET-' || n",
            "token_key": "'fleet-' || n",
            "type": "'Central'",
            "holder": "'Fleet ' || n",
            "max_active_transactions": "NULL",
        },
        f"FROM generate_series(1, {size.groups}) n",
    )
    first, family = rows.pick("n", 11, FIRST_NAMES), rows.pick("n", 12, FAMILIES)
    token = f"md5('tag {rows.seed} ' || n)"
    rows.insert(
        IdTag,
        {
            "token": f"upper(left({token}, 14))",
            "token_key": f"left({token}, 14)",
            "holder": f"{first} || ' ' || {family}",
            "status": f"CASE WHEN {rows.chance('n', 13)} < 0.02 THEN 'Blocked' ELSE 'Accepted' END",
            "parent_id": "CASE WHEN n % 5 = 0 THEN g.id END",
            "expires_at": f"CASE WHEN n % 40 = 7 THEN {rows.at} + ({rows.chance('n', 14)} - 0.4) * interval '300 days' END",
            "created_at": f"{rows.at} - {rows.chance('n', 15)} * interval '{size.days} days'",
        },
        f"FROM generate_series(1, {size.tags}) n LEFT JOIN chargepoints_idtag g ON g.tenant_id = {rows.tenant_id} "
        f"AND g.token_key = 'fleet-' || 1 + (n / 5) % {size.groups} ORDER BY n",
    )
    rows.run(
        "CREATE TEMP TABLE made_tag ON COMMIT DROP AS SELECT row_number() OVER (ORDER BY id) - 1 AS n, id, token, parent_id "
        f"FROM chargepoints_idtag WHERE tenant_id = {rows.tenant_id} AND type <> 'Central' AND status = 'Accepted'"
    )


def _make_tariffs(rows: Rows, currency: str) -> None:
    for name, elements, _, _ in TARIFFS:
        rows.insert(Tariff, {"name": quoted(name), "currency": quoted(currency), "elements": literal(elements)}, "")
    prices = ", ".join(
        f"({number}, {quoted(name)}, {price}, {parked})" for number, (name, _, price, parked) in enumerate(TARIFFS)
    )
    rows.run(
        "CREATE TEMP TABLE made_tariff ON COMMIT DROP AS SELECT p.n, t.id, p.price, p.parked, jsonb_build_object("
        "'id', t.id, 'name', t.name, 'currency', t.currency, 'elements', t.elements, 'min_price', NULL, 'max_price', NULL, "
        f"'timezone', {quoted(rows.zone)}) AS snapshot FROM metering_tariff t "
        f"JOIN (VALUES {prices}) p (n, name, price, parked) USING (name) WHERE t.tenant_id = {rows.tenant_id}"
    )
    tariff = "(SELECT id FROM made_tariff WHERE n = {})"
    rows.insert(TariffAssignment, {"tariff_id": tariff.format(0)}, "")
    rows.insert(
        TariffAssignment, {"tariff_id": tariff.format(1), "site_id": "id"}, "FROM made_site WHERE habit = 'public'"
    )
    rows.insert(
        TariffAssignment,
        {"tariff_id": tariff.format(2), "charge_point_id": "charge_point_id"},
        "FROM (SELECT DISTINCT charge_point_id FROM made_outlet WHERE habit = 'fast') o",
    )
    rows.insert(
        TariffAssignment,
        {"tariff_id": tariff.format(3), "id_tag_id": "id"},
        f"FROM chargepoints_idtag WHERE tenant_id = {rows.tenant_id} AND type = 'Central'",
    )


def _make_configuration(rows: Rows) -> None:
    keys = ", ".join(f"({quoted(key)}, {quoted(value)}, {literal(fixed)})" for key, value, fixed in KEYS)
    rows.insert(
        ConfigurationKey,
        {
            "charge_point_id": "c.id",
            "key": "k.key",
            "value": f"CASE WHEN k.key = 'HeartbeatInterval' AND {rows.chance('c.n', 21)} < 0.1 THEN '60' ELSE k.value END",
            "readonly": "k.fixed",
            "reported_at": f"{rows.at} - {rows.chance('c.n', 22)} * interval '20 days'",
        },
        f"FROM made_station c CROSS JOIN (VALUES {keys}) k (key, value, fixed) ORDER BY c.n",
    )
