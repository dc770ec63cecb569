"""SLAC testers as scripts use them: a vehicle on a charger's power line, or a charger on a vehicle's.

::

    async def test_another_run(slac_secc_sut):
        ev = slac_secc_sut.ev
        await ev.reach("PARM")
        await ev.sound(run_id=bytes(8))
        await ev.quiet(1.2, CM_ATTEN_CHAR_IND)

The testers' steps are those of the cases: :mod:`~plugfest.conformance.slac.vehicle`,
:mod:`~plugfest.conformance.slac.charger`. Fields given to a step are sent as they are; a step that awaits a message
fails the script and says what came instead.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from plugfest.conformance.campaign import setup
from plugfest.conformance.catalogue import Case, Mode, Run
from plugfest.conformance.scripting.script import Script
from plugfest.conformance.scripting.setting import Setting
from plugfest.conformance.scripting.trace import Trace
from plugfest.conformance.slac.charger import Charger
from plugfest.conformance.slac.vehicle import Vehicle
from plugfest.conformance.sut import own_system
from plugfest.conformance.sut.program import Program
from plugfest.conformance.verdict import Result
from slac.frames import parse
from v2g.trace import Event, Observe


class SlacTrace(Trace):
    """The frames that the tester sent and received."""

    layer = "slac"

    def _messages(self) -> Iterator[Event]:
        return (event for event in super()._messages() if event.direction)

    def _name(self, kind: type[Any] | str) -> str:
        if isinstance(kind, str):
            return kind
        stem, _, direction = kind.__name__.rpartition("_")
        return f"{stem}.{direction}"

    def all(self, kind: type[Any] | str) -> list[Any]:
        """The messages of a type, in order."""
        return [parse(event.data).message for event in self._messages() if event.name == self._name(kind)]


class _SlacScript(Script):
    """What both testers share."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self.trace = SlacTrace()

    def _role(self, observe: Observe) -> contextlib.AbstractAsyncContextManager[Any]:
        setting = self.setting
        if setting.reach is None:
            mode = Mode("ac" if setting.ac else "dc", "eim")
            case = Case(setting.name, setting.name, self.sut, "derived", "", ("slac",), mode=mode)
            return own_system.own_system(Run(setting.name, case, "slac"), setting.pics)
        pause = float(setting.pics["par_waitForNextTC"])
        program = Program(setting.command, 1.0)
        return setup.line(self.sut, setting.reach, setting.pics, program, pause, setting.actions)


class SlacVehicleScript(_SlacScript):
    """A tester vehicle on the power line of a charger under test.

    Attributes:
        ev: the tester vehicle (:class:`~plugfest.conformance.slac.vehicle.Vehicle`).
        trace: its frames.
        system: the charger under test.
    """

    sut = "secc"
    ev: Vehicle

    async def _start(self, stack: contextlib.AsyncExitStack, observe: Any) -> None:
        self.ev = Vehicle(self.system, Result(self.setting.name), observe, 1)
        await stack.enter_async_context(self.ev.open())
        await self._watch(stack)


class SlacChargerScript(_SlacScript):
    """A tester charger on the power line of a vehicle under test.

    Attributes:
        post: the tester charger (:class:`~plugfest.conformance.slac.charger.Charger`).
        trace: its frames.
        system: the vehicle under test.
    """

    sut = "evcc"
    post: Charger

    async def _start(self, stack: contextlib.AsyncExitStack, observe: Any) -> None:
        self.post = Charger(self.system, Result(self.setting.name), observe, 1)
        await stack.enter_async_context(self.post.open())
        await self._watch(stack)
