"""Acme in the main database, and a second one beside it."""

from collections.abc import Iterator

import pytest

from tests.second_database import second_database


@pytest.fixture
def spare(db: None) -> Iterator[str]:
    """The name of the second database."""
    with second_database() as name:
        yield name
