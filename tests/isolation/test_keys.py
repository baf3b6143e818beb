"""Keys in Redis: each names its tenant, or is nobody's for a reason; all that a suite of isolation writes is looked up."""

import re

import pytest
import redis

from chargepoints.services.tag_changes import _mark as tag_mark
from csms.dashboard.kept import ALL_TENANTS, kept
from metering.live.keys import hash_key
from tests.isolation.conftest import Cast
from tests.isolation.keys import NOBODYS, OWNED, listening, trouble_of
from tests.isolation.marks import NOBODY, A, B


def test_a_key_is_heard_of_however_it_is_written(redis_clean: "redis.Redis") -> None:
    with listening() as heard:
        redis_clean.set("plain", 1, ex=60)
        redis_clean.eval("redis.call('HSET', KEYS[1], 'a', 1)", 1, "by a script")
        # Gone before anyone could look for it.
        redis_clean.delete("plain")
        kept(B.number, "figures", 5, lambda: 1)
    assert heard == {"plain", "by a script", f":1:overview:1:{B.number}:figures"}


@pytest.mark.parametrize(
    "key",
    [
        f"csms:circuit:{A.number}:{B.number}:now",
        f":1:{tag_mark('clear-cache', B.number)}",
        hash_key(A.number, 1),
        f":1:overview:1:{ALL_TENANTS}:platform",
    ],
)
def test_what_names_its_owner_may_be(key: str) -> None:
    assert trouble_of(key) == ""


@pytest.mark.parametrize(
    "key",
    ["csms:something", f"csms:something:{A.number}", f"csms:circuit:{NOBODY.number}:1:now", "csms:circuit:acme:1:now"],
)
def test_what_names_nobody_is_refused(key: str) -> None:
    assert trouble_of(key) != ""


def test_each_of_nobodys_has_its_reason_and_none_is_a_tenants_too() -> None:
    assert all(reason and re.compile(pattern) for pattern, reason in NOBODYS.items())
    for pattern in OWNED:
        assert pattern.groups == 1


def test_both_tenants_at_work_write_keys_of_their_own(both: Cast) -> None:
    """Pages and the API of B, for whom the same pages of A are not opened: no key of A's is written."""
    with listening() as heard:
        for path in ("/admin/", "/admin/charts/", "/admin/tiles/"):
            both.office().get(path, follow=True)
        both.api().get("/api/v1/charge-points")
        revoked = f"/api/v1/id-tags/{B.key}"
        both.api().patch(revoked, {"blocked": True}, format="json")
    assert f":1:overview:1:{B.number}:today" in heard
    assert not [key for key in heard if A.known_to(key)]
