"""Finds the schema set that fits bytes when none was agreed on: the most plausible reading, and how certain it is.

Several sets can decode the same bytes, and most sets get far into broken ones. So readings are weighed in bits of
evidence: features that random bytes hardly ever have, such as a V2G_Message at the root, a session id of eight bytes, a
time stamp of these decades, an end where the bytes end, events that only one code in many allows. If two readings weigh
nearly the same, both are reported, the more frequent set first.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import exi
from exi.schema import Model
from exi.sets import Schema
from exi.walker import Encoder
from v2g import messages, reading, stamps
from v2g.protocols import APPPROTO, ISO20
from v2g.reading import PROTOCOL_OF, SPOKEN, TITLES, Kind, SessionMessage

ORDER = tuple(name for protocol in SPOKEN for name in protocol.modules)
"""The sets that messages can belong to; the more frequent ones first."""

FRAGMENTS = ("iso2", "iso20-common", "xmldsig", "din70121")
"""Sets whose signed parts may appear on their own."""

_STREAMS = [
    *((kind, name) for protocol in SPOKEN for name, kind in protocol.payload_types.items()),
    *((kind, name) for protocol in SPOKEN for kind, side in protocol.side.items() for name in side.sets),
]
SETS_OF = {kind: tuple(name for one, name in _STREAMS if one == kind) for kind, _ in _STREAMS}
"""V2GTP payload type -> the sets that it can hold."""

DOUBT = 4.0
"""Bits of evidence: readings this close to the best one are reported with it."""

# Bits of evidence for how often a set occurs at all; the rest comes from features that random bytes do not have.
_FREQUENCY = {"appproto": -2.0, "iso2": -1.0, "din70121": -2.0, "iso20-common": -3.0, "iso20-ac": -5.0,
              "iso20-dc": -5.0, "iso20-wpt": -8.0, "iso20-acdp": -8.0, "xmldsig": -10.0}  # fmt: skip
_EVENT, _NAMESPACE, _SESSION_ID, _SHORT_ID, _WRONG_ID, _TIME, _NO_TIME = 0.9, 12.0, 7.0, 2.0, -6.0, 9.0, -3.0
_COMPLETE, _NOT_CANONICAL, _FACET, _TRAILING, _NOT_A_MESSAGE, _FRAGMENT = 8.0, -6.0, -6.0, -8.0, -12.0, -16.0
_CUT, _BROKEN, _UNREAD, _MOST_UNREAD = -12.0, -4.0, -0.7, 40

_TIMES = 1_400_000_000.0, 2_600_000_000.0
"""Range of Unix times of these decades, s."""

_OWN_ROOTS = frozenset({*APPPROTO.modules, *ISO20.modules})
"""Sets whose messages are root elements themselves, not wrapped in a V2G_Message."""

_PADDING = 2
"""The most zero bytes after the end that count as padding; two vehicle models append one."""

MAX_EVENTS = 64
"""Events beyond this number add no evidence."""


class State(Enum):
    """How far a set can read bytes."""

    WHOLE = "a whole message"
    ELEMENT = "a document that is not a message"
    CUT = "cut off"
    BROKEN = "broken"


@dataclass(slots=True)
class Candidate:
    """One set's reading.

    Attributes:
        schema: the set; ``fragment``: its fragment grammar.
        state: how far it reads.
        name: name of the message as far as known, or of the root element in angle brackets; "" for none.
        weight: bits of evidence.
        decoded: the whole stream, if it could be read; ``canonical``: an encoder would write the same bytes.
        is_message: its root element is that of a message.
        error: why the stream could not be read.
    """

    schema: str
    fragment: bool
    state: State
    name: str
    weight: float
    decoded: exi.Decoded | None = None
    canonical: bool = False
    is_message: bool = False
    error: exi.DecodeError | None = None

    @property
    def sound(self) -> bool:
        """Whether it is a complete message without flaws."""
        clean = self.decoded is not None and not self.decoded.problems and len(self.decoded.trailing) <= _PADDING
        return clean and self.state is State.WHOLE and self.canonical

    @property
    def protocol(self) -> str:
        """Name of the set, with ``-fragment`` for its fragment grammar."""
        return f"{self.schema}-fragment" if self.fragment else self.schema

    @property
    def text(self) -> str:
        """What the bytes would be in this reading, in words."""
        title = TITLES.get(self.schema, self.schema)
        handshake = PROTOCOL_OF.get(self.schema) is APPPROTO
        what = self.name if handshake and self.name else f"{self.name or 'a message'} of {title}"
        if self.fragment:
            return f"a fragment {what}" if self.name else f"a fragment of {title}"
        return what + {State.CUT: ", cut off", State.BROKEN: ", broken"}.get(self.state, "")


@dataclass(slots=True)
class Recognition:
    """The most plausible reading, and those nearly as plausible.

    Attributes:
        wrong_type: the payload type does not allow the set.
    """

    best: Candidate
    others: list[Candidate] = field(default_factory=list)
    wrong_type: bool = False

    @property
    def doubt(self) -> str:
        """What else the bytes could be, in words, or ""."""
        return "could also be " + " or ".join(other.text for other in self.others) if self.others else ""


Sets = Callable[[str], Schema | Model]


def recognise(
    data: bytes,
    payload_type: int | None = None,
    *,
    candidates: Iterable[str] | None = None,
    fragments: Iterable[str] = (),
    sets: Sets = messages.schema,
) -> Recognition:
    """Finds the most plausible reading of a payload.

    Args:
        payload_type: payload type of its V2GTP frame, if known.
        candidates: the sets to try; by default those of the payload type, or all.
        fragments: sets whose signed parts are tried too.
        sets: returns the schema sets by name.
    """
    allowed = tuple(candidates or SETS_OF.get(-1 if payload_type is None else payload_type, ORDER))
    found = [weigh(name, data, sets=sets) for name in ORDER if name in allowed]
    wrong_type = False
    if len(allowed) < len(ORDER) and all(one.state is not State.WHOLE for one in found):
        elsewhere = [weigh(name, data, sets=sets) for name in ORDER if name not in allowed]
        whole = [one for one in elsewhere if one.state is State.WHOLE and one.weight > max(f.weight for f in found)]
        if candidates is None and whole:
            found, wrong_type = whole, True
    found += [weigh(name, data, fragment=True, sets=sets) for name in fragments]
    most = max(one.weight for one in found)
    near = [one for one in found if one.weight >= most - DOUBT and (one.weight > 0 or one.weight == most)]
    if any(one.sound for one in near):
        # A complete message beats anything else, and every other complete message is just as good.
        near = sorted((one for one in found if one.sound), key=lambda one: -one.weight)
    return Recognition(near[0], near[1:], wrong_type)


def recognised(
    data: bytes, payload_type: int | None = None, *, candidates: Iterable[str] | None = None
) -> SessionMessage:
    """The most plausible reading as a message, with its doubt and problem filled in; see :func:`recognise`."""
    recognition = recognise(data, payload_type, candidates=candidates)
    best = recognition.best
    if best.error is None:
        found = reading.read(best.schema, data)
    else:
        text = f"{best.text}: {best.error}"
        found = SessionMessage(best.schema, Kind.UNREADABLE, "undecodable", problem=text)
    found.doubt = recognition.doubt
    return found


def instead(found: SessionMessage, data: bytes, title: str) -> SessionMessage:
    """What bytes are if not a message of the agreed protocol, called ``title``: perhaps one of another protocol."""
    others = [name for name in ORDER if name != found.schema]
    elsewhere = recognise(data, candidates=others).best
    if elsewhere.state is not State.WHOLE or elsewhere.weight < weigh(found.schema, data).weight:
        return found
    return reading.foreign(reading.read(elsewhere.schema, data), title)


def weigh(schema_set: str, data: bytes, *, fragment: bool = False, sets: Sets = messages.schema) -> Candidate:
    """One set's reading of bytes, with its evidence."""
    own = sets(schema_set)
    steps, _ = exi.explain(own, data, fragment=fragment)
    seen = _Seen.of(steps, schema_set)
    weight = _FREQUENCY[schema_set] + seen.weight + (_FRAGMENT if fragment else 0.0)
    try:
        decoded = exi.read(own, data, fragment=fragment)
    except exi.DecodeError as why:
        end = len(data) * 8
        if why.missing:
            state, weight = State.CUT, weight + _CUT
        else:
            unread = min(end - (why.bit or 0), _MOST_UNREAD)
            state, weight = State.BROKEN, weight + _BROKEN + _UNREAD * unread
        if not seen.is_message:
            weight += _NOT_A_MESSAGE
        return Candidate(schema_set, fragment, state, seen.name, weight, is_message=seen.is_message, error=why)
    weight += _COMPLETE + _FACET * min(len(decoded.problems), 3)
    canonical = _canonical(own, decoded, data, fragment)
    if decoded.trailing.strip(b"\0") or len(decoded.trailing) > _PADDING:
        weight += _TRAILING * min(len(decoded.trailing), 6)
    elif not canonical:
        weight += _NOT_CANONICAL
    whole = seen.is_message and not fragment
    weight += 0.0 if whole or fragment else _NOT_A_MESSAGE
    return Candidate(
        schema_set, fragment, State.WHOLE if whole else State.ELEMENT, seen.name, weight, decoded, canonical
    )


def _canonical(own: Schema | Model, decoded: exi.Decoded, data: bytes, fragment: bool) -> bool:
    """Whether the bytes are what an encoder would write."""
    try:
        octets = Encoder(exi.grammar(own), strict=False, dialect=decoded.dialect).encode(
            decoded.node, fragment=fragment
        )
    except exi.EncodeError:
        return False
    return octets.rstrip(b"\0") == data.rstrip(b"\0")  # two vehicle models append zero bytes


@dataclass(slots=True)
class _Seen:
    """What the events of a reading reveal, even of a broken-off one."""

    name: str = ""
    is_message: bool = False
    weight: float = 0.0

    @classmethod
    def of(cls, steps: list[exi.Step], schema_set: str) -> _Seen:
        seen = cls()
        root = ""
        for step in steps[:MAX_EVENTS]:
            if step.event == "value":
                seen.weight += _value(step, schema_set)
                continue
            seen.weight += _EVENT if step.width else 0.0
            if step.event.startswith("SE("):
                element = step.event[3:-1]
                if not step.path:
                    root = element
                elif step.path == "V2G_Message/Body":
                    seen.name = element
        if not root:
            return seen
        if root == "V2G_Message":
            seen.is_message = seen.name.endswith(("Req", "Res")) or not any(s.path.endswith("/Body") for s in steps)
            seen.weight += 6.0
            seen.name = seen.name or "V2G_Message"
        elif schema_set in _OWN_ROOTS:
            seen.is_message = root.endswith(("Req", "Res")) and "ControlMode" not in root
            seen.name = root if seen.is_message else f"<{root}>"
        else:
            seen.name = f"<{root}>"
        return seen


def _value(step: exi.Step, schema_set: str) -> float:
    """The evidence in a value of the header or of the handshake."""
    value: Any = step.value
    match step.path.rpartition("/")[2]:
        case "SessionID" if isinstance(value, bytes) and "/Header/" in step.path:
            if len(value) == 8:
                return _SESSION_ID
            protocol = PROTOCOL_OF.get(schema_set)
            short = protocol is not None and protocol.abilities.short_ids and 0 < len(value) < 8
            return _SHORT_ID if short else _WRONG_ID
        case "TimeStamp" if isinstance(value, int):
            return _TIME if _TIMES[0] <= (stamps.seconds(value) or 0.0) <= _TIMES[1] else _NO_TIME
        case "ProtocolNamespace" if isinstance(value, str):
            return _NAMESPACE if re.match(r"[!-~]{6,}", value) else -_NAMESPACE
    return 0.0
