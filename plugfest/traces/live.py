"""Records an interface while a session runs on it: the real packets, with the kernel's times, as pcapng.

If the host's clock is set in the meantime, the times keep counting by the monotonic clock.

Needs a raw socket (root or CAP_NET_RAW). Packets are written to the file as they come, so a killed session leaves a
capture; closing adds decoded messages (:mod:`plugfest.traces.annotate`), except to a very long one.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
import time
from pathlib import Path
from types import TracebackType

from boundary import namespaces
from boundary.console import complain
from boundary.errors import OutputError
from boundary.write import Growing
from plugfest.traces import packets, pcap
from plugfest.traces.annotate import annotate
from plugfest.traces.clock import Steady
from plugfest.traces.errors import RecordingError
from v2g.trace import Event

MAX_EXPLAINED = 32 * 1024 * 1024
"""Bytes of a capture up to which its messages are decoded when it ends; a flood makes that in seconds."""
_ALL = 0x0003  # ETH_P_ALL: what we send too
_SO_TIMESTAMPNS = 35
_BUFFER = 4 * 1024 * 1024
_KINDS = {packets.SLAC.to_bytes(2, "big"), packets.IPV6.to_bytes(2, "big")}
_LONGEST = 262144


class Live:
    """Records while it is entered (in a running event loop); also an observer for the TLS secrets.

    Args:
        path: the file.
        interface: name of the network interface, also ``NAMESPACE/NAME``.
        comment: comment on the file as a whole.

    Raises:
        PermissionError: raw sockets are not allowed.
        OSError: no such interface, or (OutputError) the file cannot be written.
    """

    def __init__(self, path: Path, interface: str, *, comment: str = "") -> None:
        self._path, self._comment = path, comment
        self._secrets = b""
        self._failed: OutputError | None = None
        with namespaces.inside(interface) as device:
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        try:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
            self._socket.setblocking(False)
            self._socket.bind((device, _ALL))
            self._file = Growing(path)
        except OSError:
            self._socket.close()
            raise
        self._out = pcap.Writer(self._file, comment=comment, interface=interface)
        self._clock = Steady()

    def __call__(self, event: Event) -> None:
        """Takes the TLS secrets from the events; everything else is in the packets.

        Raises:
            OutputError: the file could not take all packets, and takes no more.
        """
        if self._failed is not None:
            raise self._failed
        if event.layer == "tls" and event.name == "keylog" and event.data:
            line = event.data.rstrip(b"\n") + b"\n"
            self._secrets += line
            self._out.secrets(line)

    def __enter__(self) -> Live:
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket, self._ready)
        return self

    def __exit__(self, kind: type[BaseException] | None, why: BaseException | None, at: TracebackType | None) -> None:
        self._ready()
        self._loop.remove_reader(self._socket)
        self._socket.close()
        try:
            self._file.close()
        except OutputError as lost:
            self._failed = lost
        explain(self._path, self._secrets, self._comment)
        if self._failed is not None and why is None:
            raise self._failed

    def _ready(self) -> None:
        """Takes the packets that have arrived."""
        for _ in range(512):
            try:
                data, extras, _, _ = self._socket.recvmsg(_LONGEST, 64)
            except BlockingIOError:
                break
            except OSError:  # the interface went down
                break
            if data[12:14] in _KINDS and self._failed is None:
                self._take(self._clock.at(_when(extras)), data)
        self._take()

    def _take(self, when: int = 0, data: bytes = b"") -> None:
        """Writes a packet to the file, or flushes what was written."""
        try:
            if data:
                self._out.packet(when, data)
            else:
                self._out.flush()
        except OutputError as why:
            self._failed = why


def explain(path: Path, secrets: bytes, comment: str) -> None:
    """Adds decoded messages and TLS secrets to a finished capture, unless it is so long that this takes minutes."""
    with contextlib.suppress(RecordingError, OSError):  # what was recorded stays as it is
        if path.stat().st_size <= MAX_EXPLAINED:
            annotate(path, path, key_log=secrets, comment=comment)
            return
        limit = f"{MAX_EXPLAINED >> 20} MB"
        complain(
            f"note: {path} is longer than {limit}, so its packets have no comments; `plugfest trace export` adds them"
        )


def _when(extras: list[tuple[int, int, bytes]]) -> int:
    for level, kind, value in extras:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS and len(value) >= 16:
            seconds, nanoseconds = struct.unpack("qq", value[:16])
            return int(seconds * 10**9 + nanoseconds)
    return time.time_ns()
