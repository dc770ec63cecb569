"""Examines one end of a power line, from the modem up to a matching, and says what is wrong and why.

Statements about the modem are its own answers, requested again after a failure: a key is read back, not assumed. Causes
come from the judge of the matching (`slac.rounds`), which has seen all frames of this host.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Literal

from boundary.console import say
from plugfest import recording
from plugfest.tasks.slac_modem import describe
from plugfest.tasks.slac_run import Reporter
from slac import causes, ev, evse, symptoms
from slac.causes import Cause
from slac.diagnosis import over, verdict
from slac.errors import ModemError, SlacError, Step
from slac.exchange import Exchange
from slac.frames import CC_DISCOVER_LIST_CNF, CC_DISCOVER_LIST_REQ, mac_text
from slac.host import Host
from slac.link import Link
from slac.modem import Modem, NoModem, detect
from slac.modem_key import refused_key
from slac.outcome import Match
from slac.pilot_open import open_charger_pilot, open_vehicle_pilot
from slac.timing import STANDARD, Timing
from v2g import interfaces
from v2g.errors import SetupError

TRIES_AGAIN = 3.0
"""s within which a vehicle that tries again does so (TT_matching_rate is 0.4)."""

Role = Literal["ev", "evse", "watch"]


@dataclass(frozen=True)
class Settings:
    """What is examined.

    Attributes:
        role: take part in a matching as vehicle or charger, or watch one.
        pilot: the control pilot, by its name (`slac.pilot_open`).
        within: seconds until it gives up. modem: whether a modem is expected.
        strict: ignore messages with a wrong field.
        timing: timers of SLAC.
    """

    role: Role = "watch"
    pilot: str = "assumed"
    within: float = 30.0
    modem: bool = True
    strict: bool = False
    timing: Timing = STANDARD


async def examine(link: Link, settings: Settings, reporter: Reporter) -> bool:
    """Checks modem, role and matching on a link, each with a line; returns whether all is well."""
    _ok(f"interface {link.name} is up, raw frames can be sent, address {mac_text(link.mac)}")
    async with Host(link, observe=reporter.observe) as host:
        modem = await _modem(settings, host)
        if modem is None:
            return False
        fits = await _fits(settings, modem)
        return await _Matching(settings, host, modem, reporter).examine() and fits


def _ok(what: str) -> None:
    say(f"ok       {what}", flush=True)


def _say(word: str, what: str, found: tuple[Cause, ...] = ()) -> None:
    say(f"{word:<8} {what}")
    for number, cause in enumerate(found):
        say(f"   {'likely' if not number else 'or'}: {cause.cause}")
        say(f"     try: {cause.remedy}")


def _wrong(what: str, *found: Cause) -> None:
    _say("PROBLEM", what, found)


async def _modem(settings: Settings, host: Host) -> Modem | None:
    """The modem; None, after reporting why, if there is none."""
    if not settings.modem:
        _ok("no modem is used")
        return NoModem(host, settings.timing)
    try:
        modem = await detect(host, timing=settings.timing)
    except ModemError as why:
        _wrong(str(why), *causes.NO_MODEM)
        return None
    _ok("the modem answers")
    async for line in describe(modem):
        say(f"         {line}", flush=True)
    return modem


async def _fits(settings: Settings, modem: Modem) -> bool:
    """Whether the modem's role is that of ``role``."""
    if settings.role == "watch" or not settings.modem:
        return True
    wanted = settings.role.upper()
    problem = await modem.role_problem(wanted)
    if problem:
        _wrong(f"wrong modem role: {problem}", causes.ROLE_OF_VEHICLE if wanted == "EV" else causes.ROLE_OF_CHARGER)
        return False
    _ok(f"the modem's role fits {'a vehicle' if wanted == 'EV' else 'a charger'}, as far as it tells")
    return True


class _Matching:
    """Takes part in a matching, or watches one."""

    def __init__(self, settings: Settings, host: Host, modem: Modem, reporter: Reporter) -> None:
        self._settings, self._host, self._modem, self._reporter = settings, host, modem, reporter
        self._judge = reporter.judge

    async def examine(self) -> bool:
        settings, judge = self._settings, self._judge
        found: Match | Exchange | None = None
        failure: SlacError | None = None
        if settings.role != "watch":
            self._begins("matching")
        try:
            async with asyncio.timeout(settings.within):
                found = await self._take_part() if settings.role != "watch" else await self._watch()
        except TimeoutError:
            pass
        except SlacError as why:
            failure = why
        if found is None:
            judge.give_up(asyncio.get_running_loop().time())
            await self._look_again()
        self._reporter.report(asyncio.get_running_loop().time(), given_up=found is None)
        for cause in symptoms.remarks(judge.exchanges):
            _say("PROBLEM" if cause in (causes.SAME_MAC, causes.SAME_VEHICLE) else "warning", cause.cause)
            say(f"     try: {cause.remedy}")
        if found is not None:
            return self._matched(found)
        if isinstance(failure, ModemError):
            _wrong(str(failure), *symptoms.of_modem(judge.modem_of(self._host.mac)))
        elif judge.exchanges:
            _wrong(f"not matched: {failure or self._telling()}")
        else:
            self._nothing(failure)
        return False

    def _begins(self, doing: str) -> None:
        say(f"...      {doing}, {self._settings.within:g} s at most", flush=True)

    async def _take_part(self) -> Match | None:
        settings = self._settings
        if settings.role == "ev":
            async with open_vehicle_pilot(settings.pilot) as pilot:
                how = ev.Options(timing=settings.timing, strict=settings.strict)
                vehicle = ev.Ev(self._host, pilot, self._modem, how)
                found = await vehicle.match()
                await self._read_back(found)
                await vehicle.leave()
                return found
        async with open_charger_pilot(settings.pilot) as post:
            answers = evse.Options(timing=settings.timing, strict=settings.strict)
            async with evse.Evse(self._host, post, self._modem, answers) as charger:
                match = await self._unless_decided(charger.match())
                if match is not None:
                    await self._read_back(match)
                    await charger.leave()
                return match

    async def _unless_decided(self, matching: Coroutine[Any, Any, Match]) -> Match | None:
        """A charger's matching, or None once a vehicle's attempt has failed and no other followed.

        The charger itself would wait for the next vehicle.
        """
        loop, exchanges = asyncio.get_running_loop(), self._judge.exchanges
        task = asyncio.ensure_future(matching)
        failed, since = 0, loop.time()
        try:
            while not task.done():
                await asyncio.wait({task}, timeout=0.2)
                now = loop.time()
                if not exchanges or not over(exchanges[-1], now) or verdict(exchanges[-1], now).ok:
                    failed = 0
                elif failed != len(exchanges):
                    failed, since = len(exchanges), now
                elif now - since >= TRIES_AGAIN:
                    break
            return task.result() if task.done() else None
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _read_back(self, found: Match) -> None:
        """Raises ModemError: the modem is not in the agreed network."""
        network = await self._modem.network((found.nid, found.nmk))
        if network is not None and network != found.nid:
            raise ModemError(f"matched, but {refused_key(network, found.nid)}")

    async def _look_again(self) -> None:
        """Asks the modem which network it is in and which stations it receives; the judge gets the answers."""
        if self._settings.modem and self._settings.role != "watch" and await self._modem.answers():
            await self._modem.network()
            await self._modem.ask(CC_DISCOVER_LIST_REQ(), CC_DISCOVER_LIST_CNF)

    async def _watch(self) -> Exchange | None:
        """Waits until an attempt on the interface is decided; None if it failed."""
        frames = recording.of_interface(self._host.link.name)
        judge = self._judge
        self._reporter.feeding = False  # it gets all frames here
        loop = asyncio.get_running_loop()
        begun = False
        try:
            async for item in frames:
                if not begun:
                    self._begins("watching")  # the socket is open
                    begun = True
                if item is not None:
                    judge.feed(*item)
                judge.now = loop.time()
                for exchange in judge.exchanges:
                    if over(exchange, judge.now):
                        return exchange if verdict(exchange, judge.now).ok else None
        finally:
            await frames.aclose()
        return None

    def _matched(self, found: Match | Exchange) -> bool:
        if isinstance(found, Exchange):
            _ok("matched")
        else:
            _ok(f"matched, and the link is up in the network that was agreed, {found.nid.hex()}")
        return not any(x.same_mac or x.same_vehicle for x in self._judge.exchanges)

    def _telling(self) -> str:
        """The attempt that got furthest."""
        steps = list(Step)
        found = [verdict(x, self._judge.now) for x in self._judge.exchanges]
        return max(found, key=lambda one: steps.index(one.step)).text

    def _nothing(self, failure: SlacError | None) -> None:
        """No matching was seen at all."""
        text = str(failure) if failure else f"no matching started within {self._settings.within:g} s"
        match self._settings.role:
            case "evse":
                likely = symptoms.no_vehicle(self._judge.modem_of(self._host.mac))
            case "ev":
                likely = causes.START_OF_PILOT
            case _:
                likely = causes.NO_REQUEST
        _wrong(text, *likely)


async def ipv6(name: str, within: float | None = None) -> bool:
    """Whether the link can carry SDP."""
    try:
        interface = await interfaces.usable(name, interfaces.ADDRESS_WITHIN if within is None else within)
    except SetupError as why:
        _wrong(f"no IPv6 link-local address: {why}", causes.NO_LINK_LOCAL)
        return False
    _ok(f"IPv6 link-local address {interface.address}")
    say(f"         if SDP fails now: {causes.FIREWALL.cause}; {causes.FIREWALL.remedy}")
    return True
