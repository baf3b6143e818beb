"""What lists of the back office need in templates."""

from typing import Any

from django import template

from tenants.list_days import day_choices
from tenants.stored_words import shown

register = template.Library()


@register.inclusion_tag("admin/date_hierarchy.html")
def days_of(changelist: Any) -> dict[str, Any]:
    """The years, months and days of a list, as Django's `date_hierarchy`; reckoned, not looked for."""
    return day_choices(changelist)


@register.filter
def as_shown(text: str) -> str:
    """A stored sentence in the reader's language; escaped like any other text."""
    return shown(text)
