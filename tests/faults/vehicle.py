"""Faults of a vehicle in a session."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import evcc.charge
import evcc.checks
import evcc.contract
import evcc.iso2
import evcc.iso20_installation
import evcc.vehicle
import pki.delivery
import secc.iso2
import secc.schedule
import v2g.session
import v2g.signature
from faults.fault import async_nothing, deep, nothing, sending, timing, vehicle, with_
from pki.profiles import Role
from v2g.messages import iso2
from v2g.streams import MAIN


def _request_ignoring(what: str) -> Any:
    """Session.request of a vehicle that leaves one check out; the tester charger does not use it."""
    session = v2g.session

    async def request(
        self: Any, message: Any, *, timeout: float | None = None, signature: Any = None, stream: int = MAIN
    ) -> Any:
        name = type(message).__name__
        seconds = self.timing.message_timeout(name) if timeout is None else timeout
        try:
            async with asyncio.timeout(seconds):
                await self.send(message, signature=signature, stream=stream)
                received = await self.receive(stream)
        except TimeoutError as why:
            raise session.TimedOut("V2G_EVCC_Msg_Timeout", seconds, f"the response to {name}") from why
        response = received.message
        expected = self.protocol.response_to(type(message))
        if what == "type" and not isinstance(response, expected):
            from secc.minimal import minimal

            codes = {"SessionSetupRes": "OK_NewSessionEstablished"}
            return minimal(self.protocol.schema, expected, ResponseCode=codes.get(expected.__name__, "OK"))
        if not isinstance(response, expected):
            raise session.RemoteError(f"{type(response).__name__} in answer to {name}")
        if what != "session":
            self._check_id(name, received)
        code = str(getattr(response, "ResponseCode", "OK"))
        if code.startswith("FAILED") and what != "code":
            raise session.Refused(f"{type(response).__name__} {code}", code)
        if name == "SessionSetupReq":
            self.id = received.session_id
        return response

    return request


class _Unverifying:
    """Signatures as a vehicle makes them, and none that it checks."""

    def __getattr__(self, name: str) -> Any:
        return getattr(v2g.signature, name)

    @staticmethod
    def verify_message(*_: Any) -> list[Any]:
        return []


class _Equal(str):
    """Text that no other text differs from."""

    def __ne__(self, other: object) -> bool:
        return False

    __hash__ = str.__hash__


def _ending(why: str) -> Any:
    def end(*_: Any) -> Any:
        raise evcc.checks.Unsuitable(why)

    return end


def _setting_up(rejoins: bool) -> Any:
    right = evcc.iso2.set_up

    async def set_up(drive: Any) -> None:
        old = drive.resume.session_id if drive.resume else b""
        await right(drive)
        if old and rejoins:
            drive.session.id = old
        elif old:
            _ending("joined")()

    return set_up


vehicle(
    "ev-ignores-failed",
    "FAILED responses are treated as OK",
    "PF_EVCC_ISO2_PaymentServiceSelection_Failed#1",
    "PF_EVCC_DIN_ContractAuthentication_Failed#1",
    "PF_EVCC_ISO2_Authorization_Failed#1",
    patches=[(v2g.session.Session, "request", _request_ignoring("code"))],
)
vehicle(
    "ev-ignores-type",
    "another response is taken for the right one",
    "PF_EVCC_ISO2_PaymentServiceSelection_WrongResponse",
    "PF_EVCC_DIN_ServicePaymentSelection_WrongResponse",
    patches=[(v2g.session.Session, "request", _request_ignoring("type"))],
)
vehicle(
    "ev-ignores-session",
    "another session id in a response is accepted",
    "PF_EVCC_ISO2_ServiceDiscovery_BadSessionID",
    patches=[(v2g.session.Session, "request", _request_ignoring("session"))],
)
vehicle(
    "ev-patient",
    "a response is awaited for 10 s",
    "PF_EVCC_ISO2_ServiceDiscovery_NoResponse",
    "PF_EVCC_ISO2_ServiceDiscovery_LateResponse#2",
    adjust=timing(V2G_EVCC_Msg_Timeout__ServiceDiscoveryReq=10.0),
)
vehicle(
    "ev-hasty",
    "a response is awaited for 1 s only",
    "PF_EVCC_ISO2_ServiceDiscovery_NoResponse",
    "PF_EVCC_ISO2_ServiceDiscovery_LateResponse#1",
    adjust=timing(V2G_EVCC_Msg_Timeout__ServiceDiscoveryReq=1.0),
)
vehicle(
    "ev-loop-patient",
    "CurrentDemandRes is awaited for 8 s",
    "TC_EVCC_DC_VTB_CurrentDemand_005@iso15118-2",
    adjust=timing(V2G_EVCC_Msg_Timeout__CurrentDemandReq=8.0),
)
vehicle(
    "ev-waits-for-ever",
    "Ongoing is accepted forever",
    "PF_EVCC_ISO2_Authorization_OngoingForever",
    "PF_EVCC_DIN_ContractAuthentication_Never",
    adjust=timing(V2G_EVCC_Ongoing_Timeout=1e5),
)
vehicle(
    "ev-ongoing-short",
    "Ongoing is accepted for 30 s only",
    "PF_EVCC_ISO2_Authorization_OngoingForever",
    adjust=timing(V2G_EVCC_Ongoing_Timeout=30.0),
)
vehicle(
    "ev-cable-check-for-ever",
    "CableCheck has no limit",
    "TC_EVCC_DC_VTB_CableCheck_006@iso15118-2",
    adjust=timing(V2G_EVCC_CableCheck_Timeout=1e5),
)
vehicle(
    "ev-precharge-for-ever",
    "PreCharge has no limit",
    "TC_EVCC_DC_VTB_PreCharge_006@iso15118-2",
    "PF_EVCC_DIN_PreCharge_Never",
    adjust=timing(V2G_EVCC_PreCharge_Timeout=1e5),
)
vehicle(
    "ev-pilot-blind",
    "states E and F are not seen",
    "PF_EVCC_ISO2_CableCheck_CpE_CpF#1",
    "TC_EVCC_CMN_VTB_SessionSetup_007@iso15118-2",
    patches=[(evcc.vehicle.Vehicle, "_pilot_changed", nothing)],
)
vehicle(
    "ev-keeps-connection",
    "TCP stays open after an error",
    "PF_EVCC_ISO2_ServiceDiscovery_Failed#1",
    "PF_EVCC_ISO2_SAP_NoNegotiation",
    patches=[(evcc.charge, "_close", async_nothing)],
)
vehicle(
    "ev-stays-in-c",
    "the pilot stays in C after an error",
    "PF_EVCC_ISO2_CurrentDemand_NoResponse",
    patches=[
        (evcc.vehicle.Vehicle, "safe", async_nothing),
        (evcc.vehicle.Vehicle, "opening", lambda vehicle: contextlib.nullcontext()),
    ],
)
vehicle(
    "ev-profile",
    "the charging profile exceeds PMax",
    "TC_EVCC_AC_VTB_PowerDelivery_001",
    adjust=sending("PowerDeliveryReq", lambda message: _big_profile(message)),
)
vehicle(
    "ev-old-session",
    "the first SessionSetupReq has a session id",
    "TC_EVCC_CMN_VTB_SessionSetup_001",
    adjust=lambda s: setattr(s.options, "new_session_id", b"12345678"),
)
vehicle(
    "ev-id",
    "the EVCCID is zero",
    "TC_EVCC_CMN_VTB_SessionSetup_001",
    "PF_EVCC_DIN_SessionSetup_Request",
    adjust=lambda s: setattr(s.vehicle, "evccid", bytes(6)),
)
vehicle(
    "ev-selects-foreign",
    "a service is selected that was not offered",
    "TC_EVCC_CMN_VTB_ServiceDetailAndPaymentSelection_001",
    adjust=sending("PaymentServiceSelectionReq", lambda message: _foreign_service(message)),
)
vehicle(
    "ev-deaf",
    "StopCharging is ignored",
    "TC_EVCC_DC_VTB_WeldingDetectionOrSessionStop_001@iso15118-2",
    "PF_EVCC_DIN_Notification_Stop",
    patches=[(evcc.checks, "dc_ending", lambda *_: None)],
)
vehicle(
    "ev-challenge",
    "AuthorizationReq carries a GenChallenge in external payment",
    "TC_EVCC_CMN_VTB_Authorization_001",
    adjust=sending("AuthorizationReq", with_(Id="id1", GenChallenge=bytes(16))),
)
vehicle(
    "ev-priorities",
    "offers have the same priority",
    "PF_EVCC_ISO2_SAP_Offer",
    adjust=sending("supportedAppProtocolReq", lambda message: _same_priority(message), "appproto"),
)
vehicle(
    "ev-limits",
    "the vehicle's limits are zero",
    "TC_EVCC_CMN_VTB_ChargeParameterDiscovery_001",
    adjust=sending("ChargeParameterDiscoveryReq", deep("EVMaximumCurrentLimit", secc.iso2.ampere(0.0))),
)
vehicle(
    "ev-unsigned",
    "AuthorizationReq is not signed",
    "TC_EVCC_CMN_VTB_Authorization_002",
    patches=[(evcc.contract, "sign", lambda drive, message: None)],
)
vehicle(
    "ev-no-pause",
    "a pause becomes a termination",
    "TC_EVCC_DC_VTB_WeldingDetectionOrSessionStop_002",
    adjust=sending("SessionStopReq", with_(ChargingSession="Terminate")),
)

vehicle(
    "ev-delivery-unsigned",
    "signatures of the charger's messages are not checked",
    "PF_EVCC_ISO2_CertificateInstallation_Res#2",
    "PF_EVCC_ISO2_ChargeParameterDiscovery_TariffSignature#2",
    patches=[(evcc.contract, "signature", _Unverifying())],
)
vehicle(
    "ev-any-provider",
    "whoever signs a delivered contract is believed",
    "PF_EVCC_ISO2_CertificateInstallation_Res#3",
    patches=[(evcc.contract, "check_chain", nothing)],
)
_check_chain = evcc.contract.check_chain


def _any_leaf(drive: Any, chain: Any, wallet: Any, role: Any, whose: str, **more: Any) -> None:
    """Any certificate below a root that the vehicle trusts will do."""
    try:
        _check_chain(drive, chain, wallet, role, whose, **more)
    except evcc.contract.Undeliverable:
        _check_chain(drive, chain, wallet, Role.SECC, whose, **more)


vehicle(
    "ev-any-leaf",
    "a contract signed by any certificate below a known root is believed",
    "PF_EVCC_ISO2_CertificateInstallation_Res#6",
    "PF_EVCC_ISO20_Installation_Spoiled#6",
    patches=[(evcc.contract, "check_chain", _any_leaf), (evcc.iso20_installation, "check_chain", _any_leaf)],
)
vehicle(
    "ev-any-emaid",
    "the delivered eMAID is not compared",
    "PF_EVCC_ISO2_CertificateInstallation_Res#4",
    patches=[(evcc.contract, "plain_id", lambda text: _Equal(text))],
)
vehicle(
    "ev-own-key",
    "the delivered key is not looked at",
    "PF_EVCC_ISO2_CertificateInstallation_Res#5",
    "PF_EVCC_ISO2_CertificateInstallation_Res#1",
    patches=[(pki.delivery, "unseal", lambda sealed, key, *_: key)],
)
vehicle(
    "ev-any-tariff",
    "tariffs are believed whoever signed them",
    "PF_EVCC_ISO2_ChargeParameterDiscovery_TariffSignature#2",
    patches=[(evcc.contract, "tariffs_hold", lambda *_: True)],
)
vehicle(
    "ev-no-tariffs",
    "a tariff ends the session",
    "PF_EVCC_ISO2_ChargeParameterDiscovery_TariffSignature#1",
    "PF_EVCC_ISO2_ChargeParameterDiscovery_TariffSignature#2",
    patches=[(evcc.contract, "tariffs_hold", _ending("a tariff"))],
)
vehicle(
    "ev-no-rejoin",
    "a joined session is ended",
    "PF_EVCC_ISO2_SessionSetup_OldSession#1",
    patches=[(evcc.iso2, "set_up", _setting_up(rejoins=False))],
)
vehicle(
    "ev-old-id",
    "the paused session's id is kept though a new one begins",
    "PF_EVCC_ISO2_SessionSetup_OldSession#2",
    patches=[(evcc.iso2, "set_up", _setting_up(rejoins=True))],
)


def _big_profile(message: Any) -> Any:
    if message.ChargingProfile is not None:
        for entry in message.ChargingProfile.ProfileEntry:
            entry.ChargingProfileEntryMaxPower = secc.schedule.watt(900_000.0)
    return message


def _foreign_service(message: Any) -> Any:

    message.SelectedServiceList.SelectedService.append(iso2.SelectedServiceType(ServiceID=777))
    return message


def _same_priority(message: Any) -> Any:
    for entry in message.AppProtocol:
        entry.Priority = 7
    return message
