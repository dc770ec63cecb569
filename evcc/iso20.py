"""The vehicle's script of ISO 15118-20: DC and AC, scheduled and dynamic. Reads like the sequence chart.

Structured like :mod:`evcc.iso2`. How power is controlled is a value (:mod:`evcc.iso20_control`), so the charge loop is
written once for DC and once for AC. A WARNING lets the session continue; every FAILED ends it.
"""

from __future__ import annotations

import hashlib

from boundary.text import visible
from evcc import iso20_ac, iso20_contract, iso20_dc, iso20_dc_limits, iso20_parking
from evcc.drive import Drive, Ending, Unsuitable
from evcc.iso20_control import choose, wanted_service
from evcc.iso20_schedule import agree_schedule
from evcc.options import Paused
from evcc.verbs import say_goodbye, until_finished
from slac.pilot import Offer
from v2g import energy
from v2g.credentials import common_name, read
from v2g.energy import Control
from v2g.errors import RemoteError, V2GError
from v2g.messages.iso20 import common
from v2g.outcome import Cause, cause_of
from v2g.protocols.iso20 import RENEGOTIATION

NEW = bytes(8)
"""Session id in the first request of a new session."""


MOST_CHANGES = 10
"""The most service changes in quick succession before a vehicle concludes that the charger is confused."""
SETTLED = 60.0
"""s: after this long with one service, a change does not count as quick."""


async def run(drive: Drive) -> None:
    """The whole session, from SessionSetup to SessionStop.

    Raises:
        V2GError: it could not be completed. The vehicle is safe, and has said goodbye as far as that was possible.
    """
    battery = drive.vehicle.battery
    own_target = battery.target_soc
    try:
        joined = await set_up(drive)
        if joined is None:
            await authorize(drive)
        control = await select_service(drive) if joined is None else joined
        changes, since = 0, drive.now
        ending = await charge(drive, control)
        while ending.how == "service":
            changes, since = changes + 1 if drive.now - since < SETTLED else 1, drive.now
            if changes > MOST_CHANGES:
                raise Unsuitable(f"the charger asked for another service {changes} times in a row")
            await drive.beside.stop(RENEGOTIATION)
            await drive.ask(common.SessionStopReq(ChargingSession="ServiceRenegotiation"))
            ending = await charge(drive, await select_service(drive))
        await iso20_parking.depart(drive)
        await drive.beside.stop()
        if ending.how == "pause":
            drive.paused = Paused(
                drive.session.id, started=drive.started, delivered_wh=drive.delivered_wh, until=ending.until,
                control=drive.control, binding=binding(drive), parks=drive.parks,
                contract=drive.contract,
            )  # fmt: skip
        await drive.ask(goodbye("Pause" if drive.paused else "Terminate", drive.ending.cause, drive.ending.reason))
    except V2GError as why:
        drive.paused, first = None, drive.beside.failure
        if isinstance(first, RemoteError) and not isinstance(first, Unsuitable):
            drive.usable = False  # the session is over on every stream
        await drive.beside.stop()
        await leave(drive, why if first is None else first)
        if first is not None and first is not why:  # a refusal on a side stream is why the main stream has ended
            raise first from why
        raise
    finally:
        battery.target_soc = own_target  # a target set at the charger applied to this session only
        await drive.beside.stop()


def binding(drive: Drive) -> bytes:
    """Identifies the charger for resuming: the digest of its certificate in the TLS handshake; b"" without one."""
    tls = drive.session.channel.tls
    return hashlib.sha512(tls.peer_chain[0]).digest() if tls is not None and tls.peer_chain else b""


def evccid(drive: Drive) -> str:
    """EVCCID: the name in the certificate of the TLS handshake, unless the bench names another."""
    tls, vehicle = drive.session.channel.tls, drive.vehicle
    if vehicle.evccid20:
        return vehicle.evccid20
    named = common_name(read(tls.own_chain[0])) if tls is not None and tls.own_chain else ""
    return named or f"PLF{vehicle.evccid.hex().upper()}"


async def set_up(drive: Drive) -> Control | None:
    """SessionSetup: a new session, or a paused one by its id; returns the selection of a session that is resumed."""
    session = drive.session
    if drive.resume is not None and drive.resume.binding and drive.resume.binding != binding(drive):
        drive.note("this is not the charger of the paused session; a new session begins")
        drive.forget_pause()
    resume = drive.resume
    session.id = asked = resume.session_id if resume else NEW
    res = await drive.ask(common.SessionSetupReq(EVCCID=evccid(drive)))
    joined = res.ResponseCode == "OK_OldSessionJoined"
    if joined and (resume is None or session.id != asked):
        session.tolerate(
            "unasked-resume", f"OK_OldSessionJoined with {session.id.hex()}, but {asked.hex()} was requested"
        )
    if joined and (resume is None or resume.control is None):
        raise Unsuitable("OK_OldSessionJoined, but this vehicle does not know what was selected in that session")
    if res.ResponseCode == "OK":
        session.tolerate("session-setup-plain-ok", "OK instead of OK_NewSessionEstablished")
    if not any(session.id):
        session.tolerate("zero-session-id", "the charger's session id is zero")
    drive.started = drive.now if resume is None or resume.started is None else resume.started
    if resume is None or joined:
        drive.parks = resume.parks if resume is not None else frozenset()
        drive.contract = resume.contract if resume is not None else None
        return resume.control if resume is not None else None
    drive.note("the charger does not know the paused session; a new session begins")
    drive.forget_pause()
    return None


async def authorize(drive: Drive) -> None:
    """AuthorizationSetup, then Authorization: by contract if both sides support it, otherwise by external means.

    Raises:
        Unsuitable: the charger refuses every method that the vehicle has.
    """
    setup = await drive.ask(common.AuthorizationSetupReq())
    if await iso20_contract.pays(drive, setup):
        return
    request = common.AuthorizationReq(
        SelectedAuthorizationService="EIM", EIM_AReqAuthorizationMode=common.EIM_AReqAuthorizationModeType()
    )
    for attempt in range(drive.options.authorization_retries + 1):
        res = await until_finished(drive, lambda: request, "V2G_EVCC_Ongoing_Timeout")
        if not res.ResponseCode.startswith("WARNING"):
            return
        if res.ResponseCode == "WARNING_AuthorizationSelectionInvalid":
            break  # there is no other method to select
        if attempt < drive.options.authorization_retries:
            drive.note(f"the charger refuses: {res.ResponseCode}; asking again")
            await drive.breathe()
            drive.still_wanted()
    raise Unsuitable(f"the charger refuses: {res.ResponseCode}")


async def select_service(drive: Drive) -> Control:
    """ServiceDiscovery, ServiceDetail of the matching energy service, ServiceSelection.

    Raises:
        Unsuitable: no service or parameter set fits.
    """
    found = await drive.ask(common.ServiceDiscoveryReq())
    drive.other_services = found.ServiceRenegotiationSupported
    drive.offered_services = frozenset(service.ServiceID for service in found.EnergyTransferServiceList.Service)
    service = wanted_service(drive)
    if service.number not in drive.offered_services:
        listed = ", ".join(energy.title(number) for number in sorted(drive.offered_services))
        text = f"the vehicle wants {energy.title(service.number)}, the charger offers {listed}"
        raise Unsuitable(text, misfit=True)
    detail = await drive.ask(common.ServiceDetailReq(ServiceID=service.number))
    if detail.ServiceID != service.number:
        text = f"details of service {detail.ServiceID}, but those of {service.number} were requested"
        drive.session.tolerate("other-service-details", text)
    control = choose(drive, service, detail.ServiceParameterList.ParameterSet)
    drive.parks = frozenset()
    added = await iso20_parking.select(drive, found)
    await drive.ask(
        common.ServiceSelectionReq(
            SelectedEnergyTransferService=common.SelectedServiceType(
                ServiceID=service.number, ParameterSetID=control.chosen.number
            ),
            SelectedVASList=common.SelectedServiceListType(SelectedService=added) if added else None,
        )
    )
    iso20_parking.arrive(drive)
    return control


async def charge(drive: Drive, control: Control) -> Ending:
    """From charge parameters to the end of the power flow, or to a pause if no power is expected soon."""
    drive.control = control
    digital(drive)
    if control.service.energy == "AC":
        power = await iso20_ac.agree_limits(drive, control)
        plan = await agree_schedule(drive, control)
        return plan.pause or await iso20_ac.charge(drive, control, power, plan)
    limits = await iso20_dc_limits.agree_limits(drive, control)
    plan = await agree_schedule(drive, control)
    return plan.pause or await iso20_dc.charge(drive, control, limits, plan)


def digital(drive: Drive) -> None:
    """Checks the 5 % duty, which must be present from charge parameters to the end [V2G20-1408].

    Raises:
        RemoteError: it is missing, and the session is strict.
    """
    reading = drive.vehicle.pilot.reading
    if reading.offer is not None and reading.offer[0] is not Offer.DIGITAL:
        drive.session.tolerate("duty", f"charge parameters are due, but the control pilot is at {reading.label}")


async def leave(drive: Drive, why: BaseException) -> None:
    """Says goodbye, and why, if the last request was answered properly; the vehicle becomes safe meanwhile.

    A charger waits for 0.5 s for the next request of the loop, and a current may take longer to fall.
    """
    stop = common.PowerDeliveryReq(EVProcessing="Finished", ChargeProgress="Stop")
    await say_goodbye(drive, stop, goodbye("Terminate", cause_of(why), str(why)))


TERMINATION = {
    Cause.COMPLETE: "Complete",
    Cause.ABORTED: "Aborted",
    Cause.TIMEOUT: "Timeout",
    Cause.PEER: "ChargerUnsuitable",
    Cause.MISFIT: "ChargerUnsuitable",
}
"""EVTerminationCode for a cause, of our own making: the standard leaves it open."""
LONGEST_EXPLANATION = 160
"""Characters."""


def goodbye(how: common.chargingSessionType, cause: Cause, reason: str) -> common.SessionStopReq:
    """SessionStopReq that says why the session ends or pauses."""
    return common.SessionStopReq(
        ChargingSession=how,
        EVTerminationCode=TERMINATION.get(cause, "VehicleError"),
        EVTerminationExplanation=visible(reason)[:LONGEST_EXPLANATION],
    )
