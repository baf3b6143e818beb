"""All texts that people may read: of the code, the templates, the models' names, and what unfold shows of its own.

Pure Python (Babel), so that it runs where no gettext is installed.
"""

import io
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import django
import unfold
from babel.messages import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import read_po
from django.utils.translation.template import templatize

from csms.model_names import OWN_APPS, names_of_models

ROOT = Path(__file__).resolve().parents[2]
PO = ROOT / "csms/locale/de/LC_MESSAGES/django.po"
MO = PO.with_suffix(".mo")
KEYWORDS: dict[str, Any] = {
    **dict.fromkeys(("_", "gettext", "gettext_lazy", "gettext_noop", "stored"), None),
    **dict.fromkeys(("ngettext", "ngettext_lazy"), (1, 2)),
    **dict.fromkeys(("pgettext", "pgettext_lazy"), ((1, "c"), 2)),
    **dict.fromkeys(("npgettext", "npgettext_lazy"), ((1, "c"), 2, 3)),
}
# Parts of unfold that the back office uses; the others come with packages that aren't installed.
UNFOLD_PARTS = ("filters", "forms", "inlines")
MODELS = "the names of models and fields"
UNFOLD = "unfold"

Identifier = str | tuple[str, ...]
Found = tuple[Identifier, str | None]


def _in(path: Path) -> Iterator[Found]:
    """The texts of one file."""
    text = path.read_text()
    if path.suffix != ".py":
        # What stands between the tags becomes words without a meaning; their indentation must not be read as Python's.
        text = re.sub(r"(?m)^[ \t]+", "", templatize(text, origin=str(path)))
    for _line, message, _comments, context in extract("python", io.BytesIO(text.encode()), keywords=KEYWORDS):
        identifier = tuple(message) if isinstance(message, list | tuple) else message
        if identifier and identifier[0]:
            yield identifier, context or None


def _own_files() -> Iterator[Path]:
    for folder in OWN_APPS:
        yield from (path for path in (ROOT / folder).rglob("*.py") if "migrations" not in path.parts)
    for folder in ("templates", *OWN_APPS):
        found = (ROOT / folder).rglob("*")
        yield from (path for path in found if path.suffix in {".html", ".txt"} and "templates" in path.parts)


def _unfold_files() -> Iterator[Path]:
    folder = Path(unfold.__file__).parent
    for path in [*folder.rglob("*.html"), *folder.rglob("*.py")]:
        parts = path.relative_to(folder).parts
        if parts[0] != "contrib" or parts[1] in UNFOLD_PARTS:
            yield path


def _known_to_django() -> set[str]:
    """Singulars and plurals that Django brings along in German."""
    known: set[str] = set()
    for path in Path(django.__file__).parent.rglob("locale/de/LC_MESSAGES/django.po"):
        with path.open("rb") as file:
            for message in read_po(file):
                known.update([message.id] if isinstance(message.id, str) else message.id)
    return known


def _add(catalog: Catalog, found: Iterable[Found], where: str) -> None:
    for identifier, context in found:
        catalog.add(identifier, locations=[(where, 0)], context=context)


def stored_texts() -> set[str]:
    """The sentences that are declared with `stored`."""
    found: set[str] = set()
    for path in _own_files():
        if path.suffix == ".py":
            with path.open("rb") as source:
                found.update(str(message) for _, message, *_ in extract("python", source, keywords={"stored": None}))
    return found


def wanted() -> Catalog:
    """A catalogue of everything that wants a translation, without any. Needs Django to be set up."""
    catalog = Catalog(locale="de", charset="utf-8", fuzzy=False)
    for path in sorted(_own_files()):
        _add(catalog, _in(path), str(path.relative_to(ROOT)))
    _add(catalog, ((name, None) for name in names_of_models()), MODELS)
    known = _known_to_django()
    for path in sorted(_unfold_files()):
        texts = (found for found in _in(path) if (found[0] if isinstance(found[0], str) else found[0][0]) not in known)
        _add(catalog, texts, UNFOLD)
    return catalog
