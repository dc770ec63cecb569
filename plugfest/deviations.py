"""Messages that deviate on purpose, as a bench file asks: by message, and by its number in a session.

They work through the session's seams (`rewrite`, `rewrite_signature`, `rewrite_exi`, `rewrite_frame`), so the role that
sends does not know. Each is reported as an event ``bench: deviation``. Counting restarts with each session.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from plugfest import fields
from plugfest.config.actions import Deviation
from plugfest.config.named import message_classes
from plugfest.config.words import PROTOCOLS as NAMES
from plugfest.config.words import replacement
from plugfest.timeline import times
from secc.minimal import minimal
from v2g.protocols import APPPROTO, PROTOCOLS
from v2g.trace import Event, Observe

check_fields = fields.check


def occurrences(text: int | str) -> Callable[[int], bool]:
    """Whether the n-th message of a session is meant: ``3``, ``3-5``, ``3-`` or ``all``.

    Raises:
        ValueError: none of these.
    """
    first, dash, last = str(text).partition("-")
    if text == "all":
        return lambda n: True
    try:
        low = int(first)
        high = (int(last) if last else None) if dash else low
    except ValueError:
        low, high = 0, 0
    if low < 1 or (high is not None and high < low):
        raise ValueError(f"{text!r} is not 3, 3-5, 3- or all")
    return lambda n: n >= low and (high is None or n <= high)


@dataclass
class Deviations:
    """The rewrites of one role.

    Attributes:
        entries: what to do, in order.
        ending: ``Req`` for the vehicle, ``Res`` for the charger: what this role sends.
        observe: receives each deviation. delays: additional seconds before each message of a name.
    """

    entries: Sequence[Deviation]
    ending: str
    observe: Observe
    delays: Mapping[str, float] = field(default_factory=dict)
    _count: dict[str, int] = field(default_factory=dict)
    _most: dict[str, int] = field(default_factory=dict)
    _applied: set[int] = field(default_factory=set)
    _failed: dict[int, str] = field(default_factory=dict)
    _told: set[int] = field(default_factory=set)
    _active: dict[str, list[Deviation]] = field(default_factory=dict)
    _signatures: dict[str, Any] = field(default_factory=dict)
    _once: dict[str, list[Deviation]] = field(default_factory=dict)
    _seams: set[str] = field(default_factory=set)
    _options: Any = None

    def __post_init__(self) -> None:
        self._mine: dict[str, list[tuple[Callable[[int], bool], Deviation]]] = {}
        for entry in self.entries:
            if entry.message.endswith(self.ending):
                chosen = occurrences(entry.occurrence)
                self._mine.setdefault(entry.message, []).append((chosen, entry))

    def begin(self) -> None:
        """A new session: counting restarts."""
        for kept in (self._count, self._told, self._active):
            kept.clear()

    def unused(self) -> Iterator[tuple[Deviation, str]]:
        """The entries of this role not yet applied in any session, each with the reason, except habits of a car."""
        for entry in self.entries:
            if not entry.message.endswith(self.ending) or entry.habit or id(entry) in self._applied:
                continue
            if (why := self._failed.get(id(entry))) is not None:
                yield entry, f"not possible: {why}"
            else:
                asked = f"but occurrence {entry.occurrence} was requested"
                if entry.protocol is not None:
                    asked += f" (only in {entry.protocol})"
                yield entry, f"{entry.message} was sent {times(self._most.get(entry.message, 0))}, {asked}"

    def install(self, options: Any) -> None:
        """Puts the rewrites into the options of a role (evcc.Options, secc.serve.Options)."""
        self._options = options
        for name in {*self._mine, *self.delays}:
            self._seam(name)

    def once(self, entry: Deviation) -> None:
        """The next message of a name deviates, in addition to what is configured."""
        if entry.message not in {*self._mine, *self.delays, *self._seams}:
            self._seams.add(entry.message)
            self._seam(entry.message)
        self._once.setdefault(entry.message, []).append(entry)

    def _seam(self, name: str) -> None:
        if (options := self._options) is not None:
            for protocol, cls in message_classes(name).items():
                options.rewrite[cls] = self._message(name, protocol)
                options.rewrite_signature[cls] = self._signature(name)
                options.rewrite_exi[cls] = self._exi(name)
                options.rewrite_frame[cls] = self._frame(name)

    def _tell(self, text: str, name: str) -> None:
        self.observe(Event(asyncio.get_running_loop().time(), "bench", "deviation", note=f"{name}: {text}"))

    def _message(self, name: str, protocol: str) -> Callable[[Any], Any]:
        async def rewrite(message: Any) -> Any:
            self._count[name] = count = self._count.get(name, 0) + 1
            self._most[name] = max(count, self._most.get(name, 0))
            active = [
                entry
                for chosen, entry in self._mine.get(name, ())
                if chosen(count) and (entry.protocol is None or _schema_set(entry.protocol) == protocol)
            ]
            active += self._once.pop(name, [])
            self._active[name] = active
            place = name if name in self._seams else f"{name} {count}"  # a seam installed late has not seen all of them
            delay = sum(entry.delay for entry in active) + self.delays.get(name, 0.0)
            if delay:
                await asyncio.sleep(delay)
            for entry in active:
                if words := self._said(entry):
                    self._tell(words, place)
            for entry in active:
                if entry.drop:
                    self._applied.add(id(entry))
                    return None
                try:
                    message = self._changed(entry, message, protocol)
                    self._applied.add(id(entry))
                except fields.FieldError as why:
                    self._failed[id(entry)] = str(why)
                    self._tell(f"not possible: {why}", place)
            return message

        return rewrite

    def _said(self, entry: Deviation) -> str:
        """A deviation in one line; an endless one is reported once per session, a habit never."""
        if entry.habit or id(entry) in self._told:
            return ""
        if str(entry.occurrence).endswith(("all", "-")):
            self._told.add(id(entry))
        return ", ".join(_words(entry))

    def _changed(self, entry: Deviation, message: Any, protocol: str) -> Any:
        known = APPPROTO if protocol == APPPROTO.name else PROTOCOLS[protocol]
        if entry.replace is not None:
            name, values = replacement(entry.replace)
            cls = message_classes(name).get(protocol)
            if cls is None:
                raise fields.FieldError(f"{known.title} has no {name}")
            return fields.put(minimal(known.schema_of(cls), cls), values, known.schema_of(cls))
        return fields.put(message, entry.set, known.schema_of(type(message)))

    def _signature(self, name: str) -> Callable[[Any], Any]:
        def rewrite(given: Any) -> Any:
            if given is not None:
                self._signatures.setdefault(name, given)
            for entry in self._active.get(name, ()):
                given = self._spoiled(name, entry.signature, given)
            return given

        return rewrite

    def _spoiled(self, name: str, how: str | None, given: Any) -> Any:
        """A Signature as a deviation wants it; the message's own remains unchanged."""
        if how == "absent" or given is None:
            return given if how is None else None
        if how == "earlier":
            return self._signatures[name]
        if how is None:
            return given
        spoiled = copy.deepcopy(given)
        if how == "digest":
            spoiled.SignedInfo.Reference[0].DigestValue = _flipped(spoiled.SignedInfo.Reference[0].DigestValue)
        else:
            spoiled.SignatureValue.value = _flipped(spoiled.SignatureValue.value)
        return spoiled

    def _exi(self, name: str) -> Callable[[bytes], bytes]:
        def rewrite(data: bytes) -> bytes:
            for entry in self._active.get(name, ()):
                if entry.exi is not None:
                    data = bytes.fromhex(entry.exi)
                if entry.truncate:
                    data = data[: max(len(data) - entry.truncate, 0)]
            return data

        return rewrite

    def _frame(self, name: str) -> Callable[[bytes], bytes]:
        def rewrite(frame: bytes) -> bytes:
            for entry in self._active.get(name, ()):
                if entry.frame is not None:
                    frame = bytes.fromhex(entry.frame)
                if entry.stream is not None and len(frame) >= _TYPE.stop:
                    frame = frame[: _TYPE.start] + entry.stream.to_bytes(2, "big") + frame[_TYPE.stop :]
                frame *= entry.repeat
            return frame

        return rewrite


_TYPE = slice(2, 4)
"""Position of the payload type in a V2GTP header."""


def _flipped(data: bytes) -> bytes:
    return bytes([data[0] ^ 1]) + data[1:]


def _schema_set(protocol: str) -> str:
    return NAMES[protocol.lower()]


def _words(entry: Deviation) -> Iterator[str]:
    if entry.delay:
        yield f"{entry.delay:g} s late"
    if entry.drop:
        yield "dropped"
    if entry.replace is not None:
        yield f"replaced by {replacement(entry.replace)[0]}"
    if entry.set:
        yield "with " + ", ".join(f"{name}={value}" for name, value in entry.set.items())
    if entry.signature is not None:
        yield {
            "absent": "without its signature",
            "digest": "with a wrong digest",
            "value": "with a wrong signature value",
            "earlier": "with an earlier signature",
        }[entry.signature]
    if entry.exi is not None:
        yield "with other EXI bytes"
    if entry.frame is not None:
        yield "with other frame bytes"
    if entry.stream is not None:
        yield f"with payload type 0x{entry.stream:04X}"
    if entry.truncate:
        yield f"cut by {entry.truncate} bytes"
    if entry.repeat > 1:
        yield f"sent {entry.repeat} times"
