"""What a recording must show of a pair: one look per verb of the catalogue, with the words for people.

A look says None where it is so, raises :class:`Inconclusive` where the recording cannot tell, and gives a
:class:`Miss` otherwise. Who is to blame: for a session that did not get far enough, the side that the diagnosis of the
recording names; for everything else the side that answers for it.
"""

from __future__ import annotations

from collections.abc import Mapping

from plugfest.conformance.cause import Cause
from plugfest.conformance.pair import look_choices, look_power, look_session
from plugfest.conformance.pair.evidence import Evidence, Port
from plugfest.conformance.pair.frame import LIVE, Frame, Look, Miss
from plugfest.conformance.pair.scenario import PHASES, Blamed, Expected, Scenario
from plugfest.conformance.pair.words import QUESTIONS
from plugfest.conformance.verdict import Inconclusive
from plugfest.traces.chain.steps import Outcome


def _asked(frame: Frame) -> Miss | None:
    answer = frame.evidence.answers.get(frame.value)
    if answer is None:
        raise Inconclusive(f"nobody answered: {QUESTIONS[frame.value]}", cause=Cause.NO_ACTION)
    return None if answer else Miss(Cause.ANSWERED_NO, "no")


LOOKS: Mapping[str, tuple[str, Look]] = {
    "reach": ("the session gets to {0}", look_session.reach),
    "never": ("the session never gets to {0}", look_session.never),
    "charges": ("number of sessions in which current flows: {0}", look_session.charges),
    "tries": ("the vehicle connects {0} times", look_session.tries),
    "completes": ("the session ends with SessionStop", look_session.completes),
    "goes_on": ("the session goes on", look_session.goes_on),
    "ends": ("the session is over within {0} s", look_session.ends),
    "silent": ("no session starts", look_session.silent),
    "stops": ("SessionStopReq says {0}", look_session.stops),
    "code": ("the response code is {0}", look_session.code),
    "speaks": ("the protocol is {0}", look_choices.speaks),
    "refuses": ("refused: {0}", look_choices.refuses),
    "stays_without": ("the vehicle does not use the {0} that came", look_choices.stays_without),
    "pays": ("payment by {0}", look_choices.pays),
    "offers": ("payment is offered too: {0}", look_choices.offers),
    "names": ("the contract is named by its {0}", look_choices.names),
    "stapled": ("the charger staples an OCSP response", look_choices.stapled),
    "current_gone": ("the current is gone within {0} s", look_power.current_gone),
    "current": ("the current (A) stays at {0}", look_power.bounded("A", lambda frame: frame.port.currents)),
    "power": ("the power (kW) stays at {0}", look_power.bounded("kW", lambda frame: frame.port.powers)),
    "met": ("the charger gives at least {0} % of what is requested", look_power.met),
    "limits": ("the charger's limits are {0}", look_power.limits),
    "energy": ("the energy (kWh) is {0}", look_power.energy),
    "copes": ("the vehicle follows the {0}, or ends the session cleanly", look_power.copes),
    "profile": ("the charging profile {0} the schedule", look_power.profile),
    "schedule": ("the charger's schedule is {0}", look_power.schedule),
    "asked": ("{0}", _asked),
}
"""Verb -> what it asks for, in words, and how it is judged."""


def in_words(expected: Expected) -> str:
    """An expectation for people."""
    value = expected.value
    if expected.verb == "asked":
        text = QUESTIONS[value]
    elif isinstance(value, dict):
        text = ", ".join(f"{word} {number:g}" for word, number in value.items())
        text = LOOKS[expected.verb][0].format(text)
    else:
        word = PHASES[value].title if value in PHASES and expected.verb in ("reach", "never") else value
        text = LOOKS[expected.verb][0].format(word)
    after = f", after {expected.after!r}" if expected.after else ""
    until = f", until {expected.until!r}" if expected.until else ""
    port = f" (port {expected.port})" if expected.port > 1 else ""
    return text + after + until + port


def look(scenario: Scenario, evidence: Evidence, expected: Expected) -> Miss | None:
    """Judges one expectation; the miss names whom it blames, where anybody can be named.

    Raises:
        Inconclusive: the evidence cannot tell.
    """
    port = evidence.ports[expected.port - 1]
    missing = [mark for mark in (expected.after, expected.until) if mark and port.at(mark, -1e12) == -1e12]
    if missing:
        raise Inconclusive(f"{missing[0]!r} was not done", cause=Cause.NO_ACTION)
    since = port.at(expected.after, -1.0) if expected.after else -1.0
    end = port.at(expected.until, port.end) if expected.until else port.end
    frame = Frame(scenario, evidence, port, expected, since, since + expected.settle, end)
    miss = LOOKS[expected.verb][1](frame)
    if miss is None:
        return None
    diagnosed = _diagnosed(port, since, end) if miss.stalled else ""
    return Miss(miss.cause, miss.observed, diagnosed or miss.side or expected.by, miss.stalled)


def _diagnosed(port: Port, since: float, end: float) -> Blamed:
    """Who is to blame for the first session that failed between two times."""
    for one in port.diagnoses:
        if one.failed and one.side and since - LIVE <= one.since <= end:
            return one.side
    for one in port.diagnoses:  # ended normally, and nothing was charged: whoever ended it
        if one.outcome is Outcome.NOT_CHARGED and one.side:
            return one.side
    return ""


__all__ = ["LOOKS", "Miss", "in_words", "look"]
