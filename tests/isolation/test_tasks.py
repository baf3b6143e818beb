"""Every task of Celery: what it is told to do for B touches nothing of A; what it does for all mixes nobody's rows."""

import inspect
from typing import Any

import pytest
from django.core import mail

from csms.celery import app
from tests.isolation.conftest import Cast
from tests.isolation.marks import A, B
from tests.isolation.state import rows_about

HERE = "tests/isolation/test_tasks.py"
# What a task is given: for B, but with A's ids.
GIVEN: dict[str, Any] = {
    "after": 0,
    "bulk_id": str(A.uuid),
    "cause": "meter",
    "root_id": A.number,
    "tenant_id": B.number,
}


def mixed() -> set[str]:
    """Rows of one tenant that speak of the other."""
    return {*rows_about(A, of=B), *rows_about(B, of=A)}


def own_tasks() -> dict[str, Any]:
    app.loader.import_default_modules()
    return {name: task for name, task in app.tasks.items() if not name.startswith(("celery.", "tests."))}


def parameters_of(task: Any) -> list[str]:
    return list(inspect.signature(task.run).parameters)


# People belong to no tenant.
FOR_A_PERSON = sorted(name for name, task in own_tasks().items() if parameters_of(task) == ["email"])
FOR_ONE = sorted(name for name, task in own_tasks().items() if parameters_of(task) and name not in FOR_A_PERSON)
FOR_ALL = sorted(set(own_tasks()) - set(FOR_ONE) - set(FOR_A_PERSON))


def test_whatever_runs_by_the_clock_is_among_the_tasks() -> None:
    assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(own_tasks())


@pytest.mark.parametrize("name", FOR_ONE)
def test_a_task_for_b_with_ids_of_a_does_nothing_to_a(both: Cast, name: str) -> None:
    task = own_tasks()[name]
    wanted = parameters_of(task)
    assert set(wanted) <= set(GIVEN), f"{HERE}: say in GIVEN what {name} is given for {set(wanted) - set(GIVEN)}"
    assert "tenant_id" in wanted, f"{name} works for one tenant: it must be told for which"
    task.run(**{one: GIVEN[one] for one in wanted})
    assert both.stock.put_back(A) == set()


@pytest.mark.parametrize("name", FOR_A_PERSON)
def test_a_task_for_a_person_writes_to_that_person_alone(both: Cast, name: str) -> None:
    mail.outbox = []
    own_tasks()[name].run(email=f"{B.hidden}person@example.com")
    assert mail.outbox
    for one in mail.outbox:
        assert not A.known_to(f"{one.subject} {one.body} {one.to} {one.cc} {one.bcc}")
    both.stock.put_back(A)


@pytest.mark.parametrize("name", FOR_ALL)
def test_a_task_for_all_mixes_nobodys_rows(both: Cast, name: str) -> None:
    mail.outbox = []
    before = mixed()
    own_tasks()[name].run()
    assert mixed() - before == set()
    for one in mail.outbox:
        mine, other = (A, B) if A.known_to(str(one.to)) else (B, A)
        assert mine.known_to(str(one.to))
        assert not other.known_to(f"{one.subject} {one.body} {one.to} {one.cc} {one.bcc}")
    both.stock.put_back(A)
