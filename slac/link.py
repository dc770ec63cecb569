"""Links: Ethernet frames with management messages, to and from an interface.

`Link` is the interface that both sides need; `open_link` opens one on an interface of this host: a raw socket
(AF_PACKET) on Linux, scapy's layer-2 socket elsewhere. `slac.powerline` has simulated links.

The raw socket has the kernel filter EtherType 88E1, and drops our own frames by their packet type, never by their
source: on a powerline, a frame with our address may well come from outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import os
import socket
import struct
import sys
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Protocol

from boundary import namespaces
from slac.errors import LinkError
from slac.mme import BROADCAST, ETHERTYPE

LONGEST = 2048
"""Maximum number of bytes read from one frame; management messages are shorter."""
WAITING = 1024
"""Maximum number of frames waiting to be received; beyond that, the oldest are dropped and counted."""

_OUTGOING = 4  # PACKET_OUTGOING
_IFF_UP, _IFF_RUNNING = 0x1, 0x40
_SIOCGIFFLAGS = 0x8913
_ETHERNET = 1  # ARPHRD_ETHER
_SOL_PACKET, _PACKET_STATISTICS, _PACKET_ADD_MEMBERSHIP, _PROMISCUOUS = 263, 6, 1, 1


@dataclass
class Statistics:
    """Frame counts of a link since it was opened.

    Attributes:
        sent, received: frames sent and received.
        unsent: frames that the system did not accept (queue full).
        lost: received frames dropped because they were not fetched in time.
    """

    sent: int = 0
    received: int = 0
    unsent: int = 0
    lost: int = 0


class Link(Protocol):
    """An interface with a modem (or a whole simulated powerline) behind it."""

    name: str
    mac: bytes
    """Address of this host on the link, 6 bytes."""
    statistics: Statistics

    async def send(self, frame: bytes) -> None:
        """Sends an Ethernet frame, beginning with the destination address, unchanged.

        Raises:
            LinkError: the interface is gone or down, or the link is closed.
        """

    async def receive(self) -> bytes:
        """The next frame with EtherType 88E1 that is not our own. Cancelling the call loses no frame.

        Raises:
            LinkError: the interface is gone, or the link is closed.
        """

    def close(self) -> None:
        """Closes the link; waiting callers of `receive` get a LinkError."""


class Inbox:
    """Received frames waiting to be fetched; the receiving half shared by all links."""

    def __init__(self, statistics: Statistics) -> None:
        self._frames: deque[bytes] = deque()
        self._statistics = statistics
        self._there = asyncio.Event()
        self._broken: LinkError | None = None

    def put(self, frame: bytes) -> None:
        """Adds a frame. Beyond `WAITING` the oldest is dropped."""
        self._statistics.received += 1
        if len(self._frames) >= WAITING:
            self._frames.popleft()
            self._statistics.lost += 1
        self._frames.append(frame)
        self._there.set()

    def fail(self, why: LinkError) -> None:
        """From now on, `get` raises this error when no frame is left."""
        self._broken = why
        self._there.set()

    @property
    def broken(self) -> LinkError | None:
        return self._broken

    async def get(self) -> bytes:
        """The oldest frame.

        Raises:
            LinkError: see `fail`.
        """
        while not self._frames:
            if self._broken is not None:
                raise LinkError(str(self._broken))
            self._there.clear()
            await self._there.wait()
        return self._frames.popleft()


class RawLink:
    """A raw socket on a Linux interface. Open with `open_link`; needs a running event loop."""

    def __init__(
        self,
        name: str,
        *,
        ethertype: int = ETHERTYPE,
        promiscuous: bool = False,
        outgoing: bool = False,
        address: bytes | None = None,
    ) -> None:
        """``ethertype`` 3 receives frames of all types; ``outgoing`` also those that this host sends, for watching.

        ``address``: differs from the interface's for a second node behind the same modem; receives its frames.

        Raises:
            LinkError: the interface is missing, down, not Ethernet, or needs permissions that we lack; says what to do.
        """
        self.name = name
        self.statistics = Statistics()
        self._inbox = Inbox(self.statistics)
        self._outgoing = outgoing
        self._loop = asyncio.get_running_loop()
        self._socket = raw_socket(name, ethertype, promiscuous or address is not None)
        self._own = address
        self.mac: bytes = address or self._socket.getsockname()[4]
        self._loop.add_reader(self._socket.fileno(), self._readable)

    async def send(self, frame: bytes) -> None:
        if self._inbox.broken is not None:
            raise LinkError(str(self._inbox.broken))
        try:
            try:
                self._socket.send(frame)
            except OSError as why:
                if why.errno != errno.ENETDOWN:
                    raise
                self._socket.send(frame)  # the error may be left over from an earlier loss of the interface
        except BlockingIOError:
            await self._loop.sock_sendall(self._socket, frame)
        except OSError as why:
            if why.errno == errno.ENOBUFS:
                self.statistics.unsent += 1
                return
            if why.errno == errno.EMSGSIZE:
                raise LinkError(f"{self.name} does not take a frame of {len(frame)} bytes: its MTU is smaller") from why
            raise LinkError(_gone(self.name, why)) from why
        self.statistics.sent += 1

    async def receive(self) -> bytes:
        return await self._inbox.get()

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()
        self._inbox.fail(LinkError(f"the link on {self.name} is closed"))

    def _readable(self) -> None:
        for _ in range(64):  # other tasks on the loop need their turn too
            try:
                frame, address = self._socket.recvfrom(LONGEST)
            except BlockingIOError:
                return
            except OSError as why:
                if why.errno == errno.ENETDOWN:
                    return  # reported once; the socket works again when the interface is back
                self._loop.remove_reader(self._socket.fileno())
                self._inbox.fail(LinkError(_gone(self.name, why)))
                return
            ours = self._own is None or frame[:6] in (self._own, BROADCAST)
            if ours and (self._outgoing or address[2] != _OUTGOING):
                self._inbox.put(frame)

    @property
    def dropped(self) -> int:
        """Frames that the kernel dropped since the last call."""
        counts = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        return int(struct.unpack("II", counts)[1])


def raw_socket(name: str, ethertype: int, promiscuous: bool) -> socket.socket:
    """A non-blocking raw socket on an interface, also ``NAMESPACE/NAME``. Raises LinkError: see `RawLink`."""
    index = interface_index(name)
    device = namespaces.split(name)[1]
    try:
        with namespaces.inside(name):
            raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)  # takes nothing until it is bound
    except PermissionError:
        raise LinkError(no_rights(name)) from None
    try:
        raw.setblocking(False)
        check_interface(name, raw)
        raw.bind((device, ethertype))
        if raw.getsockname()[3] != _ETHERNET:
            raise LinkError(f"{name} is not an Ethernet interface; name the one the modem is on")
        if promiscuous:
            membership = struct.pack("IHH8s", index, _PROMISCUOUS, 0, b"")
            raw.setsockopt(_SOL_PACKET, _PACKET_ADD_MEMBERSHIP, membership)
    except LinkError:
        raw.close()
        raise
    except OSError as why:
        raw.close()
        raise LinkError(_gone(name, why)) from why
    return raw


def interface_index(name: str) -> int:
    """Number of an interface in its network namespace.

    Raises:
        LinkError: no interface has this name, or its namespace cannot be entered.
    """
    try:
        with namespaces.inside(name) as device:
            known = {other: index for index, other in socket.if_nameindex()}
    except OSError as why:
        raise LinkError(namespaces.why_not(name, why)) from None
    if device not in known:
        raise LinkError(f"no interface {name}; choose from {', '.join(sorted(known))}")
    return known[device]


def check_interface(name: str, sock: socket.socket) -> None:
    """Checks that an interface is up and has a carrier.

    Raises:
        LinkError: it is down or has no carrier; says what to do.
    """
    import fcntl  # not everywhere

    request = struct.pack("16sH14x", namespaces.split(name)[1].encode(), 0)
    for wait in (0.02, 0.08, 0.2, 0.0):  # a new interface gets its carrier a moment later
        flags = struct.unpack("16sH14x", fcntl.ioctl(sock.fileno(), _SIOCGIFFLAGS, request))[1]
        if not flags & _IFF_UP:
            raise LinkError(f"{name} is down; try: ip link set {name} up")
        if flags & _IFF_RUNNING:
            return
        time.sleep(wait)
    raise LinkError(f"{name} has no carrier; is the modem powered, and the cable in the right port?")


def no_rights(name: str) -> str:
    """One line for users who are not permitted to open raw sockets."""
    python = os.path.realpath(sys.executable)
    return (
        f"raw sockets on {name} need root or CAP_NET_RAW; try sudo, or: sudo setcap cap_net_raw+ep {python}"
        " (which grants it to every script of this interpreter)"
    )


def _gone(name: str, why: OSError) -> str:
    if why.errno == errno.ENETDOWN:
        return f"{name} is down; try: ip link set {name} up"
    if why.errno in (errno.ENODEV, errno.ENXIO):
        return f"{name} is gone; was the modem or adapter unplugged?"
    return f"{name}: {why.strerror}"


class ScapyLink:
    """scapy's layer-2 socket, for systems without AF_PACKET. Open with `open_link`; needs a running event loop."""

    def __init__(self, name: str) -> None:
        """Raises LinkError: the interface is missing, or needs permissions that we lack; says what to do."""
        import threading

        import scapy.arch  # noqa: F401  (sets up the sockets of this system)
        from scapy.config import conf
        from scapy.error import Scapy_Exception
        from scapy.interfaces import get_if_list, resolve_iface
        from scapy.layers.l2 import Ether

        self.name = name
        self.statistics = Statistics()
        self._inbox = Inbox(self.statistics)
        self._loop = asyncio.get_running_loop()
        self._packet = Ether
        conf.ifaces.reload()  # it may have been read before the adapter was plugged in
        if name not in get_if_list():
            raise LinkError(f"no interface {name}; choose from {', '.join(sorted(get_if_list()))}")
        try:
            self.mac = bytes.fromhex((resolve_iface(name).mac or "").replace(":", ""))
            self._socket: Any = conf.L2socket(iface=name, type=ETHERTYPE, filter=None)
        except PermissionError:
            raise LinkError(no_rights(name)) from None
        except (OSError, Scapy_Exception, ValueError) as why:
            raise LinkError(f"{name}: {why}") from why
        self._open = True
        self._thread = threading.Thread(target=self._read, name=f"slac {name}", daemon=True)
        self._thread.start()

    async def send(self, frame: bytes) -> None:
        if self._inbox.broken is not None:
            raise LinkError(str(self._inbox.broken))
        try:
            self._socket.send(self._packet(frame))
        except OSError as why:
            raise LinkError(_gone(self.name, why)) from why
        self.statistics.sent += 1

    async def receive(self) -> bytes:
        return await self._inbox.get()

    def close(self) -> None:
        if self._open:
            self._open = False
            self._thread.join(2)
            self._socket.close()
        self._inbox.fail(LinkError(f"the link on {self.name} is closed"))

    def _read(self) -> None:
        """The reading thread: not every system allows an event loop to watch its sockets."""
        while self._open:
            try:
                if not self._socket.select([self._socket], 0.1):
                    continue
                _, frame, _ = self._socket.recv_raw(LONGEST)
            except OSError as why:
                self._tell(self._inbox.fail, LinkError(_gone(self.name, why)))
                return
            # If the system does not distinguish our own frames, compare the address.
            if frame and frame[12:14] == b"\x88\xe1" and frame[6:12] != self.mac:
                self._tell(self._inbox.put, bytes(frame))

    def _tell(self, receiver: Any, value: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(receiver, value)


def open_link(name: str) -> Link:
    """A link on an interface of this host, by its name (``eth0``, ``plc0``). Needs a running event loop.

    Raises:
        LinkError: missing interface, interface down, missing rights; says what to do.
    """
    return RawLink(name) if hasattr(socket, "AF_PACKET") else ScapyLink(name)
