"""Sentences that are stored in English, for programs and for the trail, and shown to people in their language.

Who writes one declares it (`TAKES = stored("Takes %(amps)s A.")`) and fills it as ever; who shows one asks `shown`, which
knows it again by its fixed words. What nobody declared is shown as it is: what stations and other systems say.
"""

import re

from django.utils.translation import get_language, gettext

_GAP = re.compile(r"%\((\w+)\)s")
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
    for sentence, pattern in _declared.items():
        if match := pattern.fullmatch(text):
            return gettext(sentence) % match.groupdict() if match.groupdict() else gettext(sentence)
    return text
