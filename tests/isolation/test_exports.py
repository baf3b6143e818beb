"""Lists as files, by B's administrator: they have B's rows, whatever of A's is asked for."""

from urllib.parse import urlencode

import pytest
from django.urls import reverse

from tests.isolation.asking import Answer, tells_of_a
from tests.isolation.conftest import Cast
from tests.isolation.marks import NOBODY, A, B, Marks
from tests.isolation.test_pages import OF_TENANTS, PLATFORM, look, queries


def exported(both: Cast, name: str, query: str = "", kind: str = "csv") -> Answer:
    return look(both, "post", f"{reverse(f'admin:{name}_export_{kind}')}?{query}")


@pytest.mark.parametrize("name", sorted(OF_TENANTS))
def test_a_file_has_rows_of_b_and_none_of_a(both: Cast, name: str) -> None:
    answer = exported(both, name)
    assert answer.status == 200, answer
    assert not tells_of_a(answer), tells_of_a(answer)
    assert len(answer.body.splitlines()) > 1, f"{name}: nothing of B's is in it"


@pytest.mark.parametrize("name", sorted(OF_TENANTS))
def test_filtered_by_a_it_has_as_much_as_filtered_by_nobody(both: Cast, name: str) -> None:
    for by_a, by_nobody in zip(queries(name, A), queries(name, NOBODY), strict=True):
        to_a, to_nobody = exported(both, name, by_a), exported(both, name, by_nobody)
        assert not tells_of_a(to_a, asked=True), by_a
        assert to_a.status == to_nobody.status, by_a
        if to_a.status == 200:
            assert _lines(to_a, A) == _lines(to_nobody, NOBODY), by_a


def test_files_of_the_platform_are_for_nobody_of_b(both: Cast) -> None:
    for name in sorted(PLATFORM):
        for kind in ("csv", "xlsx"):
            answer = exported(both, name, kind=kind)
            assert answer.status == 403, name
            assert not tells_of_a(answer), name


def test_the_search_finds_b_and_nothing_of_a(both: Cast) -> None:
    for term in (A.key, A.key[:6], A.hidden, str(A.number), A.slug, NOBODY.key):
        answer = look(both, "get", f"{reverse('admin:search')}?{urlencode({'q': term})}")
        assert answer.status == 200
        assert b'"groups": []' in answer.body, answer
    for term in (B.key, B.key.lower()[:5], str(B.number)):
        answer = look(both, "get", f"{reverse('admin:search')}?{urlencode({'q': term})}")
        assert B.key.encode() in answer.body, answer


def _lines(answer: Answer, sent: Marks) -> list[bytes]:
    """Without what exporting itself adds to the trail, which grows with each."""
    lines = answer.without(sent).body.splitlines()
    return [line for line in lines if b",export," not in line]
