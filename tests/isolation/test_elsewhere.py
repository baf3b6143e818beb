"""Routes outside the API and the back office: probes, metrics, certificate authorities, files of stations, what isn't there."""

from typing import Any

import pytest
from django.test import Client

from tests.conftest import superuser
from tests.isolation.asking import ask, differ, tells_of_a
from tests.isolation.conftest import Cast, where_b_lives
from tests.isolation.marks import NOBODY, A, B
from tests.isolation.routes import Route, other_routes

HERE = "tests/isolation/test_elsewhere.py"
METHODS = ("get", "head", "options", "post", "put", "patch", "delete")

# Why each may be asked by anyone.
PUBLIC = {
    "/health/live": "says nothing but that the process answers",
    "/health/ready": "says nothing but that the database and Redis answer",
    "/metrics": "for who has the token, or is on the machine: counts of the whole process",
    "/metrics/system": "for who has the token, or is on the machine: counts of the whole system",
    "/tenant-ca/{slug}.pem": "certificates of authorities are public, as such files are",
    "/tenant-ca/{slug}.crl": "lists of revoked certificates are public, as such files are",
    "/station-files/{token}": "who has the token may send or fetch one file, once",
    "/station-files/{token}/": "who has the token may send or fetch one file, once",
    "/station-files/{token}/{name}": "who has the token may send or fetch one file, once",
}
# A tenant's own authorities are what these show.
OF_ONE_TENANT = {name for name in PUBLIC if "{slug}" in name or "{token}" in name}


def test_every_route_is_known(cast: Cast) -> None:
    routes = {route.template for route in other_routes()}
    assert routes == set(PUBLIC), f"{HERE}: say in PUBLIC why anyone may ask, or give the route a test of its own"


@pytest.mark.parametrize("route", [one for one in other_routes() if one.template not in OF_ONE_TENANT], ids=str)
@pytest.mark.parametrize("signed_in", [False, True])
def test_what_is_nobodys_tells_of_no_tenant(both: Cast, route: Route, signed_in: bool) -> None:
    client: Any = both.office() if signed_in else Client(raise_request_exception=False)
    for method in METHODS:
        answer = ask(client, method, route.template)
        assert not tells_of_a(answer), answer
        assert not B.known_to(answer.body.decode()), answer


def test_metrics_are_for_the_machine_itself_or_who_has_the_token(both: Cast) -> None:
    for path in ("/metrics", "/metrics/system"):
        assert ask(both.office(), "get", path, REMOTE_ADDR="203.0.113.9").status == 404


def test_a_tenants_authorities_are_its_own(both: Cast) -> None:
    for suffix in ("pem", "crl"):
        for_b = ask(both.office(), "get", f"/tenant-ca/{B.slug}.{suffix}")
        assert for_b.status == 200
        assert not tells_of_a(for_b)
        with both.stock.without(A):
            assert ask(both.office(), "get", f"/tenant-ca/{B.slug}.{suffix}") == for_b


def test_a_suspended_tenants_authorities_are_as_those_of_none(both: Cast) -> None:
    superuser().execute("UPDATE tenants_tenant SET status = 'suspended' WHERE id = %s", [A.number])
    for suffix in ("pem", "crl"):
        to_a, to_nobody = (ask(both.office(), "get", f"/tenant-ca/{one.slug}.{suffix}") for one in (A, NOBODY))
        assert to_a.status == 404
        assert not differ(to_a, to_nobody)
    superuser().execute("UPDATE tenants_tenant SET status = 'active' WHERE id = %s", [A.number])


@pytest.mark.parametrize("route", [one for one in other_routes() if "{token}" in one.template], ids=str)
def test_a_token_is_the_only_key_to_a_file(both: Cast, route: Route) -> None:
    """Ids and names open nothing, B's sign-in adds nothing, and B's token reaches B's file whatever name it is given."""
    for client in (both.office(), both.api(), Client(raise_request_exception=False)):
        for sign in (str(A.number), A.key, A.slug, f"{A.number}%2Ffirmware%2F{A.slug}-file"):
            path = route.template.replace("{token}", sign).replace(
                "{name}", f"..%2F..%2F{A.number}%2Ffirmware%2F{A.slug}-file"
            )
            for method in METHODS:
                answer = ask(client, method, path)
                assert answer.status in {404, 405}, answer
                assert not tells_of_a(answer, asked=True), answer
        own = route.template.replace("{token}", B.token).replace(
            "{name}", f"..%2F{A.number}%2Ffirmware%2F{A.slug}-file"
        )
        answer = ask(client, "get", own)
        assert answer.body == f"{B.hidden}content".encode()


def test_files_of_a_suspended_tenant_are_gone(both: Cast) -> None:
    for administrator in {superuser(), where_b_lives()}:
        administrator.execute("UPDATE tenants_tenant SET status = 'suspended' WHERE id = %s", [B.number])
    for method in ("get", "put", "post"):
        assert ask(Client(), method, f"/station-files/{B.token}/").status == 404
