"""Everything below the messages: discovery, TCP, TLS and framing. Matching is in `plugfest.traces.checks.matching`."""

from __future__ import annotations

from collections.abc import Iterator

from plugfest.traces.entries import EVCC, SECC, Recording
from plugfest.traces.findings import Finding, Severity, about
from plugfest.traces.requirements import Topic, requirement
from plugfest.traces.talks import Talk
from v2g import sdp
from v2g.errors import RemoteError
from v2g.protocols import PROTOCOLS

_SUITES = {
    "iso2": (
        "TLS 1.2",
        ("TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA256"),
        "V2G2-602",
    ),
    "iso20": ("TLS 1.3", ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"), "V2G20-2458"),
}
"""Protocol -> version and suites of its profile, and the source."""


def discovery(recording: Recording) -> Iterator[Finding]:
    """SDP messages are usable, and the connection goes to the announced endpoint."""
    asked = 0
    security: int | None = None
    announced: sdp.Response | None = None
    for entry in recording.entries:
        if entry.layer == "sdp":
            try:
                if entry.name == "SDPRequest":
                    wanted = sdp.parse_request(entry.data).security
                    # Without an answer a vehicle may start over; a real one then asks without TLS.
                    asked = asked + 1 if wanted == security else 1
                    security = wanted
                    if asked == 51:
                        yield about(entry, "violation", EVCC, "sdp-count", "more than 50 SDP requests", "V2G2-161")
                    continue
                announced = sdp.parse_response(entry.data)
            except RemoteError as why:
                yield about(entry, "violation", entry.sender, "sdp", str(why))
                continue
            asked = 0
            problem = announced.unsuitable()
            if problem is not None:
                yield about(entry, "violation", SECC, "sdp", f"SDP response: {problem}")
            elif announced.port < 49152:
                text = f"SDP response with port {announced.port}, expected one from 49152 on"
                yield about(entry, "warning", SECC, "sdp-port", text)
            if security is not None and security == sdp.TLS and announced.security == sdp.NO_TLS:
                yield about(entry, "note", SECC, "sdp-security", "TLS was requested, but is not offered", "V2G2-627")
        elif entry.layer == "tcp" and entry.name == "connected" and announced is not None and ">" in entry.note:
            if not entry.note.endswith(f":{announced.port}"):
                text = f"connected to {entry.note.rpartition('> ')[2]}, but port {announced.port} was announced"
                yield about(entry, "violation", EVCC, "sdp-followed", text)


def connection(talk: Talk) -> Iterator[Finding]:
    """TLS if the protocol requires it, framing without errors, and a normal end."""
    contract = any(
        str(getattr(e.body, "SelectedPaymentOption", "")) == "Contract" for e in talk.entries if e.sender == EVCC
    )
    first = talk.entries[0]
    protocol = PROTOCOLS.get(talk.protocol)
    ask = requirement(Topic.TRANSPORT, talk.protocol)
    if protocol is not None and not protocol.abilities.tls and talk.secure:
        yield about(first, "warning", EVCC, "tls", f"{talk.title} over TLS, which it does not support")
    yield from _without_certificates(talk)
    if contract and not talk.secure:
        yield about(first, "violation", EVCC, "tls", "contract payment without TLS", ask)
    spoken = any(e.message is not None and e.schema != "appproto" for e in talk.entries)
    profile = _SUITES.get(talk.protocol) if spoken else None  # otherwise nobody agreed on it
    for entry in talk.others:
        match entry.layer, entry.name:
            case "tls", "ServerHello" | "handshake" if profile is not None and entry.note:
                version, suites, profiled = profile
                chosen, suite = [*entry.note.partition(";")[0].split(", "), ""][:2]
                if chosen != version:
                    yield about(entry, "violation", SECC, "tls-version", f"{chosen}, expected {version}", profiled)
                elif suite not in suites:
                    text = f"{suite}, expected {' or '.join(suites)}"
                    yield about(entry, "violation", SECC, "tls-suite", text, profiled)
            case "tls", "alert" if entry.note.startswith("fatal") or entry.data[:1] == b"\x02":
                yield about(entry, "violation", entry.sender, "tls-alert", f"TLS alert {entry.note}")
            case "tls", "handshake-failed":
                yield about(entry, "violation", "", "tls-alert", entry.note)
            case "tls", "certificate-deviation":
                yield about(entry, "warning", "", "certificate", entry.note)
            case "tls", "remark":
                yield about(entry, "note", "", "tls-unread", entry.note)
            case "v2gtp", "broken":
                yield about(entry, "violation", entry.sender, "v2gtp", entry.note, "V2G2-800")
            case "v2gtp", "skipped":
                yield about(entry, "warning", entry.sender, "v2gtp-type", entry.note, "V2G2-800")
            case "tcp", "lost":
                yield about(entry, "note", "", "capture-gap", entry.note)


def _without_certificates(talk: Talk) -> Iterator[Finding]:
    """Protocols that require certificates of both sides, offered or used without them [V2G20-1237, 1805, 2356]."""
    own = {offer.namespace: name for name, p in PROTOCOLS.items() if p.abilities.mutual for offer in p.offers}
    wanted = {name for namespace in talk.offers.values() if (name := own.get(namespace)) is not None}
    spoken = talk.protocol in own.values()
    if not talk.secure:
        for name in (*wanted, *({talk.protocol} if spoken else ())):
            ask, what = requirement(Topic.TRANSPORT, name), f"{PROTOCOLS[name].title} without TLS"
            offer = next((e for e in talk.entries if e.sender == EVCC), None)
            if offer is not None:
                severity: Severity = "violation" if spoken else "warning"
                yield about(offer, severity, EVCC, "tls", f"the vehicle offers {what}", ask)
            answer = next((e for e in talk.entries if e.sender == SECC), None)
            if answer is not None and spoken:
                yield about(answer, "violation", SECC, "tls", f"the charger agrees to {what}", ask)
            break
        return
    if not spoken:
        return
    shown = {e.sender: e for e in talk.others if e.layer == "tls" and e.name in ("certificates", "Certificate")}
    asked = any(e.layer == "tls" and e.name == "CertificateRequest" for e in talk.others)
    ask = requirement(Topic.TRANSPORT, talk.protocol)
    if SECC in shown and not asked:
        text = f"{talk.title} over TLS without the vehicle's certificate: the charger did not ask for it"
        yield about(shown[SECC], "violation", SECC, "tls", text, ask)
    elif asked and EVCC in shown and not shown[EVCC].data and shown[EVCC].note in ("", "none"):
        text = f"{talk.title} over TLS without the vehicle's certificate: the vehicle sent none"
        yield about(shown[EVCC], "violation", EVCC, "tls", text, ask)


_WEIGHTS: dict[str, Severity] = {"slow-answer": "warning", "ended": "note", "renegotiation": "note"}
"""Errors that a role reports about itself: those that end nothing; the chain judges its reason for an end."""


def told(recording: Recording) -> Iterator[Finding]:
    """What the role that wrote a trace reported itself."""
    for entry in recording.entries:
        if entry.layer == "tolerance":
            yield about(entry, "warning", "", "tolerance", f"{entry.name}: {entry.note}")
        elif entry.layer == "error":
            severity = _WEIGHTS.get(entry.name, "violation")
            yield about(entry, severity, "", "error", f"{entry.name}: {entry.note}".removesuffix(": "))
