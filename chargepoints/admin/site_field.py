"""A form's choice of a site: from a list, or by its name where a list would be thousands long."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from chargepoints.models import Site

# A longer list is neither read nor sent quickly.
MOST_LISTED = 200


class SiteField(forms.ModelChoiceField):
    """Give it its sites with `offer` when the form is made: within the tenant's scope."""

    default_error_messages = {"invalid_choice": _("There is no site of this name.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(queryset=Site.objects.none(), **kwargs)

    def offer(self) -> None:
        """All of the tenant's sites."""
        self.queryset = Site.objects.all()
        if Site.objects.order_by()[: MOST_LISTED + 1].count() > MOST_LISTED:
            self.to_field_name = "name"
            self.widget = forms.TextInput({"autocomplete": "off", "placeholder": _("Name of the site")})

    def prepare_value(self, value: Any) -> Any:
        if self.to_field_name and isinstance(value, int):
            # What a model's form begins with.
            value = self.queryset.filter(pk=value).first() if self.queryset is not None else None
        return super().prepare_value(value)
