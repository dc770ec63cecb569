"""A vehicle on a real link: nothing is connected with the tester's outlet, which cannot know what the vehicle does."""

from __future__ import annotations

from typing import Any

import pytest
from faults import FAULTS
from faults.fault import Fault, deep, sending
from faults.runs import RUNS, one

from plugfest.conformance.cause import Cause
from plugfest.conformance.verdict import Verdict
from secc.charger import Evse, simulated
from v2g.physical import rational

BY_CURRENT = ("PF_EVCC_ISO2_LowerLimit_AC", "PF_EVCC_ISO2_BelowLeast_AC", "PF_EVCC_ISO2_PowerFlow_AC#2",
              "PF_EVCC_ISO2_PowerFlow_AC#6", "PF_EVCC_ISO2_PowerFlow_AC#7")  # fmt: skip
BY_REPORT = ("PF_EVCC_ISO20_Grid_AC#1", "PF_EVCC_ISO20_Grid_AC#2", "PF_EVCC_ISO20_Grid_AC_dynamic#1",
             "PF_EVCC_ISO20_PowerFlow_AC#3", "PF_EVCC_ISO20_PowerFlow_AC_BPT#1")  # fmt: skip


def apart(system: Any) -> None:
    """Takes the vehicle from the tester's outlet: nobody measures it any more."""
    system.couple = lambda evse: None


@pytest.mark.parametrize("name", BY_CURRENT)
def test_what_only_a_meter_shows_is_not_judged_without_one(name: str) -> None:
    """Neither a failure by the current that the outlet could give, nor a pass of what nobody saw."""
    result = one(RUNS[name], Fault("", "", "evcc", (), apart))
    assert (result.verdict, result.cause) == (Verdict.INCONC, Cause.NO_METER), result.reason
    assert result.findings == []


def test_nobody_sees_whether_a_schedule_is_followed_in_ac() -> None:
    run = RUNS["CHX_SmartChargingScheduling_001"]
    result = one(run, Fault("", "", "evcc", (), apart), PICS_CMN_CMN_ChargingMode="aC")
    assert (result.verdict, result.cause) == (Verdict.INCONC, Cause.NO_METER), result.reason


@pytest.mark.parametrize("name", BY_REPORT)
def test_what_a_vehicle_reports_is_judged_without_a_meter(name: str) -> None:
    result = one(RUNS[name], Fault("", "", "evcc", (), apart))
    assert (result.verdict, result.reason, result.findings) == (Verdict.PASS, "", [])


def without_battery(system: Any) -> None:
    """The vehicle measures the tester's voltage, but its battery does not hold it."""

    def couple(evse: Evse) -> None:
        power = simulated(evse)
        assert power is not None
        system.vehicle.sense = power.measure

    system.couple = couple


def test_an_output_without_a_battery_says_nothing_about_an_inlet() -> None:
    """Where the charger decides, it goes as far up as the vehicle allows, which its battery would not let happen."""

    def adjust(system: Any) -> None:
        sending("DC_ChargeLoopReq", deep("EVPresentVoltage", rational(330.0)), "iso20-dc")(system)
        without_battery(system)

    result = one(RUNS["PF_EVCC_ISO20_PowerFlow_DC_dynamic#1"], Fault("", "", "evcc", (), adjust))
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
    assert not any("EVPresentVoltage" in str(one) for one in result.findings)


def test_an_output_without_a_battery_says_nothing_about_the_precharge() -> None:
    """Without current, it goes to the target of the loop at once, where a battery would hold it."""
    result = one(RUNS["PF_EVCC_ISO20_Standby#1"], Fault("", "", "evcc", (), without_battery))
    assert (result.verdict, result.reason) == (Verdict.PASS, "")


@pytest.mark.parametrize(
    ("name", "reads"),
    [("PF_EVCC_ISO20_PowerFlow_DC#3", True), ("PF_EVCC_ISO2_PowerFlow#3", True), ("PF_EVCC_ISO2_PowerFlow#3", False)],
)
def test_an_output_without_a_battery_says_nothing_about_power(name: str, *, reads: bool) -> None:
    """It has the voltage of the target, and a vehicle divides the schedule's power by that of its battery."""
    unread = next(fault for fault in FAULTS if fault.name == "ev-plan-unread-dc")
    result = one(RUNS[name], Fault("", "", "evcc", (), without_battery, () if reads else unread.patches))
    assert result.verdict is Verdict.PASS, result.reason
    assert any("profile and schedule allow" in str(one) for one in result.findings) is not reads


@pytest.mark.parametrize(
    "name", ["PF_EVCC_ISO2_CurrentDemand_Limits#2", "PF_EVCC_DIN_Limits#2", "PF_EVCC_DIN_PowerFlow#1"]
)
def test_a_limit_of_power_is_divided_by_the_voltage_of_the_battery(name: str) -> None:
    result = one(RUNS[name], Fault("", "", "evcc", (), without_battery), PIXIT_EVCC_DC_TargetsAboveLimits="kept")
    assert (result.verdict, result.reason) == (Verdict.PASS, "")
