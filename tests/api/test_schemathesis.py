"""The schema is the truth: no undocumented status and no 5xx, whatever a client sends."""

from collections import Counter
from typing import Any

import pytest
import schemathesis
from django.core.handlers.wsgi import WSGIHandler
from hypothesis import HealthCheck
from schemathesis.checks import not_a_server_error
from schemathesis.generation.meta import TestPhase
from schemathesis.specs.openapi.checks import status_code_conformance

from tenants.api.sign_in import issue_tokens
from tenants.context import system_transaction
from tenants.models import Tenant, User
from tenants.selectors import accesses_of
from tests.api.conftest import make_station
from tests.examples import examples, is_thorough

application = WSGIHandler()
schema = schemathesis.openapi.from_wsgi("/api/v1/schema", application)
# Each field at, below and above each of its bounds: ten thousand requests. The thorough profile makes them all.
ONE_IN = 3
tried: Counter[str] = Counter()


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
    if case.meta.phase.name == TestPhase.COVERAGE and not is_thorough():
        tried[case.operation.label] += 1
        if tried[case.operation.label] % ONE_IN != 1:
            return
    case.headers = {**(case.headers or {}), "Authorization": f"Bearer {token}"}
    answer = case.call()
    case.validate_response(answer, checks=[not_a_server_error, status_code_conformance])
