"""Ways from page to page. Playwright's click doesn't wait for the page that it leads to: `follow` does.

Whatever looks at a page once (evaluate, content, count, page.url, a box) would otherwise see the page before, half of the
new one, or nothing. What a script changes within a page is waited for with `expect`, which looks again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

# Nothing is on its way: no style sheet, no font, no answer of htmx, no box in the place of a select, no first data of the
# charts and of the board, no transition. (What breathes for ever is at rest.)
AT_REST = """
() => document.readyState === "complete" && document.fonts.status === "loaded"
  && [...document.querySelectorAll("link[rel=stylesheet]")].every((one) => one.sheet)
  && !document.querySelector(".htmx-request, .htmx-swapping, .htmx-settling, .htmx-added")
  && [...document.querySelectorAll("select.admin-autocomplete")].every(
    (one) => one.nextElementSibling?.querySelector("[role=combobox][aria-label]"))
  && !document.querySelector("[data-charts] [data-range]:empty, [data-board] [data-mark]:not([data-state])")
  && document.getAnimations().every(
    (one) => one.playState !== "running" || one.effect?.getComputedTiming().endTime === Infinity)
"""


@contextmanager
def leaving(page: Any) -> Iterator[None]:
    """Within it something is done that leads to another page; after it that page has been loaded, with its scripts."""
    # A page is loaded once: the next load is the other page's. (A page that rewrites its address "navigates" as well.)
    page.wait_for_load_state()
    with page.expect_event("load"):
        yield


def follow(page: Any, link: Any) -> None:
    """Click what leads to another page: a selector (of several the first) or a locator."""
    with leaving(page):
        (page.locator(link).first if isinstance(link, str) else link).click()


def come_to_rest(page: Any) -> None:
    """Wait until nothing that was begun would move or recolour what is there."""
    page.wait_for_function(AT_REST)
