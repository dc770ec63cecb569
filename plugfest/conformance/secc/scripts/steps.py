"""Steps shared by the scripts: requests answered with a code, the close, the output switched off."""

from __future__ import annotations

import asyncio
from typing import Any

from plugfest.conformance.catalogue.durations import CLOSE, allowed
from plugfest.conformance.catalogue.phrases import can
from plugfest.conformance.cause import Cause
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from plugfest.conformance.wire import Arrival
from v2g import naming
from v2g.messages import appproto
from v2g.protocols import Protocol

OFF = 1.0
"""s after the end or a refusal by which the output is off."""


async def answer(tester: TesterEv, result: Result, message: Any, *codes: str, **deviation: Any) -> Arrival:
    """Sends a request, which must be answered with one of these codes.

    Raises:
        Failed: it is not.
    """
    await tester.send(message, **deviation)
    arrival = await tester.response(type(message).__name__)
    expected = naming.response(type(message).__name__)
    wanted = " ".join(filter(None, (expected, " or ".join(codes))))
    result.saw(wanted, f"{arrival.name} {arrival.code}")
    if arrival.name != expected or (codes and arrival.code not in codes):
        cause = Cause.WRONG_CODE if arrival.name == expected else Cause.UNWANTED_MESSAGE
        text = f"{arrival.name} came with {arrival.code}"
        raise Failed(text, expected=wanted, observed=arrival.code, cause=cause)
    return arrival


async def arrange(tester: TesterEv, action: str) -> None:
    """Raises Inconclusive where nobody can do it."""
    if not await tester.act(action):
        raise Inconclusive(f"nothing on this bench can {can(action)}", cause=Cause.NO_ACTION)


async def ask(tester: TesterEv, name: str) -> Arrival | None:
    """The good request; None: closed."""
    if tester.connection.closed_at is not None:
        return None
    await tester.send(tester.make(name))
    return await tester.connection.next(tester.timeout(name) + tester.delay)


async def ongoing(tester: TesterEv, result: Result, request: str) -> None:
    """A request that the charger is still working on.

    Raises:
        Inconclusive: it was Finished at once.
    """
    if request == tester.authorization_request:
        await tester.act("never authorise")
    elif "CableCheck" in request:
        tester.ready()
    arrival = await answer(tester, result, tester.make(request), "OK")
    if arrival.message.EVSEProcessing == "Finished":
        raise Inconclusive(f"{arrival.name} was Finished at once", cause=Cause.POINTLESS)


async def closes(tester: TesterEv, result: Result, within: float = CLOSE) -> None:
    """The charger closes TCP in time and sends nothing more.

    Raises:
        Failed: it does not.
    """
    wire = tester.connection
    closed = await wire.until_closed(within + tester.delay)
    result.saw(f"TCP closed within {within:g} s", "closed" if closed else "open")
    if wire.unread:
        raise Failed(f"{wire.unread[0].name} instead of the close", cause=Cause.UNWANTED_MESSAGE, expected="no answer")
    if not closed:
        raise Failed(
            f"TCP is still open after {allowed(within, tester.delay)}",
            cause=Cause.STILL_OPEN,
            expected="TCP closed by the charger in time",
        )


async def next_session_works(tester: TesterEv, result: Result) -> None:
    """Whatever happened before, another session gets its SessionSetupRes.

    Raises:
        Failed: it does not.
    """
    await tester.leave()
    tester.forget()
    try:
        await tester.until("SessionSetup")
    except Inconclusive as why:
        raise Failed(
            f"the next session does not work: {why}", cause=Cause.NO_ANSWER, expected="a second session like the first"
        ) from why
    result.saw("the next session works", "yes")


async def off_within(tester: TesterEv, result: Result, seconds: float) -> None:
    """The output is off in time, if the bench sees it.

    Raises:
        Failed: it is not.
    """
    began = tester.now
    while tester.system.energised() and tester.now - began <= seconds + tester.delay:  # noqa: ASYNC110 - a contactor has no event
        await asyncio.sleep(0.01)
    state = tester.system.energised()
    if state is None:
        result.not_observed.append("output off: the contactor is not seen on this bench")
        return
    result.saw(f"output off within {seconds:g} s", "still on" if state else f"after {tester.now - began:.3f} s")
    if state:
        raise Failed(
            f"the output is still on after {allowed(seconds, tester.delay)}",
            cause=Cause.OUTPUT_ON,
            expected="the output off in time",
        )


def entry(protocol: Protocol, schema_id: int, priority: int, **changes: Any) -> appproto.AppProtocolType:
    given = {"ProtocolNamespace": protocol.namespace, "VersionNumberMajor": 2, "VersionNumberMinor": 0, **changes}
    return appproto.AppProtocolType(SchemaID=schema_id, Priority=priority, **given)
