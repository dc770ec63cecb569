"""The simulated power line between real interfaces: what is sent into one comes out of the other, as modems would.

    line = Powerline(rng)
    car, post = line.vehicle("car"), line.charger("post")
    line.connect(car, post, 20.0)
    async with attached(line, {car: "plc-car", post: "plc-post"}):
        ...

Each interface is the near end of a virtual cable (veth) whose far end belongs to a host, in its own network namespace
or not; that host then sees a modem. Its address is learned from the first frame it sends. Needs CAP_NET_RAW.

The kernel leaves checksums and segmentation of TCP to the "hardware" of a virtual cable. They travel along as the
header that packet sockets use for this (PACKET_VNET_HDR), so that the other kernel finishes the work.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
from collections.abc import AsyncIterator, Mapping

from slac.frames import ETHERTYPE
from slac.link import raw_socket
from slac.powerline import Powerline, Station

_ALL_TYPES = 3  # ETH_P_ALL
_OUTGOING = 4  # PACKET_OUTGOING
_SOL_PACKET, _VNET_HDR, _HEADER = 263, 15, 10
_LONGEST = 1 << 17
_HOMEPLUG = ETHERTYPE.to_bytes(2, "big")


class _Port:
    """A station whose host is behind an interface."""

    def __init__(self, line: Powerline, station: Station, interface: str) -> None:
        self._line = line
        self._station = station
        self._known = False
        self._host = station.mac
        self._socket = raw_socket(interface, _ALL_TYPES, promiscuous=True)
        self._socket.setsockopt(_SOL_PACKET, _VNET_HDR, 1)
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._socket.fileno(), self._readable)
        station.deliver = self._deliver

    def _readable(self) -> None:
        for _ in range(64):
            try:
                data, address = self._socket.recvfrom(_LONGEST)
            except (BlockingIOError, InterruptedError):
                return
            except OSError as why:
                if why.errno != errno.ENETDOWN:
                    self.close()
                return
            if address[2] == _OUTGOING:
                continue
            header, frame = data[:_HEADER], data[_HEADER:]
            if not self._known:
                self._known, self._host = True, frame[6:12]
                if self._station.alias_of is None:
                    self._station.mac = self._host
            frame = self._renamed(frame, self._host, self._alias)
            self._station.statistics.sent += 1
            self._line.from_host(self._station, frame, header)

    def _deliver(self, data: bytes, extra: bytes) -> None:
        if self._socket.fileno() < 0:
            return
        self._station.statistics.received += 1
        data = self._renamed(data, self._alias, self._host)
        with contextlib.suppress(OSError):  # as on a real line, what cannot be delivered is lost
            self._socket.send((extra or bytes(_HEADER)) + data)

    @property
    def _alias(self) -> bytes:
        """The address that the line knows this host by; not its own where it is to have another's."""
        other = self._station.alias_of
        if other is not None:
            self._station.mac = other.mac
        return self._host if other is None else other.mac

    def _renamed(self, frame: bytes, old: bytes, new: bytes) -> bytes:
        """As if this host had the other's address: also inside of management messages."""
        if old == new or not self._known:
            return frame
        whole = len(frame) if frame[12:14] == _HOMEPLUG else 12
        return frame[:whole].replace(old, new) + frame[whole:]

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._loop.remove_reader(self._socket.fileno())
            self._socket.close()


@contextlib.asynccontextmanager
async def attached(line: Powerline, interfaces: Mapping[Station, str]) -> AsyncIterator[None]:
    """Puts hosts behind interfaces in place of the stations' links, until the ``async with`` ends.

    Args:
        line: the medium.
        interfaces: near end of the virtual cable by station.

    Raises:
        LinkError: an interface is missing, down, or we lack the rights; says what to do.
    """
    ports: list[_Port] = []
    try:
        for station, interface in interfaces.items():
            ports.append(_Port(line, station, interface))
        yield
    finally:
        for port in ports:
            port.close()
