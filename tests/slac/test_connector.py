"""Connector profiles, proximity coding, power classes."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slac.connector import (
    CCS1,
    CCS2,
    CODINGS,
    CONNECTORS,
    LATCHED_OHMS,
    NACS,
    POWER_CLASSES,
    PRESSED_OHMS,
    TYPE1,
    TYPE2,
    Latch,
    Scheme,
    cable_limit,
    connector,
    implausible,
    implausible_ac,
    latch,
    latch_voltage,
    power_class,
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("ccs1", CCS1), ("CCS-2", CCS2), ("nacs", NACS), ("Type 2", TYPE2), ("J1772", TYPE1), ("j3400", NACS)],
)
def test_lookup(name: str, expected: object) -> None:
    """Names are found however they are written."""
    assert connector(name) is expected


def test_unknown_connector_names_the_known() -> None:
    """The error is one line that helps."""
    with pytest.raises(
        ValueError, match=r"^unknown connector 'CHAdeMO'; choose from CCS1, CCS2, NACS, MCS, Type1, Type2$"
    ):
        connector("CHAdeMO")


def test_profiles_agree_with_themselves() -> None:
    """DC modes need DC contacts, three-phase modes three phases, coded plugs a resistor of the table."""
    for plug in CONNECTORS.values():
        assert plug.dc == bool({"DC", "MCS"} & set(plug.codes_20))
        assert ("DC_extended" in plug.modes) == (plug.din_mode is not None) == ("DC" in plug.codes_20)
        assert plug.megawatt == (not plug.modes)
        assert (plug.ac_phases == 3) == ("AC_three_phase_core" in plug.modes)
        if plug.scheme is Scheme.CODED:
            assert plug.pp_ohms in {coding.ohms for coding in CODINGS}
        elif plug.scheme is Scheme.LATCH:
            assert latch(plug.pp_ohms) is Latch.LATCHED


@pytest.mark.parametrize(("ohms", "amperes"), [(1500, 13), (680, 20), (220, 32), (100, 63), (10_000, 0), (math.inf, 0)])
def test_coded_cable(ohms: float, amperes: float) -> None:
    """The four resistors, and no plug."""
    assert cable_limit(ohms) == amperes


def test_coded_cable_single_phase_and_faults() -> None:
    """100 ohm allows 70 A on one phase; a short and a broken resistor are errors."""
    assert cable_limit(100, phases=1) == 70
    for ohms in (0, 49, 3000):
        with pytest.raises(ValueError, match="does not match any cable rating"):
            cable_limit(ohms)


@given(st.floats(50, 2699))
def test_every_resistance_in_range_means_something(ohms: float) -> None:
    """The accepted ranges leave no gap."""
    assert cable_limit(ohms) in (13, 20, 32, 63)


def test_latch() -> None:
    """The three states of a J1772 plug at the voltages of the standard."""
    assert latch(LATCHED_OHMS) is Latch.LATCHED
    assert latch(PRESSED_OHMS) is Latch.PRESSED
    assert latch(math.inf) is Latch.ABSENT
    assert latch(0.0) is Latch.FAULT
    assert latch_voltage(150) == pytest.approx(1.51, abs=0.01)
    assert latch_voltage(480) == pytest.approx(2.76, abs=0.01)
    assert latch_voltage(math.inf) == pytest.approx(4.46, abs=0.01)


def test_power_classes() -> None:
    """Sixteen of them; each can give its power, and not much more is needed for it."""
    assert list(POWER_CLASSES) == [50, 75, 100, 150, 180, 200, 250, 300, 350, 400, 500, 600, 900, 1000, 1200, 3750]
    for kw, rating in POWER_CLASSES.items():
        assert power_class(kw) is rating
        assert rating.max_v * rating.max_a >= rating.watts
    with pytest.raises(ValueError, match="no power class of 123 kW; choose from 50, 75, 100, "):
        power_class(123)


def test_plausibility_warns() -> None:
    """Deployed values are fine, others give one line each, and claims are named as such."""
    assert implausible(CCS2, volts=920, amperes=500, kw=350) == []
    assert len(implausible(CCS2, volts=1000, amperes=501, kw=351)) == 3
    assert "only claimed up to 900 kW" in implausible(NACS, kw=900)[0]
    assert "only claimed" not in implausible(NACS, kw=901)[0]
    assert implausible(TYPE2, volts=400) == ["Type2 has no DC contacts"]
    assert implausible_ac(TYPE2, phases=1, amperes=70) == []
    assert len(implausible_ac(NACS, phases=3, amperes=81)) == 2
