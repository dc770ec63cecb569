"""The plant that a bench file describes."""

from __future__ import annotations

import pytest

from plugfest import plants
from plugfest.config import loads


@pytest.mark.parametrize(
    ("text", "warned"),
    [
        ("connector: ccs2\ncharger: {power: 150}\n", ""),
        ("connector: ccs2\ncharger: {power: 900}\n", "900 kW"),
        ("ac: true\nconnector: type2\n", ""),
        ("ac: true\nconnector: type1\n", ""),
        ("ac: true\nconnector: type1\ncharger: {ac-supply: {phases: 3}}\n", "1 phase(s), not 3"),
        ("ac: true\nconnector: type2\ncharger: {ac-supply: {max-current: 64}}\n", "64 A per phase"),
    ],
)
def test_power_that_no_such_connector_carries_is_warned_of(text: str, warned: str) -> None:
    warnings = plants.warnings(loads(text))
    assert [warned in line for line in warnings] == ([True] if warned else [])
