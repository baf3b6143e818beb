"""A tariff's elements as a sheet that people fill in: rows of prices and conditions, or JSON as OCPI spells it.

It stands between what a form posts and metering.pricing.tariff, which alone says what is right. Knows no database.
"""

import json
from typing import Any

from django import forms
from django.utils.translation import gettext as _

from metering.admin.rate_row import NAME, RateRow, same_terms
from metering.pricing.tariff import MAX_ELEMENTS, Element, Fault, TariffFaults, parse_terms

# More are edited as JSON: a form may have a thousand fields, and nobody reads so many rows.
MOST_ROWS = 30


class RateSheet:
    """`rows`, or `text` (JSON) where it isn't None. `elements`: what it says, not yet checked."""

    def __init__(self, rows: list[RateRow], text: str | None = None) -> None:
        self.rows, self.text = rows, text
        # Of the JSON, or of the sheet as a whole.
        self.faults: list[str] = []
        self.elements: Any = None
        # The rows that became elements, in their order.
        self._filled = [row for row in rows if not row.is_empty]
        if text is None:
            self.elements = [row.element() for row in self._filled]
        else:
            self._read(text)

    @classmethod
    def posted(cls, data: Any) -> "RateSheet":
        """From a form's data (a QueryDict): rows in the order of their keys, else the JSON in the field itself."""
        if f"{NAME}-row" not in data and NAME in data:
            return cls([], data[NAME])
        # Each key once; one more than a tariff may have, so that too many are seen as too many.
        keys = list(dict.fromkeys(data.getlist(f"{NAME}-row")))[: MAX_ELEMENTS + 1]
        return cls([RateRow.posted(data, key) for key in keys if key.isalnum() and len(key) < 8])

    @classmethod
    def of(cls, elements: Any) -> "RateSheet":
        """Stored elements for editing; those that can't be read, or are too many, as JSON."""
        if not elements:
            return cls([RateRow("0")])
        found = _parsed(elements)
        if found is None or len(found) > MOST_ROWS:
            return cls.as_json(elements)
        return cls([RateRow.of(element, str(at)) for at, element in enumerate(found)])

    @classmethod
    def as_json(cls, elements: Any) -> "RateSheet":
        return cls([], json.dumps(elements, indent=2, ensure_ascii=False) if elements else "")

    def meant(self, stored: Any) -> Any:
        """`elements`; as they are stored where that says the same, so that looking at a tariff changes nothing."""
        old, new = _parsed(stored), _parsed(self.elements)
        return stored if old is not None and new is not None and same_terms(old, new) else self.elements

    def place(self, fault: Fault) -> bool:
        """Put a fault of the elements at its row and field; False: it belongs elsewhere."""
        name, _dot, rest = fault.path.partition(".")
        if name != NAME:
            return False
        index, *path = rest.split(".")
        if self.text is not None:
            self.faults.append(f"{fault.path}: {fault.text}" if rest else fault.text)
        elif index.isdigit() and int(index) < len(self._filled):
            row = self._filled[int(index)]
            slot = row.slot_of(path)
            row.fault(slot, self._said(row, slot, path, fault))
        else:
            self.faults.append(fault.text if self._filled else _("Give a rate with at least one price."))
        return True

    @property
    def placed(self) -> list[dict[str, Any]]:
        """All that is wrong, for the script: `{row, slot, texts}`; no row: the sheet as a whole."""
        found: list[dict[str, Any]] = [
            {"row": row.key, "slot": slot, "texts": texts} for row in self.rows for slot, texts in row.faults.items()
        ]
        return found + ([{"row": "", "slot": "", "texts": self.faults}] if self.faults else [])

    @property
    def is_faulty(self) -> bool:
        return bool(self.faults) or any(row.faults for row in self.rows)

    @property
    def blank_row(self) -> RateRow:
        """What the script makes new rows of."""
        return RateRow("__row__")

    @property
    def spare_row(self) -> RateRow:
        """Where no script can add one."""
        return RateRow("spare")

    @property
    def most_rows(self) -> int:
        return MOST_ROWS

    def _said(self, row: RateRow, slot: str, path: list[str], fault: Fault) -> str:
        """The fault in the words of the sheet, where they are others than those of JSON."""
        if path == ["price_components"]:
            return _("Give at least one price.")
        if row.unreadable_length(slot):
            return _("Hours and minutes, such as 4:00.")
        return fault.text

    def _read(self, text: str) -> None:
        try:
            self.elements = json.loads(text) if text.strip() else []
            # What can't be written (half of a pair of surrogates) can't be shown with its faults either.
            json.dumps(self.elements, ensure_ascii=False).encode()
        except (ValueError, RecursionError):
            self.elements = None
            self.faults.append(str(forms.JSONField.default_error_messages["invalid"]))


def _parsed(elements: Any) -> tuple[Element, ...] | None:
    try:
        # The elements' meaning doesn't depend on the currency.
        return parse_terms(currency="EUR", elements=elements).elements
    except TariffFaults:
        return None
