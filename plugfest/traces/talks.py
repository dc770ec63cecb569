"""A recording as conversations: requests with their responses, per connection, and what was agreed on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from plugfest.traces.entries import EVCC, SECC, Entry, Recording
from v2g import naming, timing
from v2g.messages import appproto
from v2g.protocols import PROTOCOLS
from v2g.sequence import Step
from v2g.timing import Timing

TITLES = {**{name: protocol.title for name, protocol in PROTOCOLS.items()}, "": "unknown protocol"}
"""By protocol of a :class:`Talk`."""

TIMINGS: dict[str, Timing] = {name: protocol.timing for name, protocol in PROTOCOLS.items()}
"""Timers by protocol."""

ORDERS: dict[str, tuple[Step, ...]] = {name: protocol.order for name, protocol in PROTOCOLS.items()}
"""Order of messages by protocol."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request and the response to it; either may be missing."""

    request: Entry | None
    response: Entry | None

    @property
    def name(self) -> str:
        """The name of the request, or of a response without request."""
        return self.first.name

    @property
    def first(self) -> Entry:
        """The request, or a response without request."""
        entry = self.request or self.response
        assert entry is not None
        return entry

    @property
    def seconds(self) -> float | None:
        """Time from the request to its response, s."""
        if self.request is None or self.response is None:
            return None
        return self.response.time - self.request.time


@dataclass(frozen=True, slots=True)
class Gap:
    """Bytes of one side that are missing from the capture, between two of its messages: indices of the entries."""

    sender: str
    start: int
    end: int


@dataclass
class Talk:
    """The messages of one connection.

    Attributes:
        number: number of the connection. entries: its messages, including those of side streams.
        exchanges: requests and responses of the main stream, in order.
        sides: the same of its side streams, by payload type.
        others: what else happened on it: TCP, TLS, V2GTP.
        offers: namespaces that the vehicle offered, by SchemaID, preferred first.
        protocol: ``din70121``, ``iso2``, ``iso20``, or "" if none was agreed on.
        gaps: what is missing from the capture.
    """

    number: int
    entries: list[Entry]
    exchanges: list[Exchange] = field(default_factory=list)
    sides: dict[int, list[Exchange]] = field(default_factory=dict)
    others: list[Entry] = field(default_factory=list)
    offers: dict[int, str] = field(default_factory=dict)
    protocol: str = ""
    gaps: list[Gap] = field(default_factory=list)

    @property
    def main(self) -> list[Entry]:
        """Its messages without those of side streams."""
        return [entry for entry in self.entries if not entry.stream]

    def misses(self, sender: str, start: Entry, end: Entry) -> bool:
        """Whether a message of a side may have been sent between two entries without being captured."""
        return any(gap.sender == sender and gap.start < end.index and gap.end > start.index for gap in self.gaps)

    @property
    def title(self) -> str:
        """The common name of the protocol."""
        return TITLES[self.protocol]

    @property
    def timing(self) -> Timing:
        """The protocol's timers; those of ISO 15118-2 until a protocol is agreed on."""
        return TIMINGS.get(self.protocol, timing.ISO2)

    @property
    def start(self) -> float:
        """Time of the first message."""
        return self.entries[0].time

    @property
    def end(self) -> float:
        """Time of the last message."""
        return self.entries[-1].time

    @property
    def secure(self) -> bool:
        """Whether it used TLS."""
        return any(e.layer == "tls" for e in self.others)

    @property
    def session_id(self) -> bytes:
        """The charger's, b"" without."""
        for entry in self.entries:
            if entry.name == "SessionSetupRes" and entry.session_id is not None:
                return entry.session_id
        return b""

    @property
    def mode(self) -> str:
        """``AC``, ``DC``, or "" if the session ended before this was known."""
        known = PROTOCOLS[self.protocol].abilities.energy if self.protocol else ()
        if len(known) == 1:
            return next(iter(known))
        for entry in self.entries:
            kind = type(getattr(entry.body, "EVChargeParameter", None)).__name__[:3]
            name = kind if kind in ("AC_", "DC_") else entry.name
            if name.startswith("AC_") or name == "ChargingStatusReq":
                return "AC"
            if name.startswith("DC_") or name in ("CableCheckReq", "PreChargeReq", "CurrentDemandReq"):
                return "DC"
        return ""

    @property
    def ac(self) -> bool:
        """Whether it was an AC session."""
        return self.mode == "AC"

    @property
    def completed(self) -> bool:
        """Whether it reached a SessionStopRes that is OK, and that does not continue with another service."""
        return any(
            x.name == "SessionStopReq"
            and x.response is not None
            and code_of(x.response).startswith("OK")
            and str(getattr(x.first.body, "ChargingSession", "")) != "ServiceRenegotiation"
            for x in self.exchanges
        )


def protocol_of(schema: str) -> str:
    """The protocol of a talk that a schema set belongs to; "" if unknown."""
    return next((name for name, protocol in PROTOCOLS.items() if schema in protocol.modules), "")


def timer(protocol: str, name: str) -> str:
    """A timer's name in the protocol of a talk."""
    return PROTOCOLS[protocol].timer(name) if protocol in PROTOCOLS else name


def title(talk: Talk) -> str:
    """Its protocol, and AC or DC if known."""
    return talk.title + (f", {talk.mode}" if talk.mode else "")


def code_of(entry: Entry) -> str:
    """The ResponseCode of a message, "" without."""
    return str(getattr(entry.body, "ResponseCode", "") or "")


def talks(recording: Recording) -> list[Talk]:
    """The conversations of a recording, in order."""
    found = []
    others: dict[int, list[Entry]] = {}
    for entry in recording.entries:
        if entry.layer != "message":
            others.setdefault(entry.connection, []).append(entry)
    for messages in recording.connections():
        number = messages[0].connection
        talk = Talk(number, messages, others=others.get(number, []))
        talk.gaps = list(_gaps(talk))
        streams = {stream: _exchanges(talk, stream) for stream in dict.fromkeys((0, *(e.stream for e in messages)))}
        talk.exchanges = streams.pop(0)
        talk.sides = streams
        _agree(talk)
        found.append(talk)
    return found


def _exchanges(talk: Talk, stream: int) -> list[Exchange]:
    """The exchanges of one stream; each stream is paired separately."""
    own = [entry for entry in talk.entries if entry.stream == stream]
    # The main stream ends with a time-out; on a side stream the vehicle asks again, and the answer belongs to that.
    gives_up = timing.ISO20.message_timeout if stream else None
    return sorted(_pairs(own, talk.gaps, gives_up), key=lambda exchange: exchange.first.index)


def _gaps(talk: Talk) -> Iterator[Gap]:
    for entry in talk.others:
        if entry.layer == "tcp" and entry.name == "lost":
            own = [e.index for e in talk.entries if e.sender == entry.sender]
            start = max((index for index in own if index < entry.index), default=-1)
            yield Gap(entry.sender, start, min((index for index in own if index > entry.index), default=entry.index))
        elif entry.layer == "tls" and entry.name == "remark":  # nothing more can be read in this direction
            yield Gap(entry.sender, entry.index, sys.maxsize)


def _pairs(
    messages: list[Entry], gaps: list[Gap], gives_up: Callable[[str], float] | None = None
) -> Iterator[Exchange]:
    """Pairs requests with the response of their name, otherwise with the next one that has no other request.

    With ``gives_up``, seconds by request, a request that is no longer awaited has no response.

    Next to a gap a response has no request unless it must be that one: the right one may be missing from the capture.
    """
    behind = {gap.end for gap in gaps if gap.sender == SECC}
    waiting: list[Entry] = []
    for entry in messages:
        if entry.sender == EVCC:
            if gives_up is not None and waiting and entry.time - waiting[-1].time >= gives_up(waiting[-1].name):
                yield from (Exchange(before, None) for before in waiting)
                waiting = []
            waiting.append(entry)
            continue
        stem = naming.exchange(entry.name)
        if entry.index in behind:  # the answers to the requests before were lost
            yield from (Exchange(before, None) for before in waiting[:-1])
            waiting = waiting[-1:]
        named = [e for e in waiting if naming.exchange(e.name) == stem]
        fitting = next(iter(named or waiting), None)
        if fitting is not None and (entry.index in behind or not named):
            hidden = any(g.sender == EVCC and g.start == fitting.index and g.end > entry.index for g in gaps)
            lost = any(fitting.index < place <= entry.index for place in behind)
            if hidden or (lost and not named):
                yield from (Exchange(before, None) for before in waiting if entry.index in behind)
                waiting, fitting = [] if entry.index in behind else waiting, None
        if fitting is not None:
            waiting.remove(fitting)
        yield Exchange(fitting, entry)
    for entry in waiting:
        yield Exchange(entry, None)


def _agree(talk: Talk) -> None:
    for entry in talk.entries:
        body = entry.body
        if isinstance(body, appproto.supportedAppProtocolReq):
            ranked = sorted(body.AppProtocol, key=lambda offer: offer.Priority)
            talk.offers = {offer.SchemaID: offer.ProtocolNamespace for offer in ranked}
    schemas = [e.schema for e in talk.entries if e.schema != "appproto" and e.sender in (EVCC, SECC)]
    if schemas:
        talk.protocol = protocol_of(schemas[0])
