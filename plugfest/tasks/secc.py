"""A charger on a real interface, one vehicle after another."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import datetime
import random
import time
from dataclasses import dataclass, field

from plugfest import config, outputs, pilots, plants, security, session_options, terminals
from plugfest.commands import options
from plugfest.config.model import Bench
from plugfest.controls import Controls
from plugfest.stage import Stage
from plugfest.summary import summary
from plugfest.view import View
from plugfest.views import view
from secc.newcomer import Policy
from secc.outlet import Outlet
from slac.pilot import ChargerPilot
from v2g import interfaces
from v2g.outcome import Outcome
from v2g.sdp import TlsPolicy


def run(args: argparse.Namespace) -> int:
    return start(options.told(config.of_args(args, "secc", **options.implied(args, "secc"))))


def start(bench: Bench) -> int:
    """Runs a bench with a charger; returns the exit code."""
    return asyncio.run(serve(bench))


@dataclass
class Sessions:
    """The sessions of a charger as they end.

    Attributes:
        code: exit code of the first one that failed; 0: none did. served: number of sessions.
        finished: set when there were as many as the bench wants.
        outcomes: those of SLAC sessions, for the code that matches the next vehicle.
    """

    bench: Bench
    stage: Stage
    looks: View
    code: int = 0
    served: int = 0
    finished: asyncio.Event = field(default_factory=asyncio.Event)
    outcomes: asyncio.Queue[Outcome] = field(default_factory=asyncio.Queue)

    def ended(self, outcome: Outcome) -> None:
        """A session over the network has ended."""
        self.told(outcome)
        if self.bench.slac:  # nobody else removes them
            self.outcomes.put_nowait(outcome)

    def told(self, outcome: Outcome) -> None:
        """A session has ended, with messages or without."""
        self.served += 1
        self.code = self.code or (0 if outcome.ok else int(outcome.cause))
        self.stage.end({"charger": outcome})
        for line in ("", *summary(outcome, role="charger"), ""):
            self.looks.say(line)
        if self.bench.sessions is not None and self.served >= self.bench.sessions:
            self.finished.set()


async def serve(bench: Bench) -> int:
    """Serves vehicles until a number of sessions have ended, or forever; returns the exit code."""
    rng = random.Random(bench.seed) if bench.seed is not None else random.SystemRandom()
    name = bench.interface or ""
    async with contextlib.AsyncExitStack() as stack:
        stack.enter_context(pilots.user_errors())
        if bench.slac:
            from plugfest import handoff  # SLAC takes time to load, and a plain cable does not need it

            handoff.check(name)
        else:
            interfaces.find(name)
        stack.enter_context(interfaces.claimed(name))
        pilot = await stack.enter_async_context(pilots.charger(bench))
        if bench.slac:
            handoff.check_slac(bench)
        evse = plants.make_charger(bench, pilot, rng)
        await stack.enter_async_context(terminals.hosted(bench.pilot, evse))
        controls = Controls(evse=evse)
        looks = view(bench, f"secc {name}", controls, plants.charger_numbers(evse))
        for warning in plants.warnings(bench):
            looks.say(f"note: {warning}")
        now = datetime.datetime.now(datetime.UTC)
        trace = stack.enter_context(outputs.writing(bench, "secc", now, interface=name))
        stage = Stage(bench, controls, looks, trace)
        settings = session_options.charger(bench, evse, time.time, rng)
        stage.equip(settings, "secc")
        stack.callback(pilots.tell(pilot, stage.observe))
        sessions = Sessions(bench, stage, looks)
        policy = TlsPolicy(bench.tls)
        outlet = controls.outlet = Outlet(
            await interfaces.usable(name),
            evse,
            settings,
            policy=policy,
            context=security.charger(bench, stack, looks.say) if policy is not TlsPolicy.NONE else None,
            port=bench.port,
            tls_port=bench.tls_port,
            on_end=sessions.ended,
            wakes_after=bench.charger.wake_car_after,
            newcomers=Policy(bench.charger.newcomers),
        )
        stack.push_async_callback(lambda: stage.close(tell=bool(sessions.served)))
        await stack.enter_async_context(stage.running())
        if bench.slac:
            await _after_slac(outlet, pilot, sessions, stack)
        else:
            pilots.offer_when_plugged(pilot)
            async with outlet.open():
                looks.say(_ready(outlet))
                await sessions.finished.wait()
    return trace.code(sessions.code)


async def _after_slac(
    outlet: Outlet, pilot: ChargerPilot, sessions: Sessions, stack: contextlib.AsyncExitStack
) -> None:
    """Matches one vehicle after another, and serves it."""
    from plugfest import handoff  # SLAC takes time to load, and a plain cable does not need it
    from secc.arrivals import Arrivals

    bench, stage, say = sessions.bench, sessions.stage, sessions.looks.say
    side = await stack.enter_async_context(handoff.charger_side(bench, pilot, stage.observe))
    say(f"charger waits for a vehicle on {outlet.interface.name}, modem {side.modem}")
    arrivals = Arrivals(
        side,
        outlet.evse if bench.ac else None,
        start=bench.charger.initial_duty,
        loss=bench.charger.lost_link,
        observe=stage.observe,
        tick=lambda: stage.measured("BasicCharging"),
        say=say,
        begin=stage.begin,
        ended=sessions.told,
    )
    matching = handoff.serve_matched(arrivals, outlet, lambda: say(_ready(outlet)), say, sessions.outcomes)
    await handoff.first_of(asyncio.create_task(matching), sessions.finished)


def _ready(outlet: Outlet) -> str:
    where = ", ".join(f"{'TLS' if secure else 'TCP'} {port}" for secure, port in outlet.ports.items())
    return f"charger ready on {outlet.interface.name}, {outlet.interface.address}, {where}"
