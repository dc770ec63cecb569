"""Prices of ISO 15118-20 whose signature is valid, missing or invalid: none of them ends a session."""

from __future__ import annotations

import copy
from typing import Any

from pki.profiles import Role
from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause, Severity
from plugfest.conformance.evcc.scripts.steps import delivers, goes_on, hold
from plugfest.conformance.evcc.scripts.table import SCRIPTS
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.sut.certificates import credential
from plugfest.conformance.verdict import Failed, Inconclusive, NotExecutable, Result
from secc.plan import Plan
from v2g import signature, signed_parts
from v2g.physical import rational
from v2g.prices import Rule, Stack, Tariff

SET = "iso20-common"
UNPROVEN = ("changed after signing", "signed by another key", "signed in part", "signed by the sub-CA above")
"""Prices that a vehicle should not believe."""
DEAR, CHEAP = 0.35, 0.01
"""Per kWh."""


@SCRIPTS.on("PF_EVCC_ISO20_PriceSignature")
async def prices(tester: TesterEvse, run: Run, result: Result) -> None:
    """Absolute prices in contract payment: a vehicle may ignore prices without a valid signature, and charges anyway.

    Of three schedules with the same power the middle one is the cheapest: a vehicle that believes the prices takes it,
        and any other has no reason to. A vehicle should verify signed prices, so choosing by prices with an invalid
        signature is a finding; it may believe unsigned prices.
    """
    what = str(run.variant["prices"])
    tester.evse.plans = [Plan(tariff=Tariff((Stack(0, (Rule(DEAR),)),))) for _ in range(3)]
    held = await hold(tester, "ScheduleExchangeReq")
    response = await tester.good(held)
    signers = tester.answers.contracts.tariff_keys20 if tester.answers.contracts is not None else ()
    signer = next(iter(signers), None)
    signed: Any = tester.answers.visit.signature if tester.answers.visit is not None else None
    if len(signed_parts.absolute_prices(response)) < 3 or signed is None or signer is None:
        raise Inconclusive("the tester could not sign the prices", cause=Cause.NO_CERTIFICATES)
    cheap, middle = _with_the_middle_cheap(response)
    match what:
        case "signed":
            signed = signature.sign_message(cheap, signer.key, SET, tester.pics.grammar)
        case "unsigned":
            signed = None
        case "changed after signing":
            pass
        case "signed in part":  # all but the cheapest
            block = cheap.Scheduled_SEResControlMode.ScheduleTuple[1].ChargingSchedule
            block.AbsolutePriceSchedule.Id = None
            signed = signature.sign_message(cheap, signer.key, SET, tester.pics.grammar)
        case "signed by another key":
            other = credential(tester.certificates.other["mo-sub2"]).key
            signed = signature.sign_message(cheap, other, SET, tester.pics.grammar)
        case "signed by the sub-CA above":  # of the contract's chain, but not its issuer
            above = next(iter(tester.certificates.store.of_role(Role.MO_SUB1)), None)
            if above is None:
                raise Inconclusive("this PKI has no sub-CA 1 of contracts", cause=Cause.NO_CERTIFICATES)
            signed = signature.sign_message(cheap, credential(above).key, SET, tester.pics.grammar)
        case _:
            raise NotExecutable(f"prices {what!r}")
    caught = tester.catch(lambda one: delivers(one, "Start") and one.message.EVPowerProfile is not None)
    await tester.reply(cheap, signature=signed)
    following = await goes_on(tester, result, held)
    result.saw(f"{what}: the vehicle charges", following.name)
    if following.name not in ("DC_CableCheckReq", "PowerDeliveryReq"):
        raise Failed(
            f"{following.name} after prices that are {what}",
            cause=Cause.WRONG_MESSAGE, expected="DC_CableCheckReq or PowerDeliveryReq", observed=following.name,
        )  # fmt: skip
    delivery = await tester.held(caught, "PowerDeliveryReq")
    chosen = delivery.message.EVPowerProfile.Scheduled_EVPPTControlMode.SelectedScheduleTupleID
    result.saw("the schedule chosen", f"{chosen}; {middle} is the cheapest by prices that are {what}")
    if chosen == middle and what in UNPROVEN:
        result.find(
            f"the vehicle chose schedule {chosen}, which is the cheapest only by prices that are {what}",
            Severity.READING, Cause.ACCEPTED,
        )  # fmt: skip


def _with_the_middle_cheap(response: Any) -> tuple[Any, int]:
    """A copy in which the second schedule is the cheapest, and the number of that schedule."""
    changed = copy.deepcopy(response)
    second = changed.Scheduled_SEResControlMode.ScheduleTuple[1]
    rule = second.ChargingSchedule.AbsolutePriceSchedule.PriceRuleStacks.PriceRuleStack[0].PriceRule[0]
    rule.EnergyFee = rational(CHEAP, -3)
    return changed, second.ScheduleTupleID
