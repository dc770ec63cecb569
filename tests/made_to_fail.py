"""Sessions in which one side is made to fail at a chosen message, recorded as a capture and as a trace."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from bench import Bench
from tls_world import charger as charger_tls
from tls_world import store
from tls_world import vehicle as vehicle_tls

from evcc import charge as evcc
from plugfest.conformance.fields import replaced
from plugfest.traces.capture import read
from plugfest.traces.entries import EVCC, SECC, Recording
from plugfest.traces.recording import from_events
from plugfest.traces.writer import PcapNg
from plugfest.virtual import run
from secc import serve as secc
from v2g import tls
from v2g.channel import Channel
from v2g.memory_link import memory_pair
from v2g.messages import appproto, din70121, iso2
from v2g.messages.iso20 import common
from v2g.trace import Event, Observe, fan_out, ignore

FOREVER = 1e5
"""s: longer than any time-out."""
LATE = 0.7
"""s: longer than the charge loop of ISO 15118-20 allows, and shorter than anything else."""


@dataclass(frozen=True)
class Way:
    """A way to fail.

    Attributes:
        name: short.
        side: who is made to fail.
        start: gives, for the ends of the link and the message, what stands in its place; None for no message.
        fits: whether a message of a name can be treated so.
        nth: which messages of a name can be treated so.
        frame: treats the frame instead.
        onwards: not only this message is treated so, but all that follow.
        goes_on: the side that fails goes on with its session, and records how the other one ends it.
        only_dc: AC has nothing of the kind.
    """

    name: str
    side: str
    act: Callable[[Made, Any], Any] = lambda made, message: message
    fits: Callable[[str], bool] = lambda name: True
    goes_on: bool = True
    nth: tuple[int, ...] = (1, 2)
    frame: Callable[[bytes], bytes] | None = None
    onwards: bool = False
    only_dc: bool = False


@dataclass
class Made:
    """A session under way."""

    charger: Channel
    vehicle: Channel
    side: str

    @property
    def channel(self) -> Channel:
        return self.vehicle if self.side == EVCC else self.charger


async def _silent(made: Made, message: Any) -> Any:
    await asyncio.sleep(FOREVER)


def _dropped(made: Made, message: Any) -> Any:
    return None


async def _closed(made: Made, message: Any) -> Any:
    made.channel.abort()
    await asyncio.sleep(FOREVER)


def _refused(made: Made, message: Any) -> Any:
    return msgspec.structs.replace(message, ResponseCode="FAILED")


def _unreadable(made: Made, message: Any) -> Any:
    return b"\x80\xff\xff\xff\xff"


def refused_with(code: str) -> Callable[[Made, Any], Any]:
    return lambda made, message: msgspec.structs.replace(message, ResponseCode=code)


def _warned(made: Made, message: Any) -> Any:
    return msgspec.structs.replace(message, ResponseCode="WARNING_EIMAuthorizationFailure", EVSEProcessing="Finished")


async def _late(made: Made, message: Any) -> Any:
    await asyncio.sleep(LATE)
    return message


def _is_iso20(message: Any) -> bool:
    return type(message).__module__.startswith("v2g.messages.iso20")


def _another_response(made: Made, message: Any) -> Any:
    kind = type(message)
    if _is_iso20(message):
        return (
            common.ServiceSelectionRes(ResponseCode="OK")
            if kind is common.SessionStopRes
            else common.SessionStopRes(ResponseCode="OK")
        )
    module = iso2 if kind.__module__ == iso2.__name__ else din70121
    return (
        module.SessionStopRes(ResponseCode="OK")
        if kind.__name__ != "SessionStopRes"
        else module.WeldingDetectionRes(
            ResponseCode="OK", DC_EVSEStatus=_status(module), EVSEPresentVoltage=_volt(module)
        )
    )


def _status(module: Any) -> Any:
    if module is iso2:
        return iso2.DC_EVSEStatusType(NotificationMaxDelay=0, EVSENotification="None", EVSEStatusCode="EVSE_Ready")
    return din70121.DC_EVSEStatusType(EVSEStatusCode="EVSE_Ready", NotificationMaxDelay=0, EVSENotification="None")


def _volt(module: Any) -> Any:
    return module.PhysicalValueType(Multiplier=0, Unit="V", Value=0)


def _twice(frame: bytes) -> bytes:
    return frame * 2


def _broken(frame: bytes) -> bytes:
    return b"\x02" + frame[1:]


def _with(path: str, value: Any) -> Callable[[Made, Any], Any]:
    return lambda made, message: replaced(message, path, value)


def _out_of_order(made: Made, message: Any) -> Any:
    if _is_iso20(message):
        return common.SessionSetupReq(EVCCID="WMIV1234567890ABCDEX")
    module = iso2 if type(message).__module__ == iso2.__name__ else din70121
    return module.SessionSetupReq(EVCCID=b"\x02" * 6)


def _in_session(name: str) -> bool:
    return not name.startswith("supportedApp")


def _polled(name: str) -> bool:
    return name in (
        "AuthorizationRes", "ContractAuthenticationRes", "ChargeParameterDiscoveryRes", "CableCheckRes",
        "ScheduleExchangeRes", "DC_CableCheckRes",
    )  # fmt: skip


def _in_loop(name: str) -> bool:
    return name.endswith(("_ChargeLoopReq", "_ChargeLoopRes"))


def _of_status(name: str) -> bool:
    return name in (
        "ChargeParameterDiscoveryRes",
        "CableCheckRes",
        "PreChargeRes",
        "PowerDeliveryRes",
        "CurrentDemandRes",
    )


WAYS = (
    Way("silent", SECC, _silent, goes_on=False),
    Way("drops", SECC, _dropped),
    Way("closes", SECC, _closed, goes_on=False),
    Way("refuses", SECC, _refused, _in_session),
    Way("unreadable", SECC, _unreadable),
    Way("answers another request", SECC, _another_response, _in_session),
    Way(
        "twice",
        SECC,
        frame=_twice,
        fits=lambda name: name in ("CurrentDemandRes", "ChargingStatusRes", "CableCheckRes") or _in_loop(name),
    ),
    Way("breaks the frame", SECC, frame=_broken),
    Way("stays Ongoing", SECC, _with("EVSEProcessing", "Ongoing"), _polled, onwards=True),
    Way("breaks down", SECC, _with("EVSEStatusCode", "EVSE_EmergencyShutdown"), _of_status, onwards=True, only_dc=True),
    Way("is late", SECC, _late, lambda name: name == "CurrentDemandRes" or _in_loop(name)),
    Way("silent", EVCC, _silent, _in_session, goes_on=False),
    Way("closes", EVCC, _closed, _in_session, goes_on=False),
    Way("unreadable", EVCC, _unreadable),
    Way("twice", EVCC, frame=_twice, fits=lambda name: name not in ("SessionStopReq",)),
    Way("breaks the frame", EVCC, frame=_broken),
    Way("out of order", EVCC, _out_of_order, lambda name: _in_session(name) and name != "SessionSetupReq"),
)

WAYS_20 = (
    *(way for way in WAYS if way.name != "breaks down"),
    Way("is late", EVCC, _late, _in_loop, nth=(2,)),
    Way("warns of the authorization", SECC, _warned, lambda name: name == "AuthorizationRes"),
    Way(
        "refuses parameters",
        SECC,
        refused_with("FAILED_WrongChargeParameter"),
        lambda name: name.endswith("_ChargeParameterDiscoveryRes"),
    ),
    Way("fails to switch", SECC, refused_with("FAILED_ContactorError"), lambda name: name == "PowerDeliveryRes"),
    Way("refuses the profile", SECC, refused_with("FAILED_EVPowerProfileViolation"), _in_loop),
    Way("does not know the session", SECC, refused_with("FAILED_UnknownSession"), _in_session),
)
"""The same for ISO 15118-20, whose chargers have no status, and whose loop has times of its own."""

CONTROL = {"iso20-ac": "dynamic", "iso20-dc": "scheduled"}
"""Who decides on power, by mode; in others whoever."""


@dataclass
class Failure:
    """One made failure: who was made to fail, and both recordings."""

    side: str
    capture: Recording
    traces: dict[str, Recording]


def in_both(bench: Bench) -> Observe:
    """Has a TLS handshake in the traces of both sides."""

    def told(event: Event) -> None:
        if (event.layer, event.name) == ("tls", "handshake"):
            for events in bench.events.values():
                events.append(event)

    return told


async def joined(bench: Bench, observe: Observe = ignore) -> tuple[Channel, Channel]:
    """Both ends of a link as the protocol wants it; ISO 15118-20: over TLS with both certificates, as traces tell."""
    if not bench.protocol.abilities.mutual:
        return await memory_pair(observe=observe)
    bench.ev.control = CONTROL.get(bench.mode, "any")  # type: ignore[assignment]  # a text of the parameters, one of the literals
    bench.ev.any_transport = bench.se.any_transport = False

    profile, roots = tls.PROFILES["iso20"], store("iso20")
    contexts = {"server": charger_tls(profile, roots), "client": vehicle_tls(profile, roots)}
    return await memory_pair(**contexts, observe=fan_out(observe, in_both(bench)))


async def failing(mode: str, way: Way, name: str, nth: int) -> tuple[bytes, dict[str, list[Event]]] | None:
    """A session in which a side fails at its nth message of a name; None where it never came to that."""
    bench = Bench(mode)
    bench.duration = 1.0
    file = io.BytesIO()
    writer = PcapNg(file, role="evcc")
    bench.ev.observe = fan_out(bench.events["ev"].append, writer)
    charger_end, vehicle_end = await joined(bench, writer)
    made = Made(charger_end, vehicle_end, way.side)
    options = bench.ev if way.side == EVCC else bench.se
    count = 0

    async def rewrite(message: Any) -> Any:
        nonlocal count
        count += 1
        if count < nth or (count > nth and not way.onwards):
            return message
        result = way.act(made, message)
        return await result if asyncio.iscoroutine(result) else result

    kind = getattr(appproto, name) if name.startswith("supportedApp") else bench.protocol.message(name)
    assert kind is not None
    options.rewrite[kind] = rewrite
    if way.frame is not None:
        treat = way.frame
        options.rewrite_frame[kind] = lambda frame: treat(frame) if count == nth else frame
    serving = asyncio.create_task(secc.serve(charger_end, bench.evse, bench.se))
    driving = asyncio.create_task(evcc.charge(vehicle_end, bench.vehicle, bench.ev))
    other = serving if way.side == EVCC else driving
    await asyncio.wait({other})
    await asyncio.sleep(1.0)
    for task in (serving, driving):
        task.cancel()
    await asyncio.gather(serving, driving, return_exceptions=True)
    writer.close()
    if count < nth:
        return None
    events = {EVCC: bench.events["ev"], SECC: bench.events["se"]}
    if not way.goes_on:
        del events[way.side]
    return file.getvalue(), events


def failure(mode: str, way: Way, name: str, nth: int, path: Path) -> Failure | None:
    """The same, recorded: as a capture, which goes to a file, and as the traces of those who go on."""
    found = None if way.only_dc and "-ac" in mode else run(failing(mode, way, name, nth))
    if found is None:
        return None
    path.write_bytes(found[0])
    return Failure(way.side, read(path), {role: from_events(seen, role=role) for role, seen in found[1].items()})
