"""The tester's host on the power line: sends any management message with any field forced, and watches the answers."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import random
import re
from collections.abc import AsyncIterator, Mapping
from typing import Any, Generic, Self, TypeVar

from plugfest.conformance.catalogue import timer
from plugfest.conformance.cause import Cause
from plugfest.conformance.sut.systems import PowerLine
from plugfest.conformance.verdict import Failed, Inconclusive, NotExecutable, Result
from slac import frames
from slac.errors import SlacError
from slac.frames import BROADCAST, Frame, Message, violations
from slac.host import Host, Mailbox
from slac.keys import new_nmk, nid_of
from slac.link import Link
from slac.modem import detect
from slac.pilot import Pilot
from v2g.trace import Observe

SLACK = 0.02
"""s that a message may be late on the way to us."""

OF_A_CHARGER = (frames.CM_SLAC_PARM_CNF, frames.CM_ATTEN_CHAR_IND, frames.CM_VALIDATE_CNF, frames.CM_SLAC_MATCH_CNF,
                frames.CM_AMP_MAP_REQ, frames.CM_AMP_MAP_CNF)  # fmt: skip
OF_A_VEHICLE = (frames.CM_SLAC_PARM_REQ, frames.CM_START_ATTEN_CHAR_IND, frames.CM_MNBC_SOUND_IND,
                frames.CM_ATTEN_CHAR_RSP, frames.CM_VALIDATE_REQ, frames.CM_SLAC_MATCH_REQ, frames.CM_AMP_MAP_REQ,
                frames.CM_AMP_MAP_CNF)  # fmt: skip

_NAMES = {"sound_target": "m_sound_target"}


def changes(fields: Any, rng: random.Random, unread: str = "") -> dict[str, Any]:
    """The fields of a catalogue entry as values of a message; ``valid`` and the like change nothing.

    Args:
        unread: a field that the caller sets himself.

    Raises:
        NotExecutable: a value cannot be read.
    """
    if not isinstance(fields, Mapping):
        return {}
    found = {
        _NAMES.get(str(name), str(name)): _value(str(name), value, rng)
        for name, value in fields.items()
        if name != unread
    }
    if "num_groups" in found:  # the message counts its groups itself
        found["aag"] = bytes(found.pop("num_groups"))
    return found


def _value(name: str, value: Any, rng: random.Random) -> Any:
    if isinstance(value, int):
        return value
    text = str(value)
    if text == "another random value":
        return rng.randbytes(8)
    if re.fullmatch(r"([0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}", text):
        return bytes.fromhex(text.replace(":", ""))
    if re.fullmatch(r"0x[0-9A-Fa-f]+", text):
        return int(text, 16)
    if text == "...01":
        return bytes(16) + b"\x01"
    if coded := re.search(r"\((0x[0-9A-Fa-f]+)\)", text):
        return int(coded[1], 16)
    raise NotExecutable(f"SLAC field {name}: {text}")


S_co = TypeVar("S_co", bound=PowerLine, covariant=True)


COPIED = 0.015
"""s within which an equal CM_SLAC_PARM.REQ is a copy; repetitions come after TT_match_response."""


class Tester(Generic[S_co]):
    """A vehicle or a charger as far as matching goes: `.vehicle`, `.charger`.

    Attributes:
        kinds: messages that the system under test sends.
        system: the bench, see `plugfest.conformance.sut.slac`.
        peer: its address, once it has spoken.
        first: whether it is the one with the pilot; a second node is not.
        beside: a second node of the tester's, where the case has one.
        run_id: of the run.
        network: NID and NMK of the match.
    """

    kinds: tuple[type, ...] = ()

    def __init__(self, system: S_co, result: Result, observe: Observe, seed: int, link: Link | None = None) -> None:
        """``link``: another one than the bench's own."""
        self.system, self.result, self.observe = system, result, observe
        self.first = link is None
        self.rng = random.Random(seed)
        self.run_id = self.rng.randbytes(8)
        self.peer = b""
        self.nid = b""
        self.network = (b"", b"")
        self.beside: Self | None = None
        self.host = Host(link or system.link, observe=observe)
        self.modem: Any = None
        self._box: Mailbox
        self._asked: tuple[Any, float] = None, 0.0

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Self]:
        """The host runs and its modem was found."""
        async with self.host:
            self.modem = await detect(self.host, rng=self.rng)
            with self.host.listen(self._wanted) as self._box:
                try:
                    yield self
                finally:
                    await self._leave()

    def _wanted(self, frame: Frame) -> bool:
        # A second node behind the same modem lets the interface take frames for any address.
        ours = isinstance(frame.message, self.kinds) and frame.destination in (BROADCAST, self.mac)
        return ours and not self._copied(frame)

    def _copied(self, frame: Frame) -> bool:
        """Some vehicles send each CM_SLAC_PARM.REQ twice: the second one asks for nothing new."""
        if not isinstance(frame.message, frames.CM_SLAC_PARM_REQ):
            return False
        (before, at), self._asked = self._asked, ((frame.source, frame.message), self.now)
        return before == (frame.source, frame.message) and self.now - at < COPIED

    async def _leave(self) -> None:
        """Out of the network of the case, so that the system sees that the link is gone."""
        if self.nid:
            with contextlib.suppress(SlacError):
                await self.modem.forget_key()

    @contextlib.asynccontextmanager
    async def another(self) -> AsyncIterator[Self]:
        """A second node of the same kind on the line, with its own run.

        Raises:
            Inconclusive: this bench has none.
        """
        second = self.system.second()
        tester = type(self)(self.system, self.result, self.observe, self.rng.getrandbits(32), second)
        async with tester.open():
            yield tester

    @property
    def pilot(self) -> Pilot:
        """The tester's end of the control pilot."""
        return self.system.pilot

    @property
    def mac(self) -> bytes:
        return self.host.mac

    @property
    def now(self) -> float:
        return asyncio.get_running_loop().time()

    async def send(self, message: Message, **forced: Any) -> None:
        """Sends a message with these fields forced: as a broadcast if the standard says so, otherwise to the peer."""
        to = BROADCAST if isinstance(message, _TO_ALL) or not self.peer else self.peer
        changed: Any = message
        await self.host.send(dataclasses.replace(changed, **forced) if forced else changed, to)

    async def any(self, within: float) -> Frame | None:
        """The next message of the system under test."""
        return await self._box.get(within)

    async def expect(self, kind: type[Message], within: float, **fields: Any) -> Any:
        """Asserts that the next message is this one.

        Raises:
            Failed: another message came, none, or one with wrong fields.
        """
        frame = await self._box.get(within + SLACK)
        expected = f"{_name(kind)} within {within:.3g} s"
        if frame is None:
            self.result.saw(expected, "nothing")
            raise Failed(
                f"no {_name(kind)} came within {within:.3g} s",
                expected=expected,
                observed="nothing",
                cause=Cause.NO_ANSWER,
            )
        self.result.saw(expected, frame.name)
        if not isinstance(frame.message, kind):
            raise Failed(
                f"{frame.name} came instead of {_name(kind)}",
                expected=expected,
                observed=frame.name,
                cause=Cause.WRONG_MESSAGE,
            )
        self.peer = frame.source
        wrong = list(violations(frame.message))
        right = ["values as ISO 15118-3 requires"] if wrong else []
        for name, value in fields.items():
            if getattr(frame.message, name) != value:
                shown = getattr(frame.message, name)
                wrong.append(f"{name} is {_shown(shown)}")
                right.append(f"{name} {_shown(value)}")
        if wrong:
            raise Failed(
                f"{frame.name}: {', '.join(wrong)}",
                expected=", ".join(right),
                observed=", ".join(wrong),
                cause=Cause.WRONG_FIELD,
            )
        return frame.message

    async def quiet(self, within: float, kind: type[Message] | None = None) -> None:
        """Asserts that no message (of this kind, or at all) comes for this long.

        Raises:
            Failed: one came.
            Inconclusive: the vehicle started over while silence was expected.
        """
        end = self.now + within
        expected = f"no {_name(kind) if kind else 'message'} for {within:g} s"
        while frame := await self._box.get(max(0.0, end - self.now)):
            if kind is None or isinstance(frame.message, kind):
                self.result.saw(expected, frame.name)
                raise Failed(f"{frame.name} came", expected=expected, observed=frame.name, cause=Cause.WRONG_MESSAGE)
            if isinstance(frame.message, frames.CM_SLAC_PARM_REQ):
                raise Inconclusive("the vehicle started a new matching", cause=Cause.NEW_MATCHING)
        self.result.saw(expected, "nothing")

    async def joined(self, within: float, *, wanted: bool = True) -> None:
        """The link comes up (or down).

        Raises:
            Failed: it does not.
            Inconclusive: the modem does not report it.
        """
        expected = f"link {'up' if wanted else 'down'} within {within:g} s"
        end = self.now + within
        while (known := await self.linked()) is not wanted:
            if self.now >= end:
                if known is None:
                    raise Inconclusive("the tester's modem does not report links", cause=Cause.MODEM)
                self.result.saw(expected, "it is not")
                raise Failed(
                    f"the link is not {'up' if wanted else 'down'} after {within:g} s",
                    expected=expected,
                    cause=Cause.LINK_LOST,
                )
            await asyncio.sleep(0.1)
        self.result.saw(expected, "as expected")

    async def stays_out(self, seconds: float) -> None:
        """Asserts that the link does not come up by itself for this long.

        Raises:
            Failed: it does.
            Inconclusive: the modem does not report it.
        """
        expected, end, known = f"no link for {seconds:g} s", self.now + seconds, False
        while self.now < end:
            state = await self.linked()
            known = known or state is not None
            if state:
                self.result.saw(expected, "a link")
                raise Failed(
                    "it is still in the old network", expected=expected, observed="a link", cause=Cause.LINK_KEPT
                )
            await asyncio.sleep(0.1)
        if not known:
            raise Inconclusive("the tester's modem does not report links", cause=Cause.MODEM)
        self.result.saw(expected, "as expected")

    async def linked(self) -> bool | None:
        """Whether there is a link to the system under test: by the line in memory, else by the tester's modem.

        None: nobody can tell, or not at this moment.
        """
        known = self.system.linked()
        if known is None and self.nid:
            known = await self.modem.linked(self.nid)
        return known

    async def set_key(self, nid: bytes, nmk: bytes) -> None:
        """The tester's modem joins a network."""
        self.nid = nid
        await self.modem.set_key(nid, nmk)

    async def join(self) -> None:
        """The tester's modem joins the network of the match."""
        await self.set_key(*self.network)

    async def cut(self) -> None:
        """The link is lost: after a while the tester's modem goes to another network."""
        await asyncio.sleep(timer("SECC_waitForConnectionLoss"))
        other = new_nmk(self.rng)
        await self.set_key(nid_of(other), other)

    def forget(self) -> None:
        """Discards what has arrived but was not looked at, so that it answers nothing that follows."""
        self._box.clear()

    def need_pilot(self) -> None:
        """Call this before anything that only a real pilot shows or does.

        Raises:
            Inconclusive: it is an assumed one.
        """
        if self.pilot.reading.state is None or self.pilot.reading.duty is None:
            raise Inconclusive("pilot hardware is needed", cause=Cause.NO_PILOT)


AnyTester = Tester[PowerLine]
"""A tester in either role."""

_TO_ALL = (frames.CM_SLAC_PARM_REQ, frames.CM_START_ATTEN_CHAR_IND, frames.CM_MNBC_SOUND_IND)


def _shown(value: Any) -> str:
    """A value as written in a sentence."""
    return value.hex() if isinstance(value, bytes) else str(value)


def _name(kind: type[Message]) -> str:
    return re.sub(r"_(REQ|CNF|IND|RSP)$", r".\1", kind.__name__)
