"""The German catalogue has every text that people may read, translated, and what was compiled says the same."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterable

import pytest
from babel.messages import Catalog, Message
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.utils.translation import override

from chargepoints.services.connections import CLOSED_BEFORE
from chargepoints.services.outcomes import BEGAN_REFUSED
from chargepoints.services.signing_requests import OTHER_NAME
from tenants.delivery.queue import SILENT
from tenants.outbound import NO_ANSWER
from tenants.stored_words import shown, stored
from tests.translations.extraction import MO, PO, ROOT, stored_texts, wanted

AGAIN = "run scripts/translate, and translate what is empty or fuzzy in csms/locale/de/LC_MESSAGES/django.po"
# What a process knows that only shows pages.
PAGES = """
import django
django.setup()
from django.urls import get_resolver
get_resolver().url_patterns
from tenants.stored_words import _declared
print(*map(repr, _declared), sep=chr(10))
"""
_GAPS = re.compile(r"%\(\w+\)[sdf]|%[sd]|%%|\{\w*\}")


@pytest.fixture(scope="module")
def kept() -> Catalog:
    with PO.open("rb") as file:
        return read_po(file, locale="de", charset="utf-8")


@pytest.fixture(scope="module")
def messages(kept: Catalog) -> list[Message]:
    return [message for message in kept if message.id]


def forms(text: "str | list[str] | tuple[str, ...] | None") -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ("",))


def keys(catalog: Catalog) -> set[tuple[tuple[str, ...], str | None]]:
    return {(forms(message.id), message.context) for message in catalog if message.id}


def gaps(text: str) -> set[str]:
    """`%%` counts as one: both sides need it, or neither."""
    return set(_GAPS.findall(text))


def test_every_text_of_code_and_templates_is_in_the_catalogue_and_no_other(kept: Catalog) -> None:
    there, needed = keys(kept), keys(wanted())
    assert sorted(needed - there, key=str) == [], AGAIN
    assert sorted(there - needed, key=str) == [], AGAIN
    assert list(kept.obsolete) == [], AGAIN


def test_every_text_is_translated(messages: list[Message]) -> None:
    assert [message.id for message in messages if message.fuzzy or not all(forms(message.string))] == [], AGAIN
    plurals = [message for message in messages if not isinstance(message.id, str)]
    assert [message.id for message in plurals if len(forms(message.string)) != 2] == []


def test_translations_have_the_gaps_of_their_texts(messages: list[Message]) -> None:
    wrong = []
    for message in messages:
        given, said = forms(message.id), forms(message.string)
        # One thing may be told without its number; many have all gaps.
        allowed = [gaps(text) for text in given]
        if gaps(said[-1]) != allowed[-1] or gaps(said[0]) not in allowed:
            wrong.append((message.id, message.string))
    assert wrong == []


def test_translations_begin_and_end_with_a_line_break_where_their_texts_do(messages: list[Message]) -> None:
    def ends(text: str) -> tuple[bool, bool]:
        return text.startswith("\n"), text.endswith("\n")

    pairs = [
        (one, other)
        for message in messages
        for one, other in zip(forms(message.id), forms(message.string), strict=False)
    ]
    assert [one for one, other in pairs if ends(one) != ends(other)] == []


def test_the_compiled_catalogue_says_what_the_source_says(messages: list[Message]) -> None:
    def said(catalog: Iterable[Message]) -> dict[tuple[str, str], tuple[str, ...]]:
        # Contexts come as bytes from a compiled catalogue.
        contexts = ((one, one.context.decode() if isinstance(one.context, bytes) else one.context) for one in catalog)
        return {(forms(one.id)[0], context or ""): forms(one.string) for one, context in contexts if one.id}

    with MO.open("rb") as file:
        assert said(read_mo(file)) == said(messages), AGAIN


def test_a_stored_sentence_is_shown_in_the_readers_language_and_anything_else_as_it_is() -> None:
    stored("Takes %(amps)s A, may take %(limit)s A (%(circuit)s).")
    sentence = "Takes 16.0 A, may take 10.0 A (Hall 50 %)."
    with override("de"):
        assert shown(sentence) == "Nimmt 16.0 A, darf 10.0 A nehmen (Hall 50 %)."
        assert shown("InternalError 0x4711") == "InternalError 0x4711"
        assert shown("") == ""
    with override("en"):
        assert shown(sentence) == sentence


def test_pages_know_every_stored_sentence_whichever_process_keeps_it() -> None:
    asked = [sys.executable, "-W", "ignore", "-c", PAGES]
    fresh = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)
    assert sorted(stored_texts() - {ast.literal_eval(line) for line in fresh.stdout.splitlines()}) == [], fresh.stderr


def test_a_stored_sentence_is_known_behind_a_name_for_programs_and_inside_another() -> None:
    named = f"WrongCommonName: {OTHER_NAME % {'given': 'CP9'}}"
    nested = SILENT % {"why": NO_ANSWER % {"timeout_s": "15"}}
    with override("de"):
        assert shown(named) == "WrongCommonName: Der Common Name ist CP9, nicht der der Station."
        assert shown(nested) == "Fünf Tage lang keine Antwort; zuletzt: Keine Antwort binnen 15 s."
        # A whole sentence is preferred to one with gaps that would fit: "%(message)s came."
        assert shown(CLOSED_BEFORE) == "Die Verbindung wurde getrennt, bevor die Antwort kam."
        assert shown(BEGAN_REFUSED % {"session": 7, "number": "7", "verdict": "Blocked"}) == (
            "Ladevorgang 7 (Transaktion 7), sein Ausweis wurde abgelehnt: Blocked."
        )
