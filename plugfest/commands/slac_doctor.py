"""``plugfest slac doctor``: what is wrong between this host and a link, from the interface up."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from boundary.console import say
from plugfest.commands import slac_run

if TYPE_CHECKING:
    from slac.causes import Cause
    from slac.errors import SlacError
    from slac.host import Host
    from slac.modem import Modem

PROBLEM = 1

_DESCRIPTION = """\
Checks the interface, the modem, its role and key, then takes part in a matching as vehicle or charger (--role), or
watches one, and reports each step with times against the limits of ISO 15118-3, the attenuation per group, where it
stopped, the likely cause and what to try; then whether IPv6 is ready on the link. Exit code 0: all is well; 1: not.
"""


def add(commands: Any) -> None:
    parser = commands.add_parser(
        "doctor",
        help="find out why matching fails",
        description=_DESCRIPTION,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    slac_run.add_options(parser)
    parser.add_argument(
        "--role", choices=("ev", "evse", "watch"), default="watch", help="take part, or watch (the default)"
    )
    parser.add_argument("--within", type=float, default=30.0, metavar="S", help="give up after so long (default 30)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    import asyncio

    from plugfest import pilots

    with pilots.user_errors():
        return asyncio.run(_run(args))


def _ok(what: str) -> None:
    say(f"ok       {what}", flush=True)


def _wrong(what: str, *causes: Cause) -> int:
    say(f"PROBLEM  {what}")
    for number, cause in enumerate(causes):
        say(f"   {'likely' if not number else 'or'}: {cause.cause}")
        say(f"     try: {cause.remedy}")
    return PROBLEM


async def _run(args: argparse.Namespace) -> int:
    from slac.host import Host
    from slac.link import open_link

    reporter = slac_run.Reporter(slac_run.timing(args))
    link = open_link(args.interface)  # missing, down, no carrier, no rights: one line
    try:
        _ok(f"interface {args.interface} is up, raw frames may be sent, address {link.mac.hex(':')}")
        async with Host(link, observe=reporter.observe) as host:
            modem = await _modem(args, host)
            if modem is None:
                return PROBLEM
            bad = await _fits(args, modem)
            matched = await _matching(args, host, modem, reporter)
        if matched and await _ipv6(args.interface):
            return bad
    finally:
        link.close()
    return PROBLEM


async def _modem(args: argparse.Namespace, host: Host) -> Modem | None:
    """The modem, or None after telling why not."""
    from plugfest.commands.slac_modem import describe
    from slac.causes import NO_MODEM
    from slac.errors import ModemError
    from slac.modem import NoModem, detect

    limits = slac_run.timing(args)
    if not args.modem:
        _ok("no modem is wanted")
        return NoModem(host, limits)
    try:
        modem = await detect(host, timing=limits)
    except ModemError as why:
        _wrong(str(why), *NO_MODEM)
        return None
    _ok("the modem answers")
    async for line in describe(modem):
        say(f"         {line}", flush=True)
    return modem


async def _fits(args: argparse.Namespace, modem: Modem) -> int:
    """Whether the modem's role is that of ``--role``."""
    from slac.causes import ROLE_OF_CHARGER, ROLE_OF_VEHICLE

    if args.role == "watch" or not args.modem:
        return 0
    wanted = args.role.upper()
    problem = await modem.role_problem(wanted)
    if problem:
        return _wrong(f"wrong modem role: {problem}", ROLE_OF_VEHICLE if wanted == "EV" else ROLE_OF_CHARGER)
    _ok(f"nothing speaks against the modem as {wanted}'s")
    return 0


async def _matching(args: argparse.Namespace, host: Host, modem: Modem, reporter: slac_run.Reporter) -> bool:
    """Takes part in a matching or watches one; whether it ended well."""
    import asyncio

    from slac import ev, evse
    from slac.diagnosis import verdict
    from slac.errors import SlacError
    from slac.pilot_open import open_charger_pilot, open_vehicle_pilot

    loop = asyncio.get_running_loop()
    limits = slac_run.timing(args)
    found: Any = None
    failure: SlacError | None = None
    say(f"...      {'watching' if args.role == 'watch' else 'matching'}, {args.within:g} s at most", flush=True)
    try:
        async with asyncio.timeout(args.within):
            if args.role == "ev":
                async with open_vehicle_pilot(args.pilot) as pilot:
                    vehicle = ev.Ev(host, pilot, modem, ev.Options(timing=limits, strict=args.strict))
                    found = await vehicle.match()
                    await vehicle.leave()
            elif args.role == "evse":
                async with open_charger_pilot(args.pilot) as post:
                    async with evse.Evse(host, post, modem, evse.Options(timing=limits, strict=args.strict)) as charger:
                        found = await charger.match()
                        await charger.leave()
            else:
                found = await _watch(args, reporter)
    except TimeoutError:
        pass
    except SlacError as why:
        failure = why
    reporter.report(loop.time(), given_up=found is None)
    judge = reporter.judge
    if found is not None:
        _ok("matched, and the link is up" if args.role != "watch" else "matched")
        return True
    if judge.exchanges:
        last = verdict(judge.exchanges[-1], judge.now)
        _wrong(f"not matched: {failure or last.text}")
    else:
        _nothing(args, failure)
    return False


async def _watch(args: argparse.Namespace, reporter: slac_run.Reporter) -> Any:
    """Until an attempt on the interface is decided; None where it failed."""
    import asyncio

    from plugfest import recording
    from slac.diagnosis import over, verdict

    frames = recording.of_interface(args.interface)
    judge = reporter.judge
    reporter.feeding = False  # it gets all frames here
    loop = asyncio.get_running_loop()
    try:
        async for item in frames:
            if item is not None:
                judge.feed(*item)
            judge.now = loop.time()
            for exchange in judge.exchanges:
                if over(exchange, judge.now):
                    return exchange if verdict(exchange, judge.now).ok else None
    finally:
        await frames.aclose()
    return None


def _nothing(args: argparse.Namespace, failure: SlacError | None) -> None:
    """No matching was seen at all."""
    from slac.causes import NO_REQUEST, NO_VEHICLE, START_OF_PILOT

    text = str(failure) if failure else f"no matching began within {args.within:g} s"
    _wrong(text, *(NO_VEHICLE if args.role == "evse" else START_OF_PILOT if args.role == "ev" else NO_REQUEST))


async def _ipv6(name: str, within: float | None = None) -> bool:
    """Whether the link can carry SDP."""
    from plugfest import pilots
    from slac.causes import FIREWALL, NO_LINK_LOCAL
    from v2g.errors import SetupError

    try:
        interface = await pilots.usable(name, pilots.ADDRESS_WITHIN if within is None else within)
    except SetupError as why:
        _wrong(f"no IPv6 link-local address: {why}", NO_LINK_LOCAL)
        return False
    _ok(f"IPv6 link-local address {interface.address}")
    say(f"         if SDP fails now: {FIREWALL.cause}; {FIREWALL.remedy}")
    return True
