"""How many examples a property is tried with: few on every run, the same ones; many by night (`scripts/test thorough`)."""

from typing import Any

from hypothesis import settings

USUAL, THOROUGH = "usual", "thorough"
MORE = 20
# A deadline would tell of a busy machine, not of our code. Random examples belong where somebody looks at what they find.
settings.register_profile(USUAL, deadline=None, derandomize=True, max_examples=60)
settings.register_profile(THOROUGH, deadline=None, max_examples=1000)


def examples(usual: int, **options: Any) -> settings:
    """`usual` examples, twenty times as many in the thorough profile. `options` are hypothesis' own."""
    return settings(max_examples=usual * MORE if is_thorough() else usual, **options)


def is_thorough() -> bool:
    """Whether everything is to be tried, however long it takes."""
    return settings.get_current_profile_name() == THOROUGH
