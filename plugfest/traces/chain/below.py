"""Everything before the first message: link, matching, SDP, neighbour discovery, TCP and TLS, and where it stopped.

A failed step shows as a request without an answer, an unusable answer, an alert or a reset. An unanswered request has
failed, however short the rest of the recording is.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv6Address

from plugfest.traces.chain import matching
from plugfest.traces.chain.session import Session
from plugfest.traces.chain.steps import OTHER, WHO, Diagnosis, Fault, Outcome, Reached, Side, Step, side_named, side_of
from plugfest.traces.entries import EVCC, SECC, Entry
from plugfest.traces.slac import SIDES
from slac.rounds import Round
from v2g import sdp
from v2g.errors import RemoteError

TO_CONNECT = 5.0
"""s within which a vehicle with a usable SDP answer connects, or reports why not."""
TO_ASK = 20.0
"""s within which a matched vehicle sends SDP requests: V2G_EVCC_CommunicationSetup_Timeout."""

_OF_CERTIFICATES = {
    "bad_certificate", "unsupported_certificate", "certificate_revoked", "certificate_expired", "certificate_unknown",
    "unknown_ca", "certificate_required", "access_denied", "bad_certificate_status_response",
}  # fmt: skip
_OF_OFFERS = {"handshake_failure", "protocol_version", "insufficient_security"}
_OF_ONESELF = {"internal_error", "user_canceled", "close_notify"}
"""Alerts by subject: the other side's certificate, what both sides support, or their sender."""


@dataclass
class Discovery:
    """SDP and neighbour discovery so far.

    Attributes:
        requests, first, last: number of requests, and the first and last one.
        security: what the last request asked for.
        unusable: the last unusable answer, and why it is. usable: the last usable one.
        asked: by address, the first unanswered neighbour solicitation, with its number.
    """

    requests: int = 0
    first: Entry | None = None
    last: Entry | None = None
    security: int | None = None
    unusable: tuple[Entry, str] | None = None
    usable: tuple[Entry, sdp.Response] | None = None
    vehicles: set[tuple[bytes, int]] = field(default_factory=set)
    charger: set[bytes] = field(default_factory=set)
    asked: dict[bytes, tuple[Entry, int]] = field(default_factory=dict)

    def add(self, entry: Entry) -> None:
        """Takes an SDP or neighbour discovery datagram."""
        if entry.layer == "neighbour":
            self._neighbour(entry)
        elif entry.sender == EVCC:
            self.requests += 1
            with contextlib.suppress(RemoteError):
                self.security = sdp.parse_request(entry.data).security
            self.first = self.first or entry
            self.last = entry
            if entry.ends is not None:
                self.vehicles.add(entry.ends[0])
        else:
            problem = self.defect(entry)
            if problem:
                self.unusable = entry, problem
            else:
                self.usable = entry, sdp.parse_response(entry.data)
            if entry.ends is not None:
                self.charger.add(entry.ends[0][0])

    def defect(self, entry: Entry) -> str:
        """Why an answer is unusable; "" if it is usable."""
        try:
            response = sdp.parse_response(entry.data)
        except RemoteError as why:
            return str(why)
        problem = response.unsuitable()
        if problem is None and entry.ends is not None and self.vehicles and entry.ends[1] not in self.vehicles:
            address, port = entry.ends[1]
            return f"it went to {place(address, port)}, which had not requested it"
        return problem or ""

    def _neighbour(self, entry: Entry) -> None:
        target = entry.data[8:24]
        if entry.name == "NeighbourAdvertisement":
            self.asked.pop(target, None)
        elif entry.ends is not None and any(entry.ends[0][0]):  # otherwise it checks whether an address is free
            known = self.asked.get(target)
            self.asked[target] = (known[0], known[1] + 1) if known else (entry, 1)

    def unanswered(self) -> tuple[Entry, int, Side] | None:
        """A neighbour of the session that did not answer: first solicitation, number of solicitations, whose turn."""
        chargers = set(self.charger)
        if self.usable is not None:
            chargers.add(self.usable[1].address.packed)
        vehicles = {address for address, _ in self.vehicles}
        for target, (entry, count) in self.asked.items():
            if target in chargers or target in vehicles:
                return entry, count, SECC if target in chargers else EVCC
        return None


def place(address: bytes, port: int) -> str:
    """An endpoint in the usual notation."""
    return f"[{IPv6Address(address)}]:{port}" if len(address) == 16 else f"{'.'.join(map(str, address))}:{port}"


@dataclass
class Below:
    """Everything outside connections.

    Attributes:
        alone: only HomePlug frames were recorded, so other traffic is unknown.
    """

    discovery: Discovery = field(default_factory=Discovery)
    rounds: Sequence[Round] = ()
    alone: bool = False

    def add(self, entry: Entry) -> None:
        if entry.layer in ("sdp", "neighbour"):
            self.discovery.add(entry)

    def reached(self) -> list[Reached]:
        """The steps reached before a connection."""
        found = []
        if self.rounds:
            last = self.rounds[-1]
            name, side = (
                (last.last.name, side_named(SIDES[last.last.end])) if last.last is not None else ("", side_named(""))
            )
            found.append(Reached(Step.MATCHING, last.begun, name, side, last.ended))
        asked = self.discovery
        answer = asked.usable[0] if asked.usable is not None else asked.unusable[0] if asked.unusable else None
        end = answer or asked.last
        if end is not None:
            begun = asked.first or end
            found.append(Reached(Step.DISCOVERY, begun.time, end.name, side_of(end), end.time))
        return found

    def diagnosis(self, until: float) -> Diagnosis | None:
        """Where it stopped, given that there was no connection; None if there is nothing to judge."""
        found = self.discovery
        if not found.requests and found.usable is None and found.unusable is None:
            return self._matching(until)
        if not found.requests or found.unanswered() is not None or found.usable or found.unusable:
            return self._discovered(until)
        failed = self._matching(until)
        unseen = failed is not None and failed.failed and failed.step is Step.LINK and not failed.side
        if failed is not None and failed.failed and not unseen:
            return failed
        assert found.first is not None
        assert found.last is not None
        seconds = until - found.first.time
        times = "an SDP request" if found.requests == 1 else f"{found.requests} SDP requests"
        text = f"no charger answered {times} of the vehicle" + (f" in {seconds:.1f} s" if seconds >= 0.05 else "")
        if unseen:
            text += "; nothing shows whether the power line link was up"
        return Diagnosis(
            Outcome.FAILED, Step.DISCOVERY, text, SECC, Fault.UNDISCOVERED, found.first.time, "SDPResponse", SECC,
            found.last.index, "violation",
        )  # fmt: skip

    def _matching(self, until: float) -> Diagnosis | None:
        """The last matching: failed, or what was due after it."""
        answered = self.discovery.usable is not None or self.discovery.unusable is not None
        found = matching.diagnosis(self.rounds, carried=answered, alone=self.alone)
        if found is None or found.failed or until - found.since <= TO_ASK:
            return found
        if self.alone:
            return found
        text = f"the vehicle was matched, but sent no SDP request in the {until - found.since:.0f} s that followed"
        return Diagnosis(
            Outcome.FAILED, Step.DISCOVERY, text, EVCC, Fault.UNDISCOVERED, found.since, "SDPRequest", EVCC,
            found.entry, "violation",
        )  # fmt: skip

    def _discovered(self, until: float) -> Diagnosis:
        """SDP was answered, or its answer could not be sent."""
        found = self.discovery
        silent = found.unanswered()
        if silent is not None:
            entry, count, side = silent
            target = place(entry.data[8:24], 0).removesuffix(":0")
            asker = WHO[OTHER[side]]
            times = f"{count} times " if count > 1 else ""
            text = (
                f"{asker} asked {times}for the neighbour {target}, and {WHO[side]} did not answer: no way to reach it"
            )
            return Diagnosis(
                Outcome.FAILED, Step.NEIGHBOURS, text, side, Fault.NO_NEIGHBOUR, entry.time, "NeighbourAdvertisement",
                side, entry.index, "violation",
            )  # fmt: skip
        if found.usable is None and found.unusable is not None:
            entry, problem = found.unusable
            text = f"the charger's SDP answer is unusable: {problem}"
            return Diagnosis(
                Outcome.FAILED, Step.DISCOVERY, text, SECC, Fault.UNUSABLE, entry.time, "SDPResponse", SECC,
                entry.index,
            )  # fmt: skip
        if found.usable is None:
            assert found.first is not None
            return Diagnosis(
                Outcome.OPEN, Step.DISCOVERY, "the recording has SDP requests, but no answer", since=found.first.time
            )
        entry, response = found.usable
        where = f"[{response.address}]:{response.port}"
        waited = until - entry.time
        failed = waited > TO_CONNECT
        if found.security is not None and found.security != response.security:
            words = {sdp.TLS: "with TLS", sdp.NO_TLS: "without TLS"}
            asked, given = words.get(found.security, "otherwise"), words.get(response.security, "otherwise")
            offered = f"the charger offered one {given}, and no connection was made"
            text = f"the vehicle requested a connection {asked}, {offered}"
            return Diagnosis(
                Outcome.FAILED, Step.CONNECTION, text, "", Fault.NO_CONNECTION, entry.time, "the TCP connection", EVCC,
                entry.index, "warning",
            )  # fmt: skip
        text = (
            f"the charger announced {where}, but the vehicle did not connect in the {waited:.1f} s that were recorded"
        )
        return Diagnosis(
            Outcome.FAILED if failed else Outcome.OPEN, Step.CONNECTION, text, EVCC if failed else "",
            Fault.NO_CONNECTION if failed else Fault.OPEN, entry.time, "the TCP connection", EVCC, entry.index,
            "violation" if failed else "note",
        )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Connections without a message


def connection(s: Session, until: float) -> Diagnosis | None:
    """Where a connection without any readable message stopped; None for one that does not matter."""
    first = s.connected or (s.opened[0] if s.opened else s.broken or next(iter(s.tls.values()), s.ended))
    if first is None or (first is s.ended and first.packet):
        return None  # nothing, or a capture that starts just before the connection ended
    if s.missed is not None and not s.tls.keys() >= {"ClientHello", "ServerHello"}:
        text = f"the recording lacks the data of the connection ({s.missed.note}): nothing can be judged"
        return Diagnosis(Outcome.EMPTY, Step.HANDSHAKE, text, since=first.time, entry=s.missed.index,
                         connection=s.number)  # fmt: skip

    def failed(text: str, step: Step, side: Side, fault: Fault, entry: Entry) -> Diagnosis:
        return Diagnosis(Outcome.FAILED, step, text, side, fault, entry.time, "", side, entry.index, "violation",
                         explains=() if s.ended is None else (s.ended.index,), connection=s.number)  # fmt: skip

    if s.connected is None and s.ended is not None and s.ended.name == "refused":
        return failed("the charger refused the TCP connection (RST): nothing listens on the port that it announced",
                      Step.CONNECTION, SECC, Fault.NO_CONNECTION, s.ended)  # fmt: skip
    if s.connected is None and s.opened and not s.tls:
        waited = until - s.opened[0].time
        text = "the charger did not answer the vehicle's SYN" + (f" in {waited:.1f} s" if waited >= 0.05 else "")
        return failed(text, Step.CONNECTION, SECC, Fault.NO_CONNECTION, s.opened[0])
    if s.broken is not None:
        side = side_of(s.broken)
        text = f"{WHO[side]} began with {s.broken.note}"
        return failed(text, Step.HANDSHAKE, side, Fault.UNREADABLE, s.broken)
    if s.tls:
        return _tls(s, until, failed)
    if s.ended is not None:
        side = side_of(s.ended)
        waited = s.ended.time - first.time
        text = f"{WHO[side]} closed the connection {waited:.1f} s after it was made, before the first message"
        return failed(text, Step.HANDSHAKE, side, Fault.CLOSED, s.ended)
    waited = until - first.time
    text = f"the vehicle connected, but sent nothing in the {waited:.1f} s that were recorded"
    if waited <= TO_CONNECT:
        due = "supportedAppProtocolReq"
        return Diagnosis(Outcome.OPEN, Step.HANDSHAKE, text, "", Fault.OPEN, first.time, due, EVCC,
                         first.index, "warning", connection=s.number)  # fmt: skip
    return failed(text, Step.HANDSHAKE, EVCC, Fault.SILENT, first)


def _tls(s: Session, until: float, failed: Callable[..., Diagnosis]) -> Diagnosis:
    """A TLS handshake that failed, or whose messages cannot be decrypted."""
    certificates, reason = s.tls.get("certificates"), s.tls.get("handshake-failed")
    if s.alert is not None:
        name = _alert_name(s.alert)
        side, cause = _blamed(s.alert, name)
        text = f"TLS failed: {WHO[s.alert.sender]} ended the handshake with the alert {name}{cause}"
        if name in _OF_CERTIFICATES and certificates is not None and certificates.note:
            text += f" ({certificates.note.partition(';')[0]})"
        if reason is not None and reason.sender == s.alert.sender:
            text += f"; in its own words: {reason.note}"
        return failed(text, Step.SECURITY, side, Fault.ALERT, s.alert)
    if reason is not None:
        return failed(reason.note, Step.SECURITY, "", Fault.ALERT, reason)
    hello = s.tls.get("ClientHello")
    if s.ended is not None and not s.tls.keys() & {"handshake", "encrypted", "remark"}:
        side = side_of(s.ended)
        after = next((name for name in ("certificates", "ServerHello", "ClientHello") if name in s.tls), "the start")
        text = f"TLS failed: {WHO[side]} closed the connection during the handshake, after {after}"
        return failed(text, Step.SECURITY, side, Fault.CLOSED, s.ended)
    if hello is not None and "ServerHello" not in s.tls:
        text = f"the charger did not answer the vehicle's ClientHello in the {until - hello.time:.1f} s recorded"
        return failed(text, Step.SECURITY, SECC, Fault.SILENT, hello)
    first = next(iter(s.tls.values()))
    text = "the session is encrypted and its secrets are unknown: only TLS and the layers below can be judged"
    unread = s.tls.get("remark")
    if unread is not None and s.ended is not None and not s.tls.keys() & {"handshake", "encrypted"}:
        text = f"the recording does not show whether the TLS handshake was finished: {unread.note}; after"
        text += f" {s.ended.time - first.time:.1f} s {WHO[side_of(s.ended)]} closed the connection"
    return Diagnosis(Outcome.EMPTY, Step.SECURITY, text, since=first.time, entry=first.index, connection=s.number)


def _alert_name(alert: Entry) -> str:
    from v2g.tls.tables import ALERTS  # takes time, and few recordings have one

    code = alert.data[1] if len(alert.data) > 1 else -1
    return ALERTS[code].name if code in ALERTS else f"number {code}"


def _blamed(alert: Entry, name: str) -> tuple[Side, str]:
    """Whose fault an alert indicates, and what it means."""
    sender = side_of(alert)
    other = OTHER[sender]
    if name == "unknown_ca":
        return "", f": it does not have the root of {WHO[other]}'s certificates"
    if name in _OF_CERTIFICATES:
        return other, f": it does not accept {WHO[other]}'s certificate"
    if name in _OF_OFFERS:
        return "", ": the two have no version, cipher suite or group in common"
    if name in _OF_ONESELF:
        return sender, ""
    return other, f": it could not use what {WHO[other]} sent"
