"""Matching only, without a session, and a report of each attempt."""

from __future__ import annotations

import argparse
import asyncio
import random
from collections.abc import Callable
from typing import Any

from boundary.console import flush, say
from plugfest import handoff, pilots
from plugfest.config.names import timers
from plugfest.errors import UserError
from plugfest.matching import Reports
from slac import ev, evse
from slac.errors import MatchFailed, PilotLost
from slac.host import Host
from slac.judge import Judge
from slac.link import open_link
from slac.modem import NoModem, detect
from slac.pilot_open import open_charger_pilot, open_vehicle_pilot
from slac.timing import STANDARD, Timing

FAILED = 1


def timing(args: argparse.Namespace) -> Timing:
    """The timers of ``--slac-timer``. Raises UserError: there is no such timer."""

    try:
        return STANDARD.replace(**timers(args.slac_timer or (), "--slac-timer"))
    except ValueError as why:
        raise UserError(f"--slac-timer: {why}") from why


class Reporter:
    """Judges our own frames, and prints the outcome of each attempt.

    Attributes:
        judge: the judge. feeding: whether it gets the frames of the host; False if another source also has them.
    """

    def __init__(self, limits: Timing) -> None:
        self.judge: Judge = Judge(limits)
        self._reports = Reports()
        self.feeding = True
        self._shown: set[int] = set()

    def observe(self, event: Any) -> None:
        """The observer for the host."""
        if event.data:
            if self.feeding:
                self.judge.feed(event.time, event.data)
        elif event.layer == "tolerance":
            say(f"tolerated {event.name}: {event.note}", flush=True)
        elif event.name in ("modem", "warning", "link error"):
            say(f"{event.name}: {event.note}", flush=True)

    def report(self, now: float, *, given_up: bool = False) -> None:
        """Prints the attempts not printed yet. ``given_up``: none of them continues."""
        self.judge.now = now
        if given_up:
            self.judge.give_up(now)
        for exchange in self.judge.exchanges:
            if id(exchange) in self._shown:
                continue
            self._shown.add(id(exchange))
            for line in self._reports.lines(exchange, self.judge.now, start=self.judge.first or 0.0):
                say(line)
        flush()


def _run(main: Callable[[argparse.Namespace], Any], args: argparse.Namespace) -> int:
    with pilots.user_errors("on a plain cable without a modem, use --no-modem"):
        code: int = asyncio.run(main(args))
    return code


def match_vehicle(args: argparse.Namespace) -> int:
    return _run(_match_ev, args)


def match_charger(args: argparse.Namespace) -> int:
    return _run(_match_evse, args)


async def _match_ev(args: argparse.Namespace) -> int:
    loop, limits, rng = asyncio.get_running_loop(), timing(args), random.Random(args.seed)
    reporter = Reporter(limits)
    link = open_link(args.interface)
    try:
        async with open_vehicle_pilot(args.pilot) as pilot, Host(link, observe=reporter.observe) as host:
            modem = await detect(host, timing=limits, rng=rng) if args.modem else NoModem(host, limits)
            vehicle = ev.Ev(host, pilot, modem, ev.Options(timing=limits, strict=args.strict), rng=rng)
            try:
                match = await vehicle.match()
            except (MatchFailed, PilotLost) as why:
                reporter.report(loop.time(), given_up=True)
                say(f"not matched: {why}")
                return FAILED
            reporter.report(loop.time())
            say(f"matched with {handoff.described(match)}, network {match.nid.hex()}", flush=True)
            try:
                if args.stay:
                    say(f"lost: {await vehicle.until_lost(match)}")
            finally:
                await vehicle.leave()
    finally:
        link.close()
    return 0


async def _match_evse(args: argparse.Namespace) -> int:
    loop, limits, rng = asyncio.get_running_loop(), timing(args), random.Random(args.seed)
    reporter = Reporter(limits)
    link = open_link(args.interface)
    count, good = 0, False
    options = evse.Options(timing=limits, strict=args.strict)
    try:
        async with (
            open_charger_pilot(args.pilot) as pilot,
            evse.ready(link, pilot, options, observe=reporter.observe, rng=rng, modem=args.modem) as charger,
        ):
            say(f"charger waits for vehicles on {args.interface}", flush=True)
            while args.count is None or count < args.count:
                count += 1
                try:
                    match = await charger.match()
                except MatchFailed as why:
                    good = False
                    say(f"not matched: {why}", flush=True)
                    continue
                good = True
                reporter.report(loop.time())
                say(f"matched with {handoff.described(match, vehicle=True)}, network {match.nid.hex()}", flush=True)
                say(f"lost: {await charger.until_lost(match)}", flush=True)
                await charger.leave()
    finally:
        reporter.report(loop.time())
        link.close()
    return 0 if good else FAILED
