"""ISO 15118-20 as far as recordings need it: the order of messages of its main stream, and its timers.

The order is a table like those of :mod:`v2g.sequence`, for AC and DC; wireless and pantograph sessions are not in it.
"""

from __future__ import annotations

from typing import Any

from v2g.sequence import START, Step
from v2g.timing import Timing


def _ongoing(facts: Any) -> bool:
    return str(getattr(facts.response, "EVSEProcessing", "Finished")).startswith("Ongoing")


def _warned(facts: Any) -> bool:
    return str(getattr(facts.response, "ResponseCode", "")).startswith("WARNING")


def _stop(facts: Any) -> bool:
    return str(getattr(facts.request, "ChargeProgress", "")) == "Stop"


_DISCOVERY = "AC_ChargeParameterDiscoveryReq DC_ChargeParameterDiscoveryReq"
_LOOPS = "AC_ChargeLoopReq DC_ChargeLoopReq"

SEQUENCE = (
    Step(START, "SessionSetupReq"),
    Step("SessionSetupReq", f"AuthorizationSetupReq {_DISCOVERY} SessionStopReq"),
    Step("AuthorizationSetupReq", "AuthorizationReq CertificateInstallationReq SessionStopReq"),
    Step("CertificateInstallationReq", "CertificateInstallationReq AuthorizationReq SessionStopReq"),
    Step("AuthorizationReq", "AuthorizationReq SessionStopReq", when=_ongoing),
    Step("AuthorizationReq", "AuthorizationReq CertificateInstallationReq SessionStopReq", when=_warned),
    Step("AuthorizationReq", "ServiceDiscoveryReq SessionStopReq"),
    Step("ServiceDiscoveryReq", "ServiceDetailReq SessionStopReq"),
    Step("ServiceDetailReq", "ServiceDetailReq ServiceSelectionReq SessionStopReq"),
    Step("ServiceSelectionReq", f"{_DISCOVERY} SessionStopReq"),
    Step("AC_ChargeParameterDiscoveryReq", "ScheduleExchangeReq SessionStopReq"),
    Step("DC_ChargeParameterDiscoveryReq", "ScheduleExchangeReq SessionStopReq"),
    Step("ScheduleExchangeReq", "ScheduleExchangeReq SessionStopReq", when=_ongoing),
    Step("ScheduleExchangeReq", "DC_CableCheckReq PowerDeliveryReq SessionStopReq"),
    Step("DC_CableCheckReq", "DC_CableCheckReq SessionStopReq", when=_ongoing),
    Step("DC_CableCheckReq", "DC_PreChargeReq SessionStopReq"),
    Step("DC_PreChargeReq", "DC_PreChargeReq PowerDeliveryReq SessionStopReq"),
    Step("PowerDeliveryReq", "DC_WeldingDetectionReq SessionStopReq", when=_stop),
    Step("PowerDeliveryReq", f"{_LOOPS} PowerDeliveryReq ScheduleExchangeReq {_DISCOVERY}", "SessionStopReq"),
    Step("AC_ChargeLoopReq", "AC_ChargeLoopReq PowerDeliveryReq", "SessionStopReq MeteringConfirmationReq"),
    Step("DC_ChargeLoopReq", "DC_ChargeLoopReq PowerDeliveryReq", "SessionStopReq MeteringConfirmationReq"),
    Step("MeteringConfirmationReq", f"{_LOOPS} PowerDeliveryReq", "SessionStopReq"),
    Step("DC_WeldingDetectionReq", "DC_WeldingDetectionReq SessionStopReq"),
    Step("SessionStopReq", "ServiceDiscoveryReq"),
)
"""ISO 15118-20 section 8.4, AC and DC."""

TIMING = Timing(
    V2G_EVCC_Msg_Timeout={
        "default": 2.0,
        "ServiceDetailReq": 5.0,
        "CertificateInstallationReq": 5.0,
        "AC_ChargeLoopReq": 0.5,
        "DC_ChargeLoopReq": 0.5,
        "WPT_ChargeLoopReq": 0.5,
    },
    V2G_SECC_Msg_Performance_Time={
        "default": 1.5,
        "ServiceDetailReq": 4.5,
        "CertificateInstallationReq": 4.5,
        "AC_ChargeLoopReq": 0.25,
        "DC_ChargeLoopReq": 0.25,
        "WPT_ChargeLoopReq": 0.25,
    },
    V2G_EVCC_PreCharge_Timeout=10.0,
    V2G_SECC_PreCharge_Performance_Time=10.0,
)
"""In ISO 15118-20 the names have no ``V2G_`` in front."""

LOOP_SEQUENCE_TIMEOUT = 0.5
"""s: charge loop response -> next request, at the charger [V2G20-1500, 1502]."""
LOOP_SEQUENCE_PERFORMANCE = 0.25
"""s: the same, at the vehicle [V2G20-1499, 1501]."""
LOOPS = ("AC_ChargeLoopReq", "DC_ChargeLoopReq", "WPT_ChargeLoopReq")
