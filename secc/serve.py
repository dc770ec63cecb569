"""The charger's side of a session: receive, check, answer, send, advance. The answers are in the protocols' modules.

:mod:`secc.answer` checks and answers one request, :mod:`secc.beside` runs the side streams of ISO 15118-20. A refusal
ends the session. However the session ends, the outlet is switched off.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Self

from secc import ac, agreed, din70121, iso2, iso20
from secc.answer import answer
from secc.beside import side_streams, with_streams
from secc.charger import KEPT, SWITCH_OFF_LIMIT, Evse
from secc.contracts import Contracts
from secc.pauses import Paused
from secc.services import Service
from secc.visit import Answers, Visit
from slac.pilot import STEADY, Reading, State
from v2g.channel import Channel
from v2g.errors import ConnectionLost, NoCommonProtocol, RemoteError, TimedOut, V2GError
from v2g.messages import appproto
from v2g.options import SessionOptions
from v2g.outcome import Cause, Outcome, cause_of
from v2g.protocols import PROTOCOLS, Energy, Protocol, select
from v2g.rules.stopping import STOP_GRACE
from v2g.sequence import Sequence
from v2g.session import Received

ANSWERS: Mapping[str, Answers] = {
    "iso2": iso2.ANSWERS,
    "din70121": din70121.ANSWERS,
    "iso20": iso20.ANSWERS,
}

LOOK = 0.5
"""Interval between two looks at the plant, s."""

NAMESPACES = frozenset(offer.namespace for protocol in PROTOCOLS.values() for offer in protocol.offers)
"""Every namespace that the standards allow a vehicle to offer."""


@dataclass
class Options(SessionOptions):
    """How a charger behaves; see `v2g.options.SessionOptions` too.

    Attributes:
        answers: answers that replace the standard ones, by protocol name.
        contracts: the keys, roots and settings for contract payment; None: it is not offered.
        services: services offered besides charging.
        standby: a vehicle may suspend power without ending the session (ISO 15118-20).
        service_renegotiation: a vehicle may change the service within a session (ISO 15118-20).
        renegotiation_tries: how often a vehicle may fail to renegotiate a schedule in time before the charger ends the
            session; 0: it never does (ISO 15118-20).
        rng: for session ids and challenges; by default the operating system's generator.
    """

    answers: Mapping[str, Answers] = field(default_factory=lambda: ANSWERS)
    contracts: Contracts | None = None
    services: tuple[Service, ...] = ()
    standby: bool = True
    service_renegotiation: bool = True
    renegotiation_tries: int = 2
    rng: random.Random = field(default_factory=random.SystemRandom)


async def serve(
    channel: Channel,
    evse: Evse,
    options: Options | None = None,
    *,
    paused: MutableMapping[bytes, Paused] | None = None,
    outcome: Outcome | None = None,
) -> Outcome:
    """Serves one vehicle on an open connection until the session ends. However it ends, the outlet is off afterwards.

    Args:
        paused: sessions that may be resumed; a session that pauses is added.
        outcome: filled in at the end, so that a caller that cancels can read it too.

    Returns:
        How the session ended. The vehicle's behaviour never raises; cancellation is passed on.
    """
    options = options or Options()
    outcome = Outcome() if outcome is None else outcome
    session = options.session(channel)
    visit = Visit(evse, session, evse.power is not None, options.now, options.rng, {} if paused is None else paused)
    visit.contracts, visit.services = options.contracts, options.services
    visit.allows_standby, visit.allows_another_service = options.standby, options.service_renegotiation
    visit.renegotiation.tries = options.renegotiation_tries
    started = session.now
    evse.meter.begin()
    del evse.trips[:-KEPT]
    trips = len(evse.trips)
    answered = False  # we sent the last message: the vehicle gets time to close first
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
            visit.installing.stop()
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
                    evse.pilot.offer(STEADY)  # nothing to watch, but the offer has to end
            finally:
                evse.forget_limits()
                evse.forget()
                before = visit.resumed  # energy from before a pause has been reported already
                outcome.energy_wh = evse.meter.session_wh - (before.charged_wh if before else 0.0)
                outcome.discharged_wh = evse.meter.session_discharged_wh - (before.discharged_wh if before else 0.0)
    limit = session.timing.TCP_Connection_Termination_Timeout
    await session.close(wait_for_peer=max(limit - (session.now - ended), 0.0) if answered else 0.0)
    return outcome


async def _switch_off(visit: Visit, outcome: Outcome) -> None:
    """Watches until the outlet, already switched off, is dead, and records the result."""
    seen = await visit.evse.safe()
    outcome.switched_off = seen.current_after
    if seen.current_after is None:
        outcome.notes.append(f"a current still flowed {SWITCH_OFF_LIMIT:g} s after switching off")
    elif seen.voltage_after is None:
        outcome.notes.append(f"the outlet was still live {SWITCH_OFF_LIMIT:g} s after switching off")
    took = "not seen" if seen.current_after is None else f"{seen.current_after:.3f} s"
    visit.session.tell("state", "switched-off", took)


class _Guard:
    """Acts without a request: ends the session by the pilot, and when the vehicle's time to stop has run out.

    Attributes:
        reason: why it ended the session, or "".
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

    def _safely(self, act: Callable[[], None]) -> None:
        """What a timer does. A guard that fails watches nothing from then on: the session ends, with the output off."""
        try:
            act()
        except Exception as why:
            self.reason = f"the charger's guard failed: {type(why).__name__}: {why}"
            self._visit.session.channel.abort()
            self._visit.evse.off()
            raise

    def __exit__(self, *exc: object) -> None:
        for end in self._ends:
            end()
        for timer in (self._timer, self._tick):
            if timer:
                timer.cancel()

    def _look(self) -> None:
        """Checks while the outlet is on: agreed power changes between messages too, drivers and vehicles disobey."""
        visit, what = self._visit, agreed.now(self._visit)
        if (power := visit.evse.power) is not None:
            if visit.delivering:
                power.agree(what.watts, what.least)
            power.watch()
        elif visit.evse.driven and not visit.overdue:  # in a renegotiation too
            ac.watch(visit)
        if self._tick:
            self._tick.cancel()
        self._tick = asyncio.get_running_loop().call_later(min(LOOK, max(what.left, 1e-3)), self._safely, self._look)

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
            self._timer = asyncio.get_running_loop().call_later(delay, self._safely, self._time_over)

    def _time_over(self) -> None:
        """Switches off what is still on, whatever the vehicle is doing; and again, should it bring the outlet back."""
        evse = self._visit.evse
        stopping = self._visit.delivering and evse.power is not None and evse.power.coming_down
        if evse.driven and not stopping:
            evse.off()
            if not self._visit.overdue:
                self._visit.overdue = "the vehicle did not stop within NotificationMaxDelay"
                self._visit.session.tell("error", "switched-off", self._visit.overdue)
        self._timer = asyncio.get_running_loop().call_later(LOOK, self._safely, self._time_over)


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
        raise TimedOut(session.protocol.timer(name), setup, "SessionSetupReq") from why
    sides = side_streams(visit, options.answers[session.protocol.name]) if session.protocol.side else []
    await with_streams(_requests(visit, sequence, options), sides)


async def _requests(visit: Visit, sequence: Sequence, options: Options) -> None:
    """The main stream, until SessionStop."""
    while not visit.ended:
        await _answer(visit, sequence, await _next(visit, sequence.last), options)


async def _answer(visit: Visit, sequence: Sequence, received: Received, options: Options) -> None:
    """Answers one request of the main stream; see :func:`secc.answer.answer`."""
    if visit.session.protocol.is_loop(type(received.message).__name__):
        visit.take_over()
    await answer(
        visit,
        sequence,
        received,
        options.answers[visit.session.protocol.name],
        survivable=options.goes_on_after_failed_certificate,
    )


async def _next(visit: Visit, last: str) -> Received:
    """The next request, within the sequence time-out after the ``last`` [V2G2-443, V2G20-1500]."""
    in_loop = visit.session.protocol.is_loop(last)
    seconds = visit.session.timing.sequence_timeout(in_loop=in_loop)
    try:
        async with asyncio.timeout(seconds):
            return await visit.session.receive()
    except TimeoutError as why:
        timer = visit.session.protocol.timer("V2G_SECC_Sequence_Timeout")
        raise TimedOut(timer, seconds, "the next request") from why


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
        if protocol.can_charge(energy, megawatt=visit.evse.connector.megawatt)
        and options.may_speak(protocol, session.channel)
    ]
    selection = select(request, offered, energy)
    # Offering a protocol that this charger does not speak is not odd behaviour of the vehicle.
    foreign = [namespace for namespace in selection.unknown if namespace not in NAMESPACES]
    if foreign and session.tolerant:
        session.tolerate("foreign-namespace-offer", ", ".join(foreign))
    await session.send(selection.response)
    if selection.protocol is None:
        names = ", ".join(entry.ProtocolNamespace for entry in request.AppProtocol)
        text = f"the vehicle offers {names}; this charger speaks {_names(offered)}"
        raise NoCommonProtocol("; ".join([text, *options.obstacles(session.channel)]))
    session.agreed(selection.protocol)


def _names(protocols: Iterable[Protocol]) -> str:
    return ", ".join(protocol.title for protocol in protocols) or "nothing that fits"
