"""What axe and the edge of the window say of a page: one way to look at it for all tests."""

from typing import Any

from axe_playwright_python.sync_playwright import Axe

SERIOUS = ["serious", "critical"]
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
# Rounding of half pixels.
TOLERATED_PX = 1


AXE = Axe().axe_script
# The page picks what is told: all that axe found takes longer to bring here than to find.
RUN = """
async ([context, impacts]) => {
  const options = { resultTypes: ["violations"], preload: false };
  const found = await axe.run(context ?? document, options);
  return found.violations.filter((one) => impacts.includes(one.impact)).flatMap((one) =>
    one.nodes.slice(0, 4).map((node) => `${one.id}: ${node.target}: ${node.html.slice(0, 200)}`));
}
"""


def serious_faults(page: Any, context: str | None = None) -> list[str]:
    """Axe's violations of impact serious or critical, each as `rule: selector: element`. `context`: a selector."""
    if page.evaluate("typeof axe === 'undefined'"):
        page.evaluate(AXE)
    return [str(fault) for fault in page.evaluate(RUN, [context, SERIOUS])]


def overflow(page: Any) -> int:
    """Pixels by which the page is wider than its window."""
    return int(page.evaluate(OVERFLOW))


def faults(page: Any, context: str | None = None) -> list[str]:
    """Both, in words; empty for a page that fits its window and can be read by all."""
    wider = overflow(page)
    too_wide = [f"wider than the window by {wider} px"] if wider > TOLERATED_PX else []
    return too_wide + serious_faults(page, context)


def look_over(page: Any, name: str = "") -> None:
    """Fail with what is wrong with the page."""
    found = faults(page)
    assert not found, "\n".join([f"{name} {page.url}", *found])
