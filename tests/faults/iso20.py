"""Faults of the session around power in ISO 15118-20: codes, times, signatures, what is on offer."""

from __future__ import annotations

from typing import Any

import msgspec

import evcc.drive
import evcc.iso20_ac
import evcc.iso20_dc
import evcc.iso20_installation
import evcc.iso20_prices
import secc.answer
import secc.iso20_ac
import secc.iso20_metering
import secc.iso20_prices
import secc.iso20_profile
import secc.iso20_schedule
import secc.visit
import v2g.session
import v2g.signature
from faults.fault import async_nothing, charger, late, nothing, refusing, sending, timing, vehicle, with_
from pki.profiles import Role
from plugfest.conformance.sut.certificates import in_memory
from v2g import signed_parts
from v2g.errors import Refused, RemoteError
from v2g.protocols import ISO20

PF, EV = "PF_SECC_ISO20_", "PF_EVCC_ISO20_"
LOOPS = (f"{PF}Loop_DC_scheduled", f"{PF}Loop_DC_dynamic")


def code(name: str, value: str, module: str = "iso20", *, when: str = "OK") -> Any:
    """A response with another code where it has this one."""
    return sending(
        name,
        lambda message: with_(ResponseCode=value)(message) if message.ResponseCode.startswith(when) else message,
        module,
    )


# ---------------------------------------------------------------------------------------------------------------
# Times: findings, since the other side still gets along

charger("20-answers-late", "answers come after 1.9 s, within the vehicle's time-out", f"{PF}ParameterSets_DC",
        f"{PF}Services_DC", adjust=sending("ServiceDiscoveryRes", late(1.9), "iso20"))  # fmt: skip
charger("20-loop-slow", "answers of the loop come after 0.6 s, where tests allow 0.75 s", *LOOPS,
        adjust=sending("DC_ChargeLoopRes", late(0.6), "iso20-dc"), reading=True)  # fmt: skip
charger("20-loop-late", "answers of the loop come after 0.9 s", "PF_SECC_ISO20_PowerFlow_DC#1",
        adjust=sending("DC_ChargeLoopRes", late(0.9), "iso20-dc"))  # fmt: skip
charger("20-never-answers-in-time", "answers come after 3 s", f"{PF}Services_DC",
        adjust=sending("ServiceDiscoveryRes", late(3.0), "iso20"))  # fmt: skip
vehicle("20-asks-late", "a request comes after 43 s", f"{EV}ServiceDetail_Request",
        adjust=sending("ServiceDetailReq", late(43.0), "iso20"))  # fmt: skip
vehicle("20-loop-asks-late", "requests of the loop come after 0.8 s, later than 0.5 s", f"{EV}PowerFlow_DC#2",
        adjust=sending("DC_ChargeLoopReq", late(0.8), "iso20-dc"))  # fmt: skip

# Refused on the way to where nothing else judges

charger("20-pause-refused", "a pause that the charger itself asks for is refused", f"{PF}Resume_DC_scheduled",
        f"{PF}Resume_AC_dynamic", patches=[(secc.iso20_schedule, "may_pause", lambda visit: False)])  # fmt: skip
charger("20-meter-unavailable", "the loop is refused once a metering confirmation is due", f"{PF}Metering_DC_dynamic",
        patches=[(secc.iso20_metering, "meter_info", refusing("FAILED"))])  # fmt: skip

# Codes that belong elsewhere

for number, (name, value, run, module) in enumerate(
    (
        ("ServiceDiscoveryRes", "WARNING_CertificateExpired", "Services_DC", "iso20"),
        ("ServiceDetailRes", "OK_CertificateExpiresSoon", "ParameterSets_DC", "iso20"),
        ("DC_ChargeParameterDiscoveryRes", "OK_PowerToleranceConfirmed", "Limits_DC_scheduled", "iso20-dc"),
        ("ScheduleExchangeRes", "OK_PowerToleranceConfirmed", "Schedules_DC_dynamic", "iso20"),
        ("DC_ChargeLoopRes", "OK_NewSessionEstablished", "Loop_DC_dynamic", "iso20-dc"),
        ("AC_ChargeLoopRes", "OK_OldSessionJoined", "Loop_AC_dynamic", "iso20-ac"),
        ("SessionStopRes", "OK_CertificateExpiresSoon", "Session_DC_dynamic", "iso20"),
    )
):
    charger(f"20-foreign-code-{number}", f"{name} with {value}", f"{PF}{run}", adjust=code(name, value, module))

# Authorization and installation


def _one_method(message: Any) -> Any:
    return msgspec.structs.replace(message, AuthorizationServices=["PnC"])


charger("20-one-method", "EIM is declared, but not offered beside contracts", f"{PF}AuthorizationSetup_Both",
        adjust=sending("AuthorizationSetupRes", _one_method, "iso20"))  # fmt: skip
charger("20-no-eim-beside", "EIM is offered, but refused", f"{PF}Authorization_Both",
        adjust=code("AuthorizationRes", "WARNING_AuthorizationSelectionInvalid"))  # fmt: skip
charger("20-provider-unknown", "any provider will do", f"{PF}Authorization_eMSPUnknown#1",
        adjust=code("AuthorizationRes", "OK", when="WARNING"))  # fmt: skip
charger("20-no-contract", "no contract for the vehicle: another code", f"{PF}CertificateInstallation_NoContract",
        adjust=code("CertificateInstallationRes", "WARNING_NoCertificateAvailable", when="WARNING"))  # fmt: skip
charger("20-impatient", "a slow back end counts as silent", f"{PF}CertificateInstallation_SlowBackEnd",
        adjust=timing(V2G_SECC_Ongoing_Performance_Time=5.0))  # fmt: skip
charger("20-patient", "Ongoing forever while a back end is silent", f"{PF}CertificateInstallation_SilentBackEnd",
        adjust=timing(V2G_SECC_Ongoing_Performance_Time=500.0))  # fmt: skip
vehicle("20-contract-unchecked", "the dates of a delivered contract and of its sub-CAs are not looked at",
        f"{EV}Installation_Unusable#2", f"{EV}Installation_Unusable#3",
        patches=[(evcc.iso20_installation, "_check_contract", nothing)])  # fmt: skip

# Prices

charger("20-prices-unsigned", "prices are not signed", f"{PF}Prices_Signed",
        patches=[(secc.iso20_prices, "sign", nothing)])  # fmt: skip


def _spoiled(visit: Any, response: Any, right: Any = secc.iso20_prices.sign) -> None:
    right(visit, response)
    for prices in signed_parts.absolute_prices(response):
        prices.Currency = "USD"


charger("20-prices-changed", "prices change after they were signed", f"{PF}Prices_Signed",
        patches=[(secc.iso20_prices, "sign", _spoiled)])  # fmt: skip


def _gives_up(res: Any) -> Any:
    raise RemoteError("prices are unproven")


vehicle("20-prices-end", "a session ends where prices are unproven", f"{EV}PriceSignature#3", f"{EV}PriceSignature#2",
        patches=[(evcc.iso20_prices, "_without", _gives_up)])  # fmt: skip

vehicle("20-prices-believed", "prices are believed whoever signed them", f"{EV}PriceSignature#3",
        f"{EV}PriceSignature#4", patches=[(evcc.iso20_prices, "_without", lambda res: res)], reading=True)  # fmt: skip


def _of_any_sub(message: Any, given: Any, issuer: Any, *rest: Any) -> Any:
    """The sub-CA 1 above the issuer counts, too."""
    try:
        return _examine(message, given, issuer, *rest)
    except RemoteError:
        return _examine(message, given, in_memory(ISO20).store.of_role(Role.MO_SUB1)[0].der, *rest)


_examine = v2g.signature.examine_message
vehicle("20-prices-of-sub1", "prices are believed that any sub-CA of contracts has signed", f"{EV}PriceSignature#6",
        patches=[(v2g.signature, "examine_message", _of_any_sub)], reading=True)  # fmt: skip

# Delivery and loop

charger("20-pilot-unchecked", "a cable check begins in control pilot state B", f"{PF}Pilot_CableCheck",
        patches=[(secc.answer, "_check_pilot", async_nothing)])  # fmt: skip
charger("20-contactor-ok", "a contactor that does not close is not noticed", f"{PF}ContactorError_AC",
        patches=[(secc.iso20_ac, "close_contactor", async_nothing)])  # fmt: skip
charger("20-contactor-code", "a contactor that does not close: another code", f"{PF}ContactorError_AC",
        patches=[(secc.iso20_ac, "close_contactor", refusing("FAILED_PowerDeliveryNotApplied"))])  # fmt: skip
charger("20-contactor-slow", "a contactor is waited for beyond the vehicle's time-out", f"{PF}ContactorError_AC",
        adjust=timing(V2G_SECC_Contactor_Close_Time=3.0))  # fmt: skip
charger("20-no-channel", "a channel is not asked for", f"{PF}Channel_Missing",
        patches=[(secc.iso20_profile, "selected_channel", nothing)])  # fmt: skip
charger("20-refuses-channel", "a selected channel is refused", f"{PF}Channel_Selected#1", f"{PF}Channel_Selected#2",
        patches=[(secc.iso20_profile, "selected_channel", refusing("FAILED_PowerDeliveryNotApplied"))])  # fmt: skip
charger("20-profile-unwatched", "nobody looks whether a vehicle keeps its profile", f"{PF}ProfileViolation_AC",
        patches=[(secc.iso20_profile, "deviation", lambda visit: ("", ""))])  # fmt: skip


def _once(name: str, module: str) -> Any:
    """EVSEStatus in one response only."""
    said: list[Any] = []

    def change(message: Any) -> Any:
        if message.EVSEStatus is None or not said:
            said.extend([message.EVSEStatus] if message.EVSEStatus is not None else [])
            return message
        return with_(EVSEStatus=None)(message)

    return sending(name, change, module)


def _both(system: Any) -> None:
    for name, module in (("DC_ChargeLoopRes", "iso20-dc"), ("AC_ChargeLoopRes", "iso20-ac")):
        _once(name, module)(system)


charger("20-wish-forgotten", "a wish to renegotiate is said once", f"{PF}RenegotiationIgnored_DC",
        f"{PF}RenegotiationIgnored_AC", adjust=_both)  # fmt: skip
charger("20-wish-unwarned", "no warning when a notification is ignored", f"{PF}RenegotiationIgnored_DC",
        f"{PF}RenegotiationIgnored_AC",
        patches=[(secc.iso20_profile, "renegotiation_code", lambda visit: "OK")])  # fmt: skip

_request = v2g.session.Session.request
OWN = ("FAILED", "FAILED_SequenceError", "FAILED_UnknownSession", "FAILED_SignatureError")


async def _own_codes(session: Any, message: Any, **options: Any) -> Any:
    """FAILED codes that are not expected count as OK."""
    try:
        return await _request(session, message, **options)
    except Refused as why:
        received = session.last_received
        if why.response_code in OWN or received is None:
            raise
        return received.message


vehicle("20-foreign-code-goes-on", "a FAILED code of another response is treated as OK",
        *(f"{EV}ForeignCode_Common#{one}" for one in (2, 3, 4, 7)), f"{EV}ForeignCode_DC#1", f"{EV}ForeignCode_AC#2",
        patches=[(v2g.session.Session, "request", _own_codes)])  # fmt: skip


def _begins_anyway(drive: Any, response: Any) -> None:
    """Whatever the charger warns about."""
    drive.asked_to_stop = False


vehicle("20-starts-warned", "a warning to PowerDelivery(Start) is treated as OK", f"{EV}Warnings_Start",
        patches=[(evcc.iso20_dc, "started", _begins_anyway), (evcc.iso20_ac, "started", _begins_anyway),
                 (evcc.drive.Drive, "allows", lambda drive, message: True)], reading=True)  # fmt: skip
charger("20-emergency-later", "an emergency stop before power flows is only heeded in the loop",
        "PF_SECC_ISO20_EmergencyEarly#1",
        patches=[(secc.visit.Visit, "wants_stop", property(lambda visit: visit.delivering)),
                 (secc.visit.Visit, "fault", property(lambda visit: None))])  # fmt: skip
