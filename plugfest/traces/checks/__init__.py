"""A recording against the rules: order, content, times, transport. The rules know no role and need no session.

::

    findings = check(load(Path("session.pcapng")))
    print(verdict(recording, findings).result)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from plugfest.traces import chain
from plugfest.traces.chain import Diagnosis, Outcome, Reached, Step
from plugfest.traces.chain.steps import WHO
from plugfest.traces.checks import content, contract, matching, order, pilot, transport
from plugfest.traces.checks.repeated import counted, told
from plugfest.traces.entries import SECC, Recording
from plugfest.traces.findings import Finding, Severity, Verdict
from plugfest.traces.measure import Measure, measure
from plugfest.traces.proofs import Roots, chains
from plugfest.traces.talks import talks
from v2g.rules.table import RULES as CONTENT

__all__ = ["RULES", "Finding", "Judgement", "Severity", "Verdict", "check", "judge", "verdict"]

RULES = {
    "order": "requests follow the protocol's order",
    "handshake-order": "one supportedAppProtocol per connection",
    "incomplete": "the recording has the session from its start",
    "unasked": "every response has a request",
    "unanswered": "every request gets a response, and every response a next request, in time",
    "twice": "one request at a time, and one response to it",
    "response-type": "a response has the type of its request",
    "refused": "requests are answered with OK",
    "no-protocol": "vehicle and charger have a protocol in common",
    "sequence-error": "FAILED_SequenceError only for a request that is out of order",
    "sequence-tolerated": "a request that is out of order is refused",
    "after-refusal": "a refusal ends the session",
    "pilot-state": "the vehicle shows the pilot state that a request presupposes",
    "session-id": "one session id, 8 bytes, not zero",
    "undecodable": "every payload can be decoded",
    "not-a-message": "every payload is a message of the session",
    "schema": "values are within the schema's facets",
    "signature": "signatures are valid, and present where required",
    "signature-form": "signatures have the usual form",
    "timing": "times stay within their limits",
    "slac-frame": "HomePlug frames can be read",
    "slac-value": "SLAC messages have their fixed and agreed values",
    "slac-count": "three STARTs, ten sounds",
    "slac-match": "a matching ends with a match, and with a link",
    "slac-link": "the power line link stays up during a session",
    "slac-key": "the network key does not change during a session",
    "slac-address": "vehicle and charger have different addresses",
    "link-lost": "link and control pilot stay up to the end",
    "sdp-unanswered": "a charger answers SDP",
    "neighbour": "neighbours answer neighbour discovery",
    "tcp": "the charger accepts the connection",
    "sdp": "discovery messages are usable",
    "sdp-count": "at most 50 SDP requests",
    "sdp-port": "the TCP port is a dynamic one",
    "sdp-followed": "the connection goes to the address and port announced",
    "tls": "TLS where the protocol requires it",
    "tls-version": "the TLS version of the protocol",
    "tls-suite": "a cipher suite of the protocol",
    "tls-alert": "no fatal TLS alert",
    "certificate": "certificates follow their profile",
    "certificate-path": "chains lead to the given roots and are valid",
    "v2gtp": "V2GTP headers are correct",
    "v2gtp-type": "payload types of the protocol",
    "not-completed": "a session ends with SessionStop",
    "not-charged": "a session charges",
    "no-current": "current flows in the charge loop",
    "fault-told": "neither side reports a fault",
    "tolerance": "nothing had to be tolerated",
    "error": "the role that wrote the trace had no error",
    **{rule.name: rule.asks for rule in CONTENT},
}
"""Rules that can be broken, and what they require; notes use further ones."""


def check(recording: Recording, roots: Roots | None = None) -> list[Finding]:
    """Everything that is wrong, in order of time; see :func:`judge`."""
    return judge(recording, roots).findings


@dataclass(frozen=True)
class Judgement:
    """The judgement of a recording.

    Attributes:
        findings: in order of time; repeated ones become one with a count, and mere consequences of the first failure
            are left out.
        diagnosis: the first step that failed. verdict: result and sentence.
        steps: the steps reached, in order.
    """

    findings: list[Finding]
    diagnosis: Diagnosis
    verdict: Verdict
    steps: tuple[Reached, ...] = ()


def judge(recording: Recording, roots: Roots | None = None) -> Judgement:
    """Findings, diagnosis and verdict.

    Args:
        roots: the trust anchors for certificates; None: their paths are not judged.
    """
    found = list(_rules(recording))
    if roots is not None:
        found += contract.untrusted(chains(recording, roots))
    diagnoses, steps = chain.diagnose(recording, found)
    findings = sorted(counted(told(found, diagnoses, recording.entries)), key=lambda finding: finding.time)
    diagnosis = chain.main(diagnoses)
    return Judgement(findings, diagnosis, _verdict(recording, findings, diagnosis), tuple(steps))


def _rules(recording: Recording) -> Iterator[Finding]:
    """The findings of the individual rules."""
    yield from matching.matching(recording)
    yield from transport.discovery(recording)
    yield from transport.told(recording)
    shown = pilot.Readings(recording)
    for talk in talks(recording):
        yield from order.order(talk)
        yield from order.beside(talk)
        yield from order.twice(talk)
        yield from order.after_refusal(talk)
        yield from order.session_ids(talk)
        yield from pilot.pilot(talk, shown)
        yield from content.schema(talk)
        yield from content.rules(talk)
        yield from contract.proofs(talk)
        yield from transport.connection(talk)
    yield from late(measure(recording))


def late(measures: list[Measure]) -> list[Finding]:
    """Missed limits: one finding per limit and kind, at the worst case.

    A missed time-out is a violation: the other side would have given up. A missed performance time is a warning,
    because it was not measured at the sender.
    """
    groups: dict[tuple[str, str], list[Measure]] = {}
    for one in measures:
        groups.setdefault((one.timer, one.what), []).append(one)
    timed_out = {(one.what, one.entry) for one in measures if not one.kept and one.is_timeout}
    found = []
    for (timer, what), group in groups.items():
        missed = [one for one in group if not one.kept and (one.is_timeout or (what, one.entry) not in timed_out)]
        if not missed:
            continue
        worst = (min if missed[0].shortest else max)(missed, key=lambda one: one.seconds)
        bound = "at least" if worst.shortest else "at most"
        often = f", {len(missed)} of {len(group)} times" if len(group) > 1 else ""
        text = f"{what}: {_time(worst.seconds)}, {bound} {_time(worst.limit)} ({timer}){often}"
        severity: Severity = "violation" if worst.is_timeout else "warning"
        found.append(Finding(worst.at, severity, worst.side, "timing", text, worst.requirement, worst.entry))
    return found


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def verdict(recording: Recording, findings: list[Finding]) -> Verdict:
    """One word and one sentence about a recording, based on what :func:`check` found."""
    return _verdict(recording, findings, chain.main(chain.diagnose(recording, findings)[0]))


def _verdict(recording: Recording, findings: list[Finding], diagnosis: Diagnosis) -> Verdict:
    violations = [f for f in findings if f.severity == "violation"]
    warnings = [f for f in findings if f.severity == "warning"]
    details = _details(recording, violations, warnings, diagnosis.connection)
    sentence = diagnosis.sentence
    if diagnosis.outcome is Outcome.EMPTY and not violations:
        return Verdict("empty", sentence, details)
    if diagnosis.failed or violations:
        if not diagnosis.failed and violations:
            joint = "and" if diagnosis.outcome is Outcome.NOT_CHARGED else "however,"
            sentence += f"; {joint} {_broken(violations[0])}"
        return Verdict("failed", sentence, details)
    if diagnosis.outcome is Outcome.OPEN and diagnosis.due_from == SECC and diagnosis.step is not Step.CHARGING:
        return Verdict("not decided", sentence, details)
    charged = diagnosis.outcome is not Outcome.NOT_CHARGED
    return Verdict("warnings" if warnings else "passed", sentence, details, charged)


def _broken(one: Finding) -> str:
    """Says that a side broke a rule, in words that continue a sentence."""
    who = WHO[one.side]
    return one.text if one.text.startswith(f"{who} ") else f"{who} broke a rule: {one.text}"


def _details(recording: Recording, violations: list[Finding], warnings: list[Finding], connection: int) -> str:
    """What was recorded, and how much was found."""
    conversations = talks(recording)
    words = []
    if conversations:
        words.append(", ".join(dict.fromkeys(talk.title for talk in conversations)))
        judged = next((talk for talk in conversations if talk.number == connection), conversations[-1])
        words.append("completed" if judged.completed else "not completed")
        words.append(_count(len(recording.messages), "message"))
    else:
        words.append("no V2G message" if recording.plain else "no V2G message that is not encrypted")
    counts = [_count(len(found), word) for found, word in ((violations, "violation"), (warnings, "warning")) if found]
    return ", ".join(words) + ("; " + ", ".join(counts) if counts else "")


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
