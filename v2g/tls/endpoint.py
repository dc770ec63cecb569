"""One end of a TLS connection over a pair of asyncio streams: records, handshake messages and alerts.

Nothing runs in the background: the handshake is a coroutine, and records are read when the connection is read. So the
same code serves sockets and in-memory links, in real and in virtual time. Deviations of
:class:`v2g.tls.options.Deviations` that replace a message take effect here, where messages are sent.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable
from typing import Any, TypeVar

from v2g.tls import records
from v2g.tls.context import Context
from v2g.tls.failure import PEER, Fatal
from v2g.tls.options import CONNECTED
from v2g.tls.records import ALERT, CHANGE_CIPHER_SPEC, HANDSHAKE, KINDS, Plain, Protection
from v2g.tls.tables import ALERT_CODES, ALERTS, MESSAGES, TLS12, TLS13, Suite
from v2g.tls.tables import HANDSHAKE as MESSAGE_NAMES
from v2g.trace import Event, Observe, ignore

MAX_MESSAGE = 1 << 17
"""Longest handshake message accepted, bytes; a chain with its OCSP responses is below 10 kB."""

MAX_WARNINGS = 5
"""The most consecutive warnings, empty records, requests to renegotiate and new keys."""
MAX_DROPPED = 32
"""The most ChangeCipherSpecs of TLS 1.3 that are ignored."""

FATAL, WARNING = 2, 1

T = TypeVar("T")

GONE = (ConnectionError, asyncio.IncompleteReadError, OSError)


class PeerClosed(ConnectionError):
    """The peer closed the TCP connection, or it broke."""


class PeerAlert(Exception):
    """The peer sent a fatal alert, or close_notify."""

    def __init__(self, code: int) -> None:
        super().__init__(ALERTS[code].name if code in ALERTS else str(code))
        self.code = code


class Deliberate(Exception):
    """A deviation ended the handshake."""


class Endpoint:
    """One end of TLS over streams.

    Attributes:
        version, suite, group: as agreed; 0 or None before that.
        peer_chain: DER certificates that the peer sent, leaf first.
        peer_staples: DER OCSP responses, in the order of the certificates, b"" for a missing one.
        hello: the vehicle's hello as sent or received, for reports and tests.
        roots_named: the roots that the peer named, as text.
    """

    def __init__(
        self,
        context: Context,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        observe: Observe = ignore,
    ) -> None:
        self.context = context
        self.options = context.options
        self.role = context.role
        self._reader = reader
        self._writer = writer
        self._observe = observe
        self._sealing: Protection = Plain()
        self._opening: Protection = Plain()
        self._handshake_bytes = bytearray()
        self._application = bytearray()
        self._out = bytearray()
        self._first = True
        self._limit = records.MAX_PLAIN
        self._idle = 0
        self._dropped = 0
        self._records = 0
        self._broken = False
        self._finished = False
        self._eof = False
        self._closing = False
        self.connected = False
        self.step = ""
        self.transcript = bytearray()
        self.version = 0
        self.suite: Suite | None = None
        self.group = 0
        self.peer_chain: list[bytes] = []
        self.peer_staples: list[bytes] = []
        self.own_chain: list[bytes] = []
        self.credential: Any = None
        self.client_random = b""
        self.hello: Any = None
        self.roots_named = ""

    # ------------------------------------------------------------------------------------------------------------
    # Reporting

    def tell(self, name: str, direction: str = "", data: bytes = b"", note: str = "") -> None:
        self._observe(Event(asyncio.get_running_loop().time(), "tls", name, direction, data, note=note))

    def log_key(self, label: str, secret: bytes) -> None:
        """Reports a secret in NSS key log format, for Wireshark."""
        line = f"{label} {self.client_random.hex()} {secret.hex()}"
        self.tell("keylog", data=line.encode())

    # ------------------------------------------------------------------------------------------------------------
    # Sending

    def send_record(self, kind: int, data: bytes) -> None:
        outer, body = self._sealing.seal(kind, data)
        # The first hello says TLS 1.0 here, as nearly every peer does and some servers require.
        version = 0x0301 if self._first and self.role == "client" else TLS12
        self._first = False
        self._out += records.record(outer, body, version)

    async def flush(self) -> None:
        """Sends the collected records in one write.

        Raises:
            PeerClosed: the peer has closed the connection.
        """
        data, self._out = bytes(self._out), bytearray()
        if data:
            try:
                self._writer.write(data)
                await self._writer.drain()
            except GONE as why:
                raise PeerClosed(str(why)) from why

    async def send(self, name: str, body: bytes) -> None:
        """Sends a handshake message, unless a deviation replaces it.

        Raises:
            Deliberate: the deviation ends the handshake.
        """
        message = bytes((MESSAGES[name],)) + len(body).to_bytes(3, "big") + body
        action, argument = await self._deviate(name)
        if action == "omit":
            return
        if action == "corrupt":
            message = message[:-1] + bytes((message[-1] ^ 0x01,))
        for _ in range(2 if action == "repeat" else 1):
            self.transcript += message
            piece = self.options.deviate.record_size or self._limit
            for at in range(0, len(message), piece):
                self.send_record(HANDSHAKE, message[at : at + piece])
        self.tell(name, "tx", message, argument)

    async def send_change(self) -> None:
        """Sends ChangeCipherSpec: part of TLS 1.2, but only for compatibility in TLS 1.3."""
        action, _ = await self._deviate("ChangeCipherSpec")
        if action != "omit":
            self.send_record(CHANGE_CIPHER_SPEC, b"\x01")

    async def _deviate(self, name: str) -> tuple[str, str]:
        action, _, argument = self.options.deviate.at.get(name, "").partition(" ")
        if not action:
            return "", ""
        self.tell("deviation", note=f"{name}: {action} {argument}".rstrip())
        if action == "delay":
            await self.flush()
            await asyncio.sleep(float(argument))
        elif action == "stall":
            await self.flush()
            with contextlib.suppress(*GONE):
                while await self._reader.read(4096):
                    pass
            raise Deliberate(f"silent from {name} on, as configured, until {PEER[self.role]} closed the connection")
        elif action in ("alert", "warning"):
            await self.send_alert(argument, fatal=action == "alert")
        if action in ("alert", "close"):
            await self.flush()
            raise Deliberate(f"{action} {argument}".strip() + f" in place of {name}, as configured")
        return action, argument

    async def after_handshake(self) -> None:
        """Applies the deviations for the moment after the handshake."""
        await self._deviate(CONNECTED)

    async def send_alert(self, name: str, *, fatal: bool = True) -> None:
        """Sends an alert; after a fatal one nothing else is sent, not even close_notify (RFC 5246 7.2.2, 8446 6.2)."""
        if self._broken:
            return
        self._broken = fatal
        code = ALERT_CODES[name] if name in ALERT_CODES else int(name, 0)
        self.tell("alert", "tx", bytes((FATAL if fatal else WARNING, code)), name)
        self.send_record(ALERT, bytes((FATAL if fatal else WARNING, code)))
        await self.flush()

    # ------------------------------------------------------------------------------------------------------------
    # Receiving

    async def _record(self) -> tuple[int, bytes]:
        """The next record, decrypted."""
        try:
            head = await self._reader.readexactly(5)
            kind, version, length = head[0], int.from_bytes(head[1:3], "big"), int.from_bytes(head[3:], "big")
            self._check_head(head, kind, version)
            longest = records.MAX_PLAIN if kind == CHANGE_CIPHER_SPEC else self._opening.longest
            if length > longest:
                raise Fatal("record_overflow", f"a record of {length} bytes, but at most {longest} are allowed")
            body = await self._reader.readexactly(length)
        except GONE as why:
            raise PeerClosed(str(why)) from why
        self._records += 1
        if kind == CHANGE_CIPHER_SPEC:
            return kind, body
        kind, data = self._opening.open(kind, version, body)
        if kind not in KINDS:
            raise Fatal("unexpected_message", f"{PEER[self.role]} sent a record of the unknown type {kind}")
        if len(data) > self._limit:
            raise Fatal("record_overflow", f"a record of {len(data)} bytes, but at most {self._limit} are allowed")
        return kind, data

    def _check_head(self, head: bytes, kind: int, version: int) -> None:
        if not self._records and (kind not in KINDS or head[1] != 3):
            what = (
                "a V2GTP message without TLS" if head[:2] == b"\x01\xfe" else f"bytes that are not TLS: {head.hex(' ')}"
            )
            raise Fatal("unexpected_message", f"{PEER[self.role]} sent {what}", check="no-tls")
        if kind not in KINDS:
            raise Fatal("unexpected_message", f"{PEER[self.role]} sent a record of the unknown type {kind}")
        # In TLS 1.3, and in a hello, the version number has no meaning (RFC 8446 5.1, RFC 5246 E.1).
        if head[1] != 3 or (self.version == TLS12 and version != TLS12):
            raise Fatal("protocol_version", f"{PEER[self.role]} sent a record of version 0x{version:04x}")

    async def _next(self) -> tuple[int, bytes]:
        """The next record that is neither a warning nor a compatibility message of TLS 1.3."""
        while True:
            kind, data = await self._record()
            if kind == CHANGE_CIPHER_SPEC and self._dropped_change(data):
                continue
            if kind != ALERT:
                return kind, data
            self._alert(data)

    def _alert(self, data: bytes) -> None:
        """Notes an alert.

        Raises:
            PeerAlert: it ends the connection.
        """
        if self._handshake_bytes:
            raise Fatal("unexpected_message", "an alert inside a handshake message")
        if len(data) != 2:
            alert = "decode_error" if data else "unexpected_message"
            raise Fatal(alert, f"an alert of {len(data)} bytes")
        level, code = data
        self.tell("alert", "rx", data, ALERTS[code].name if code in ALERTS else str(code))
        # In TLS 1.3 the level has no meaning: all alerts but one end the connection.
        if code == 0 or level == FATAL or (self.version == TLS13 and code != ALERT_CODES["user_canceled"]):
            self._broken = self._broken or code != 0
            raise PeerAlert(code)
        if level != WARNING and self.version != TLS13:
            raise Fatal("illegal_parameter", f"an alert of the unknown level {level}")
        self._wasted("warnings")

    def _wasted(self, what: str) -> None:
        """Limits what a peer may send without making progress."""
        self._idle += 1
        if self._idle > MAX_WARNINGS:
            raise Fatal("unexpected_message", f"more than {MAX_WARNINGS} {what} in a row", check="flood")

    def _dropped_change(self, data: bytes) -> bool:
        """Whether a ChangeCipherSpec is TLS 1.3's compatibility message, which is ignored from the first hello until
        Finished.

        Raises:
            Fatal: it comes at a wrong time, or is malformed (RFC 8446 5).
        """
        pending = self.role == "client" and self.version == 0 and "1.3" in self.options.versions
        if self.version != TLS13 and not pending:
            return False
        if self._finished:
            raise Fatal("unexpected_message", f"{PEER[self.role]} sent ChangeCipherSpec after Finished")
        if data != b"\x01":
            raise Fatal("unexpected_message", f"a ChangeCipherSpec of {data.hex() or 'no bytes'}, expected 01")
        if self._handshake_bytes:
            raise Fatal("unexpected_message", "ChangeCipherSpec inside a handshake message")
        self._dropped += 1
        if self._dropped > MAX_DROPPED:
            raise Fatal("unexpected_message", f"more than {MAX_DROPPED} ChangeCipherSpecs", check="flood")
        return True

    async def receive(self, *expected: str) -> tuple[str, bytes]:
        """The next handshake message, as name and body; adds it to the transcript.

        Raises:
            Fatal: another message came.
            PeerAlert, PeerClosed: no message came.
        """
        self.step = " or ".join(expected)
        while True:
            name, message = await self._in_time(self._message())
            if name != "HelloRequest" or self.role != "client" or self.version == TLS13:
                break
            if len(message) > 4:
                raise Fatal("decode_error", f"a HelloRequest of {len(message) - 4} bytes, which must be empty")
            self._wasted("HelloRequests")  # ignored during a handshake (RFC 5246 7.4.1.1)
        self._idle = 0
        if name not in expected:
            raise Fatal("unexpected_message", f"{PEER[self.role]} sent {name} where {self.step} was due")
        self.transcript += message
        return name, message[4:]

    async def _in_time(self, awaited: Awaitable[T]) -> T:
        try:
            async with asyncio.timeout(self.options.timeout):
                return await awaited
        except TimeoutError as why:
            text = f"{PEER[self.role]} did not send {self.step} within {self.options.timeout:g} s"
            raise Fatal("user_canceled", text, check="timeout") from why

    async def _message(self) -> tuple[str, bytes]:
        buffer = self._handshake_bytes
        while len(buffer) < 4 or len(buffer) < 4 + int.from_bytes(buffer[1:4], "big"):
            if len(buffer) >= 4 and int.from_bytes(buffer[1:4], "big") > MAX_MESSAGE:
                length = int.from_bytes(buffer[1:4], "big")
                raise Fatal(
                    "decode_error", f"a handshake message of {length} bytes, but at most {MAX_MESSAGE} are accepted"
                )
            kind, data = await self._next()
            if kind != HANDSHAKE:
                raise Fatal("unexpected_message", f"{PEER[self.role]} sent {KINDS[kind]} where {self.step} was due")
            if not data:
                raise Fatal("unexpected_message", "an empty handshake record")
            buffer += data
        length = 4 + int.from_bytes(buffer[1:4], "big")
        message = bytes(buffer[:length])
        del buffer[:length]
        name = MESSAGE_NAMES.get(message[0], f"message {message[0]}")
        self.tell(name, "rx", message)
        return name, message

    async def receive_change(self) -> None:
        """Receives ChangeCipherSpec of TLS 1.2."""
        self.step = "ChangeCipherSpec"
        if self._handshake_bytes:
            raise Fatal("unexpected_message", "ChangeCipherSpec inside a handshake message")
        kind, data = await self._in_time(self._next())
        if kind != CHANGE_CIPHER_SPEC or not data:
            raise Fatal("unexpected_message", f"{PEER[self.role]} sent {KINDS[kind]} where {self.step} was due")
        if data != b"\x01":
            alert = "decode_error" if len(data) != 1 else "illegal_parameter"
            raise Fatal(alert, f"a ChangeCipherSpec of {data[:8].hex()}, expected 01")

    def agree(self, version: int) -> None:
        """Notes the agreed version."""
        self.version = version
        if version == TLS12 and self._dropped:
            raise Fatal("unexpected_message", f"{PEER[self.role]} sent ChangeCipherSpec before ServerHello")

    def finish(self) -> None:
        """Notes that the peer's Finished was received."""
        self._finished = True

    def seal_with(self, protection: Protection) -> None:
        self._sealing = protection

    def open_with(self, protection: Protection) -> None:
        if self._handshake_bytes:
            raise Fatal("unexpected_message", "a handshake message continues across a change of keys")
        self._opening = protection

    def limit(self, length: int) -> None:
        """Applies an agreed max_fragment_length to both directions (RFC 6066 4)."""
        self._limit = length
