"""SLAC cases with a vehicle under test, up to the match: a charger that deviates at any message."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from boundary.text import counted
from plugfest.conformance.catalogue import timer
from plugfest.conformance.cause import Cause
from plugfest.conformance.slac import both as slac_both
from plugfest.conformance.slac import evcc_link as slac_evcc_link
from plugfest.conformance.slac.both import Steps
from plugfest.conformance.slac.charger import INIT, POTENTIAL, Charger
from plugfest.conformance.slac.tester import changes
from plugfest.conformance.stops import cause_of
from plugfest.conformance.verdict import Failed, Inconclusive, NotExecutable
from slac import frames
from slac.frames import Validation
from slac.timing import STANDARD as T

Script = Callable[[Charger, Steps], Awaitable[None]]


def _with_second(script: Callable[[Charger, Charger, Steps], Awaitable[None]]) -> Script:
    """A script with another charger on the line."""

    async def carry_out(post: Charger, steps: Steps) -> None:
        if post.beside is None:
            raise NotExecutable("needs a second charger node on the line")
        await script(post, post.beside, steps)

    return carry_out


async def _starts(post: Charger, steps: Steps) -> None:
    await post.asked()


async def _answered_badly(post: Charger, steps: Steps) -> None:
    """No or a faulty answer: two more requests, no fourth, no sounding."""
    forced = changes(steps[0].get("fields"), post.rng) if "reply" in steps[0] else None
    for number in range(1 + T.C_EV_match_retry):
        await post.asked(INIT if not number else T.TT_match_sequence)
        if forced is not None:
            await post.answer(**forced)
    await post.quiet(T.TT_match_response + 0.1)


async def _rounds(post: Charger, steps: Steps) -> None:
    """Rounds of three requests, again and again for TT_matching_repetition, and not after it."""
    await post.asked()
    first, last, number = post.now, post.now, 1
    while (frame := await post.any(2.0)) is not None:
        if not isinstance(frame.message, frames.CM_SLAC_PARM_REQ):
            raise Failed(
                f"{frame.name} came",
                observed=frame.name,
                cause=Cause.WRONG_MESSAGE,
                expected="another message, or none",
            )
        last, number = post.now, number + 1
    post.result.saw("rounds for 10 s", f"{counted(number, 'request')} in {last - first:.1f} s")
    if number < 6 or number % 3:
        raise Failed(
            counted(number, "request"),
            expected="rounds of three, several times",
            observed=str(number),
            cause=Cause.WRONG_FIELD,
        )
    if last - first > T.TT_matching_repetition + 1.0:
        raise Failed(
            f"still asking after {last - first:.1f} s",
            expected="10 s",
            observed=f"{last - first:.1f} s",
            cause=Cause.TOO_LATE,
        )


async def _mirrored(post: Charger, steps: Steps) -> None:
    """Messages of a vehicle, sent to a vehicle: it answers none of them."""
    await post.asked()
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
        raise Failed(
            f"{frame.name} came from a vehicle", expected="no answer", observed=frame.name, cause=Cause.WRONG_MESSAGE
        )


async def _sounds(post: Charger, steps: Steps) -> None:
    for step in steps:
        if "cp_duty" in step:
            post.pilot.offer(float(str(step["cp_duty"]).split()[0]))
    await post.answer()
    await post.heard()
    await post.report()
    await post.taken()


async def _late_report(post: Charger, steps: Steps) -> None:
    """A report that is faulty, or after the result timer, is not answered."""
    await post.answer()
    first = await post.heard()
    if isinstance(steps[1].get("fields"), dict):
        await post.report(**changes(steps[1]["fields"], post.rng))
        await post.quiet(T.TT_match_response, frames.CM_ATTEN_CHAR_RSP)
    await asyncio.sleep(max(0.0, first + T.TT_EV_atten_results + 0.05 - post.now))
    await post.report()
    await post.quiet(T.TT_match_response, frames.CM_ATTEN_CHAR_RSP)


async def _fault_first(post: Charger, steps: Steps) -> None:
    """E or F, then the answer: no sounding."""
    post.fault(steps[0])
    await asyncio.sleep(0.01)
    await post.answer()
    await post.quiet(T.TT_match_sequence, frames.CM_START_ATTEN_CHAR_IND)


async def _validates(post: Charger, steps: Steps) -> None:
    await post.expect(frames.CM_VALIDATE_REQ, T.TT_EVSE_match_session, timer=0, result=Validation.READY)
    for step in steps:
        if "cp_duty" in step:
            post.pilot.offer(float(str(step["cp_duty"]).split()[0]))
    await post.second_step()


async def _first_step_fails(post: Charger, steps: Steps) -> None:
    """No or a faulty answer to step 1: two more requests, no fourth."""
    forced = changes(steps[0].get("fields"), post.rng) if "reply" in steps[0] else None
    for number in range(1 + T.C_EV_match_retry):
        within = T.TT_match_response + 0.1 if number else T.TT_EVSE_match_session
        await post.expect(frames.CM_VALIDATE_REQ, within, timer=0)
        if forced is not None:
            await post.send(frames.CM_VALIDATE_CNF(0, Validation.READY), **forced)
    await post.quiet(T.TT_match_response + 0.1, frames.CM_VALIDATE_REQ)


async def _sent_away(post: Charger, steps: Steps) -> None:
    """Failure, or E or F, at step 1: no step 2."""
    await post.expect(frames.CM_VALIDATE_REQ, T.TT_EVSE_match_session, timer=0)
    forced = {}
    for step in steps:
        if "cp" in step:
            post.fault(step)
            await asyncio.sleep(0.01)
        elif "fields" in step:
            forced = changes(step["fields"], post.rng)
    await post.send(frames.CM_VALIDATE_CNF(0, Validation.READY), **forced)
    await post.quiet(T.TT_match_sequence - 0.05, frames.CM_VALIDATE_REQ)


async def _not_required(post: Charger, steps: Steps) -> None:
    await post.expect(frames.CM_VALIDATE_REQ, T.TT_EVSE_match_session, timer=0)
    await post.send(frames.CM_VALIDATE_CNF(0, Validation.NOT_REQUIRED))
    await post.wanted(T.TT_match_sequence)


async def _skips(post: Charger, steps: Steps) -> None:
    """Failure at step 1: it matches without validation."""
    await post.expect(frames.CM_VALIDATE_REQ, T.TT_EVSE_match_session, timer=0, result=Validation.READY)
    await post.send(frames.CM_VALIDATE_CNF(0, Validation.READY), **changes(steps[0]["fields"], post.rng))
    await post.wanted(T.TT_match_sequence)


async def _insists(post: Charger, steps: Steps) -> None:
    """Not required at step 1: it continues with step 2 anyway."""
    await post.first_step()
    await post.second_step(first=changes(steps[0]["fields"], post.rng)["result"])


async def _matches(post: Charger, steps: Steps) -> None:
    validated = post.system.pics["PIXIT_EVCC_CMN_CmValidate"] == "cmValidate"
    await post.wanted(T.TT_match_sequence if validated else T.TT_EVSE_match_session)


async def _either(post: Charger, steps: Steps) -> None:
    frame = await post.any(T.TT_EVSE_match_session)
    if frame is None:
        raise Failed(
            "neither validation nor matching came", expected="one of them", observed="nothing", cause=Cause.NO_ANSWER
        )
    post.result.saw("CM_VALIDATE.REQ or CM_SLAC_MATCH.REQ", frame.name)
    if isinstance(frame.message, frames.CM_VALIDATE_REQ):
        await post.second_step()
        await post.wanted(T.TT_match_sequence)
    elif not isinstance(frame.message, frames.CM_SLAC_MATCH_REQ):
        raise Failed(
            f"{frame.name} came", expected="validation or matching", observed=frame.name, cause=Cause.WRONG_MESSAGE
        )


async def _confirmed_badly(post: Charger, steps: Steps) -> None:
    """No or a faulty confirm to each of three requests: no fourth."""
    forced = changes(steps[0].get("fields"), post.rng) if "reply" in steps[0] else None
    for number in range(1 + T.C_EV_match_retry):
        if number:
            await post.wanted(T.TT_match_response + 0.1)
        if forced is not None:
            await post.confirm(**forced)
    await post.quiet(T.TT_match_response + 0.1, frames.CM_SLAC_MATCH_REQ)


async def _tries_later(post: Charger, steps: Steps) -> None:
    """Not ready: the first step again, after the declared time."""
    await post.expect(frames.CM_VALIDATE_REQ, T.TT_EVSE_match_session, timer=0, result=Validation.READY)
    await post.send(frames.CM_VALIDATE_CNF(0, Validation.NOT_READY))
    within = float(post.system.pics["PIXIT_EVCC_CMN_ValidationRetry"]) + 2 * timer("Transmission_Delay")
    await post.expect(frames.CM_VALIDATE_REQ, within, timer=0, result=Validation.READY)


# ---------------------------------------------------------------------------------------------------------------
# With a second charger on the line

FARTHER = bytes([0x30]) * frames.NUM_GROUPS
"""Report of a second charger that is a potential match too, but not the first choice."""

NEAR, FAR = bytes([0x0C]) * frames.NUM_GROUPS, bytes([0x24]) * frames.NUM_GROUPS
"""Reports 24 dB apart, either of which is near enough where there is no other charger."""


async def _both_taken(
    post: Charger, second: Charger, steps: Steps, near: bytes = POTENTIAL, far: bytes = FARTHER
) -> None:
    """Both answer and report; the vehicle takes both reports."""
    for one in (post, second):
        if one is second or not post.peer:
            await one.asked()
    for one in (post, second):
        await one.answer()
    for one in (post, second):
        await one.heard()
    await post.report(aag=near)
    await second.report(aag=far)
    for one in (post, second):
        await one.taken()


async def _nearer(post: Charger, second: Charger, steps: Steps) -> None:
    await _both_taken(post, second, steps, NEAR, FAR)
    frame = await post.any(T.TT_EVSE_match_session)
    seen = "nothing" if frame is None else frame.name
    post.result.saw("validation or match at the nearer charger", seen)
    if frame is None or not isinstance(frame.message, (frames.CM_VALIDATE_REQ, frames.CM_SLAC_MATCH_REQ)):
        raise Failed(
            f"{seen} at the nearer charger", expected="validation or match", observed=seen, cause=Cause.WRONG_MESSAGE
        )
    for kind in (frames.CM_VALIDATE_REQ, frames.CM_SLAC_MATCH_REQ):
        await second.quiet(T.TT_match_response / 4, kind)


async def _next_tried(post: Charger, second: Charger, steps: Steps) -> None:
    """The first charger's validation fails, in the first step or in the second: so the next one is tried, alike."""
    try:
        await _both_taken(post, second, steps)
    except Failed as why:
        raise Inconclusive(f"two potential chargers were not reached: {why}", cause=cause_of(why)) from why
    await _unproven(post, steps, T.TT_EVSE_match_session)
    ignored = asyncio.create_task(post.quiet(T.TT_match_sequence - 0.05, frames.CM_VALIDATE_REQ))
    try:
        await _unproven(second, steps, T.TT_match_sequence)
        await second.quiet(T.TT_match_response + 0.1, frames.CM_VALIDATE_REQ)
        await ignored
    finally:
        ignored.cancel()


async def _unproven(post: Charger, steps: Steps, within: float) -> None:
    """A validation up to the answer, or the silence, with which it fails."""
    silent = "silent" in steps[0]
    for number in range(1 + T.C_EV_match_retry if silent else 1):
        await post.expect(
            frames.CM_VALIDATE_REQ, T.TT_match_response + 0.1 if number else within, timer=0, result=Validation.READY
        )
    if silent:
        return
    if len(steps) == 1:
        await post.send(frames.CM_VALIDATE_CNF(0, Validation.READY), **changes(steps[0].get("fields"), post.rng))
    else:
        await post.second_step(changes(steps[1].get("fields"), post.rng, unread="toggle_num").get("result"))


SCRIPTS: dict[tuple[str, str], Sequence[tuple[range, Script]]] = {
    ("CMN", "CmSlacParm"): [
        (range(1, 2), _starts), (range(2, 9), _answered_badly), (range(9, 10), _mirrored),
        (range(10, 11), _rounds), (range(11, 12), _answered_badly), (range(12, 15), _starts)],
    ("CMN", "AttenuationCharacterization"): [
        (range(1, 2), _sounds), (range(2, 3), _with_second(_both_taken)), (range(3, 12), _late_report),
        (range(12, 14), _fault_first)],
    ("CMN", "CmValidate"): [
        (range(1, 4), _validates), (range(4, 7), _first_step_fails), (range(7, 14), _with_second(_next_tried)),
        (range(14, 15), _sent_away), (range(15, 16), _skips), (range(16, 17), _insists),
        (range(17, 18), _not_required), (range(18, 19), _tries_later), (range(19, 20), _with_second(_next_tried)),
        (range(20, 22), _sent_away)],
    ("CMN", "CmValidateOrCmSlacMatch"): [(range(1, 2), _either)],
    ("CMN", "CmSlacMatch"): [(range(1, 3), _matches), (range(3, 12), _confirmed_badly),
                             (range(12, 13), _with_second(_nearer))],
    ("CMN", "CmAmpMap"): slac_both.AMP_MAP,
    ("AC", "CmSlacParm"): [(range(1, 100), _starts)],
    ("AC", "AttenuationCharacterization"): [(range(1, 100), _sounds)],
    **slac_evcc_link.SCRIPTS,
}  # fmt: skip
"""What a case does, by area and family, then number."""
