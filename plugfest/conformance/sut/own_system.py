"""Our own role as the system under test of a run, and the tester's side of an in-memory bench."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

from plugfest.conformance.catalogue import Run
from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.catalogue.protocols import spoken
from plugfest.conformance.sut import certificates
from plugfest.conformance.sut.bench import Bench
from plugfest.conformance.sut.own import OwnCharger, OwnVehicle
from plugfest.conformance.sut.slac import OwnSlacCharger, OwnSlacVehicle
from plugfest.conformance.sut.slac_sessions import own_session_system
from v2g.protocols import DIN, ISO2, ISO20, Protocol
from v2g.trace import Observe, ignore

FAST: dict[str, object] = {"PICS_CMN_CMN_LoopCounter": 6, "PICS_CMN_CMN_RenegotiationLoopIndication": 4}
"""Shorter loops than the suite's, for tests of the cases themselves."""


def protocols_of(run: Run) -> tuple[Protocol, ...]:
    """The protocols a role speaks for a run: a charger for DIN speaks nothing else, a vehicle prefers ISO 15118-2."""
    chosen = spoken(run.protocol)
    if run.case.sut == "secc":
        return {ISO2: (ISO2, DIN), ISO20: (ISO20, ISO2, DIN)}.get(chosen, (chosen,))
    return (ISO2, DIN) if chosen is DIN else (chosen,)


@contextlib.asynccontextmanager
async def own_system(
    run: Run, pics: Pics, *, observe: Observe = ignore, adjust: Callable[[Any], None] = lambda system: None
) -> AsyncIterator[Any]:
    """Our own role as the system under test of a run.

    Args:
        adjust: called with the role before it starts, to set faults and other seams.
    """
    system: Any
    tls = None
    if secure(run, pics):
        bench = certificates.in_memory(spoken(run.protocol))
        tls = certificates.context(bench, "server" if run.case.sut == "secc" else "client")
    if run.with_session:
        async with own_session_system(pics, run.case.sut, observe, tls, adjust) as system:
            yield system
        return
    if run.protocol == "slac":
        system = (OwnSlacCharger if run.case.sut == "secc" else OwnSlacVehicle)(pics, 1)
        adjust(system)
    elif run.case.sut == "secc":
        system = OwnCharger(pics, protocols_of(run), observe, tls=tls, adjust=adjust)
    else:
        system = OwnVehicle(pics, protocols_of(run), observe, tls=tls, adjust=adjust)
    async with system.open():
        yield system


def secure(run: Run, pics: Pics) -> bool:
    """Whether the session of a run uses TLS."""
    abilities = spoken(run.protocol).abilities
    if abilities.mutual or not abilities.tls:
        return abilities.mutual
    declared = pics["PIXIT_SECC_CMN_TLS"] if run.case.sut == "secc" else pics["PIXIT_EVCC_CMN_TLS"] == "tls"
    return bool(declared) or pics.pnc or run.case.mode.tls == "required"


def bench_for(run: Run, pics: Pics, observe: Observe = ignore) -> Bench:
    """The tester's side of an in-memory bench."""
    if not secure(run, pics):
        return Bench(pics, observe)
    bench = certificates.in_memory(spoken(run.protocol))
    context = certificates.context(bench, "client" if run.case.sut == "secc" else "server")
    return Bench(pics, observe, tls=context, certificates=bench)
