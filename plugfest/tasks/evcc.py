"""A vehicle on a real interface, from SLAC to the exit code."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime
import signal
import time
from dataclasses import dataclass
from ipaddress import IPv6Address

from evcc.charge import Outcome, Search, find_and_charge
from evcc.nominal import charge_nominal
from evcc.options import Options, Paused
from evcc.stay import Stay, stay
from evcc.vehicle import Vehicle
from plugfest import config, handoff, outputs, pilots, plants, security, session_options, terminals
from plugfest.commands import options
from plugfest.config.model import Bench
from plugfest.controls import Controls
from plugfest.errors import UserError
from plugfest.stage import Stage
from plugfest.summary import summary
from plugfest.view import View
from plugfest.views import view
from slac.pilot import VehiclePilot
from v2g import interfaces
from v2g.errors import SetupError
from v2g.interfaces import Interface
from v2g.sdp import TlsPolicy
from v2g.tls import Context


def run(args: argparse.Namespace) -> int:
    return start(options.told(config.of_args(args, "evcc", **options.implied(args, "evcc"))))


def start(bench: Bench) -> int:
    """Runs a bench with a vehicle; returns the exit code."""
    return asyncio.run(drive(bench))


@dataclass
class Network:
    """Where and how the vehicle looks for a charger.

    Attributes:
        name: name of the interface. interface: None if SLAC must first bring up its address.
        policy, context: with or without TLS.
    """

    name: str
    interface: Interface | None
    policy: TlsPolicy
    context: Context | None


@dataclass
class Trip:
    """A vehicle at a charger, from plugging in to unplugging.

    Attributes:
        settings: for its sessions. how: what it does in pauses.
    """

    bench: Bench
    network: Network
    vehicle: Vehicle
    settings: Options
    stage: Stage
    looks: View
    how: Stay

    async def charge(self, resume: Paused | None) -> Outcome:
        """Finds the charger by SDP and charges; resumes a paused session if there is one."""
        self.settings.resume = resume or self.settings.resume
        search = Search(
            self.network.interface or await interfaces.usable(self.network.name),
            self.network.policy,
            self.network.context,
            sdp_to=_address(self.bench.sdp_to),
            address=_address(self.bench.address),
            port=self.bench.port or 0,
        )
        self._listen_to_ctrl_c()
        self.vehicle.begin()
        self.stage.begin(resumed=resume is not None)
        outcome = await find_and_charge(search, self.vehicle, self.settings)
        if outcome.paused and self.how.sleeps:
            self.stage.end({"vehicle": outcome}, pauses=True)
            self.tell(outcome)
        return outcome

    async def nominal(self) -> Outcome:
        """Charges at the nominal duty cycle, without messages."""
        self._listen_to_ctrl_c()
        self.vehicle.begin()
        self.stage.begin()
        return await charge_nominal(
            self.vehicle,
            duration=self.bench.vehicle.duration,
            observe=self.stage.observe,
            tick=lambda: self.stage.measured("BasicCharging"),
        )

    async def run(self, pilot: VehiclePilot, controls: Controls, stack: contextlib.AsyncExitStack) -> Outcome:
        """Starts at the control pilot, as the bench says: without messages, with SLAC, or on a plain cable."""
        if self.bench.vehicle.basic:
            return await handoff.charge_basic(pilot, controls, self.nominal, self.looks.say)
        if not self.bench.slac:
            return await stay(None, None, self.vehicle, self.charge, self.how)
        side = await stack.enter_async_context(handoff.vehicle_side(self.bench, pilot, self.stage.observe))
        instead = self.nominal if self.bench.ac else None
        return await handoff.charge_matched(
            side, controls, self.charge, self.looks.say, instead, self.how, again=self.bench.vehicle.again
        )

    def tell(self, outcome: Outcome) -> None:
        """Reports how a session went."""
        self.looks.say("")
        for line in summary(outcome, role="vehicle"):
            self.looks.say(line)

    def _listen_to_ctrl_c(self) -> None:
        """The first Ctrl-C ends charging normally, the second at once."""
        asyncio.get_running_loop().add_signal_handler(signal.SIGINT, self._stop)

    def _stop(self) -> None:
        asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
        self.vehicle.stop.set()
        self.looks.say("stopping; press Ctrl-C again to abort")


def _address(text: str | None) -> IPv6Address | None:
    return None if text is None else IPv6Address(text.partition("%")[0])


def _network(bench: Bench) -> Network:
    """Raises UserError: the interface or a certificate cannot be used."""
    name, policy = bench.interface or "", TlsPolicy(bench.tls)
    try:
        # With SLAC, its address may come and go.
        interface = None if bench.slac or bench.vehicle.basic else interfaces.find(name)
        return Network(name, interface, policy, security.vehicle(bench) if policy is not TlsPolicy.NONE else None)
    except SetupError as why:
        raise UserError(str(why)) from why


async def drive(bench: Bench) -> int:
    """Finds a charger, charges, and reports the outcome; returns the exit code."""
    network = _network(bench)
    now = datetime.datetime.now(datetime.UTC)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(pilots.user_errors())
        if bench.slac or bench.vehicle.basic:
            handoff.check(network.name)
        pilot = await stack.enter_async_context(pilots.vehicle(bench))
        handoff.check_slac(bench)
        vehicle = plants.make_vehicle(bench, pilot, interfaces.hardware_address(network.name))
        await stack.enter_async_context(terminals.attached(bench.pilot, vehicle))
        soc = vehicle.battery.soc * 100.0
        controls = Controls(vehicle)
        looks = view(bench, f"evcc {network.name}", controls, plants.vehicle_numbers(vehicle, ac=bench.ac))
        if network.context is not None and network.context.trust is None:
            looks.say("note: the charger's certificate is not checked, because neither --roots nor --pki is given")
        trace = stack.enter_context(outputs.writing(bench, "evcc", now, interface=network.name))
        stage = Stage(bench, controls, looks, trace)
        settings = controls.options = session_options.vehicle(bench, time.time, looks.say)
        stage.equip(settings, "evcc")
        stack.callback(pilots.tell(pilot, stage.observe))
        how = Stay(bench.vehicle.stays, bench.vehicle.wake_after, stage.observe, looks.say)
        trip = Trip(bench, network, vehicle, settings, stage, looks, how)
        await stack.enter_async_context(stage.running())
        outcome = await trip.run(pilot, controls, stack)
        stage.end({"vehicle": outcome})
    trip.tell(outcome)
    looks.say(f"  battery {soc:.1f} % -> {vehicle.battery.soc * 100:.1f} %")
    await stage.close()
    return trace.code(int(outcome.cause))
