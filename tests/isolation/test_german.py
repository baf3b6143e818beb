"""Every page of the back office in German: none breaks, and none shows a text in English that has a translation."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from babel.messages.pofile import read_po
from django.conf import settings

from tests.isolation.conftest import Cast
from tests.isolation.routes import office_routes
from tests.isolation.test_pages import LEAVING
from tests.translations.extraction import PO
from tests.translations.reading import texts_of

# Words of OCPP and of other systems, which are the same in every language, though the catalogue has them as texts as well.
OF_THE_PROTOCOL = {
    *("Accepted", "Rejected", "Reset", "Blocked", "Expired", "Local", "Remote", "Other", "Full", "Current", "Voltage"),
    *(
        "Temperature",
        "Power",
        "Energy",
        "Voltage (V)",
        "Call",
        "Result",
        "live",
        "CSMS",
        "Get",
        "Charging",
        "Available",
        "session",
    ),
}
# No page of ours has these but in English sentences.
TELL_TALE = re.compile(r"\b(the|and|with|this|these|which|from|until|there|nothing|yet|none)\b")

# Numbers for drawing, not for reading: a comma in them breaks the picture.
DRAWN_WITH_A_COMMA = re.compile(
    r"""\b(?:width|height|x|y|cx|cy|r|max|min|step|data-[a-z-]+)="-?\d+,\d+"|[:(]\s*-?\d+,\d+(?:%|px|em|rem)"""
)


@pytest.fixture(scope="module")
def english() -> set[str]:
    """Texts whose German is another."""
    with PO.open("rb") as file:
        pairs = [(message.id, message.string) for message in read_po(file) if message.id]
    # A word that is German as well may stand for that.
    german = {" ".join(str(said).split()) for _, said in pairs}
    plain = {
        text for text, said in pairs if isinstance(text, str) and text.lower() != str(said).lower() and "%" not in text
    }
    return {" ".join(text.split()) for text in plain} - OF_THE_PROTOCOL - german


@pytest.fixture(scope="module")
def pages(cast: Cast) -> dict[str, str]:
    """Address -> what it answers in German."""

    def answers() -> Iterator[tuple[str, Any]]:
        for route in office_routes():
            if route.template == LEAVING:
                continue
            for path in route.paths({}):
                client = cast.office()
                client.cookies[settings.LANGUAGE_COOKIE_NAME] = "de"
                yield path, client.get(path)

    return {
        path: f"{answer.status_code} {answer.content.decode()}"
        for path, answer in answers()
        if not answer.streaming
        and (answer.status_code >= 500 or answer.get("Content-Type", "").startswith("text/html"))
    }


def test_every_page_answers_in_german(pages: dict[str, str]) -> None:
    assert len(pages) > 150
    assert [path for path, answer in pages.items() if answer.startswith("5")] == []
    whole = [path for path, answer in pages.items() if "<html" in answer]
    assert [path for path in whole if '<html lang="de"' not in pages[path]] == []


def test_no_page_shows_a_text_that_has_a_translation_in_english(pages: dict[str, str], english: set[str]) -> None:
    found = {path: sorted({text for text in texts_of(answer) if text in english}) for path, answer in pages.items()}
    assert {path: texts for path, texts in found.items() if texts} == {}


def test_no_page_has_an_english_sentence(pages: dict[str, str]) -> None:
    found = {
        path: sorted({text for text in texts_of(answer) if TELL_TALE.search(text)}) for path, answer in pages.items()
    }
    assert {path: texts for path, texts in found.items() if texts} == {}


def test_numbers_for_drawing_have_points(pages: dict[str, str]) -> None:
    found = {path: DRAWN_WITH_A_COMMA.findall(answer) for path, answer in pages.items()}
    assert {path: texts for path, texts in found.items() if texts} == {}
