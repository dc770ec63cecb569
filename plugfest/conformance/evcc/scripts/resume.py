"""Old sessions: after a pause the session continues as it was, or a new one starts, as the charger says."""

from __future__ import annotations

import asyncio
from typing import Any

from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause, Severity
from plugfest.conformance.evcc.scripts.steps import charging, delivers, goes_on
from plugfest.conformance.evcc.scripts.table import SCRIPTS
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from plugfest.conformance.wire import Arrival
from v2g.messages import iso2
from v2g.physical import number

ASLEEP, LONG_ASLEEP = 5.0, 60.0
"""s for which the charger's oscillator is off in a pause."""
PARAMETERS = "ChargeParameterDiscoveryReq"
MINUTES = 30.0
"""s that a DepartureTime may differ: some round to minutes."""
MORE = 1.02
"""Factor by which the energy asked for may be more after a pause: rounding, and a battery that cools down."""


@SCRIPTS.on("PF_EVCC_ISO2_SessionSetup_OldSession")
async def old_session(tester: TesterEvse, run: Run, result: Result) -> None:
    """After a pause, the session continues as it was, or a new one starts, as the charger says."""
    joined = str(run.variant["code"]).startswith("OK_OldSessionJoined")
    await _pause(tester)
    old, before = tester.wire.session.id, _choices(tester.requests)
    if not joined:
        tester.answers.paused.clear()  # the charger has forgotten it
    held = await resume(tester, len(tester.requests))
    _asks_for(result, held, old)
    response = await tester.good(held)
    wanted = "OK_OldSessionJoined" if joined else "OK_NewSessionEstablished"
    if response.ResponseCode != wanted:
        raise Inconclusive(f"the tester answers {response.ResponseCode}", cause=Cause.POINTLESS)
    place = tester.requests.index(held) + 1
    caught = tester.catch(lambda arrival: delivers(arrival, "Start"))
    await tester.reply(response)
    following = await goes_on(tester, result, held)
    if following.name != "ServiceDiscoveryReq":
        raise Failed(
            f"{following.name} after {wanted}",
            expected="ServiceDiscoveryReq",
            observed=following.name,
            cause=Cause.NO_REQUEST,
        )
    try:
        await tester.held(caught, "PowerDeliveryReq")
    except Inconclusive as why:
        raise Failed(
            f"the session did not get to charging: {why}", cause=Cause.NO_REQUEST, expected="the vehicle goes on"
        ) from why
    later, now = tester.requests[place:], tester.wire.session.id
    if not joined and now == old:
        raise Inconclusive("the tester's new session has the id of the old one", cause=Cause.POINTLESS)
    wrong = [one.name for one in later if one.session_id != now]
    result.saw(f"every request carries {now.hex()}", f"not {', '.join(wrong)}" if wrong else "as expected")
    if wrong:
        raise Failed(
            f"{wrong[0]} does not carry the session id of SessionSetupRes",
            cause=Cause.WRONG_SESSION,
            expected="the session id of SessionSetupRes",
        )
    after = _choices(later)
    if joined:
        result.saw(f"the old choices: {before}", str(after))
        if after != before:
            raise Failed(
                f"other choices than before the pause: {after}",
                expected=str(before),
                observed=str(after),
                cause=Cause.WRONG_FIELD,
            )
        return
    missing = [name for name in ("PaymentServiceSelectionReq", "ChargeParameterDiscoveryReq") if name not in after]
    result.saw("negotiates again", f"without {', '.join(missing)}" if missing else "as expected")
    if missing:
        raise Failed(
            f"no {missing[0]} in the new session",
            cause=Cause.NO_REQUEST,
            expected="a whole negotiation in the new session",
        )


@SCRIPTS.on("PF_EVCC_ISO2_Resume_Needs")
async def resumed_needs(tester: TesterEvse, run: Run, result: Result) -> None:
    """After a pause the departure is nearer, and no more energy is needed [V2G2-742, 743]."""
    await _pause(tester)
    old, place = tester.wire.session.id, len(tester.requests)
    before = next(one for one in tester.requests if one.name == PARAMETERS)
    held = await resume(tester, place, asleep=LONG_ASLEEP)
    _asks_for(result, held, old)
    caught = tester.catch(lambda arrival: arrival.name == PARAMETERS and arrival.time > held.time)
    await tester.reply(await tester.good(held))
    after = await tester.held(caught, PARAMETERS)
    departs, departed = _needs(before)[0], _needs(after)[0]
    passed = after.time - before.time
    result.saw(f"DepartureTime {departs} s less {passed:.0f} s", str(departed))
    if departs is not None and departed is not None and departed > max(departs - passed, 0.0) + MINUTES:
        raise Failed(
            f"DepartureTime is {departed} s, {passed:.0f} s after {departs} s was told before the pause",
            cause=Cause.WRONG_FIELD, expected="a departure that comes nearer", observed=f"{departed} s",
            rule="V2G2-742",
        )  # fmt: skip
    wanted, wants = _needs(before)[1], _needs(after)[1]
    result.saw(f"at most {wanted} Wh", str(wants))
    if wanted is not None and wants is not None and wants > wanted * MORE:
        raise Failed(
            f"the vehicle asks for {wants:g} Wh after the pause, and for {wanted:g} Wh before", cause=Cause.WRONG_FIELD,
            expected="no more energy than before", observed=f"{wants:g} Wh", rule="V2G2-743",
        )  # fmt: skip


def _needs(arrival: Arrival) -> tuple[int | None, float | None]:
    """DepartureTime in s, and the energy asked for in Wh."""
    told = arrival.message.EVChargeParameter
    energy = getattr(told, "EAmount", None) or getattr(told, "EVEnergyRequest", None)
    return told.DepartureTime, None if energy is None else number(energy)


def _asks_for(result: Result, held: Arrival, old: bytes) -> None:
    """The paused session is asked for.

    Raises:
        Failed: another one is, which there never was.
        Inconclusive: a new one is, which is a finding, too.
    """
    given = held.session_id or b""
    if given == old:
        return
    text = f"after a pause the vehicle asks for session {given.hex()}, not for the paused {old.hex()}"
    expected = f"SessionSetupReq with the id {old.hex()}"
    result.saw(expected, given.hex())
    if any(given):
        raise Failed(text, expected=expected, observed=given.hex(), cause=Cause.WRONG_SESSION, rule="V2G2-740")
    result.find(text, Severity.READING, Cause.WRONG_SESSION)
    raise Inconclusive(text, cause=Cause.POINTLESS)


def _choices(requests: list[Arrival]) -> dict[str, Any]:
    """What the vehicle has chosen [V2G2-740, 741]: payment, energy transfer mode, schedule; by request."""
    fields = {
        "PaymentServiceSelectionReq": "SelectedPaymentOption",
        "ChargeParameterDiscoveryReq": "RequestedEnergyTransferMode",
        "PowerDeliveryReq": "SAScheduleTupleID",
    }
    return {one.name: getattr(one.message, fields[one.name]) for one in requests if one.name in fields}


async def _pause(tester: TesterEvse) -> None:
    """Runs a session that the vehicle pauses.

    Raises:
        Inconclusive: it does not.
    """
    await charging(tester)
    if not await tester.system.do("pause"):
        raise Inconclusive("nothing on this bench can pause the vehicle", cause=Cause.NO_ACTION)
    await tester.wait_for(lambda: tester.over, 60.0)
    last = tester.requests[-1]
    stop = last.message if isinstance(last.message, iso2.SessionStopReq) else None
    if stop is None or stop.ChargingSession != "Pause":
        raise Inconclusive(f"the vehicle did not pause; its last request was {last.name}", cause=Cause.POINTLESS)
    await tester.wait_for(lambda: tester.system.ended() is not False, 10.0)


async def resume(tester: TesterEvse, place: int, *, asleep: float = ASLEEP) -> Arrival:
    """Sleeps, wakes the vehicle up, and holds its next SessionSetupReq.

    Raises:
        Inconclusive: it does not come back.
    """
    pilot, connections = tester.system.pilot, len(tester.wires)
    pilot.offer(100.0)
    await asyncio.sleep(asleep)
    caught = tester.catch(lambda arrival: arrival.name == "SessionSetupReq" and tester.requests.index(arrival) >= place)
    pilot.offer(5.0)
    await tester.system.do("resume")  # if nobody can, the pilot must suffice
    if not await tester.wait_for(lambda: len(tester.wires) > connections, 60.0):
        raise Inconclusive("the vehicle did not come back after the pause", cause=Cause.POINTLESS)
    return await tester.held(caught, "SessionSetupReq")
