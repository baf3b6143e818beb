"""Array literals arrive in PostgreSQL as they were."""

import uuid
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import psycopg
import pytest
from django.conf import settings
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from tenants.arrays import array_literal

_text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


@pytest.fixture(scope="module")
def cursor() -> Any:
    url = settings.DATABASES["system"]
    kept = {name.lower(): url[name] for name in ("USER", "PASSWORD", "HOST", "PORT")}
    with psycopg.connect(dbname=url["NAME"], **kept) as connection, connection.cursor() as cursor:
        yield cursor


def through(cursor: Any, values: list[Any], kind: str) -> list[Any]:
    return list(cursor.execute(f"SELECT %s::{kind}[]", [array_literal(values)]).fetchone()[0])


@given(
    st.lists(
        st.none() | _text | st.sampled_from(["", "NULL", "null", '"', "\\", "{", "}", ",", " ", '\\"', "\n"]),
        max_size=6,
    )
)
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_any_text_survives(cursor: Any, values: list[str | None]) -> None:
    assert through(cursor, values, "text") == values


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, -2, 2**62], "bigint"),
        ([datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)], "timestamptz"),
        ([uuid.UUID(int=7)], "uuid"),
        ([None, Decimal("1.50"), Decimal(-3), Decimal("1E+5"), None], "numeric"),
    ],
)
def test_other_types_survive(cursor: Any, values: list[Any], kind: str) -> None:
    assert through(cursor, values, kind) == values
