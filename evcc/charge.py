"""The vehicle's side of a session: find a charger, connect, agree on a protocol, run its script, end safely."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Any, TypeVar

from evcc import din70121, iso2, iso20
from evcc.drive import Drive
from evcc.options import Options, Outcome, Paused, Progress
from evcc.vehicle import Vehicle
from slac.pilot import WAKE_UP, State, toggle, until_digital
from v2g import sdp
from v2g.channel import Channel, connect
from v2g.discovery import discover
from v2g.errors import NoCommonProtocol, NothingFound, SetupError, TimedOut, V2GError
from v2g.interfaces import Interface
from v2g.messages import appproto
from v2g.outcome import Aborted, Cause, cause_of
from v2g.protocols import ISO2, PROTOCOLS, Energy, Protocol, meant, offer
from v2g.session import Session
from v2g.trace import Event

if TYPE_CHECKING:
    from v2g.tls import Context as TlsContext

Script = Callable[[Drive], Awaitable[None]]
SCRIPTS: Mapping[str, Script] = {
    "iso2": iso2.run,
    "din70121": din70121.run,
    "iso20": iso20.run,
}

T = TypeVar("T")


@dataclass
class Search:
    """Where to look for a charger.

    Attributes:
        interface: the interface that leads to it.
        tls: NONE requests no TLS; OPTIONAL requests TLS but accepts a plain connection; REQUIRED insists on TLS.
        context: the TLS context; needed unless ``tls`` is NONE.
        sdp_to: unicast address for SDP instead of multicast.
        address, port: the charger's, to skip SDP.
        discover, connect: how to find and reach the charger; an in-memory network has its own.
    """

    interface: Interface
    tls: sdp.TlsPolicy = sdp.TlsPolicy.NONE
    context: TlsContext | None = None
    sdp_to: IPv6Address | None = None
    address: IPv6Address | None = None
    port: int = 0
    discover: Callable[..., Awaitable[sdp.Response]] = discover
    connect: Callable[..., Awaitable[Channel]] = connect


async def find(search: Search, options: Options) -> Channel:
    """Finds a charger and connects to it: SDP, TCP and, if used, TLS.

    Raises:
        NothingFound: no usable answer.
        SetupError: no connection, or one side requires TLS and the other has none.
    """
    interface, discover, connect = search.interface, search.discover, search.connect
    wants_tls = search.tls is not sdp.TlsPolicy.NONE
    if search.address is not None:
        scope = interface if search.address.is_link_local else None
        return await connect(
            str(search.address), search.port, scope, search.context if wants_tls else None, options.observe
        )
    timing = ISO2.timing.replace(options.timing)
    asked = sdp.TLS if wants_tls else sdp.NO_TLS
    try:
        found = await discover(interface, security=asked, timing=timing, to=search.sdp_to, observe=options.observe)
    except NothingFound:
        if search.tls is not sdp.TlsPolicy.OPTIONAL:
            raise
        # Some chargers ignore SDP requests for TLS altogether; real cars ask again without TLS.
        found = await discover(interface, security=sdp.NO_TLS, timing=timing, to=search.sdp_to, observe=options.observe)
    if found.security == sdp.TLS:
        if search.context is None:
            raise SetupError("the charger insists on TLS; use --tls optional or required")
        return await connect(str(found.address), found.port, interface, search.context, options.observe)
    if search.tls is sdp.TlsPolicy.REQUIRED:
        raise SetupError("the charger has no TLS, but this vehicle requires it")
    return await connect(str(found.address), found.port, interface, None, options.observe)


async def charge(channel: Channel, vehicle: Vehicle, options: Options | None = None) -> Outcome:
    """Charges on an open connection until the session ends.

    However it ends, the vehicle is then safe: contactors open, pilot in B, connection closed.

    Returns:
        How it ended. Nothing the charger does raises an exception. Cancellation is passed on;
        ``options.on_end`` reports it.
    """
    options = options or Options()
    outcome = Outcome()
    session = options.session(channel)
    setup = session.now + session.timing.V2G_EVCC_CommunicationSetup_Timeout
    resume = Paused(options.resume) if isinstance(options.resume, bytes) and options.resume else options.resume or None
    drive = Drive(session, vehicle, options, resume=resume, setup_deadline=setup)
    battery, mishaps = vehicle.battery, len(vehicle.contactors.mishaps)
    started, energy, returned, outcome.soc_start = session.now, battery.delivered_wh, battery.returned_wh, battery.soc
    try:
        # A pulled plug or state E or F must not wait for the exchange in progress.
        await _unless_in_trouble(_session(drive), vehicle)
        outcome.cause, outcome.reason = drive.ending.cause, drive.ending.reason
    except V2GError as why:
        outcome.error = why
        outcome.cause, outcome.reason = cause_of(why), str(why)
        if drive.ending.cause is not Cause.COMPLETE:  # the first error counts
            outcome.cause, outcome.reason = drive.ending.cause, f"{drive.ending.reason}; then: {why}"
        vehicle.ending = outcome.reason
        session.tell("error", "ended", outcome.reason)
    except asyncio.CancelledError:
        outcome.cause, outcome.reason = Cause.ABORTED, "cancelled"
        raise
    finally:
        # Whatever happened, foreseen or not: nothing stays connected to the battery.
        under_power, since = vehicle.contactors.closed, session.now
        try:
            async with vehicle.opening():  # the charger learns of the end before the current has fallen
                await _close(session, gently=outcome.ok)
        finally:
            if under_power:
                outcome.switched_off = session.now - since
            session.account(outcome, started)
            outcome.energy_wh = battery.delivered_wh - energy
            outcome.discharged_wh = battery.returned_wh - returned
            outcome.soc_end = battery.soc
            outcome.resume = drive.paused if outcome.ok else None
            outcome.paused = outcome.resume is not None
            outcome.notes = [
                *drive.notes,
                *vehicle.contactors.mishaps[mishaps:],
                *vehicle.notes,
                *getattr(vehicle.pilot, "unchecked", ()),
            ]
            vehicle.end()
            options.on_end(outcome)
    return outcome


async def _close(session: Session, *, gently: bool) -> None:
    """Closes the connection; unless ``gently``, without waiting for a failed charger, which may not notice a close."""
    if gently:
        await session.close()
    else:
        session.tell("tcp", "closing")
        session.channel.abort()


async def _unless_in_trouble(work: Coroutine[Any, Any, T], vehicle: Vehicle) -> T:
    """Runs the session, or the search for a charger, until it ends or the control pilot demands an end.

    Raises:
        Aborted: the pilot demanded it.
    """
    task = asyncio.ensure_future(work)
    alarm = asyncio.ensure_future(vehicle.trouble.wait())
    try:
        await asyncio.wait({task, alarm}, return_when=asyncio.FIRST_COMPLETED)
        # A charger in trouble drops both the pilot and the connection: the pilot is the better reason to report.
        if vehicle.trouble.is_set() and (not task.done() or task.exception()):
            raise Aborted(vehicle.trouble_text)
        return await task
    finally:
        task.cancel()
        alarm.cancel()
        await asyncio.gather(task, alarm, return_exceptions=True)


async def _session(drive: Drive) -> None:
    """Waits for the pilot's consent, agrees on a protocol, then runs its script."""
    session, vehicle = drive.session, drive.vehicle
    vehicle.begin()
    if vehicle.pilot.state in (State.A, State.E, State.F):
        raise Aborted(f"the control pilot is at {vehicle.pilot.reading.label}")
    async with _until(session, drive.setup_deadline):
        session.agreed(await agree_protocol(drive))
    drive.begin(session.protocol)
    await SCRIPTS[session.protocol.name](drive)


@contextlib.asynccontextmanager
async def _until(session: Session, deadline: float) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout_at(deadline):
            yield
    except TimeoutError as why:
        timer = "V2G_EVCC_CommunicationSetup_Timeout"
        raise TimedOut(timer, getattr(session.timing, timer), "a protocol") from why


async def agree_protocol(drive: Drive) -> Protocol:
    """Agrees on a protocol by supportedAppProtocol.

    Raises:
        NoCommonProtocol: the charger accepts none of the offers [V2G2-172], or selects one that has no script here.
        RemoteError: it selects a protocol that was not offered.
    """
    session, options = drive.session, drive.options
    energy: Energy = "AC" if options.ac else "DC"
    megawatt = drive.vehicle.inlet.megawatt
    usable = [
        protocol
        for protocol in options.protocols
        if protocol.can_charge(energy, megawatt=megawatt) and options.may_speak(protocol, session.channel)
    ]
    if not usable and options.offer is None:
        over, what = session.channel.description, drive.vehicle.inlet.name if megawatt else energy
        text = f"nothing to offer: {_list(options.protocols)} cannot be used for {what} over {over}"
        raise NoCommonProtocol("; ".join([text, *options.obstacles(session.channel)]))
    request = options.offer or offer(usable, energy)
    response = await session.request(request)
    if response.ResponseCode == "Failed_NoNegotiation":
        raise NoCommonProtocol(f"the charger speaks none of {', '.join(_titles(request))}")
    drive.heed()
    offered = request.AppProtocol
    chosen = next((entry for entry in offered if entry.SchemaID == response.SchemaID), offered[0])
    found_protocol = meant(chosen, PROTOCOLS.values())
    if found_protocol is None:
        raise NoCommonProtocol(f"the charger chose {chosen.ProtocolNamespace}, for which there is no script")
    return found_protocol[0]


def _list(protocols: Iterable[Protocol]) -> str:
    return " or ".join(protocol.title for protocol in protocols)


def _titles(request: appproto.supportedAppProtocolReq) -> list[str]:
    named = [(entry, meant(entry, PROTOCOLS.values())) for entry in request.AppProtocol]
    return [entry.ProtocolNamespace if found is None else found[0].title for entry, found in named]


async def wake(vehicle: Vehicle) -> bool:
    """Wakes a paused charger, with one B-C-B toggle if it offers nothing; whether it then asks for communication.

    The link must be up again before `charge` is called with ``options.resume``.
    """
    if await until_digital(vehicle.pilot, 0.0):
        return True
    await toggle(vehicle.pilot)
    return await until_digital(vehicle.pilot, WAKE_UP)


async def find_and_charge(search: Search, vehicle: Vehicle, options: Options) -> Outcome:
    """Finds a charger and charges; a failure on the way there is an outcome too."""
    seconds = ISO2.timing.replace(options.timing).V2G_EVCC_CommunicationSetup_Timeout
    vehicle.begin()
    try:
        async with asyncio.timeout(seconds):
            channel = await _unless_in_trouble(find(search, options), vehicle)
    except TimeoutError:
        why: V2GError = TimedOut("V2G_EVCC_CommunicationSetup_Timeout", seconds, "a connection")
    except V2GError as error:
        why = error
    else:
        options.observe(Event(asyncio.get_running_loop().time(), "tcp", "connected", note=channel.description))
        return await charge(channel, vehicle, options)
    soc = vehicle.battery.soc
    outcome = Outcome(cause_of(why), str(why), soc_start=soc, soc_end=soc, error=why)
    vehicle.end()
    options.on_end(outcome)
    return outcome


__all__ = [
    "SCRIPTS",
    "Cause",
    "Options",
    "Outcome",
    "Paused",
    "Progress",
    "Search",
    "charge",
    "find",
    "find_and_charge",
    "wake",
]
