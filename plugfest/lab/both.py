"""Our charger and our vehicle in a lab: real sockets in two namespaces, one pilot, one pair of power terminals.

Each plugging in is a session. After it the connector is pulled; `plug` begins the next one.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import random
import signal
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import msgspec

from evcc.charge import Search, find_and_charge
from evcc.nominal import charge_nominal
from evcc.options import Outcome as VehicleOutcome
from evcc.options import Paused
from evcc.stay import Stay, stay
from plugfest import handoff, outputs, pilots, plants, receipts, security, session_options
from plugfest.config import actions
from plugfest.config.model import Bench
from plugfest.controls import Controls
from plugfest.defaults import ATTENUATION
from plugfest.lab import words
from plugfest.lab.network import Network
from plugfest.parts import NotPossible
from plugfest.stage import Stage
from plugfest.summary import summary
from plugfest.view import View
from plugfest.views import view
from secc.arrivals import Arrivals
from secc.newcomer import Policy
from secc.outlet import Outlet
from slac.pilot import CONNECTED, State, until
from slac.powerline import Conditions, Powerline
from slac.powerline_veth import attached
from v2g import interfaces
from v2g.outcome import Outcome
from v2g.sdp import TlsPolicy
from v2g.trace import ignore

SETTLES = 1.0
"""s from the end of a session until the connector is pulled."""


@dataclass(frozen=True)
class Cable:
    """What is between the ends: mean attenuation, dB, and share of frames lost, 0 to 1."""

    attenuation: float = ATTENUATION
    loss: float = 0.0


@contextlib.asynccontextmanager
async def line(network: Network, cable: Cable, seed: int) -> AsyncIterator[None]:
    """The power line of a lab, as long as the context is open; nothing where there is none."""
    if not network.line:
        yield
        return
    medium = Powerline(random.Random(seed), Conditions(loss=cable.loss))
    car, post = medium.vehicle("vehicle"), medium.charger("charger")
    medium.connect(car, post, cable.attenuation)
    async with attached(medium, {car: network.near("vehicle"), post: network.near("charger")}):
        yield


@dataclass
class Lab:
    """Both ends.

    Attributes:
        bench: of both; role ``both``.
        network: where they are.
        controls, stage, looks: as of any session; the stage has the vehicle's view.
        charger, vehicle: options of the roles.
        ended: outcomes of the charger's sessions, as they come.
        code: exit code of the first session that failed, or 0.
        ending: the session under way is the last one.
    """

    bench: Bench
    network: Network
    controls: Controls
    stage: Stage
    looks: View
    charger: Any
    vehicle: Any
    served: asyncio.Queue[Outcome] = field(default_factory=asyncio.Queue)
    ended: asyncio.Queue[Outcome] = field(default_factory=asyncio.Queue)
    code: int = 0
    ending: bool = False

    def stop(self, driving: asyncio.Task[None]) -> None:
        """The first Ctrl-C: ends charging in order and then the lab; the second one ends it at once."""
        self.ending = True
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
        if self.controls.wire is not None and self.controls.wire.plugged:
            self.looks.say("stopping; press Ctrl-C again to abort")
            with contextlib.suppress(NotPossible):  # it is ending already
                self.controls.apply(actions.Stop(by="vehicle"))
        else:
            driving.cancel()

    def end(self, role: str) -> Bench:
        """The bench as one end sees it."""
        return msgspec.structs.replace(
            self.bench, role="evcc" if role == "vehicle" else "secc", interface=self.network.interface(role)
        )

    # -- charger --------------------------------------------------------------------------------------------------

    async def serve(self, stack: contextlib.AsyncExitStack) -> asyncio.Task[None]:
        """Starts the charger."""
        bench, evse, say = self.end("charger"), self.controls.evse, self.looks.say
        assert evse is not None
        policy = TlsPolicy(bench.tls)
        name = bench.interface or ""
        stack.enter_context(interfaces.claimed(name))
        outlet = self.controls.outlet = Outlet(
            await interfaces.usable(name), evse, self.charger,
            policy=policy,
            context=security.charger(bench, stack, say) if policy is not TlsPolicy.NONE else None,
            on_end=self._served,
            wakes_after=bench.charger.wake_car_after,
            newcomers=Policy(bench.charger.newcomers),
        )  # fmt: skip
        if not bench.slac:
            pilots.offer_when_plugged(evse.pilot)
            await stack.enter_async_context(outlet.open())
            return asyncio.create_task(_forever())
        side = await stack.enter_async_context(handoff.charger_side(bench, evse.pilot, ignore))
        arrivals = Arrivals(
            side, evse if bench.ac else None,
            start=bench.charger.initial_duty, loss=bench.charger.lost_link, say=say, ended=self.ended.put_nowait,
        )  # fmt: skip
        return asyncio.create_task(handoff.serve_matched(arrivals, outlet, lambda: None, say, self.served))

    def _served(self, outcome: Outcome) -> None:
        self.ended.put_nowait(outcome)
        self.served.put_nowait(outcome)

    # -- vehicle --------------------------------------------------------------------------------------------------

    async def drive(self, sessions: int | None) -> None:
        """The vehicle's stays at the charger: one for each plugging in."""
        async with contextlib.AsyncExitStack() as stack:
            bench, wire, vehicle = self.end("vehicle"), self.controls.wire, self.controls.vehicle
            assert wire is not None
            assert vehicle is not None
            context = security.vehicle(bench) if bench.tls != "none" else None
            side = None
            if bench.slac:
                side = await stack.enter_async_context(handoff.vehicle_side(bench, wire.ev, self.stage.observe))
            how = Stay(bench.vehicle.stays, bench.vehicle.wake_after, self.stage.observe, self.looks.say)
            count = 0
            wire.plug()
            while True:
                await until(wire.ev, lambda reading: reading.state in CONNECTED, None)
                vehicle.begin()
                charge = self._charging(bench, context, how)
                if side is not None:
                    nominal = self._nominal if bench.ac else None
                    outcome = await handoff.charge_matched(
                        side, self.controls, charge, self.looks.say, nominal, how, again=bench.vehicle.again
                    )
                else:
                    outcome = await stay(None, None, vehicle, charge, how)
                await self._over(outcome)
                count += 1
                if self.ending or (sessions is not None and count >= sessions):
                    return
                wire.unplug()
                self.vehicle.resume = None  # what was paused is over for both
                self.looks.say("unplugged; plug starts another session, Ctrl-C ends the lab")

    def _charging(self, bench: Bench, context: Any, how: Stay) -> Callable[[Paused | None], Any]:
        vehicle = self.controls.vehicle
        assert vehicle is not None

        async def charge(resume: Paused | None) -> VehicleOutcome:
            self.vehicle.resume = resume or self.vehicle.resume
            search = Search(await interfaces.usable(bench.interface or ""), TlsPolicy(bench.tls), context)
            vehicle.begin()
            self.stage.begin(resumed=resume is not None)
            outcome = await find_and_charge(search, vehicle, self.vehicle)
            if outcome.paused and how.sleeps:
                await self._over(outcome, pauses=True)
            return outcome

        return charge

    async def _nominal(self) -> VehicleOutcome:
        vehicle = self.controls.vehicle
        assert vehicle is not None
        vehicle.begin()
        self.stage.begin()
        return await charge_nominal(
            vehicle,
            duration=self.bench.vehicle.duration,
            observe=self.stage.observe,
            tick=lambda: self.stage.measured("BasicCharging"),
        )

    async def _over(self, outcome: VehicleOutcome, *, pauses: bool = False) -> None:
        """A session is over: both ends say how it went."""
        outcomes: dict[str, Outcome] = {"vehicle": outcome}
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SETTLES):
                outcomes["charger"] = await self.ended.get()
        while not self.ended.empty():
            outcomes["charger"] = self.ended.get_nowait()
        self.code = self.code or next((int(each.cause) for each in outcomes.values() if not each.ok), 0)
        self.stage.end(outcomes, pauses=pauses)
        for role, each in outcomes.items():
            for text in summary(each, role=role):
                self.looks.say(text)


async def _forever() -> None:
    await asyncio.Event().wait()


async def run(bench: Bench, network: Network, cable: Cable, sessions: int | None) -> int:
    """Runs both ends until a number of sessions have ended, or forever; returns the exit code."""
    now = datetime.datetime.now(datetime.UTC)
    rng = random.Random(bench.seed if bench.seed is not None else time.time_ns())
    pair = plants.make_pair(bench, rng)
    pair.wire.unplug()
    soc = pair.vehicle.battery.soc * 100.0
    controls = Controls(pair.vehicle, pair.evse, pair.wire)
    looks = view(bench, f"lab {network.name}", controls, plants.vehicle_numbers(pair.vehicle, ac=bench.ac))
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(pilots.user_errors())
        trace = stack.enter_context(outputs.writing(bench, "both", now, interface=network.interface("vehicle")))
        stage = Stage(bench, controls, looks, trace)
        charger = session_options.charger(bench, pair.evse, time.time, rng)
        vehicle = controls.options = session_options.vehicle(bench, time.time, looks.say)
        stage.equip(charger, "secc", main=False)
        stage.equip(vehicle, "evcc")
        lab = Lab(bench, network, controls, stage, looks, charger, vehicle)
        await stack.enter_async_context(line(network, cable, rng.randrange(1 << 32)))
        await stack.enter_async_context(stage.running())
        looks.headline([*words.outset(network, cable.attenuation, cable.loss)])
        for text in words.next_steps(network, hands=looks.typed):
            looks.say(text)
        stack.callback(pilots.tell(pair.wire.ev, stage.observe))
        serving = await lab.serve(stack)
        driving = asyncio.create_task(lab.drive(sessions))
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, lab.stop, driving)
        try:
            await asyncio.wait({serving, driving}, return_when=asyncio.FIRST_COMPLETED)
            for task in (serving, driving):
                if task.done() and not task.cancelled():
                    task.result()
        finally:
            for task in (driving, serving):
                task.cancel()
            await asyncio.gather(serving, driving, return_exceptions=True)
            if pair.wire.plugged and pair.wire.ev.state is not State.A:
                pair.wire.unplug()
    for text in receipts.lines(charger.contracts.receipts) if charger.contracts else ():
        looks.say(text)
    looks.say(f"battery: {soc:.1f} % -> {pair.vehicle.battery.soc * 100:.1f} %")
    await stage.close()
    return trace.code(lab.code)
