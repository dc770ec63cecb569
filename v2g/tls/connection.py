"""A TLS connection after its handshake, with the stream methods that :class:`v2g.channel.Channel` uses.

Records are read when data is read; alerts, session tickets and new keys are handled then.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from v2g.tls import report
from v2g.tls.endpoint import MAX_MESSAGE, WARNING, Endpoint, PeerAlert, PeerClosed
from v2g.tls.failure import PEER, Fatal, of_alert
from v2g.tls.messages import read_ticket
from v2g.tls.records import ALERT, APPLICATION_DATA, HANDSHAKE, KINDS, Aead13
from v2g.tls.tables import ALERT_CODES, TLS13, group_name, version_name
from v2g.tls.tables import HANDSHAKE as MESSAGE_NAMES


class Connection(Endpoint):
    """An endpoint that carries application data."""

    @property
    def mutual(self) -> bool:
        """Whether it is TLS 1.3 and both sides presented a certificate."""
        return self.version == TLS13 and bool(self.peer_chain) and bool(self.own_chain)

    async def _fill(self) -> bool:
        """Reads a record of application data; False at the end of the connection.

        Everything that ends the connection ends here, even while answering a record, when the peer may be gone.

        Raises:
            ConnectionError: the connection broke, or one side sent a fatal alert.
        """
        try:
            while not self._eof:
                kind, data = await self._next()
                if kind == APPLICATION_DATA:
                    if self._handshake_bytes:
                        raise Fatal("unexpected_message", "application data inside a handshake message")
                    self._application += data
                    if data:
                        self._idle = 0
                        return True
                    self._wasted("empty records")
                elif kind == HANDSHAKE:
                    self._late(data)
                    await self.flush()
                else:
                    raise Fatal("unexpected_message", f"{PEER[self.role]} sent {KINDS[kind]} after the handshake")
        except PeerAlert as alert:
            self._eof = True
            if alert.code:
                text = of_alert(self.role, alert.code, "", report.about(self, alert.code))
                raise ConnectionError(text) from alert
        except PeerClosed as why:
            self._eof = self._broken = True
            if str(why) and not isinstance(why.__cause__, asyncio.IncompleteReadError):
                raise ConnectionError(str(why)) from why
        except Fatal as why:
            self._eof = True
            with contextlib.suppress(PeerClosed):
                await self.send_alert(why.alert)
            raise ConnectionError(f"{why.text} (alert {why.alert} sent)") from why
        return False

    def _late(self, data: bytes) -> None:
        """Handles handshake messages after the handshake: ignores session tickets, takes new keys.

        Raises:
            Fatal: a message that is not allowed now.
        """
        if not data:
            raise Fatal("unexpected_message", "an empty handshake record")
        buffer = self._handshake_bytes
        buffer += data
        while len(buffer) >= 4 and len(buffer) >= 4 + int.from_bytes(buffer[1:4], "big"):
            length = 4 + int.from_bytes(buffer[1:4], "big")
            message = bytes(buffer[:length])
            del buffer[:length]
            name = MESSAGE_NAMES.get(message[0], f"message {message[0]}")
            self.tell(name, "rx", message)
            self._wasted("handshake messages after the handshake")
            if self.version == TLS13:
                self._late13(name, message[4:])
            else:
                self._late12(name, message[4:])
        if len(buffer) >= 4 and int.from_bytes(buffer[1:4], "big") > MAX_MESSAGE:
            length = int.from_bytes(buffer[1:4], "big")
            raise Fatal(
                "decode_error", f"a handshake message of {length} bytes, but at most {MAX_MESSAGE} are accepted"
            )

    def _late12(self, name: str, body: bytes) -> None:
        """Declines the peer's request to renegotiate with a warning (RFC 5246 7.4.1.1)."""
        if name != ("HelloRequest" if self.role == "client" else "ClientHello"):
            raise Fatal("unexpected_message", f"{PEER[self.role]} sent {name} after the handshake")
        if name == "HelloRequest" and body:
            raise Fatal("decode_error", f"a HelloRequest of {len(body)} bytes, which must be empty")
        self.tell("alert", "tx", bytes((WARNING, ALERT_CODES["no_renegotiation"])), "no_renegotiation")
        self.send_record(ALERT, bytes((WARNING, ALERT_CODES["no_renegotiation"])))

    def _late13(self, name: str, body: bytes) -> None:
        """Takes new keys; a vehicle ignores session tickets (RFC 8446 4.6)."""
        if name == "NewSessionTicket" and self.role == "client":
            read_ticket(body)
            return
        if name != "KeyUpdate" or not isinstance(self._opening, Aead13) or not isinstance(self._sealing, Aead13):
            raise Fatal("unexpected_message", f"{PEER[self.role]} sent {name} after the handshake")
        if len(body) != 1:
            raise Fatal("decode_error", f"a KeyUpdate of {len(body)} bytes, expected 1")
        if body[0] > 1:
            raise Fatal("illegal_parameter", f"a KeyUpdate of {body[0]}, expected 0 or 1")
        if self._handshake_bytes:
            raise Fatal("unexpected_message", "a handshake message continues across a change of keys")
        self._opening.update()
        if body[0]:
            self.tell("KeyUpdate", "tx", bytes((24, 0, 0, 1, 0)))
            self.send_record(HANDSHAKE, bytes((24, 0, 0, 1, 0)))
            self._sealing.update()

    async def readexactly(self, count: int) -> bytes:
        """Like :meth:`asyncio.StreamReader.readexactly`."""
        while len(self._application) < count:
            if not await self._fill():
                partial = bytes(self._application)
                self._application.clear()
                raise asyncio.IncompleteReadError(partial, count)
        data = bytes(self._application[:count])
        del self._application[:count]
        return data

    async def read(self, count: int) -> bytes:
        """Like :meth:`asyncio.StreamReader.read`."""
        if not self._application:
            await self._fill()
        data = bytes(self._application[:count])
        del self._application[:count]
        return data

    def write(self, data: bytes) -> None:
        """Like :meth:`asyncio.StreamWriter.write`.

        Raises:
            ConnectionResetError: the connection is closed.
        """
        if self._closing:
            raise ConnectionResetError("the TLS connection is closed")
        for at in range(0, len(data), self._limit):
            self.send_record(APPLICATION_DATA, data[at : at + self._limit])
        out, self._out = bytes(self._out), bytearray()
        self._writer.write(out)

    async def drain(self) -> None:
        await self._writer.drain()

    def close(self) -> None:
        """Sends close_notify and closes without waiting for the peer's."""
        says = self.connected and self.options.deviate.close_notify and not self._broken
        if says and not self._closing and not self._writer.is_closing():
            self.tell("alert", "tx", b"\x01\0", "close_notify")
            self.send_record(ALERT, b"\x01\0")
            self._writer.write(bytes(self._out))
            self._out.clear()
        self._closing = True
        self._writer.close()

    async def wait_closed(self) -> None:
        await self._writer.wait_closed()

    def is_closing(self) -> bool:
        return self._closing or self._writer.is_closing()

    def get_extra_info(self, name: str) -> Any:
        return self._writer.get_extra_info(name)

    @property
    def transport(self) -> Any:
        return self._writer.transport

    @property
    def report(self) -> str:
        """What was agreed, in words."""
        assert self.suite is not None
        what = f"{version_name(self.version)}, {self.suite.name}, {group_name(self.group)}"
        return f"{what}; peer: {self.context.describe(self.peer_chain)}" if self.peer_chain else what

    @property
    def description(self) -> str:
        """Version and suite, in words: ``TLSv1.2 ECDHE-ECDSA-AES128-SHA256``."""
        assert self.suite is not None
        return f"TLSv{'1.3' if self.version == TLS13 else '1.2'} {self.suite.openssl}"
