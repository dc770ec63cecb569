"""A recording as a chain of steps: which were reached, which failed first, who caused it, and what only follows.

::

    chain = Chain()
    for entry in recording.entries:
        chain.add(entry)
    print(main(chain.diagnoses(findings)).sentence)

========================  ======================================================================================
:mod:`.steps`             the steps, how one can fail, and a :class:`~.steps.Diagnosis`
:mod:`.below`             link, matching, SDP, neighbour discovery, TCP and TLS; :mod:`.matching` takes SLAC's rounds
:mod:`.pilot`             charging without messages, and recordings of only the control pilot
:mod:`.session`           one connection's messages: the current step, what is due from which side, who ended it
:mod:`.explain`           why it ended that way, with the findings of the checks; :mod:`.reasons` for an end,
                          :mod:`.codes` what a refusal means, :mod:`.limits` what a charger allows, :mod:`.words`
========================  ======================================================================================

Live ends, checks, reports and campaigns take their first sentence from here. A chain keeps little of its input, so that
a live session can use it, and it never bases decisions on text meant for readers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace

from boundary.text import capital
from plugfest.traces import slac
from plugfest.traces.chain import below, pilot
from plugfest.traces.chain.explain import explain
from plugfest.traces.chain.reasons import Around, Happening
from plugfest.traces.chain.session import Session
from plugfest.traces.chain.steps import Diagnosis, Fault, Outcome, Reached, Step, side_of
from plugfest.traces.entries import Entry, Recording
from plugfest.traces.findings import Finding
from slac.events import LINK_LOST
from slac.rounds import Round

__all__ = ["Chain", "Diagnosis", "Fault", "Outcome", "Reached", "Step", "diagnose"]

ANSWERS_WITHIN = 2.0
"""s within which a charger answers a vehicle that starts over."""
EVENTS = 200
"""Number of pilot and link events that are kept."""


class Chain:
    """A recording so far.

    Attributes:
        sessions: the connections, by number.
    """

    def __init__(self) -> None:
        self.sessions: dict[int, Session] = {}
        self._below = below.Below()
        self._again = below.Below()  # after the last connection, once it has ended
        self._line = pilot.Line()
        self._events: deque[Happening] = deque(maxlen=EVENTS)
        self._words: deque[tuple[float, str, str]] = deque(maxlen=EVENTS)
        self._last = 0.0

    def add(self, entry: Entry) -> None:
        """Takes the next entry."""
        self._last = max(self._last, entry.time)
        if (event := self._line.add(entry)) is not None:
            self._events.append(event)
        if entry.connection:
            if entry.connection not in self.sessions:
                self.sessions[entry.connection] = Session(entry.connection)
                self._again = below.Below()
            self.sessions[entry.connection].add(entry)
        elif entry.layer == "slac" and entry.name == LINK_LOST:
            self._events.append(Happening(entry.time, "the power line link was lost", ""))
        elif entry.layer == "error" and entry.name == "ended":
            self._words.append((entry.time, entry.note, entry.sender))
        else:
            self._below.add(entry)
            if self.sessions and all(session.ended is not None for session in self.sessions.values()):
                self._again.add(entry)

    def diagnoses(
        self,
        findings: Sequence[Finding] = (),
        until: float | None = None,
        rounds: Sequence[Round] = (),
        *,
        alone: bool = False,
    ) -> list[Diagnosis]:
        """One diagnosis for each connection, and one for attempts without a connection; in order of time.

        Args:
            findings: from the checks; a finding against one side may be why the other refused or closed.
            until: s: end of the recording; by default the last entry. rounds: its matchings.
            alone: it is a capture of HomePlug frames only.
        """
        end = self._last if until is None else max(until, self._last)
        self._below.rounds, self._below.alone = rounds, alone
        around = Around(findings, tuple(self._events), tuple(self._words), end, bool(self._line.states))
        found = []
        talked = any(session.messages for session in self.sessions.values())
        for session in self.sessions.values():
            one = explain(session, around) if session.messages else below.connection(session, end)
            if one is not None and not session.messages and talked:  # tried again, or not part of the session
                one = replace(one, outcome=Outcome.OPEN, severity="note", aside=True)
            if one is not None:
                found.append(one)
        if found and (one := self._again.diagnosis(end)) is not None:
            if one.fault is Fault.UNDISCOVERED and end - one.since > ANSWERS_WITHIN:
                found.append(replace(one, sentence=f"after the session {one.sentence}", severity="warning", aside=True))
        if not found:
            one = self._line.charged(end) or self._below.diagnosis(end) or self._line.alone()
            found = [] if one is None else [one]
        return found

    def reached(self, connection: int) -> list[Reached]:
        """The steps reached on the way to a connection and on it, in order."""
        found = self._below.reached()
        session = self.sessions.get(connection)
        if session is None:
            return found
        for step, name in (
            (Step.CONNECTION, "connected"),
            (Step.SECURITY, "ServerHello"),
            (Step.SECURITY, "handshake"),
        ):
            entry = session.connected if step is Step.CONNECTION else session.tls.get(name)
            if entry is not None and (not found or found[-1].step < step):
                found.append(Reached(step, entry.time, name, side_of(entry), entry.time))
        for step in sorted(session.moved):
            last, first = session.moved[step], session.begun.get(step, session.moved[step])
            found.append(Reached(step, min(first.time, last.time), last.name, side_of(last), last.time))
        return found


def main(found: Sequence[Diagnosis]) -> Diagnosis:
    """The decisive one of several.

    That is the first connection that failed; one that was only retried until it worked does not count.
    """
    if not found:
        return Diagnosis(Outcome.EMPTY, Step.LINK, "It contains no charging session")
    found = [one for one in found if not one.aside] or found
    last = found[-1]
    for place, one in enumerate(found):
        retried = one.step <= Step.HANDSHAKE and any(later.step > one.step for later in found[place + 1 :])
        if one.failed and not retried:
            more = "" if one is last else f"; connection {last.connection} after it: {last.sentence}"
            return _told(one, more)
    return _told(last)


def _told(one: Diagnosis, more: str = "") -> Diagnosis:
    return replace(one, sentence=capital(one.sentence) + more)


def diagnose(recording: Recording, findings: Iterable[Finding] = ()) -> tuple[list[Diagnosis], list[Reached]]:
    """The diagnoses of a whole recording, and the steps reached by the decisive one."""
    chain = Chain()
    for entry in recording.entries:
        chain.add(entry)
    alone = recording.kind != "trace" and not recording.passed
    found = chain.diagnoses(list(findings), recording.until, slac.rounds(recording), alone=alone)
    return found, chain.reached(main(found).connection)
