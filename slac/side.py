"""Code shared by the two sides of matching: a host, its end of the pilot, its modem, and the link once it is up."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from slac import amp_map
from slac.events import Observe
from slac.frames import CM_AMP_MAP_REQ
from slac.host import Host, Rewrites
from slac.link import Link
from slac.modem import Modem, NoModem, detect
from slac.outcome import Match
from slac.pilot import Pilot
from slac.timing import STANDARD, Timing


@dataclass(frozen=True)
class SideOptions:
    """Options of both sides.

    Attributes:
        timing: timers and counts.
        strict: ignore messages with any constant field wrong (RESP_TYPE, EVSE ID...); else accept and report them if
            RunID and the vehicle's address are right.
        amplitude_map: the map sent to the peer when the link is up; None: none is sent.
    """

    timing: Timing = STANDARD
    strict: bool = True
    amplitude_map: CM_AMP_MAP_REQ | None = None


P = TypeVar("P", bound=Pilot)
Chosen = TypeVar("Chosen", bound=SideOptions)


class Side(Generic[P, Chosen]):
    """One side, on a host that is running.

    Attributes:
        host, pilot, modem, options, rng: the arguments of the constructor.
    """

    defaults: type[Chosen]

    def __init__(
        self,
        host: Host,
        pilot: P,
        modem: Modem | None = None,
        options: Chosen | None = None,
        *,
        rng: random.Random | None = None,
    ) -> None:
        """With ``modem`` None, no key is set."""
        self.host = host
        self.pilot = pilot
        self.options = options or self.defaults()
        self.modem = modem or NoModem(host, self.options.timing)
        self.rng = rng or random.Random()

    async def resume(self, match: Match) -> bool:
        """After a pause with the key kept, waits up to T_conn_resume for the link. False: match again."""
        return await self.modem.wait_linked(match.nid, self.options.timing.T_conn_resume)

    async def _settle(self, peer: bytes) -> None:
        """Waits until a link that has come up is ready for the session, and exchanges amplitude maps meanwhile."""
        timing = self.options.timing
        loop = asyncio.get_running_loop()
        ready = loop.time() + max(timing.TT_amp_map_exchange, timing.TP_link_ready_notification)
        if self.options.amplitude_map is not None:
            await amp_map.offer(self.host, peer, timing, self.options.amplitude_map)
        await asyncio.sleep(max(0.0, ready - loop.time()))


@contextlib.asynccontextmanager
async def attached(
    link: Link, timing: Timing, observe: Observe, rewrite: Rewrites | None, rng: random.Random, modem: bool
) -> AsyncIterator[tuple[Host, Modem | None]]:
    """A running host and the modem found behind its link, or None if the caller says that there is none.

    Raises:
        ModemError: no modem answers.
        LinkError: the interface is gone.
    """
    async with Host(link, observe=observe, rewrite=rewrite) as host:
        yield host, await detect(host, timing=timing, rng=rng) if modem else None
