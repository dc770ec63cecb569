"""Reads bytes as a message of a session: the one place that looks into documents, for roles, recordings and tools.

A *document* is anything that a schema set can decode. Only some documents are messages: a V2G_Message with a header and
a request or response in its body, a supportedAppProtocol message, or a request or response of ISO 15118-20. A schema
set allows far more: a body element alone, any other global element, an empty body. Those are reported as what they are
and have no ``body``; nothing outside this module reads the header or the body of a document.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import exi
from exi.schema import local
from v2g.errors import RemoteError
from v2g.messages import SETS, appproto, din70121, iso2, schema
from v2g.messages.base import Request, Response
from v2g.messages.iso20 import types as iso20
from v2g.messages.xmldsig import SignatureType
from v2g.protocols import APPPROTO, DIN, ISO2, ISO20

SPOKEN = (APPPROTO, ISO2, DIN, ISO20)
"""The protocols that messages can belong to; the more frequent ones first."""

PROTOCOL_OF = {name: protocol for protocol in SPOKEN for name in protocol.modules}
"""Schema set -> its protocol."""

TITLES = {
    name: protocol.title if place == 0 else f"{protocol.title} {name.rpartition('-')[2].upper()}"
    for protocol in SPOKEN
    for place, name in enumerate(protocol.modules)
}
"""The usual name for the messages of a schema set."""

_ENVELOPES: dict[type[Any], tuple[type[Any], type[Any]]] = {
    din70121.V2G_Message: (din70121.MessageHeaderType, din70121.BodyType),
    iso2.V2G_Message: (iso2.MessageHeaderType, iso2.BodyType),
}


class Kind(Enum):
    """What some bytes turn out to be."""

    MESSAGE = "a message"
    BODY = "a body element alone, without V2G_Message around it"
    ELEMENT = "an element that is not a message"
    EMPTY = "a V2G_Message with an empty body"
    FOREIGN = "a message of another protocol"
    UNREADABLE = "not of the schema set"


@dataclass(slots=True)
class SessionMessage:
    """What some bytes are in a session. Never changed once made.

    Attributes:
        schema: schema set that read them.
        kind: only a MESSAGE belongs to the session.
        name: name of the message; ``<Name>`` for an element that is not a message; ``undecodable``.
        document: the decoded document, or None.
        body: the request or response; None unless it is a MESSAGE.
        session_id: session id in the header; None without a header.
        signature: Signature in the header.
        notes: what was unusual about the bytes, see :func:`exi.examine`.
        problem: why it is not a message, in words; "" for a MESSAGE.
        doubt: what else the bytes could be, if no protocol was agreed on; otherwise "".
    """

    schema: str
    kind: Kind
    name: str
    document: Any = None
    body: Any = None
    session_id: bytes | None = None
    signature: SignatureType | None = None
    notes: tuple[tuple[str, str], ...] = ()
    problem: str = ""
    doubt: str = ""

    @property
    def is_message(self) -> bool:
        """Whether it is a complete message."""
        return self.kind is Kind.MESSAGE

    @property
    def is_request(self) -> bool:
        """Whether it is a vehicle's message."""
        return isinstance(self.body, Request)

    @property
    def is_response(self) -> bool:
        """Whether it is a charger's message."""
        return isinstance(self.body, Response)


class NotAMessage(RemoteError):
    """A frame whose payload is not a message of the session.

    Attributes:
        reading: what it is instead.
    """

    def __init__(self, text: str, reading: SessionMessage) -> None:
        super().__init__(text)
        self.reading = reading


def require(found: SessionMessage, title: str) -> None:
    """Checks that it is a message of the protocol called ``title``.

    Raises:
        NotAMessage: it is not; says what it is instead.
    """
    if found.kind is Kind.UNREADABLE:
        raise NotAMessage(f"undecodable {title} message: {found.problem}", found)
    if found.kind is not Kind.MESSAGE:
        raise NotAMessage(f"the peer sent {found.problem}", found)


def read(schema_set: str, data: bytes) -> SessionMessage:
    """Reads bytes under a schema set. Never raises: an unknown set or broken bytes yield UNREADABLE."""
    if schema_set not in SETS:
        return SessionMessage(schema_set, Kind.UNREADABLE, "undecodable", problem=f"no schema set {schema_set!r}")
    try:
        document, notes = exi.examine(schema(schema_set), data)
    except exi.DecodeError as why:
        return SessionMessage(schema_set, Kind.UNREADABLE, "undecodable", problem=str(why))
    found = of(schema_set, document)
    found.notes = tuple(notes)
    if found.kind is Kind.ELEMENT:
        # The class may belong to several elements, or to none: the bytes tell which one it is.
        found.name, found.problem = _element(exi.read(schema(schema_set), data).name)
    return found


def read_one_of(schema_sets: Sequence[str], data: bytes) -> SessionMessage:
    """Reads bytes whose payload type allows several sets: under the first one that yields a message."""
    first = found = read(schema_sets[0], data)
    for name in schema_sets[1:]:
        if found.is_message:
            break
        found = read(name, data)
    return found if found.is_message else first


def of(schema_set: str, document: Any) -> SessionMessage:
    """The same for a document that is already decoded, or was made to be sent."""
    envelope = _ENVELOPES.get(type(document))
    if envelope is not None:
        return _enveloped(schema_set, document, *envelope)
    if isinstance(document, (Request, Response)):
        name = type(document).__name__
        if isinstance(document, (appproto.supportedAppProtocolReq, appproto.supportedAppProtocolRes)):
            return SessionMessage(schema_set, Kind.MESSAGE, name, document, document)
        if isinstance(document, iso20.V2GMessageType):
            header = document.Header
            if isinstance(header, iso20.MessageHeaderType):
                return SessionMessage(
                    schema_set, Kind.MESSAGE, name, document, document, header.SessionID, header.Signature
                )
            return SessionMessage(schema_set, Kind.ELEMENT, f"<{name}>", document, problem=f"{name} without a header")
        problem = f"the body element {name} alone, without V2G_Message around it"
        return SessionMessage(schema_set, Kind.BODY, f"<{name}>", document, problem=problem)
    roots = schema(schema_set).roots if schema_set in SETS else {}
    name, problem = _element(local(roots.get(type(document), type(document).__name__)))
    return SessionMessage(schema_set, Kind.ELEMENT, name, document, problem=problem)


def _element(name: str) -> tuple[str, str]:
    return f"<{name}>", f"the element {name}, which is not a message"


def _enveloped(schema_set: str, document: Any, header_type: type[Any], body_type: type[Any]) -> SessionMessage:
    header, wrapper = document.Header, document.Body
    if not isinstance(header, header_type) or not isinstance(wrapper, body_type):
        return SessionMessage(
            schema_set, Kind.ELEMENT, "<V2G_Message>", document, problem="V2G_Message without header or body"
        )
    body = wrapper.BodyElement
    if not isinstance(body, (Request, Response)):
        what = "with an empty body" if body is None else f"with {type(body).__name__} in its body"
        return SessionMessage(
            schema_set, Kind.EMPTY, "<V2G_Message>", document, None, header.SessionID, header.Signature,
            problem=f"a V2G_Message {what}",
        )  # fmt: skip
    return SessionMessage(
        schema_set, Kind.MESSAGE, type(body).__name__, document, body, header.SessionID, header.Signature
    )


def foreign(found: SessionMessage, title: str) -> SessionMessage:
    """The reading of a message in a session of another protocol, called ``title``: not one of its messages."""
    of_handshake = PROTOCOL_OF.get(found.schema) is APPPROTO
    source = "" if of_handshake else f" of {TITLES.get(found.schema, found.schema)}"
    return SessionMessage(
        found.schema, Kind.FOREIGN, f"foreign {found.name}", found.document, notes=found.notes,
        problem=f"{found.name}{source} in a session of {title}",
    )  # fmt: skip


def header_of(message: Any) -> iso20.MessageHeaderType | None:
    """The header of a message of ISO 15118-20; None if it has none yet, before it is sent, or in older protocols."""
    header = getattr(message, "Header", None)
    return header if isinstance(header, iso20.MessageHeaderType) else None


def stamp_of(message: Any) -> int:
    """TimeStamp of a message of ISO 15118-20, in whatever unit; 0 if it has none."""
    header = header_of(message)
    return header.TimeStamp if header is not None else 0


def body_of(document: Any) -> Any:
    """The request or response in a document of any protocol; None if it is not a message."""
    return of("", document).body


def without_header(message: Any) -> Any:
    """A copy of a message of ISO 15118-20 without its header, for comparing contents."""
    bare = copy.copy(message)
    bare.Header = None
    return bare


def change_signature(document: Any, change: Callable[[Any], Any]) -> None:
    """Changes the Signature in the header of a document of our own, or removes it with None."""
    document.Header.Signature = change(document.Header.Signature)
