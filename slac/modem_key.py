"""What every modem on one's own cable is asked: requests with answers, its key, whether it is back, its network.

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
"""s until a modem that did not take its key is given it again: a QCA7005 refuses one right after a match."""
_TOLD_AFTER = 1.0
"""s of silence after a key that are told."""

WHO: dict[str, tuple[type[Message], type[Message]]] = {
    "qualcomm": (VS_SW_VER_REQ, VS_SW_VER_CNF),
    "cg5317": (NSCM_GET_VERSION_REQ, NSCM_GET_VERSION_CNF),
    "generic": (CM_NW_INFO_REQ, CM_NW_INFO_CNF),
}
"""What a modem is asked to find out who it is, most telling first."""


def _answers(nonce: bytes, answer: Message) -> bool:
    """Whether a CM_SET_KEY.CNF is to the request with that nonce; some modems send zeros instead."""
    return getattr(answer, "your_nonce", None) in (nonce, bytes(4))


def refused_key(network: bytes, wanted: bytes) -> str:
    """What is said where a modem was given a key and stays in another network."""
    return f"the modem did not take the key: it is in network {network.hex()}, not in {wanted.hex()}"


@dataclass
class KeyedModem:
    """The modem on our own cable.

    Attributes:
        host: whom it belongs to.
        family: what is known about its kind.
        mac: its own address.
        device: chip, like ``QCA7000``; "" where unknown.
        firmware: version; "" where unknown.
        heard: when it last answered, loop time.
        others: further modems that answered as ours: two modems on one cable, or a switch between.
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
        """What this modem does not tell or do, one sentence each."""
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
        """Makes the modem join the network of a key; returns the result that it told.

        The modem is deaf for a while afterwards; one that still is, from the key before, is waited for. A result that
        does not mean "taken" in its family is tried again and reported, but is not an error: see `Family.accepted`.
        Whether it did take it, `take_key` finds out.

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
        note = "" if result in self.family.accepted else "; that does not mean that it took it, the link will tell"
        self.host.tell("set key", f"network {nid.hex()}, result {result}{note}")
        return result

    async def _give_key(self, nid: bytes, nmk: bytes) -> int | None:
        """The result of CM_SET_KEY, one that means "taken" where there was one; None without an answer."""
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
        """Sets a key, waits until the modem is back, and reads its network back. One that refuses is asked again.

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
        """NID of the network whose key the modem has, read back (CM_GET_KEY); None where it does not say.

        ``given``: NID and NMK that it was given. A modem that shows this NMK has taken them, whatever it makes of the
        NID: some stations give one that does not follow from the key.
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
        """NID of a network that it says to have joined, for those that do not show their key."""
        return None

    async def forget_key(self) -> None:
        """Leaves the network: sets a key that nobody knows. Raises ModemError: no answer."""
        nmk = new_nmk(self.rng)
        await self.set_key(nid_of(nmk), nmk)

    async def settle(self) -> bool:
        """Waits after a change of key until the modem answers again; False where it does not within ``modem_settle``.

        What takes longer than a moment is told.
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
        frame = await self.ask(request, kind, mmv=mmv, within=within)
        return frame.message if frame is not None and isinstance(frame.message, kind) else None
