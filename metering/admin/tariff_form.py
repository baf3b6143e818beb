"""The form of a tariff: its fields, and its elements as a sheet whose faults stand at their rows."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from metering.admin.rate_row import NAME
from metering.admin.rate_sheet import RateSheet
from metering.models import Tariff
from metering.pricing.catalogue import check_tariff
from metering.pricing.tariff import Fault, TariffFaults
from tenants.admin.forms import TenantModelForm


class SheetWidget(forms.Widget):
    """Shows the sheet that its form made; the elements that it says are the value."""

    sheet = RateSheet([])
    stored: Any = None

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return self.sheet.meant(self.stored)

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        return False

    def id_for_label(self, id_: str | None) -> str:
        return ""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        return render_to_string("office/tariff_sheet.html", {"sheet": self.sheet})


class ElementsField(forms.Field):
    """Elements, unchecked: the form checks the tariff as a whole."""

    widget = SheetWidget

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(initial != data)


class TariffForm(TenantModelForm):
    """Checked as the API checks it; every fault is named at its field."""

    elements = ElementsField(label=_("Rates"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        stored = self.instance.elements if self.instance.pk else None
        self.sheet = RateSheet.posted(self.data) if self.is_bound else RateSheet.of(stored)
        widget = self.fields[NAME].widget
        widget.sheet, widget.stored = self.sheet, stored  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any] | None:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.sheet.is_faulty:
            # It can't even be read.
            self.add_error(NAME, self.sheet.faults)
        elif "currency" in cleaned:
            cleaned["currency"] = cleaned["currency"].upper()
            self._check(cleaned)
        return cleaned

    def _check(self, cleaned: dict[str, Any]) -> None:
        draft = Tariff(**{name: cleaned.get(name) for name in cleaned}, pk=self.instance.pk)
        try:
            check_tariff(draft)
        except TariffFaults as error:
            self._name(error.faults)
        except ValidationError as error:
            self.add_error(None, error)

    def _name(self, faults: list[Fault]) -> None:
        for fault in faults:
            if not self.sheet.place(fault):
                self.add_error(fault.path, fault.text)
        if self.sheet.faults:
            self.add_error(NAME, self.sheet.faults)
        elif self.sheet.is_faulty:
            count = len(self.sheet.placed)
            self.add_error(
                NAME,
                ngettext("%(count)d place needs another look.", "%(count)d places need another look.", count)
                % {"count": count},
            )
