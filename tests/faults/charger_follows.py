"""Faults of chargers that follow one thing and not the other: a limit down and not up, a current and not a voltage."""

from __future__ import annotations

import contextlib
from typing import Any
from unittest.mock import patch

import secc.agreed
import secc.beside
import secc.iso20_ac
import secc.iso20_dc
import secc.iso20_metering
import secc.iso20_profile
from faults.fault import charger, sending, timing, unjudged, with_
from secc.envelope import LimitedOutput, Reached
from secc.power import Insulation
from secc.visit import Visit
from v2g.errors import RemoteError

ISO2, DIN, ISO20 = "PF_SECC_ISO2_PowerFlow", "PF_SECC_DIN_PowerFlow", "PF_SECC_ISO20_PowerFlow_DC"
BACK_DC, BACK_AC = "PF_SECC_ISO20_TakesBack_DC", "PF_SECC_ISO20_TakesBack_AC"


def _only_down(output: Any, *limits: Any, right: Any = LimitedOutput.change) -> None:
    """A limit of the loop never rises again."""
    before = output.vehicle
    right(output, *(None if new is None else min(new, old) for new, old in zip(limits, before, strict=False)))


charger("limits-only-down", "a limit that was lowered in the loop stays low", f"{ISO20}#4", f"{ISO2}#3",
        patches=[(LimitedOutput, "change", _only_down)], reading=True)  # fmt: skip


def _no_power(output: Any, right: Any = LimitedOutput.reached.fget) -> Reached:
    found: Reached = right(output)
    return found._replace(power=False)


charger("power-limit-untold", "EVSEPowerLimitAchieved is always false", f"{ISO2}#10", f"{DIN}#10", f"{ISO20}#11",
        patches=[(LimitedOutput, "reached", property(_no_power))])  # fmt: skip


def _highest(output: Any, voltage: float, current: float, right: Any = LimitedOutput.deliver) -> None:
    right(output, output.ceiling.voltage, current)


charger("voltage-ignored", "the output does not look at EVTargetVoltage", f"{ISO2}#11", f"{DIN}#11", f"{ISO20}#12",
        patches=[(LimitedOutput, "deliver", _highest)])  # fmt: skip


def _awake(visit: Any, right: Any = secc.agreed.meant) -> Any:
    resting, visit.standby = visit.standby, False
    try:
        return right(visit)
    finally:
        visit.standby = resting


def _delivers(output: Any) -> None:
    """Instead of the ramp to nothing: what was asked for before goes on."""


charger("20-standby-power", "power goes on in standby", f"{ISO20}#9",
        patches=[(secc.agreed, "meant", _awake), (LimitedOutput, "ramp_down", _delivers)])  # fmt: skip
charger("20-renegotiated-forgotten", "a renegotiated profile never counts", f"{ISO20}#13",
        patches=[(Visit, "take_over", lambda visit: None)])  # fmt: skip
charger("20-renegotiated-unjudged", "a renegotiated profile is not judged", f"{ISO20}#14",
        patches=[*unjudged("profile-above-schedule"),
                 (secc.iso20_profile, "accept", lambda visit, request: "OK")])  # fmt: skip
charger("20-band-ignored", "power is taken out of a battery at the lower end of its band", f"{BACK_DC}#3",
        f"{BACK_AC}#3", patches=[(secc.iso20_dc, "can_give", lambda asked: True),
                                 (secc.iso20_ac, "can_give", lambda asked: True)])  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# What ends a session, and what does not

CABLE = "PF_SECC_CableCheck_Insulation"


def _passes(output: Any, right: Any = LimitedOutput.insulation.fget) -> Insulation:
    found: Insulation = right(output)
    return Insulation.VALID if found is Insulation.FAULT else found


def _undecided(output: Any, right: Any = LimitedOutput.insulation.fget) -> Insulation:
    found: Insulation = right(output)
    return Insulation.RUNNING if found is Insulation.FAULT else found


charger("insulation-passes", "an insulation test that finds a fault ends well", f"{CABLE}@iso15118-2",
        f"{CABLE}@din70121", f"{CABLE}@iso15118-20",
        patches=[(LimitedOutput, "insulation", property(_passes))])  # fmt: skip
charger("insulation-undecided", "an insulation test that finds a fault never ends", f"{CABLE}@iso15118-2",
        f"{CABLE}@din70121", reading=True, adjust=timing(V2G_SECC_CableCheck_Performance_Time=1000.0),
        patches=[(LimitedOutput, "insulation", property(_undecided))])  # fmt: skip
charger("din-ready-early", "a vehicle has 60 s to be ready to charge", "PF_SECC_DIN_ReadyToCharge",
        adjust=timing(V2G_SECC_ReadyToCharge_Performance_Time=60.0))  # fmt: skip


async def _survives(stream: Any, received: Any, check: Any, right: Any = secc.beside._Stream.answer) -> None:
    with contextlib.suppress(RemoteError):
        await right(stream, received, check)


charger("20-beside-survives", "a refusal on a side stream leaves the session open", "PF_SECC_ISO20_Parking_Stranger",
        patches=[(secc.beside._Stream, "answer", _survives)])  # fmt: skip
charger("20-check-out-open", "a check-out stays open after the vehicle's part of it", "PF_SECC_ISO20_Parking_Course",
        adjust=sending("VehicleCheckOutRes", with_(EVSECheckOutStatus="Scheduled"), "iso20"),
        reading=True)  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Metering confirmations, of which one thing is not compared

_wrong_in = secc.iso20_metering._problem


def _any_session(visit: Any, request: Any) -> str:
    with patch.object(visit.session, "id", request.SignedMeteringData.SessionID):
        return _wrong_in(visit, request)


def _any_schedule(visit: Any, request: Any) -> str:
    with patch.object(
        visit.terms, "tuple_id", request.SignedMeteringData.Scheduled_SMDTControlMode.SelectedScheduleTupleID
    ):
        return _wrong_in(visit, request)


charger("confirmation-any-session", "the SessionID in the signed data is not compared",
        "PF_SECC_ISO20_Metering_Signature#6", patches=[(secc.iso20_metering, "_problem", _any_session)])  # fmt: skip
charger("confirmation-any-schedule", "the schedule in the signed data is not compared",
        "PF_SECC_ISO20_Metering_Signature#7", patches=[(secc.iso20_metering, "_problem", _any_schedule)])  # fmt: skip
