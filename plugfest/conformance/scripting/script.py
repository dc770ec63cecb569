"""The common half of both testers' scripts: setting, trace, files, the system under test."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable, Iterator
from typing import Any, Self

from plugfest.conformance.campaign import setup
from plugfest.conformance.campaign.evidence import capture, evidence
from plugfest.conformance.campaign.physics import watched
from plugfest.conformance.catalogue.protocols import word_of
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.scripting.setting import Setting
from plugfest.conformance.scripting.trace import Trace
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.stimulus import source
from plugfest.conformance.sut import own, own_system
from plugfest.conformance.sut.bench import Bench
from plugfest.conformance.watch.judgement import Side
from plugfest.conformance.watch.line_watch import LineWatch
from plugfest.conformance.watch.violation import Violation
from plugfest.conformance.watch.watch import Watch
from v2g.trace import Observe, fan_out


class Script:
    """Common half: setting, trace, files."""

    sut = ""
    epoch = own.EPOCH

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.trace = Trace()
        self.system: Any = None
        side: Side = "secc" if self.sut == "secc" else "evcc"
        self._power = Watch(side, setting.pics, setting.ac)
        self._line = LineWatch(side, setting.pics)

    @property
    def violations(self) -> list[Violation]:
        """What the watch has found so far: rules for power, pilot and power line that the system under test broke.

        Those with ``fails`` fail the test at the end of the script. Empty with ``watch=False`` or ``--sut-no-watch``.
        """
        return [*self._power.violations.values(), *self._line.violations.values()]

    async def _watch(self, stack: contextlib.AsyncExitStack, tester: TesterEv | TesterEvse | None = None) -> None:
        """Watches plant and pilot until the stack is closed; without a tester, only the pilot during matching."""
        if not self.setting.watch:
            return
        if tester is None:
            stack.enter_context(self._line.reading(self.system.pilot))
        else:
            await stack.enter_async_context(watched(self._power, self._line, tester))

    @classmethod
    @contextlib.contextmanager
    def open(cls, setting: Setting) -> Iterator[Self]:
        """The script's tester; it is started with the test."""
        script = cls(setting)
        setting.started.append(script)
        yield script

    @property
    def role(self) -> str:
        """The tester's."""
        return "evcc" if self.sut == "secc" else "secc"

    def adjust(self, change: Callable[[Any], None]) -> None:
        """Changes our own role under test before it is plugged in; does nothing with a real system."""
        if self.setting.virtual:
            change(self.system)

    def _role(self, observe: Observe) -> contextlib.AbstractAsyncContextManager[Any]:
        setting = self.setting
        if setting.reach is not None:
            return setup.system(
                self.sut, setting.reach, command=setting.command, actions=setting.actions,
                pause=float(setting.pics["par_waitForNextTC"]), observe=observe,
            ).open()  # fmt: skip

        def adjust(system: Any) -> None:
            system.options.tolerant = setting.profile == "tolerant"

        return own_system.own_system(setting.run(self.sut), setting.pics, adjust=adjust)

    @contextlib.asynccontextmanager
    async def running(self) -> Any:
        """System and tester run while the context is open."""
        async with contextlib.AsyncExitStack() as stack:
            if not self.setting.virtual:
                self.epoch = time.time() - asyncio.get_running_loop().time()
            observe: Any = self.trace
            setting, place = self.setting, self.setting.place
            if setting.trace is not None or setting.captured:
                place.mkdir(parents=True, exist_ok=True)
                packets = setting.captured
                kept = stack.enter_context(evidence(place, self.epoch, self.role, packets=not packets))
                real = stack.enter_context(capture(place if packets else None, setting.captured, setting.name))
                observe = fan_out(self.trace, kept, real)
            if setting.watch:
                observe = fan_out(observe, self._power, self._line)
            self.system = await stack.enter_async_context(self._role(observe))
            await self._start(stack, observe)
            yield self

    async def _start(self, stack: contextlib.AsyncExitStack, observe: Any) -> None:
        raise NotImplementedError

    def _bench(self) -> Any:
        if not self.setting.virtual:
            suite = setup.suite_of(word_of(self.setting.protocol))
            tls, certificates = setup.certificates(self.setting.pki, self.sut, suite)
            return Bench(self.setting.pics, tls=tls, certificates=certificates)
        return own_system.bench_for(self.setting.run(self.sut), self.setting.pics)

    def _draws(self) -> random.Random:
        """Random source for what the script leaves open."""
        return source(self.setting.seed, self.setting.name)
