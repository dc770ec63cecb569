"""A vehicle on a real interface, from SLAC to the exit code."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime
import signal
import time
from ipaddress import IPv6Address
from typing import Any

from evcc.charge import Outcome, Search, find_and_charge
from evcc.nominal import charge_nominal
from evcc.options import Paused
from evcc.stay import Stay, stay
from plugfest import config, handoff, outputs, pilots, plants, pnc, security
from plugfest.commands import options
from plugfest.config import named
from plugfest.config.model import Bench
from plugfest.controls import Controls
from plugfest.errors import UserError
from plugfest.stage import Stage
from plugfest.summary import summary
from plugfest.views import view
from v2g import interfaces
from v2g.errors import SetupError
from v2g.sdp import TlsPolicy


def run(args: argparse.Namespace) -> int:
    return start(options.told(config.of_args(args, "evcc", **options.implied(args, "evcc"))))


def start(bench: Bench) -> int:
    """Runs a bench with a vehicle; returns the exit code."""
    return asyncio.run(drive(bench))


def _address(text: str | None) -> Any:
    return None if text is None else IPv6Address(text.partition("%")[0])


async def drive(bench: Bench) -> int:
    """Finds a charger, charges, and says how it went; returns the exit code."""
    loop = asyncio.get_running_loop()
    name = bench.interface or ""
    try:
        # With SLAC, its address may come and go.
        interface = None if bench.slac or bench.vehicle.basic else interfaces.find(name)
        policy = TlsPolicy(bench.tls)
        context = security.vehicle(bench) if policy is not TlsPolicy.NONE else None
    except SetupError as why:
        raise UserError(str(why)) from why
    now = datetime.datetime.now(datetime.UTC)
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(pilots.user_errors())
        if bench.slac or bench.vehicle.basic:
            handoff.check(name)
        pilot = await stack.enter_async_context(pilots.vehicle(bench))
        vehicle = plants.make_vehicle(bench, pilot, interfaces.hardware_address(name))
        soc = vehicle.battery.soc * 100.0
        controls = Controls(vehicle)
        looks = view(bench, f"evcc {name}", controls, plants.vehicle_numbers(vehicle, ac=bench.ac))
        if context is not None and context.trust is None:
            looks.say("note: neither --roots nor --pki, so the charger's certificate is not checked")
        trace = stack.enter_context(outputs.writing(bench, "evcc", now, interface=name))
        stage = Stage(bench, controls, looks, trace)
        settings = controls.options = plants.vehicle_options(
            bench,
            protocols=tuple(named.protocols(bench)),
            tolerant=not bench.strict,
            timing=bench.timer,
            stamps=bench.stamps,
            relaxed=bench.relaxed,
            any_transport=bench.any_transport,
        )
        pnc.equip_vehicle(settings, bench, time.time, looks.say)
        stage.equip(settings, "evcc")
        stack.callback(pilots.tell(pilot, stage.observe))

        how = Stay(bench.vehicle.stays, bench.vehicle.wake_after, stage.observe, looks.say)

        def tell(outcome: Outcome) -> None:
            looks.say("")
            for line in summary(outcome, role="vehicle"):
                looks.say(line)

        # The first Ctrl-C ends charging in order, the second at once.
        def stop() -> None:
            looks.say("stopping; once more to abort")
            vehicle.stop.set()
            loop.remove_signal_handler(signal.SIGINT)

        async def charge(resume: Paused | None) -> Outcome:
            settings.resume = resume or settings.resume
            search = Search(
                interface or await pilots.usable(name),
                policy,
                context,
                sdp_to=_address(bench.sdp_to),
                address=_address(bench.address),
                port=bench.port or 0,
            )
            loop.add_signal_handler(signal.SIGINT, stop)
            stage.begin(resumed=resume is not None)
            outcome = await find_and_charge(search, vehicle, settings)
            if outcome.paused and how.sleeps:
                stage.end({"vehicle": outcome}, pauses=True)
                tell(outcome)
            return outcome

        async def nominal() -> Outcome:
            loop.add_signal_handler(signal.SIGINT, stop)
            stage.begin()
            return await charge_nominal(
                vehicle,
                duration=bench.vehicle.duration,
                observe=stage.observe,
                tick=lambda: stage.measured("BasicCharging"),
            )

        await stack.enter_async_context(stage.running())
        if bench.vehicle.basic:
            outcome = await handoff.charge_basic(pilot, controls, nominal, looks.say)
        elif bench.slac:
            side = await stack.enter_async_context(handoff.vehicle_side(bench, pilot, stage.observe))
            instead = nominal if bench.ac else None
            outcome = await handoff.charge_matched(
                side, controls, charge, looks.say, instead, how, again=bench.vehicle.again
            )
        else:
            outcome = await stay(None, None, vehicle, charge, how)
        stage.end({"vehicle": outcome})
    tell(outcome)
    looks.say(f"  battery {soc:.1f} % -> {vehicle.battery.soc * 100:.1f} %")
    await stage.close()
    return trace.code(int(outcome.cause))
