"""Take new texts into the German catalogue, drop those that are gone, and compile it: `scripts/translate`.

A text that has changed a little keeps its translation, marked as fuzzy: look it over, and take the mark away. A test fails
as long as one is fuzzy or empty.
"""

import sys
from datetime import UTC, datetime

import django
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from tests.translations.extraction import MO, PO, wanted


def kept() -> Catalog:
    with PO.open("rb") as file:
        return read_po(file, locale="de", charset="utf-8")


def write(catalog: Catalog) -> None:
    # Lines as they are: wrapped, the glossary at the top would be a paragraph.
    with PO.open("wb") as file:
        write_po(file, catalog, width=0, sort_by_file=True, include_lineno=False, ignore_obsolete=True)
    # What was written is compiled, so that one says what the other says.
    with MO.open("wb") as file:
        write_mo(file, kept())


def refresh() -> int:
    """How many texts wait for a translation."""
    catalog = kept()
    catalog.update(wanted(), update_header_comment=False)
    catalog.revision_date = datetime.now(UTC)
    write(catalog)
    return sum(
        1 for message in catalog if message.id and (message.fuzzy or not message.string or not all(message.string))
    )


if __name__ == "__main__":
    django.setup()
    waiting = refresh()
    sys.stdout.write(
        f"{PO.name}: {waiting} texts wait for a translation.\n" if waiting else f"{PO.name} is complete.\n"
    )
