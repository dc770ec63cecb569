"""Both of our roles as scripts use them, on one cable and a link in memory."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any, Self

from evcc import charge as evcc
from evcc.vehicle import Vehicle
from plugfest.conformance.scripting.setting import Setting
from plugfest.conformance.scripting.trace import Trace
from plugfest.conformance.sut import certificates, own
from plugfest.conformance.watch.violation import Violation
from secc import serve as secc
from v2g.memory_link import memory_pair


class PairScript:
    """Both of our roles on one cable and a link in memory.

    Attributes:
        ev, se: options of vehicle and charger; ``rewrite``, ``rewrite_exi``, ``rewrite_frame`` are seams.
        vehicle, evse: the plants.
        trace: the vehicle's view.
        ev_outcome, se_outcome: how the session ended for each.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.trace = Trace()
        self.violations: list[Violation] = []
        """Nothing is watched here: both sides are ours, and a script may make either of them deviate."""

    @classmethod
    @contextlib.contextmanager
    def open(cls, setting: Setting) -> Iterator[Self]:
        """The script's bench; it is started with the test."""
        script = cls(setting)
        setting.started.append(script)
        yield script

    @contextlib.asynccontextmanager
    async def running(self) -> Any:
        """Both plants run while the context is open."""
        setting = self.setting
        self._charger = own.OwnCharger(setting.pics, (setting.protocol,), tolerant=setting.profile == "tolerant")
        self._vehicle = own.OwnVehicle(
            setting.pics, (setting.protocol,), self.trace, tolerant=setting.profile == "tolerant"
        )
        self.ev, self.se = self._vehicle.options, self._charger.options
        self.vehicle, self.evse = self._vehicle.vehicle, self._charger.evse
        self.ev.duration = 5.0
        yield self

    async def run(self) -> Trace:
        """Runs one session to its end and returns the trace."""
        setting = self.setting
        tls: dict[str, Any] = {}
        if setting.pics.pnc:
            bench = certificates.in_memory()
            tls = {"server": certificates.context(bench, "server"), "client": certificates.context(bench, "client")}
        wire = self._charger.wire
        wire.plug()
        self.evse.pilot.offer(5.0)
        if self._charger.customer is not None:
            self._charger.customer.accept()
        old = self.vehicle
        self.vehicle = Vehicle(wire.ev, old.battery, settings=old.settings)
        self._vehicle.vehicle = self.vehicle
        self._vehicle.couple(self.evse)
        charger_end, vehicle_end = await memory_pair(**tls)
        charger = asyncio.create_task(secc.serve(charger_end, self.evse, self.se))
        self.ev_outcome = await evcc.charge(vehicle_end, self.vehicle, self.ev)
        self.se_outcome = await charger
        return self.trace
