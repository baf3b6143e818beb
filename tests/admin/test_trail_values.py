"""What was changed, as people read it: in the trail, on the station's page."""

import html
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from django.urls import reverse

from chargepoints.models import ChargePoint
from tenants.admin.trail_values import value_words
from tenants.context import tenant_transaction
from tenants.models import AuditEntry, Tenant, User
from tenants.services.audit import record
from tenants.services.trail_values import kept_value
from tests.admin.conftest import office
from tests.api.conftest import make_station

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "–"),
        ([], "–"),
        (False, "No"),
        (7, "7"),
        (["depot", "fast"], "depot, fast"),
        ({"connectorId": 1, "idTags": ["A", "B"], "soon": True}, "connectorId: 1, idTags: (A, B), soon: Yes"),
        ({"periods": [{"start": 0, "limit": 16}]}, "periods: (start: 0, limit: 16)"),
        ("2026-11-21T20:15:00+00:00", "2026-11-21 20:15:00"),
        ("2026-11-21T20:15", "2026-11-21T20:15"),
        # As entries of before hold them.
        ("['depot', 'fast']", "depot, fast"),
        ("{'depot': None}", "depot: –"),
        ("None", "–"),
        ("True", "Yes"),
        ("2026-11-21 20:15:00+00:00", "2026-11-21 20:15:00"),
        ("[broken", "[broken"),
    ],
)
def test_a_value_is_shown_as_people_read_it(value: Any, words: str) -> None:
    assert value_words(value) == words


def test_a_field_says_what_a_value_is() -> None:
    """A text may look like anything; one of the choices has a name."""
    assert value_words("['x']", ChargePoint._meta.get_field("name")) == "['x']"
    assert value_words("suspended", Tenant._meta.get_field("status")) == "Suspended"


def test_the_trail_keeps_what_a_value_was() -> None:
    at = datetime(2026, 11, 21, 20, 15, tzinfo=UTC)
    kept = kept_value({"tags": ("a", "b"), "at": at, "limit": Decimal("1.50"), "on": True, "none": None})
    assert kept == {"tags": ["a", "b"], "at": "2026-11-21T20:15:00+00:00", "limit": "1.50", "on": True, "none": None}


def test_labels_of_a_charge_point_are_told_one_by_one(tenant: Tenant, alice: User) -> None:
    station, client = make_station(tenant), office(alice)
    page = reverse("admin:chargepoints_chargepoint_change", args=[station.pk])
    data = {"identity": station.identity, "name": "", "tags": '["depot", "fast"]', "notes": "", "security_profile": "1"}
    inlines = dict(_management_forms(client.get(page).content.decode()))
    assert client.post(page, {**inlines, **data}).status_code == 302
    with tenant_transaction(tenant.pk):
        assert AuditEntry.objects.get(action="change").changes["tags"] == [[], ["depot", "fast"]]
        record(actor="x", origin="api", action="change", target=station, changes={"tags": ["[]", "['old', 'style']"]})
    trail = client.get(reverse("admin:tenants_auditentry_changelist")).content.decode()
    history = client.get(reverse("admin:charge_point_history", args=[station.pk])).content.decode()
    for shown in (trail, history):
        text = html.unescape(shown)
        assert "depot, fast" in text
        assert "old, style" in text
        assert "['" not in text.split("</script>")[-1]


def _management_forms(page: str) -> list[tuple[str, str]]:
    return re.findall(r'name="([^"]+-(?:TOTAL|INITIAL|MIN_NUM|MAX_NUM)_FORMS)" value="(\d+)"', page)
