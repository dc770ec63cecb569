"""Faults of a vehicle in discovery, in its patience, and in what it makes of the charger's limits and status."""

from __future__ import annotations

import asyncio
from typing import Any

import evcc.charge
import evcc.checks
import evcc.drive
import evcc.iso2
import evcc.iso20_dc
import v2g.discovery
import v2g.sdp
from faults.fault import Adjust, nothing, timing, unjudged, vehicle

_parse = v2g.sdp.parse_response


def _first_bytes(data: bytes) -> v2g.sdp.Response:
    """Whatever stands where an SDP response has its payload."""
    return _parse(bytes.fromhex("01fe900100000014") + data[8:28].ljust(20, b"\0"))


def _hasty(*requests: str) -> Adjust:
    return timing(**{f"V2G_EVCC_Msg_Timeout__{name}": 0.1 for name in requests})


def _chosen_wrongly(right: Any) -> Any:
    """A vehicle that knows no other success than the plain one."""

    async def agree(drive: Any) -> Any:
        session = drive.session
        request = session.request

        async def asked(message: Any, **how: Any) -> Any:
            response = await request(message, **how)
            if response.ResponseCode != "OK_SuccessfulNegotiation":
                raise evcc.drive.Unsuitable("another minor version")
            return response

        session.request = asked
        try:
            return await right(drive)
        finally:
            session.request = request

    return agree


_answer = v2g.discovery._answer


async def _any_answer(answers: Any, within: float, acceptable: Any, observe: Any, problems: Any) -> Any:
    return await _answer(answers, within, lambda response: None, observe, problems)


def _after(seconds: float, right: Any) -> Any:
    async def work(*given: Any) -> Any:
        await asyncio.sleep(seconds)
        return await right(*given)

    return work


vehicle(
    "ev-sdp-unchecked",
    "whatever comes to the port of discovery is an answer",
    "PF_EVCC_ISO2_SDP_BadHeader#1",
    "PF_EVCC_ISO2_SDP_BadContent#7",
    patches=[(v2g.sdp, "parse_response", _first_bytes)],
)
vehicle(
    "ev-sdp-any-content",
    "what an SDP response says is not looked at",
    "PF_EVCC_ISO2_SDP_BadContent#6",
    patches=[(v2g.discovery, "_answer", _any_answer)],
)
vehicle(
    "ev-sdp-for-ever",
    "discovery never ends",
    "PF_EVCC_ISO2_SDP_NoAnswer",
    adjust=timing(SDP_Max_Requests=100_000, V2G_EVCC_CommunicationSetup_Timeout=1e5),
)
vehicle(
    "ev-sdp-slow",
    "SDP requests are 2 s apart",
    "PF_EVCC_ISO2_SDP_Request",
    adjust=timing(SDP_Request_Interval=2.0),
)
vehicle(
    "ev-minor-deviation",
    "another minor version is not agreement",
    "PF_EVCC_ISO2_SAP_MinorDeviation",
    patches=[(evcc.charge, "agree_protocol", _chosen_wrongly(evcc.charge.agree_protocol))],
)
for _name in (
    "SessionSetup",
    "ServiceDetail",
    "PaymentServiceSelection",
    "CertificateInstallation",
    "CertificateUpdate",
    "PaymentDetails",
    "Authorization",
    "ChargeParameterDiscovery",
    "CableCheck",
    "PreCharge",
    "PowerDelivery",
    "ChargingStatus",
    "MeteringReceipt",
    "WeldingDetection",
):
    vehicle(
        f"ev-hasty-{_name}",
        f"{_name}Res is awaited for 0.1 s only",
        f"PF_EVCC_ISO2_{_name}_LateResponse#1",
        adjust=_hasty(f"{_name}Req"),
    )
vehicle(
    "ev-slow",
    "ServiceDiscoveryReq comes 50 s after SessionSetupRes",
    "PF_EVCC_ISO2_RequestTiming",
    patches=[(evcc.iso2, "discover_services", _after(50.0, evcc.iso2.discover_services))],
)
vehicle(
    "ev-limits-ignored",
    "new limits in the loop are not taken over",
    "PF_EVCC_ISO2_CurrentDemand_Limits#1",
    "PF_EVCC_ISO2_CurrentDemand_Limits#2",
    patches=[(evcc.checks.Limits, "updated", lambda self, response: self)],
    reading=True,
)
vehicle(
    "20-ev-limits-ignored",
    "new limits in the loop are not taken over in ISO 15118-20",
    "PF_EVCC_ISO20_ChargeLoop_Limits#1",
    "PF_EVCC_ISO20_ChargeLoop_Limits#2",
    "PF_EVCC_ISO20_ChargeLoop_Limits#3",
    patches=[(evcc.iso20_dc, "updated", lambda terms, said: terms)],
    reading=True,
)
vehicle(
    "ev-isolation-ignored",
    "the isolation status is not looked at",
    "PF_EVCC_ISO2_Isolation#3",
    "PF_EVCC_ISO2_Isolation#4",
    "PF_EVCC_DIN_Isolation#3",
    patches=[*unjudged("cable-check", "isolation-fault"), (evcc.checks, "preparing", nothing)],
)
vehicle(
    "ev-status-ignored",
    "status codes in the loop are not looked at",
    "PF_EVCC_ISO2_CurrentDemand_StatusCode#2",
    patches=[(evcc.checks, "dc_ending", nothing)],
)
UNSUITABLE = ("PF_EVCC_ISO2_ChargeParameterDiscovery_Unsuitable", "PF_EVCC_DIN_ChargeParameterDiscovery_Unsuitable")
vehicle(
    "ev-limits-unread",
    "the charger's limits of voltage are not compared with the battery's",
    *(f"{name}#{number}" for name in UNSUITABLE for number in (1, 2)),
    patches=[
        (evcc.checks, "dc_limits", lambda drive, parameter: evcc.checks.Limits(1000.0, 400.0)),
        *unjudged("target-voltage"),
    ],
)
vehicle(
    "ev-alarms-unread",
    "alarms before power flows are not looked at",
    *(f"{name}#{number}" for name in UNSUITABLE for number in (3, 4)),
    patches=[(evcc.checks, "no_alarm", nothing), (evcc.checks, "preparing", nothing)],
)
