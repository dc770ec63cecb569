"""SDP on a real interface: the vehicle's search and the charger's answers."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct
from collections.abc import AsyncIterator, Callable
from ipaddress import IPv6Address
from typing import Any

from v2g import sdp
from v2g.errors import NothingFound, RemoteError, SetupError
from v2g.interfaces import Interface
from v2g.timing import ISO2, Timing
from v2g.trace import Event, Observe, ignore

Address = tuple[str, int, int, int]


MAX_ANSWERS = 50
"""The most SDP answers to one vehicle per second: as many as it may send requests, one per 250 ms [V2G2-159, 161]."""
MAX_ALL_ANSWERS = 200
"""The most SDP answers per second in total."""
_WAITING = 64


class _Allowance:
    """Counts the answers left in this second, for each vehicle and in total."""

    def __init__(self) -> None:
        self._second = 0
        self._counts: dict[str, int] = {}
        self._all = 0

    def take(self, sender: str, now: float) -> bool:
        """Whether one more answer may go to a sender; if so, counts it."""
        if int(now) != self._second:
            self._second, self._all = int(now), 0
            self._counts.clear()
        count = self._counts.get(sender, 0)
        if count >= MAX_ANSWERS or self._all >= MAX_ALL_ANSWERS:
            return False
        self._counts[sender] = count + 1
        self._all += 1
        return True


class _Mailbox(asyncio.DatagramProtocol):
    """A queue of datagrams, each with its sender; bounded, because anyone can send."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[tuple[bytes, Address]] = asyncio.Queue(_WAITING)

    def datagram_received(self, data: bytes, addr: Any) -> None:
        with contextlib.suppress(asyncio.QueueFull):
            self.queue.put_nowait((data, addr))


def place_of(interface: Interface, to: IPv6Address | None = None) -> Address:
    """The destination of requests: the multicast group on an interface, or the address ``to`` there."""
    return (str(to) if to else sdp.GROUP, sdp.PORT, 0, interface.index)


def asking_socket(interface: Interface) -> socket.socket:
    """The non-blocking socket of a searching vehicle."""
    with interface.inside():
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, interface.index)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 64)
    sock.setblocking(False)
    sock.bind(("::", 0))
    return sock


def answering_socket(interface: Interface) -> socket.socket:
    """The non-blocking socket of a charger, which receives the group's datagrams on its interface.

    Raises:
        SetupError: the port is taken, or the group cannot be joined.
    """
    with interface.inside():
        sock = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    try:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.setblocking(False)
        # Several chargers on one host, each on its own interface, can share the port; two on one interface cannot.
        try:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.device.encode())
        except PermissionError:  # an old kernel: we receive from all interfaces; the membership below names ours
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(("::", sdp.PORT))
        group = socket.inet_pton(socket.AF_INET6, sdp.GROUP) + struct.pack("@I", interface.index)
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, group)
    except OSError as why:
        sock.close()
        what = "UDP port 15118 is taken" if why.errno == errno.EADDRINUSE else f"SDP on {interface.name}"
        raise SetupError(f"{what}: {why.strerror}; is another charger running here?") from why
    return sock


async def discover(
    interface: Interface,
    *,
    security: int,
    timing: Timing = ISO2,
    to: IPv6Address | None = None,
    acceptable: Callable[[sdp.Response], str | None] = sdp.Response.unsuitable,
    observe: Observe = ignore,
) -> sdp.Response:
    """Searches for a charger: up to 50 requests, 250 ms apart [V2G2-159, 161].

    Invalid and unsuitable responses are reported and do not end the search.

    Args:
        security: :data:`sdp.TLS` or :data:`sdp.NO_TLS`.
        to: unicast address instead of the multicast group, for benches without multicast.
        acceptable: says why a response cannot be used, or returns None.

    Raises:
        NothingFound: no usable answer.
        SetupError: the interface does not allow sending.
    """
    loop = asyncio.get_running_loop()
    target = place_of(interface, to)
    with asking_socket(interface) as sock:
        transport, box = await loop.create_datagram_endpoint(_Mailbox, sock=sock)

        def send(data: bytes) -> None:
            try:
                transport.sendto(data, target)
            except OSError as why:
                raise SetupError(f"cannot send on {interface.name}: {why.strerror}") from why

        try:
            return await search(
                send, box.queue, security=security, timing=timing, acceptable=acceptable, observe=observe,
                where=f"{target[0]}%{interface.name}",
            )  # fmt: skip
        finally:
            transport.close()


async def search(
    send: Callable[[bytes], None],
    answers: asyncio.Queue[tuple[bytes, Address]],
    *,
    security: int,
    timing: Timing = ISO2,
    acceptable: Callable[[sdp.Response], str | None] = sdp.Response.unsuitable,
    observe: Observe = ignore,
    where: str = "",
) -> sdp.Response:
    """The search itself, over any way to send datagrams and a queue of the answers; see :func:`discover`.

    Raises:
        NothingFound: no usable answer.
    """
    loop = asyncio.get_running_loop()
    request = sdp.Request(security).pack()
    tries = int(timing.SDP_Max_Requests)
    problems: list[str] = []
    for _ in range(tries):
        observe(Event(loop.time(), "sdp", "SDPRequest", "tx", request, note=f"to {where}"))
        send(request)
        found = await _answer(answers, timing.SDP_Request_Interval, acceptable, observe, problems)
        if found is not None:
            return found
    kind = "TLS" if security == sdp.TLS else "no TLS"
    on = where.rpartition("%")[2]
    if problems:
        raise NothingFound(f"the charger's SDP answer cannot be used: {problems[-1]}", problems[-1])
    raise NothingFound(f"no charger answered {tries} SDP requests ({kind}) on {on}; is it powered, and is the link up?")


async def _answer(
    answers: asyncio.Queue[tuple[bytes, Address]],
    seconds: float,
    acceptable: Callable[[sdp.Response], str | None],
    observe: Observe,
    problems: list[str],
) -> sdp.Response | None:
    """The first usable response within one interval; the reasons against others go to ``problems``."""
    loop = asyncio.get_running_loop()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while True:
                data, sender = await answers.get()
                event = Event(loop.time(), "sdp", "SDPResponse", "rx", data, note=f"from {sender[0]}")
                try:
                    response = sdp.parse_response(data)
                    problem = acceptable(response)
                except RemoteError as why:
                    problem = str(why)
                if problem is None:
                    event.note += f": [{response.address}]:{response.port}, security 0x{response.security:02x}"
                    observe(event)
                    return response
                del problems[:]
                problems.append(problem)
                event.note += f": ignored, {problem}"
                observe(event)
    return None


@contextlib.asynccontextmanager
async def answering(
    interface: Interface,
    answer: Callable[[sdp.Request], sdp.Response | None],
    *,
    observe: Observe = ignore,
) -> AsyncIterator[None]:
    """While the context is open, answers every valid SDP request that arrives on the interface [V2G2-144].

    Args:
        answer: returns the response to a request, or None for no answer.

    Raises:
        SetupError: the port is taken, or the group cannot be joined.
    """
    loop = asyncio.get_running_loop()
    with answering_socket(interface) as sock:
        transport, box = await loop.create_datagram_endpoint(_Mailbox, sock=sock)
        task = asyncio.create_task(serve(transport.sendto, box.queue, interface, answer, observe))
        try:
            yield
        finally:
            task.cancel()
            transport.close()


async def serve(
    send: Callable[[bytes, Address], None],
    requests: asyncio.Queue[tuple[bytes, Address]],
    interface: Interface,
    answer: Callable[[sdp.Request], sdp.Response | None],
    observe: Observe,
) -> None:
    """Answers the requests of a queue forever; see :func:`answering`."""
    loop = asyncio.get_running_loop()
    allowance = _Allowance()
    while True:
        data, sender = await requests.get()
        if sender[3] not in (0, interface.index):
            continue
        event = Event(loop.time(), "sdp", "SDPRequest", "rx", data, note=f"from {sender[0]}")
        try:
            request = sdp.parse_request(data)
        except RemoteError as why:
            event.note += f": ignored, {why}"
            observe(event)
            continue
        response = answer(request)
        if response is not None and not allowance.take(sender[0], loop.time()):
            event.note += f": ignored, more than {MAX_ANSWERS} requests in a second"
            observe(event)
            continue
        if response is None:
            event.note += f": no answer to security 0x{request.security:02x}, transport 0x{request.transport:02x}"
            observe(event)
            continue
        observe(event)
        packed = response.pack()
        send(packed, sender)
        observe(Event(loop.time(), "sdp", "SDPResponse", "tx", packed, note=f"to {sender[0]}"))
