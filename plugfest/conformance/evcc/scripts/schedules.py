"""Schedules and tariffs: what the vehicle chooses from the offer, and whether it keeps to it."""

from __future__ import annotations

import asyncio

import msgspec

from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.checks import exceeds
from plugfest.conformance.evcc.scripts.power import REPEATED
from plugfest.conformance.evcc.scripts.steps import change_loop, delivers, drawn, gives_up, goes_on, hold, loop_name
from plugfest.conformance.evcc.scripts.table import SCRIPTS
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from secc.plan import Plan, Price, Slot
from v2g.messages import iso2
from v2g.physical import number, physical


def schedule(number_: int, slots: list[tuple[int, float]], seconds: int = 86400) -> iso2.SAScheduleTupleType:
    """A schedule: (start in s, power in W)."""
    entries = [
        iso2.PMaxScheduleEntryType(
            TimeInterval=iso2.RelativeTimeIntervalType(
                start=start, duration=seconds - start if place == len(slots) - 1 else None
            ),
            PMax=physical(iso2, watts, "W", 0),
        )
        for place, (start, watts) in enumerate(slots)
    ]
    return iso2.SAScheduleTupleType(
        SAScheduleTupleID=number_, PMaxSchedule=iso2.PMaxScheduleType(PMaxScheduleEntry=entries)
    )


def _with_tariffs(response: iso2.ChargeParameterDiscoveryRes, count: int) -> list[iso2.SAScheduleTupleType]:
    """The schedules of a good response, if there are this many and each has a tariff; otherwise none."""
    offered = response.SASchedules
    tuples = offered.SAScheduleTuple if isinstance(offered, iso2.SAScheduleListType) else []
    return tuples if len(tuples) == count and all(one.SalesTariff is not None for one in tuples) else []


@SCRIPTS.on("PF_EVCC_ISO2_ChargeParameterDiscovery_Schedules")
async def schedules(tester: TesterEvse, run: Run, result: Result) -> None:
    """Lists of schedules: the chosen one was offered and its profile fits, or the vehicle gives up."""
    what = str(run.variant["list"])
    if what == "three tuples with tariffs":
        tester.evse.plans = [Plan(prices=[Price(0, level)]) for level in (3, 1, 2)]
    held = await hold(tester, "ChargeParameterDiscoveryReq")
    response = await tester.good(held)
    most = tester.evse.max_power
    tuples = {
        "one tuple, 24 h": [schedule(1, [(0, most)])],
        "three tuples with tariffs": _with_tariffs(response, 3),
        "12 entries": [schedule(1, [(60 * place, most / (place + 1)) for place in range(12)])],
        "tuple id 0 or 256": [schedule(0, [(0, most)])],
        "PMax 0 W first": [schedule(1, [(0, 0.0), (60, most)])],
    }.get(what)
    if tuples == []:
        raise Inconclusive(f"the tester could not offer {what}", cause=Cause.POINTLESS)
    offered = iso2.SAScheduleListType(SAScheduleTuple=tuples) if tuples else None
    await tester.send(msgspec.structs.replace(response, SASchedules=offered))
    if tester.answers.visit is not None:
        tester.answers.visit.terms.schedule = {one.SAScheduleTupleID: (Slot(0, most),) for one in tuples or ()}
    tester.release()
    if what in ("tuple id 0 or 256", "absent with Finished"):
        await gives_up(tester, result, held)
        return
    if what == "PMax 0 W first":
        await goes_on(tester, result, held)
        return
    caught = tester.catch(lambda arrival: delivers(arrival, "Start"))
    delivery = await tester.held(caught, "PowerDeliveryReq")
    chosen = next((one for one in tuples or () if one.SAScheduleTupleID == delivery.message.SAScheduleTupleID), None)
    if chosen is None:
        raise Failed(
            f"schedule {delivery.message.SAScheduleTupleID} was not offered",
            cause=Cause.WRONG_FIELD,
            expected="a SAScheduleTupleID that was offered",
        )
    profile = delivery.message.ChargingProfile
    problem = exceeds(profile, chosen) if profile is not None else ""
    result.saw("profile within PMax", problem or "within")
    if problem:
        raise Failed(
            f"the charging profile exceeds PMax: {problem}",
            cause=Cause.LIMIT_EXCEEDED,
            expected="power within PMax of the schedule",
        )


@SCRIPTS.on("PF_EVCC_ISO2_ChargeParameterDiscovery_TariffSignature")
async def tariffs(tester: TesterEvse, run: Run, result: Result) -> None:
    """Three schedules with the same power: a vehicle that believes the tariffs takes the second; any other need not.

    Many take the first or the last, whatever it costs: that says nothing.
    """
    if tester.answers.contracts is None:
        raise Inconclusive("the tester has no certificates; give it some with --pki", cause=Cause.NO_CERTIFICATES)
    altered = str(run.variant["tariff"]).startswith("altered")
    bare = str(run.variant["tariff"]).startswith("without")
    unproven = altered or bare
    cheap = (3, 1, 3)
    levels = (1, 3, 1) if altered else cheap
    tester.evse.plans = [Plan(prices=[Price(0, level)]) for level in levels]
    held = await hold(tester, "ChargeParameterDiscoveryReq")
    response = await tester.good(held)
    offered = response.SASchedules.SAScheduleTuple
    if tester.answers.visit is None or tester.answers.visit.signature is None or len(offered) != len(cheap):
        raise Inconclusive("the tester could not sign tariffs", cause=Cause.NO_CERTIFICATES)
    if altered:  # now the second one looks cheap
        for entry, level in zip(offered, cheap, strict=True):
            entry.SalesTariff.SalesTariffEntry[0].EPriceLevel = level
    if bare:
        tester.answers.visit.signature = None
    caught = tester.catch(lambda arrival: delivers(arrival, "Start"))
    await tester.reply(response)
    try:
        delivery = await tester.held(caught, "PowerDeliveryReq")
    except Inconclusive as why:  # a tariff is not a reason to end a session
        raise Failed(
            f"the vehicle did not go on: {why}", cause=Cause.NO_REQUEST, expected="the vehicle goes on"
        ) from why
    number = delivery.message.SAScheduleTupleID
    result.saw("goes on" + (", ignores the tariff" if unproven else ""), f"schedule {number}; the second looks cheaper")
    numbers = [entry.SAScheduleTupleID for entry in offered]
    if number not in numbers:
        raise Failed(
            f"schedule {number} was not offered",
            cause=Cause.WRONG_FIELD,
            expected="a SAScheduleTupleID that was offered",
        )
    if unproven and number == numbers[1]:
        raise Failed(
            f"the vehicle chose by a tariff {'without a signature' if bare else 'whose signature is invalid'}",
            cause=Cause.ACCEPTED,
            expected="a schedule chosen without regard to an unverified tariff",
        )


@SCRIPTS.on("CHX_SmartChargingScheduling_001", "CHX_SmartChargingScheduling_002", "CHX_SmartChargingScheduling_003")
async def follows_schedule(tester: TesterEvse, run: Run, result: Result) -> None:
    """PMaxSchedules in steps of a minute, some with 0 W: the profile fits, and so does the power drawn.

    The loop does not repeat what the schedule says, and in DC it is what the vehicle asks for that counts: the tester's
    output keeps to the schedule by itself.
    """
    change_loop(tester, *((name, None) for name in REPEATED[loop_name(tester)]))
    most = tester.evse.max_power
    shares = {"1": (0.1, 0.4, 0.6), "2": (0.4, 0.0, 0.4), "3": (0.0, 0.4, 0.4)}[run.case.id[-1]]
    tester.evse.schedule = tuple(Slot(60 * place, share * most) for place, share in enumerate(shares))
    held = await hold(tester, "PowerDeliveryReq")
    offered = next(one for one in reversed(tester.replied) if one.name == "ChargeParameterDiscoveryRes")
    profile = held.message.ChargingProfile
    problem = exceeds(profile, offered.message.SASchedules.SAScheduleTuple[0]) if profile is not None else ""
    result.saw("ChargingProfile within PMaxSchedule", problem or "within")
    if problem:
        raise Failed(
            f"the charging profile exceeds PMax: {problem}",
            cause=Cause.LIMIT_EXCEEDED,
            expected="power within PMax of the schedule",
        )
    began = offered.time
    await tester.reply(await tester.good(held))
    over = ""
    while tester.now - began < 170.0 and not tester.over:
        await asyncio.sleep(1.0)
        place = min(int((tester.now - began) / 60), 2)
        grace = (tester.now - began) % 60 < 20.0 and place > 0
        watts = _taken(tester)
        if watts > shares[place] * most * 1.05 + 500.0 and not grace and not over:
            over = f"{watts:.0f} W at {tester.now - began:.0f} s, PMax is {shares[place] * most:.0f} W"
    result.saw("power within the running PMax", over or "within")
    if over and tester.pics.ac:  # in DC the charger clips what is asked for: a finding, by the rule profile-asked-more
        raise Failed(over, cause=Cause.LIMIT_EXCEEDED, expected="power within PMax of the schedule")


def _taken(tester: TesterEvse) -> float:
    """Power that the vehicle takes in AC, W, and that it asks for in DC.

    Raises:
        Inconclusive: of AC, and nothing measures it.
    """
    if tester.pics.ac:
        seen = drawn(tester)
        return seen.volts * seen.amps * seen.phases
    last, told = tester.requests[-1], tester.told("CurrentDemandRes")
    if told is None or last.name != "CurrentDemandReq":
        return 0.0
    return number(last.message.EVTargetCurrent) * number(told.message.EVSEPresentVoltage)
