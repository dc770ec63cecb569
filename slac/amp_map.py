"""Exchange of amplitude maps once the link is up: optional on both sides (ISO 15118-3 A.9.6, CM_AMP_MAP).

A request is answered with success; the local modem's transmit power stays unchanged, since no modem in use lets a host
change it. The caller chooses the map to send.
"""

from __future__ import annotations

import asyncio
import contextlib

from slac.errors import LinkError
from slac.frames import CM_AMP_MAP_CNF, CM_AMP_MAP_REQ, Frame
from slac.host import Host
from slac.timing import Timing

CARRIERS = 917


def full_power() -> CM_AMP_MAP_REQ:
    """A map that requests no reduction: all carriers at full power, a nibble each."""
    return CM_AMP_MAP_REQ(CARRIERS, bytes((CARRIERS + 1) // 2))


def proper(message: CM_AMP_MAP_REQ) -> bool:
    """Whether a request contains as many carriers as it announces, and at least one."""
    return message.amlen > 0 and len(message.amdata) >= (message.amlen + 1) // 2


async def answer(host: Host, frame: Frame) -> None:
    """Answers a request of the peer; ignores an invalid one."""
    if isinstance(frame.message, CM_AMP_MAP_REQ):
        if proper(frame.message):
            await host.send(CM_AMP_MAP_CNF(0), frame.source)
        else:
            host.ignored(frame, f"amlen {frame.message.amlen} with {len(frame.message.amdata)} bytes")


async def serve(host: Host, peer: bytes) -> None:
    """Answers requests of the peer until cancelled, or until the link breaks (which is reported elsewhere)."""
    with host.listen(lambda f: f.source == peer and isinstance(f.message, CM_AMP_MAP_REQ)) as box:
        with contextlib.suppress(LinkError):
            while frame := await box.get():
                await answer(host, frame)


async def offer(host: Host, peer: bytes, timing: Timing, message: CM_AMP_MAP_REQ) -> bool:
    """Sends our map until the peer accepts it; returns False if it does not. The session continues either way."""

    def wanted(frame: Frame) -> bool:
        return frame.source == peer and frame.message == CM_AMP_MAP_CNF(0)

    loop = asyncio.get_running_loop()
    with host.listen(wanted) as box:
        for _ in range(1 + timing.C_EV_match_retry):
            end = loop.time() + timing.TT_match_response
            await host.send(message, peer)
            if await box.get(end - loop.time()):
                return True
    host.tell("warning", "the peer did not accept our amplitude map")
    return False
