"""Many sign-ins in one go: each is decided as if it were alone, and the number of statements does not grow with them."""

import base64
import uuid
from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.db import connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from chargepoints.models import ChargePoint, Command, SignInAttempt, StationConnection
from chargepoints.services.connections import Departure, Superseded, claim_connection, release_all
from chargepoints.services.entering import Entered, EntryRequest, enter_alone, enter_together
from chargepoints.services.identity import parse_path
from chargepoints.services.leases import held_connections, release_left_over, renew_lease
from chargepoints.services.provisioning import create_charge_point
from chargepoints.services.refusals import ATTEMPTS_KEPT, Refusal, count_refusals
from chargepoints.services.sign_in import Credentials, SignInRefused
from tenants.context import system_transaction, tenant_transaction
from tenants.models import OutboxEvent, Tenant

PASSWORD = "a-password-of-a-station"


@pytest.fixture
def gateway_id(db: None) -> uuid.UUID:
    """Of a gateway that is alive."""
    return make_gateway("here")


def make_gateway(channel: str) -> uuid.UUID:
    gateway_id = uuid.uuid4()
    renew_lease(gateway_id=gateway_id, host="h", pid=1, channel=channel, started_at=timezone.now())
    return gateway_id


def make_stations(tenant: Tenant, *names: str, **fields: Any) -> None:
    with tenant_transaction(tenant.pk):
        for name in names:
            create_charge_point(identity=name, password=PASSWORD)
        ChargePoint.objects.filter(identity__in=names).update(**{"security_profile": 1, **fields})


def asks(gateway_id: uuid.UUID, path: str, password: str = PASSWORD, version: str = "1.6") -> EntryRequest:
    address = parse_path(path)
    assert address is not None
    pair = base64.b64encode(f"{address.identity}:{password}".encode()).decode()
    return EntryRequest(address, Credentials("192.0.2.1", False, f"Basic {pair}"), version, uuid.uuid4(), gateway_id)


def told(tenant: Tenant) -> list[tuple[str, str]]:
    with tenant_transaction(tenant.pk):
        return list(OutboxEvent.objects.order_by("id").values_list("event_type", "charge_point"))


def test_each_of_a_group_is_decided_by_itself(tenant: Tenant, other_tenant: Tenant, gateway_id: uuid.UUID) -> None:
    make_stations(tenant, "CP1", "CP2")
    make_stations(tenant, "CERT", security_profile=3)
    make_stations(tenant, "TLS", security_profile=2)
    make_stations(other_tenant, "CP1")
    with system_transaction():
        Tenant.objects.filter(pk=other_tenant.pk).update(unknown_charge_points="reject")
    requests = {
        "good": asks(gateway_id, "/ocpp/acme/cp1"),
        "of the other tenant": asks(gateway_id, "/ocpp/umbrella/CP1"),
        "no version": asks(gateway_id, "/ocpp/acme/CP2", version=""),
        "wrong password": asks(gateway_id, "/ocpp/acme/CP2", "not-its-password-at-all"),
        "not over TLS": asks(gateway_id, "/ocpp/acme/TLS"),
        "unknown": asks(gateway_id, "/ocpp/umbrella/NEW"),
        "no tenant": asks(gateway_id, "/ocpp/nowhere/CP1"),
        "new": asks(gateway_id, "/ocpp/acme/NEW"),
        "by certificate": asks(gateway_id, "/ocpp/acme/CERT"),
    }
    outcomes = dict(zip(requests, enter_together(list(requests.values())), strict=True))
    entered = {name: outcome.signed_in.identity for name, outcome in outcomes.items() if isinstance(outcome, Entered)}
    refused = {name: outcome.status for name, outcome in outcomes.items() if isinstance(outcome, SignInRefused)}
    assert entered == {"good": "CP1", "of the other tenant": "CP1", "no version": "CP2"}
    assert refused == {"wrong password": 401, "not over TLS": 403, "unknown": 404, "no tenant": 404}
    assert [name for name, outcome in outcomes.items() if outcome is None] == ["new", "by certificate"]
    with system_transaction():
        places = set(StationConnection.objects.values_list("tenant_id", "charge_point__identity"))
        counted = set(SignInAttempt.objects.values_list("identity", "reason", "count"))
    assert places == {(tenant.pk, "CP1"), (other_tenant.pk, "CP1")}
    assert counted == {("CP2", "wrong_password", 1), ("TLS", "not_tls", 1), ("NEW", "unknown", 1)}
    assert ("chargepoint.online", "CP1") in told(tenant)


def test_the_number_of_statements_does_not_grow_with_the_group(tenant: Tenant, gateway_id: uuid.UUID) -> None:
    names = [f"CP{number}" for number in range(30)]
    make_stations(tenant, *names)

    def statements(some: list[str]) -> int:
        with ExitStack() as stack:
            seen = [stack.enter_context(CaptureQueriesContext(connections[alias])) for alias in ("default", "system")]
            outcomes = enter_together([asks(gateway_id, f"/ocpp/acme/{name}") for name in some])
            assert all(isinstance(outcome, Entered) for outcome in outcomes)
        return sum(len(each.captured_queries) for each in seen)

    # Once before: what is known of a tenant's circuits is kept in memory.
    statements(names[:1])
    # With begin and commit, and with what receivers of the event do.
    assert statements(names[1:3]) == statements(names[3:]) <= 16


def test_a_password_to_be_noted_is_left_to_a_sign_in_by_itself(tenant: Tenant, gateway_id: uuid.UUID) -> None:
    from chargepoints.services.passwords import hash_password

    make_stations(tenant, "CP1", next_password_hash=hash_password(b"the-new-password-of-it"))
    request = asks(gateway_id, "/ocpp/acme/CP1", "the-new-password-of-it")
    assert enter_together([request]) == [None]
    assert enter_alone(request).claim is not None
    # The old one has ended with that.
    (old,) = enter_together([asks(gateway_id, "/ocpp/acme/CP1")])
    assert isinstance(old, SignInRefused)


def test_of_two_requests_of_one_station_at_once_the_later_gets_in(tenant: Tenant, gateway_id: uuid.UUID) -> None:
    make_stations(tenant, "CP1")
    earlier, later = enter_together([asks(gateway_id, "/ocpp/acme/CP1"), asks(gateway_id, "/ocpp/acme/CP1")])
    assert isinstance(earlier, SignInRefused)
    assert earlier.status == 503
    assert isinstance(later, Entered)
    assert list(held_connections(gateway_id).values()) == [later.claim and later.claim.connection_id]


def test_a_wrong_password_takes_no_place_from_who_holds_it(tenant: Tenant, gateway_id: uuid.UUID) -> None:
    make_stations(tenant, "CP1")
    good, bad = enter_together(
        [asks(gateway_id, "/ocpp/acme/CP1"), asks(gateway_id, "/ocpp/acme/CP1", "not-its-password-at-all")]
    )
    assert isinstance(good, Entered)
    assert isinstance(bad, SignInRefused)
    assert bad.status == 401


def test_places_are_taken_over_together_and_told_only_where_nobody_held_them(
    tenant: Tenant, gateway_id: uuid.UUID
) -> None:
    make_stations(tenant, "CP1", "CP2")
    elsewhere = make_gateway("elsewhere")
    (first,) = enter_together([asks(elsewhere, "/ocpp/acme/CP1")])
    outcomes = enter_together([asks(gateway_id, f"/ocpp/acme/{name}") for name in ("CP1", "CP2")])
    taken_from = [outcome.superseded for outcome in outcomes if isinstance(outcome, Entered)]
    assert isinstance(first, Entered)
    assert first.claim is not None
    assert taken_from == [Superseded(first.claim.connection_id, "elsewhere"), None]
    assert [event for event in told(tenant) if event[0] == "chargepoint.online"] == [
        ("chargepoint.online", "CP1"),
        ("chargepoint.online", "CP2"),
    ]


def test_places_are_given_up_together_but_for_those_that_another_has(tenant: Tenant, gateway_id: uuid.UUID) -> None:
    make_stations(tenant, "CP1", "CP2", "CP3")
    paths = [f"/ocpp/acme/{name}" for name in ("CP1", "CP2", "CP3")]
    claims = [
        one.claim for one in enter_together([asks(gateway_id, path) for path in paths]) if isinstance(one, Entered)
    ]
    departures = []
    with tenant_transaction(tenant.pk):
        for claim in claims:
            assert claim is not None
            Command.objects.create(
                tenant_id=tenant.pk,
                charge_point_id=claim.charge_point_id,
                action="ClearCache",
                state="sent",
                connection_id=claim.connection_id,
                requested_by="alice",
                origin="api",
            )
            departures.append(
                Departure(
                    tenant.pk, claim.charge_point_id, claim.identity, claim.connection_id, timezone.now(), "closed"
                )
            )
    (newer,) = enter_together([asks(gateway_id, "/ocpp/acme/CP2")])
    assert isinstance(newer, Entered)
    assert release_all(departures) == 2
    assert release_all(departures) == 0
    assert list(held_connections(gateway_id).values()) == [newer.claim and newer.claim.connection_id]
    offline = [name for event, name in told(tenant) if event == "chargepoint.offline"]
    assert offline == ["CP1", "CP3"]
    with tenant_transaction(tenant.pk):
        assert set(Command.objects.values_list("state", "error_code")) == {("failed", "ConnectionLost")}


def test_a_place_whose_socket_is_gone_is_given_up_but_not_one_just_taken(tenant: Tenant, gateway_id: uuid.UUID) -> None:
    make_stations(tenant, "CP1", "CP2")
    enter_together([asks(gateway_id, f"/ocpp/acme/{name}") for name in ("CP1", "CP2")])
    with tenant_transaction(tenant.pk):
        old = StationConnection.objects.filter(charge_point__identity="CP1")
        old.update(connected_at=timezone.now() - timedelta(minutes=2))
    assert release_left_over(gateway_id, held_connections(gateway_id).values()) == 1
    with tenant_transaction(tenant.pk):
        assert StationConnection.objects.get().charge_point.identity == "CP2"


def test_a_station_that_was_deleted_meanwhile_is_not_let_in(tenant: Tenant, gateway_id: uuid.UUID) -> None:
    from django.db import IntegrityError

    make_stations(tenant, "CP1")
    (entered,) = enter_together([asks(gateway_id, "/ocpp/acme/CP1")])
    assert isinstance(entered, Entered)
    assert entered.claim is not None
    with tenant_transaction(tenant.pk):
        ChargePoint.objects.all().delete()
    with pytest.raises(IntegrityError):
        claim_connection(entered.claim)


def test_refusals_are_counted_in_one_go_and_the_list_stays_bounded(tenant: Tenant) -> None:
    now = timezone.now()
    first = [Refusal(tenant.pk, f"CP{number}", "unknown", "192.0.2.1") for number in range(ATTEMPTS_KEPT)]
    count_refusals([*first, *first], now)
    count_refusals(
        [Refusal(tenant.pk, name, "wrong_password", 'a,"b"\\') for name in ("cp0", "NEW")], now + timedelta(seconds=1)
    )
    with tenant_transaction(tenant.pk):
        assert SignInAttempt.objects.count() == ATTEMPTS_KEPT
        again = SignInAttempt.objects.get(identity_key="cp0")
        assert (again.identity, again.count, again.reason) == ("CP0", 3, "wrong_password")
        assert SignInAttempt.objects.get(identity="NEW").remote_address == 'a,"b"\\'
