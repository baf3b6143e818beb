"""Sentences that are stored in English, for programs and for the trail, and shown to people in their language.

Who writes one declares it (`TAKES = stored("Takes %(amps)s A.")`) and fills it as ever; who shows one asks `shown`, which
knows it again by its fixed words. What nobody declared is shown as it is: what stations and other systems say.
"""

import re

from django.utils.translation import get_language, gettext

_GAP = re.compile(r"%\((\w+)\)s")
# A name for programs before the sentence: `WrongSignature: It is not ...`.
_NAMED = re.compile(r"([A-Za-z]+: )(.+)", re.DOTALL)
_declared: dict[str, re.Pattern[str]] = {}


def stored(sentence: str) -> str:
    """Declare a sentence, as it is translated: English, gaps as `%(name)s`."""
    parts = _GAP.split(sentence)
    # Every other part is a gap's name.
    found = "".join(
        f"(?P<{part}>.+?)" if at % 2 else re.escape(part.replace("%%", "%")) for at, part in enumerate(parts)
    )
    _declared[sentence] = re.compile(found, re.DOTALL)
    return sentence


def shown(text: str) -> str:
    """What was stored, in the reader's language."""
    if not text or (get_language() or "en").startswith("en"):
        return text
    known = _known(text)
    if known is None and (named := _NAMED.fullmatch(text)):
        rest = _known(named[2])
        known = None if rest is None else named[1] + rest
    return text if known is None else known


def _known(text: str) -> str | None:
    if text in _declared and not _GAP.search(text):
        return gettext(text)
    for sentence, pattern in _declared.items():
        if match := pattern.fullmatch(text):
            # What fills a gap may be such a sentence itself: why an address was switched off.
            gaps = {name: gap if gap == text else shown(gap) for name, gap in match.groupdict().items()}
            return gettext(sentence) % gaps if gaps else gettext(sentence)
    return None
