"""What conformance scripts hold in their hands: testers that walk, deviate and assert, and the trace.

::

    async def test_wrong_order(secc_sut):
        await secc_sut.until(iso2.CableCheckReq)
        response = await secc_sut.send(iso2.ServiceDiscoveryReq())
        assert response.ResponseCode == "FAILED_SequenceError"
        await secc_sut.closed(within=5)

Requests name states: ``until(X)`` is the point where X is due. A deviation is made at one of five seams: another
message (``send(message)``), its EXI bytes (``exi=``), its V2GTP frame (``frame=``, ``header=``), the byte stream
(``send_bytes``, ``segments=``, ``close``), TLS (``tls=`` of the setting, deviations of :mod:`v2g.tls`).
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self

import pytest

from conformance import contracts, own, requests
from conformance.catalogue import Case, Mode, Run, timer
from conformance.mistakes import changed, close_to
from conformance.pics import Pics, PicsError, load
from conformance.tester_ev import DELAY, TesterEv, way_to
from conformance.tester_evse import TesterEvse
from conformance.verdict import Failed, Inconclusive, Stop
from v2g.errors import SetupError
from v2g.messages import appproto
from v2g.protocols import DIN, ISO2, PROTOCOLS, Protocol
from v2g.trace import Event, fan_out

NAMES = {"iso2": "iso2", "iso15118-2": "iso2", "din": "din70121", "din70121": "din70121"}


@dataclass
class Setting:
    """What a script is about, and where the system under test is.

    Attributes:
        protocol: of the session.
        ac: AC instead of DC.
        payment: ``external`` or ``contract``.
        profile: of our own role: ``strict`` or ``tolerant``.
        interface: to the system; "": our own role in memory.
        adjust: called with our own role before it starts; a script's way to change the system.
    """

    protocol: Protocol = ISO2
    ac: bool = False
    payment: Literal["external", "contract"] = "external"
    profile: str = "strict"
    pics: Pics = field(default_factory=Pics)
    interface: str = ""
    command: str = ""
    trace: Path | None = None
    name: str = "script"
    adjust: list[Callable[[Any], None]] = field(default_factory=list)
    started: list[Any] = field(default_factory=list)

    @property
    def virtual(self) -> bool:
        """Scripts run in virtual time."""
        return not self.interface

    def run(self, sut: str) -> Run:
        """A run of the catalogue that stands for the script."""
        mode = Mode("ac" if self.ac else "dc", "pnc" if self.pics.pnc else "eim")
        protocol = "din70121" if self.protocol is DIN else "iso15118-2"
        return Run(self.name, Case(self.name, self.name, sut, "derived", "", (protocol,), mode=mode), protocol)


WORDS = ("protocol", "ac", "payment", "profile", "pics")
"""What the marker ``sut`` may say."""


def check_options(config: pytest.Config) -> None:
    """Looks at the options once, before any script runs.

    Raises:
        pytest.UsageError: the interface or the PICS file cannot be used; says what to do.
    """
    from v2g import interfaces

    try:
        if interface := config.getoption("--sut-interface"):
            interfaces.find(interface)
        if pics := config.getoption("--sut-pics"):
            load(Path(pics))
    except (SetupError, PicsError) as why:
        raise pytest.UsageError(str(why)) from why


def setting_of(config: pytest.Config, words: dict[str, Any], name: str) -> Setting:
    """The setting of a script from its marker, its parameters and the command line.

    Raises:
        pytest.UsageError: one of them says what cannot be.
    """
    for word in words:
        if word not in WORDS:
            raise pytest.UsageError(f"{name}: sut({word}=...){close_to(word, WORDS)}")
    path = config.getoption("--sut-pics")
    try:
        pics = load(Path(path)) if path else Pics(dict(own.FAST))
        pics = pics.with_(**words.get("pics", {}))
    except PicsError as why:
        raise pytest.UsageError(str(why)) from why
    protocol = NAMES.get(str(words.get("protocol", "iso2")))
    payment = words.get("payment", "contract" if pics.pnc else "external")
    if protocol is None or payment not in ("external", "contract"):
        raise pytest.UsageError(f"{name}: protocol is iso2 or din, payment external or contract, not {words}")
    profile = str(words.get("profile", "strict"))
    if profile not in ("strict", "tolerant"):
        raise pytest.UsageError(f"{name}: profile is strict or tolerant, not {profile!r}")
    if protocol == "din70121" and payment == "contract":
        raise pytest.UsageError(f"{name}: DIN SPEC 70121 knows no payment by contract")
    ac = bool(words.get("ac", pics.ac))
    changes: dict[str, Any] = {"PICS_CMN_CMN_ChargingMode": "aC" if ac else "dC"}
    if payment == "contract":
        changes |= {"PICS_CMN_CMN_IdentificationMode": "pnC", "PIXIT_SECC_CMN_TLS": True, "PIXIT_EVCC_CMN_TLS": "tls"}
    trace = config.getoption("--sut-trace")
    return Setting(
        PROTOCOLS[protocol], ac, payment, profile, pics.with_(**changes),
        config.getoption("--sut-interface") or "", config.getoption("--sut-command"),
        Path(trace) if trace else None, name,
    )  # fmt: skip


def run_script(setting: Setting, function: Callable[..., Any], arguments: dict[str, Any]) -> None:
    """Runs an async script to its end, with the testers that it uses."""
    from conformance.virtual import VirtualLoop

    async def main() -> None:
        async with contextlib.AsyncExitStack() as stack:
            for script in setting.started:
                await stack.enter_async_context(script.running())
            result = function(**arguments)
            if inspect.isawaitable(result):
                await result

    with asyncio.Runner(loop_factory=VirtualLoop if setting.virtual else None) as runner:
        try:
            runner.run(main())
            return
        except Failed as why:
            text = str(why)
        except Inconclusive as why:
            # pytest knows no verdict between; a skipped test would pass for a good one.
            text = f"inconclusive: {why}"
        except SetupError as why:
            text = str(why)
    pytest.fail(text, pytrace=False)


def keep_evidence(setting: Setting) -> Iterator[tuple[str, str]]:
    """Writes the traces of a script that failed, unless that was done; gives titles and texts for its report."""
    from conformance.campaign import evidence, safe

    for script in setting.started:
        if not script.trace.events:
            continue
        folder = (setting.trace or Path("sut-traces")) / safe(setting.name)
        if setting.trace is None:
            try:
                folder.mkdir(parents=True, exist_ok=True)
                with evidence(folder, script.epoch, script.role) as observe:
                    for event in script.trace.events:
                        observe(event)
            except OSError as why:
                yield "evidence", f"cannot write {folder}: {why.strerror}"
                continue
        yield "last messages", "\n".join(script.trace.lines(12))
        yield "evidence", f"{folder / 'trace.pcapng'}\n{folder / 'trace.jsonl'}"


# ---------------------------------------------------------------------------------------------------------------
# The trace


class Trace:
    """What the tester saw, in order, for assertions.

    Attributes:
        events: all of it.
    """

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    @property
    def names(self) -> list[str]:
        """Names of the messages, in order."""
        return [event.name for event in self.events if event.layer == "message"]

    def lines(self, number: int) -> list[str]:
        """The last messages for people: time since the first event, direction, name, code; of a loop the last round."""
        start = self.events[0].time if self.events else 0.0
        arrows, found, rounds = {"tx": ">", "rx": "<"}, list[tuple[str, str]](), 0
        for event in self.events:
            if event.layer in ("message", "sdp") or event.name == "closed-by-peer":
                text = f"{arrows.get(event.direction, '*')} {event.name} {_code(event)}".rstrip()
                found.append((f"{event.time - start:10.3f} ", text))
                if [text for _, text in found[-4:-2]] == [text for _, text in found[-2:]]:
                    del found[-4:-2]
                    rounds += 1
                elif rounds and len(found) > 2 and found[-3][1] != text:
                    found.insert(-1, (" " * 11, f"({rounds} rounds before that)"))
                    rounds = 0
        return [when + text for when, text in found[-number:]]

    def all(self, kind: type[Any] | str) -> list[Any]:
        """The body messages of a type, in order."""
        name = kind if isinstance(kind, str) else kind.__name__
        found = [event for event in self.events if event.layer == "message" and event.name == name and event.message]
        return [getattr(getattr(e.message, "Body", None), "BodyElement", e.message) for e in found]

    def last(self, kind: type[Any] | str) -> Any:
        """The latest message of a type. AssertionError: there is none."""
        found = self.all(kind)
        name = kind if isinstance(kind, str) else kind.__name__
        assert found, f"there was no {name}{self._close(name)}"
        return found[-1]

    def _close(self, name: str) -> str:
        return close_to(name, dict.fromkeys(self.names)) if self.names else ""

    def when(self, kind: type[Any] | str, place: int = -1) -> float:
        """Time of a message, s on the loop's clock."""
        name = kind if isinstance(kind, str) else kind.__name__
        times = [event.time for event in self.events if event.layer == "message" and event.name == name]
        assert times, f"there was no {name}{self._close(name)}"
        return times[place]

    def within(self, seconds: float, after: type[Any] | str, then: type[Any] | str) -> None:
        """Asserts that the last ``then`` came at most so many seconds after the ``after`` before it."""
        end = self.when(then)
        name = after if isinstance(after, str) else after.__name__
        starts = [e.time for e in self.events if e.layer == "message" and e.name == name and e.time <= end]
        assert starts, f"there was no {name}{self._close(name)}"
        assert end - starts[-1] <= seconds + DELAY, f"{end - starts[-1]:.3f} s from {name}, at most {seconds:g} s"

    def closed(self) -> bool:
        """Whether the peer closed the connection."""
        return any(event.layer == "tcp" and event.name == "closed-by-peer" for event in self.events)


def _code(event: Event) -> str:
    body = getattr(getattr(event.message, "Body", None), "BodyElement", event.message)
    return str(getattr(body, "ResponseCode", ""))


# ---------------------------------------------------------------------------------------------------------------
# A charger under test


class _Script:
    """Common half: setting, trace, files."""

    sut = ""
    epoch = own.EPOCH

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.trace = Trace()
        self.system: Any = None

    @classmethod
    @contextlib.contextmanager
    def open(cls, setting: Setting) -> Iterator[Self]:
        """The script's tester; it starts with the test."""
        script = cls(setting)
        setting.started.append(script)
        yield script

    @property
    def role(self) -> str:
        """The tester's."""
        return "evcc" if self.sut == "secc" else "secc"

    def adjust(self, change: Callable[[Any], None]) -> None:
        """Changes our own role under test before it is plugged in; nothing to do with a real one."""
        if self.setting.virtual:
            change(self.system)

    def _role(self) -> contextlib.AbstractAsyncContextManager[Any]:
        setting = self.setting
        if setting.interface:
            from conformance import bench

            return bench.system(self.sut, setting.interface, command=setting.command).open()

        def adjust(system: Any) -> None:
            system.options.tolerant = setting.profile == "tolerant"

        return own.own_system(setting.run(self.sut), setting.pics, adjust=adjust)

    @contextlib.asynccontextmanager
    async def running(self) -> Any:
        """While the context is open, system and tester are there."""
        async with contextlib.AsyncExitStack() as stack:
            if not self.setting.virtual:
                self.epoch = time.time() - asyncio.get_running_loop().time()
            self.system = await stack.enter_async_context(self._role())
            observe: Any = self.trace
            if self.setting.trace is not None:
                from conformance.campaign import evidence, safe

                folder = self.setting.trace / safe(self.setting.name)
                folder.mkdir(parents=True, exist_ok=True)
                observe = fan_out(self.trace, stack.enter_context(evidence(folder, self.epoch, self.role)))
            await self._start(stack, observe)
            yield self

    async def _start(self, stack: contextlib.AsyncExitStack, observe: Any) -> None:
        raise NotImplementedError

    def _bench(self) -> Any:
        return own.bench_for(self.setting.run(self.sut), self.setting.pics)


class VehicleScript(_Script):
    """A tester vehicle at a charger under test.

    Attributes:
        ev: the tester vehicle (:class:`conformance.tester_ev.TesterEv`), for what this class does not offer.
        trace: what it saw.
        system: the charger under test.
    """

    sut = "secc"
    ev: TesterEv

    async def _start(self, stack: contextlib.AsyncExitStack, observe: Any) -> None:
        setting, bench = self.setting, self._bench()
        self.ev = TesterEv(self.system, setting.pics, setting.protocol, observe, random.Random(1), bench.tls)
        for prepare in bench.prepare:
            prepare(self.ev)
        stack.push_async_callback(self.ev.leave)

    @property
    def session_id(self) -> bytes:
        """Of the session; zeros before."""
        return self.ev.session_id

    async def until(self, request: type[Any] | str) -> None:
        """Walks to the point where a request is due: all that comes before was answered well.

        Args:
            request: a message class, or a state of the catalogue such as ``PowerDelivery.Stop`` or ``TCP``.

        Raises:
            Inconclusive: the charger does not get there (the test fails, and says that it is inconclusive).
        """
        name = request if isinstance(request, str) else request.__name__
        await self.ev.until(before(self.ev, name) if name.endswith("Req") else known(self.ev, name))
        if name in ("CableCheckReq",) and not self.setting.ac:
            self.ev.ready()

    def make(self, request: type[Any] | str, **fields: Any) -> Any:
        """The good-case request of a type, with some fields changed, wherever they are in it.

        A number does for a physical value: it is in the unit of the one that it takes the place of.

        Raises:
            ValueError: it has no such field; says which it has.
        """
        message = requests.make(self.ev, request if isinstance(request, str) else request.__name__)
        return changed(message, **fields)

    async def send(
        self, message: Any, *, segments: tuple[int, ...] | None = None, within: float | None = None, **deviation: Any
    ) -> Any:
        """Sends a request and returns its response, whatever its code; the test fails if none comes in time.

        Args:
            message: a message, or a class for the good case.
            segments: lengths of the TCP segments in which the frame goes out; the rest in one.
            within: s; the standard's message time-out by default.
            deviation: ``session_id``, ``header``, ``exi``, ``frame``, ``signature``; see
                :meth:`conformance.wire.Wire.send`.
        """
        message = self.make(message) if isinstance(message, type) else message
        if segments is not None:
            await self._in_segments(message, segments)
        else:
            await self.ev.send(message, **deviation)
        arrival = await self.ev.response(type(message).__name__, within)
        return arrival.message

    async def _in_segments(self, message: Any, segments: tuple[int, ...]) -> None:
        wire = self.ev.connection
        frame = b""

        def keep(data: bytes) -> bytes | None:
            nonlocal frame
            frame = data
            return None

        await self.ev.send(message, frame=keep)
        position = 0
        for length in (*segments, len(frame)):
            if position < len(frame):
                await wire.channel.write(frame[position : position + length])
                position += length
                await asyncio.sleep(0.01)
        wire.sent_at = self.ev.now

    async def post(self, message: Any, **deviation: Any) -> None:
        """Sends a request and awaits nothing."""
        await self.ev.send(self.make(message) if isinstance(message, type) else message, **deviation)

    async def send_bytes(self, data: bytes) -> None:
        """Bytes as they are, no frame around them."""
        await self.ev.connection.channel.write(data)

    async def silent(self, within: float) -> None:
        """Asserts that nothing comes for so many seconds."""
        arrival = await self.ev.connection.next(within)
        assert arrival is None, f"{arrival.name} came"

    async def closed(self, within: float = 5.0) -> None:
        """Asserts that the charger closes TCP in time and says nothing more."""
        wire = self.ev.connection
        closed = await wire.until_closed(within + DELAY)
        assert not wire.unread, f"{wire.unread[0].name} came instead of the close"
        assert closed, f"TCP is still open after {within:g} s"

    async def close(self, *, reset: bool = False) -> None:
        """Closes TCP: orderly, or with a reset."""
        await self.ev.connection.close(reset=reset)

    @property
    def energised(self) -> bool | None:
        """Whether the charger's output is on; None: not seen."""
        found: bool | None = self.system.energised()
        return found

    def pilot(self, state: str) -> None:
        """The vehicle's resistors: A (pulled out), B, C or D."""
        from slac.pilot import State

        if state not in ("A", "B", "C", "D"):
            raise ValueError(f"a vehicle's pilot is A, B, C or D, not {state!r}")
        if state == "A":
            assert self.system.unplug(), "the connector cannot be pulled here"
        else:
            self.system.pilot.set(State(state))

    async def refused(self, message: Any, code: str, **deviation: Any) -> None:
        """Asserts that a request is answered with this FAILED code, and TCP closed in time."""
        response = await self.send(message, **deviation)
        assert response.ResponseCode == code, f"{type(response).__name__} {response.ResponseCode}, expected {code}"
        await self.closed(timer("TCP_Connection_Termination_Timeout"))


def before(walk: TesterEv, request: str) -> str:
    """The state in which a request is due."""
    name = request.removesuffix("Req")
    if name == "PowerDelivery":
        name = "PowerDelivery.Start"
    if name in ("CurrentDemand", "ChargingStatus"):
        return "PowerDelivery.Start"
    if name == "supportedAppProtocol":
        return "TCP"
    line = way_to("SessionStop", walk)
    if name not in line:
        requests = [f"{step}Req" for step in line if "." not in step and step not in STATES]
        raise ValueError(f"{request} has no place in this session{close_to(request, requests)}")
    return line[line.index(name) - 1]


STATES = ("LINK", "SDP", "TCP", "SAP", "ChargingLoop")
"""Steps of a walk that are no requests."""


def known(walk: TesterEv, state: str) -> str:
    """A state that there is. ValueError: there is none of that name."""
    try:
        way_to(state, walk)
    except (KeyError, ValueError):
        raise ValueError(f"no state {state}{close_to(state, way_to('SessionStop', walk))}") from None
    return state


# ---------------------------------------------------------------------------------------------------------------
# A vehicle under test


class ChargerScript(_Script):
    """A tester charger with a vehicle under test.

    Attributes:
        se: the tester charger (:class:`conformance.tester_evse.TesterEvse`), for what this class does not offer.
        trace: what it saw.
        system: the vehicle under test.
        request: the request that is held.
    """

    sut = "evcc"
    se: TesterEvse
    request: Any = None
    arrival: Any = None
    _plugged = False

    async def _start(self, stack: contextlib.AsyncExitStack, observe: Any) -> None:
        setting, bench = self.setting, self._bench()
        self.se = TesterEvse(self.system, setting.pics, setting.protocol, observe, random.Random(1), bench.tls)
        for prepare in bench.prepare:
            prepare(self.se)
        await stack.enter_async_context(self.se.serving())
        stack.push_async_callback(self.se.leave)

    async def plug(self) -> None:
        """Plugs the vehicle in; `until` does it where it was not done."""
        if not self._plugged:
            self._plugged = True
            await self.system.plug()
            self.system.pilot.offer(5.0)

    def stop_after(self, rounds: int) -> None:
        """The charger asks the vehicle to stop after so many rounds of the loop."""
        self.se.stops_after = rounds

    def answer(self, request: type[Any] | str, change: Callable[[Any, Any], Any]) -> None:
        """From now on, ``change(request, response)`` makes the response to requests of a type; None: no answer."""
        self.se.overrides[request if isinstance(request, str) else request.__name__] = change

    async def until(self, request: type[Any] | str, within: float = 120.0) -> Any:
        """Serves the good case until the vehicle sends this request, holds it, and returns it."""
        name = request if isinstance(request, str) else request.__name__
        modules = (self.setting.protocol.module, appproto)
        if not any(hasattr(module, name) for module in modules) or not name.endswith("Req"):
            names = [word for module in modules for word in vars(module) if word.endswith("Req")]
            raise ValueError(f"{self.setting.protocol.title} has no request {name}{close_to(name, names)}")
        if name in ("WeldingDetectionReq", "SessionStopReq") and self.se.stops_after is None:
            self.se.stops_after = self.se.loops + 3
        caught = self.se.catch(lambda arrival: arrival.name == name)
        self.se.release()
        await self.plug()
        self.arrival = await self.se.held(caught, name, within)
        self.request = self.arrival.message
        return self.request

    async def reply(self, message: Any = None, *, code: str | None = None, **deviation: Any) -> None:
        """Answers the held request and goes on with the good case.

        Args:
            message: instead of the good answer; a class stands for its smallest message.
            code: ResponseCode in place of the good answer's.
            deviation: ``session_id``, ``header``, ``exi``, ``frame``, and fields of the answer to change.
        """
        from conformance.tester_evse import made

        if self.arrival is None:
            raise ValueError("no request is held: await until(...) comes first")
        seams = {key: deviation.pop(key) for key in ("session_id", "header", "exi", "frame") if key in deviation}
        if isinstance(message, type):
            message = made(self.se, message.__name__, code or "OK")
        elif message is None and code is not None and code.startswith("FAILED"):
            message = made(self.se, self.arrival.name.removesuffix("Req") + "Res", code)
        elif message is None:
            message = await self.se.good(self.arrival)
            if code is not None:
                message = changed(message, ResponseCode=code)
        await self.se.send(changed(message, **deviation), **seams)
        self.se.release()

    async def next(self, within: float = 40.0) -> str:
        """The name of the vehicle's next request after the held one; "" if it closes or nothing comes."""
        place = self.se.requests.index(self.arrival) + 1
        for _ in range(int(within / 0.05)):
            if len(self.se.requests) > place or self.se.wire.closed_at is not None:
                break
            await asyncio.sleep(0.05)
        return self.se.requests[place].name if len(self.se.requests) > place else ""

    async def closed(self, within: float = 5.0) -> None:
        """Asserts that the vehicle closes TCP in time."""
        closed = await self.se.closed(self.se.now + within + DELAY)
        assert closed is not None, f"TCP is still open after {within:g} s"

    async def gives_up(self, within: float = 5.0) -> None:
        """Asserts that the vehicle sends no further charging request, goes to B and closes TCP in time."""
        from conformance.cases_evcc import Course, gives_up
        from conformance.verdict import Result

        course = Course(self.se, Result("script"), request=self.arrival, answered=self.se.now)
        await gives_up(course, from_=self.se.now + within - timer("TCP_Connection_Termination_Timeout"))

    def pilot(self, state: str) -> None:
        """The charger's pilot: E, F, or a duty in percent as text (``5``, ``100``)."""
        from slac.pilot import State

        if state in ("E", "F"):
            self.system.pilot.fault(State(state))
        elif state.replace(".", "", 1).isdigit():
            self.system.pilot.offer(float(state))
        else:
            raise ValueError(f"a charger's pilot is E, F or a duty in percent, not {state!r}")


# ---------------------------------------------------------------------------------------------------------------
# Both roles of ours


class PairScript:
    """Both of our roles on one cable and a link in memory.

    Attributes:
        ev, se: options of vehicle and charger; ``rewrite``, ``rewrite_exi``, ``rewrite_frame`` are seams.
        vehicle, evse: the plants.
        trace: the vehicle's view.
        ev_outcome, se_outcome: how it ended.
    """

    def __init__(self, setting: Setting) -> None:
        self.setting = setting
        self.trace = Trace()

    @classmethod
    @contextlib.contextmanager
    def open(cls, setting: Setting) -> Iterator[Self]:
        """The script's bench; it starts with the test."""
        script = cls(setting)
        setting.started.append(script)
        yield script

    @contextlib.asynccontextmanager
    async def running(self) -> Any:
        """While the context is open, both plants are there."""
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
        """One session to its end; gives the trace."""
        from evcc import charge as evcc
        from evcc.vehicle import Vehicle
        from secc import serve as secc
        from v2g.channel import memory_pair

        setting = self.setting
        tls: dict[str, Any] = {}
        if setting.pics.pnc:
            bench = contracts.in_memory()
            tls = {"server": contracts.context(bench, "server"), "client": contracts.context(bench, "client")}
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


__all__ = ["ChargerScript", "Failed", "Inconclusive", "PairScript", "Setting", "Stop", "Trace", "VehicleScript"]
