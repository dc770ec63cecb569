"""A recording against the rules: order, content, times, transport. The rules know no role and need no session.

::

    findings = check(load(Path("session.pcapng")))
    print(verdict(recording, findings).result)
"""

from __future__ import annotations

from traces.checks import content, contract, matching, order, transport
from traces.checks.findings import Finding, Severity, Verdict
from traces.measure import Measure, measure
from traces.recording import Recording
from traces.talks import TITLES, talks

__all__ = ["RULES", "Finding", "Severity", "Verdict", "check", "verdict"]

RULES = {
    "order": "requests follow the table of the protocol",
    "handshake-order": "one supportedAppProtocol per connection",
    "incomplete": "the recording has the session from its start",
    "unasked": "every response has a request",
    "unanswered": "every request gets a response",
    "response-type": "a response has the type of its request",
    "refused": "requests are answered with OK",
    "sequence-error": "FAILED_SequenceError only for what is out of order",
    "sequence-tolerated": "what is out of order is refused",
    "after-refusal": "a refusal ends the session",
    "session-id": "one session id, 8 bytes, not zero",
    "undecodable": "every payload can be decoded",
    "not-a-message": "every payload is a message of the session",
    "schema": "values keep the facets of the schema",
    "target-voltage": "targets keep the charger's limits",
    "target-current": "targets keep the charger's limits",
    "over-voltage": "the output keeps the vehicle's limits",
    "over-current": "the output keeps the vehicle's limits",
    "cable-check": "a cable check ends with a valid insulation",
    "precharge-current": "precharge at 2 A at most",
    "precharge-voltage": "contactors close within 20 V",
    "schedule": "a finished parameter discovery has a schedule",
    "signature": "signatures hold, and are where they have to be",
    "signature-form": "signatures have the usual form",
    "challenge": "GenChallenge is random, and comes back as it was sent",
    "receipt": "receipts acknowledge what was sent",
    "timing": "times keep their limits",
    "slac-frame": "HomePlug frames can be read",
    "slac-value": "SLAC messages have their fixed values, and those that were agreed",
    "slac-count": "three STARTs, ten sounds",
    "slac-match": "a matching ends with a match, and with a link",
    "slac-key": "nobody sets another key while a session runs",
    "slac-address": "vehicle and charger have addresses of their own",
    "sdp": "discovery messages are usable",
    "sdp-count": "at most 50 SDP requests",
    "sdp-port": "the TCP port is a dynamic one",
    "sdp-followed": "the connection goes to what was announced",
    "tls": "TLS where the protocol wants it",
    "tls-version": "the TLS version of the protocol",
    "tls-suite": "a cipher suite of the protocol",
    "tls-alert": "no fatal TLS alert",
    "certificate": "certificates keep their profile",
    "v2gtp": "V2GTP headers are right",
    "v2gtp-type": "payload types of the protocol",
    "not-completed": "a session ends with SessionStop",
    "tolerance": "nothing had to be tolerated",
    "error": "the role that wrote the trace met no error",
}
"""Rules that can be broken, and what they ask for; notes have others besides."""


def check(recording: Recording) -> list[Finding]:
    """Everything that is not as it should be, in order of time."""
    found = [*matching.matching(recording)]
    found += [*transport.discovery(recording), *transport.told(recording)]
    conversations = talks(recording)
    for number, talk in enumerate(conversations, 1):
        found += order.order(talk)
        found += order.after_refusal(talk)
        found += order.session_ids(talk)
        found += content.schema(talk)
        found += content.values(talk)
        found += content.direct_current(talk)
        found += content.schedules(talk)
        found += content.reports(talk)
        found += contract.signatures(talk)
        found += transport.connection(talk)
        found += transport.ending(talk, last=number == len(conversations))
    found += late(measure(recording))
    return sorted(found, key=lambda finding: finding.time)


def late(measures: list[Measure]) -> list[Finding]:
    """Limits that were not kept: one finding per limit and kind, at the worst case.

    A missed time-out is a violation: the other side would have given up. A missed performance time is a warning,
    because it was measured elsewhere than at the sender.
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
    """One word on a recording."""
    conversations = talks(recording)
    violations = sum(f.severity == "violation" for f in findings)
    warnings = sum(f.severity == "warning" for f in findings)
    if not conversations and violations:
        return Verdict("failed", f"no V2G message; {_count(violations, 'violation')}, {_count(warnings, 'warning')}")
    if not conversations:
        why = "it stayed encrypted" if not recording.plain else "there is none in it"
        return Verdict("empty", f"no V2G message to judge: {why}")
    what = ", ".join(dict.fromkeys(TITLES[talk.protocol] for talk in conversations))
    state = "completed" if conversations[-1].completed else "not completed"
    said = f"{what}, {state}, {len(recording.messages)} messages"
    if violations:
        return Verdict("failed", f"{said}; {_count(violations, 'violation')}, {_count(warnings, 'warning')}")
    if warnings:
        return Verdict("warnings", f"{said}; {_count(warnings, 'warning')}")
    return Verdict("passed", said)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"
