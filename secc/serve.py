"""The charger's side of a session: receive, check, answer, send, advance. The answers are in the protocols' modules.

Checks before an answer: the session id first, then the order of messages, then the control pilot state that the request
presupposes. A refusal becomes the minimal response of the type that pairs with the request, in one place, and the
session is over. However it ends, the outlet is switched off.
"""

from __future__ import annotations

import asyncio
import inspect
import random
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Self

from secc import ac, agreed, din70121, iso2, iso20
from secc.charger import KEPT, SWITCH_OFF_LIMIT, Evse
from secc.contract import Contracts
from secc.minimal import minimal
from secc.services import Service
from secc.visit import Answers, Paused, Refusal, Visit
from slac.pilot import READY, STEADY, Reading, State
from v2g.channel import Channel
from v2g.errors import ConnectionLost, NoCommonProtocol, RemoteError, TimedOut, V2GError
from v2g.messages import appproto
from v2g.outcome import Cause, Outcome, cause_of
from v2g.protocols import Energy, Protocol, select
from v2g.sequence import Sequence
from v2g.session import Received, SessionOptions

ANSWERS: Mapping[str, Answers] = {
    "iso2": iso2.ANSWERS,
    "din70121": din70121.ANSWERS,
    "iso20": iso20.ANSWERS,
}

LOOK = 0.5
"""s: between two looks at the plant while power flows."""

STOP_GRACE = 2.0
"""s: after NotificationMaxDelay of a StopCharging, or after a fault, before the output goes off by itself."""


@dataclass
class Options(SessionOptions):
    """How a charger behaves; see `v2g.session.SessionOptions` too.

    Attributes:
        answers: other answers than the standard's, by protocol name.
        contracts: what contract payment needs; None: it is not offered.
        services: offered besides charging.
        rng: for session ids and challenges; by default the operating system's generator.
    """

    answers: Mapping[str, Answers] = field(default_factory=lambda: ANSWERS)
    contracts: Contracts | None = None
    services: tuple[Service, ...] = ()
    rng: random.Random = field(default_factory=random.SystemRandom)


async def serve(
    channel: Channel,
    evse: Evse,
    options: Options | None = None,
    *,
    paused: MutableMapping[bytes, Paused] | None = None,
    outcome: Outcome | None = None,
) -> Outcome:
    """Serves one vehicle on an open connection, to its end. Whatever ends it, the outlet is off afterwards.

    Args:
        paused: sessions that may be resumed; one that pauses is put there.
        outcome: filled in, for those who want to know although they cancel.

    Returns:
        How it ended. Nothing is raised for what the vehicle does; cancellation is passed on.
    """
    options = options or Options()
    outcome = Outcome() if outcome is None else outcome
    session = options.session(channel)
    visit = Visit(evse, session, evse.power is not None, options.now, options.rng, {} if paused is None else paused)
    visit.contracts, visit.services = options.contracts, options.services
    started = session.now
    evse.meter.begin()
    del evse.trips[:-KEPT]
    trips = len(evse.trips)
    answered = False  # the last word was ours: the vehicle gets time to close first
    ended = started
    with _Guard(visit) as guard:
        try:
            await _session(visit, options)
            answered = True
        except ConnectionLost as why:
            outcome.cause, outcome.reason = (Cause.ABORTED, guard.reason) if guard.reason else (Cause.PEER, str(why))
        except V2GError as why:
            answered = visit.refused
            outcome.cause, outcome.reason = cause_of(why), str(why)
        except asyncio.CancelledError:
            channel.abort()
            outcome.cause, outcome.reason = Cause.ABORTED, "cancelled"
            raise
        except BaseException as why:
            outcome.cause, outcome.reason = Cause.ERROR, f"{type(why).__name__}: {why}"
            raise
        finally:
            evse.off()
            ended = session.now
            session.account(outcome, started)
            outcome.paused = visit.ended == "Pause"
            clips = [str(clip) for clip in evse.power.clips.values() if clip.odd] if evse.power is not None else []
            outcome.notes = [*evse.trips[trips:], *clips, *getattr(evse.pilot, "unchecked", ())]
            if not outcome.ok:
                session.tell("error", "ended", outcome.reason)
            try:
                if visit.charged or visit.delivering or evse.energised:
                    await _switch_off(visit, outcome)
                elif visit.ended and evse.pilot.state not in (State.E, State.F):
                    evse.pilot.offer(STEADY)  # nothing to watch, but nothing is offered any more
            finally:
                evse.forget_limits()
                evse.forget()
                outcome.energy_wh = evse.meter.session_wh
                outcome.discharged_wh = evse.meter.session_discharged_wh
    limit = session.timing.TCP_Connection_Termination_Timeout
    await session.close(wait_for_peer=max(limit - (session.now - ended), 0.0) if answered else 0.0)
    return outcome


async def _switch_off(visit: Visit, outcome: Outcome) -> None:
    """Watches that the outlet, which is off already, becomes dead, and notes what it saw."""
    seen = await visit.evse.safe()
    outcome.switched_off = seen.current_after
    if seen.current_after is None:
        outcome.notes.append(f"a current still flowed {SWITCH_OFF_LIMIT:g} s after switching off")
    elif seen.voltage_after is None:
        outcome.notes.append(f"the outlet was still live {SWITCH_OFF_LIMIT:g} s after switching off")
    took = "not seen" if seen.current_after is None else f"{seen.current_after:.3f} s"
    visit.session.tell("state", "switched-off", took)


class _Guard:
    """What acts without a request: the pilot that ends a session, and the end of the vehicle's time to stop.

    Attributes:
        reason: why the pilot ended the session, or "".
    """

    def __init__(self, visit: Visit) -> None:
        self._visit = visit
        self._timer: asyncio.TimerHandle | None = None
        self._ends: list[Callable[[], object]] = []
        self._tick: asyncio.TimerHandle | None = None
        self.reason = ""

    def __enter__(self) -> Self:
        evse = self._visit.evse
        self._ends = [evse.pilot.subscribe(self._pilot_changed), evse.watch(self._wish_changed)]
        self._wish_changed()
        self._look()
        self._visit.agreed_anew = self._look
        return self

    def __exit__(self, *exc: object) -> None:
        for end in self._ends:
            end()
        for timer in (self._timer, self._tick):
            if timer:
                timer.cancel()

    def _look(self) -> None:
        """While power flows: what was agreed changes between messages too, and not every driver and vehicle obeys."""
        visit, what = self._visit, agreed.now(self._visit)
        if visit.delivering:
            if (power := visit.evse.power) is not None:
                power.agree(what.watts, what.least)
                power.watch()
            elif not visit.overdue:
                ac.watch(visit)
        if self._tick:
            self._tick.cancel()
        self._tick = asyncio.get_running_loop().call_later(min(LOOK, max(what.left, 1e-3)), self._look)

    def _pilot_changed(self, reading: Reading) -> None:
        if reading.state in (State.A, State.E, State.F):
            self.reason = f"the control pilot went to {reading.label}"
            self._visit.session.channel.abort()

    def _wish_changed(self) -> None:
        if self._timer:
            self._timer.cancel()
            self._timer = None
        if self._visit.wants_stop:
            delay = self._visit.notification[1] + STOP_GRACE
            self._timer = asyncio.get_running_loop().call_later(delay, self._time_over)

    def _time_over(self) -> None:
        if self._visit.delivering:
            self._visit.evse.off()
            self._visit.overdue = "the vehicle did not stop within NotificationMaxDelay"
            self._visit.session.tell("error", "switched-off", self._visit.overdue)


async def _session(visit: Visit, options: Options) -> None:
    """supportedAppProtocol, then requests until SessionStop."""
    session = visit.session
    setup = session.timing.V2G_SECC_CommunicationSetup_Performance_Time
    try:
        async with asyncio.timeout(setup):
            await _negotiate(visit, options)
            sequence = Sequence(session.protocol.order, dc=visit.dc)
            await _answer(visit, sequence, await session.receive(), options)
    except TimeoutError as why:
        name = "V2G_SECC_CommunicationSetup_Performance_Time"
        raise TimedOut(name, setup, "SessionSetupReq") from why
    while not visit.ended:
        await _answer(visit, sequence, await _next(visit, sequence.last), options)


async def _next(visit: Visit, last: str) -> Received:
    """The next request, within the sequence time-out after the ``last`` [V2G2-443, V2G20-1500]."""
    in_loop = visit.session.protocol.is_loop(last)
    seconds = visit.session.timing.sequence_timeout(in_loop=in_loop)
    try:
        async with asyncio.timeout(seconds):
            return await visit.session.receive()
    except TimeoutError as why:
        raise TimedOut("V2G_SECC_Sequence_Timeout", seconds, "the next request") from why


async def _negotiate(visit: Visit, options: Options) -> None:
    """supportedAppProtocol. An undecodable request gets no answer."""
    session = visit.session
    request = (await session.receive()).message
    if not isinstance(request, appproto.supportedAppProtocolReq):
        raise RemoteError(f"{type(request).__name__} instead of supportedAppProtocolReq")
    energy: Energy = "DC" if visit.dc else "AC"
    offered = [
        protocol
        for protocol in options.protocols
        if protocol.can_charge(energy) and options.may_speak(protocol, session.channel)
    ]
    selection = select(request, offered, energy)
    if selection.unknown and session.tolerant:
        session.tolerate("foreign-namespace-offer", ", ".join(selection.unknown))
    await session.send(selection.response)
    if selection.protocol is None:
        names = ", ".join(entry.ProtocolNamespace for entry in request.AppProtocol)
        raise NoCommonProtocol(f"the vehicle offers {names}; this charger speaks {_names(offered)}")
    session.agreed(selection.protocol)


def _names(protocols: Iterable[Protocol]) -> str:
    return ", ".join(protocol.title for protocol in protocols) or "nothing that fits"


async def _answer(visit: Visit, sequence: Sequence, received: Received, options: Options) -> None:
    """Checks one request and answers it.

    Raises:
        Refusal, TimedOut: it was refused; the response has been sent.
        RemoteError: it is no request, so that no response pairs with it.
    """
    session, request = visit.session, received.message
    response_type = session.protocol.response_to(type(request))
    if response_type is None:
        raise RemoteError(f"{type(request).__name__} is no request")
    try:
        _check_id(visit, received)
        _check_order(visit, sequence, request)
        await _check_pilot(visit, request)
        if visit.overdue and session.protocol.is_loop(type(request).__name__):
            raise Refusal(visit.overdue_code, visit.overdue)
        visit.asked_id, visit.asked_signature, visit.signature = received.session_id, received.signature, None
        visit.breaches = received.breaches
        answer = options.answers[session.protocol.name].get(type(request))
        if answer is None:
            raise Refusal("FAILED_SequenceError", f"{type(request).__name__} is not supported")
        response = answer(visit, request)
        if inspect.isawaitable(response):
            response = await response
    except RemoteError as why:
        visit.evse.off()
        code = session.protocol.code(why.response_code)
        fields = why.fields if isinstance(why, Refusal) else {}
        schema = session.protocol.schema_of(response_type)
        response = minimal(schema, response_type, dc=visit.dc, request=request, ResponseCode=code, **fields)
        await session.send(response)
        text = f"{type(request).__name__} refused, {code}: {why}"
        if isinstance(why, Refusal) and why.survivable and options.goes_on_after_failed_certificate:
            session.tell("error", "refused", text)
            sequence.advance(request, response)
            return
        visit.refused = True
        if isinstance(why, TimedOut):
            raise
        raise Refusal(code, text) from why
    await session.send(response, signature=visit.signature)
    took = session.now - received.time
    limit = session.timing.performance_time(type(request).__name__)
    if took > limit:
        session.tell("error", "slow-answer", f"{type(request).__name__} took {took:.3f} s, at most {limit:g} s")
    sequence.advance(request, response)


def _check_id(visit: Visit, received: Received) -> None:
    """Every request but SessionSetup carries the id that SessionSetupRes gave [V2G2-460, V2G-DC-391]."""
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
    """The order of messages [V2G2-538, V2G-DC-390]."""
    verdict = sequence.verdict(request)
    name = type(request).__name__
    if verdict == "tolerated" and visit.session.tolerant:
        visit.session.tolerate("sequence", f"{name} after {sequence.last}, expected {sequence.expected()}")
    elif verdict != "legal":
        raise Refusal("FAILED_SequenceError", f"expected {sequence.expected()}")


def _presupposed(protocol: Protocol, request: str) -> tuple[State, ...]:
    """The control pilot states in one of which a request may come; none: any."""
    return tuple(State(letter) for letter in protocol.names.pilot.get(request, ""))


async def _check_pilot(visit: Visit, request: Any) -> None:
    """The control pilot state that a request presupposes. Where the vehicle changes it, it may be a moment late."""
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
