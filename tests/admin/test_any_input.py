"""Forms made by hand, with anything in any field: told what is wrong, and nothing is made (bad input changes nothing)."""

from typing import Any

import pytest
from django.contrib import admin
from django.urls import NoReverseMatch, reverse

from chargepoints.models import Transaction
from tenants.models import User
from tests.admin.conftest import office

ANYTHING = ["no-such", "-1", "9" * 40, "1.5", "a\0b", "' OR 1=1 --", "\u202e\U0001f600", "[]", "{}", "1e999"]
FORMS = sorted(f"{model._meta.app_label}_{model._meta.model_name}" for model in admin.site._registry)


def fields_of(page: Any) -> list[str]:
    """Of the form on the page; none where there is no form for this person."""
    context = page.context or {}
    form = context["adminform"].form if "adminform" in context else context.get("form")
    return [] if form is None else list(form.fields)


@pytest.mark.parametrize("name", FORMS)
def test_whatever_a_form_is_sent_is_answered(stocked: Transaction, alice: User, name: str) -> None:
    client = office(alice)
    try:
        url = reverse(f"admin:{name}_add")
    except NoReverseMatch:
        pytest.skip("nothing is added here")
    page = client.get(url)
    fields = fields_of(page) if page.status_code == 200 else []
    for value in ANYTHING if fields else []:
        answer = client.post(url, dict.fromkeys(fields, value))
        assert answer.status_code < 500, f"{url} with {value!r} in {fields}"
