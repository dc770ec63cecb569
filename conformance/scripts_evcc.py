"""Cases with a vehicle under test that the vocabulary cannot express: small scripts under the same ids.

A script gets the tester charger, which is serving already, the run (whose ``variant`` it looks into) and the result to
write into; it plugs the vehicle in itself. It raises :class:`~conformance.verdict.Failed` where the vehicle is wrong.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from ipaddress import IPv6Address
from typing import Any

import msgspec

from conformance.catalogue import Run, timer
from conformance.checks_evcc import exceeds
from conformance.fields import replaced
from conformance.tester_evse import TesterEvse, made
from conformance.verdict import Failed, Inconclusive, Result
from conformance.wire import Arrival, forged
from slac.pilot import READY, State
from v2g import sdp, v2gtp
from v2g.messages import iso2
from v2g.physical import number, physical
from v2g.protocols import DIN
from v2g.sequence import TABLES, Sequence
from v2g.trace import Event

Script = Callable[[TesterEvse, Run, Result], Awaitable[None]]

SCRIPTS: dict[str, Script] = {}

VAS = 62001
"""ServiceID of the additional service that the tester offers."""

SETUP = timer("V2G_EVCC_CommunicationSetup_Timeout")

HANDSHAKE = 20.0
"""s: what a vehicle gets for its next message of a handshake."""


def script(*names: str) -> Callable[[Script], Script]:
    def register(function: Script) -> Script:
        for name in names:
            SCRIPTS[name] = function
        return function

    return register


def value_added(tester: TesterEvse) -> Any:
    """The additional service that the tester offers."""
    return iso2.ServiceType(ServiceID=VAS, ServiceCategory="OtherCustom", FreeService=True)


def lacking(run: Run) -> str:
    """What this tester lacks for a run that has a script, or ""."""
    if run.variant.get("list") == "tuple id 0 or 256":
        return "EXI cannot carry a SAScheduleTupleID of 0 or 256: it has 8 bits for 1 to 255"
    return ""


# ---------------------------------------------------------------------------------------------------------------
# Steps that scripts share


async def plug(tester: TesterEvse) -> None:
    """Plugs in and offers digital communication."""
    await tester.system.plug()
    if tester.system.pilot.state not in (State.E, State.F):
        tester.system.pilot.offer(5.0)


async def until(tester: TesterEvse, right: Callable[[], Any], within: float) -> bool:
    """Waits until something holds; whether it came in time."""
    deadline = tester.now + within
    while not right():
        if tester.now > deadline:
            return False
        await asyncio.sleep(0.05)
    return True


def ended(tester: TesterEvse) -> bool:
    """The vehicle has closed its connection, or ended its session."""
    return bool(tester.wires and tester.wire.closed_at is not None) or tester.system.ended() is True


async def hold(tester: TesterEvse, name: str, right: Callable[[Arrival], bool] = lambda arrival: True) -> Arrival:
    """Plugs in and serves the good case up to a request, which is held."""
    caught = tester.catch(lambda arrival: arrival.name == name and right(arrival))
    await plug(tester)
    return await tester.held(caught, name)


async def whole_session(tester: TesterEvse, result: Result, rounds: int = 3) -> None:
    """A good-case session, ended by the charger after some rounds.

    Raises:
        Inconclusive: it does not come to its end.
    """
    tester.stops_after = rounds
    await plug(tester)
    done = await until(tester, lambda: ended(tester), 300.0)
    names = [arrival.name for arrival in tester.requests]
    if not done or "SessionStopReq" not in names:
        raise Inconclusive(f"no whole session: {', '.join(dict.fromkeys(names)) or 'nothing asked'}")


async def gives_up(tester: TesterEvse, result: Result, held: Arrival, within: float = 5.0) -> None:
    """As EX.EV_GIVES_UP, from now on."""
    from conformance.cases_evcc import Course
    from conformance.cases_evcc import gives_up as judge

    course = Course(tester, result, request=held, answered=tester.now)
    await judge(course, from_=tester.now + within - timer("TCP_Connection_Termination_Timeout"))


async def goes_on(tester: TesterEvse, result: Result, held: Arrival, within: float = 40.0) -> Arrival:
    """The request after the held one.

    Raises:
        Failed: there is none.
    """
    place = tester.requests.index(held) + 1
    came = await until(tester, lambda: len(tester.requests) > place or ended(tester), within)
    later = tester.requests[place:]
    result.saw("the vehicle goes on", later[0].name if later else "no request")
    if not came or not later:
        raise Failed("the vehicle did not go on")
    return later[0]


def delivers(arrival: Arrival, progress: str) -> bool:
    """A PowerDeliveryReq with this progress, in either protocol."""
    message = arrival.message
    if arrival.name != "PowerDeliveryReq":
        return False
    ready = getattr(message, "ReadyToChargeState", None)
    return bool(ready is (progress == "Start")) if ready is not None else str(message.ChargeProgress) == progress


async def until_delivery(tester: TesterEvse, result: Result, progress: str, within: float) -> Arrival:
    """The vehicle's PowerDeliveryReq with this progress.

    Raises:
        Failed: it does not come in time.
    """
    began, place = tester.now, len(tester.requests)

    def right() -> list[Arrival]:
        return [one for one in tester.requests[place:] if delivers(one, progress)]

    came = await until(tester, lambda: right() or ended(tester), within)
    result.saw(
        f"PowerDeliveryReq {progress} within {within:g} s", f"after {tester.now - began:.3f} s" if right() else "-"
    )
    if not came or not right():
        raise Failed(f"no PowerDeliveryReq {progress} within {within:g} s")
    return right()[0]


async def charging(tester: TesterEvse, rounds: int = 3) -> None:
    """Plugs in and waits for some rounds of the loop."""
    from conformance.cases_evcc import loops

    await plug(tester)
    await loops(tester, tester.loops + rounds)


def loop_name(tester: TesterEvse) -> str:
    return "ChargingStatusReq" if tester.pics.ac and tester.protocol is not DIN else "CurrentDemandReq"


def change_loop(tester: TesterEvse, *changes: tuple[str, Any]) -> None:
    """From now on, these fields of the loop's responses are others."""

    def override(request: Any, response: Any) -> Any:
        for name, value in changes:
            response = replaced(response, name, value)
        return response

    tester.overrides[loop_name(tester)] = override


# ---------------------------------------------------------------------------------------------------------------
# Discovery


@script("PF_EVCC_ISO2_SDP_NoAnswer")
async def sdp_silence(tester: TesterEvse, run: Run, result: Result) -> None:
    tester.answer_sdp = lambda data, response: None
    began = tester.now
    await plug(tester)
    await asyncio.sleep(SETUP + 10.0)
    count, last = len(tester.asked), tester.asked[-1][0] - began if tester.asked else 0.0
    result.saw("at most 50 requests, none after the setup time", f"{count} requests, the last after {last:.2f} s")
    if not count:
        raise Inconclusive("the vehicle did not ask at all")
    if count > 50 or last > SETUP + 0.5:
        raise Failed(f"{count} SDP requests, the last after {last:.2f} s")


@script("PF_EVCC_ISO2_SDP_BadHeader")
async def sdp_bad_header(tester: TesterEvse, run: Run, result: Result) -> None:
    tester.answer_sdp = lambda data, response: forged(response.pack(), dict(run.variant))
    await _asks_again(tester, result)


async def _asks_again(tester: TesterEvse, result: Result, *, may_connect: bool = False) -> None:
    await plug(tester)
    again = await until(tester, lambda: len(tester.asked) >= 2 or tester.wires, 5.0)
    seen = f"{len(tester.asked)} requests, {len(tester.wires)} connections"
    result.saw("ignores the answer and asks again", seen)
    if tester.wires and not may_connect:
        raise Failed("the vehicle took a broken SDP response")
    if not again and not may_connect:
        raise Failed("the vehicle does not ask again after a broken SDP response")


@script("PF_EVCC_ISO2_SDP_BadContent")
async def sdp_bad_content(tester: TesterEvse, run: Run, result: Result) -> None:
    variant = run.variant

    def answer(data: bytes, good: sdp.Response) -> bytes:
        address, port, security, transport = good.address, good.port, good.security, good.transport
        if "port" in variant:
            port = 0 if variant["port"] == 0 else 80
        elif "address" in variant:
            address = IPv6Address("::" if variant["address"] == "::" else "2001:db8::1")
        elif "transport" in variant:
            transport = 0x10
        elif "security" in variant:
            security = 0x55
        packed = sdp.Response(address, port, security, transport).pack()
        if "length" in variant:
            return v2gtp.pack(v2gtp.SDP_RESPONSE, packed[8:-1])
        return packed

    tester.answer_sdp = answer
    await _asks_again(tester, result, may_connect=True)
    await asyncio.sleep(2.0)
    if tester.requests:
        raise Failed("the vehicle began a session on a broken SDP response")


@script("PF_EVCC_ISO2_SDP_NoTls")
async def sdp_no_tls(tester: TesterEvse, run: Run, result: Result) -> None:
    tester.answer_sdp = lambda data, response: sdp.Response(response.address, response.port, sdp.NO_TLS).pack()
    await plug(tester)
    await until(tester, lambda: tester.requests or ended(tester), SETUP)
    seen = tester.requests[0].name if tester.requests else "no session"
    result.saw("gives up, or goes on without TLS if its policy allows", seen)
    if tester.requests and tester.pics.pnc and tester.pics["PIXIT_EVCC_CMN_TLS"] == "tls":
        raise Failed("the vehicle, which insists on TLS, went on without")


@script("PF_EVCC_DIN_SDP_Request")
async def din_sdp(tester: TesterEvse, run: Run, result: Result) -> None:
    await plug(tester)
    if not await until(tester, lambda: tester.asked, SETUP):
        raise Failed("no SDP request")
    data = tester.asked[0][1]
    result.saw("security 0x10, transport 0x00", data.hex())
    if data[8:10] not in (b"\x10\x00", b"\x00\x00"):
        raise Failed(f"SDP request {data.hex()}")


# ---------------------------------------------------------------------------------------------------------------
# Until power flows


@script("PF_EVCC_ISO2_V2GTP_BadHeader")
async def bad_header(tester: TesterEvse, run: Run, result: Result) -> None:
    held = await hold(tester, "SessionSetupReq")
    response = await tester.good(held)
    await tester.send(response, header=dict(run.variant))
    await gives_up(tester, result, held, within=timer("V2G_EVCC_Msg_Timeout_SessionSetupReq") + 5.0)


@script("PF_EVCC_ISO2_CommunicationSetup_Timeout")
async def setup_timeout(tester: TesterEvse, run: Run, result: Result) -> None:
    began = tester.now
    tester.answer_sdp = lambda data, response: response.pack() if tester.now - began > 11.8 else None
    caught = tester.catch(lambda arrival: arrival.name == "supportedAppProtocolReq")
    await plug(tester)
    held = await tester.held(caught, "supportedAppProtocolReq")
    await asyncio.sleep(1.9)
    setup = tester.catch(lambda arrival: arrival.name == "SessionSetupReq")
    await tester.send(await tester.good(held))
    tester.release()
    await tester.held(setup, "SessionSetupReq")
    await asyncio.sleep(max(began + SETUP - 0.3 - tester.now, 0.0))
    closed = await tester.closed(began + SETUP + 5.5)
    result.saw("gives up at V2G_EVCC_CommunicationSetup_Timeout", "closed" if closed else "open")
    if closed is None:
        raise Failed("the vehicle waits for longer than V2G_EVCC_CommunicationSetup_Timeout")


@script("PF_EVCC_ISO2_SAP_UnknownSchemaID")
async def foreign_schema_id(tester: TesterEvse, run: Run, result: Result) -> None:
    held = await hold(tester, "supportedAppProtocolReq")
    await tester.send(made(tester, "supportedAppProtocolRes", "OK", SchemaID=199))
    await gives_up(tester, result, held)


@script("PF_EVCC_DIN_SAP_Offer")
async def din_offer(tester: TesterEvse, run: Run, result: Result) -> None:
    held = await hold(tester, "supportedAppProtocolReq")
    offers = [(entry.ProtocolNamespace, entry.VersionNumberMajor) for entry in held.message.AppProtocol]
    result.saw("urn:din:70121:2012:MsgDef, 2.0", str(offers))
    if (DIN.namespace, 2) not in offers:
        raise Failed("DIN SPEC 70121 is not offered")


@script("PF_EVCC_ISO2_ServiceDiscovery_NoCommonPayment", "PF_EVCC_ISO2_ServiceDiscovery_NoCommonMode")
async def nothing_in_common(tester: TesterEvse, run: Run, result: Result) -> None:
    held = await hold(tester, "ServiceDiscoveryReq")
    response = await tester.good(held)
    if run.case.id.endswith("Payment"):
        response = replaced(response, "PaymentOption", ["ExternalPayment" if tester.pics.pnc else "Contract"])
    else:
        response = replaced(response, "EnergyTransferMode", ["DC_core" if tester.pics.ac else "AC_three_phase_core"])
    await tester.send(response)
    tester.release()
    await gives_up(tester, result, held)


@script("PF_EVCC_ISO2_PaymentDetails_GenChallenge")
async def challenge(tester: TesterEvse, run: Run, result: Result) -> None:
    from conformance.checks_evcc import CHECKS

    held = await hold(tester, "AuthorizationReq")
    problems = [text for name in ("EV_AUTH_SIGNATURE", "EV_GENCHALLENGE_ECHO") if (text := CHECKS[name](tester, held))]
    result.saw("signed, with the GenChallenge as issued", "; ".join(problems) or "so it is")
    if problems:
        raise Failed("; ".join(problems))


@script("TC_EVCC_CMN_VTB_Authorization_003")
async def ongoing_twice(tester: TesterEvse, run: Run, result: Result) -> None:
    from conformance.checks_evcc import CHECKS

    count = 0

    def twice(request: Any, response: Any) -> Any:
        nonlocal count
        count += 1
        return replaced(response, "EVSEProcessing", "Ongoing") if count <= 2 else response

    tester.overrides["AuthorizationReq"] = twice
    await hold(tester, "ChargeParameterDiscoveryReq")
    asked = [arrival for arrival in tester.requests if arrival.name == "AuthorizationReq"]
    problems = [text for arrival in asked if (text := CHECKS["EV_AUTH_BODY"](tester, arrival))]
    result.saw("three AuthorizationReq in order", f"{len(asked)}; {'; '.join(problems)}")
    if len(asked) != 3 or problems:
        raise Failed(f"{len(asked)} AuthorizationReq; {'; '.join(problems)}")


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


@script("PF_EVCC_ISO2_ChargeParameterDiscovery_Schedules")
async def schedules(tester: TesterEvse, run: Run, result: Result) -> None:
    held = await hold(tester, "ChargeParameterDiscoveryReq")
    response = await tester.good(held)
    most = tester.evse.max_power
    what = str(run.variant["list"])
    tuples = {
        "one tuple, 24 h": [schedule(1, [(0, most)])],
        "three tuples with tariffs": [schedule(place, [(0, most / place)]) for place in (1, 2, 3)],
        "12 entries": [schedule(1, [(60 * place, most / (place + 1)) for place in range(12)])],
        "tuple id 0 or 256": [schedule(0, [(0, most)])],
        "PMax 0 W first": [schedule(1, [(0, 0.0), (60, most)])],
    }.get(what)
    offered = iso2.SAScheduleListType(SAScheduleTuple=tuples) if tuples else None
    await tester.send(msgspec.structs.replace(response, SASchedules=offered))
    if tester.visit is not None:
        from secc.charger import Slot

        tester.visit.schedule = {one.SAScheduleTupleID: (Slot(0, most),) for one in tuples or ()}
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
        raise Failed(f"schedule {delivery.message.SAScheduleTupleID} was not offered")
    profile = delivery.message.ChargingProfile
    problem = exceeds(profile, chosen) if profile is not None else ""
    result.saw("profile within PMax", problem or "within")
    if problem:
        raise Failed(f"the charging profile exceeds PMax: {problem}")


# ---------------------------------------------------------------------------------------------------------------
# DC until power flows


@script("PF_EVCC_ISO2_PreCharge_Reached")
async def precharge_reached(tester: TesterEvse, run: Run, result: Result) -> None:
    held = await hold(tester, "PowerDeliveryReq")
    asked = [one for one in tester.requests if one.name == "PreChargeReq"]
    told = [message for _, name, message in tester.replied if name == "PreChargeRes"]
    target, reached = number(asked[-1].message.EVTargetVoltage), number(told[-1].EVSEPresentVoltage)
    result.saw("PowerDeliveryReq Start once the voltage is there", f"{reached:g} V, target {target:g} V")
    if not delivers(held, "Start") or abs(reached - target) > 20.0:
        raise Failed(f"PowerDeliveryReq at {reached:g} V, target {target:g} V")


@script("PF_EVCC_ISO2_PreCharge_Overshoot")
async def precharge_overshoot(tester: TesterEvse, run: Run, result: Result) -> None:
    held = await hold(tester, "PreChargeReq")
    high = physical(tester.protocol.module, number(held.message.EVTargetVoltage) + 50.0, "V")
    response = replaced(await tester.good(held), "EVSEPresentVoltage", high)
    tester.fixed["PreChargeReq"] = response
    if tester.evse.power is not None:
        tester.evse.power.off()
    await tester.send(response)
    tester.release()
    from conformance.cases_evcc import Course
    from conformance.cases_evcc import gives_up as judge

    seconds = timer("V2G_EVCC_PreCharge_Timeout")
    course = Course(tester, result, request=held, answered=tester.now, repeated=True)
    await judge(course, from_=held.time + seconds, not_before=held.time + seconds)


@script("PF_EVCC_ISO2_Isolation", "PF_EVCC_DIN_Isolation")
async def isolation(tester: TesterEvse, run: Run, result: Result) -> None:
    word = str(run.variant["EVSEIsolationStatus"])
    status = "Invalid" if word.startswith("Invalid") else word
    seen: list[float] = []

    def override(request: Any, response: Any) -> Any:
        if response.EVSEProcessing != "Finished":
            return response
        seen.append(tester.now)
        return replaced(response, "EVSEIsolationStatus", status)

    tester.overrides["CableCheckReq"] = override
    await plug(tester)
    if not await until(tester, lambda: seen, 120.0):
        raise Inconclusive("the cable check was not reached")
    held = [arrival for arrival in tester.requests if arrival.name == "CableCheckReq"][-1]
    if word in ("Valid", "Warning"):
        following = await goes_on(tester, result, held)
        if following.name != "PreChargeReq":
            raise Failed(f"{following.name} after isolation {word}")
    elif word != "No_IMD":
        await gives_up(tester, result, held)
    else:
        result.saw("as declared", "not judged")


# ---------------------------------------------------------------------------------------------------------------
# The loop


@script("PF_EVCC_ISO2_CurrentDemand_Limits", "PF_EVCC_DIN_Limits")
async def limits(tester: TesterEvse, run: Run, result: Result) -> None:
    await charging(tester, 10)
    variant, module = run.variant, tester.protocol.module
    last = next(one for one in reversed(tester.requests) if one.name == "CurrentDemandReq").message
    told = next(message for _, name, message in reversed(tester.replied) if name == "CurrentDemandRes")
    amps, volts, present = (
        number(last.EVTargetCurrent), number(last.EVTargetVoltage), number(told.EVSEPresentVoltage),
    )  # fmt: skip
    place = len(tester.requests)
    if "EVSEMaximumCurrentLimit" in variant:
        change_loop(tester, ("EVSEMaximumCurrentLimit", physical(module, amps / 2, "A")))
    elif "EVSEMaximumPowerLimit" in variant:
        change_loop(tester, ("EVSEMaximumPowerLimit", physical(module, amps * present / 2, "W", 0)))
    elif "EVSEMaximumVoltageLimit" in variant:
        change_loop(tester, ("EVSEMaximumVoltageLimit", physical(module, volts - 80.0, "V")))
    else:
        change_loop(tester, ("EVSECurrentLimitAchieved", True))
    await until(tester, lambda: len(tester.requests) >= place + 8 or ended(tester), 20.0)
    after = [one.message for one in tester.requests[place + 2 :] if one.name == "CurrentDemandReq"]
    if "EVSECurrentLimitAchieved" in variant:
        result.saw("goes on", f"{len(after)} rounds")
        if not after:
            raise Failed("the vehicle did not go on")
        return
    if not after:
        result.saw("lowers its target, or stops", "stops")
        return
    target, voltage = number(after[-1].EVTargetCurrent), number(after[-1].EVTargetVoltage)
    result.saw(f"lowers its target from {amps:g} A, {volts:g} V", f"{target:g} A, {voltage:g} V")
    over = {
        "EVSEMaximumCurrentLimit": target > amps / 2 + 1.0,
        "EVSEMaximumPowerLimit": target * present > amps * present / 2 * 1.1,
        "EVSEMaximumVoltageLimit": voltage > volts - 79.0 and target > 1.0,
    }
    name = next(key for key in over if key in variant)
    if over[name]:
        raise Failed(f"{target:g} A, {voltage:g} V although {name} is lower")


@script("PF_EVCC_ISO2_CurrentDemand_StatusCode", "PF_EVCC_DIN_StatusCodes")
async def status_codes(tester: TesterEvse, run: Run, result: Result) -> None:
    await charging(tester, 5)
    code = str(run.variant["EVSEStatusCode"])
    change_loop(tester, ("EVSEStatusCode", code))
    if code == "EVSE_UtilityInterruptEvent":
        await asyncio.sleep(5.0)
        result.saw("stops or reduces as declared", tester.requests[-1].name)
        return
    place = len(tester.requests)
    within = 10.0 if code == "EVSE_Shutdown" else 2.0
    came = await until(
        tester, lambda: any(delivers(one, "Stop") for one in tester.requests[place:]) or ended(tester), within
    )
    result.saw(f"PowerDeliveryReq stop or close within {within:g} s", tester.requests[-1].name if came else "no")
    if not came:
        raise Failed(f"the vehicle goes on with {code}")
    if not await tester.system.pilot.wait(State.A, State.B, within=5.0) and tester.system.pilot.state is not None:
        raise Failed("the pilot stays in C")


@script("PF_EVCC_ISO2_Notification_Stop")
async def stop_notification(tester: TesterEvse, run: Run, result: Result) -> None:
    await charging(tester)
    delay = int(run.variant["NotificationMaxDelay"])
    change_loop(tester, ("EVSENotification", "StopCharging"), ("NotificationMaxDelay", delay))
    await until_delivery(tester, result, "Stop", delay + 2.0)


@script("PF_EVCC_ISO2_Notification_ReNegotiation")
async def renegotiation(tester: TesterEvse, run: Run, result: Result) -> None:
    await charging(tester)
    tester.evse.request_renegotiation(10)
    arrival = await until_delivery(tester, result, "Renegotiate", 20.0)
    following = await goes_on(tester, result, arrival)
    if following.name != "ChargeParameterDiscoveryReq":
        raise Failed(f"{following.name} after PowerDeliveryReq Renegotiate")


@script("PF_EVCC_ISO2_Receipt", "TC_EVCC_AC_VTB_ChargingStatus_002")
async def receipt(tester: TesterEvse, run: Run, result: Result) -> None:
    from conformance.checks_evcc import CHECKS

    tester.receipts = True
    held = await hold(tester, "MeteringReceiptReq")
    names = ("EV_RECEIPT_SIGNATURE", "EV_RECEIPT_ECHO") if tester.pics.pnc else ("EV_RECEIPT_ECHO",)
    problems = [text for name in names if (text := CHECKS[name](tester, held))]
    result.saw("a receipt for what was sent", "; ".join(problems) or "so it is")
    if problems:
        raise Failed("; ".join(problems))


@script("PF_EVCC_ISO2_Receipt_EIM")
async def receipt_external(tester: TesterEvse, run: Run, result: Result) -> None:
    await charging(tester)
    change_loop(tester, ("ReceiptRequired", True))
    await asyncio.sleep(3.0)
    asked = [one for one in tester.requests if one.name == "MeteringReceiptReq"]
    result.saw("no signed receipt in external payment", f"{len(asked)} receipts")
    if any(one.signature is not None for one in asked):
        raise Failed("a signed receipt in external payment")


# ---------------------------------------------------------------------------------------------------------------
# Whole sessions


@script("PF_EVCC_ISO2_CpTiming_Start", "PF_EVCC_ISO2_CpTiming_Stop")
async def pilot_timing(tester: TesterEvse, run: Run, result: Result) -> None:
    if tester.system.pilot.state is None:
        raise Inconclusive("pilot hardware is needed")
    await whole_session(tester, result)

    def change(states: Any, after: float) -> float | None:
        return next((time for time, reading in tester.pilots if time >= after and reading.state in states), None)

    start = next(one for one in tester.requests if delivers(one, "Start"))
    stop = next(one for one in tester.requests if delivers(one, "Stop"))
    ready = change(READY, 0.0)
    if run.case.id.endswith("Start"):
        first = start if tester.pics.ac else next(one for one in tester.requests if one.name == "CableCheckReq")
        late = ready is None or ready > first.time + (0.25 if tester.pics.ac else 0.0) + 0.01
        result.saw("C or D in time", f"{(ready or 0.0) - first.time:+.3f} s")
        if late:
            raise Failed("the pilot goes to C too late")
        return
    back = change((State.B,), stop.time - 0.01)
    last = next((one for one in tester.requests if one.time > stop.time), None)
    limit = stop.time + 0.26 if tester.pics.ac else (last.time if last is not None else stop.time + 5.0) + 0.01
    result.saw("B in time", f"{(back or 0.0) - stop.time:+.3f} s")
    if back is None or back > limit:
        raise Failed("the pilot goes back to B too late")


@script("PF_EVCC_ISO2_RequestOrder")
async def order(tester: TesterEvse, run: Run, result: Result) -> None:
    await whole_session(tester, result)
    sequence = Sequence(TABLES[tester.protocol.name], dc=not tester.pics.ac)
    answers = [message for _, _, message in tester.replied]
    for place, arrival in enumerate(tester.requests):
        if arrival.name.startswith("supported"):
            continue
        if sequence.verdict(arrival.message) != "legal":
            raise Failed(f"{arrival.name} after {sequence.last}, expected {sequence.expected()}")
        sequence.advance(arrival.message, answers[min(place, len(answers) - 1)])
    result.saw("every request is one the table allows", f"{len(tester.requests)} requests")


@script("PF_EVCC_ISO2_RequestTiming")
async def pace(tester: TesterEvse, run: Run, result: Result) -> None:
    await whole_session(tester, result, rounds=10)
    times = [time for time, _, _ in tester.replied]
    gaps = []
    for arrival in tester.requests:
        before = [time for time in times if time <= arrival.time]
        if before:
            gaps.append((arrival.time - before[-1], arrival.name))
    worst, name = max(gaps)
    loop = max((gap for gap, name in gaps if name == loop_name(tester)), default=0.0)
    result.saw("at most 40 s between response and request", f"{worst:.3f} s before {name}; {loop:.3f} s in the loop")
    if worst > timer("V2G_EVCC_Sequence_Performance_Time") or loop > 1.0:
        raise Failed(f"{worst:.3f} s before {name}; {loop:.3f} s in the loop")


@script("PF_EVCC_ISO2_SessionIdKept")
async def session_kept(tester: TesterEvse, run: Run, result: Result) -> None:
    await whole_session(tester, result)
    own = tester.wire.session.id
    wrong = [one for one in tester.requests[2:] if one.session_id != own]
    result.saw(f"every request carries {own.hex()}", f"{len(wrong)} do not")
    if wrong:
        raise Failed(f"{wrong[0].name} carries session id {wrong[0].session_id.hex()}")


@script("PF_EVCC_DIN_ReadyToCharge")
async def ready_to_charge(tester: TesterEvse, run: Run, result: Result) -> None:
    def slowly(request: Any, response: Any) -> Any:
        return replaced(response, "EVSEProcessing", "Ongoing") if tester.now - began < limit else response

    began, limit = 0.0, 55.0
    tester.overrides["ContractAuthenticationReq"] = slowly
    held = await hold(tester, "ContractAuthenticationReq")
    began = tester.now
    tester.visit.started.clear() if tester.visit is not None else None
    await tester.send(await tester.good(held))
    tester.release()
    for name, seconds in (("ChargeParameterDiscoveryReq", 55.0), ("CableCheckReq", 38.0)):
        caught = tester.catch(lambda arrival, name=name: arrival.name == name)  # type: ignore[misc]
        held = await tester.held(caught, name, 130.0)
        began, limit = tester.now, seconds
        tester.overrides[name] = slowly
        await tester.send(await tester.good(held))
        tester.release()
    closed = await tester.closed(tester.now + 60.0)
    setup = next(time for time, name, _ in tester.replied if name == "SessionSetupRes")
    delivered = any(delivers(one, "Start") for one in tester.requests)
    took = (closed or tester.now) - setup
    result.saw("gives up at 150 s", f"after {took:.1f} s, {'charging' if delivered else 'not charging'}")
    if closed is None or took > 156.0:
        raise Failed(f"the vehicle still waits after {took:.1f} s")


# ---------------------------------------------------------------------------------------------------------------
# Cases of which only the names are public


@script(
    "TC_EVCC_AC_VTB_ChargingStatus_001", "TC_EVCC_AC_VTB_ChargingStatus_003", "TC_EVCC_AC_VTB_ChargingStatus_004",
    "TC_EVCC_AC_VTB_ChargingStatus_005",
)  # fmt: skip
async def charging_status(tester: TesterEvse, run: Run, result: Result) -> None:
    number_ = int(run.case.id[-1])
    held = await hold(tester, "ChargingStatusReq")
    if number_ == 1:
        await tester.send(await tester.good(held))
        tester.release()
        following = await goes_on(tester, result, held)
        if following.name != "ChargingStatusReq":
            raise Failed(f"{following.name} in the loop")
    elif number_ == 3:
        await tester.send(made(tester, "ChargingStatusRes", "FAILED"))
        tester.release()
        await gives_up(tester, result, held)
    elif number_ == 4:
        await gives_up(tester, result, held, within=timer("V2G_EVCC_Msg_Timeout_ChargingStatusReq") + 5.0)
    else:
        change_loop(tester, ("EVSENotification", "StopCharging"))
        await tester.send(await tester.good(held))
        tester.release()
        await until_delivery(tester, result, "Stop", 10.0)


@script(
    "TC_EVCC_CMN_VTB_SessionStop_001", "TC_EVCC_CMN_VTB_SessionStop_003", "TC_EVCC_CMN_VTB_SessionStop_004",
    "TC_EVCC_CMN_VTB_SessionStop_005",
)  # fmt: skip
async def session_stop(tester: TesterEvse, run: Run, result: Result) -> None:
    number_ = int(run.case.id[-1])
    tester.stops_after = 3
    held = await hold(tester, "SessionStopReq")
    if number_ == 5:
        await gives_up(tester, result, held, within=timer("V2G_EVCC_Msg_Timeout_SessionStopReq") + 5.0)
        return
    code = "FAILED" if number_ == 3 else "OK"
    await tester.send(made(tester, "SessionStopRes", code))
    tester.release()
    closed = await tester.closed(tester.now + 5.5)
    result.saw("TCP closed within 5 s", "closed" if closed is not None else "open")
    if closed is None:
        raise Failed("TCP is still open after SessionStopRes")


@script("CHX_SmartChargingScheduling_001", "CHX_SmartChargingScheduling_002", "CHX_SmartChargingScheduling_003")
async def follows_schedule(tester: TesterEvse, run: Run, result: Result) -> None:
    from secc.charger import Slot

    most = tester.evse.max_power
    shares = {"1": (0.1, 0.4, 0.6), "2": (0.4, 0.0, 0.4), "3": (0.0, 0.4, 0.4)}[run.case.id[-1]]
    tester.evse.schedule = tuple(Slot(60 * place, share * most) for place, share in enumerate(shares))
    held = await hold(tester, "PowerDeliveryReq")
    offered = next(m for _, name, m in reversed(tester.replied) if name == "ChargeParameterDiscoveryRes")
    profile = held.message.ChargingProfile
    problem = exceeds(profile, offered.SASchedules.SAScheduleTuple[0]) if profile is not None else ""
    result.saw("ChargingProfile within PMaxSchedule", problem or "within")
    if problem:
        raise Failed(f"the charging profile exceeds PMax: {problem}")
    began = next(time for time, name, _ in reversed(tester.replied) if name == "ChargeParameterDiscoveryRes")
    await tester.send(await tester.good(held))
    tester.release()
    over = ""
    while tester.now - began < 170.0 and not ended(tester):
        await asyncio.sleep(1.0)
        place = min(int((tester.now - began) / 60), 2)
        grace = (tester.now - began) % 60 < 20.0 and place > 0
        power = tester.evse.power
        watts = power.voltage * power.current if power is not None else tester.evse.ac.power if tester.evse.ac else 0.0
        if watts > shares[place] * most * 1.05 + 500.0 and not grace and not over:
            over = f"{watts:.0f} W at {tester.now - began:.0f} s, PMax is {shares[place] * most:.0f} W"
    result.saw("power within the running PMax", over or "within")
    if over:
        raise Failed(over)


# ---------------------------------------------------------------------------------------------------------------
# TLS


@script("PF_EVCC_ISO2_TLS_ServerCert", "PF_EVCC_ISO2_TLS_Params")
async def tls_server(tester: TesterEvse, run: Run, result: Result) -> None:
    """A server whose certificate, version or suite is not what it should be: no message comes over it."""
    context = tester.tls
    assert context is not None
    words = str(run.variant.get("cert") or run.variant.get("version"))
    _spoil_certificate(tester, context, words)
    plain = context.options
    options = {
        "chain incomplete": lambda: plain.wrong(chain="leaf-only"),
        "OCSP staple: revoked": lambda: plain.wrong(staple="revoked"),
        "no OCSP staple": lambda: plain.wrong(staple="missing"),
        "1.2 with TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256": lambda: plain.change(suites=plain.suites[:1]),
        "1.2 with TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA256": lambda: plain.change(suites=plain.suites[1:]),
        "1.2 with an RSA suite only": lambda: plain.change(suites=(0x003C, 0x002F)),
        "1.1 or below": lambda: plain.wrong(select_version=0x0302),
    }.get(words)
    if options is not None:
        change_options(context, options())
    wanted = str(run.variant["tls"])
    if words == "1.3":
        await _tls13(tester, context, result)
        return
    await plug(tester)
    await until(tester, lambda: bool(tester.requests) or tester.system.ended() is True, 30.0)
    seen = "accepted" if tester.requests else "refused"
    result.saw(f"{words}: {wanted}", seen)
    if wanted in ("accepted", "refused") and seen != wanted:
        raise Failed(f"{words}: the vehicle {seen} it", expected=wanted, observed=seen)


async def _tls13(tester: TesterEvse, context: Any, result: Result) -> None:
    """A charger with TLS 1.3 only: a vehicle that has it connects, another one ends; neither hangs nor does without."""
    from v2g import tls

    lab = tls.LAB
    change_options(context, lab.change(
        versions=("1.3",), suites=lab.suites, client_certificate="none", timeout=HANDSHAKE,
    ))  # fmt: skip
    told: list[str] = []
    before = context.observe

    def observe(event: Event) -> None:
        if event.layer == "tls" and event.name in ("handshake", "handshake-failed"):
            told.append(f"{event.name}: {event.note}")
        before(event)

    context.observe = observe
    await plug(tester)
    await until(tester, lambda: bool(tester.requests) or tester.system.ended() is True, HANDSHAKE + 10.0)
    seen = told[0] if told else "no handshake"
    result.saw("a session over TLS 1.3, or none", seen)
    if not tester.wires and not told:
        raise Inconclusive("the vehicle did not connect")
    if "did not send" in seen:
        raise Failed(
            "the vehicle is silent in the handshake", expected="Finished, an alert or the close", observed=seen
        )
    if "no TLS" in seen or "without TLS" in seen:
        raise Failed("the vehicle does without TLS", expected="a handshake", observed=seen)
    if seen.startswith("handshake:") and not tester.requests:
        raise Failed("the vehicle connected over TLS 1.3 and asked nothing", expected="a request", observed="nothing")


def change_options(context: Any, options: Any) -> None:
    """Other options of a side of TLS that is in use already: they hold for its next handshake."""
    from v2g.tls.context import Numbers

    context.options, context.numbers = options, Numbers.of(options)


def _spoil_certificate(tester: TesterEvse, context: Any, words: str) -> None:
    """Another certificate in place of the good one, where the variant asks for one."""
    import datetime

    from conformance.contracts import Certificates
    from conformance.contracts import context as context_of
    from pki.profiles import Role

    bench = tester.certificates
    now, day = bench.now(), datetime.timedelta(days=1)
    changes = {
        "expired": {"not_before": now - 100 * day, "not_after": now - day},
        "not yet valid": {"not_before": now + day, "not_after": now + 60 * day},
        "leaf without the CPO domain component": {"dc": "", "not_before": now - day, "not_after": now + 60 * day},
    }.get(words)
    if words == "unknown root":
        context.credentials = context_of(Certificates(bench.other, bench.now), "server").credentials
    elif changes is not None:
        from cryptography import x509

        from v2g.tls.context import Credential

        good = context.credentials[0]
        entry = bench._issue(Role.SECC, bench.store[Role.CPO_SUB2], f"secc {words}", changes)
        leaf = x509.load_der_x509_certificate(entry.der)
        context.credentials = [Credential([leaf, *good.chain[1:]], entry.key, good.root)]
