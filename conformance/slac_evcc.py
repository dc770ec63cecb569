"""SLAC cases with a vehicle under test, read from the catalogue: a charger that deviates at any message."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from collections.abc import Awaitable, Callable
from typing import Any

from conformance.catalogue import Run, timer
from conformance.slac_tester import OF_A_VEHICLE, Tester, changes
from conformance.verdict import Failed, Inconclusive, NotExecutable, Result
from slac import frames
from slac.amp_map import full_power
from slac.frames import Validation
from slac.keys import new_nmk, nid_of
from slac.pilot import Reading, State
from slac.timing import STANDARD as T

INIT = 20.0
"""s: TT_EVSE_SLAC_init at least."""

POTENTIAL = bytes([0x28]) * frames.NUM_GROUPS
"""A report after which this charger is a potential match: a vehicle that validates does so now."""

STEADY, DIGITAL, NOMINAL = 100.0, 5.0, 53.3

Script = Callable[[Tester, list[dict[str, Any]]], Awaitable[None]]


UNTRIED = {
    "TC_EVCC_CMN_VTB_CmValidate_009": "tried out against no vehicle yet: our own repeats the second step first",
    "TC_EVCC_CMN_VTB_CmValidate_019": "tried out against no vehicle yet: our own asks the same one again",
}
"""Cases that are not carried out because nothing shows that they would pass where they should."""


class Plan:
    """One case: its precondition, then what its family does."""

    def __init__(self, run: Run) -> None:
        words = " ".join(run.case.preconditions)
        if any(word in words for word in ("PAUSED", "TERMINATED", "AMPMAP")):
            raise NotExecutable("needs SLAC and a V2G session together")
        names = ("CP_B", "PARM", "ATTEN", "VALIDATE", "MATCHREQ", "LINK")
        self.state = next((name for name in names if name in words), "")
        self.setup = str(run.case.setup or "")
        self.second = "second EVSE" in repr(run.steps) + self.setup
        area, number = re.fullmatch(r"TC_EVCC_(\w+?)_VTB_(\w+)", run.case.id).group(1, 2)  # type: ignore[union-attr]
        self.steps = [dict(step) for step in run.steps[0]]
        if why := UNTRIED.get(run.case.id):
            raise NotExecutable(why)
        found = _script(area, number)
        if found is None or not self.state:
            raise NotExecutable("not written yet for SLAC")
        self.script: Script = found

    async def carry_out(self, charger: Tester, result: Result) -> None:
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(charger.open())
            if self.second:
                charger.beside = await stack.enter_async_context(charger.another())
            charger.nmk = new_nmk(charger.rng)  # type: ignore[attr-defined]
            await _reach(charger, self.state, self.setup)
            await self.script(charger, self.steps)


def _with_second(script: Callable[[Tester, Tester, list[dict[str, Any]]], Awaitable[None]]) -> Script:
    """A script with another charger on the line."""

    async def carry_out(post: Tester, steps: list[dict[str, Any]]) -> None:
        if post.beside is None:
            raise NotExecutable("needs a second charger node on the line")
        await script(post, post.beside, steps)

    return carry_out


def tester(system: Any, result: Result, observe: Any, seed: int) -> Tester:
    """The charger."""
    return Tester(system, result, observe, seed, OF_A_VEHICLE)


# ---------------------------------------------------------------------------------------------------------------
# States


async def _reach(post: Tester, state: str, setup: str) -> None:
    if post.pilot.reading.state is None:  # assumed: the vehicle does not wait for any duty
        if "nominal" in setup or "from" in setup or "7.5 s" in setup:
            post.need_pilot()
        post.pilot.offer(DIGITAL)
        await post.system.plug()
    else:
        await _offer(post, setup)
    if state == "CP_B":
        return
    try:
        await _asked(post)
        if state == "PARM":
            return
        await _answer(post)
        await _heard(post)
        await _report(post)
        await _taken(post)
        if state == "ATTEN":
            return
        if post.system.pics["PIXIT_EVCC_CMN_CmValidate"] == "cmValidate":
            await _validation(post)
        if state == "VALIDATE":
            return
        await _wanted(post)
        if state == "LINK":
            await _confirm(post)
            await _network(post)
            await post.joined(T.TT_match_join)
    except Failed as why:
        raise Inconclusive(f"{state} was not reached: {why}") from why


async def _offer(post: Tester, setup: str) -> None:
    """Plugs in, with the duty as the setup has it."""
    post.pilot.offer(STEADY)
    if "state F" in setup:
        post.pilot.fault(State.F)
    await post.system.plug()
    await asyncio.sleep(7.5 if "7.5 s" in setup else 4.0 if "from" in setup else 0.2)
    if "state F, oscillator off" in setup:
        post.pilot.offer(STEADY)
        await asyncio.sleep(1.0)
    post.pilot.offer(NOMINAL if "nominal" in setup else DIGITAL)


async def _asked(post: Tester, within: float = INIT) -> None:
    request = await post.expect(frames.CM_SLAC_PARM_REQ, within)
    post.run_id = request.run_id


async def _answer(post: Tester, **forced: Any) -> None:
    await post.send(frames.CM_SLAC_PARM_CNF(post.run_id, post.peer), **forced)


async def _heard(post: Tester) -> float:
    """The starts and the sounds; when the first start came."""
    first = 0.0
    for _ in range(T.C_EV_start_atten_char_inds):
        start = await post.expect(frames.CM_START_ATTEN_CHAR_IND, T.TT_match_sequence, run_id=post.run_id)
        first = first or post.now
        assert start
    counts = []
    for _ in range(frames.NUM_SOUNDS):
        left = max(0.0, first + T.TT_EVSE_match_MNBC - post.now)
        counts.append((await post.expect(frames.CM_MNBC_SOUND_IND, left, run_id=post.run_id)).cnt)
    if counts not in (list(range(9, -1, -1)), list(range(10, 0, -1))):
        raise Failed(f"the sounds count {counts}", expected="9 down to 0", observed=str(counts))
    return first


async def _report(post: Tester, **forced: Any) -> None:
    await post.send(frames.CM_ATTEN_CHAR_IND(post.peer, post.run_id, POTENTIAL), **forced)


async def _taken(post: Tester) -> None:
    await post.expect(
        frames.CM_ATTEN_CHAR_RSP, T.TT_match_response, source_address=post.peer, run_id=post.run_id, result=0
    )


async def _wanted(post: Tester, within: float = T.TT_EVSE_match_session) -> None:
    await post.expect(frames.CM_SLAC_MATCH_REQ, within, run_id=post.run_id, pev_mac=post.peer, evse_mac=post.mac)


async def _confirm(post: Tester, **forced: Any) -> None:
    nmk: bytes = post.nmk  # type: ignore[attr-defined]
    await post.send(frames.CM_SLAC_MATCH_CNF(post.run_id, post.peer, post.mac, nid_of(nmk), nmk), **forced)


async def _network(post: Tester) -> None:
    nmk: bytes = post.nmk  # type: ignore[attr-defined]
    await post.set_key(nid_of(nmk), nmk)


# ---------------------------------------------------------------------------------------------------------------
# Families


async def _starts(post: Tester, steps: list[dict[str, Any]]) -> None:
    await _asked(post)


async def _answered_badly(post: Tester, steps: list[dict[str, Any]]) -> None:
    """No or a faulty answer: two more requests, no fourth, no sounding."""
    forced = changes(steps[0].get("fields"), post.rng) if "reply" in steps[0] else None
    for number in range(1 + T.C_EV_match_retry):
        await _asked(post, INIT if not number else T.TT_match_sequence)
        if forced is not None:
            await _answer(post, **forced)
    await post.quiet(T.TT_match_response + 0.1)


async def _rounds(post: Tester, steps: list[dict[str, Any]]) -> None:
    """Rounds of three requests, again and again for TT_matching_repetition, and not after it."""
    await _asked(post)
    first, last, number = post.now, post.now, 1
    while (frame := await post.any(2.0)) is not None:
        if not isinstance(frame.message, frames.CM_SLAC_PARM_REQ):
            raise Failed(f"{frame.name} came", observed=frame.name)
        last, number = post.now, number + 1
    post.result.saw("rounds for 10 s", f"{number} requests in {last - first:.1f} s")
    if number < 6 or number % 3:
        raise Failed(f"{number} requests", expected="rounds of three, several times", observed=str(number))
    if last - first > T.TT_matching_repetition + 1.0:
        raise Failed(f"still asking after {last - first:.1f} s", expected="10 s", observed=f"{last - first:.1f} s")


async def _mirrored(post: Tester, steps: list[dict[str, Any]]) -> None:
    """Messages of a vehicle, sent to a vehicle: it answers none of them."""
    await _asked(post)
    for message in (
        frames.CM_SLAC_PARM_REQ(post.run_id), frames.CM_START_ATTEN_CHAR_IND(post.run_id, post.mac),
        frames.CM_MNBC_SOUND_IND(post.run_id, 9), frames.CM_ATTEN_CHAR_RSP(post.mac, post.run_id),
        frames.CM_VALIDATE_REQ(), frames.CM_SLAC_MATCH_REQ(post.run_id, post.mac, post.peer),
    ):  # fmt: skip
        await post.send(message)
    wrong = (frames.CM_SLAC_PARM_CNF, frames.CM_ATTEN_CHAR_IND, frames.CM_VALIDATE_CNF, frames.CM_SLAC_MATCH_CNF)
    with post.host.listen(lambda frame: isinstance(frame.message, wrong)) as box:
        frame = await box.get(T.TT_EV_atten_results)
    post.result.saw("no answer of a charger", "nothing" if frame is None else frame.name)
    if frame is not None:
        raise Failed(f"{frame.name} came from a vehicle", expected="no answer", observed=frame.name)


async def _sounds(post: Tester, steps: list[dict[str, Any]]) -> None:
    for step in steps:
        if "cp_duty" in step:
            post.pilot.offer(float(str(step["cp_duty"]).split()[0]))
    await _answer(post)
    await _heard(post)
    await _report(post)
    await _taken(post)


async def _late_report(post: Tester, steps: list[dict[str, Any]]) -> None:
    """A report that is faulty, or after the result timer, is not answered."""
    await _answer(post)
    first = await _heard(post)
    if isinstance(steps[1].get("fields"), dict):
        await _report(post, **changes(steps[1]["fields"], post.rng))
        await post.quiet(T.TT_match_response, frames.CM_ATTEN_CHAR_RSP)
    await asyncio.sleep(max(0.0, first + T.TT_EV_atten_results + 0.05 - post.now))
    await _report(post)
    await post.quiet(T.TT_match_response, frames.CM_ATTEN_CHAR_RSP)


async def _fault_first(post: Tester, steps: list[dict[str, Any]]) -> None:
    """E or F, then the answer: no sounding."""
    _fault(post, steps[0])
    await asyncio.sleep(0.01)
    await _answer(post)
    await post.quiet(T.TT_match_sequence, frames.CM_START_ATTEN_CHAR_IND)


def _fault(post: Tester, step: dict[str, Any]) -> None:
    post.need_pilot()
    post.pilot.fault(State.E if str(step["cp"]).startswith("E") else State.F)


class _Toggles:
    """Counts B-C-B at the charger's end."""

    def __init__(self, post: Tester) -> None:
        self.states: list[tuple[State | None, float]] = []

        def changed(reading: Reading) -> None:
            if not self.states or reading.state is not self.states[-1][0]:
                self.states.append((reading.state, post.now))

        self.close = post.pilot.subscribe(changed)

    @property
    def count(self) -> int:
        return sum(state is State.C for state, _ in self.states)

    @property
    def longest(self) -> float:
        times = [time for _, time in self.states]
        return max((b - a for a, b in itertools.pairwise(times)), default=0.0)


async def _validation(post: Tester) -> None:
    """Both steps; the toggles are counted."""
    await post.expect(frames.CM_VALIDATE_REQ, T.TT_EVSE_match_session, timer=0, result=Validation.READY)
    await _second_step(post)


async def _second_step(post: Tester, answer: int | None = Validation.SUCCESS) -> None:
    """The toggles, and what they are answered; None: nothing."""
    post.need_pilot()
    toggles = _Toggles(post)
    await post.send(frames.CM_VALIDATE_CNF(0, Validation.READY))
    request = await post.expect(frames.CM_VALIDATE_REQ, T.TT_match_sequence, result=Validation.READY)
    seconds = (request.timer + 1) * 0.1
    if not 0.6 <= seconds <= 3.5:
        raise Failed(f"it announces {seconds:.1f} s", expected="0.6 to 3.5 s", observed=f"{seconds:.1f} s")
    await asyncio.sleep(seconds)
    toggles.close()
    count, longest = toggles.count, toggles.longest
    post.result.saw("1 to 3 toggles, no state longer than 0.4 s", f"{count} toggles, {longest:.2f} s at most")
    if not 1 <= count <= 3 or longest > 0.41:
        raise Failed(f"{count} toggles, {longest:.2f} s at most", expected="1 to 3, 0.4 s", observed=str(count))
    if answer is not None:
        await post.send(frames.CM_VALIDATE_CNF(count, answer))


async def _validates(post: Tester, steps: list[dict[str, Any]]) -> None:
    await post.expect(frames.CM_VALIDATE_REQ, T.TT_EVSE_match_session, timer=0, result=Validation.READY)
    for step in steps:
        if "cp_duty" in step:
            post.pilot.offer(float(str(step["cp_duty"]).split()[0]))
    await _second_step(post)


async def _first_step_fails(post: Tester, steps: list[dict[str, Any]]) -> None:
    """No or a faulty answer to step 1: two more requests, no fourth."""
    forced = changes(steps[0].get("fields"), post.rng) if "reply" in steps[0] else None
    for number in range(1 + T.C_EV_match_retry):
        within = T.TT_match_response + 0.1 if number else T.TT_EVSE_match_session
        await post.expect(frames.CM_VALIDATE_REQ, within, timer=0)
        if forced is not None:
            await post.send(frames.CM_VALIDATE_CNF(0, Validation.READY), **forced)
    await post.quiet(T.TT_match_response + 0.1, frames.CM_VALIDATE_REQ)


async def _sent_away(post: Tester, steps: list[dict[str, Any]]) -> None:
    """Failure, or E or F, at step 1: no step 2."""
    await post.expect(frames.CM_VALIDATE_REQ, T.TT_EVSE_match_session, timer=0)
    forced = {}
    for step in steps:
        if "cp" in step:
            _fault(post, step)
            await asyncio.sleep(0.01)
        elif "fields" in step:
            forced = changes(step["fields"], post.rng)
    await post.send(frames.CM_VALIDATE_CNF(0, Validation.READY), **forced)
    await post.quiet(T.TT_match_sequence - 0.05, frames.CM_VALIDATE_REQ)


async def _not_required(post: Tester, steps: list[dict[str, Any]]) -> None:
    await post.expect(frames.CM_VALIDATE_REQ, T.TT_EVSE_match_session, timer=0)
    await post.send(frames.CM_VALIDATE_CNF(0, Validation.NOT_REQUIRED))
    await _wanted(post, T.TT_match_sequence)


async def _matches(post: Tester, steps: list[dict[str, Any]]) -> None:
    validated = post.system.pics["PIXIT_EVCC_CMN_CmValidate"] == "cmValidate"
    await _wanted(post, T.TT_match_sequence if validated else T.TT_EVSE_match_session)


async def _either(post: Tester, steps: list[dict[str, Any]]) -> None:
    frame = await post.any(T.TT_EVSE_match_session)
    if frame is None:
        raise Failed("neither validation nor matching came", expected="one of them", observed="nothing")
    post.result.saw("CM_VALIDATE.REQ or CM_SLAC_MATCH.REQ", frame.name)
    if isinstance(frame.message, frames.CM_VALIDATE_REQ):
        await _second_step(post)
        await _wanted(post, T.TT_match_sequence)
    elif not isinstance(frame.message, frames.CM_SLAC_MATCH_REQ):
        raise Failed(f"{frame.name} came", expected="validation or matching", observed=frame.name)


async def _confirmed_badly(post: Tester, steps: list[dict[str, Any]]) -> None:
    """No or a faulty confirm to each of three requests: no fourth."""
    forced = changes(steps[0].get("fields"), post.rng) if "reply" in steps[0] else None
    for number in range(1 + T.C_EV_match_retry):
        if number:
            await _wanted(post, T.TT_match_response + 0.1)
        if forced is not None:
            await _confirm(post, **forced)
    await post.quiet(T.TT_match_response + 0.1, frames.CM_SLAC_MATCH_REQ)


async def _joins(post: Tester, steps: list[dict[str, Any]]) -> None:
    await _confirm(post)
    await _network(post)
    await post.joined(T.TT_match_join)


async def _leaves(post: Tester, steps: list[dict[str, Any]]) -> None:
    """E while linked: it leaves the network."""
    _fault(post, steps[0])
    await post.joined(T.TP_match_leave + 0.2, wanted=False)


LOSS = 3.0
"""s: what a modem takes to see that a link is gone, and a vehicle to ask it."""


async def _cut(post: Tester) -> None:
    """The link is lost: the charger's modem goes to another network."""
    await asyncio.sleep(5.0)
    other = new_nmk(post.rng)
    await post.set_key(nid_of(other), other)


async def _stays_out(post: Tester, steps: list[dict[str, Any]]) -> None:
    """The link is lost for a moment: when the charger is back in the old network, the vehicle has left it."""
    await _cut(post)
    await asyncio.sleep(T.TP_match_leave + LOSS)
    await _network(post)
    await post.stays_out(T.TT_match_join)


async def _loses_link(post: Tester, steps: list[dict[str, Any]]) -> None:
    """The link is lost at a nominal duty: the vehicle asks anew, by itself or after the charger's step to E or F."""
    post.need_pilot()
    post.result.not_observed.append("the network left: seen only where the charger goes back to it (PLCLinkStatus_008)")
    post.pilot.offer(NOMINAL)
    await _cut(post)
    resetup = float(post.system.pics["PIXIT_EVCC_AC_TconnResetup"])
    step = next((step for step in steps if "cp" in step and "for" in step), None)
    if step is None:
        await _asked(post, resetup + INIT)
        return
    if any("wait" in one for one in steps):
        await asyncio.sleep(resetup / 2)
    else:
        post.pilot.offer(STEADY)
        await asyncio.sleep(T.TP_match_leave + LOSS)
    _fault(post, step)
    await asyncio.sleep(T.T_step_EF)
    while await post.any(0):
        pass
    post.pilot.offer(NOMINAL)
    if not await post.pilot.wait(State.B, State.C, State.D, within=2.0):
        raise Failed("no valid state after E or F", expected="B, C or D", observed=str(post.pilot.state))
    await _asked(post)


async def _tries_later(post: Tester, steps: list[dict[str, Any]]) -> None:
    """Not ready: the first step again, after the declared time."""
    await post.expect(frames.CM_VALIDATE_REQ, T.TT_EVSE_match_session, timer=0, result=Validation.READY)
    await post.send(frames.CM_VALIDATE_CNF(0, Validation.NOT_READY))
    within = float(post.system.pics["PIXIT_EVCC_CMN_ValidationRetry"]) + 2 * timer("Transmission_Delay")
    await post.expect(frames.CM_VALIDATE_REQ, within, timer=0, result=Validation.READY)


async def _starts_anew(post: Tester, steps: list[dict[str, Any]]) -> None:
    """The link is lost, the charger steps through E or F: the vehicle leaves, then asks again."""
    other = new_nmk(post.rng)
    await asyncio.sleep(5.0)
    await post.set_key(nid_of(other), other)
    await post.joined(1.0, wanted=False)
    post.pilot.offer(STEADY)
    await asyncio.sleep(T.TP_match_leave + 1.0)
    _fault(post, next(step for step in steps if str(step.get("cp", ""))[:1] in "EF" and "cp" in step and "for" in step))
    await asyncio.sleep(T.T_step_EF)
    post.pilot.offer(DIGITAL)
    while await post.any(0):
        pass
    await _asked(post)


async def _must_not_join(post: Tester, steps: list[dict[str, Any]]) -> None:
    _fault(post, steps[0])
    await asyncio.sleep(0.01)
    await _confirm(post)
    await _network(post)
    end = post.now + T.TT_match_join
    while post.now < end:
        if await post.linked():
            raise Failed("it joined the network in E or F", expected="no link", observed="a link")
        await asyncio.sleep(0.1)
    post.result.saw("no link", "none")


async def _map(post: Tester, steps: list[dict[str, Any]]) -> None:
    """Our map, once or several times, is taken; an empty one is not."""
    times = max(len(steps), int(steps[0].get("times", 1)))
    empty = isinstance(steps[0].get("fields"), dict) and steps[0]["fields"].get("amlen") == 0
    for _ in range(times):
        await post.send(full_power(), **({"amlen": 0} if empty else {}))
        if empty:
            await post.quiet(T.TT_match_response, frames.CM_AMP_MAP_CNF)
        else:
            await post.expect(frames.CM_AMP_MAP_CNF, T.TT_match_response, result=0)


async def _asks_for_map(post: Tester, steps: list[dict[str, Any]]) -> None:
    """Its own map: once where we take it, three times in all where we do not."""
    step = steps[0]
    forced = changes(step.get("fields"), post.rng) if "reply" in step else None
    taken = forced is not None and forced.get("result") == 0
    for number in range(1 if taken else 1 + T.C_EV_match_retry):
        await post.expect(frames.CM_AMP_MAP_REQ, T.TT_match_response + 0.1 if number else T.TT_amp_map_exchange)
        if forced is not None:
            await post.send(frames.CM_AMP_MAP_CNF(0), **forced)
    await post.quiet(2 * T.TT_match_response, frames.CM_AMP_MAP_REQ)


# ---------------------------------------------------------------------------------------------------------------
# With a second charger on the line

FARTHER = bytes([0x30]) * frames.NUM_GROUPS
"""Report of a second charger that is a potential match too, but not the first choice."""

NEAR, FAR = bytes([0x0C]) * frames.NUM_GROUPS, bytes([0x24]) * frames.NUM_GROUPS
"""Reports 24 dB apart, either of which is near enough where there is no other charger."""


async def _both_taken(
    post: Tester, second: Tester, steps: list[dict[str, Any]], near: bytes = POTENTIAL, far: bytes = FARTHER
) -> None:
    """Both answer and report; the vehicle takes both reports."""
    for one in (post, second):
        if one is second or not post.peer:
            await _asked(one)
    for one in (post, second):
        await _answer(one)
    for one in (post, second):
        await _heard(one)
    await _report(post, aag=near)
    await _report(second, aag=far)
    for one in (post, second):
        await _taken(one)


async def _nearer(post: Tester, second: Tester, steps: list[dict[str, Any]]) -> None:
    await _both_taken(post, second, steps, NEAR, FAR)
    frame = await post.any(T.TT_EVSE_match_session)
    seen = "nothing" if frame is None else frame.name
    post.result.saw("validation or match at the nearer charger", seen)
    if frame is None or not isinstance(frame.message, (frames.CM_VALIDATE_REQ, frames.CM_SLAC_MATCH_REQ)):
        raise Failed(f"{seen} at the nearer charger", expected="validation or match", observed=seen)
    for kind in (frames.CM_VALIDATE_REQ, frames.CM_SLAC_MATCH_REQ):
        await second.quiet(T.TT_match_response / 4, kind)


async def _next_tried(post: Tester, second: Tester, steps: list[dict[str, Any]]) -> None:
    """The first charger's validation fails, in the first step or in the second: the vehicle tries the next."""
    try:
        await _both_taken(post, second, steps)
    except Failed as why:
        raise Inconclusive(f"two potential chargers were not reached: {why}") from why
    if "silent" in steps[0]:
        await _first_step_fails(post, steps)
    elif len(steps) == 1:
        await _sent_away(post, steps)
    else:
        await post.expect(frames.CM_VALIDATE_REQ, T.TT_EVSE_match_session, timer=0, result=Validation.READY)
        answer = changes(steps[1].get("fields"), post.rng, unread="toggle_num").get("result")
        await _second_step(post, answer)
        await post.quiet(T.TT_match_sequence - 0.05, frames.CM_VALIDATE_REQ)
    await second.expect(frames.CM_VALIDATE_REQ, T.TT_match_sequence, timer=0, result=Validation.READY)


def _script(area: str, number: str) -> Script | None:
    """What a case does, by family and number."""
    family, _, last = number.rpartition("_")
    n = int(last)
    table: dict[str, list[tuple[range, Script]]] = {
        "CmSlacParm": [
            (range(1, 2), _starts), (range(2, 9), _answered_badly), (range(9, 10), _mirrored),
            (range(10, 11), _rounds), (range(11, 12), _answered_badly), (range(12, 15), _starts)],
        "AttenuationCharacterization": [
            (range(1, 2), _sounds), (range(2, 3), _with_second(_both_taken)), (range(3, 12), _late_report),
            (range(12, 14), _fault_first)],
        "CmValidate": [
            (range(1, 4), _validates), (range(4, 7), _first_step_fails), (range(7, 14), _with_second(_next_tried)),
            (range(14, 15), _sent_away),
            (range(17, 18), _not_required), (range(18, 19), _tries_later), (range(20, 22), _sent_away)],
        "CmValidateOrCmSlacMatch": [(range(1, 2), _either)],
        "CmSlacMatch": [(range(1, 3), _matches), (range(3, 12), _confirmed_badly),
                        (range(12, 13), _with_second(_nearer))],
        "CmAmpMap": [(range(1, 2), _map), (range(2, 5), _asks_for_map), (range(5, 8), _map)],
        "PLCLinkStatus": [
            (range(1, 2), _joins), (range(2, 3), _leaves), (range(3, 5), _must_not_join), (range(5, 6), _joins),
            (range(6, 8), _starts_anew), (range(8, 9), _stays_out)],
    }  # fmt: skip
    if area == "AC" and family == "PLCLinkStatus":
        return _loses_link if n in (3, 4, 5, 7, 8) else None
    if area == "AC":
        return {"CmSlacParm": _starts, "AttenuationCharacterization": _sounds}.get(family)
    if area != "CMN":
        return None
    return next((script for numbers, script in table.get(family, []) if n in numbers), None)
