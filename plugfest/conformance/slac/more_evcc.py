"""SLAC cases of our own with a vehicle under test: losses, keys, and the choice among chargers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.slac.charger import Charger
from plugfest.conformance.table import Table
from plugfest.conformance.verdict import Failed, NotExecutable
from slac import frames
from slac.frames import NUM_GROUPS
from slac.keys import nid_of
from slac.timing import STANDARD as T

SCRIPTS: Table[Callable[[Charger, Run], Awaitable[None]]] = Table()
"""By the id of the case."""

LATE = 1.0
"""s after the first START at which a last report comes."""
TOO_MANY, AT_ONCE = 9, 0.3
"""Toggles, and s within which a vehicle would ask for the match."""
STAYS_OUT = 6.0
"""s for which a late network stays empty."""
LATEST = 2.0
"""s before TT_match_join at which the slowest modem joins."""

FLAT = bytes([30]) * NUM_GROUPS
"""30 dB."""
PEAKED = bytes([22] * (NUM_GROUPS - 6) + [70] * 6)
"""27.0 dB on average, less than FLAT, with the highest groups of all, the last one among them."""
NOTCHED = bytes([4] * 4 + [38] * (NUM_GROUPS - 4))
"""35.7 dB on average, more than FLAT, with the lowest groups of all, the first one among them."""


async def _chosen(post: Charger) -> None:
    """The vehicle validates, where it has declared to, and asks for the match."""
    if post.system.pics["PIXIT_EVCC_CMN_CmValidate"] == "cmValidate":
        await post.validation()
        await post.wanted(T.TT_match_sequence)
    else:
        await post.wanted()


async def _linked(post: Charger) -> None:
    await post.confirm()
    await post.join()
    await post.joined(T.TT_match_join)


@SCRIPTS.on("PF_EVCC_SLAC_Losses")
async def losses(post: Charger, run: Run) -> None:
    """A matching with one loss, and the link."""
    lost = str(run.variant["lost"])
    await post.asked()
    if lost == "CM_SLAC_PARM.CNF":
        await post.expect(frames.CM_SLAC_PARM_REQ, T.TT_match_sequence, run_id=post.run_id)
    await post.answer()
    await post.heard()
    await post.report()
    await post.taken()
    if lost == "CM_ATTEN_CHAR.RSP":
        await asyncio.sleep(T.TT_match_response)
        await post.report()
        await _taken_again(post)
    await _chosen(post)
    if lost == "CM_SLAC_MATCH.CNF":
        await post.wanted(T.TT_match_response + 0.1)
    await _linked(post)


async def _taken_again(post: Charger) -> None:
    """The vehicle answers the repeated report, though it may have chosen by then."""
    end = post.now + T.TT_match_response
    while frame := await post.any(max(0.0, end - post.now)):
        if isinstance(frame.message, frames.CM_ATTEN_CHAR_RSP):
            post.result.saw("CM_ATTEN_CHAR.RSP again", frame.name)
            return
    raise Failed(
        "a repeated CM_ATTEN_CHAR.IND is not answered",
        expected="CM_ATTEN_CHAR.RSP", observed="nothing", cause=Cause.NO_ANSWER,
    )  # fmt: skip


async def _reported(post: Charger) -> None:
    await post.asked()
    await post.answer()
    await post.heard()


@SCRIPTS.on("PF_EVCC_SLAC_OddNid")
async def odd_nid(post: Charger, run: Run) -> None:
    """The name of the network is as random as its key."""
    nmk = post.network[1]
    nid = post.rng.randbytes(6) + bytes([post.rng.randrange(16)])
    assert nid != nid_of(nmk)
    post.network = nid, nmk
    await _reported(post)
    await post.report()
    await post.taken()
    await _chosen(post)
    await _linked(post)


@SCRIPTS.on("PF_EVCC_SLAC_NoLink")
async def no_link(post: Charger, run: Run) -> None:
    """The charger's modem does not come to the network until the vehicle must have left it."""
    await _reported(post)
    await post.report()
    await post.taken()
    await _chosen(post)
    await post.confirm()
    await asyncio.sleep(T.TT_match_join + T.TP_match_leave + 1.0)
    await post.join()
    await post.stays_out(STAYS_OUT)


@SCRIPTS.on("PF_EVCC_SLAC_LateLink")
async def late_link(post: Charger, run: Run) -> None:
    """The charger's modem is slow, but joins before TT_match_join is over: the vehicle has waited for it."""
    await _reported(post)
    await post.report()
    await post.taken()
    await _chosen(post)
    await post.confirm()
    await asyncio.sleep(T.TT_match_join - LATEST)
    await post.join()
    await post.joined(LATEST)


@SCRIPTS.on("PF_EVCC_SLAC_OutOfReach")
async def out_of_reach(post: Charger, run: Run) -> None:
    """A report after which this charger cannot be the one."""
    await _reported(post)
    if "255" in str(run.variant["report"]):
        await post.report(aag=bytes([255]) * NUM_GROUPS)
    else:
        await post.report(num_sounds=0)
    end = post.now + T.TT_EV_atten_results + T.TP_EV_match_session
    while (frame := await post.any(max(0.0, end - post.now))) is not None:
        if isinstance(frame.message, (frames.CM_VALIDATE_REQ, frames.CM_SLAC_MATCH_REQ)):
            raise Failed(
                f"{frame.name} came after a report {run.variant['report']}",
                expected="neither validation nor match", observed=frame.name, cause=Cause.ACCEPTED,
            )  # fmt: skip
        if isinstance(frame.message, frames.CM_SLAC_PARM_REQ):
            break  # a new matching: this one has failed, as required
    post.result.saw("neither validation nor match", "as expected")


SECOND_NEARER = ("flat", "early")
"""Variants in which the second node is the nearer one: the first has the lower address, and answers first."""


@SCRIPTS.on("PF_EVCC_SLAC_Nearest")
async def nearest(post: Charger, run: Run) -> None:
    """Two reports; each of the two nodes is the nearer one in half of the variants, so no fixed choice is right."""
    if post.beside is None:
        raise NotExecutable("needs a second charger node on the line")
    how = str(run.variant["near"])
    near, far = (post.beside, post) if how in SECOND_NEARER else (post, post.beside)
    aag = {"peak": (PEAKED, FLAT), "flat": (FLAT, NOTCHED)}.get(how, (PEAKED, NOTCHED))
    for one in (post, post.beside):
        await one.asked()
    for one in (post, post.beside):
        await one.answer()
    began = await post.heard()
    await post.beside.heard()
    order = (near, far) if how == "early" else (far, near)
    for one in order:
        if how == "late" and one is near:
            await asyncio.sleep(max(0.0, began + LATE - post.now))
        await one.report(aag=aag[0] if one is near else aag[1])
        await one.taken()
    frame = await near.any(T.TT_EVSE_match_session)
    seen = "nothing" if frame is None else frame.name
    post.result.saw("validation or match at the nearer charger", seen)
    if frame is None or not isinstance(frame.message, (frames.CM_VALIDATE_REQ, frames.CM_SLAC_MATCH_REQ)):
        raise Failed(
            f"{seen} came at the nearer charger", expected="validation or match", observed=seen,
            cause=Cause.WRONG_MESSAGE,
        )  # fmt: skip
    for kind in (frames.CM_VALIDATE_REQ, frames.CM_SLAC_MATCH_REQ):
        await far.quiet(T.TT_match_response / 4, kind)


@SCRIPTS.on("PF_EVCC_SLAC_OtherToggles")
async def other_toggles(post: Charger, run: Run) -> None:
    """A charger reports success and more toggles than any vehicle makes: it has seen another vehicle's."""
    await post.asked()
    await post.answer()
    await post.heard()
    await post.report()
    await post.taken()
    await post.first_step()
    await post.second_step(None)
    await post.send(frames.CM_VALIDATE_CNF(TOO_MANY, frames.Validation.SUCCESS))
    await post.quiet(AT_ONCE, frames.CM_SLAC_MATCH_REQ)
