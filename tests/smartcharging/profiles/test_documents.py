"""What docs/smart_charging.md promises about profiles."""

import re
from pathlib import Path

from smartcharging.profiles.problems import REASONS

PAGE = Path(__file__).resolve().parents[3] / "docs/smart_charging.md"


def test_page_explains_each_reason_once() -> None:
    table = PAGE.read_text().partition("### Why one is refused")[2].partition("## Composite schedule")[0]
    first_column = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    explained = [reason for cell in first_column for reason in re.findall(r"`(\w+)`", cell)]
    assert sorted(explained) == sorted(REASONS)
