"""Wrong answers to a vehicle: another type, a stale session, any FAILED code, content that breaks a rule."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, get_args

import msgspec

from plugfest.conformance.catalogue import Run
from plugfest.conformance.catalogue.phrases import DANGERS as DANGERS_TOLD
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.checks import CHECKS
from plugfest.conformance.evcc.reactions import harmless, loops
from plugfest.conformance.evcc.scripts.steps import Change, Way, change_loop, charging, ends_on, gives_up, hold
from plugfest.conformance.evcc.scripts.table import SCRIPTS
from plugfest.conformance.evcc.tester import TesterEvse, made
from plugfest.conformance.fields import found, quantity, replaced
from plugfest.conformance.orders import requests, rotation
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from plugfest.conformance.wire import Arrival
from secc.plan import Slot
from slac.pilot import STEADY
from v2g import naming
from v2g.messages import din70121, iso2
from v2g.physical import number, physical
from v2g.status import refuses

STOPS = 5.0
"""s within which a vehicle stops when it sees something dangerous."""

LAST = ("WeldingDetectionReq", "SessionStopReq")
"""Requests that come only after the vehicle was asked to stop."""


def _place(run: Run, choices: Mapping[str, Sequence[str]], seed: int) -> str:
    """The item for a request at a variant's position in the rotation."""
    places = max(int(variant["place"]) for variant in run.case.variants)
    return rotation(choices, places, seed)[str(run.variant["request"])][int(run.variant["place"]) - 1]


async def _hold(tester: TesterEvse, name: str) -> Arrival:
    if name in LAST:
        tester.answers.stops_after = 2
    return await hold(tester, name)


@SCRIPTS.on("PF_EVCC_ISO2_WrongAnswer_DC", "PF_EVCC_ISO2_WrongAnswer_AC", "PF_EVCC_ISO2_WrongAnswer_PnC",
            "PF_EVCC_DIN_WrongAnswer")  # fmt: skip
async def wrong_answer(tester: TesterEvse, run: Run, result: Result) -> None:
    """A response of another type, drawn by seed; over all requests, every type is sent."""
    asked = dict.fromkeys(str(variant["request"]) for variant in run.case.variants)
    types = requests(tester.protocol)
    wanted = _place(run, {name: [other for other in types if other != name] for name in asked}, result.seed or 0)
    response = naming.response(wanted)
    held = await _hold(tester, str(run.variant["request"]))
    result.saw("a response of another type", response)
    await tester.reply(made(tester, response))
    await gives_up(tester, result, held)


@SCRIPTS.on("PF_EVCC_ISO2_AnyFailed_DC", "PF_EVCC_ISO2_AnyFailed_AC", "PF_EVCC_DIN_AnyFailed")
async def any_failed(tester: TesterEvse, run: Run, result: Result) -> None:
    """A FAILED code, possibly of another message, in a good response: the vehicle ends because of the code."""
    asked = dict.fromkeys(str(variant["request"]) for variant in run.case.variants)
    codes = [code for code in get_args(tester.protocol.module.responseCodeType) if refuses(code)]
    code = _place(run, dict.fromkeys(asked, codes), result.seed or 0)
    name = str(run.variant["request"])
    held = await _hold(tester, name)
    result.saw("a FAILED code", code)
    await tester.reply(replaced(await tester.good(held), "ResponseCode", code))
    await gives_up(tester, result, held)


@SCRIPTS.on("PF_EVCC_ISO2_StaleSession_DC", "PF_EVCC_ISO2_StaleSession_AC", "PF_EVCC_DIN_StaleSession")
async def stale_session(tester: TesterEvse, run: Run, result: Result) -> None:
    """A good response under an id that is not the session's: zero, one bit off, cut short."""
    name, kind = str(run.variant["request"]), str(run.variant["id"])
    held = await _hold(tester, name)
    own = tester.wire.session.id
    bit = tester.rng.randrange(8 * len(own))
    other = {
        "zero": bytes(len(own)),
        "one bit off": (int.from_bytes(own, "big") ^ 1 << bit).to_bytes(len(own), "big"),
        "cut short": own[:-1],
    }[kind]
    result.saw(f"session id {own.hex()}", other.hex())
    await tester.reply(await tester.good(held), session_id=other)
    await gives_up(tester, result, held)


@SCRIPTS.on("PF_EVCC_DIN_ServiceSelected")
async def service_selected(tester: TesterEvse, run: Run, result: Result) -> None:
    """The vehicle selects the offered service, whatever its ServiceID."""
    held = await hold(tester, "ServicePaymentSelectionReq")
    chosen = [service.ServiceID for service in held.message.SelectedServiceList.SelectedService]
    wanted = tester.stimulus.charge_service
    result.saw(f"ServiceID {wanted}", str(chosen))
    if chosen != [wanted]:
        raise Failed(
            f"services {chosen} were selected",
            cause=Cause.WRONG_FIELD, expected=f"ServiceID {wanted}, the one on offer", observed=str(chosen),
        )  # fmt: skip


@SCRIPTS.on("PF_EVCC_ISO2_RequestContent", "PF_EVCC_DIN_RequestContent")
async def content(tester: TesterEvse, run: Run, result: Result) -> None:
    """Every request of a session decodes, is plausible, and has the session's id."""
    await charging(tester, 3)
    problems = [
        f"{arrival.name}: {problem}"
        for arrival in tester.requests
        if not arrival.name.startswith("supported")
        for check in ("EV_REQUEST_CONTENT", "EV_SESSION_ID")
        if (problem := CHECKS[check](tester, arrival))
    ]
    result.saw("requests in order", "; ".join(problems) or "as expected")
    if problems:
        raise Failed(
            problems[0], cause=Cause.WRONG_FIELD, expected="requests in order, with their contents and session id"
        )


# ---------------------------------------------------------------------------------------------------------------
# Content rules


def _set(name: str, amount: float, unit: str) -> Change:
    return lambda tester, held, good: replaced(good, name, physical(tester.protocol.module, amount, unit))


def _put(name: str, value: Any) -> Change:
    return lambda tester, held, good: replaced(good, name, value)


def _unit(name: str, unit: str) -> Change:
    """The same number in another unit."""
    return lambda tester, held, good: replaced(good, name, msgspec.structs.replace(found(good, name), Unit=unit))


def _tuples(change: Callable[[list[Any]], list[Any]]) -> Change:
    def edit(tester: TesterEvse, held: Arrival, good: Any) -> Any:
        return replaced(good, "SAScheduleTuple", change(list(found(good, "SAScheduleTuple"))))

    return edit


def _one_start(tuples: list[Any]) -> list[Any]:
    """Two entries of one schedule begin at the same time."""
    entries = tuples[0].PMaxSchedule.PMaxScheduleEntry
    begun = msgspec.structs.replace(entries[0].TimeInterval, start=0, duration=None)
    first = msgspec.structs.replace(entries[0], TimeInterval=begun)
    return [
        replaced(tuples[0], "PMaxSchedule", replaced(tuples[0].PMaxSchedule, "PMaxScheduleEntry", [first, *entries]))
    ]


def _negative(tester: TesterEvse, held: Arrival, good: Any) -> Any:
    """Negative PMax in the first entry of every schedule."""

    def edit(tuples: list[Any]) -> list[Any]:
        changed = []
        for one in tuples:
            first, *rest = one.PMaxSchedule.PMaxScheduleEntry
            power = -1000 if isinstance(first.PMax, int) else physical(tester.protocol.module, -1000.0, "W")
            entries = [replaced(first, "PMax", power), *rest]
            changed.append(replaced(one, "PMaxSchedule", replaced(one.PMaxSchedule, "PMaxScheduleEntry", entries)))
        return changed

    return _tuples(edit)(tester, held, good)


def _receipt(tester: TesterEvse, held: Arrival, good: Any) -> Any:
    return replaced(replaced(good, "ReceiptRequired", True), "MeterInfo", None)


def _other_mode(tester: TesterEvse, held: Arrival, good: Any) -> Any:
    if tester.protocol.module is din70121:
        return replaced(good, "EVSEChargeParameter", _ac_of_din())
    offer = iso2.AC_EVSEChargeParameterType(
        AC_EVSEStatus=iso2.AC_EVSEStatusType(NotificationMaxDelay=0, EVSENotification="None", RCD=False),
        EVSENominalVoltage=physical(iso2, 230.0, "V"),
        EVSEMaxCurrent=physical(iso2, 16.0, "A"),
    )
    return replaced(good, "EVSEChargeParameter", offer)


def _ac_of_din() -> din70121.AC_EVSEChargeParameterType:
    status = din70121.AC_EVSEStatusType(
        PowerSwitchClosed=False, RCD=False, NotificationMaxDelay=0, EVSENotification="None"
    )
    return din70121.AC_EVSEChargeParameterType(
        AC_EVSEStatus=status,
        EVSEMaxVoltage=physical(din70121, 230.0, "V"),
        EVSEMaxCurrent=physical(din70121, 16.0, "A"),
        EVSEMinCurrent=physical(din70121, 6.0, "A"),
    )


WAYS: Mapping[str, Way] = {
    "unit, ChargeParameterDiscoveryRes": Way("ChargeParameterDiscoveryReq", _unit("EVSEMaximumCurrentLimit", "V")),
    "unit, PreChargeRes": Way("PreChargeReq", _unit("EVSEPresentVoltage", "A")),
    "unit, CurrentDemandRes": Way("CurrentDemandReq", _unit("EVSEPresentCurrent", "W")),
    "impossible, ChargeParameterDiscoveryRes": Way(
        "ChargeParameterDiscoveryReq", _set("EVSEMaximumVoltageLimit", -500.0, "V")
    ),
    "impossible, PreChargeRes": Way("PreChargeReq", _set("EVSEPresentVoltage", -32767e3, "V")),
    "impossible, CurrentDemandRes": Way("CurrentDemandReq", _set("EVSEPresentVoltage", 32767e3, "V")),
    "limits": Way("ChargeParameterDiscoveryReq", _set("EVSEMinimumVoltageLimit", 32000.0, "V")),
    "limits, zero": Way("ChargeParameterDiscoveryReq", _set("EVSEMaximumVoltageLimit", 0.0, "V")),
    "schedule-ids": Way("ChargeParameterDiscoveryReq", _tuples(lambda tuples: [tuples[0], tuples[0]])),
    "schedule-order": Way("ChargeParameterDiscoveryReq", _tuples(_one_start)),
    "pmax-negative": Way("ChargeParameterDiscoveryReq", _negative),
    "receipt-without-meter": Way("CurrentDemandReq", _receipt),
    "receipt-without-meter, AC": Way("ChargingStatusReq", _receipt),
    "parameters-of-other-mode": Way("ChargeParameterDiscoveryReq", _other_mode),
    "isolation-fault, PreChargeRes": Way("PreChargeReq", _put("EVSEIsolationStatus", "Fault")),
    "isolation-fault, PowerDeliveryRes": Way("PowerDeliveryReq", _put("EVSEIsolationStatus", "Fault")),
    "service-detail-other": Way("ServiceDetailReq", _put("ServiceID", 1)),
    "challenge, zero": Way("PaymentDetailsReq", _put("GenChallenge", bytes(16))),
    "challenge, short": Way("PaymentDetailsReq", _put("GenChallenge", b"x"), facets=False),
}
"""Words of the catalogue, starting with the name of the rule -> how the rule is broken."""


@SCRIPTS.on("PF_EVCC_ISO2_BrokenRule_DC", "PF_EVCC_ISO2_BrokenRule_PnC", "PF_EVCC_ISO2_BrokenRule_PnC_AC",
            "PF_EVCC_ISO2_BrokenRule_Service", "PF_EVCC_DIN_BrokenRule")  # fmt: skip
async def broken_rule(tester: TesterEvse, run: Run, result: Result) -> None:
    """A response that breaks one rule: the vehicle ends the session."""
    way = WAYS[str(run.variant["rule"])]
    if way.request == "ServiceDetailReq":
        number_ = tester.stimulus.service
        tester.answers.services.append(
            iso2.ServiceType(ServiceID=number_, ServiceCategory="OtherCustom", FreeService=True)
        )
    await ends_on(tester, result, way)


# ---------------------------------------------------------------------------------------------------------------
# Danger while power flows


def _present(tester: TesterEvse, volts: float = 0.0, amps: float = 0.0) -> list[tuple[str, Any]]:
    """Changes present values that are not zero."""
    given = (("EVSEPresentVoltage", volts, "V"), ("EVSEPresentCurrent", amps, "A"))
    return [(name, quantity(tester.protocol, amount, unit)) for name, amount, unit in given if amount]


MOST_AMPS = ("EVMaximumCurrentLimit", "EVMaximumChargeCurrent")
"""Names of a vehicle's largest current, in the older protocols and in ISO 15118-20."""


def _asked(tester: TesterEvse, *names: str) -> float:
    """A value from the vehicle's latest request that has it, under any of these names."""
    for arrival in reversed(tester.requests):
        for name in names:
            with suppress(KeyError, AttributeError):
                return number(found(arrival.message, name))
    return 0.0


def _unasked(tester: TesterEvse) -> list[tuple[str, Any]]:
    """More current than the vehicle asks for, and less than its limit.

    Raises:
        Inconclusive: it asks for all that it can take.
    """
    asked, most = _asked(tester, "EVTargetCurrent"), _asked(tester, *MOST_AMPS)
    if most < asked + ROOM:
        raise Inconclusive(
            f"the vehicle asks for {asked:g} A, and its limit is {most:g} A: nothing fits in between",
            cause=Cause.POINTLESS,
        )
    return _present(tester, amps=(asked + most) / 2.0)


ROOM = 40.0
"""A between what a vehicle asks for and its limit; half of that exceeds any tolerance."""

GRANTED = 0.2
"""Fraction of the charger's power granted by a schedule, so that a vehicle asks for less than it can take."""

DANGERS: Mapping[str, Callable[[TesterEvse], list[tuple[str, Any]]]] = {
    "over-voltage": lambda tester: _present(tester, volts=_asked(tester, "EVMaximumVoltageLimit") + 40.0),
    "over-current": lambda tester: _present(tester, amps=_asked(tester, *MOST_AMPS) * 1.3 + 20.0),
    "current-unasked": _unasked,
    "isolation-fault": lambda tester: [("EVSEIsolationStatus", "Fault")],
    "RCD": lambda tester: [("RCD", True)],
}
"""Words of the catalogue -> fields of every later response of the loop."""


OSCILLATOR = "oscillator off"
"""The control pilot is steady while the vehicle is in C: the charger has given up (IEC 61851-1, IEC 61851-23)."""


@SCRIPTS.on("PF_EVCC_ISO2_Danger_DC", "PF_EVCC_ISO2_Danger_AC", "PF_EVCC_DIN_Danger", "PF_EVCC_ISO20_Danger_DC")
async def danger(tester: TesterEvse, run: Run, result: Result) -> None:
    """The charger reports something dangerous in the loop: the vehicle stops charging."""
    words = str(run.variant["what"])
    if words == "current-unasked":
        tester.evse.schedule = (Slot(0, tester.evse.max_power * GRANTED),)
    await charging(tester, 4)
    if words == OSCILLATOR:
        if tester.system.pilot.state is None:
            raise Inconclusive("pilot hardware is needed", cause=Cause.NO_PILOT)
        tester.system.pilot.offer(STEADY)
    else:
        change_loop(tester, *DANGERS[words](tester))
    began = len(tester.requests)
    if words != OSCILLATOR:  # which the vehicle may see before its next request
        await loops(tester, tester.answers.loops + 1)

    def stopped() -> bool:
        return tester.over or any(harmless(arrival) for arrival in tester.requests[began:])

    stops = await tester.wait_for(stopped, STOPS)
    result.saw(f"{words}: the vehicle stops within {STOPS:g} s", "as expected" if stops else "it goes on")
    if not stops:
        raise Failed(
            f"the vehicle goes on charging although the charger {DANGERS_TOLD[words]}",
            cause=Cause.FAULT_IGNORED, expected=f"PowerDeliveryReq Stop or the close within {STOPS:g} s",
        )  # fmt: skip
