"""The tester charger as scripts use it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from boundary.choices import meant
from plugfest.conformance.catalogue.durations import CLOSE, DELAY
from plugfest.conformance.evcc.course import Course
from plugfest.conformance.evcc.plan import LAST
from plugfest.conformance.evcc.reactions import gives_up
from plugfest.conformance.evcc.tester import TesterEvse, made
from plugfest.conformance.scripting.mistakes import changed
from plugfest.conformance.scripting.script import Script
from plugfest.conformance.verdict import Result
from slac.pilot import State
from v2g import naming
from v2g.messages import appproto
from v2g.status import refuses

SEAMS = ("session_id", "header", "exi", "frame", "stamp")
"""What can be wrong with an answer besides its fields; see :meth:`plugfest.conformance.wire.Wire.send`."""


class ChargerScript(Script):
    """A tester charger with a vehicle under test.

    Attributes:
        se: the tester charger (:class:`~plugfest.conformance.evcc.tester.TesterEvse`), for what this class does not
            offer.
        trace: what it saw.
        system: the vehicle under test.
        request: the request being held.
    """

    sut = "evcc"
    se: TesterEvse
    request: Any = None
    arrival: Any = None
    _plugged = False

    async def _start(self, stack: contextlib.AsyncExitStack, observe: Any) -> None:
        setting, bench = self.setting, self._bench()
        self.se = TesterEvse(self.system, setting.pics, setting.protocol, observe, self._draws(), bench.tls)
        if bench.certificates is not None:
            self.se.take(bench.certificates)
        await stack.enter_async_context(self.se.serving())
        stack.push_async_callback(self.se.leave)
        await self._watch(stack, self.se)

    async def plug(self) -> None:
        """Plugs the vehicle in; `until` does this if the script has not."""
        if not self._plugged:
            self._plugged = True
            await self.se.plug()

    def stop_after(self, rounds: int) -> None:
        """Makes the charger ask the vehicle to stop after this many rounds of the loop."""
        self.se.answers.stops_after = rounds

    def answer(self, request: type[Any] | str, change: Callable[[Any, Any], Any]) -> None:
        """From now on, ``change(request, response)`` builds the response to requests of a type; None: no answer."""
        self.se.answers.overrides[request if isinstance(request, str) else request.__name__] = change

    async def until(self, request: type[Any] | str, within: float = 120.0) -> Any:
        """Serves the good case until the vehicle sends this request, holds it, and returns it.

        Raises:
            ValueError: the protocol has no such request.
        """
        name = request if isinstance(request, str) else request.__name__
        modules = (*self.setting.protocol.modules.values(), appproto)
        if not any(hasattr(module, name) for module in modules) or not name.endswith("Req"):
            names = [word for module in modules for word in vars(module) if word.endswith("Req")]
            raise ValueError(f"{self.setting.protocol.title} has no request {name}{meant(name, names)}")
        if name in LAST and self.se.answers.stops_after is None:
            self.se.answers.stops_after = self.se.answers.loops + 3
        caught = self.se.catch(lambda arrival: arrival.name == name)
        self.se.release()
        await self.plug()
        self.arrival = await self.se.held(caught, name, within)
        self.request = self.arrival.message
        return self.request

    async def reply(self, message: Any = None, *, code: str | None = None, **deviation: Any) -> None:
        """Answers the held request and continues with the good case.

        Args:
            message: sent instead of the good answer; a class stands for its smallest message.
            code: ResponseCode in place of the good answer's.
            deviation: ``session_id``, ``header``, ``exi``, ``frame``, ``stamp``, and fields of the answer to change.

        Raises:
            ValueError: no request is held, or the answer has no such field.
        """
        if self.arrival is None:
            raise ValueError("no request is held: await until(...) comes first")
        seams = {key: deviation.pop(key) for key in SEAMS if key in deviation}
        if isinstance(message, type):
            message = made(self.se, message.__name__, code or "OK")
        elif message is None and code is not None and refuses(code):
            message = made(self.se, naming.response(self.arrival.name), code)
        elif message is None:
            message = await self.se.good(self.arrival)
            if code is not None:
                message = changed(message, ResponseCode=code)
        await self.se.send(changed(message, **deviation), facets=False, **seams)
        self.se.release()

    async def next(self, within: float = 40.0) -> str:
        """The name of the vehicle's next request after the held one; "" if the vehicle closes TCP or sends nothing."""
        await self.se.wait_for(lambda: self.se.after(self.arrival) or self.se.hung_up, within)
        later = self.se.after(self.arrival)
        return later[0].name if later else ""

    async def closed(self, within: float = 5.0) -> None:
        """Asserts that the vehicle closes TCP in time."""
        closed = await self.se.closed(self.se.now + within + DELAY)
        assert closed is not None, f"TCP is still open after {within:g} s"

    async def gives_up(self, within: float = 5.0) -> None:
        """Asserts that the vehicle sends no further charging request, switches to state B and closes TCP in time."""
        course = Course(self.se, Result("script"), request=self.arrival, answered=self.se.now)
        await gives_up(course, from_=self.se.now + within - CLOSE)

    def pilot(self, state: str) -> None:
        """Sets the charger's pilot: E, F, or a duty in percent as text (``5``, ``100``).

        Raises:
            ValueError: not a state that a charger can make.
        """
        if state in ("E", "F"):
            self.system.pilot.fault(State(state))
        elif state.replace(".", "", 1).isdigit():
            self.system.pilot.offer(float(state))
        else:
            raise ValueError(f"a charger's pilot is E, F or a duty in percent, not {state!r}")
