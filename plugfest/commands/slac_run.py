"""``plugfest slac ev`` and ``plugfest slac evse``: matching alone, without a session, and a report of each attempt."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from boundary.console import flush, say
from plugfest.errors import UserError

if TYPE_CHECKING:
    from slac.judge import Judge
    from slac.timing import Timing

FAILED = 1


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "ev",
        help="be a vehicle: match with a charger",
        description="Matches with a charger and reports. Exit code 0: matched; 1: not.",
    )
    add_options(parser)
    parser.add_argument("--stay", action="store_true", help="keep the link until it is lost, or until Ctrl-C")
    parser.set_defaults(run=_ev)
    parser = commands.add_parser(
        "evse",
        help="be a charger: match with vehicles",
        description="Matches with one vehicle after another and reports. Exit code 0: the last was matched; 1: not.",
    )
    add_options(parser)
    parser.add_argument("--count", type=int, metavar="N", help="end after N matchings")
    parser.set_defaults(run=_evse)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options of the commands that take part in a matching."""
    parser.add_argument("-i", "--interface", required=True, metavar="IFACE", help="network interface to the modem")
    parser.add_argument("--pilot", metavar="P", default="assumed", help="control pilot, as in plugfest evcc")
    parser.add_argument("--no-modem", dest="modem", action="store_false", help="without a modem, on a plain cable")
    parser.add_argument("--slac-timer", metavar="NAME=S", action="append", help="change a timer, e.g. TT_match_join=20")
    parser.add_argument(
        "--strict", action="store_true", help="ignore messages with a field that is not as the standard has it"
    )
    parser.add_argument("--seed", type=int, help="seed of RunIDs and keys, for repeatable runs")


def timing(args: argparse.Namespace) -> Timing:
    """The timers of ``--slac-timer``. Raises UserError: one that there is not."""
    from plugfest.config.names import timers
    from slac.timing import STANDARD

    try:
        return STANDARD.replace(**timers(args.slac_timer or (), "--slac-timer"))
    except ValueError as why:
        raise UserError(f"--slac-timer: {why}") from why


class Reporter:
    """Judges our own frames, and prints what became of each attempt.

    Attributes:
        judge: who does it.
        feeding: whether it gets the frames of the host; False where another source has them too.
    """

    def __init__(self, limits: Timing) -> None:
        from plugfest.matching import Reports
        from slac.judge import Judge

        self.judge: Judge = Judge(limits)
        self._reports = Reports()
        self.feeding = True
        self._shown: set[int] = set()

    def observe(self, event: Any) -> None:
        """For the host."""
        if event.data:
            if self.feeding:
                self.judge.feed(event.time, event.data)
        elif event.layer == "tolerance":
            say(f"tolerated {event.name}: {event.note}", flush=True)
        elif event.name in ("modem", "warning", "link error"):
            say(f"{event.name}: {event.note}", flush=True)

    def report(self, now: float, *, given_up: bool = False) -> None:
        """Prints the attempts not printed yet. ``given_up``: none of them goes on."""
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
    import asyncio

    from plugfest import pilots

    with pilots.user_errors("there may be none on a plain cable: --no-modem"):
        code: int = asyncio.run(main(args))
    return code


def _ev(args: argparse.Namespace) -> int:
    return _run(_match_ev, args)


def _evse(args: argparse.Namespace) -> int:
    return _run(_match_evse, args)


async def _match_ev(args: argparse.Namespace) -> int:
    import asyncio
    import random

    from plugfest import handoff
    from slac import ev
    from slac.errors import MatchFailed, PilotLost
    from slac.host import Host
    from slac.link import open_link
    from slac.modem import NoModem, detect
    from slac.pilot_open import open_vehicle_pilot

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
    import asyncio
    import random

    from plugfest import handoff
    from slac import evse
    from slac.errors import MatchFailed
    from slac.link import open_link
    from slac.pilot_open import open_charger_pilot

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
