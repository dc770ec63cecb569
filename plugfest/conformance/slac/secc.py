"""SLAC cases with a charger under test, up to the match: a vehicle that deviates at any message."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from boundary.text import counted
from plugfest.conformance.cause import Cause
from plugfest.conformance.slac import both as slac_both
from plugfest.conformance.slac import secc_link as slac_secc_link
from plugfest.conformance.slac import secc_pilot as slac_secc_pilot
from plugfest.conformance.slac.both import Steps
from plugfest.conformance.slac.tester import changes
from plugfest.conformance.slac.vehicle import TOGGLE, Vehicle, fault, steady
from plugfest.conformance.verdict import Failed, Inconclusive, NotExecutable
from slac import frames
from slac.frames import Validation
from slac.pilot import State, until
from slac.timing import STANDARD as T

LATEST_INIT = 50.0
"""s: TT_EVSE_SLAC_init at most."""

Script = Callable[[Vehicle, Steps], Awaitable[None]]


async def _parm_once(ev: Vehicle, steps: Steps) -> None:
    await ev.parm()


async def _too_late(ev: Vehicle, steps: Steps) -> None:
    """Nothing proper until the SLAC init timer is over: the oscillator is off then, and nobody answers."""
    ev.need_pilot()
    began = ev.now
    await asyncio.sleep(0.5)
    for step in steps[:1]:
        if "send" in step:
            await ev.send(ev.request, **changes(step["fields"], ev.rng))
    await ev.quiet(19.0)
    duty = ev.pilot.reading.duty
    if duty is None or not 3 <= duty <= 7:
        raise Failed(
            "the 5 % ended before 20 s", expected="5 % until 20 s", observed=f"{duty} %", cause=Cause.PILOT_DUTY
        )
    await ev.quiet(began + LATEST_INIT + 0.5 - ev.now)
    duty = ev.pilot.reading.duty
    ev.result.saw("100 % from 50 s on", f"{duty} %")
    if duty is not None and duty < 99:
        raise Failed(
            "the oscillator runs after 50 s",
            expected="100 % from 50 s on",
            observed=f"{duty} %",
            cause=Cause.PILOT_DUTY,
        )
    await ev.send(ev.request)
    await ev.quiet(T.TT_match_response)


async def _unplugged(ev: Vehicle, steps: Steps) -> None:
    """State A, then the message that would be due: no answer."""
    ev.need_pilot()
    ev.system.show(State.A)
    message: frames.Message = ev.request
    name = str(steps[1].get("send", ""))
    if "SLAC_MATCH" in name:
        message = ev.match_request
    elif "VALIDATE" in name:
        message = frames.CM_VALIDATE_REQ()
    await asyncio.sleep(0.05)
    await ev.send(message)
    await ev.quiet(T.TT_match_response)


async def _woken(ev: Vehicle, steps: Steps) -> None:
    """Ten minutes of nothing, then a plug."""
    ev.need_pilot()
    await ev.quiet(600.0)
    began = ev.now
    ev.system.show(State.B)
    if not await until(
        ev.pilot, lambda reading: reading.duty is not None and 3 <= reading.duty <= 7, T.T_conn_max_comm
    ):
        raise Failed("no 5 % within T_conn_max_comm", expected="5 % in 8 s", observed="none", cause=Cause.PILOT_DUTY)
    await ev.parm()
    if ev.now - began > T.T_conn_max_comm:
        raise Failed(
            f"CM_SLAC_PARM.CNF came after {ev.now - began:.1f} s",
            expected="within T_conn_max_comm",
            cause=Cause.TOO_LATE,
        )


async def _retried(ev: Vehicle, steps: Steps) -> None:
    """AC: 5 %, E or F, 5 %, twice, then 100 %."""
    ev.need_pilot()
    faults = 0
    for _ in range(2):
        if not await until(ev.pilot, fault, LATEST_INIT + 1):
            break
        faults += 1
        await ev.fault_step(0)
    off = await until(ev.pilot, steady, LATEST_INIT + 1)
    ev.result.saw("two steps through E or F, then 100 %", f"{counted(faults, 'step')}, then {ev.pilot.reading.label}")
    if faults != 2 or not off:
        raise Failed(
            f"{counted(faults, 'step')} through E or F",
            expected="2 and 100 %",
            observed=str(faults),
            cause=Cause.PILOT_STATE,
        )


async def _sounding(ev: Vehicle, steps: Steps) -> None:
    await ev.sound()
    await ev.report()
    await ev.respond()
    await ev.quiet(2 * T.TT_match_response)


async def _new_run(ev: Vehicle, steps: Steps) -> None:
    await ev.sound()
    await ev.report()
    ev.run_id = ev.rng.randbytes(8)
    await ev.send(ev.request)
    while frame := await ev.any(T.TT_match_response):
        if isinstance(frame.message, frames.CM_SLAC_PARM_CNF):
            ev.check_parm(frame)
            return
    raise Failed(
        "the request of a new run was not answered",
        expected="CM_SLAC_PARM.CNF",
        observed="nothing",
        cause=Cause.NO_ANSWER,
    )


async def _one_missing(ev: Vehicle, steps: Steps) -> None:
    await ev.sound(9)
    await ev.report()
    await ev.respond()


async def _bad_response(ev: Vehicle, steps: Steps) -> None:
    """No response or a faulty one: the report comes three times in all, then nothing more is answered."""
    await ev.sound()
    forced = changes(steps[2].get("fields"), ev.rng) if "send" in steps[2] else None
    for number in range(1 + T.C_EV_match_retry):
        if number:
            report = await ev.expect(frames.CM_ATTEN_CHAR_IND, T.TT_match_response, run_id=ev.run_id)
            assert report
        else:
            await ev.report()
        if forced is not None:
            await ev.respond(**forced)
    await ev.quiet(T.TT_match_response)
    await asyncio.sleep(0.05)
    await ev.respond()
    await ev.send(ev.match_request)
    await ev.quiet(2 * T.TT_match_response)


async def _bad_start(ev: Vehicle, steps: Steps) -> None:
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
    await ev.sound(**forced)
    await ev.quiet(T.TT_EV_atten_results, frames.CM_ATTEN_CHAR_IND)


async def _weaker(ev: Vehicle, steps: Steps) -> None:
    """The reported attenuation follows what is sent."""
    if not hasattr(ev.system, "attenuate"):
        raise NotExecutable("this bench cannot change the tester's transmit power")
    means: list[float] = []
    for decibels in (20.0, 30.0):
        ev.system.attenuate(decibels)
        if means:
            ev.run_id = ev.rng.randbytes(8)
            await ev.parm()
        await ev.sound()
        report = await ev.report()
        await ev.respond()
        means.append(sum(report.aag) / len(report.aag))
    rise = means[1] - means[0]
    ev.result.saw("10 dB more, within 5 dB", f"{rise:.1f} dB")
    if not 5 <= rise <= 15:
        raise Failed(
            f"the report rose by {rise:.1f} dB",
            expected="about 10 dB",
            observed=f"{rise:.1f} dB",
            cause=Cause.WRONG_FIELD,
        )


async def _validation(ev: Vehicle, steps: Steps) -> None:
    await ev.validate()


async def _while_another(ev: Vehicle, steps: Steps) -> None:
    """A second vehicle asks for validation while the first one toggles: not ready; the first is not disturbed."""
    ev.need_pilot()
    async with ev.another() as second:
        try:
            await second.parm()
            await second.sound()
            await second.report()
            await second.respond()
        except Failed as why:
            raise Inconclusive(f"the second vehicle did not get that far: {why}", cause=Cause.NO_REQUEST) from why
        await ev.first_step()
        first = asyncio.create_task(ev.second_step())
        try:
            await asyncio.sleep(T.TP_EV_vald_state_duration)
            await second.send(frames.CM_VALIDATE_REQ())
            await second.expect(frames.CM_VALIDATE_CNF, T.TT_match_response, result=Validation.NOT_READY)
            await first
        finally:
            first.cancel()


async def _step_again(ev: Vehicle, steps: Steps) -> None:
    for _ in range(2):
        await ev.first_step()


async def _bad_second_step(ev: Vehicle, steps: Steps) -> None:
    """The first answer is repeated twice, then the charger has given up."""
    await ev.send(frames.CM_VALIDATE_REQ())
    for _ in range(1 + T.C_EV_match_retry):
        await ev.expect(frames.CM_VALIDATE_CNF, T.TT_match_sequence, toggle_num=0, result=Validation.READY)
        if "send" in steps[1]:
            await ev.send(frames.CM_VALIDATE_REQ(TOGGLE), **changes(steps[1]["fields"], ev.rng))
    await ev.quiet(T.TT_match_sequence + 0.05)
    await ev.send(frames.CM_VALIDATE_REQ(TOGGLE))
    await ev.quiet(T.TT_match_response)


async def _gives_up(ev: Vehicle, steps: Steps) -> None:
    """A second step with another result than ready: no answer."""
    await ev.first_step()
    await ev.send(frames.CM_VALIDATE_REQ(TOGGLE), **changes(steps[1]["fields"], ev.rng))
    await ev.quiet(T.TT_match_sequence)


async def _cannot_validate(ev: Vehicle, steps: Steps) -> None:
    await ev.send(frames.CM_VALIDATE_REQ())
    await ev.expect(frames.CM_VALIDATE_CNF, T.TT_match_response, result=Validation.FAILURE)


async def _not_required(ev: Vehicle, steps: Steps) -> None:
    await ev.send(frames.CM_VALIDATE_REQ())
    await ev.expect(frames.CM_VALIDATE_CNF, T.TT_match_response, result=Validation.NOT_REQUIRED)
    if "SLAC_MATCH" in str(steps[1].get("send")):
        await ev.match()
    else:
        await ev.second_step()


async def _matching(ev: Vehicle, steps: Steps) -> None:
    for _ in steps:
        await ev.match()


async def _late_match(ev: Vehicle, steps: Steps) -> None:
    """Too late, or faulty first: the session is over then, and the valid request is not answered either."""
    if "send" in steps[0]:
        await ev.send(ev.match_request, **changes(steps[0]["fields"], ev.rng))
        steps = steps[1:]
    validated = "match_sequence" in str(steps[0]["wait"])
    await ev.quiet((T.TT_match_sequence if validated else T.TT_EVSE_match_session) + 0.1)
    await ev.send(ev.match_request)
    await ev.quiet(T.TT_match_response)


SCRIPTS: dict[tuple[str, str], Sequence[tuple[range, Script]]] = {
    ("CMN", "CmSlacParm"): [(range(1, 4), _parm_once), (range(4, 7), _too_late), (range(7, 8), _unplugged),
                            (range(8, 10), _woken)],
    ("CMN", "AttenuationCharacterization"): [
        (range(1, 2), _sounding), (range(2, 3), _new_run), (range(3, 4), _one_missing),
        (range(4, 12), _bad_response), (range(12, 20), _bad_start), (range(20, 21), _weaker)],
    ("CMN", "CmValidate"): [
        (range(1, 2), _validation), (range(2, 3), _step_again), (range(3, 5), _bad_second_step),
        (range(5, 9), _gives_up), (range(9, 10), _while_another), (range(10, 11), _cannot_validate),
        (range(11, 13), _not_required), (range(13, 14), _unplugged)],
    ("CMN", "CmSlacMatch"): [(range(1, 5), _matching), (range(5, 23), _late_match), (range(23, 25), _unplugged)],
    ("CMN", "CmAmpMap"): slac_both.AMP_MAP,
    ("AC", "CmSlacParm"): [(range(2, 3), _retried), *slac_secc_pilot.AUTHORISED],
    **slac_secc_link.SCRIPTS,
    **slac_secc_pilot.SCRIPTS,
}  # fmt: skip
"""What a case does, by area and family, then number."""
