"""AC power flows of other vehicles: on one phase, with less power than offered, with more than agreed."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.fields import replaced
from plugfest.conformance.secc.scripts.power import FLOWS, end_power
from plugfest.conformance.secc.scripts.table import SCRIPTS
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from plugfest.conformance.watch.messages import read
from v2g.messages import iso2
from v2g.physical import AC_OVERDRAW, AC_OVERDRAW_AMPS, milliwatts, physical
from v2g.status import refuses

ONE_PHASE = "AC_single_phase_core"
METERED_AC = 60.0
"""s for which a metered flow lasts, so that a meter that counts phases which are not there is detected."""
LITTLE = 0.17
"""Part of the power offered that a vehicle with a low profile may draw: less than 6 A of 32 A."""
FOLLOWS = 12.0
"""s in which a charger has surely noticed a vehicle that draws too much: it has 5 s to follow (IEC 61851-1)."""


def _profile(message: Any, part: float) -> Any:
    """The request with this part of its charging profile's power."""
    profile = message.ChargingProfile
    if profile is None:
        raise Inconclusive("the charger offered no schedule", cause=Cause.POINTLESS)
    entries = [
        msgspec.structs.replace(
            entry,
            ChargingProfileEntryMaxPower=physical(
                iso2, milliwatts(entry.ChargingProfileEntryMaxPower) / 1000.0 * part, "W"
            ),
        )
        for entry in profile.ProfileEntry
    ]
    return replaced(message, "ChargingProfile", msgspec.structs.replace(profile, ProfileEntry=entries))


async def _start(tester: TesterEv, part: float) -> None:
    """PowerDelivery(Start) with a profile of this part of the power offered."""
    await tester.until("ChargeParameterDiscovery")
    tester.progress = "Start"
    await tester.deliver(message=_profile(tester.make("PowerDeliveryReq"), part))


@FLOWS.on("one phase")
async def one_phase(tester: TesterEv) -> None:
    """ChargingStatus for a long time on a single phase, of a charger that has three."""
    tester.pics = tester.pics.with_(PICS_CMN_CMN_EnergyTransferModeAC="aC_single_phase_core")
    await tester.until("Authorization")
    offered = tester.responses["ServiceDiscoveryRes"].ChargeService.SupportedEnergyTransferMode.EnergyTransferMode
    if list(offered) == [ONE_PHASE] or ONE_PHASE not in offered:
        raise Inconclusive(f"the charger offers {', '.join(offered)}", cause=Cause.POINTLESS)
    await tester.until("PowerDelivery.Start")
    for _ in range(round(METERED_AC / 2.0)):
        await tester.charge(1)
        await asyncio.sleep(2.0)
    await end_power(tester)


@FLOWS.on("less power")
async def less_power(tester: TesterEv) -> None:
    """A charging profile of less than half the power offered."""
    await _start(tester, tester.rng.uniform(0.3, 0.45))
    await tester.charge(5)
    await end_power(tester)


@SCRIPTS.on("PF_SECC_ISO2_Overdraw_AC")
async def overdraw(tester: TesterEv, run: Run, result: Result) -> None:
    """A vehicle that draws more than its low profile allows, and than the charger offers: it is switched off."""
    await _start(tester, LITTLE)
    if not await tester.act("overdraw"):
        raise Inconclusive("nothing on this bench can draw more than is offered", cause=Cause.NO_ACTION)
    began, seen = tester.now, "OK"
    while tester.now - began < FOLLOWS:
        await tester.send(tester.make("ChargingStatusReq"))
        arrival = await tester.connection.next(tester.timeout("ChargingStatusReq") + tester.delay)
        seen = "closed" if arrival is None else arrival.code
        if arrival is None or refuses(arrival.code) or tester.system.energised() is False:
            break
        offered, measured = read(arrival.message).line_amps or 0.0, tester.measured()
        if measured is not None and measured.amps <= offered * AC_OVERDRAW + AC_OVERDRAW_AMPS:
            raise Inconclusive(f"the charger offers {offered:g} A, and no more is drawn", cause=Cause.POINTLESS)
        await tester.pause()
    result.saw("switched off", f"{seen} after {tester.now - began:.1f} s")
    if tester.system.energised() is not False and seen == "OK":
        raise Failed(
            f"power still flows {FOLLOWS:g} s after the vehicle began to draw more than EVSEMaxCurrent",
            cause=Cause.LIMIT_EXCEEDED, expected="a contactor that opens, or FAILED", observed=seen,
        )  # fmt: skip
