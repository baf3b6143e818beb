"""What the tests of the core profile share."""

from typing import Any

from chargepoints.models import (
    IdTag,
    Transaction,
)
from tenants.models import Tenant
from tests.chargepoints.test_connection import stored

STATUS = '"errorCode":"NoError","status":"Available"'


async def add_tag(tenant: Tenant, token: str, **fields: Any) -> IdTag:
    tag: IdTag = await stored(
        tenant, lambda: IdTag.objects.create(tenant=tenant, token=token, token_key=token.lower(), **fields)
    )
    return tag


async def only_session(tenant: Tenant) -> Transaction:
    session: Transaction = await stored(tenant, lambda: Transaction.objects.select_related("evse").get())
    return session
