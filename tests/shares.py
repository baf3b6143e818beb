"""In which order tests run, so that workers are done at the same time."""

import itertools

import pytest


def in_shares(items: list[pytest.Item], workers: int) -> list[pytest.Item]:
    """What is slow begins the workers' shares: it would be waited for alone if it came last, or one after the other.

    The first gets whole systems, the others the files that need a browser, in turn. A share is what xdist deals out
    before workers that have done theirs steal from the others' ends.
    """
    heads: list[list[pytest.Item]] = [[] for _ in range(workers)]
    heads[0] += (item for item in items if item.get_closest_marker("e2e"))
    browsing = (item for item in items if item.get_closest_marker("browser"))
    for turn, (_, of_a_file) in enumerate(itertools.groupby(browsing, key=lambda item: item.path)):
        heads[1 + turn % (workers - 1) if workers > 1 else 0] += of_a_file
    slow = set(itertools.chain.from_iterable(heads))
    others = [item for item in items if item not in slow]
    dealt: list[pytest.Item] = []
    for place, head in enumerate(heads):
        filled = max((len(items) - len(dealt)) // (workers - place) - len(head), 0)
        dealt += [*head, *others[:filled]]
        del others[:filled]
    return dealt + others
