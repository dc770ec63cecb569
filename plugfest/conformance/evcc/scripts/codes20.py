"""Prices of ISO 15118-20 whose signature holds, is missing or does not hold: none of them ends a session."""

from __future__ import annotations

import copy
from typing import Any

from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.scripts.steps import goes_on, hold
from plugfest.conformance.evcc.scripts.table import SCRIPTS
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.sut.certificates import credential
from plugfest.conformance.verdict import Failed, Inconclusive, NotExecutable, Result
from secc.schedule import Plan
from v2g import signature, signed_parts
from v2g.physical import rational
from v2g.prices import Rule, Stack, Tariff

SET = "iso20-common"


@SCRIPTS.on("PF_EVCC_ISO20_PriceSignature")
async def prices(tester: TesterEvse, run: Run, result: Result) -> None:
    """Absolute prices in contract payment: a vehicle may ignore those that are not proven, and charges all the same."""
    what = str(run.variant["prices"])
    tester.evse.plans = [Plan(tariff=Tariff((Stack(0, (Rule(0.35),)),)))]
    held = await hold(tester, "ScheduleExchangeReq")
    response = await tester.good(held)
    found = signed_parts.absolute_prices(response)
    if not found or tester.visit is None or tester.visit.signature is None:
        raise Inconclusive("the tester could not sign the prices", cause=Cause.NO_CERTIFICATES)
    signed: Any = tester.visit.signature
    match what:
        case "signed":
            pass
        case "unsigned":
            signed = None
        case "changed after signing":
            response = copy.deepcopy(response)
            for one in signed_parts.absolute_prices(response):
                one.PriceRuleStacks.PriceRuleStack[0].PriceRule[0].EnergyFee = rational(0.01, -3)
        case "signed by another key":
            other = credential(tester.certificates.other["mo-sub2"]).key
            signed = signature.sign_message(response, other, SET)
        case _:
            raise NotExecutable(f"prices {what!r}")
    await tester.reply(response, signature=signed)
    following = await goes_on(tester, result, held)
    result.saw(f"{what}: the vehicle charges", following.name)
    if following.name not in ("DC_CableCheckReq", "PowerDeliveryReq"):
        raise Failed(
            f"{following.name} after prices that are {what}",
            cause=Cause.WRONG_MESSAGE, expected="DC_CableCheckReq or PowerDeliveryReq", observed=following.name,
        )  # fmt: skip
