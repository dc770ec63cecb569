"""docs/deviations.md explains every tolerance that a role reports by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "deviations.md"
_REPORTED = re.compile(r"""\.(?:tolerate\(|tell\("tolerance",)\s*"([a-z0-9-]+)\"""")

pytestmark = pytest.mark.skipif(
    not (ROOT / "secc").is_dir() or not PAGE.is_file(),
    reason="the source tree is not here (tests against the wheel)",
)


def reported() -> Iterator[str]:
    """Names that stand in the code of both roles and the session layer."""
    for package in ("evcc", "secc", "v2g"):
        for path in (ROOT / package).rglob("*.py"):
            yield from _REPORTED.findall(path.read_text(encoding="utf-8"))


def test_the_page_names_every_tolerance() -> None:
    names = set(reported())
    assert len(names) > 10
    assert sorted(names - set(re.findall(r"`([a-z0-9-]+)`", PAGE.read_text(encoding="utf-8")))) == []
