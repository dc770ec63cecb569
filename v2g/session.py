"""A session: messages over a channel, with a session id, time-outs, seams for tests, and a trace. Knows no role.

A seam replaces what is sent at one step: a message (``rewrite``), the Signature in its header (``rewrite_signature``),
its EXI bytes (``rewrite_exi``), the frame (``rewrite_frame``). A rewrite receives what is about to be sent and returns
the replacement: another message, bytes in place of its EXI, or None to drop it (for the Signature: to omit it); it may
be a coroutine and wait first.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import exi
from v2g import reading as readings
from v2g import recognition, v2gtp
from v2g.beside import SideState
from v2g.channel import Channel
from v2g.errors import ConnectionLost, LocalError, Loss, Refused, RemoteError, TimedOut
from v2g.messages import schema
from v2g.messages.base import Request
from v2g.messages.xmldsig import SignatureType
from v2g.outcome import Outcome
from v2g.protocols import APPPROTO, Protocol
from v2g.rules.facts import Facts
from v2g.rules.rule import Breach
from v2g.rules.table import hear, say
from v2g.streams import MAIN, Streams
from v2g.timing import Timing
from v2g.trace import Event, Observe, ignore

R = TypeVar("R")

Rewrite = Callable[[Any], Any | Awaitable[Any]]

FACET = "facet"
"""Name of the tolerance for values that break the facets of their type."""


@dataclass(slots=True)
class Received:
    """A message as received. Never changed once made.

    Attributes:
        message: the body message; in supportedAppProtocol, the whole message.
        session_id: session id in the header; b"" in supportedAppProtocol.
        signature: Signature in the header, or None.
        time: loop time at which its last byte arrived, s.
        data: its EXI bytes, for a back end.
        stream: :data:`v2g.streams.MAIN`, or the payload type of a side stream.
        breaches: content rules that it breaks; the role decides what to do about them.
    """

    message: Any
    session_id: bytes
    signature: SignatureType | None
    time: float
    data: bytes = b""
    stream: int = MAIN
    breaches: Sequence[Breach] = ()


@dataclass
class Session:
    """One side of a session.

    Attributes:
        channel: carries the frames.
        protocol: :data:`v2g.protocols.APPPROTO` until one is agreed.
        id: session id, byte for byte as the charger assigned it.
        tolerant: accept what real vehicles and chargers do, and report it; False: enforce the standard.
        timing: the timers; the protocol's own unless replaced.
        rewrite, rewrite_exi, rewrite_frame, rewrite_signature: the seams, by class of the message sent.
        as_given: classes of messages to send although a value breaks its facets: it is somebody else's, and signed.
        tolerances: names of the tolerances used, in order.
        messages: number of messages sent and received, including dropped and undecodable ones.
        last_received: the last message received on the main stream, with its header's session id.
        clock: returns the TimeStamp for headers that have one, in the unit to send.
        facts: what both sides have said so far on the main stream, as it went over the wire.
    """

    channel: Channel
    observe: Observe = ignore
    tolerant: bool = True
    protocol: Protocol = APPPROTO
    id: bytes = b""
    timing_overrides: dict[str, float] = field(default_factory=dict)
    rewrite: dict[type[Any], Rewrite] = field(default_factory=dict)
    rewrite_exi: dict[type[Any], Rewrite] = field(default_factory=dict)
    rewrite_frame: dict[type[Any], Rewrite] = field(default_factory=dict)
    rewrite_signature: dict[type[Any], Rewrite] = field(default_factory=dict)
    as_given: set[type[Any]] = field(default_factory=set)
    tolerances: list[str] = field(default_factory=list)
    messages: int = 0
    last_received: Received | None = None
    clock: Callable[[], int] = lambda: 0
    facts: Facts = field(default_factory=Facts)
    _streams: Streams = field(init=False)
    _sides: dict[int, SideState] = field(default_factory=dict)
    _timing: tuple[Protocol, Timing] | None = None

    def __post_init__(self) -> None:
        self._streams = Streams(self.channel, self._skipped)
        self.facts.secure = self.channel.secure

    @property
    def timing(self) -> Timing:
        if self._timing is None or self._timing[0] is not self.protocol:  # cached, because every message needs it
            own = self.protocol.timing
            self._timing = self.protocol, own.replace(self.timing_overrides) if self.timing_overrides else own
        return self._timing[1]

    @property
    def now(self) -> float:
        """Loop time, seconds."""
        return self.channel.clock()

    def tell(self, layer: str, name: str, note: str = "") -> None:
        """Emits an event without bytes."""
        self._emit(Event(self.now, layer, name, note=note))

    def _emit(self, event: Event) -> None:
        self.messages += event.layer == "message"
        self.observe(event)

    def tolerate(self, name: str, note: str) -> None:
        """Reports the use of a tolerance, once per name.

        Raises:
            RemoteError: the session is strict.
        """
        if not self.tolerant:
            raise RemoteError(f"{name}: {note}")
        if name not in self.tolerances:
            self.tolerances.append(name)
            self.tell("tolerance", name, note)

    def agreed(self, protocol: Protocol) -> None:
        """Switches to the messages of the protocol that was agreed on.

        Raises:
            RemoteError: the session is strict, and the connection does not meet the protocol's requirements.
        """
        self.protocol = protocol
        self.tell("state", "protocol", protocol.title)
        if protocol.abilities.mutual and not self.channel.mutual:
            how = "TLS without the certificates of both sides" if self.channel.secure else "TCP"
            self.tolerate("transport", f"{protocol.title} over {how}")

    def account(self, outcome: Outcome, started: float) -> None:
        """Fills the session's figures into the outcome; the session began at loop time ``started``, s."""
        outcome.protocol = "" if self.protocol is APPPROTO else self.protocol.title
        outcome.session_id = self.id.hex()
        outcome.seconds = self.now - started
        outcome.messages = self.messages
        outcome.tolerances = list(self.tolerances)

    # -- sending --------------------------------------------------------------------------------------------------

    async def send(self, message: Any, *, signature: SignatureType | None = None, stream: int = MAIN) -> None:
        """Sends a body message (or a supportedAppProtocol message) through the seams.

        Args:
            stream: a side stream, by its payload type.

        Raises:
            LocalError: the message breaks its facets, which only a rewritten message may.
            ConnectionLost: the connection is closed.
        """
        frame = await self._frame(message, signature, stream)
        if frame is not None:
            await self._write(frame)

    async def _write(self, frame: bytes) -> None:
        try:
            await self.channel.write(frame)
        except ConnectionLost as why:
            self._lost(why)
            raise

    def _lost(self, why: ConnectionLost) -> None:
        """Reports which side ended the connection."""
        ours = why.how in (Loss.OURS, Loss.UNREACHABLE)
        self._emit(Event(self.now, "tcp", why.how.value, "tx" if ours else "rx", note=str(why)))

    async def _frame(self, message: Any, signature: SignatureType | None, stream: int = MAIN) -> bytes | None:
        """The bytes to send for a message, after the seams; None if a seam dropped it."""
        kind, meant = type(message), message
        strict = kind not in self.as_given
        data: bytes | None = None
        if kind in self.rewrite:
            message = await _call(self.rewrite[kind], message)
            if message is None:
                self.tell("message", kind.__name__, "dropped by a rewrite")
                return None
            strict = False
            if isinstance(message, bytes):
                data, message = message, None
        if kind in self.rewrite_signature:
            signature = await _call(self.rewrite_signature[kind], signature)
            strict = False
        if data is None:
            document = self.protocol.wrap(message, self.id, signature, self.clock())
            schema_set = self.protocol.set_of(type(message))
            data = self._encoded(document, schema_set, type(message).__name__, strict=strict)
        else:
            document, schema_set = None, self.protocol.set_of(kind)
        if kind in self.rewrite_exi:
            data = await _call(self.rewrite_exi[kind], data)
            if data is None:
                self.tell("message", kind.__name__, "dropped by a rewrite of its EXI")
                return None
        said = meant if message is None else message
        if type(document) is type(said):  # the message is the document itself, with the header as sent
            said = document
        say(self.facts, said, protocol=schema_set, now=self.now, session_id=self.id, stream=stream)
        if stream != MAIN:
            self._side(stream).note(meant)
        packed = frame = v2gtp.pack(stream or self.protocol.payload_types[schema_set], data)
        if kind in self.rewrite_frame:
            frame = await _call(self.rewrite_frame[kind], frame)
            if frame is None:
                self.tell("message", kind.__name__, "dropped by a rewrite of its frame")
                return None
        name = type(message).__name__ if message is not None else kind.__name__
        copies = 1
        if frame is not packed and frame == packed * (len(frame) // len(packed)):
            copies = len(frame) // len(packed)
        for _ in range(max(copies, 1)):  # a seam may send the frame several times
            self._emit(Event(self.now, "message", name, "tx", data, document, schema_set, stream=stream))
        if frame != packed * copies:
            self._tell_if_broken(frame)
        return frame

    def _tell_if_broken(self, frame: bytes) -> None:
        """Reports a replaced frame whose header is broken."""
        try:
            v2gtp.parse_header(frame[: v2gtp.HEADER_LENGTH])
        except v2gtp.HeaderError as why:
            self._emit(Event(self.now, "v2gtp", "broken", "tx", note=str(why)))

    def _encoded(self, document: Any, schema_set: str, name: str, *, strict: bool) -> bytes:
        """The EXI of a document.

        A tolerant side that accepted a value that breaks its facets, like a SAScheduleTupleID of 256, has to return it
        with the same bits, so its own messages may then break theirs.

        Raises:
            LocalError: the document breaks its facets, or no bits can carry it.
        """
        try:
            return exi.encode(schema(schema_set), document, strict=strict)
        except exi.EncodeError as why:
            if strict and FACET in self.tolerances:
                with contextlib.suppress(exi.EncodeError):
                    return exi.encode(schema(schema_set), document, strict=False)
            raise LocalError(f"we cannot send {name}: {why}") from why

    # -- receiving ------------------------------------------------------------------------------------------------

    def listen(self, stream: int) -> None:
        """Opens a side stream: from now on, frames that arrive on it are kept until they are received."""
        self._streams.opened.add(stream)

    def forget(self, stream: int) -> None:
        """Drops the frames waiting on a side stream, and its state: the next message may be anything."""
        self._streams.drop(stream)
        self._sides.pop(stream, None)

    def _side(self, stream: int) -> SideState:
        if stream not in self._sides:
            self._sides[stream] = SideState(self.protocol, self.protocol.side[stream])
        return self._sides[stream]

    def _skipped(self, payload_type: int, length: int) -> None:
        known = v2gtp.PAYLOAD_TYPES.get(payload_type, "reserved")
        self.tell("v2gtp", "skipped", f"payload type 0x{payload_type:04x} ({known}), {length} bytes")

    async def receive(self, stream: int | None = MAIN) -> Received:
        """Receives the next message of the protocol. Frames of another payload type are skipped [V2G2-800].

        Args:
            stream: a side stream, by its payload type; None: any open stream, the main one included.

        Raises:
            NotAMessage: the payload is not a message of the protocol; raised in tolerant sessions too.
            HeaderError, ConnectionLost: from the channel.
        """
        try:
            frame = await self._streams.read(lambda: self.protocol, stream)
        except v2gtp.HeaderError as why:
            self._emit(Event(self.now, "v2gtp", "broken", "rx", note=str(why)))
            raise
        except ConnectionLost as why:
            self._lost(why)
            raise
        now, data = self.now, frame.payload
        side = None if frame.stream == MAIN else self._side(frame.stream)
        found = readings.read_one_of(frame.sets, data) if side is None else side.read(data)
        if not found.is_message:
            found = recognition.instead(found, data, self.protocol.title)
        note = found.problem
        self._emit(Event(now, "message", found.name, "rx", data, found.document, found.schema, note, frame.stream))
        readings.require(found, self.protocol.title)
        for name, detail in found.notes:
            self.tolerate(name, f"{found.name}: {detail}")
        session_id = b"" if found.session_id is None else found.session_id
        breaches = hear(
            self.facts,
            found.body,
            protocol=found.schema,
            now=now,
            session_id=session_id,
            signed=found.signature is not None,
            stream=frame.stream,
        )
        received = Received(found.body, session_id, found.signature, now, data, frame.stream, breaches)
        if frame.stream == MAIN:
            self.last_received = received
        return received

    async def request(
        self,
        message: Request[R],
        *,
        timeout: float | None = None,
        signature: SignatureType | None = None,
        stream: int = MAIN,
    ) -> R:
        """Sends a request and returns its response, on the vehicle's side. SessionSetupRes sets the session id.

        Args:
            timeout: in seconds; by default the message's V2G_EVCC_Msg_Timeout.
            stream: a side stream, by its payload type; other streams may continue meanwhile.

        Raises:
            TimedOut: no response in time.
            Refused: the ResponseCode is FAILED... (in supportedAppProtocol the caller has to check it).
            RemoteError: wrong message, wrong session id, undecodable message, or the connection is gone.
            LocalError: the request breaks its facets.
        """
        name = type(message).__name__
        seconds = self.timing.message_timeout(name) if timeout is None else timeout
        # A rewrite that waits delays the request; that does not count as a late response.
        frame = await self._frame(message, signature, stream)
        started = self.now
        if stream != MAIN:
            self.listen(stream)
        try:
            async with asyncio.timeout(seconds):
                if frame is not None:
                    await self._write(frame)
                received = await self.receive(stream)
        except TimeoutError as why:
            raise TimedOut(self.protocol.timer("V2G_EVCC_Msg_Timeout"), seconds, f"the response to {name}") from why
        response = received.message
        expected = self.protocol.response_to(type(message))
        if expected is None or not isinstance(response, expected):
            raise RemoteError(f"{type(response).__name__} in answer to {name}")
        self._check_id(name, received)
        code = str(getattr(response, "ResponseCode", "OK"))
        if code.startswith("FAILED"):  # not the handshake's Failed_NoNegotiation, which its caller explains
            raise Refused(f"{type(response).__name__} {code}", code)
        if name == "SessionSetupReq":
            self.id = received.session_id  # byte for byte, with the same length [V2G2-460]
        self.tell("state", "response-time", f"{name} {self.now - started:.4f}")
        return cast(R, response)

    def _check_id(self, name: str, received: Received) -> None:
        if self.protocol is APPPROTO or name == "SessionSetupReq":
            return
        if received.session_id != self.id:
            if _number(received.session_id) == _number(self.id):
                self.tolerate("session-id-length", f"{received.session_id.hex()} for {self.id.hex()}")
                return
            raise RemoteError(
                f"session id {received.session_id.hex() or 'empty'} in {type(received.message).__name__},"
                f" expected {self.id.hex()}",
                "FAILED_UnknownSession",
            )

    async def close(self, *, wait_for_peer: float = 0.0) -> None:
        """Closes the channel; see :meth:`Channel.close`."""
        self.tell("tcp", "closing")
        await self.channel.close(wait_for_peer=wait_for_peer)


def _number(session_id: bytes) -> int:
    return int.from_bytes(session_id, "big")


async def _call(rewrite: Rewrite, value: Any) -> Any:
    result = rewrite(value)
    return await result if inspect.isawaitable(result) else result
