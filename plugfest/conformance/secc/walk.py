"""The steps of the tester vehicle through a session: one per state, each one or a few good-case exchanges.

A step is named after the state it reaches (:data:`WALK`); :mod:`.ways` has their order. Anything that goes wrong is
`Failed`; :meth:`.tester.TesterEv.until` reports it as `Inconclusive`.
"""

from __future__ import annotations

from collections.abc import Mapping

from plugfest.conformance.catalogue import timer
from plugfest.conformance.cause import Cause
from plugfest.conformance.secc import contract
from plugfest.conformance.secc.discovery import discover
from plugfest.conformance.secc.pause import pause_session, wake_by_ev, wake_by_evse
from plugfest.conformance.secc.tester import Step, TesterEv
from plugfest.conformance.verdict import Failed
from plugfest.conformance.wire import Wire
from slac.pilot import State
from v2g.messages import iso2
from v2g.physical import number

# ---------------------------------------------------------------------------------------------------------------
# Connection


async def link(tester: TesterEv) -> None:
    await tester.system.plug()
    tester.link_up = tester.now


async def connect(tester: TesterEv) -> None:
    channel = await tester.open(tester.context)
    tester.wire = wire = Wire(channel, tester.observe)
    wire.session.clock = tester.clock
    tester.tell("tcp", "connected", channel.description)


async def app_protocol(tester: TesterEv) -> None:
    wire = tester.connection
    await wire.send(tester.offer())
    arrival = await tester.response("supportedAppProtocolReq")
    if not arrival.code.startswith("OK"):
        raise Failed(
            f"supportedAppProtocolRes came with {arrival.code}",
            cause=Cause.REFUSED, expected=f"OK to an offer of {tester.protocol.title}", observed=arrival.code,
        )  # fmt: skip
    if (chosen := arrival.message.SchemaID) not in tester.offered_ids:
        wanted = f"SchemaID {tester.stimulus.schema_id} of {tester.protocol.title}"
        raise Failed(
            f"supportedAppProtocolRes came with SchemaID {chosen}",
            cause=Cause.WRONG_FIELD, expected=wanted, observed=f"SchemaID {chosen}",
        )  # fmt: skip
    wire.session.protocol = tester.protocol
    wire.session.id = tester.session_id = bytes(8)


# ---------------------------------------------------------------------------------------------------------------
# Setup


async def session_setup(tester: TesterEv) -> None:
    wire = tester.connection
    asked = tester.paused.session_id if tester.paused is not None else bytes(8)
    wire.session.id = asked
    arrival = await tester.exchange("SessionSetupReq")
    wire.session.id = tester.session_id = arrival.session_id
    if tester.paused is not None and arrival.code != "OK_OldSessionJoined":
        raise Failed(
            f"SessionSetupRes came with {arrival.code} to the id of the paused session",
            cause=Cause.WRONG_CODE, expected="OK_OldSessionJoined", observed=arrival.code,
        )  # fmt: skip


async def service_discovery(tester: TesterEv) -> None:
    await tester.exchange("ServiceDiscoveryReq")


async def service_detail(tester: TesterEv) -> None:
    if not tester.offered.services or (not tester.pics.pnc and not tester.wants_tls):
        return
    for service in tester.offered.services:
        await tester.exchange("ServiceDetailReq", iso2.ServiceDetailReq(ServiceID=service.ServiceID))


async def payment(tester: TesterEv) -> None:
    await tester.exchange(tester.protocol.names.selection)


async def installation(tester: TesterEv) -> None:
    """CertificateInstallation or CertificateUpdate; the new contract is used for payment."""

    request = "CertificateUpdateReq" if tester.certificate_set == 2 else "CertificateInstallationReq"
    arrival = await tester.exchange(request)
    contract.paying(tester).contract = contract.delivered(tester, arrival)


async def payment_details(tester: TesterEv) -> None:
    arrival = await tester.exchange("PaymentDetailsReq")
    tester.challenge = arrival.message.GenChallenge


async def authorization(tester: TesterEv) -> None:
    await tester.until_finished(tester.authorization_request, timer("V2G_EVCC_Ongoing_Timeout"))


async def charge_parameters(tester: TesterEv) -> None:
    await tester.until_finished("ChargeParameterDiscoveryReq", timer("V2G_EVCC_Ongoing_Timeout"))


# ---------------------------------------------------------------------------------------------------------------
# Power


async def cable_check(tester: TesterEv) -> None:
    tester.ready()
    await tester.until_finished("CableCheckReq", timer("V2G_EVCC_CableCheck_Timeout"))


async def pre_charge(tester: TesterEv) -> None:
    began = tester.now
    while True:
        arrival = await tester.exchange("PreChargeReq")
        if tester.voltage_reached(arrival.message):
            return
        if tester.now - began > timer("V2G_EVCC_PreCharge_Timeout") + tester.delay:
            seconds = timer("V2G_EVCC_PreCharge_Timeout")
            raise Failed(
                f"pre-charge did not reach {tester.battery_voltage:g} V",
                cause=Cause.UNFINISHED, expected=f"5 % around it within {seconds:g} s (V2G_EVCC_PreCharge_Timeout)",
                observed=f"{number(arrival.message.EVSEPresentVoltage):g} V",
            )  # fmt: skip
        await tester.pause()


async def start(tester: TesterEv) -> None:
    tester.progress = "Start"
    await tester.deliver()


async def loop(tester: TesterEv) -> None:
    await tester.charge(2)


async def until_receipt(tester: TesterEv) -> None:
    """Runs the loop until a response asks for a receipt, which is then due."""
    for _ in range(200):
        arrival = await tester.exchange(tester.loop_request)
        if getattr(arrival.message, "ReceiptRequired", None):
            return
        await tester.pause()
    raise Failed(
        "no receipt was asked for in 200 rounds of the loop",
        cause=Cause.WRONG_FIELD, expected="ReceiptRequired true", observed="ReceiptRequired false or absent",
    )  # fmt: skip


async def loop_to_stop(tester: TesterEv) -> None:
    await tester.charge(int(tester.pics["PICS_CMN_CMN_LoopCounter"]) - 2)
    tester.progress = "Stop"


async def loop_to_renegotiation(tester: TesterEv) -> None:
    await tester.charge(int(tester.pics["PICS_CMN_CMN_RenegotiationLoopIndication"]) - 2)
    tester.progress = "Renegotiate"


async def renegotiate(tester: TesterEv) -> None:
    tester.progress = "Renegotiate"
    await tester.exchange("PowerDeliveryReq")
    if not tester.pics.ac:  # contactors open, state B, then cable check and pre-charge again
        tester.system.load(None)
        tester.system.pilot.set(State.B)
    tester.progress = "Start"


async def stop(tester: TesterEv) -> None:
    tester.progress = "Stop"
    await tester.deliver()


async def welding(tester: TesterEv) -> None:
    await tester.exchange("WeldingDetectionReq")


async def session_stop(tester: TesterEv) -> None:
    await tester.exchange("SessionStopReq")
    await tester.connection.close()


WALK: Mapping[str, Step] = {
    "LINK": link,
    "SDP": discover,
    "TCP": connect,
    "SAP": app_protocol,
    "SessionSetup": session_setup,
    "ServiceDiscovery": service_discovery,
    "ServiceDetail": service_detail,
    "PaymentServiceSelection": payment,
    "ServicePaymentSelection": payment,
    "CertificateInstallation": installation,
    "CertificateUpdate": installation,
    "PaymentDetails": payment_details,
    "Authorization": authorization,
    "ContractAuthentication": authorization,
    "ChargeParameterDiscovery": charge_parameters,
    "CableCheck": cable_check,
    "PreCharge": pre_charge,
    "PowerDelivery.Start": start,
    "ChargingLoop": loop,
    "ChargingLoop.Stop": loop_to_stop,
    "ChargingLoop.Renegotiate": loop_to_renegotiation,
    "ReceiptRequired": until_receipt,
    "Renegotiation": renegotiate,
    "PowerDelivery.Stop": stop,
    "WeldingDetection": welding,
    "SessionStop": session_stop,
    "Pause": pause_session,
    "WakeUp.EV": wake_by_ev,
    "WakeUp.EVSE": wake_by_evse,
}
"""State -> the step that reaches it from the previous state."""
