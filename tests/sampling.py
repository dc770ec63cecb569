"""A part of the cases of a test in every suite, and all of them in ``make slow``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def sampled(cases: Iterable[Any], every: int) -> list[Any]:
    """Parameters of a test: the first and every ``every``-th after it in each suite, the others in ``make slow``.

    Args:
        cases: as for ``parametrize``: values, tuples of values, or ``pytest.param``.
    """
    return [case if number % every == 0 else slow(case) for number, case in enumerate(cases)]


def slow(case: Any) -> Any:
    """A case that ``make slow`` alone tries."""
    if hasattr(case, "marks"):
        return pytest.param(*case.values, id=case.id, marks=[*case.marks, pytest.mark.slow])
    values = case if isinstance(case, tuple) else (case,)
    return pytest.param(*values, marks=pytest.mark.slow)
