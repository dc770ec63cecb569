"""SLAC cases of our own with a charger under test: keys, averages, two vehicles, and losses."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.slac.vehicle import APART, DUTY_WITHIN, TOGGLE, Vehicle, digital, steady
from plugfest.conformance.table import Table
from plugfest.conformance.verdict import Failed, Inconclusive, NotExecutable
from slac import frames
from slac.frames import NUM_GROUPS
from slac.keys import new_nmk, nid_of
from slac.pilot import State, until
from slac.timing import STANDARD as T

SCRIPTS: Table[Callable[[Vehicle, Run], Awaitable[None]]] = Table()
"""By the id of the case."""

AWAY = 3.0
"""s that the plug is out."""
BEFORE_MATCH = 5
"""Sounds before the line changes."""
NOTCH, PEAK = 12.0, 30.0
"""dB."""


def _line(ev: Vehicle) -> Callable[[Sequence[float]], None]:
    """What sets the attenuation of each group."""
    if not hasattr(ev.system, "attenuate"):
        raise NotExecutable("this bench cannot change the attenuation of the line")
    attenuate: Callable[[Sequence[float]], None] = ev.system.attenuate
    return attenuate


def _other_key(ev: Vehicle, before: tuple[bytes, bytes], why: str) -> None:
    alike = [name for name, one, other in zip(("NID", "NMK"), before, ev.network, strict=True) if one == other]
    ev.result.saw(f"another NID and NMK {why}", f"the same {' and '.join(alike)}" if alike else "others")
    if alike:
        raise Failed(
            f"CM_SLAC_MATCH.CNF gives the same {' and '.join(alike)} {why}",
            expected="another NID and NMK", observed="the same", cause=Cause.WRONG_FIELD,
        )  # fmt: skip


async def _left(ev: Vehicle) -> None:
    """The tester's modem moves to its own network."""
    nmk = new_nmk(ev.rng)
    await ev.set_key(nid_of(nmk), nmk)
    ev.forget()
    ev.run_id = ev.rng.randbytes(8)


@SCRIPTS.on("PF_SECC_SLAC_NewKey")
async def new_key(ev: Vehicle, run: Run) -> None:
    """A match, the plug out and in again, another match."""
    ev.need_pilot()
    await ev.walk("LINK")
    before = ev.network
    ev.system.show(State.A)
    await asyncio.sleep(AWAY)
    await _left(ev)
    ev.system.show(State.B)
    offered = steady if ev.system.pics.ac and ev.system.pics["PIXIT_SECC_AC_InitialDutyCycle"] == "dc100" else digital
    if not await until(ev.pilot, offered, DUTY_WITHIN):
        raise Inconclusive("the charger did not offer its duty again after an unplug", cause=Cause.PILOT_DUTY)
    await ev.walk("MATCH")
    _other_key(ev, before, "after an unplug")


@SCRIPTS.on("PF_SECC_SLAC_NoLink")
async def no_link(ev: Vehicle, run: Run) -> None:
    """A match without a link, then another."""
    await ev.walk("MATCH")
    before = ev.network
    await asyncio.sleep(T.TT_match_join + 1.0)
    ev.forget()
    ev.run_id = ev.rng.randbytes(8)
    await ev.walk("MATCH")
    _other_key(ev, before, f"{T.TT_match_join:g} s after a match without a link")


@SCRIPTS.on("PF_SECC_SLAC_NoToggles")
async def no_toggles(ev: Vehicle, run: Run) -> None:
    """The second step of a validation without a single toggle: no success."""
    ev.need_pilot()
    await ev.walk("ATTEN")
    await ev.first_step()
    await ev.send(frames.CM_VALIDATE_REQ(TOGGLE))
    frame = await ev.any((TOGGLE + 1) * 0.1 + T.TT_match_response)
    told = frame.message if frame is not None else None
    result = getattr(told, "result", None)
    ev.result.saw("no success", "no answer" if frame is None else f"{frame.name} with result {result}")
    if isinstance(told, frames.CM_VALIDATE_CNF) and result == frames.Validation.SUCCESS:
        raise Failed(
            f"CM_VALIDATE.CNF reports success and {told.toggle_num} toggles, but there was none",
            expected="failure, or no answer", observed="success", cause=Cause.ACCEPTED,
        )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Sounding


def _groups(line: str) -> tuple[list[float], list[float]]:
    """Attenuation of each group in the first and in the second half of the sounds, dB."""
    slope = [20.0 + 25.0 * group / (NUM_GROUPS - 1) for group in range(NUM_GROUPS)]
    if line.startswith("falling"):
        slope.reverse()
    for group in (20, 21, 22, 40):
        slope[group] += PEAK if "peak" in line else -NOTCH
    return slope, [value + 20.0 for value in slope]


@SCRIPTS.on("PF_SECC_SLAC_Average")
async def average(ev: Vehicle, run: Run) -> None:
    """Groups that differ, and sounds that differ: neither the highest, nor the last, nor one group for all."""
    attenuate = _line(ev)
    first, then = _groups(str(run.variant["line"]))
    attenuate(first)
    await ev.parm()
    await ev.starts()
    await ev.sounds(range(9, 9 - BEFORE_MATCH, -1))
    attenuate(then)
    await ev.sounds(range(9 - BEFORE_MATCH, -1, -1))
    report = await ev.report()
    await ev.respond()
    slack = float(ev.system.pics["par_SECC_attenuationDeviation"])
    wanted = [(one + other) / 2 for one, other in zip(first, then, strict=True)]
    # What the path to the modem adds or takes off is the same in all groups.
    path = sum(report.aag) / len(report.aag) - sum(wanted) / len(wanted)
    off = [
        (abs(seen - right - path), group) for group, (seen, right) in enumerate(zip(report.aag, wanted, strict=True))
    ]
    most, group = max(off)
    ev.result.saw(
        f"58 averages, {slack:g} dB tolerance",
        f"group {group + 1} {most:.1f} dB beside the others, all of them by {path:.1f} dB",
    )
    if most > slack or abs(path) > slack:
        raise Failed(
            f"group {group + 1} of the report is {most:.1f} dB beside its average, all together {path:.1f} dB",
            expected=f"the average of all sounds, within {slack:g} dB", observed=report.aag.hex(),
            cause=Cause.WRONG_FIELD,
        )  # fmt: skip


@SCRIPTS.on("PF_SECC_SLAC_TwoVehicles")
async def two_vehicles(ev: Vehicle, run: Run) -> None:
    """Their sounds mix; each gets its own report, and the first to choose gets the charger."""
    async with ev.another() as second:
        if run.variant["RunID"] == "the same":
            second.run_id = ev.run_id
        for one in (ev, second):
            await one.parm()
        await asyncio.gather(ev.sound(), second.sound())
        means: list[float] = []
        reports = await asyncio.gather(ev.report(), second.report())
        for one, report in zip((ev, second), reports, strict=True):
            await one.respond()
            means.append(sum(report.aag) / len(report.aag))
        if hasattr(ev.system, "attenuate"):  # the second one's line has 10 dB more
            rise = means[1] - means[0]
            ev.result.saw("the second one's attenuation is 10 dB higher", f"{rise:.1f} dB")
            if not 5.0 <= rise <= 15.0:
                raise Failed(
                    f"the reports of two vehicles differ by {rise:.1f} dB",
                    expected="about 10 dB", observed=f"{rise:.1f} dB", cause=Cause.WRONG_FIELD,
                )  # fmt: skip
        await asyncio.sleep(APART)
        await ev.match()
        await second.send(second.match_request)
        await second.quiet(T.TT_match_response, frames.CM_SLAC_MATCH_CNF)


# ---------------------------------------------------------------------------------------------------------------
# Losses


async def _parm_again(ev: Vehicle) -> None:
    await ev.parm()
    await asyncio.sleep(T.TT_match_response)
    await ev.parm()
    await _report(ev)


async def _one_start(ev: Vehicle) -> None:
    await ev.parm()
    await asyncio.sleep(2 * T.TP_EV_batch_msg_interval)
    await ev.starts(1)
    await ev.sounds(range(9, -1, -1))
    await ev.report()
    await ev.respond()


async def _seven_sounds(ev: Vehicle) -> None:
    await ev.parm()
    await ev.starts()
    await ev.sounds((9, 8, 6, 5, 3, 2, 0))
    await ev.report()
    await ev.respond()


async def _report_again(ev: Vehicle) -> None:
    await ev.parm()
    await ev.sound()
    await ev.report()
    await ev.expect(frames.CM_ATTEN_CHAR_IND, T.TT_match_response, run_id=ev.run_id, source_address=ev.mac)
    await ev.respond()


async def _report(ev: Vehicle) -> None:
    await ev.sound()
    await ev.report()
    await ev.respond()


async def _whole(ev: Vehicle) -> None:
    await ev.parm()
    await _report(ev)


LOST = {
    "CM_SLAC_PARM.CNF": _parm_again,
    "two of three STARTs": _one_start,
    "three sounds": _seven_sounds,
    "CM_ATTEN_CHAR.RSP": _report_again,
    "CM_SLAC_MATCH.CNF": _whole,
}


@SCRIPTS.on("PF_SECC_SLAC_Losses")
async def losses(ev: Vehicle, run: Run) -> None:
    """A matching with one loss, and the link."""
    lost = str(run.variant["lost"])
    await LOST[lost](ev)
    await asyncio.sleep(APART)
    if ev.system.pics["PIXIT_SECC_CMN_CmValidate"] == "cmValidate":
        await ev.validate()
    await ev.match()
    if lost == "CM_SLAC_MATCH.CNF":
        before = ev.network
        await asyncio.sleep(T.TT_match_response)
        await ev.match()
        ev.result.saw("the same network again", "as expected" if ev.network == before else "another")
        if ev.network != before:
            raise Failed(
                "a repeated CM_SLAC_MATCH.REQ is answered with another network",
                expected="the same NID and NMK", observed="others", cause=Cause.WRONG_FIELD,
            )  # fmt: skip
    await ev.link()
