"""DC until power flows: isolation and pre-charge."""

from __future__ import annotations

from typing import Any

from plugfest.conformance.catalogue import Run, timer
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.course import Course
from plugfest.conformance.evcc.reactions import gives_up as judge
from plugfest.conformance.evcc.scripts.steps import delivers, gives_up, goes_on, hold
from plugfest.conformance.evcc.scripts.table import SCRIPTS
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.fields import replaced
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from plugfest.conformance.wire import Arrival
from v2g.physical import number, physical

ENDS = 45.0
"""s within which a vehicle ends a session in which it cannot charge; its cable check may take this long."""


@SCRIPTS.on("PF_EVCC_ISO2_ChargeParameterDiscovery_Unsuitable", "PF_EVCC_DIN_ChargeParameterDiscovery_Unsuitable")
async def unsuitable(tester: TesterEvse, run: Run, result: Result) -> None:
    """Limits that fit no battery, or a lasting alarm: the vehicle does not start."""
    ((name, wanted),) = ((key, value) for key, value in run.variant.items() if key.startswith("EVSE"))
    value: Any = wanted
    if name != "EVSEStatusCode":
        value = physical(tester.protocol.module, float(str(wanted).removesuffix(" V")), "V")

    def override(request: Any, response: Any) -> Any:
        return replaced(response, name, value)

    lasts = ("CableCheckReq", "PreChargeReq") if name == "EVSEStatusCode" else ()
    tester.answers.overrides.update(dict.fromkeys(("ChargeParameterDiscoveryReq", *lasts), override))
    held = await hold(tester, "ChargeParameterDiscoveryReq")
    await tester.reply(await tester.good(held))
    started: list[Arrival] = []

    def over() -> bool:
        started.extend(one for one in tester.after(held) if delivers(one, "Start"))
        return bool(started) or tester.over

    await tester.wait_for(over, ENDS)
    seen = "it starts" if started else "it ends" if tester.over else "it does not start"
    result.saw("the vehicle does not start", seen)
    if started:
        raise Failed(
            f"PowerDeliveryReq(Start) at a charger with {name} {wanted}", cause=Cause.LIMIT_EXCEEDED,
            expected="a session that ends before power flows", observed=seen,
        )  # fmt: skip


@SCRIPTS.on("PF_EVCC_ISO2_PreCharge_Reached")
async def precharge_reached(tester: TesterEvse, run: Run, result: Result) -> None:
    """PowerDeliveryReq comes once the voltage is within 20 V of the target."""
    held = await hold(tester, "PowerDeliveryReq")
    asked = [one for one in tester.requests if one.name == "PreChargeReq"]
    told = tester.told("PreChargeRes")
    assert told is not None
    target, reached = number(asked[-1].message.EVTargetVoltage), number(told.message.EVSEPresentVoltage)
    result.saw("PowerDeliveryReq Start once the voltage is reached", f"{reached:g} V, target {target:g} V")
    if not delivers(held, "Start") or abs(reached - target) > 20.0:
        raise Failed(
            f"PowerDeliveryReq at {reached:g} V, target {target:g} V",
            cause=Cause.PHYSICS,
            expected="contactors closed only near the battery's voltage",
        )


@SCRIPTS.on("PF_EVCC_ISO2_PreCharge_Overshoot")
async def precharge_overshoot(tester: TesterEvse, run: Run, result: Result) -> None:
    """The voltage stays 50 V too high: the vehicle repeats PreChargeReq until its timer expires."""
    held = await hold(tester, "PreChargeReq")
    high = physical(tester.protocol.module, number(held.message.EVTargetVoltage) + 50.0, "V")
    response = replaced(await tester.good(held), "EVSEPresentVoltage", high)
    tester.answers.fixed["PreChargeReq"] = response
    if tester.evse.power is not None:
        tester.evse.power.off()
    await tester.reply(response)
    seconds = timer("V2G_EVCC_PreCharge_Timeout")
    course = Course(tester, result, request=held, answered=tester.now, repeated=True)
    await judge(course, from_=held.time + seconds, timer=seconds)


@SCRIPTS.on("PF_EVCC_ISO2_Isolation", "PF_EVCC_DIN_Isolation")
async def isolation(tester: TesterEvse, run: Run, result: Result) -> None:
    """Each EVSEIsolationStatus: the vehicle continues if it is Valid or Warning, and gives up if not."""
    word = str(run.variant["EVSEIsolationStatus"])
    status = "Invalid" if word.startswith("Invalid") else word
    seen: list[float] = []

    def override(request: Any, response: Any) -> Any:
        if response.EVSEProcessing != "Finished":
            return response
        seen.append(tester.now)
        return replaced(response, "EVSEIsolationStatus", status)

    tester.answers.overrides["CableCheckReq"] = override
    await tester.plug()
    if not await tester.wait_for(lambda: seen, 120.0):
        raise Inconclusive("the cable check was not reached", cause=Cause.NO_REQUEST)
    held = [arrival for arrival in tester.requests if arrival.name == "CableCheckReq"][-1]
    if word in ("Valid", "Warning"):
        following = await goes_on(tester, result, held)
        if following.name != "PreChargeReq":
            raise Failed(
                f"{following.name} after isolation {word}",
                cause=Cause.FAULT_IGNORED,
                expected="no power after an isolation status that is not Valid or Warning",
            )
    elif word != "No_IMD":
        await gives_up(tester, result, held)
    else:
        result.saw("as declared", "not judged")
