"""Secrets of a handshake: the master secret of TLS 1.2, the key schedule of TLS 1.3, Finished and CertificateVerify."""

from __future__ import annotations

import hmac
from typing import Any

from v2g.tls import crypto
from v2g.tls.endpoint import Endpoint
from v2g.tls.failure import PEER, Fatal
from v2g.tls.records import Aead13
from v2g.tls.tables import TLS13, Suite, scheme_name
from v2g.tls.wire import Reader, vector


def master12(
    c: Endpoint, suite: Suite, secret: bytes, client_random: bytes, server_random: bytes, extended: bool
) -> bytes:
    """The master secret; with RFC 7627, bound to the whole handshake up to ClientKeyExchange."""
    if extended:
        seed = crypto.digest(suite.hash, bytes(c.transcript))
        master = crypto.prf(suite.hash, secret, b"extended master secret", seed, 48)
    else:
        master = crypto.prf(suite.hash, secret, b"master secret", client_random + server_random, 48)
    c.log_key("CLIENT_RANDOM", master)
    return master


def finished12(c: Endpoint, suite: Suite, master: bytes, side: str) -> bytes:
    """The verify_data of a side over the handshake so far."""
    return crypto.prf(
        suite.hash, master, f"{side} finished".encode(), crypto.digest(suite.hash, bytes(c.transcript)), 12
    )


def check_finished(received: bytes, expected: bytes) -> None:
    """Raises Fatal unless both are equal."""
    if len(received) != len(expected):
        raise Fatal("decode_error", f"a Finished of {len(received)} bytes, expected {len(expected)}")
    if not hmac.compare_digest(received, expected):
        text = "the peer's Finished does not verify: the two sides saw different handshakes"
        raise Fatal("decrypt_error", text, check="finished")


def retry_transcript(c: Endpoint, suite: Suite) -> None:
    """Replaces the first hello in the transcript by its hash, after a HelloRetryRequest (RFC 8446 4.4.1)."""
    length = 4 + int.from_bytes(c.transcript[1:4], "big")
    first = crypto.digest(suite.hash, bytes(c.transcript[:length]))
    c.transcript[:length] = b"\xfe" + len(first).to_bytes(3, "big") + first


class Schedule13:
    """The key schedule of TLS 1.3 from the shared secret on; call the methods in the order of the handshake."""

    def __init__(self, c: Endpoint, suite: Suite, shared: bytes) -> None:
        self._c = c
        self._suite = suite
        self._hash = suite.hash
        early = crypto.extract(self._hash, b"", b"")
        secret = crypto.extract(self._hash, crypto.derive(self._hash, early, "derived", b""), shared)
        self._secret = secret
        transcript = bytes(c.transcript)
        self._traffic = {
            side: crypto.derive(self._hash, secret, f"{short} hs traffic", transcript)
            for side, short in (("client", "c"), ("server", "s"))
        }
        for side, traffic in self._traffic.items():
            c.log_key(f"{side.upper()}_HANDSHAKE_TRAFFIC_SECRET", traffic)

    def handshake(self, *, opens: str) -> None:
        """From here on, the records of side ``opens`` are opened with its handshake key."""
        self._c.open_with(Aead13(self._suite, self._traffic[opens]))

    def seal_handshake(self, side: str) -> None:
        self._c.seal_with(Aead13(self._suite, self._traffic[side]))

    def application(self) -> dict[str, Aead13]:
        """The protections of application data; the transcript must end with the server's Finished."""
        c, name = self._c, self._hash
        master = crypto.extract(name, crypto.derive(name, self._secret, "derived", b""), b"")
        transcript = bytes(c.transcript)
        found = {}
        for side, short in (("client", "c"), ("server", "s")):
            traffic = crypto.derive(name, master, f"{short} ap traffic", transcript)
            c.log_key(f"{side.upper()}_TRAFFIC_SECRET_0", traffic)
            found[side] = Aead13(self._suite, traffic)
        c.log_key("EXPORTER_SECRET", crypto.derive(name, master, "exp master", transcript))
        return found

    def _finished(self, side: str) -> bytes:
        key = crypto.expand_label(self._hash, self._traffic[side], "finished", b"", len(self._traffic[side]))
        return hmac.digest(key, crypto.digest(self._hash, bytes(self._c.transcript)), self._hash)

    async def send_finished(self, side: str) -> None:
        await self._c.send("Finished", self._finished(side))

    async def receive_finished(self, side: str) -> None:
        expected = self._finished(side)
        _, body = await self._c.receive("Finished")
        check_finished(body, expected)

    def _signed(self, side: str) -> bytes:
        label = f"TLS 1.3, {side} CertificateVerify".encode()
        return b" " * 64 + label + b"\0" + crypto.digest(self._hash, bytes(self._c.transcript))

    async def send_verify(self, key: Any, scheme: int, side: str) -> None:
        signature = crypto.sign(key, scheme, self._signed(side))
        await self._c.send("CertificateVerify", scheme.to_bytes(2, "big") + vector(2, signature))

    async def receive_verify(self, side: str, key: Any) -> None:
        """Reads the peer's CertificateVerify and checks it with the key of its certificate."""
        signed = self._signed(side)
        _, body = await self._c.receive("CertificateVerify")
        reader = Reader(body, "CertificateVerify")
        scheme, signature = reader.integer(2, "algorithm"), reader.vector(2, "signature")
        reader.end()
        if scheme not in self._c.context.numbers.schemes:
            text = f"{PEER[self._c.role]} signs with {scheme_name(scheme)}, which was not offered"
            raise Fatal("illegal_parameter", text, check="signature-not-offered")
        crypto.verify(key, scheme, signature, signed, "CertificateVerify", TLS13)
