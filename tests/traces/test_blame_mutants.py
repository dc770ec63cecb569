"""A mistake of one role never turns the judgement of its sessions against the other: samples of mutants."""

from __future__ import annotations

from pathlib import Path

import blame_mutants
import pytest
from made_to_fail import WAYS, failure
from mutants.apart import printed

from plugfest.traces.entries import EVCC, SECC


def test_nobody_is_blamed_for_a_mistake_of_the_other_in_a_sample_of_mutants() -> None:
    assert printed("blame_mutants", 2, 1) == []


def test_blame_of_the_other_side_is_noticed(tmp_path: Path) -> None:
    """Otherwise the samples would show nothing."""
    refuses = next(way for way in WAYS if (way.side, way.name) == (SECC, "refuses"))
    made = failure("iso2-dc", refuses, "PreChargeRes", 1, tmp_path / "x.pcapng")
    assert made is not None
    for recording in (made.capture, *made.traces.values()):
        assert blame_mutants.against(recording, SECC) == []
        assert len(blame_mutants.against(recording, EVCC)) >= 2


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_nobody_is_blamed_for_a_mistake_of_the_other(seed: int) -> None:
    assert printed("blame_mutants", 250, seed) == []
