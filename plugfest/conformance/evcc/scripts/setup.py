"""From the connection to Authorization: broken frames, slow answers, nothing in common, the challenge."""

from __future__ import annotations

import asyncio
from typing import Any

from plugfest.conformance.catalogue import Run, timer
from plugfest.conformance.catalogue.durations import CLOSE, DELAY
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.checks import CHECKS
from plugfest.conformance.evcc.good import Override
from plugfest.conformance.evcc.scripts.steps import PACE, delivers, gives_up, hold
from plugfest.conformance.evcc.scripts.table import SCRIPTS, SETUP
from plugfest.conformance.evcc.tester import TesterEvse, made
from plugfest.conformance.fields import replaced
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from v2g.protocols import DIN


@SCRIPTS.on("PF_EVCC_ISO2_V2GTP_BadHeader")
async def bad_header(tester: TesterEvse, run: Run, result: Result) -> None:
    """SessionSetupRes with a broken V2GTP header: the vehicle ignores it and gives up at its message timer."""
    held = await hold(tester, "SessionSetupReq")
    response = await tester.good(held)
    await tester.send(response, header=dict(run.variant))
    await gives_up(tester, result, held, within=timer("V2G_EVCC_Msg_Timeout_SessionSetupReq") + CLOSE)


@SCRIPTS.on("PF_EVCC_ISO2_CommunicationSetup_Timeout")
async def setup_timeout(tester: TesterEvse, run: Run, result: Result) -> None:
    """Slow discovery and handshake leave no time for SessionSetupRes: the vehicle gives up at the setup timer."""
    began = tester.now
    tester.answer_sdp = lambda data, response: response.pack() if tester.now - began > 11.8 else None
    held = await hold(tester, "supportedAppProtocolReq")
    await asyncio.sleep(1.9)
    setup = tester.catch(lambda arrival: arrival.name == "SessionSetupReq")
    await tester.reply(await tester.good(held))
    await tester.held(setup, "SessionSetupReq")
    await asyncio.sleep(max(began + SETUP - 0.3 - tester.now, 0.0))
    closed = await tester.closed(began + SETUP + CLOSE + DELAY + tester.delay)
    result.saw("gives up at V2G_EVCC_CommunicationSetup_Timeout", "closed" if closed else "open")
    if closed is None:
        raise Failed(
            "the vehicle waits for longer than V2G_EVCC_CommunicationSetup_Timeout",
            cause=Cause.TOO_LATE,
            expected="an end at V2G_EVCC_CommunicationSetup_Timeout, 20 s",
        )


@SCRIPTS.on("PF_EVCC_ISO2_SAP_UnknownSchemaID", "PF_EVCC_DIN_SAP_UnknownSchemaID")
async def foreign_schema_id(tester: TesterEvse, run: Run, result: Result) -> None:
    """supportedAppProtocolRes with a SchemaID that was not offered."""
    held = await hold(tester, "supportedAppProtocolReq")
    await tester.send(made(tester, "supportedAppProtocolRes", "OK", SchemaID=199))
    await gives_up(tester, result, held)


@SCRIPTS.on("PF_EVCC_DIN_SAP_Offer")
async def din_offer(tester: TesterEvse, run: Run, result: Result) -> None:
    """DIN SPEC 70121 is offered under its namespace and version."""
    held = await hold(tester, "supportedAppProtocolReq")
    offers = [(entry.ProtocolNamespace, entry.VersionNumberMajor) for entry in held.message.AppProtocol]
    result.saw("urn:din:70121:2012:MsgDef, 2.0", str(offers))
    if (DIN.namespace, 2) not in offers:
        raise Failed(
            "DIN SPEC 70121 is not offered", cause=Cause.WRONG_FIELD, expected="an offer as the standard requires"
        )


@SCRIPTS.on("PF_EVCC_ISO2_ServiceDiscovery_NoCommonPayment", "PF_EVCC_ISO2_ServiceDiscovery_NoCommonMode")
async def nothing_in_common(tester: TesterEvse, run: Run, result: Result) -> None:
    """The charger offers only a payment method or an energy transfer that the vehicle does not support.

    A vehicle with a contract may pay externally too.
    """
    held = await hold(tester, "ServiceDiscoveryReq")
    response = await tester.good(held)
    if run.case.id.endswith("Payment"):
        option = "ExternalPayment" if tester.pics.pnc else "Contract"
        response = replaced(response, "PaymentOption", [option])
    else:
        option = ""
        response = replaced(response, "EnergyTransferMode", ["DC_core" if tester.pics.ac else "AC_three_phase_core"])
    await tester.reply(response)
    if option == "ExternalPayment":
        await tester.wait_for(lambda: tester.after(held) or tester.over, PACE)
        if any(getattr(one.message, "SelectedPaymentOption", "") == option for one in tester.after(held)):
            raise Inconclusive("the vehicle pays with a contract, or externally", cause=Cause.POINTLESS)
    await gives_up(tester, result, held)


@SCRIPTS.on("PF_EVCC_ISO2_PaymentDetails_GenChallenge")
async def challenge(tester: TesterEvse, run: Run, result: Result) -> None:
    """AuthorizationReq carries the issued challenge, signed."""
    held = await hold(tester, "AuthorizationReq")
    problems = [text for name in ("EV_AUTH_SIGNATURE", "EV_GENCHALLENGE_ECHO") if (text := CHECKS[name](tester, held))]
    result.saw("signed, with the GenChallenge as issued", "; ".join(problems) or "as expected")
    if problems:
        raise Failed("; ".join(problems), cause=Cause.WRONG_FIELD, expected="an offer as the standard requires")


@SCRIPTS.on("TC_EVCC_CMN_VTB_Authorization_003")
async def ongoing_twice(tester: TesterEvse, run: Run, result: Result) -> None:
    """Two answers Ongoing: AuthorizationReq is repeated, without challenge and signature."""
    count = 0

    def twice(request: Any, response: Any) -> Any:
        nonlocal count
        count += 1
        return replaced(response, "EVSEProcessing", "Ongoing") if count <= 2 else response

    tester.answers.overrides["AuthorizationReq"] = twice
    await hold(tester, "ChargeParameterDiscoveryReq")
    asked = [arrival for arrival in tester.requests if arrival.name == "AuthorizationReq"]
    problems = [text for arrival in asked if (text := CHECKS["EV_AUTH_BODY"](tester, arrival))]
    result.saw("three AuthorizationReq in order", f"{len(asked)}; {'; '.join(problems)}")
    if len(asked) != 3 or problems:
        raise Failed(
            f"{len(asked)} AuthorizationReq; {'; '.join(problems)}",
            cause=Cause.WRONG_FIELD,
            expected="an offer as the standard requires",
        )


SLOW = {"ContractAuthenticationReq": 57.0, "ChargeParameterDiscoveryReq": 57.0, "CableCheckReq": 38.0}
"""s for which each step is Ongoing: none exceeds its own timer, but together they exceed the ready-to-charge timer."""


READY = timer("V2G_EVCC_ReadyToCharge_Timeout")
EARLIER, LATER = 5.0, 6.0
"""s before and after it at which a vehicle may end the session: from where it counts, and how it closes."""


def _finishing(tester: TesterEvse, at: float) -> Override:
    """Responses say Ongoing until this loop time."""
    return lambda request, response: replaced(response, "EVSEProcessing", "Ongoing") if tester.now < at else response


@SCRIPTS.on("PF_EVCC_DIN_ReadyToCharge")
async def ready_to_charge(tester: TesterEvse, run: Run, result: Result) -> None:
    """Every step takes nearly as long as allowed: the vehicle gives up at V2G_EVCC_ReadyToCharge_Timeout."""
    first = next(iter(SLOW))
    for name, seconds in SLOW.items():
        held = await (hold(tester, name) if name == first else tester.hold(name, 130.0))
        if tester.answers.visit is not None:
            tester.answers.visit.over("ready to charge")  # the tester does not end it
        tester.answers.overrides[name] = _finishing(tester, tester.now + seconds)
        await tester.reply(await tester.good(held))
    closed = await tester.closed(tester.now + 60.0)
    setup = next(reply.time for reply in tester.replied if reply.name == "SessionSetupRes")
    delivered = any(delivers(one, "Start") for one in tester.requests)
    took = (closed or tester.now) - setup
    result.saw("gives up at 150 s", f"after {took:.1f} s, {'charging' if delivered else 'not charging'}")
    if closed is None or took > READY + LATER:
        raise Failed(
            f"the vehicle still waits after {took:.1f} s",
            cause=Cause.STILL_OPEN,
            expected="TCP closed by the vehicle in time",
        )
    if took < READY - EARLIER:
        raise Failed(
            f"the vehicle gave up after {took:.1f} s", cause=Cause.TOO_EARLY, expected=f"not before {READY:g} s"
        )
