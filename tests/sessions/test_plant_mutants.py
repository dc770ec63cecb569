"""No mistake in the charger's protocol code gets past the plant: samples of mutants."""

from __future__ import annotations

import plant_mutants
import pytest
from mutants.apart import printed

from plugfest.virtual import run as virtually
from secc.envelope import LimitedOutput


def test_a_sample_of_mutants_changes_nothing_that_the_plant_promises() -> None:
    assert printed("plant_mutants", 12, 1) == []


def test_a_plant_that_does_not_protect_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the samples would show nothing."""
    monkeypatch.setattr(LimitedOutput, "off", lambda output: None)
    assert virtually(plant_mutants.session("iso2-dc")) == ["live in State.B"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_no_mutant_changes_anything_that_the_plant_promises(seed: int) -> None:
    assert printed("plant_mutants", 250, seed) == []
