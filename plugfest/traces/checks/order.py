"""Order, pairing, session ids and response codes of messages, against the tables of :mod:`v2g.sequence`."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from plugfest.traces.chain.reasons import NEARLY
from plugfest.traces.entries import EVCC, SECC, Entry
from plugfest.traces.findings import Finding, Severity, about
from plugfest.traces.requirements import Topic, requirement
from plugfest.traces.talks import ORDERS, Exchange, Talk, code_of
from v2g import naming
from v2g.protocols import PROTOCOLS
from v2g.sequence import START, Sequence
from v2g.status import refuses

_ISO2 = {
    (START, ""): "V2G2-543",
    ("SessionSetupReq", ""): "V2G2-543",
    ("ServiceDiscoveryReq", ""): "V2G2-545",
    ("PaymentServiceSelectionReq", ""): "V2G2-551",
    ("CertificateInstallationReq", ""): "V2G2-554",
    ("CertificateUpdateReq", ""): "V2G2-557",
    ("PaymentDetailsReq", ""): "V2G2-560",
    ("AuthorizationReq", "Ongoing"): "V2G2-684",
    ("AuthorizationReq", "AC"): "V2G2-573",
    ("AuthorizationReq", "DC"): "V2G2-687",
    ("ChargeParameterDiscoveryReq", "Ongoing"): "V2G2-688",
    ("ChargeParameterDiscoveryReq", "DC"): "V2G2-582",
    ("CableCheckReq", "Ongoing"): "V2G2-621",
    ("CableCheckReq", ""): "V2G2-584",
    ("PreChargeReq", ""): "V2G2-587",
    ("PowerDeliveryReq", "AC"): "V2G2-576",
    ("PowerDeliveryReq", "DC"): "V2G2-590",
    ("ChargingStatusReq", ""): "V2G2-575",
    ("CurrentDemandReq", ""): "V2G2-593",
    ("MeteringReceiptReq", "AC"): "V2G2-580",
    ("MeteringReceiptReq", "DC"): "V2G2-797",
    ("WeldingDetectionReq", ""): "V2G2-597",
}
"""Last answered request, and whether that was Ongoing or for AC or DC -> the requirement for the next request."""

_FINE = {"iso2": _ISO2}
"""Protocols in which each step has its own requirement."""


def _requirement(talk: Talk, last: Exchange | None) -> str:
    fine, wide = _FINE.get(talk.protocol, {}), requirement(Topic.ORDER, talk.protocol)
    after = last.name if last is not None else START
    processing = str(getattr(last.response.body, "EVSEProcessing", "")) if last and last.response else ""
    kind = "Ongoing" if processing.startswith("Ongoing") else "AC" if talk.ac else "DC"
    return fine.get((after, kind)) or fine.get((after, "")) or wide


def order(talk: Talk) -> Iterator[Finding]:
    """Checks every request against the table of the protocol, and every response against its request."""
    table = ORDERS.get(talk.protocol)
    sequence = Sequence(table) if table is not None else None
    last: Exchange | None = None
    joined = not _from_start(talk)
    """What came before is not in the recording: the next request is accepted as it is."""
    seen = talk.entries[0]
    for number, exchange in enumerate(talk.exchanges):
        request, response = exchange.request, exchange.response
        joined = joined or talk.misses(EVCC, seen, exchange.first) or talk.misses(SECC, seen, exchange.first)
        seen = exchange.first
        if request is None:
            assert response is not None
            before = talk.exchanges[number - 1].response if number else None
            doubled = before is not None and before.name == response.name
            missed = talk.misses(EVCC, response, response)  # its request may not have been captured
            if number and not doubled and not missed:
                ask = requirement(Topic.RESPONSE, talk.protocol)
                yield about(response, "violation", SECC, "unasked", f"{response.name} without a request", ask)
            continue
        handshake = request.schema == "appproto"
        if handshake:
            if number and request.message is not None:
                yield about(request, "violation", EVCC, "handshake-order", "a second supportedAppProtocolReq")
        elif joined and sequence is not None and request.message is not None:
            if request.name != "SessionSetupReq" and last is None:
                text = f"begins mid-session with {request.name}: the start is not in the recording"
                yield about(request, "note", "", "incomplete", text)
            sequence.dc = not talk.ac
        legal = True
        if sequence is not None and not handshake and not joined and request.message is not None:
            verdict = sequence.verdict(request.body)
            legal = verdict == "legal"
            if not legal:
                where = f"after {last.name}" if last is not None else "at the start"
                text = f"{request.name} {where}, expected {sequence.expected()}"
                severity: Severity = "warning" if verdict == "tolerated" else "violation"
                yield about(request, severity, EVCC, "order", text, _requirement(talk, last))
        following = talk.exchanges[number + 1].request if number + 1 < len(talk.exchanges) else None
        yield from _response(talk, exchange, legal, following)
        if sequence is not None and not handshake and response is not None and request.message is not None:
            sequence.advance(request.body, response.body)
            last, joined = exchange, False


def _from_start(talk: Talk) -> bool:
    """Whether a recording contains the start of a connection: its opening, its handshake, or SessionSetup."""
    first = talk.exchanges[0].name if talk.exchanges else ""
    opened = any(e.layer == "tcp" and e.name == "connected" and e.time <= talk.start for e in talk.others)
    return opened or first in ("supportedAppProtocolReq", "supportedAppProtocolRes", "SessionSetupReq")


def _response(talk: Talk, exchange: Exchange, legal: bool, following: Entry | None) -> Iterator[Finding]:
    request, response = exchange.request, exchange.response
    assert request is not None
    if response is None:
        limit = talk.timing.message_timeout(request.name)
        unseen = following is not None and talk.misses(SECC, request, following)
        waits = following is not None and following.time - request.time >= limit * NEARLY
        if waits and not unseen and request.message is not None:
            text = f"{request.name} got no answer, and the vehicle went on"
            yield about(request, "violation", SECC, "unanswered", text)
        return
    expected = naming.response(request.name)
    if response.message is not None and request.message is not None and response.name != expected:
        text = f"{response.name} in answer to {request.name}"
        yield about(response, "violation", SECC, "response-type", text, requirement(Topic.RESPONSE, talk.protocol))
    code = code_of(response)
    if refuses(code):
        yield about(response, "warning", SECC, "refused", f"{response.name} {code}")
        if code == "FAILED_SequenceError" and legal:
            ask = requirement(Topic.SEQUENCE_ERROR, talk.protocol)
            yield about(response, "violation", SECC, "sequence-error", f"{request.name} was in order", ask)
    elif not legal and talk.protocol and code.startswith("OK"):
        text = f"{request.name} was not in order, and answered with {code}"
        yield about(response, "note", SECC, "sequence-tolerated", text, requirement(Topic.TOLERATED, talk.protocol))


def _ends(entry: Entry) -> bool:
    """Whether a request ends the session: a SessionStopReq that does not continue with another service."""
    return entry.name == "SessionStopReq" and getattr(entry.body, "ChargingSession", "") != "ServiceRenegotiation"


def beside(talk: Talk) -> Iterator[Finding]:
    """The same for each side stream separately (ISO 15118-20): its order, its pairs, and when it may be open."""
    protocol = PROTOCOLS.get(talk.protocol)
    stopped = next((x.request.index for x in talk.exchanges if x.request is not None and _ends(x.request)), None)
    for stream, exchanges in talk.sides.items():
        side = protocol.side.get(stream) if protocol is not None else None
        sequence = Sequence(side.order, dc=not talk.ac) if side is not None else None
        title = side.title if side is not None else f"stream 0x{stream:04x}"
        last: Exchange | None = None
        for number, exchange in enumerate(exchanges):
            request, response = exchange.request, exchange.response
            if request is None:
                assert response is not None
                text = f"{title}: {response.name} without a request"
                yield about(response, "violation", SECC, "unasked", text)
                continue
            legal = True
            if sequence is not None and request.message is not None:
                legal = sequence.verdict(request.body) != "illegal"
                if not legal:
                    where = f"after {last.name}" if last is not None else "at the start"
                    text = f"{title}: {request.name} {where}, expected {sequence.expected()}"
                    yield about(request, "violation", EVCC, "order", text, requirement(Topic.ORDER, talk.protocol))
            if stopped is not None and request.index > stopped:
                text = f"{title}: {request.name} after SessionStopReq"
                yield about(request, "violation", EVCC, "order", text)
            if response is None:
                limit = talk.timing.message_timeout(request.name)
                until = exchanges[number + 1].first.time if number + 1 < len(exchanges) else talk.end
                if until - request.time >= limit * NEARLY and (stopped is None or request.index < stopped):
                    text = f"{title}: {request.name} got no answer in {until - request.time:.1f} s"
                    yield about(request, "violation", SECC, "unanswered", text)
                continue
            yield from _response(talk, exchange, legal, None)
            if sequence is not None and request.message is not None:
                sequence.advance(request.body, response.body)
                last = exchange


_ONCE = {"PowerDeliveryReq"}
"""Requests that add nothing when they are repeated."""


def twice(talk: Talk) -> Iterator[Finding]:
    """One request is outstanding at a time, each gets one answer. Only the first finding: after it nothing matches."""
    found = next(_twice(talk), None) or _too_early(talk)
    if found is not None:
        yield found


def _too_early(talk: Talk) -> Finding | None:
    """A surplus answer, as its receiver sees it: it reads one per request, until one does not match.

    That one belongs to the previous request, and so does every answer since one that repeats the answer before it byte
    for byte.
    """
    for place, (before, after) in enumerate(pairwise(talk.exchanges), 1):
        if before.request is None or after.request is None or before.response is None or after.response is None:
            continue
        due = naming.response(after.name)
        if after.response.name in (due, "") or after.response.name != naming.response(before.name):
            continue
        earlier = [x.response for x in talk.exchanges[:place] if x.response is not None]
        for one, same in pairwise(earlier):
            if one.name == same.name == after.response.name and one.data == same.data:
                text = f"{same.name} was sent twice: it is identical byte for byte, and no answer fits after it"
                return about(same, "violation", SECC, "twice", text)
    return None


def _twice(talk: Talk) -> Iterator[Finding]:
    waiting: list[Entry] = []
    asked = False
    asked_last: Entry | None = None
    before: Entry | None = None
    for entry in talk.main if not talk.gaps else ():  # the capture may also miss what came between
        if entry.sender == EVCC:
            asked = True
            last = waiting[-1] if waiting else None
            if last is None and asked_last is not None and entry.name in _ONCE and entry.data == asked_last.data:
                yield about(
                    entry, "violation", EVCC, "twice", f"{entry.name} was sent again after its answer, unchanged"
                )
                return
            if last is not None and entry.time - last.time < talk.timing.message_timeout(last.name):
                if entry.message is not None and last.message is not None:
                    same = entry.name == last.name
                    how = "twice, the second time before" if same else f"after {last.name}, before"
                    yield about(entry, "violation", EVCC, "twice", f"{entry.name} was sent {how} an answer came")
                    return
            waiting.append(entry)
            asked_last = entry
        elif entry.sender == SECC:
            again = before is not None and before.name == entry.name
            if not waiting and asked and again and entry.message is not None:
                text = f"{entry.name} was sent twice, the second time without a request"
                yield about(entry, "violation", SECC, "twice", text)
                return
            waiting, before = waiting[1:], entry


def after_refusal(talk: Talk) -> Iterator[Finding]:
    """A refusal ends the session: only its end may follow.

    Continuing after a refused certificate exchange is one reading of the standard, and is noted [V2G2-554, 557, 558].
    """
    for before, after in pairwise(talk.exchanges):
        if before.response is None or after.request is None:
            continue
        code = code_of(before.response)
        if code.startswith("FAILED") and after.name != "SessionStopReq":
            text = f"{after.name} after {before.response.name} {code}"
            if (
                before.name in ("CertificateInstallationReq", "CertificateUpdateReq")
                and after.name == "PaymentDetailsReq"
            ):
                yield about(after.request, "note", EVCC, "after-refusal", f"{text}: the vehicle goes on", "V2G2-558")
                continue
            yield about(
                after.request, "violation", EVCC, "after-refusal", text, requirement(Topic.REFUSAL, talk.protocol)
            )


def session_ids(talk: Talk) -> Iterator[Finding]:
    """The charger assigns an id; both sides use it from then on."""
    known: bytes | None = None
    same_id, not_zero = requirement(Topic.SESSION_ID, talk.protocol), requirement(Topic.ZERO_ID, talk.protocol)
    for entry in talk.entries:
        given = entry.session_id
        if given is None:
            continue
        if entry.name == "SessionSetupReq":
            continue
        if entry.name == "SessionSetupRes":
            known = given
            if not any(given):
                yield about(entry, "violation", SECC, "session-id", "a session id of zero", not_zero)
            elif len(given) != 8 and not (talk.protocol and PROTOCOLS[talk.protocol].abilities.short_ids):
                yield about(entry, "warning", SECC, "session-id", f"a session id of {len(given)} bytes, expected 8")
        elif known is not None and given != known:
            same = int.from_bytes(given, "big") == int.from_bytes(known, "big")
            text = f"{entry.name} with session id {given.hex() or 'empty'}, expected {known.hex()}"
            code = code_of(entry)
            if code == "FAILED_UnknownSession":
                continue
            yield about(entry, "warning" if same else "violation", entry.sender, "session-id", text, same_id)
