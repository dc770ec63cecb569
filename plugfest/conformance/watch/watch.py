"""The observer of a run: hears every message, sees the pilot, reads the plant, and keeps what was wrong."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from typing import Any

from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.cause import Cause
from plugfest.conformance.watch import contacts, plausible
from plugfest.conformance.watch.content import CODES, weight_of, weight_of_vehicle
from plugfest.conformance.watch.flow import Flow, Measured
from plugfest.conformance.watch.judgement import SPOKEN, Judgement, Side, Weight
from plugfest.conformance.watch.log import Heard, Log
from plugfest.conformance.watch.messages import Stage, read
from plugfest.conformance.watch.offered import HELD, Offered
from plugfest.conformance.watch.papers import Known, Papers
from plugfest.conformance.watch.pilot import DRIVEN, has_reason
from plugfest.conformance.watch.table import heard, seen, shown, spoken
from plugfest.conformance.watch.talk import ORDERS, Talk
from plugfest.conformance.watch.terms import Terms
from plugfest.conformance.watch.violation import Violation
from slac.pilot import READY, Offer, Reading, State
from v2g import naming
from v2g.protocols import APPPROTO
from v2g.reading import PROTOCOL_OF
from v2g.reading import of as message_of
from v2g.rules.facts import Facts
from v2g.rules.table import hear
from v2g.trace import Event

ACTS = ("bench", "tester-acts")
"""Layer and name of the event after which a charger has a reason to stop, or to ask for it."""
LEAVES = ("bench", "tester-leaves")
"""Layer and name of the event after which the tester drops everything: what a system does then is not judged."""
REFUSES = ("bench", "tester-refuses")
"""The same of the event that a request is one which a charger with good answers refuses; the note says why."""
FREES = ("bench", "tester-frees")
"""The same of the event after which a vehicle under test may close the connection without SessionStopReq."""
CLOSED = "closed-by-peer"
"""Name of the event that the system under test has closed the connection."""
EVERY = 0.1
"""s between two readings of the plant while there can be power."""
CLOSELY = 0.02
"""s at the end, when the current is gone within moments and contactors open."""
AFTERWARDS = 10.0
"""s after the end for which it is read."""
LIVE = (Stage.PARAMETERS, Stage.CABLE_CHECK, Stage.PRECHARGE, Stage.DELIVERY, Stage.LOOP, Stage.WELDING)


def _digital(reading: Reading) -> bool | None:
    """Whether 5 % is offered; None: not known."""
    return None if reading.offer is None else reading.offer[0] is Offer.DIGITAL


@dataclass
class Watch:
    """Judges one side of a session as physics; an observer of events.

    Attributes:
        side: under test.
        pics: what is declared.
        ac: AC is charged.
        measure: reads the plant; None, or a result of None: nothing is measured.
        violations: the first of each judgement.
        flow: the session so far.
        log: answers of the whole run, of a charger under test.
        line: reads the pilot; None: it is not seen.
        secure: whether the connection is over TLS; None: not known.
        known: certificate authorities of the bench.
    """

    side: Side
    pics: Pics
    ac: bool = False
    measure: Callable[[], Measured | None] | None = None
    violations: dict[str, Violation] = field(default_factory=dict)
    line: Callable[[], State | None] = lambda: None
    secure: Callable[[], bool | None] = lambda: None
    known: Callable[[], Known] = Known
    log: Log = field(default_factory=Log)

    def __post_init__(self) -> None:
        self.terms = Terms.of(self.pics)
        self.flow = Flow(self.terms, self.ac)
        self._spoken, self._shown, self._heard = spoken(self.side), shown(self.side), heard(self.side)
        self._seen, self._offered = seen(self.side), Offered(Reading(None, None), 0.0)
        self._asked: dict[int, deque[tuple[Any, bytes | None, float]]] = {}
        self.talk = Talk()
        self._shown_pilot: tuple[State | None, bool | None] = None, None
        self._duty: tuple[Offer, float] | None = None
        self._live = asyncio.Event()
        self._until = 0.0
        self._left = False
        self._back = bool(self.pics["PICS_CMN_ISO20_BPT"])

    # -- what it observes ---------------------------------------------------------------------------------------------

    def __call__(self, event: Event) -> None:
        if event.layer == "message" and event.message is not None and not event.stream:
            self._message(event)
        elif event.layer == "message" and event.message is not None:
            self._beside(event)
        elif event.layer in ("message", "v2gtp") and event.direction == "tx":  # no message, or in no frame of its own
            self.flow.startled = True
        elif (event.layer, event.name) == LEAVES:
            self._left = True
        elif (event.layer, event.name) == ACTS:
            self.log.acted = True
        elif (event.layer, event.name) == FREES:
            self.talk.free = True
        elif (event.layer, event.name) == REFUSES and self.side == "evcc":
            self.flow.now = event.time
            self.talk.refused(self.flow, event.note)
            self._took()
        elif event.layer == "tcp" and event.name not in ("connected", "data"):
            self.flow.now = event.time
            if event.name == CLOSED and self.side == "evcc":
                self.talk.closed(self.flow)
                self._took()
            self.flow.unplugged()
            self._stay(event.time)

    def _talk(self, event: Event, body: Any, session_id: bytes | None, known: bytes | None) -> None:
        """Order, session id, pace and end of a vehicle's session."""
        if self.side != "evcc" or event.schema not in (*ORDERS, APPPROTO.name):
            return
        if event.direction == "rx":
            contract = self.flow.facts.payment == "Contract"
            self.talk.asked(self.flow, event.schema, body, session_id, known, contract=contract)
        elif event.direction == "tx":
            self.talk.replied(self.flow, body)
        self._took()

    def _took(self) -> None:
        for one in self.talk.found:
            if not self._left:
                self.violations.setdefault(one.name, one)
        self.talk.found.clear()

    def _message(self, event: Event) -> None:
        flow, document = self.flow, event.message
        flow.now = event.time
        found = message_of(event.schema, document)
        body = found.body
        if body is None:
            return
        said = read(body)
        if said.stage is Stage.HANDSHAKE and said.request:
            self.begin(event.time)
            flow = self.flow
            flow.now = event.time
        ours = event.direction == "tx"
        if said.stage in LIVE:
            self._stay(event.time)
            self.look(event.time)
        known = flow.facts.session_id
        self._content(event, body, ours=ours)
        self._talk(event, body, found.session_id or None, known)
        if not ours and said.request is (self.side == "evcc"):
            for judgement in self._spoken[said.stage]:
                assert judgement.speaks is not None
                self._keep(judgement, judgement.speaks(flow, said))
            if self.side == "secc":
                self.log.present.note(self._answer(event, body, found.session_id))
                self._keeps_offering(event.time)
        elif ours and not said.request and (asked := flow.request) is not None:
            flow.startled = flow.startled or naming.exchange(said.name) != naming.exchange(asked.name)
        if ours and self.side == "secc":
            self._ask(event, body, found.session_id)
        flow.note(said)

    def _beside(self, event: Event) -> None:
        """A message of a side stream: its content, its answer, and the charge parameters that hold from now on."""
        flow, ours, found = self.flow, event.direction == "tx", message_of(event.schema, event.message)
        body = found.body
        if body is None:
            return
        flow.now, said = event.time, read(body)
        self._content(event, body, ours=ours)
        if self.side == "secc" and ours:
            self._ask(event, body, found.session_id)
        elif self.side == "secc":
            self._answer(event, body, found.session_id)
        asked = type(flow.facts.asked_beside.get(event.stream)).__name__
        if ours and (not said.ok or naming.exchange(asked) != naming.exchange(said.name)):
            flow.startled = True
        flow.agree(said)

    def _ask(self, event: Event, body: Any, session_id: bytes | None) -> None:
        """A request to the charger under test; each stream has its own."""
        self._asked.setdefault(event.stream, deque(maxlen=8)).append((body, session_id, event.time))

    def _answer(self, event: Event, body: Any, session_id: bytes | None) -> Heard:
        """An answer of the charger under test, judged against its request and those before."""
        asked = self._asked.setdefault(event.stream, deque(maxlen=8))
        sure = len(asked) == 1  # of several at once, nobody knows which is answered
        request, asked_id, asked_at = asked[0] if sure else (None, None, event.time)
        answer = Heard(body, event.schema, session_id, event.time, request, asked_id, event.time - asked_at)
        if asked:
            asked.popleft()
        if self.flow.request is not None and self.flow.request.stage in DRIVEN and self.line() not in (None, *READY):
            self.log.acted = True
        for judgement in self._heard:
            assert judgement.hears is not None
            if not judgement.names or answer.name in judgement.names:
                self._keep(judgement, judgement.hears(self.flow, self.log, answer))
        return answer

    def _content(self, event: Event, body: Any, *, ours: bool) -> None:
        facts, found = self.flow.facts, message_of(event.schema, event.message)
        session_id, signed = found.session_id or None, found.signature is not None
        known = facts.session_id
        for breach in hear(
            facts, body, protocol=event.schema, now=event.time, session_id=session_id, signed=signed,
            stream=event.stream,
        ):  # fmt: skip
            if ours:
                self.flow.startled = self.flow.startled or breach.rule.severity == "violation"
                continue
            name = breach.rule.name
            weight = weight_of(name, event.schema, side=self.side, back=self._back)
            if weight is None and self.side == "evcc" and not self.flow.startled:  # by a wrong message of the tester's
                weight = weight_of_vehicle(breach)
            if weight is not None and breach.rule.side == self.side:
                cause = Cause.WRONG_CODE if name in CODES else Cause.PHYSICS
                self._add(name, str(breach), breach.rule.asks, breach.requirement, weight, cause)
        if ours and known is not None and session_id != known:
            self.flow.startled = True

    def pilot(self, reading: Reading) -> None:
        """Takes a reading of the control pilot."""
        self.flow.now = asyncio.get_running_loop().time()
        if self.side == "evcc":
            self.look(self.flow.now, judged=False)
            self._shown_pilot = (reading.state, _digital(reading))
            plausible.pilot_seen(self.flow, *self._shown_pilot)
            contacts.pilot_moved(self.flow, reading.state)
            contacts.duty_seen(self.flow, reading.offer)
            self._duty = reading.offer
            if reading.duty is not None and reading.duty >= 100.0:
                self.flow.startled = True
            self.look(self.flow.now)
        else:
            excused = self._offered.excused or has_reason(self.flow, self.log, reading.state)
            self._offered = Offered(reading, self.flow.now, excused)
            self.flow.contacts.pilot = reading.state
            held = self.flow.now + HELD
            asyncio.get_running_loop().call_at(held, self._keeps_offering, held)

    def _keeps_offering(self, now: float) -> None:
        """Judges what the charger shows on the pilot, once that has been there for a while."""
        if now - self._offered.since >= HELD - 1e-6:
            self._judge_pilot(now)

    def _judge_pilot(self, now: float) -> None:
        """Judges what the side under test shows on the pilot, which may stay where it is without a message."""
        self.flow.now = now
        for judgement in self._seen:
            assert judgement.sees is not None
            self._keep(judgement, judgement.sees(self.flow, self.log, self._offered))

    def look(self, now: float, *, judged: bool = True) -> None:
        """Reads the plant once."""
        measured = self.measure() if self.measure is not None else None
        if measured is None:
            return
        flow = self.flow
        flow.now = now
        contacts.contactors_moved(flow, measured.closed)
        flow.see(measured)
        if judged:
            for judgement in self._shown:
                assert judgement.shows is not None
                self._keep(judgement, judgement.shows(flow, measured))

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """While the context is open, the plant is read whenever there can be power."""
        task = asyncio.create_task(self._read())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            await self._live.wait()
            self.look(loop.time())
            if self.side == "evcc":
                self._judge_pilot(loop.time())
            if loop.time() > self._until:
                self._live.clear()
            ends = self.flow.steps.stop_at is not None and loop.time() - self.flow.steps.stop_at < 1.0
            await asyncio.sleep(CLOSELY if ends else EVERY)

    def _stay(self, now: float) -> None:
        self._until = now + AFTERWARDS
        self._live.set()

    def begin(self, now: float) -> None:
        """A session begins, known by its handshake: what the one before said does not count."""
        self.flow = Flow(self.terms, self.ac, Facts(secure=self.secure()))
        self.log.begin()
        self._asked.clear()
        shown = self.talk.papers
        self.talk = Talk(papers=Papers(self.known(), before=shown.evccid or shown.before))
        self._offered = replace(self._offered, since=max(self._offered.since, now), excused=False)
        self.flow.contacts.pilot = self._offered.reading.state
        if self.side == "evcc":
            plausible.pilot_seen(self.flow, *self._shown_pilot)
            contacts.duty_seen(self.flow, self._duty)

    # -- what it keeps ------------------------------------------------------------------------------------------------

    def _keep(self, judgement: Judgement, text: str) -> None:
        if text:
            source = judgement.source
            if source == SPOKEN and (protocol := PROTOCOL_OF.get(self.flow.facts.protocol)) is not None:
                source = protocol.title
            self._add(judgement.name, text, judgement.rule, source, judgement.weight, judgement.cause)

    def _add(self, name: str, text: str, rule: str, source: str, weight: Weight, cause: Cause) -> None:
        if name in self.violations or self._left:
            return
        fails = weight is Weight.FAILS
        allowed = weight is Weight.SEEN
        self.violations[name] = Violation(
            name, text, rule, source or f"rule {name}", cause, fails, self.flow.now, allowed
        )
