"""What lists of the back office need in templates."""

from typing import Any

from django import template

from tenants.list_days import day_choices

register = template.Library()


@register.inclusion_tag("admin/date_hierarchy.html")
def days_of(changelist: Any) -> dict[str, Any]:
    """The years, months and days of a list, as Django's `date_hierarchy`; reckoned, not looked for."""
    return day_choices(changelist)
