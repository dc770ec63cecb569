"""Requests to any modem on the host's own cable: its answers, its key, whether it is back, its network.

`slac.modem.Modem` adds link, networks, role and restart.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from slac.errors import ModemError
from slac.frames import (
    CM_GET_KEY_CNF,
    CM_GET_KEY_REQ,
    CM_NW_INFO_CNF,
    CM_NW_INFO_REQ,
    CM_SET_KEY_CNF,
    CM_SET_KEY_REQ,
    LOCAL_MODEM,
    NSCM_GET_VERSION_CNF,
    NSCM_GET_VERSION_REQ,
    VS_SW_VER_CNF,
    VS_SW_VER_REQ,
    Frame,
    Message,
    mac_text,
)
from slac.host import Host
from slac.keys import new_nmk, nid_of
from slac.modem_families import Family
from slac.timing import STANDARD, Timing

M = TypeVar("M", bound=Message)

REFUSED_PAUSE = 1.0
"""Time until a modem that refused its key is given it again, s: a QCA7005 refuses one right after a match."""
_TOLD_AFTER = 1.0
"""Silence after setting a key that is reported, s."""

WHO: dict[str, tuple[type[Message], type[Message]]] = {
    "qualcomm": (VS_SW_VER_REQ, VS_SW_VER_CNF),
    "cg5317": (NSCM_GET_VERSION_REQ, NSCM_GET_VERSION_CNF),
    "generic": (CM_NW_INFO_REQ, CM_NW_INFO_CNF),
}
"""Requests that identify a modem, most telling first."""


def _answers(nonce: bytes, answer: Message) -> bool:
    """Whether a CM_SET_KEY.CNF answers the request with this nonce; some modems send zeros instead."""
    return getattr(answer, "your_nonce", None) in (nonce, bytes(4))


def refused_key(network: bytes, wanted: bytes) -> str:
    """The text for a modem that was given a key but stays in another network."""
    return f"the modem did not take the key: it is in network {network.hex()}, not in {wanted.hex()}"


@dataclass
class KeyedModem:
    """The modem on our own cable.

    Attributes:
        host: the host that it belongs to.
        family: facts about its family.
        mac: its own address.
        device: chip, such as ``QCA7000``; "" if unknown.
        firmware: version; "" if unknown.
        heard: loop time at which it last answered, s.
        others: further modems that answered as ours: two modems on one cable, or a switch in between.
    """

    host: Host
    family: Family
    mac: bytes
    device: str = ""
    firmware: str = ""
    others: tuple[bytes, ...] = ()
    timing: Timing = STANDARD
    rng: random.Random = field(default_factory=random.Random)
    heard: float = field(default=float("-inf"), repr=False)
    _keyed: float | None = field(default=None, repr=False)  # when it was last given a key
    _tells_network: bool = field(default=True, repr=False)

    @property
    def lacks(self) -> tuple[str, ...]:
        """What this modem does not report or do, one sentence each."""
        return self.family.lacks

    def __str__(self) -> str:
        chip = self.device or self.family.title
        return f"{chip} {mac_text(self.mac)}" + (f", firmware {self.firmware}" if self.firmware else "")

    # -- asking ---------------------------------------------------------------------------------------------------

    async def ask(
        self,
        request: Message,
        *kinds: type[Message],
        to: bytes = LOCAL_MODEM,
        times: int = 1,
        right: Callable[[Any], bool] = lambda _: True,
        mmv: int | None = None,
        within: float | None = None,
    ) -> Frame | None:
        """Sends a request up to ``times`` times and returns the first answer of one of the kinds; None without one.

        ``within``: seconds for each time; by default the timer ``modem_answer``.
        """

        def wanted(frame: Frame) -> bool:
            return frame.destination == self.host.mac and isinstance(frame.message, kinds) and right(frame.message)

        with self.host.listen(wanted) as box:
            for _ in range(times):
                await self.host.send(request, to, mmv=mmv)
                if frame := await box.get(self.timing.modem_answer if within is None else within):
                    self.heard = asyncio.get_running_loop().time()
                    return frame
        return None

    # -- the key --------------------------------------------------------------------------------------------------

    async def set_key(self, nid: bytes, nmk: bytes) -> int:
        """Makes the modem join the network of a key; returns the result that it reported.

        The modem does not respond for a while afterwards; if it is still unresponsive from the previous key, this call
        waits. A result that does not mean "accepted" in its family is retried and reported, but is not an error: see
        `Family.accepted`. `take_key` finds out whether the modem accepted the key.

        Raises:
            ModemError: no answer.
        """
        loop = asyncio.get_running_loop()
        restarting = self._keyed is not None and loop.time() - self._keyed < self.timing.modem_settle
        result = await self._give_key(nid, nmk)
        if result is None and restarting and await self.settle():
            result = await self._give_key(nid, nmk)
        if result is None:
            raise ModemError(
                f"the modem did not answer {self.timing.modem_requests} CM_SET_KEY.REQ; is it powered, and still there?"
            )
        self._keyed = loop.time()
        note = (
            "" if result in self.family.accepted else "; that does not prove that it took the key, only the link will"
        )
        self.host.tell("set key", f"network {nid.hex()}, result {result}{note}")
        return result

    async def _give_key(self, nid: bytes, nmk: bytes) -> int | None:
        """The result of CM_SET_KEY, preferably one that means "accepted"; None without an answer."""
        result = None
        for _ in range(self.timing.modem_requests):
            nonce = self.rng.randbytes(4)
            frame = await self.ask(
                CM_SET_KEY_REQ(nid, nmk, my_nonce=nonce),
                CM_SET_KEY_CNF,
                right=partial(_answers, nonce),
            )
            if frame is not None and isinstance(frame.message, CM_SET_KEY_CNF):
                result = frame.message.result
                if result in self.family.accepted:
                    break
        return result

    async def take_key(self, nid: bytes, nmk: bytes) -> None:
        """Sets a key, waits until the modem is back, and reads its network back. Retries if the modem refuses it.

        Raises:
            ModemError: no answer, it did not come back within ``modem_settle``, or it stays in another network.
        """
        why = ""
        for attempt in range(self.timing.modem_requests):
            if attempt:
                await asyncio.sleep(REFUSED_PAUSE)
            await self.set_key(nid, nmk)
            if not await self.settle():
                within = f"{self.timing.modem_settle:g} s (modem_settle)"
                raise ModemError(
                    f"the modem did not come back within {within} after its key was changed; is it powered?"
                )
            network = await self.network((nid, nmk))
            if network is None or network == nid:
                return
            why = refused_key(network, nid)
            self.host.tell("warning", why)
        raise ModemError(why)

    async def network(self, given: tuple[bytes, bytes] | None = None) -> bytes | None:
        """NID of the network whose key the modem has, read back (CM_GET_KEY); None if it does not report it.

        ``given``: NID and NMK that it was given. A modem that shows this NMK has accepted them, whatever NID it shows:
        some stations use one that is not derived from the key.
        """
        if not self._tells_network:
            return None
        soon = self.timing.TT_polling_pause
        frame = await self.ask(CM_GET_KEY_REQ(bytes(7), self.rng.randbytes(4)), CM_GET_KEY_CNF, within=soon, times=2)
        if frame is not None and isinstance(frame.message, CM_GET_KEY_CNF):
            told = frame.message
            if given is not None and told.key == given[1]:
                return given[0]
            return told.nid if any(told.nid) else None
        joined = await self._joined(soon)
        self._tells_network = joined is not None
        return joined

    async def _joined(self, within: float) -> bytes | None:
        """NID of a network that it reports to have joined, for modems that do not show their key."""
        return None

    async def forget_key(self) -> None:
        """Leaves the network by setting a key that nobody knows. Raises ModemError: no answer."""
        nmk = new_nmk(self.rng)
        await self.set_key(nid_of(nmk), nmk)

    async def settle(self) -> bool:
        """Waits after a change of key until the modem answers again; False if it does not within ``modem_settle``.

        Reports a longer wait.
        """
        loop = asyncio.get_running_loop()
        start, told = loop.time(), False
        end = start + self.timing.modem_settle
        while True:
            asked = loop.time()
            if await self.answers():
                if told:
                    self.host.tell("modem", f"it answers again, {loop.time() - start:.1f} s after its key")
                return True
            if loop.time() >= end:
                return False
            if not told and loop.time() - start >= _TOLD_AFTER:
                told = True
                self.host.tell(
                    "modem", f"silent since its key was changed; waiting up to {self.timing.modem_settle:g} s"
                )
            await asyncio.sleep(max(0.0, asked + self.timing.TT_polling_pause - loop.time()))

    async def answers(self) -> bool:
        """Whether the modem answers now."""
        request, kind = WHO[self.family.key] if self.family.key in WHO else WHO["qualcomm"]
        return await self.ask(request(), kind, within=self.timing.TT_polling_pause) is not None

    async def _message(
        self, request: Message, kind: type[M], *, mmv: int | None = None, within: float | None = None
    ) -> M | None:
        """What the modem answers; None without an answer.

        A look within a given time is one of many, so it asks once. A question is repeated, because one lost frame
        would look like a modem that cannot answer.
        """
        times = self.timing.modem_requests if within is None else 1
        frame = await self.ask(request, kind, times=times, mmv=mmv, within=within)
        return frame.message if frame is not None and isinstance(frame.message, kind) else None
