"""Processes one request on any stream: check it, answer it, send the response, advance the message sequence.

Checks before an answer: first the session id, then the message sequence, then the control pilot state that the request
requires. A refusal becomes the minimal response of the type that pairs with the request, in one place.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from secc.minimal import minimal
from secc.visit import Answers, Refusal, Visit
from slac.pilot import READY, State
from v2g.errors import RemoteError, TimedOut
from v2g.protocols import Protocol
from v2g.sequence import Sequence
from v2g.session import Received


def anything(request: Any) -> None:
    """The check for a stream without its own check: accepts everything."""


async def answer(
    visit: Visit,
    sequence: Sequence,
    received: Received,
    answers: Answers,
    *,
    check: Callable[[Any], None] = anything,
    survivable: bool = False,
) -> None:
    """Checks one request and answers it on the stream on which it arrived.

    Args:
        answers: the answers by request class.
        check: the check of the stream, made after that of the session id; raises a `Refusal`.
        survivable: whether a refusal marked as survivable leaves the session running.

    Raises:
        Refusal, TimedOut: the request was refused; the response has been sent.
        RemoteError: the message is not a request, so no response pairs with it.
    """
    session, request, stream = visit.session, received.message, received.stream
    response_type = session.protocol.response_to(type(request))
    if response_type is None:
        raise RemoteError(f"{type(request).__name__} is not a request")
    try:
        _check_id(visit, received)
        check(request)
        _check_order(visit, sequence, request)
        await _check_pilot(visit, request)
        if visit.overdue and _drives(session.protocol, type(request).__name__):
            raise Refusal(visit.overdue_code, visit.overdue)
        visit.asked_id, visit.asked_signature, visit.signature = received.session_id, received.signature, None
        visit.breaches = received.breaches
        reply = answers.get(type(request))
        if reply is None:
            raise Refusal("FAILED_SequenceError", f"{type(request).__name__} is not supported")
        response = reply(visit, request)
        if inspect.isawaitable(response):
            response = await response
    except RemoteError as why:
        visit.evse.off()
        code = session.protocol.code(why.response_code)
        fields = why.fields if isinstance(why, Refusal) else {}
        schema = session.protocol.schema_of(response_type)
        response = minimal(schema, response_type, dc=visit.dc, request=request, ResponseCode=code, **fields)
        await session.send(response, stream=stream)
        text = f"{type(request).__name__} refused, {code}: {why}"
        if isinstance(why, Refusal) and why.survivable and survivable:
            session.tell("error", "refused", text)
            sequence.advance(request, response)
            return
        visit.refused = True
        if isinstance(why, TimedOut):
            raise
        raise Refusal(code, text, misfit=why.misfit) from why
    await session.send(response, signature=visit.signature, stream=stream)
    _same_again(visit, received, response)
    took = session.now - received.time
    limit = session.timing.performance_time(type(request).__name__)
    if took > limit:
        session.tell("error", "slow-answer", f"{type(request).__name__} took {took:.3f} s, at most {limit:g} s")
    sequence.advance(request, response)


def _same_again(visit: Visit, received: Received, response: Any) -> None:
    """Reports a repeated request that differs although it had to stay unchanged (ISO 15118-20)."""
    request = received.message
    fields = type(request).__struct_fields__
    if "Header" not in fields:
        return  # only messages of ISO 15118-20 contain their header
    before = visit.ongoing.pop(received.stream, None)
    if str(getattr(response, "EVSEProcessing", "")).startswith("Ongoing"):
        visit.ongoing[received.stream] = request
    if type(before) is type(request):
        names = (name for name in fields if name != "Header")
        changed = ", ".join(name for name in names if getattr(before, name) != getattr(request, name))
        if changed:
            text = (
                f"{type(request).__name__} was repeated with a different {changed} while the charger was"
                " still processing it"
            )
            visit.tell(f"changed-{type(request).__name__}", text)


def _check_id(visit: Visit, received: Received) -> None:
    """Checks that every request except SessionSetup carries the id from SessionSetupRes [V2G2-460, V2G-DC-391]."""
    session = visit.session
    if type(received.message).__name__ == "SessionSetupReq":
        return
    if received.session_id == session.id:
        return
    same = session.id and int.from_bytes(received.session_id, "big") == int.from_bytes(session.id, "big")
    if same and session.tolerant:
        session.tolerate("session-id-length", f"{received.session_id.hex()} for {session.id.hex()}")
        return
    text = f"session id {received.session_id.hex() or 'empty'}, expected {session.id.hex() or 'none yet'}"
    raise Refusal("FAILED_UnknownSession" if session.id else "FAILED_SequenceError", text)


def _check_order(visit: Visit, sequence: Sequence, request: Any) -> None:
    """Checks the message sequence [V2G2-538, V2G-DC-390]."""
    verdict = sequence.verdict(request)
    name = type(request).__name__
    if verdict == "tolerated" and visit.session.tolerant:
        visit.session.tolerate("sequence", f"{name} after {sequence.last}, expected {sequence.expected()}")
    elif verdict != "legal":
        raise Refusal("FAILED_SequenceError", f"expected {sequence.expected()}")


def _drives(protocol: Protocol, request: str) -> bool:
    """Whether a request asks for power."""
    return protocol.is_loop(request) or request in protocol.names.powered


def _presupposed(protocol: Protocol, request: str) -> tuple[State, ...]:
    """The control pilot states in which a request is allowed; empty: any state."""
    return tuple(State(letter) for letter in protocol.names.presupposed(request))


async def _check_pilot(visit: Visit, request: Any) -> None:
    """Checks the control pilot state that a request requires. If the vehicle changes it, it may be a little late."""
    name, pilot, protocol = type(request).__name__, visit.evse.pilot, visit.session.protocol
    if name in protocol.names.powered:
        # Leaving C or D has switched the output off; no request may bring it back.
        if not pilot.shows(*READY):
            raise Refusal("FAILED", f"{name} without control pilot state C or D")
        return
    states = _presupposed(protocol, name)
    if name == "SessionStopReq" and visit.dc and visit.stopped:
        states = (State.B,)
    seconds = visit.session.timing.V2G_SECC_CPState_Detection_Timeout
    if states and not await pilot.wait(*states, within=seconds):
        letters = " or ".join(sorted(state.value for state in states))
        text = f"{name} without control pilot state {letters} in V2G_SECC_CPState_Detection_Timeout ({seconds:g} s)"
        raise Refusal("FAILED", text)
