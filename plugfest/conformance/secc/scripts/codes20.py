"""Charge loop codes of ISO 15118-20 that only appear over time: a violated profile, a request not followed."""

from __future__ import annotations

from typing import Any

from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.fields import replaced
from plugfest.conformance.secc.scripts.table import SCRIPTS
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from plugfest.conformance.wire import Arrival
from v2g.messages.iso20 import common
from v2g.physical import rational
from v2g.status import refuses

LITTLE = 1400.0
"""W in the profile that the vehicle exceeds at once."""
DAY = 86400
WARNED, REFUSED = 10.0, 40.0
"""s of a violated profile by which a warning must have come, and finally a refusal."""
IGNORED = 150.0
"""s for which a request to renegotiate is not followed."""


@SCRIPTS.on("PF_SECC_ISO20_ProfileViolation_AC")
async def violation(tester: TesterEv, run: Run, result: Result) -> None:
    """The vehicle draws more than its profile says: each response warns it, and it is refused if this lasts."""
    await tester.until("ScheduleExchange")
    message = replaced(tester.make("PowerDeliveryReq"), "EVPowerProfileEntries", _little())
    await tester.deliver(message=message)
    if not await tester.act("overdraw"):
        raise Inconclusive("nothing on this bench can make the load draw more than its profile", cause=Cause.NO_ACTION)
    began, codes = tester.now, list[str]()
    while tester.now - began < REFUSED:
        arrival = await _round(tester)
        codes.append(arrival.code)
        if refuses(arrival.code):
            break
        if tester.now - began > WARNED and "WARNING_EVPowerProfileViolation" not in codes:
            break
        await tester.pause()
    seen = ", ".join(dict.fromkeys(codes))
    result.saw("WARNING_EVPowerProfileViolation, then FAILED_EVPowerProfileViolation", seen)
    if "WARNING_EVPowerProfileViolation" not in codes:
        raise Failed(
            f"the vehicle draws more than its profile for {tester.now - began:.0f} s without a warning",
            cause=Cause.WRONG_CODE, expected="WARNING_EVPowerProfileViolation in each response", observed=seen,
        )  # fmt: skip
    if codes[-1] != "FAILED_EVPowerProfileViolation":
        raise Failed(
            f"after {tester.now - began:.0f} s of a violated profile the charger answers {codes[-1]}",
            cause=Cause.WRONG_CODE, expected="FAILED_EVPowerProfileViolation at the end", observed=seen,
        )  # fmt: skip
    first = codes.index("WARNING_EVPowerProfileViolation")
    if any(code == "OK" for code in codes[first:]):
        raise Failed(
            "the warning is not repeated while the violation lasts",
            cause=Cause.WRONG_CODE, expected="WARNING_EVPowerProfileViolation in each response", observed=seen,
        )  # fmt: skip


def _little() -> common.EVPowerProfileEntryListType:
    entry = common.PowerScheduleEntryType(Duration=DAY, Power=rational(LITTLE))
    return common.EVPowerProfileEntryListType(EVPowerProfileEntry=[entry])


async def _round(tester: TesterEv) -> Arrival:
    """One round of the loop, whatever its code."""
    await tester.send(tester.make(tester.loop_request))
    tester.loops += 1
    return await tester.response(tester.loop_request)


CODES = ("OK", "WARNING_ScheduleRenegotiationFailed", "FAILED_ScheduleRenegotiation")


@SCRIPTS.on("PF_SECC_ISO20_RenegotiationIgnored_DC", "PF_SECC_ISO20_RenegotiationIgnored_AC")
async def ignored(tester: TesterEv, run: Run, result: Result) -> None:
    """The vehicle ignores a request to renegotiate: it is repeated, then becomes a warning, and finally a refusal."""
    await tester.until("ChargeLoop")
    if not await tester.act("renegotiate"):
        raise Inconclusive("nothing on this bench can make the charger renegotiate", cause=Cause.NO_ACTION)
    began, codes, silent = tester.now, list[str](), 0
    while tester.now - began < IGNORED:
        arrival = await _round(tester)
        codes.append(arrival.code)
        if arrival.code not in CODES:
            raise Failed(
                f"{arrival.name} with {arrival.code} while a request to renegotiate is ignored",
                cause=Cause.WRONG_CODE, expected=" or ".join(CODES), observed=arrival.code,
            )  # fmt: skip
        if refuses(arrival.code):
            break
        silent += not _wishes(arrival.message)
        await tester.pause()
    seen = ", ".join(dict.fromkeys(codes))
    result.saw("the notification is repeated, then a warning follows", f"{seen}; {silent} responses without it")
    if silent > 1:  # the first one may already have been on its way
        raise Failed(
            f"{silent} of {len(codes)} responses do not repeat the request to renegotiate",
            cause=Cause.NO_NOTIFICATION, expected="ScheduleRenegotiation in each response until the vehicle follows it",
        )  # fmt: skip
    if codes[-1] == "OK":
        raise Failed(
            f"a request to renegotiate is ignored for {IGNORED:g} s, and the charger says OK",
            cause=Cause.WRONG_CODE, expected=" or ".join(CODES[1:]), observed=seen,
        )  # fmt: skip


def _wishes(message: Any) -> bool:
    status = message.EVSEStatus
    return status is not None and status.EVSENotification == "ScheduleRenegotiation"
