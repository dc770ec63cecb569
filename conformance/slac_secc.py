"""SLAC cases with a charger under test, read from the catalogue: a vehicle that deviates at any message."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Any

from conformance.catalogue import Run
from conformance.slac_tester import OF_A_CHARGER, Tester, changes
from conformance.verdict import Failed, Inconclusive, NotExecutable, Result
from slac import frames
from slac.amp_map import full_power
from slac.frames import Validation
from slac.pilot import Reading, State, toggle, until
from slac.timing import STANDARD as T

TOGGLE = 19
"""CM_VALIDATE.REQ timer for TP_EV_vald_toggle of 2.0 s."""

LATEST_INIT = 50.0
"""s: TT_EVSE_SLAC_init at most."""

KEPT = 30.0
"""s that a link is watched."""

LOSS = 3.0
"""s: what a modem takes to see that a link is gone, and a charger to ask it."""

Script = Callable[[Tester, list[dict[str, Any]]], Awaitable[None]]


class Plan:
    """One case: its precondition, then what its family does."""

    def __init__(self, run: Run) -> None:
        self.run = run
        words = " ".join(run.case.preconditions)
        if any(word in words for word in ("PAUSED", "TERMINATED", "AMPMAP")):
            raise NotExecutable("needs SLAC and a V2G session together")
        self.state = next((w for w in ("CP_A", "CP_B", "CP_C", "CP_D", "PARM", "ATTEN", "VALIDATE", "LINK", "MATCH")
                           if w in words), "")  # fmt: skip
        family, number = re.fullmatch(r"TC_SECC_(\w+?)_VTB_(\w+)", run.case.id).group(1, 2)  # type: ignore[union-attr]
        self.steps = [dict(step) for step in run.steps[0]]
        self.forced = [step for step in self.steps if isinstance(step.get("fields"), dict)]
        found = _script(family, number)
        if found is None or not self.state:
            raise NotExecutable("not written yet for SLAC")
        self.script: Script = found

    async def carry_out(self, ev: Tester, result: Result) -> None:
        async with ev.open():
            await _reach(ev, self.state)
            await self.script(ev, self.steps)


def tester(system: Any, result: Result, observe: Any, seed: int) -> Tester:
    """The vehicle."""
    return Tester(system, result, observe, seed, OF_A_CHARGER)


# ---------------------------------------------------------------------------------------------------------------
# States


def _digital(reading: Reading) -> bool:
    return reading.duty is None or 3 <= reading.duty <= 7


async def _reach(ev: Tester, state: str) -> None:
    if state == "CP_A":
        return
    await ev.system.plug()
    ev.system.show(State.B)
    if not await until(ev.pilot, _digital, 10.0):
        raise Inconclusive("the charger did not offer 5 % in 10 s", expected="5 % duty", observed="none")
    if state in ("CP_C", "CP_D"):
        ev.system.show(State.C if state == "CP_C" else State.D)
    if state.startswith("CP"):
        return
    try:
        await _parm(ev)
        if state == "PARM":
            return
        await _sound(ev)
        await _report(ev)
        await _respond(ev)
        if state == "VALIDATE":
            await _validate(ev)
        if state in ("MATCH", "LINK"):
            if ev.system.pics["PIXIT_SECC_CMN_CmValidate"] == "cmValidate":
                await _validate(ev)
            confirmed = ev.confirmed = await _match(ev)  # type: ignore[attr-defined]
            if state == "LINK":
                await ev.set_key(confirmed.nid, confirmed.nmk)
                await ev.joined(T.TT_match_join)
    except Failed as why:
        raise Inconclusive(f"{state} was not reached: {why}") from why


def _request(ev: Tester) -> frames.CM_SLAC_PARM_REQ:
    return frames.CM_SLAC_PARM_REQ(ev.run_id)


async def _parm(ev: Tester) -> None:
    """Asks, until an answer comes; any of the repetitions may be the one that is answered."""
    for attempt in range(25):
        await ev.send(_request(ev))
        frame = await ev.any(T.TT_match_response)
        if frame is not None:
            _check_parm(ev, frame)
            return
        if attempt % 3 == 2:
            await asyncio.sleep(T.TT_matching_rate)
    raise Failed("no CM_SLAC_PARM.CNF came", expected="CM_SLAC_PARM.CNF", observed="nothing")


def _check_parm(ev: Tester, frame: frames.Frame) -> None:
    answer = frame.message
    if not isinstance(answer, frames.CM_SLAC_PARM_CNF):
        raise Failed(f"{frame.name} came, not CM_SLAC_PARM.CNF", observed=frame.name)
    ev.peer = frame.source
    wrong = list(frames.violations(answer))
    for name, value in (("num_sounds", 10), ("time_out", 6), ("forwarding_sta", ev.mac), ("run_id", ev.run_id)):
        if getattr(answer, name) != value:
            wrong.append(name)
    ev.result.saw("CM_SLAC_PARM.CNF with its constants", ", ".join(wrong) or frame.name)
    if wrong:
        raise Failed(f"CM_SLAC_PARM.CNF: wrong {', '.join(wrong)}", observed=", ".join(wrong))


async def _sound(ev: Tester, sounds: int = 10, **forced: Any) -> None:
    start, nonce = frames.CM_START_ATTEN_CHAR_IND(ev.run_id, ev.mac), ev.rng.randbytes(16)
    for _ in range(T.C_EV_start_atten_char_inds):
        await ev.send(start, **forced)
        await asyncio.sleep(T.TP_EV_batch_msg_interval)
    for count in reversed(range(10 - sounds, 10)):
        await ev.send(frames.CM_MNBC_SOUND_IND(ev.run_id, count, nonce))
        await asyncio.sleep(T.TP_EV_batch_msg_interval)


async def _report(ev: Tester) -> frames.CM_ATTEN_CHAR_IND:
    report: frames.CM_ATTEN_CHAR_IND = await ev.expect(
        frames.CM_ATTEN_CHAR_IND, T.TT_EV_atten_results, source_address=ev.mac, run_id=ev.run_id
    )
    if len(report.aag) != frames.NUM_GROUPS or not report.num_sounds:
        seen = f"{len(report.aag)} groups of {report.num_sounds} sounds"
        raise Failed(f"CM_ATTEN_CHAR.IND: {seen}", expected="58 groups", observed=seen)
    return report


async def _respond(ev: Tester, **forced: Any) -> None:
    await ev.send(frames.CM_ATTEN_CHAR_RSP(ev.mac, ev.run_id), **forced)


def _match_request(ev: Tester) -> frames.CM_SLAC_MATCH_REQ:
    return frames.CM_SLAC_MATCH_REQ(ev.run_id, ev.mac, ev.peer)


async def _match(ev: Tester) -> Any:
    await ev.send(_match_request(ev))
    return await _confirmed(ev)


async def _confirmed(ev: Tester) -> Any:
    from slac.keys import nid_of

    answer = await ev.expect(
        frames.CM_SLAC_MATCH_CNF, T.TT_match_response, run_id=ev.run_id, pev_mac=ev.mac, evse_mac=ev.peer
    )
    if answer.nid != nid_of(answer.nmk):
        raise Failed("CM_SLAC_MATCH.CNF: the NID is not that of the NMK", expected="NID derived from the NMK")
    return answer


async def _validate(ev: Tester) -> None:
    await ev.send(frames.CM_VALIDATE_REQ())
    await ev.expect(frames.CM_VALIDATE_CNF, T.TT_match_response, toggle_num=0, result=Validation.READY)
    await _second_step(ev)


async def _second_step(ev: Tester) -> None:
    ev.need_pilot()
    await ev.send(frames.CM_VALIDATE_REQ(TOGGLE))
    began = ev.now
    await toggle(ev.pilot, 3, T.TP_EV_vald_state_duration)
    left = began + (TOGGLE + 1) * 0.1 - ev.now
    await ev.expect(
        frames.CM_VALIDATE_CNF, max(0.0, left) + T.TT_match_response, toggle_num=3, result=Validation.SUCCESS
    )


# ---------------------------------------------------------------------------------------------------------------
# Families


async def _parm_once(ev: Tester, steps: list[dict[str, Any]]) -> None:
    await _parm(ev)


async def _too_late(ev: Tester, steps: list[dict[str, Any]]) -> None:
    """Nothing proper until the SLAC init timer is over: the oscillator is off then, and nobody answers."""
    ev.need_pilot()
    began = ev.now
    await asyncio.sleep(0.5)
    for step in steps[:1]:
        if "send" in step:
            await ev.send(_request(ev), **changes(step["fields"], ev.rng))
    await ev.quiet(19.0)
    duty = ev.pilot.reading.duty
    if duty is None or not 3 <= duty <= 7:
        raise Failed("the 5 % ended before 20 s", expected="5 % until 20 s", observed=f"{duty} %")
    await ev.quiet(began + LATEST_INIT + 0.5 - ev.now)
    duty = ev.pilot.reading.duty
    ev.result.saw("100 % from 50 s on", f"{duty} %")
    if duty is not None and duty < 99:
        raise Failed("the oscillator runs after 50 s", expected="100 % from 50 s on", observed=f"{duty} %")
    await ev.send(_request(ev))
    await ev.quiet(T.TT_match_response)


async def _unplugged(ev: Tester, steps: list[dict[str, Any]]) -> None:
    """State A, then the message that would be due: no answer."""
    ev.need_pilot()
    ev.system.show(State.A)
    message: frames.Message = _request(ev)
    name = str(steps[1].get("send", ""))
    if "SLAC_MATCH" in name:
        message = _match_request(ev)
    elif "VALIDATE" in name:
        message = frames.CM_VALIDATE_REQ()
    await asyncio.sleep(0.05)
    await ev.send(message)
    await ev.quiet(T.TT_match_response)


async def _woken(ev: Tester, steps: list[dict[str, Any]]) -> None:
    """Ten minutes of nothing, then a plug."""
    ev.need_pilot()
    await ev.quiet(600.0)
    began = ev.now
    ev.system.show(State.B)
    if not await until(
        ev.pilot, lambda reading: reading.duty is not None and 3 <= reading.duty <= 7, T.T_conn_max_comm
    ):
        raise Failed("no 5 % within T_conn_max_comm", expected="5 % in 8 s", observed="none")
    await _parm(ev)
    if ev.now - began > T.T_conn_max_comm:
        raise Failed(f"CM_SLAC_PARM.CNF came after {ev.now - began:.1f} s", expected="within T_conn_max_comm")


async def _retried(ev: Tester, steps: list[dict[str, Any]]) -> None:
    """AC: 5 %, E or F, 5 %, twice, then 100 %."""
    ev.need_pilot()
    faults = 0
    for _ in range(2):
        if not await until(ev.pilot, lambda reading: reading.state in (State.E, State.F), LATEST_INIT + 1):
            break
        began, faults = ev.now, faults + 1
        if not await until(ev.pilot, lambda reading: reading.state is State.B, 8.5) or ev.now - began < 3.9:
            raise Failed(f"E or F for {ev.now - began:.1f} s", expected="4 to 8 s")
    steady = await until(ev.pilot, lambda reading: reading.duty is not None and reading.duty >= 99, LATEST_INIT + 1)
    ev.result.saw("two steps through E or F, then 100 %", f"{faults} steps, then {ev.pilot.reading.label}")
    if faults != 2 or not steady:
        raise Failed(f"{faults} steps through E or F", expected="2 and 100 %", observed=str(faults))


async def _sounding(ev: Tester, steps: list[dict[str, Any]]) -> None:
    await _sound(ev)
    await _report(ev)
    await _respond(ev)
    await ev.quiet(2 * T.TT_match_response)


async def _new_run(ev: Tester, steps: list[dict[str, Any]]) -> None:
    await _sound(ev)
    await _report(ev)
    ev.run_id = ev.rng.randbytes(8)
    await ev.send(_request(ev))
    while frame := await ev.any(T.TT_match_response):
        if isinstance(frame.message, frames.CM_SLAC_PARM_CNF):
            _check_parm(ev, frame)
            return
    raise Failed("the request of a new run was not answered", expected="CM_SLAC_PARM.CNF", observed="nothing")


async def _one_missing(ev: Tester, steps: list[dict[str, Any]]) -> None:
    await _sound(ev, 9)
    await _report(ev)
    await _respond(ev)


async def _bad_response(ev: Tester, steps: list[dict[str, Any]]) -> None:
    """No or a faulty response: the report comes three times in all, then nothing is answered any more."""
    await _sound(ev)
    forced = changes(steps[2].get("fields"), ev.rng) if "send" in steps[2] else None
    for number in range(1 + T.C_EV_match_retry):
        if number:
            report = await ev.expect(frames.CM_ATTEN_CHAR_IND, T.TT_match_response, run_id=ev.run_id)
            assert report
        else:
            await _report(ev)
        if forced is not None:
            await _respond(ev, **forced)
    await ev.quiet(T.TT_match_response)
    await asyncio.sleep(0.05)
    await _respond(ev)
    await ev.send(_match_request(ev))
    await ev.quiet(2 * T.TT_match_response)


async def _bad_start(ev: Tester, steps: list[dict[str, Any]]) -> None:
    """A start that is faulty, too late, or in state A: no report."""
    forced: dict[str, Any] = {}
    if "wait" in steps[0]:
        await asyncio.sleep(T.TT_match_sequence + 0.05)
    elif "cp" in steps[0]:
        ev.need_pilot()
        ev.system.show(State.A)
        await asyncio.sleep(0.05)
    else:
        forced = changes(steps[0]["fields"], ev.rng)
    await _sound(ev, **forced)
    await ev.quiet(T.TT_EV_atten_results, frames.CM_ATTEN_CHAR_IND)


async def _weaker(ev: Tester, steps: list[dict[str, Any]]) -> None:
    """The reported attenuation follows what is sent."""
    if not hasattr(ev.system, "attenuate"):
        raise NotExecutable("this bench cannot change the tester's transmit power")
    means: list[float] = []
    for decibels in (20.0, 30.0):
        ev.system.attenuate(decibels)
        if means:
            ev.run_id = ev.rng.randbytes(8)
            await _parm(ev)
        await _sound(ev)
        report = await _report(ev)
        await _respond(ev)
        means.append(sum(report.aag) / len(report.aag))
    rise = means[1] - means[0]
    ev.result.saw("10 dB more, within 5 dB", f"{rise:.1f} dB")
    if not 5 <= rise <= 15:
        raise Failed(f"the report rose by {rise:.1f} dB", expected="about 10 dB", observed=f"{rise:.1f} dB")


async def _validation(ev: Tester, steps: list[dict[str, Any]]) -> None:
    await _validate(ev)


async def _while_another(ev: Tester, steps: list[dict[str, Any]]) -> None:
    """A second vehicle asks for validation while the first one toggles: not ready; the first is not disturbed."""
    ev.need_pilot()
    async with ev.another() as second:
        try:
            await _parm(second)
            await _sound(second)
            await _report(second)
            await _respond(second)
        except Failed as why:
            raise Inconclusive(f"the second vehicle did not get as far: {why}") from why
        await ev.send(frames.CM_VALIDATE_REQ())
        await ev.expect(frames.CM_VALIDATE_CNF, T.TT_match_response, toggle_num=0, result=Validation.READY)
        first = asyncio.create_task(_second_step(ev))
        try:
            await asyncio.sleep(T.TP_EV_vald_state_duration)
            await second.send(frames.CM_VALIDATE_REQ())
            await second.expect(frames.CM_VALIDATE_CNF, T.TT_match_response, result=Validation.NOT_READY)
            await first
        finally:
            first.cancel()


async def _step_again(ev: Tester, steps: list[dict[str, Any]]) -> None:
    for _ in range(2):
        await ev.send(frames.CM_VALIDATE_REQ())
        await ev.expect(frames.CM_VALIDATE_CNF, T.TT_match_response, toggle_num=0, result=Validation.READY)


async def _bad_second_step(ev: Tester, steps: list[dict[str, Any]]) -> None:
    """The first answer is repeated twice, then the charger has given up."""
    await ev.send(frames.CM_VALIDATE_REQ())
    for _ in range(1 + T.C_EV_match_retry):
        await ev.expect(frames.CM_VALIDATE_CNF, T.TT_match_sequence, toggle_num=0, result=Validation.READY)
        if "send" in steps[1]:
            await ev.send(frames.CM_VALIDATE_REQ(TOGGLE), **changes(steps[1]["fields"], ev.rng))
    await ev.quiet(T.TT_match_sequence + 0.05)
    await ev.send(frames.CM_VALIDATE_REQ(TOGGLE))
    await ev.quiet(T.TT_match_response)


async def _gives_up(ev: Tester, steps: list[dict[str, Any]]) -> None:
    """A second step with another result than ready: no answer."""
    await ev.send(frames.CM_VALIDATE_REQ())
    await ev.expect(frames.CM_VALIDATE_CNF, T.TT_match_response, toggle_num=0, result=Validation.READY)
    await ev.send(frames.CM_VALIDATE_REQ(TOGGLE), **changes(steps[1]["fields"], ev.rng))
    await ev.quiet(T.TT_match_sequence)


async def _cannot_validate(ev: Tester, steps: list[dict[str, Any]]) -> None:
    await ev.send(frames.CM_VALIDATE_REQ())
    await ev.expect(frames.CM_VALIDATE_CNF, T.TT_match_response, result=Validation.FAILURE)


async def _not_required(ev: Tester, steps: list[dict[str, Any]]) -> None:
    await ev.send(frames.CM_VALIDATE_REQ())
    await ev.expect(frames.CM_VALIDATE_CNF, T.TT_match_response, result=Validation.NOT_REQUIRED)
    if "SLAC_MATCH" in str(steps[1].get("send")):
        await _match(ev)
    else:
        await _second_step(ev)


async def _matching(ev: Tester, steps: list[dict[str, Any]]) -> None:
    for _ in steps:
        await _match(ev)


async def _late_match(ev: Tester, steps: list[dict[str, Any]]) -> None:
    """Too late, or faulty first: the session is over then, and the valid request is not answered either."""
    if "send" in steps[0]:
        await ev.send(_match_request(ev), **changes(steps[0]["fields"], ev.rng))
        steps = steps[1:]
    validated = "match_sequence" in str(steps[0]["wait"])
    await ev.quiet((T.TT_match_sequence if validated else T.TT_EVSE_match_session) + 0.1)
    await ev.send(_match_request(ev))
    await ev.quiet(T.TT_match_response)


async def _link(ev: Tester, steps: list[dict[str, Any]]) -> None:
    confirmed = ev.confirmed  # type: ignore[attr-defined]
    await ev.set_key(confirmed.nid, confirmed.nmk)
    await ev.joined(T.TT_match_join)


async def _kept(ev: Tester, steps: list[dict[str, Any]]) -> None:
    """The link stays, with nothing said."""
    end = ev.now + KEPT
    while ev.now < end:
        if await ev.linked() is False:
            raise Failed("the link is gone", expected=f"a link for {KEPT:g} s", observed="none")
        await asyncio.sleep(0.5)
    ev.result.saw(f"a link for {KEPT:g} s", "so it is")


async def _stays_out(ev: Tester, steps: list[dict[str, Any]]) -> None:
    """The link is lost for a moment: when the vehicle is back in the old network, the charger has left it."""
    from slac.keys import new_nmk, nid_of

    confirmed, other = ev.confirmed, new_nmk(ev.rng)  # type: ignore[attr-defined]
    await asyncio.sleep(5.0)
    await ev.set_key(nid_of(other), other)
    await asyncio.sleep(T.TP_match_leave + LOSS)
    await ev.set_key(confirmed.nid, confirmed.nmk)
    await ev.stays_out(T.TT_match_join)


async def _unlink(ev: Tester, steps: list[dict[str, Any]]) -> None:
    ev.need_pilot()
    ev.system.show(State.A)
    await ev.joined(T.TP_match_leave + 1.0, wanted=False)
    duty = ev.system.duty()
    if duty is not None and duty < 99:
        raise Failed("the duty stayed", expected="100 %", observed=f"{duty} %")


async def _matched_already(ev: Tester, steps: list[dict[str, Any]]) -> None:
    ev.run_id = ev.rng.randbytes(8)
    await asyncio.sleep(1.0)
    await ev.send(_request(ev))
    await ev.quiet(T.TT_match_response)


async def _map(ev: Tester, steps: list[dict[str, Any]]) -> None:
    """Our map, once or several times, is taken; an empty one is not."""
    times = max(len(steps), int(steps[0].get("times", 1)))
    empty = isinstance(steps[0].get("fields"), dict) and steps[0]["fields"].get("amlen") == 0
    for _ in range(times):
        await ev.send(full_power(), **({"amlen": 0} if empty else {}))
        if empty:
            await ev.quiet(T.TT_match_response, frames.CM_AMP_MAP_CNF)
        else:
            await ev.expect(frames.CM_AMP_MAP_CNF, T.TT_match_response, result=0)


async def _asks_for_map(ev: Tester, steps: list[dict[str, Any]]) -> None:
    """Its own map: once where we take it, three times in all where we do not."""
    step = steps[0]
    forced = changes(step.get("fields"), ev.rng) if "reply" in step else None
    taken = forced is not None and forced.get("result") == 0
    for number in range(1 if taken else 1 + T.C_EV_match_retry):
        await ev.expect(frames.CM_AMP_MAP_REQ, T.TT_match_response + 0.1 if number else T.TT_amp_map_exchange)
        if forced is not None:
            await ev.send(frames.CM_AMP_MAP_CNF(0), **forced)
    await ev.quiet(2 * T.TT_match_response, frames.CM_AMP_MAP_REQ)


def _script(area: str, number: str) -> Script | None:
    """What a case does, by family and number."""
    family, _, last = number.rpartition("_")
    n = int(last)
    table: dict[str, list[tuple[range, Script]]] = {
        "CmSlacParm": [(range(1, 4), _parm_once), (range(4, 7), _too_late), (range(7, 8), _unplugged),
                       (range(8, 10), _woken)],
        "AttenuationCharacterization": [
            (range(1, 2), _sounding), (range(2, 3), _new_run), (range(3, 4), _one_missing),
            (range(4, 12), _bad_response), (range(12, 20), _bad_start), (range(20, 21), _weaker)],
        "CmValidate": [
            (range(1, 2), _validation), (range(2, 3), _step_again), (range(3, 5), _bad_second_step),
            (range(5, 9), _gives_up), (range(9, 10), _while_another), (range(10, 11), _cannot_validate),
            (range(11, 13), _not_required), (range(13, 14), _unplugged)],
        "CmSlacMatch": [(range(1, 5), _matching), (range(5, 23), _late_match), (range(23, 25), _unplugged)],
        "CmAmpMap": [(range(1, 2), _map), (range(2, 5), _asks_for_map), (range(5, 8), _map)],
        "PLCLinkStatus": [(range(1, 2), _link), (range(2, 3), _unlink), (range(3, 4), _matched_already),
                          (range(4, 5), _kept), (range(5, 6), _stays_out)],
    }  # fmt: skip
    if area == "AC":
        return _retried if number == "CmSlacParm_002" else None
    if area != "CMN":
        return None
    return next((script for numbers, script in table.get(family, []) if n in numbers), None)
