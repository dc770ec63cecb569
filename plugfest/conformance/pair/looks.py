"""What a recording must show of a pair: one look per verb of the catalogue, with the words for people.

A look says None where it is so, raises :class:`Inconclusive` where the recording cannot tell, and gives a
:class:`Miss` otherwise. Who is to blame: for a session that did not get far enough, the side that the diagnosis of the
recording names; for everything else the side that answers for it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from plugfest.conformance.cause import Cause
from plugfest.conformance.pair.evidence import FLOWS, Evidence, Port
from plugfest.conformance.pair.prepare import WORDS
from plugfest.conformance.pair.scenario import PHASES, Blamed, Expected, Scenario
from plugfest.conformance.pair.words import QUESTIONS
from plugfest.conformance.verdict import Inconclusive
from plugfest.traces.chain.steps import Outcome, Step
from plugfest.traces.entries import Entry
from plugfest.traces.series import energies, series
from plugfest.traces.talks import Talk, code_of
from v2g.messages import appproto
from v2g.protocols import ISO20, PROTOCOLS, meant

GONE = 5.0
"""A: below, a current counts as gone."""
FOLLOWS = 1.0
"""s that an output may take to follow a limit that was lowered."""
LIVE = 70.0
"""s: a session in which nothing was said for longer is over (the sequence time-out is 60 s)."""
CLOSES = 0.25
"""s of tolerance on each limit."""
PLAYED = 10.0
"""s before an act in which a session must have been under way for the act to mean something."""
ANEW = ("plug", "present_card", "new_session", "resume_vehicle", "wake_vehicle", "state_e", "state_f", "charger_good",
        "pilot_good")  # fmt: skip
"""Acts after which a new session may begin."""


@dataclass(frozen=True)
class Miss:
    """An expectation that does not hold.

    Attributes:
        cause: why.
        observed: what was seen.
        side: who is to blame; "": whoever answers for the expectation.
        stalled: the session did not get far enough: the diagnosis knows more.
    """

    cause: Cause
    observed: str
    side: Blamed = ""
    stalled: bool = False


@dataclass(frozen=True)
class Frame:
    """What a look has before it.

    Attributes:
        start, end: s of the recording between which the expectation holds, settling included in neither.
        since: s of the act after which it holds.
    """

    scenario: Scenario
    evidence: Evidence
    port: Port
    expected: Expected
    since: float
    start: float
    end: float

    @property
    def value(self) -> Any:
        return self.expected.value

    def talks(self) -> list[Talk]:
        """The conversations that begin between both times, and those under way."""
        return [talk for talk in self.port.talks if talk.end >= self.since and talk.start <= self.end]

    def responses(self, name: str) -> list[Entry]:
        """Messages of a name between both times."""
        return [entry for entry in self.port.messages(self.since, self.end) if entry.name == name]

    def window(self, points: list[tuple[float, float]]) -> list[tuple[float, float]]:
        """The points of a series between both times."""
        return [(time, value) for time, value in points if self.start <= time <= self.end]


Look = Callable[[Frame], Miss | None]


def _at(time: float) -> str:
    return f"at {time:.1f} s"


def _seen(frame: Frame) -> None:
    """Raises Inconclusive where nothing was recorded, or nothing that can be read."""
    if frame.port.encrypted and not frame.port.recording.messages:
        raise Inconclusive("what was said is encrypted", cause=Cause.ENCRYPTED)
    if frame.port.empty:
        raise Inconclusive("nothing was recorded", cause=Cause.NOT_RECORDED)


# ---------------------------------------------------------------------------------------------------------------
# How far a session gets


def _furthest(frame: Frame) -> str:
    steps = [step for step, _ in frame.port.phases(frame.since, frame.end) if step is not Step.END]
    return f"the session got to {max(steps).title}" if steps else "no session began"


def _reach(frame: Frame) -> Miss | None:
    _seen(frame)
    if frame.port.reached(frame.value, frame.since, frame.end) is not None:
        return None
    return Miss(Cause.UNFINISHED, _furthest(frame), stalled=True)


def _never(frame: Frame) -> Miss | None:
    entry = frame.port.reached(frame.value, frame.start, frame.end)
    if entry is not None:
        return Miss(Cause.WENT_ON, f"{entry.name} {_at(entry.time)}")
    _seen(frame)
    return None


def _charges(frame: Frame) -> Miss | None:
    _seen(frame)
    many = sum(
        frame.port.charged(max(frame.since, talk.start), min(frame.end, talk.end)) is not None for talk in frame.talks()
    )
    if many >= int(frame.value):
        return None
    flowed = "no current flowed" if not many else f"current flowed in {many} of {frame.value} sessions"
    return Miss(Cause.OUTPUT_OFF, f"{flowed}; {_furthest(frame)}", stalled=True)


def _tries(frame: Frame) -> Miss | None:
    _seen(frame)
    many = len(frame.talks())
    if many >= int(frame.value):
        return None
    return Miss(Cause.NOT_CONNECTED, f"{many} tries", side="evcc")


def _completes(frame: Frame) -> Miss | None:
    _seen(frame)
    found = frame.talks()
    if found and found[-1].completed:
        return None
    return Miss(Cause.UNFINISHED, f"no SessionStopRes with OK; {_furthest(frame)}", stalled=True)


def _goes_on(frame: Frame) -> Miss | None:
    _seen(frame)
    under_way = [talk for talk in frame.talks() if talk.start <= max(frame.since, frame.port.talks[0].start)]
    if not under_way:
        raise Inconclusive("no session was under way", cause=Cause.POINTLESS)
    talk = under_way[-1]
    if not talk.completed and talk.end >= frame.end - PLAYED:
        return None
    side: Blamed = "evcc" if talk.completed else ""
    return Miss(Cause.CLOSED, f"the session ended {_at(talk.end)}", side, stalled=not side)


# ---------------------------------------------------------------------------------------------------------------
# How a session ends


def _ends(frame: Frame) -> Miss | None:
    _seen(frame)
    limit = frame.since + float(frame.value)
    between = list(frame.port.messages(frame.since - PLAYED, limit))
    if frame.expected.after.startswith("plug"):
        between = [entry for entry in between if entry.time >= frame.since]
    if not between:
        raise Inconclusive(
            f"no session was under way at {frame.expected.after or 'the beginning'!r}", cause=Cause.POINTLESS
        )
    anew = (act.time - frame.port.recording.epoch for act in frame.port.acts if act.mark.split(" ")[0] in ANEW)
    end = min((time for time in anew if time > frame.since), default=frame.end)
    late = next(iter(frame.port.messages(limit + CLOSES, end)), None)
    if late is None and end < limit - CLOSES:
        raise Inconclusive(f"the recording ends before {frame.value:g} s were over", cause=Cause.NOT_RECORDED)
    if late is None:
        return None
    return Miss(Cause.WENT_ON, f"{late.name} {late.time - frame.since:.1f} s after it")


def _silent(frame: Frame) -> Miss | None:
    for entry in frame.port.recording.entries:
        if frame.start <= entry.time <= frame.end and entry.layer in ("message", "sdp") and entry.sender:
            side: Blamed = "evcc" if entry.sender == "evcc" else "secc"
            return Miss(Cause.UNWANTED_MESSAGE, f"{entry.name} {_at(entry.time)}", frame.expected.by or side)
    return None


def _stops(frame: Frame) -> Miss | None:
    _seen(frame)
    found = frame.responses("SessionStopReq")
    words = [str(getattr(entry.body, "ChargingSession", "")) for entry in found]
    if any(word.endswith(str(frame.value)) for word in words):
        return None
    return Miss(Cause.NO_REQUEST, f"SessionStopReq {words[0]}" if words else "no SessionStopReq", stalled=not words)


def _code(frame: Frame) -> Miss | None:
    _seen(frame)
    found = [code_of(entry) for entry in frame.responses(frame.expected.of)]
    if frame.value in found:
        return None
    if not found:
        return Miss(Cause.NO_ANSWER, f"no {frame.expected.of}", stalled=True)
    return Miss(Cause.WRONG_CODE, f"{frame.expected.of} {found[0]}", side="secc")


# ---------------------------------------------------------------------------------------------------------------
# What is spoken, and how it is paid


def _offered(talk: Talk) -> list[str]:
    """Protocols that the vehicle offered, preferred first."""
    for entry in talk.entries:
        if isinstance(entry.body, appproto.supportedAppProtocolReq):
            ranked = sorted(entry.body.AppProtocol, key=lambda offer: offer.Priority)
            found = [meant(offer, PROTOCOLS.values()) for offer in ranked]
            return list(dict.fromkeys(one[0].name for one in found if one is not None))
    return []


def _as_prepared(frame: Frame, talk: Talk) -> None:
    wanted = [WORDS[word].name for word in frame.scenario.prepared.get("vehicle_offers", ())]
    offered = _offered(talk)
    if wanted and offered and offered != wanted:
        raise Inconclusive(
            f"the vehicle offers {', '.join(offered)}, and not {', '.join(wanted)}", cause=Cause.NOT_DECLARED
        )


def _speaks(frame: Frame) -> Miss | None:
    _seen(frame)
    found = [talk for talk in frame.talks() if talk.entries]
    if not found:
        return Miss(Cause.NOT_CONNECTED, "no session began", stalled=True)
    _as_prepared(frame, found[-1])
    spoken = found[-1].protocol
    if spoken == WORDS[frame.value].name:
        return None
    return Miss(Cause.WRONG_MESSAGE, f"{found[-1].title} was spoken", side="secc" if spoken else "", stalled=not spoken)


def _refuses(frame: Frame) -> Miss | None:
    return _REFUSED[frame.value](frame)


def _refuses_protocol(frame: Frame) -> Miss | None:
    _seen(frame)
    answers = frame.responses("supportedAppProtocolRes")
    if not answers:
        if not frame.talks():  # over TLS, or without a connection: nothing was agreed on either
            raise Inconclusive("no handshake was seen", cause=Cause.POINTLESS)
        return Miss(Cause.NO_ANSWER, "supportedAppProtocolReq was not answered", side="secc")
    _as_prepared(frame, frame.talks()[-1])
    if (code := code_of(answers[-1])) != "Failed_NoNegotiation":
        return Miss(Cause.ACCEPTED, f"supportedAppProtocolRes {code}", side="secc")
    more = [entry for entry in frame.talks()[-1].main if entry.index > answers[-1].index]
    if more:
        return Miss(Cause.WENT_ON, f"{more[0].name} after the refusal", side="evcc")
    return None


_FATAL = b"\x02"
"""Level of a TLS alert that breaks the connection off; the others close it in order."""


def _refuses_tls(frame: Frame) -> Miss | None:
    if frame.port.empty:
        raise Inconclusive("nothing was recorded", cause=Cause.NOT_RECORDED)
    if (entry := next(iter(frame.port.messages(frame.since, frame.end)), None)) is not None:
        return Miss(Cause.CERTIFICATE_ACCEPTED, f"the handshake was completed: {entry.name}", side="evcc")
    alerts = [one for one in frame.port.recording.layer("tls") if one.name == "alert" and one.data[:1] == _FATAL]
    if any(entry.sender == "evcc" for entry in alerts):
        return None
    if frame.port.encrypted:
        raise Inconclusive("whether the handshake was completed is encrypted", cause=Cause.ENCRYPTED)
    if any(entry.sender == "secc" for entry in alerts):
        return Miss(Cause.TLS_FAILED, "the charger broke the handshake off", side="secc")
    raise Inconclusive("no TLS handshake was seen", cause=Cause.POINTLESS)


def _choices(frame: Frame) -> list[str]:
    """What the vehicle chose to pay by."""
    return [
        str(getattr(entry.body, field))
        for entry in frame.port.messages(frame.since, frame.end)
        for field in ("SelectedPaymentOption", "SelectedAuthorizationService")
        if hasattr(entry.body, field)
    ]


def _refused_in(*names: str) -> Look:
    def look(frame: Frame) -> Miss | None:
        _seen(frame)
        found = [entry for name in names for entry in frame.responses(name)]
        if any(code_of(entry).startswith(("FAILED", "WARNING")) for entry in found):
            return None
        chosen = _choices(frame)
        if not found or (chosen and not chosen[-1].endswith(_PAID["contract"])):
            raise Inconclusive(f"the vehicle did not try it; {_furthest(frame)}", cause=Cause.POINTLESS)
        return Miss(Cause.CONTRACT_ACCEPTED, f"{found[-1].name} {code_of(found[-1])}", side="secc")

    return look


_REFUSED: Mapping[str, Look] = {
    "protocol": _refuses_protocol,
    "tls": _refuses_tls,
    "contract": _refused_in("PaymentDetailsRes", "AuthorizationRes"),
    "installation": _refused_in("CertificateInstallationRes"),
}


def _stays_without(frame: Frame) -> Miss | None:
    _seen(frame)
    installed = frame.responses("CertificateInstallationRes")
    if not installed:
        return Miss(Cause.NO_REQUEST, f"no CertificateInstallationRes; {_furthest(frame)}", stalled=True)
    used = [entry for entry in frame.responses("PaymentDetailsReq") if entry.index > installed[0].index]
    if used:
        return Miss(Cause.CERTIFICATE_ACCEPTED, "PaymentDetailsReq with the contract that came", side="evcc")
    return None


_PAID = {"contract": ("Contract", "PnC"), "external": ("ExternalPayment", "EIM")}


def _pays(frame: Frame) -> Miss | None:
    _seen(frame)
    chosen = _choices(frame)
    if not chosen:
        return Miss(Cause.NO_REQUEST, _furthest(frame), stalled=True)
    if any(word.endswith(_PAID[frame.value]) for word in chosen):
        return None
    return Miss(Cause.WRONG_FIELD, f"the vehicle chose {chosen[-1]}", side="evcc")


def _offers(frame: Frame) -> Miss | None:
    _seen(frame)
    lists = ("PaymentOptionList", "PaymentOptions", "AuthorizationServices")
    found = [
        entry
        for entry in frame.port.messages(frame.since, frame.end)
        if any(hasattr(entry.body, name) for name in lists)
    ]
    if not found:
        return Miss(Cause.NO_ANSWER, _furthest(frame), stalled=True)
    if any(word in repr(found[-1].body) for word in _PAID[frame.value]):
        return None
    return Miss(Cause.WRONG_FIELD, f"{found[-1].name} does not offer it", side="secc")


def _names(frame: Frame) -> Miss | None:
    _seen(frame)
    found = frame.responses("PaymentDetailsReq")
    if not found and any(talk.protocol == ISO20.name for talk in frame.talks()):
        raise Inconclusive("in ISO 15118-20 the certificate alone names it", cause=Cause.POINTLESS)
    if not found:
        return Miss(Cause.NO_REQUEST, f"no PaymentDetailsReq; {_furthest(frame)}", stalled=True)
    name = str(getattr(found[0].body, "eMAID", ""))
    if 14 <= len(name.replace("-", "")) <= 15:
        return None
    return Miss(Cause.WRONG_FIELD, f"eMAID of {len(name)} characters", side="evcc")


def _stapled(frame: Frame) -> Miss | None:
    _seen(frame)
    tls = frame.port.recording.layer("tls")
    names = {entry.name for entry in tls}
    if names & {"staple", "CertificateStatus"}:
        return None
    if "Certificate" in names:
        return Miss(Cause.NO_ANSWER, "no OCSP response came with the certificate", side="secc")
    raise Inconclusive("the certificates are encrypted", cause=Cause.ENCRYPTED)


# ---------------------------------------------------------------------------------------------------------------
# Power


def _flowing(frame: Frame) -> list[tuple[float, float]]:
    """The current at the outlet: measured where it is, else as the charger says."""
    return frame.port.measured or frame.port.currents


def _current_gone(frame: Frame) -> Miss | None:
    _seen(frame)
    limit = frame.since + float(frame.value) + CLOSES
    before = (amps for time, amps in _flowing(frame) if frame.since - PLAYED <= time <= limit)
    flowed = any(abs(amps) >= FLOWS for amps in before)
    if not flowed and frame.port.reached("cable_check", frame.since - PLAYED, frame.since) is None:
        raise Inconclusive("no current flowed before", cause=Cause.POINTLESS)
    anew = (act.time - frame.port.recording.epoch for act in frame.port.acts if act.mark.split(" ")[0] in ANEW)
    end = min((time for time in anew if time > frame.since), default=frame.end)
    for time, amps in _flowing(frame):
        if limit < time <= end and abs(amps) >= GONE:
            return Miss(Cause.OUTPUT_ON, f"{amps:.1f} A {time - frame.since:.1f} s after it")
    return None


def _bounded(unit: str, points: Callable[[Frame], list[tuple[float, float]]]) -> Look:
    def look(frame: Frame) -> Miss | None:
        _seen(frame)
        most, least = frame.value.get("most"), frame.value.get("least")
        found = frame.window(points(frame))
        if not found:
            return _unsaid(frame, "current" if unit == "A" else "power")
        for time, value in found:
            if most is not None and value > most:
                return Miss(Cause.LIMIT_EXCEEDED, f"{value:.2f} {unit} {_at(time)}")
            if least is not None and value < least:
                return Miss(Cause.PHYSICS, f"{value:.2f} {unit} {_at(time)}")
        return None

    return look


def _unsaid(frame: Frame, what: str) -> Miss:
    """No value was said: the session did not get there, or its messages have none.

    Raises:
        Inconclusive: they have none, as in AC.
    """
    if any(step is Step.CHARGING for step, _ in frame.port.phases(frame.since, frame.end)):
        raise Inconclusive(f"the messages of this session say no {what}", cause=Cause.POINTLESS)
    return Miss(Cause.OUTPUT_OFF, f"no {what} was said; {_furthest(frame)}", stalled=True)


def _met(frame: Frame) -> Miss | None:
    _seen(frame)
    known = series(frame.port.recording)
    present = frame.window(frame.port.currents)[-5:]
    if not present:
        return _unsaid(frame, "current")
    time = present[-1][0]
    asked, (most, watts) = _last(known, "target_current", time), frame.port.ceiling(time)
    volts = _last(known, "present_voltage", time) or math.inf
    wanted = min(asked, most, watts / volts if math.isfinite(volts) else math.inf) if asked is not None else None
    if wanted is None or wanted < FLOWS:
        raise Inconclusive("the vehicle asked for no current", cause=Cause.POINTLESS)
    amps = statistics.median(value for _, value in present)
    if amps >= wanted * float(frame.value) / 100.0:
        return None
    return Miss(Cause.PHYSICS, f"{amps:.1f} A of {wanted:.1f} A")


def _last(known: Mapping[str, Any], name: str, time: float) -> float | None:
    points = known[name].points if name in known else []
    before = [value for at, value in points if at <= time]
    return before[-1] if before else None


def _limits(frame: Frame) -> Miss | None:
    _seen(frame)
    present = frame.window(frame.port.currents)
    if not present:
        return _unsaid(frame, "current")
    for time, amps in present:
        most = max(frame.port.ceiling(time)[0], frame.port.ceiling(time - FOLLOWS)[0])
        if amps > most * 1.02 + 1.0:
            return Miss(Cause.LIMIT_EXCEEDED, f"{amps:.1f} A of {most:.1f} A {_at(time)}", side="secc")
    return _ruled(frame, "secc", ("limits", "target"))


def _energy(frame: Frame) -> Miss | None:
    _seen(frame)
    found = frame.window(frame.port.powers)
    into = energies(found)[0]
    if into <= float(frame.value["most"]):
        return None
    return Miss(Cause.LIMIT_EXCEEDED, f"{into:.2f} kWh")


def _ruled(frame: Frame, side: str, words: tuple[str, ...]) -> Miss | None:
    """The first violation by a side of a rule whose name begins with one of these words."""
    for one in frame.port.judgement.findings:
        if one.severity == "violation" and one.rule.startswith(words) and (not side or one.side == side):
            blamed: Blamed = "evcc" if one.side == "evcc" else "secc" if one.side == "secc" else ""
            return Miss(Cause.WRONG_FIELD, one.text, blamed)
    return None


def _profile(frame: Frame) -> Miss | None:
    _seen(frame)
    if not frame.responses("PowerDeliveryReq"):
        return Miss(Cause.NO_REQUEST, f"no PowerDeliveryReq; {_furthest(frame)}", stalled=True)
    return _ruled(frame, "evcc", ("profile", "schedule-not-offered"))


def _copes(frame: Frame) -> Miss | None:
    """With what no charger may send, a vehicle keeps to it as far as it can be read, or ends the session in order."""
    _seen(frame)
    if frame.responses("PowerDeliveryReq"):
        return _ruled(frame, "evcc", ("profile", "schedule-not-offered"))
    if frame.talks() and frame.talks()[-1].completed:
        return None
    return Miss(Cause.UNFINISHED, _furthest(frame), stalled=True)


def _schedule(frame: Frame) -> Miss | None:
    _seen(frame)
    names = ("ChargeParameterDiscoveryRes", "ScheduleExchangeRes")
    found = [entry for name in names for entry in frame.responses(name)]
    if not any("Schedule" in repr(entry.body) for entry in found):
        return Miss(Cause.NO_ANSWER, f"no schedule came; {_furthest(frame)}", stalled=not found)
    return _ruled(frame, "secc", ("schedule",))


# ---------------------------------------------------------------------------------------------------------------


def _asked(frame: Frame) -> Miss | None:
    answer = frame.evidence.answers.get(frame.value)
    if answer is None:
        raise Inconclusive(f"nobody answered: {QUESTIONS[frame.value]}", cause=Cause.NO_ACTION)
    return None if answer else Miss(Cause.ANSWERED_NO, "no")


LOOKS: Mapping[str, tuple[str, Look]] = {
    "reach": ("the session gets to {0}", _reach),
    "never": ("the session never gets to {0}", _never),
    "charges": ("current flows, in {0} session(s)", _charges),
    "tries": ("the vehicle connects {0} times", _tries),
    "completes": ("the session ends with SessionStop", _completes),
    "goes_on": ("the session goes on", _goes_on),
    "ends": ("the session is over within {0} s", _ends),
    "silent": ("no session begins", _silent),
    "stops": ("SessionStopReq says {0}", _stops),
    "code": ("the response code is {0}", _code),
    "speaks": ("the protocol is {0}", _speaks),
    "refuses": ("refused: {0}", _refuses),
    "stays_without": ("the vehicle does not use the {0} that came", _stays_without),
    "pays": ("payment by {0}", _pays),
    "offers": ("payment is offered too: {0}", _offers),
    "names": ("the contract is named by its {0}", _names),
    "stapled": ("the charger staples an OCSP response", _stapled),
    "current_gone": ("the current is gone within {0} s", _current_gone),
    "current": ("the current (A) stays at {0}", _bounded("A", lambda frame: frame.port.currents)),
    "power": ("the power (kW) stays at {0}", _bounded("kW", lambda frame: frame.port.powers)),
    "met": ("the charger gives at least {0} % of what is asked for", _met),
    "limits": ("the charger's limits are {0}", _limits),
    "energy": ("the energy (kWh) is {0}", _energy),
    "copes": ("the vehicle follows the {0}, or ends the session in order", _copes),
    "profile": ("the charging profile {0} the schedule", _profile),
    "schedule": ("the charger's schedule is {0}", _schedule),
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
