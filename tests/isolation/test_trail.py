"""Who changes anything leaves an entry in the audit trail: every form and every action of the back office, every write of the API.

By construction: each is sent with B's own ids, as B's administrator. Whatever of B's rows is not as it was afterwards must have
left an entry beside it, or stand here with a reason.
"""

from typing import Any

import pytest
from django.urls import reverse

from tests.isolation.asking import ask
from tests.isolation.conftest import Cast, where_b_lives
from tests.isolation.marks import B
from tests.isolation.operations import Operation, operations
from tests.isolation.routes import Route, office_routes
from tests.isolation.test_pages import LEAVING, OF_TENANTS, filled, look

HERE = "tests/isolation/test_trail.py"
TRAIL = "tenants_auditentry"
# Tables that are no decision of anybody's: what follows from changes, and what is counted.
FOLLOWS = {
    "tenants_outboxevent": "tells of changes",
    "tenants_webhookdelivery": "tells of changes",
    "tenants_idempotentanswer": "answers that were given",
    "tenants_usageday": "counts",
    "tenants_apikey": "when it was last used; who makes and revokes keys leaves an entry that is looked for by itself",
}
# Requests that change rows and leave no entry, each with the reason: an operation, a route, or `page.action`.
WITHOUT: dict[str, str] = {}
WRITES = [one for one in operations() if one.method != "get"]
FORMS = [route for route in office_routes() if route.template != LEAVING]


def untold(cast: Cast) -> set[str]:
    """Tables whose rows changed although the trail did not grow; all is put back."""
    changed = cast.stock.put_back(B)
    return set() if TRAIL in changed else changed - set(FOLLOWS)


def test_a_change_without_an_entry_is_seen(both: Cast) -> None:
    """Or else the others would say nothing."""
    where_b_lives().execute("UPDATE chargepoints_site SET name = 'silently' WHERE tenant_id = %s", [B.number])
    assert untold(both) == {"chargepoints_site"}
    assert untold(both) == set()


@pytest.mark.parametrize("operation", WRITES, ids=str)
def test_a_write_of_the_api_leaves_an_entry(both: Cast, operation: Operation) -> None:
    for path in operation.route.paths({}):
        ask(both.api(), operation.method, path, operation.body())
        silent = untold(both)
        assert not silent or operation.key in WITHOUT, (
            f"{HERE}: {operation.key} changed {silent}: record it, or say why not"
        )


@pytest.mark.parametrize("route", FORMS, ids=str)
def test_a_form_of_the_back_office_leaves_an_entry(both: Cast, route: Route) -> None:
    for path in route.paths({}):
        look(both, "post", path, filled(B))
        silent = untold(both)
        assert not silent or route.template in WITHOUT, f"{HERE}: {route.template} changed {silent}"


@pytest.mark.parametrize("name", sorted(OF_TENANTS))
def test_an_action_on_rows_leaves_an_entry(both: Cast, name: str) -> None:
    url, page = reverse(f"admin:{name}_changelist"), OF_TENANTS[name]
    for action in ["delete_selected", *(page.actions or [])]:
        chosen = action if isinstance(action, str) else action.__name__
        data: dict[str, Any] = {
            "action": chosen,
            "index": "0",
            "select_across": "1",
            "_selected_action": [str(B.number)],
        }
        look(both, "post", url, filled(B) | data)
        silent = untold(both)
        assert not silent or f"{name}.{chosen}" in WITHOUT, f"{HERE}: {name}.{chosen} changed {silent}"
