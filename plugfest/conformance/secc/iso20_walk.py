"""The steps of the tester vehicle through a session of ISO 15118-20; :mod:`.iso20_ways` has their order.

:mod:`.walk` has the steps that are the same in every protocol.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from plugfest.conformance.catalogue import timer
from plugfest.conformance.catalogue.protocols import energy
from plugfest.conformance.cause import Cause
from plugfest.conformance.secc import iso20, iso20_contract, pause, walk
from plugfest.conformance.secc.discovery import discover
from plugfest.conformance.secc.pause import wake_by_ev
from plugfest.conformance.secc.tester import Step, TesterEv
from plugfest.conformance.verdict import Failed, Inconclusive
from plugfest.conformance.wire import Arrival
from v2g.energy import PARKING
from v2g.messages.iso20 import common

MOST_ROUNDS = 400
"""Rounds of the loop within which a charger that is declared to ask for something must ask."""


async def authorization_setup(tester: TesterEv) -> None:
    arrival = await tester.exchange("AuthorizationSetupReq")
    block = arrival.message.PnC_ASResAuthorizationMode
    tester.challenge = block.GenChallenge if block is not None else None
    wanted = "PnC" if tester.pics.pnc else "EIM"
    if wanted not in arrival.message.AuthorizationServices:
        raise Inconclusive(f"the charger does not offer {wanted}", cause=Cause.NOT_DECLARED)


async def installation(tester: TesterEv) -> None:
    """CertificateInstallation until there are no more contracts; the last one is used for payment."""
    held = iso20_contract.paying(tester)
    for _ in range(iso20_contract.MOST_CONTRACTS):
        arrival = await tester.until_finished("CertificateInstallationReq", timer("V2G_EVCC_Ongoing_Timeout"))
        held.contract = iso20_contract.delivered(tester, arrival)
        if not arrival.message.RemainingContractCertificateChains:
            return


async def authorization(tester: TesterEv) -> None:
    await tester.until_finished("AuthorizationReq", timer("V2G_EVCC_Ongoing_Timeout"))


async def service_discovery(tester: TesterEv) -> None:
    arrival = await tester.exchange("ServiceDiscoveryReq")
    wanted = tester.make("ServiceDetailReq").ServiceID
    offered = [one.ServiceID for one in arrival.message.EnergyTransferServiceList.Service]
    if wanted not in offered:
        raise Inconclusive(
            f"the charger offers services {offered}, not {wanted} for {tester.pics.energy_service}",
            cause=Cause.NOT_DECLARED,
        )


async def service_detail(tester: TesterEv) -> None:
    await tester.exchange("ServiceDetailReq")


async def service_selection(tester: TesterEv) -> None:
    """A value-added service that will be used is requested first."""
    if tester.pics["PIXIT_SECC_ISO20_ParkingStatus"] and tester.added is None:
        arrival = await tester.exchange("ServiceDetailReq", common.ServiceDetailReq(ServiceID=PARKING))
        sets = arrival.message.ServiceParameterList.ParameterSet
        tester.added = ((PARKING, sets[0].ParameterSetID),)
    tester.control = None
    chosen = iso20.choice(tester)
    await tester.exchange("ServiceSelectionReq")
    tester.control = chosen


async def charge_parameters(tester: TesterEv) -> None:
    await tester.exchange(f"{energy(tester.pics.ac)}_ChargeParameterDiscoveryReq")


async def schedule_exchange(tester: TesterEv) -> None:
    await tester.until_finished("ScheduleExchangeReq", timer("V2G_EVCC_Ongoing_Timeout"))


async def cable_check(tester: TesterEv) -> None:
    tester.ready()
    await tester.until_finished("DC_CableCheckReq", timer("V2G_EVCC_CableCheck_Timeout"))


async def pre_charge(tester: TesterEv) -> None:
    """Repeats until the voltage is reached, and once more to report it."""
    began = tester.now
    while True:
        request = tester.make("DC_PreChargeReq")
        await tester.exchange("DC_PreChargeReq", request)
        if request.EVProcessing == "Finished":
            return
        if tester.now - began > timer("ISO20_V2G_EVCC_PreCharge_Timeout") + tester.delay:
            raise Failed(
                f"{tester.battery_voltage:g} V were not reached in V2G_EVCC_PreCharge_Timeout",
                cause=Cause.UNFINISHED,
                expected="the battery's voltage in time",
            )
        await tester.pause()


async def loop(tester: TesterEv) -> None:
    await tester.charge(tester.rounds)


async def standby(tester: TesterEv) -> None:
    await tester.charge(1)
    tester.progress = "Standby"
    await tester.exchange("PowerDeliveryReq")
    await tester.charge(1)


async def until_metering(tester: TesterEv) -> None:
    """Runs the loop until the charger asks to confirm its meter reading."""
    for _ in range(MOST_ROUNDS):
        arrival = await tester.exchange(tester.loop_request)
        status = arrival.message.EVSEStatus
        if status is not None and status.EVSENotification == "MeteringConfirmation":
            return
        await tester.pause()
    raise Failed(
        f"no metering confirmation was asked for in {MOST_ROUNDS} rounds of the loop",
        cause=Cause.NO_NOTIFICATION,
        expected="MeteringConfirmation asked for",
    )


async def welding(tester: TesterEv) -> None:
    await tester.exchange("DC_WeldingDetectionReq")


async def rest(tester: TesterEv) -> None:
    """Makes the next profile take no power, which allows a pause in scheduled mode."""
    tester.rests = True


async def invitation(tester: TesterEv) -> None:
    """In dynamic mode the charger asks for the pause."""
    if not iso20.control(tester).dynamic:
        return
    if not await tester.act("pause"):
        raise Inconclusive("nothing on this bench can make the charger ask for a pause", cause=Cause.NO_ACTION)
    for _ in range(MOST_ROUNDS):
        status = (await tester.exchange(tester.loop_request)).message.EVSEStatus
        if status is not None and status.EVSENotification == "Pause":
            return
        await tester.pause()
    raise Failed(
        "the charger does not ask for a pause", cause=Cause.NO_NOTIFICATION, expected="a notification to pause"
    )


async def pause_session(tester: TesterEv) -> None:
    await pause.pause_session(tester)
    tester.rests, tester.progress = False, "Start"


async def another_service(tester: TesterEv) -> None:
    """SessionStop for another service: the session continues with ServiceDiscovery."""
    await tester.exchange("SessionStopReq", common.SessionStopReq(ChargingSession="ServiceRenegotiation"))
    tester.control, tester.progress = None, "Start"
    tester.details.clear()
    tester.responses.pop("DC_PreChargeRes", None)


@contextlib.asynccontextmanager
async def looping(tester: TesterEv) -> AsyncIterator[None]:
    """Keeps the charge loop running while the context is open, so that other messages have the time they need."""

    over = asyncio.Event()

    async def go_on() -> None:
        while not over.is_set():
            await tester.exchange(tester.loop_request)
            await tester.pause()

    going = asyncio.create_task(go_on())
    try:
        yield
    finally:
        over.set()  # stops between two exchanges, so that no response is left over
        await asyncio.gather(going, return_exceptions=True)


async def beside(tester: TesterEv, message: Any, stream: int, **deviation: Any) -> Arrival:
    """Sends a request on a side stream, as long as the charger says Ongoing again and again; its last response.

    Args:
        deviation: see :meth:`plugfest.conformance.wire.Wire.send`.
    """
    name, until = type(message).__name__, tester.now + timer("V2G_EVCC_Ongoing_Timeout")
    while True:
        await tester.send(message, stream=stream, **deviation)
        arrival = await tester.response(name, stream=stream)
        if getattr(arrival.message, "EVSEProcessing", "Finished") == "Finished" or tester.now >= until:
            return arrival
        await tester.pause()


WALK20: Mapping[str, Step] = {
    "Rest": rest,
    "LINK": walk.link,
    "SDP": discover,
    "TCP": walk.connect,
    "SAP": walk.app_protocol,
    "SessionSetup": walk.session_setup,
    "AuthorizationSetup": authorization_setup,
    "CertificateInstallation": installation,
    "Authorization": authorization,
    "ServiceDiscovery": service_discovery,
    "ServiceDetail": service_detail,
    "ServiceSelection": service_selection,
    "ChargeParameterDiscovery": charge_parameters,
    "ScheduleExchange": schedule_exchange,
    "DC_CableCheck": cable_check,
    "DC_PreCharge": pre_charge,
    "PowerDelivery.Start": walk.start,
    "ChargeLoop": loop,
    "Standby": standby,
    "Metering": until_metering,
    "Invitation": invitation,
    "PowerDelivery.Stop": walk.stop,
    "DC_WeldingDetection": welding,
    "SessionStop": walk.session_stop,
    "AnotherService": another_service,
    "Pause": pause_session,
    "WakeUp.EV": wake_by_ev,
}
"""State -> the step that reaches it from the previous state."""
