"""The protocol of the messages of a connection: the one its handshake agreed on, or one that reads all of them.

Without a handshake in the recording the messages decide together: the set under which most of them are complete
messages reads all of them, and the recording says so. A message of a different protocol is reported as foreign.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from v2g import reading as readings
from v2g import recognition, v2gtp
from v2g.beside import SideState
from v2g.messages import appproto
from v2g.protocols import APPPROTO, PROTOCOLS, Protocol
from v2g.reading import PROTOCOL_OF, TITLES, SessionMessage

_BY_NAMESPACE = {offer.namespace: protocol for protocol in PROTOCOLS.values() for offer in protocol.offers}
_EITHER = tuple(protocol for protocol in PROTOCOLS.values() if protocol.payload_type == v2gtp.EXI)
"""Schema sets whose frames do not identify them."""

SIDES = {kind: (protocol, side) for protocol in PROTOCOLS.values() for kind, side in protocol.side.items()}
"""Payload type of a side stream -> its protocol, and the stream."""

MAX_WEIGHED = 64
"""Number of messages of a connection that are considered when choosing a protocol."""


@dataclass(frozen=True, slots=True)
class Payload:
    """A V2GTP payload and its type."""

    type: int
    data: bytes


@dataclass(slots=True)
class Dialogue:
    """The messages of a connection, read.

    Attributes:
        messages: the reading of each payload, in order.
        remark: which protocol was assumed without a handshake, and what else it could be; "" if one was agreed on.
    """

    messages: list[SessionMessage]
    remark: str = ""


def read(payloads: list[Payload]) -> Dialogue:
    """Reads the payloads of one connection, in the order sent."""
    found: list[SessionMessage | None] = [None] * len(payloads)
    remark = ""
    start, offers = 0, dict[int, str]()
    agreed: Protocol | None = None
    for place, payload in enumerate(payloads):
        handshake = readings.read(APPPROTO.name, payload.data) if payload.type == v2gtp.EXI else None
        if handshake is None or not handshake.is_message or _is_of(agreed, payload):
            continue
        # The handshake separates what came before it from what follows.
        remark = _segment(payloads, found, range(start, place), agreed, offers) or remark
        found[place] = handshake
        start = place + 1
        body = handshake.body
        if isinstance(body, appproto.supportedAppProtocolReq):
            agreed, offers = None, {offer.SchemaID: offer.ProtocolNamespace for offer in body.AppProtocol}
        elif isinstance(body, appproto.supportedAppProtocolRes) and body.SchemaID is not None:
            agreed = _BY_NAMESPACE.get(offers.get(body.SchemaID, ""))
    remark = _segment(payloads, found, range(start, len(payloads)), agreed, offers) or remark
    return Dialogue(settle(one for one in found if one is not None), remark)


def _is_of(agreed: Protocol | None, payload: Payload) -> bool:
    """Whether a payload that reads as a handshake is a message of the agreed protocol: some bytes are valid as both."""
    return agreed in _EITHER and readings.read(agreed.name, payload.data).is_message


def _segment(
    payloads: list[Payload],
    found: list[SessionMessage | None],
    places: range,
    agreed: Protocol | None,
    offers: dict[int, str],
) -> str:
    """Reads payloads between two handshakes; returns the remark."""
    plain = [payloads[place].data for place in places if payloads[place].type == v2gtp.EXI]
    remark, chosen = "", agreed
    if chosen is None and plain:
        chosen, remark = _choose(plain, offers)
    sides = {kind: SideState(*side) for kind, side in SIDES.items()}
    for place in places:
        payload = payloads[place]
        if payload.type in sides:
            found[place] = _beside(payload, sides[payload.type])
        elif payload.type != v2gtp.EXI:
            found[place] = _typed(payload)
        elif chosen in _EITHER:
            found[place] = _of(chosen.name, payload.data, chosen.title)
        else:
            found[place] = recognition.recognised(payload.data)
    return remark


def _choose(data: list[bytes], offers: dict[int, str]) -> tuple[Protocol | None, str]:
    """The protocol that reads most of the messages (None: each has its own), and what to say about the choice."""
    offered = [_BY_NAMESPACE[namespace] for namespace in offers.values() if namespace in _BY_NAMESPACE]
    able = [one for one in dict.fromkeys(offered) if one in _EITHER] or list(_EITHER)
    whole = {one: sum(readings.read(one.name, octets).is_message for octets in data) for one in able}
    weights = {one: sum(recognition.weigh(one.name, octets).weight for octets in data[:MAX_WEIGHED]) for one in able}
    ranked = sorted(able, key=lambda one: (whole[one], weights[one]), reverse=True)
    best = ranked[0]
    if not whole[best] and recognition.recognise(data[0], v2gtp.EXI).wrong_type:
        return None, ""
    near = [n for n in ranked[1:] if whole[n] == whole[best] and weights[n] > weights[best] - recognition.DOUBT]
    doubt = f", could also be {' or '.join(one.title for one in near)}" if near else ""
    return best, f"the recording does not show which protocol was agreed; read as {best.title}{doubt}"


def _typed(payload: Payload) -> SessionMessage:
    """A payload whose type determines the set, or the few possible ones."""
    sets = recognition.SETS_OF[payload.type]
    found = next((one for name in sets if (one := readings.read(name, payload.data)).is_message), None)
    return found or _of(sets[0], payload.data, f"{TITLES[sets[0]]} (payload type 0x{payload.type:04x})")


def _beside(payload: Payload, state: SideState) -> SessionMessage:
    """A payload of a side stream, by the state of that stream."""
    found = state.read(payload.data)
    title = f"{state.side.title} (payload type 0x{payload.type:04x})"
    return found if found.is_message else _of(found.schema, payload.data, title)


def _of(schema: str, data: bytes, title: str) -> SessionMessage:
    """A payload read with the expected set; otherwise what it is instead, or how far it can be read."""
    found = readings.read(schema, data)
    if found.is_message:
        return found
    other = recognition.instead(found, data, title)
    if other is not found or found.document is not None:
        return other
    return recognition.recognised(data, candidates=[schema])


def settle(messages: Iterable[SessionMessage]) -> list[SessionMessage]:
    """The messages of one connection, each read by itself, as one session: those of another protocol are foreign."""
    settled, protocol = list[SessionMessage](), None
    for one in messages:
        own = PROTOCOL_OF.get(one.schema)
        if one.is_message and own is not None:
            if protocol is None and own is not APPPROTO:
                protocol = own  # from here on it is a session, and a handshake may no longer come
            one = one if protocol in (None, own) else readings.foreign(one, protocol.title)
        settled.append(one)
    return settled
