"""Forms of work on many: labels, configuration keys, id tags."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from chargepoints.models import IdTag
from chargepoints.services.bulk import DEFAULT_CONCURRENCY, MOST_CONCURRENCY
from chargepoints.services.configuration_keys import LONGEST_KEY, LONGEST_VALUE
from chargepoints.services.configuration_wishes import InvalidWishes, check_wishes
from chargepoints.services.importing.cells import Wrong, words
from chargepoints.services.station_table import LONGEST_LABEL, MOST_LABELS

KEYS_AT_ONCE = 4


class LabelsField(forms.CharField):
    """Labels with commas between them."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, max_length=2000, widget=forms.TextInput({"size": 40}), **kwargs)

    def clean(self, value: Any) -> list[str]:
        try:
            return words(LONGEST_LABEL, MOST_LABELS)(super().clean(value))
        except Wrong as error:
            raise ValidationError(str(error)) from None


class LabelsForm(forms.Form):
    """What is added, what is taken away."""

    add = LabelsField(label=_("Add these labels"), help_text=_("With commas between them."))
    remove = LabelsField(label=_("Take these away"))

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if self.errors:
            return given
        if not given["add"] and not given["remove"]:
            raise ValidationError(_("Say which labels to add or to take away."))
        if both := set(given["add"]) & set(given["remove"]):
            self.add_error("remove", _("Added and taken away: %(names)s.") % {"names": ", ".join(sorted(both))})
        return given


class ConcurrencyForm(forms.Form):
    concurrency = forms.IntegerField(
        label=_("Charge points asked at a time"), min_value=1, max_value=MOST_CONCURRENCY, initial=DEFAULT_CONCURRENCY
    )


class KeysForm(ConcurrencyForm):
    """A few keys and what each is to be."""

    keep = forms.BooleanField(
        label=_("Keep as the wish of each station"),
        required=False,
        initial=True,
        help_text=_("One that is offline, or is replaced, is set when it comes back."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number in range(1, KEYS_AT_ONCE + 1):
            self.fields[f"key{number}"] = forms.CharField(
                label=_("Key"),
                required=number == 1,
                max_length=LONGEST_KEY,
                widget=forms.TextInput({"list": "known-keys"}),
            )
            self.fields[f"value{number}"] = forms.CharField(
                label=_("Value"), required=False, max_length=LONGEST_VALUE, strip=False
            )

    @property
    def pairs(self) -> list[tuple[Any, Any]]:
        """The fields of each key, for the page."""
        return [(self[f"key{number}"], self[f"value{number}"]) for number in range(1, KEYS_AT_ONCE + 1)]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        typed = {number: given.get(f"key{number}", "").strip() for number in range(1, KEYS_AT_ONCE + 1)}
        values: dict[str, str] = {}
        for number, key in typed.items():
            if not key:
                if given.get(f"value{number}"):
                    self.add_error(f"key{number}", _("Which key is this value for?"))
                continue
            values |= self._checked(number, key, given.get(f"value{number}") or "", values)
        given["values"] = values
        return given

    def _checked(self, number: int, key: str, value: str, before: dict[str, str]) -> dict[str, str]:
        try:
            ((name, checked),) = check_wishes({key: value}).items()
        except InvalidWishes as error:
            self.add_error(f"value{number}", list(error.errors.values()))
            return {}
        if name.lower() in {known.lower() for known in before}:
            self.add_error(f"key{number}", _("The key is given twice."))
        return {name: checked or ""}


class TagsForm(forms.Form):
    """What many id tags are to be. Each field is left as it is unless its change is asked for."""

    status = forms.ChoiceField(
        label=_("Status"), required=False, choices=[("", _("– leave as it is –")), *IdTag.Status.choices]
    )
    change_expiry = forms.ChoiceField(
        label=_("Expiry"),
        required=False,
        choices=[("", _("– leave as it is –")), ("at", _("Expires at")), ("never", _("Never expires"))],
    )
    expires_at = forms.DateTimeField(
        label=_("Expires at"), required=False, widget=forms.DateTimeInput({"type": "datetime-local"})
    )
    change_parent = forms.ChoiceField(
        label=_("Group"),
        required=False,
        choices=[("", _("– leave as it is –")), ("to", _("In the group of")), ("none", _("In no group"))],
    )
    parent = forms.CharField(label=_("Id tag of the group"), required=False, max_length=255)
    change_most = forms.ChoiceField(
        label=_("Sessions at the same time"),
        required=False,
        choices=[("", _("– leave as it is –")), ("to", _("At most")), ("none", _("No limit"))],
    )
    most = forms.IntegerField(label=_("At most"), required=False, min_value=0, max_value=1000)

    @property
    def pairs(self) -> list[tuple[Any, Any]]:
        """(whether it is changed, what to), for the page."""
        named = [("change_expiry", "expires_at"), ("change_parent", "parent"), ("change_most", "most")]
        return [(self["status"], None), *((self[how], self[value]) for how, value in named)]

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        if self.errors:
            return given
        change: dict[str, Any] = {"status": given["status"]} if given["status"] else {}
        change |= self._wanted("change_expiry", "at", "expires_at", "expires_at")
        change |= self._wanted("change_parent", "to", "parent", "parent")
        change |= self._wanted("change_most", "to", "most", "max_active_transactions")
        if change.get("parent"):
            found = IdTag.objects.filter(token_key=change["parent"].strip().lower()).first()
            if found is None:
                self.add_error("parent", _("There is no such id tag."))
            change["parent"] = found
        if not change and not self.errors:
            raise ValidationError(_("Say what is to be changed."))
        given["change"] = change
        return given

    def _wanted(self, how: str, given_as: str, value: str, field: str) -> dict[str, Any]:
        """Field -> value where its change is asked for; None takes it away."""
        asked = self.cleaned_data[how]
        if asked != given_as:
            if not asked and self.cleaned_data[value] not in (None, ""):
                self.add_error(how, _("Say whether this is to be changed."))
            return {field: None} if asked else {}
        given = self.cleaned_data[value]
        if given in (None, ""):
            self.add_error(value, _("This field is required."))
        return {field: given}
