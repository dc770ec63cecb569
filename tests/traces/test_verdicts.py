"""The page of verdicts is what the check says of each file today."""

from __future__ import annotations

from pathlib import Path

import verdicts

PAGE = Path(__file__).parents[2] / "docs" / "verdicts.md"


def test_the_page_of_verdicts_is_up_to_date() -> None:
    """Read what changed: each line says what happened, who caused it, and why. Then write the page again."""
    assert verdicts.page().splitlines() == PAGE.read_text(encoding="utf-8").splitlines(), (
        "cd tests && python -m verdicts > ../docs/verdicts.md"
    )
