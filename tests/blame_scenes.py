"""Sessions of every kind, recorded as both sides saw them: what the judgement of a mutant is taken from."""

from __future__ import annotations

import asyncio
import io
import tempfile
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import bench
import matching as matchings
import pnc
import pnc20
from iso20_wishes import wishing
from made_to_fail import in_both, joined

from evcc import charge as evcc
from plugfest import pilots
from plugfest.traces.capture import read
from plugfest.traces.entries import EVCC, SECC, Recording
from plugfest.traces.recording import from_events
from plugfest.traces.writer import PcapNg
from secc import serve as secc
from secc.charger import Wish
from secc.plan import Plan
from slac import ev
from slac.ev_options import Validating
from v2g.prices import flat
from v2g.trace import fan_out

LONGEST = 400.0
"""s: of a session, in virtual time."""

SLAC = "slac"
"""What the names of scenes without a session begin with."""

During = Callable[[Any], Coroutine[Any, Any, None]]


async def plain(mode: str) -> dict[str, Recording]:
    """An ordinary session, with the capture of the line between both sides."""
    made, file = bench.Bench(mode, duration=2.0), io.BytesIO()
    writer = PcapNg(file, role="evcc")
    made.ev.observe = fan_out(made.events["ev"].append, writer)
    traces = await _run(made, await joined(made, writer))
    writer.close()
    if not traces:
        return {}
    with tempfile.NamedTemporaryFile(suffix=".pcapng") as kept:
        kept.write(file.getvalue())
        kept.flush()
        return {"the capture": read(Path(kept.name)), **traces}


async def contract(mode: str, prepare: Callable[[Any], During | None] = lambda made: None) -> dict[str, Recording]:
    """A session paid by contract; ``prepare`` sets it up, and says what happens beside it."""
    made = pnc20.PncBench20(mode, duration=4.0) if mode.startswith("iso20") else pnc.PncBench(mode, duration=2.0)
    during = prepare(made)
    return await _run(made, await made.ends(in_both(made)), during)


async def steered(mode: str, during: During) -> dict[str, Recording]:
    """A session in which driver or charger want something."""
    made = bench.Bench(mode, duration=20.0)
    return await _run(made, await joined(made), during)


async def _run(made: Any, ends: tuple[Any, Any], during: During | None = None) -> dict[str, Recording]:
    """The traces of both sides; none of a session without end, which is cut off from outside."""
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    pilots.tell(made.wire.ev, made.ev.observe)
    pilots.tell(made.wire.evse, made.events["se"].append)
    serving = asyncio.create_task(secc.serve(ends[0], made.evse, made.se))
    driving = asyncio.create_task(evcc.charge(ends[1], made.vehicle, made.ev))
    beside = [asyncio.create_task(during(made))] if during else []
    _, going_on = await asyncio.wait({serving, driving}, timeout=LONGEST)
    await asyncio.sleep(1.0)
    for task in (serving, driving, *beside):
        task.cancel()
    await asyncio.gather(serving, driving, *beside, return_exceptions=True)
    if going_on:
        return {}
    seen = {EVCC: made.events["ev"], SECC: made.events["se"]}
    return {f"the trace of {role}": from_events(events, role=role) for role, events in seen.items()}


async def matching(pairs: int = 1, validation: Validating = "doubtful") -> dict[str, Recording]:
    """Matchings on a power line, and what the first vehicle and its charger recorded."""
    made = matchings.Bench.of(pairs)
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
    for name, pilot in (("car0", made.pilots[0].ev), ("post0", made.pilots[0].evse)):
        pilots.tell(pilot, made.observe(name))
    options = ev.Options(validation=validation)
    tasks = [asyncio.create_task(matchings.both(made, options, n=n)) for n in range(pairs)]
    _, going_on = await asyncio.wait(tasks, timeout=LONGEST)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    if going_on:
        return {}
    roles = {EVCC: "car0", SECC: "post0"}
    return {f"the trace of {role}": from_events(made.events[name], role=role) for role, name in roles.items()}


def _asked(wish: Wish) -> During:
    async def during(made: Any) -> None:
        await bench.message_seen(made, bench.LOOP[made.mode], 5)
        made.evse.request(wish, 1)

    return during


def _set(name: str) -> During:
    async def during(made: Any) -> None:
        await bench.message_seen(made, bench.LOOP[made.mode], 5)
        getattr(made.vehicle, name).set()

    return during


def _installing(made: Any) -> None:
    if made.mode.startswith("iso20"):
        made.installs("DEXYZC00000001", "DEXYZC00000002")
    else:
        made.wallet.contract = None


def _metered(made: Any) -> None:
    made.contracts.receipt_every = 1.0


def _priced(made: Any) -> None:
    made.vehicle.settings.departure = 8 * 3600
    made.evse.plans = [Plan(tariff=flat(0.40)), Plan(tariff=flat(0.30)), Plan(tariff=flat(0.20))]


WISHES = {
    "renegotiated": [(1.0, "charger: less"), (1.0, "charger: schedule"), (2.0, "renegotiate")],
    "in standby": [(1.0, "rest"), (5.0, "charger: exit standby"), (1.0, "go on")],
    "with another service": [(1.0, "charger: other service")],
    "paused": [(1.0, "charger: pause")],
}
"""What driver and charger want in sessions of ISO 15118-20, and after how many seconds."""

Scene = Callable[[], Coroutine[Any, Any, dict[str, Recording]]]


def scenes() -> dict[str, Scene]:
    """What makes a recording, by a name that begins with the mode."""
    found: dict[str, Scene] = {mode: partial(plain, mode) for mode in (*bench.MODES, *bench.ISO20_MODES)}
    for mode in bench.MODES:
        found[f"{mode} stopped by the charger"] = partial(steered, mode, _asked(Wish.STOP))
        found[f"{mode} stopped by the driver"] = partial(steered, mode, _set("stop"))
    for mode in ("iso2-dc", "iso2-ac"):
        found[f"{mode} renegotiated"] = partial(steered, mode, _asked(Wish.RENEGOTIATE))
        found[f"{mode} paused"] = partial(steered, mode, _set("pause"))
    for mode in ("iso20-dc", "iso20-ac"):
        for name, actions in WISHES.items():
            found[f"{mode} {name}"] = partial(steered, mode, wishing(actions))
        found[f"{mode} priced"] = partial(contract, mode, _priced)
    for mode in ("iso2-dc", "iso2-ac", "iso20-dc", "iso20-ac"):
        found[f"{mode} paid by contract"] = partial(contract, mode, _metered)
        found[f"{mode} with an installation"] = partial(contract, mode, _installing)
    found[SLAC] = matching
    found[f"{SLAC} with a neighbour"] = partial(matching, 2)
    found[f"{SLAC} validated"] = partial(matching, 2, "always")
    return found
