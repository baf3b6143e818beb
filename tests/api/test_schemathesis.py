"""The schema is the truth: no undocumented status and no 5xx, whatever a client sends."""

from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from hypothesis import HealthCheck
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import status_code_conformance

from tenants.api.sign_in import issue_tokens
from tenants.context import system_transaction
from tenants.models import Tenant, User
from tenants.selectors import accesses_of
from tests.api.conftest import make_station
from tests.examples import examples

application = WSGIHandler()
schema = schemathesis.openapi.from_wsgi("/api/v1/schema", application)


@pytest.fixture
def token(alice: User, tenant: Tenant, redis_clean: Any) -> str:
    """Alice's, in a tenant that may ask often."""
    with system_transaction():
        Tenant.objects.filter(pk=tenant.pk).update(api_rate_limit=1_000_000)
    make_station(tenant, "CP1")
    return str(issue_tokens(alice, accesses_of(alice)[0])["access"])


@schema.parametrize()
@examples(
    4, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much]
)
def test_every_operation_answers_as_the_schema_says(case: Any, token: str) -> None:
    case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}
    answer = case.call()
    case.validate_response(answer, checks=[not_a_server_error, status_code_conformance])
