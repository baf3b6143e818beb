"""What axe and the edge of the window say of a page: one way to look at it for all tests."""

import time
from collections.abc import Callable
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Error

from tests.browser.conftest import PATIENCE_MS
from tests.browser.ways import come_to_rest

SERIOUS = ["serious", "critical"]
# Rounding of half pixels.
TOLERATED_PX = 1

# A page that was left in between may have no document yet, and has no axe.
OVERFLOW = """
() => {
  const root = document.documentElement;
  if (!root) throw new Error("no document yet");
  return root.scrollWidth - root.clientWidth;
}
"""
AXE = Axe().axe_script
# The page picks what is told: all that axe found takes longer to bring here than to find.
RUN = """
async ([context, impacts]) => {
  if (typeof axe === "undefined") throw new Error("no axe any more");
  const options = { resultTypes: ["violations"], preload: false };
  const found = await axe.run(context ?? document, options);
  return found.violations.filter((one) => impacts.includes(one.impact)).flatMap((one) =>
    one.nodes.slice(0, 4).map((node) => `${one.id}: ${node.target}: ${node.html.slice(0, 200)}`));
}
"""
# What is said of a look at a page that was left for another meanwhile.
LEFT = ("Execution context was destroyed", "rame was detached", "no document yet", "no axe any more")
# What was just put into the page is drawn with the second.
TWO_FRAMES = "() => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(() => drawn())))"


def _look(page: Any, look: Callable[[], Any]) -> Any:
    """What `look` says of the page once that rests; anew where the page was left in between."""
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while True:
        come_to_rest(page)
        try:
            page.evaluate(TWO_FRAMES)
            return look()
        except Error as error:
            if time.monotonic() > deadline or not any(said in error.message for said in LEFT):
                raise


def _stays(page: Any, look: Callable[[], Any]) -> Any:
    """What is wrong is looked at twice: only what stays is a fault of the page."""
    return _look(page, look) and _look(page, look)


def serious_faults(page: Any, context: str | None = None) -> list[str]:
    """Axe's violations of impact serious or critical, each as `rule: selector: element`. `context`: a selector."""

    def look() -> list[str]:
        if page.evaluate("typeof axe === 'undefined'"):
            page.evaluate(AXE)
        return [str(fault) for fault in page.evaluate(RUN, [context, SERIOUS])]

    return list(_stays(page, look))


def overflow(page: Any) -> int:
    """Pixels by which the page is wider than its window."""
    return int(_stays(page, lambda: page.evaluate(OVERFLOW)))


def faults(page: Any, context: str | None = None) -> list[str]:
    """Both, in words; empty for a page that fits its window and can be read by all."""
    wider = overflow(page)
    too_wide = [f"wider than the window by {wider} px"] if wider > TOLERATED_PX else []
    return too_wide + serious_faults(page, context)


def look_over(page: Any, name: str = "") -> None:
    """Fail with what is wrong with the page."""
    found = faults(page)
    assert not found, "\n".join([f"{name} {page.url}", *found])


def assert_fits(page: Any) -> None:
    """Fail if the page is wider than its window."""
    wider = overflow(page)
    assert wider <= TOLERATED_PX, f"{page.url}: wider than the window by {wider} px"
