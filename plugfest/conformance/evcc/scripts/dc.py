"""DC until power flows: isolation and pre-charge."""

from __future__ import annotations

from typing import Any

from plugfest.conformance.catalogue import Run, timer
from plugfest.conformance.catalogue.steps import value_text
from plugfest.conformance.cause import Cause, Severity
from plugfest.conformance.evcc.course import Course
from plugfest.conformance.evcc.reactions import gives_up as judge
from plugfest.conformance.evcc.scripts.steps import delivers, gives_up, goes_on, hold
from plugfest.conformance.evcc.scripts.table import SCRIPTS
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.fields import replaced
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from plugfest.conformance.watch.terms import SMALL_CURRENT
from plugfest.conformance.wire import Arrival
from secc.charger import simulated
from secc.minimal import minimal
from v2g import naming
from v2g.physical import PRECHARGE_CURRENT, number, physical

ENDS = 45.0
"""s within which a vehicle ends a session in which it cannot charge; its cable check may take this long."""
NEAR, RISES = 20.0, 1.5
"""V, and s within which an output is that close to its target; an answer may take 2 s."""
URGENT = 1.0
"""s that it may take to notice an alarm."""
COMES = 120.0
"""s within which it has come as far as to a cable check, precharge or the start."""
STEPS = ("CableCheckReq", "PreChargeReq", "PowerDeliveryReq", "CurrentDemandReq", "ChargingStatusReq")
"""Requests around the start, in order: an alarm lasts."""
AC_STEPS = ("PowerDeliveryReq", "ChargingStatusReq")
STATUS = ("EVSEStatusCode", "RCD")
"""Fields that are in all of these."""
INFORM = ("RCD", "EVSENotification")
"""What a vehicle need not heed before power flows: the charger does not let it flow then."""


@SCRIPTS.on(
    "PF_EVCC_ISO2_ChargeParameterDiscovery_Unsuitable", "PF_EVCC_DIN_ChargeParameterDiscovery_Unsuitable",
    "PF_EVCC_ISO2_ChargeParameterDiscovery_Unsuitable_AC",
)  # fmt: skip
async def unsuitable(tester: TesterEvse, run: Run, result: Result) -> None:
    """Parameters with which no vehicle can charge, or a lasting alarm: the vehicle does not start."""
    ((name, wanted),) = run.variant.items()
    amount, _, unit = str(wanted).partition(" ")
    value: Any = physical(tester.protocol.module, float(amount), unit) if amount.isdigit() else wanted

    def override(request: Any, response: Any) -> Any:
        if name == "EVSEChargeParameter":
            return replaced(response, name, _of_other_energy(tester).EVSEChargeParameter)
        return replaced(response, name, value)

    lasts = STEPS if name in STATUS else ()
    asked = ("ChargeParameterDiscoveryReq", *(step for step in lasts if not tester.pics.ac or step in AC_STEPS))
    tester.answers.overrides.update(dict.fromkeys(asked, override))
    held = await hold(tester, "ChargeParameterDiscoveryReq")
    await tester.reply(await tester.good(held))
    started: list[Arrival] = []

    def over() -> bool:
        started.extend(one for one in tester.after(held) if delivers(one, "Start"))
        return bool(started) or tester.over

    await tester.wait_for(over, ENDS)
    seen = "it starts" if started else "it ends" if tester.over else "it does not start"
    result.saw("the vehicle does not start", seen)
    if not started:
        return
    text = f"PowerDeliveryReq(Start) at a charger with {name} {value_text(wanted)}"
    if name in INFORM:
        result.find(text, Severity.READING, Cause.WENT_ON)
        return
    raise Failed(
        text, cause=Cause.LIMIT_EXCEEDED, expected="a session that ends before power flows", observed=seen
    )  # fmt: skip


def _of_other_energy(tester: TesterEvse) -> Any:
    """The smallest ChargeParameterDiscoveryRes for AC to a vehicle of DC, and the other way round."""
    kind = tester.protocol.module.ChargeParameterDiscoveryRes
    return minimal(tester.protocol.schema_of(kind), kind, dc=tester.pics.ac, ResponseCode="OK")


@SCRIPTS.on("PF_EVCC_ISO2_AlarmBeforePower", "PF_EVCC_DIN_AlarmBeforePower")
async def alarm_before_power(tester: TesterEvse, run: Run, result: Result) -> None:
    """An alarm, a shutdown or an isolation fault, and from then on: the vehicle takes no current."""
    variant, told = run.variant, list[float]()
    ((name, value),) = ((key, given) for key, given in variant.items() if key.startswith("EVSE"))

    def override(request: Any, response: Any) -> Any:
        told.append(tester.now)
        return replaced(response, name, value)

    names = STEPS[STEPS.index(str(variant["request"])) :]
    tester.answers.overrides.update(dict.fromkeys(names, override))
    await tester.plug()
    if not await tester.wait_for(lambda: told, COMES):
        raise Inconclusive(f"{variant['request']} did not come", cause=Cause.NO_REQUEST)

    def wrong() -> list[Arrival]:
        later = (one for one in tester.requests if one.time > told[0] + URGENT)
        return [one for one in later if delivers(one, "Start") or _takes(one)]

    await tester.wait_for(lambda: wrong() or tester.over, ENDS)
    seen = wrong()[0].name if wrong() else "it ends" if tester.over else "nothing"
    result.saw("neither PowerDelivery(Start) nor a current", seen)
    if wrong():
        raise Failed(
            f"{seen} after {naming.response(str(variant['request']))} with {name} {value}", cause=Cause.FAULT_IGNORED,
            expected="a session that ends without a current", observed=seen,
        )  # fmt: skip


def _takes(arrival: Arrival) -> bool:
    """It asks for a current that charges."""
    target = getattr(arrival.message, "EVTargetCurrent", None)
    return arrival.name == "CurrentDemandReq" and target is not None and number(target) > SMALL_CURRENT


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


@SCRIPTS.on("PF_EVCC_ISO2_PreCharge_Overshoot", "PF_EVCC_DIN_PreCharge_Overshoot")
async def precharge_overshoot(tester: TesterEvse, run: Run, result: Result) -> None:
    """The voltage stays 50 V too high, at the inlet too: the vehicle repeats PreChargeReq until its timer expires."""
    held = await hold(tester, "PreChargeReq")
    volts = number(held.message.EVTargetVoltage) + 50.0
    high = physical(tester.protocol.module, volts, "V")
    response = replaced(await tester.good(held), "EVSEPresentVoltage", high)
    tester.answers.fixed["PreChargeReq"] = response
    power = tester.evse.power
    if power is not None and simulated(tester.evse) is not None:
        power.bring_to(volts, PRECHARGE_CURRENT)
        if not await tester.wait_for(lambda: power.voltage > volts - NEAR, RISES):
            power.off()  # it does not get there in time: the vehicle must not see a voltage on the way
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
                f"{following.name} came after CableCheckRes Finished with isolation {word}",
                cause=Cause.WRONG_MESSAGE, expected="PreChargeReq", observed=following.name,
            )  # fmt: skip
    elif word != "No_IMD":
        await gives_up(tester, result, held)
    else:
        result.saw("as declared", "not judged")
