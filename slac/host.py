"""A host on a link: sends and receives messages, with hooks for tests and a trace.

    async with Host(link, observe=observe) as host:
        with host.listen(lambda frame: isinstance(frame.message, CM_SLAC_PARM_CNF)) as answers:
            await host.send(CM_SLAC_PARM_REQ(run))
            frame = await answers.get(within=0.2)               # None if nothing came

One task reads the link; each frame goes to every `Mailbox` that wants it. Any other frame is reported and dropped.

The hook: ``host.rewrite[CM_SLAC_PARM_CNF] = fn``, where ``fn`` gets the `Frame` about to be sent and returns what to
send instead: another frame, bytes, None (drop), or a list of those (duplicate); it may be a coroutine and wait first.
A coroutine delays only its frame: others overtake it. ``host.rewrite_received`` does the same with a received frame,
before any mailbox sees it. Both accept `Message` as a key for all kinds.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from types import TracebackType
from typing import Any

from slac.errors import LinkError, SlacError
from slac.events import Event, Observe, ignore
from slac.frames import BROADCAST, Frame, FrameError, Message, build, mac_text, parse
from slac.link import Link

Rewritten = Frame | bytes | None
Rewrite = Callable[[Frame], Rewritten | Sequence[Rewritten] | Awaitable[Rewritten | Sequence[Rewritten]]]
Rewrites = dict[type[Message], Rewrite]

WAITING = 256
"""Capacity of a mailbox in frames; further ones are dropped."""


class Mailbox:
    """A queue of the frames that a caller waits for."""

    def __init__(self, wanted: Callable[[Frame], bool], close: Callable[[Mailbox], None]) -> None:
        self.wanted = wanted
        self._close = close
        self._queue: asyncio.Queue[Frame | LinkError] = asyncio.Queue(WAITING)

    def put(self, frame: Frame | LinkError) -> None:
        """Adds a frame, or the reason why no more will come."""
        if self._queue.full():
            if not isinstance(frame, LinkError):
                return
            self._queue.get_nowait()
        self._queue.put_nowait(frame)

    async def get(self, within: float | None = None) -> Frame | None:
        """The next frame; None if none came within this many seconds (None: waits forever).

        Raises:
            LinkError: the link broke.
        """
        if within is not None and within <= 0:
            if self._queue.empty():
                return None
            got = self._queue.get_nowait()
        else:
            try:
                async with asyncio.timeout(within):
                    got = await self._queue.get()
            except TimeoutError:
                return None
        if isinstance(got, LinkError):
            self.put(got)
            raise LinkError(str(got)) from got
        return got

    def clear(self) -> None:
        """Drops the waiting frames."""
        while not self._queue.empty():
            got = self._queue.get_nowait()
            if isinstance(got, LinkError):
                self.put(got)
                return

    def __enter__(self) -> Mailbox:
        return self

    def __exit__(self, *_: object) -> None:
        self._close(self)


class Host:
    """A host; see the module. The link stays open when the host ends.

    Attributes:
        link: sends and receives the frames.
        mac: our address.
        rewrite, rewrite_received: the hooks.
    """

    def __init__(
        self,
        link: Link,
        *,
        observe: Observe = ignore,
        rewrite: Rewrites | None = None,
        rewrite_received: Rewrites | None = None,
    ) -> None:
        self.link = link
        self.mac = link.mac
        self.observe = observe
        self.rewrite: Rewrites = {} if rewrite is None else rewrite
        self.rewrite_received: Rewrites = {} if rewrite_received is None else rewrite_received
        self._mailboxes: list[Mailbox] = []
        self._reader: asyncio.Task[None] | None = None
        self._delayed: set[asyncio.Task[None]] = set()
        self._broken: LinkError | None = None

    async def __aenter__(self) -> Host:
        self._reader = asyncio.create_task(self._read())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, why: BaseException | None, trace: TracebackType | None
    ) -> None:
        tasks = [*self._delayed] + ([self._reader] if self._reader else [])
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._reader = None

    def tell(self, name: str, note: str = "") -> None:
        """Emits an event that is not a frame."""
        self.observe(Event(asyncio.get_running_loop().time(), "slac", name, note=note))

    def listen(self, wanted: Callable[[Frame], bool]) -> Mailbox:
        """A mailbox for the frames that ``wanted`` accepts, until its ``with`` block ends."""
        box = Mailbox(wanted, self._forget)
        if self._broken is not None:
            box.put(self._broken)
        self._mailboxes.append(box)
        return box

    def _forget(self, box: Mailbox) -> None:
        if box in self._mailboxes:
            self._mailboxes.remove(box)

    # -- sending --------------------------------------------------------------------------------------------------

    async def send(self, message: Message, to: bytes = BROADCAST, *, mmv: int | None = None) -> None:
        """Sends a message through the hook.

        Raises:
            LinkError: the link is gone.
            FrameError: a value does not fit its field.
        """
        await self.send_frame(Frame(to, self.mac, message, mmv))

    async def send_frame(self, frame: Frame) -> None:
        """Sends a frame through the hook. Raises as `send` does."""
        rewrite = self.rewrite.get(type(frame.message)) or self.rewrite.get(Message)
        if rewrite is None:
            await self._out(build(frame), frame.name)
            return
        result = rewrite(frame)
        if inspect.isawaitable(result):
            self._later(self._out_rewritten(result, frame.name))
        else:
            await self._out_all(result, frame.name)

    async def _out_rewritten(self, result: Awaitable[Any], name: str) -> None:
        await self._out_all(await result, name)

    async def _out_all(self, result: Any, name: str) -> None:
        for item in result if isinstance(result, (list, tuple)) else (result,):
            if item is None:
                self.tell("dropped", f"{name}, by a rewrite")
            elif isinstance(item, bytes):
                await self._out(item, name)
            else:
                await self._out(build(item), item.name)

    async def _out(self, data: bytes, name: str) -> None:
        # Reported first, so that an answer never precedes its request in a trace.
        self.observe(Event(asyncio.get_running_loop().time(), "slac", name, "tx", data))
        await self.link.send(data)

    def _later(self, work: Coroutine[Any, Any, None]) -> None:
        async def work_reported() -> None:
            try:
                await work
            except (SlacError, FrameError) as why:
                self.tell("rewrite failed", str(why))

        task = asyncio.create_task(work_reported())
        self._delayed.add(task)
        task.add_done_callback(self._delayed.discard)

    # -- receiving ------------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        try:
            while True:
                self._came(await self.link.receive())
        except LinkError as why:
            self._broken = why
            self.tell("link error", str(why))
            for box in list(self._mailboxes):
                box.put(why)

    def _came(self, data: bytes) -> None:
        now = asyncio.get_running_loop().time()
        try:
            frame = parse(data)
        except FrameError as why:
            self.observe(Event(now, "slac", "undecodable", "rx", data, note=str(why)))
            return
        self.observe(Event(now, "slac", frame.name, "rx", data))
        rewrite = self.rewrite_received.get(type(frame.message)) or self.rewrite_received.get(Message)
        if rewrite is None:
            self._deliver(frame)
            return
        result = rewrite(frame)
        if inspect.isawaitable(result):
            self._later(self._deliver_later(result, frame.name))
        else:
            self._deliver_all(result, frame.name)

    async def _deliver_later(self, result: Awaitable[Any], name: str) -> None:
        self._deliver_all(await result, name)

    def _deliver_all(self, result: Any, name: str) -> None:
        for item in result if isinstance(result, (list, tuple)) else (result,):
            if item is None:
                self.tell("dropped", f"{name} received, by a rewrite")
                continue
            try:
                self._deliver(parse(item) if isinstance(item, bytes) else item)
            except FrameError as why:
                self.tell("undecodable", f"{name} after a rewrite: {why}")

    def _deliver(self, frame: Frame) -> None:
        for box in list(self._mailboxes):
            if box.wanted(frame):
                box.put(frame)

    def tolerated(self, frame: Frame, what: str) -> str:
        """Reports a message that is accepted although a field is wrong; returns the remark."""
        whose = mac_text(frame.source)
        self.observe(Event(asyncio.get_running_loop().time(), "tolerance", frame.name, note=f"{whose}: {what}"))
        return f"{frame.name} of {whose}: {what}"

    def ignored(self, frame: Frame, why: str) -> None:
        """Reports a message that is treated as if it had not arrived."""
        self.tell("ignored", f"{frame.name} of {mac_text(frame.source)}: {why}")
