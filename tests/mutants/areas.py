"""Areas: what is mutated in which role, and which runs apply. All of it data, so that another area is another entry.

What only a role uses is mutated, never what the tester judges with: it would go blind together with the role. Nor is
what stands in for hardware, like a battery or a simulated power source: one with other values is another, legal device.
"""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass


@dataclass(frozen=True)
class Area:
    """One area.

    Attributes:
        sut: the role it is about, secc or evcc.
        protocols: of the runs that apply, as the catalogue names them.
        source: ``module`` or ``module:pattern`` of functions; the first area that names a function has it.
        messages: sent by the role, whose fields are mutated.
        requests: whose checks by the role are left out; as those that it receives are named.
        timers: of the role.
        rules: the content rules that the role heeds are left out one by one, for these messages.
        general: rules of all messages and the order of messages count here.
    """

    name: str
    sut: str
    protocols: tuple[str, ...]
    source: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    requests: tuple[str, ...] = ()
    timers: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    general: bool = False

    def owns(self, module: str, function: str) -> bool:
        """Whether a function of a module belongs to this area."""
        for entry in self.source:
            name, _, pattern = entry.partition(":")
            if name == module and fnmatch.fnmatchcase(function, pattern or "*"):
                return True
        return False

    @property
    def modules(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(entry.partition(":")[0] for entry in self.source))


CLASSIC = ("iso15118-2", "din70121")
MODERN = ("iso15118-20",)


def _both(*names: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Requests and responses of these names."""
    return tuple(f"{name}Req" for name in names), tuple(f"{name}Res" for name in names)


POWER_REQ, POWER_RES = _both(
    "AC_ChargeParameterDiscovery", "DC_ChargeParameterDiscovery", "ScheduleExchange", "DC_CableCheck", "DC_PreCharge",
    "PowerDelivery", "AC_ChargeLoop", "DC_ChargeLoop", "DC_WeldingDetection",
)  # fmt: skip
SESSION_REQ, SESSION_RES = _both(
    "SessionSetup", "AuthorizationSetup", "Authorization", "CertificateInstallation", "ServiceDiscovery",
    "ServiceDetail", "ServiceSelection", "MeteringConfirmation", "VehicleCheckIn", "VehicleCheckOut", "SessionStop",
)  # fmt: skip
"""Messages of ISO 15118-20, about power and about the session around it."""

AREAS: tuple[Area, ...] = (
    Area(
        "charger DC",
        "secc",
        CLASSIC,
        source=(
            "secc.dc",
            "secc.envelope",
            "secc.power",
            "secc.meter",
            "secc.iso2:dc_status",
            "secc.iso2:dc_parameters",
            *(f"secc.{module}:{name}" for module in ("iso2", "din70121")
              for name in ("cable_check", "pre_charge", "current_demand", "welding_detection")),
            "secc.din70121:status",
            "secc.din70121:ready_in_time",
        ),
        messages=("CableCheckRes", "PreChargeRes", "CurrentDemandRes", "WeldingDetectionRes"),
        requests=("CableCheckReq", "PreChargeReq", "CurrentDemandReq", "WeldingDetectionReq"),
        timers=("V2G_SECC_CableCheck_Performance_Time", "V2G_SECC_PreCharge_Performance_Time",
                "V2G_SECC_ReadyToCharge_Performance_Time"),
        rules=("CableCheckReq", "PreChargeReq", "CurrentDemandReq", "WeldingDetectionReq"),
    ),
    Area(
        "charger pilot, AC, pause",
        "secc",
        CLASSIC,
        source=(
            "secc.ac",
            "secc.pauses",
            "secc.outlet",
            "secc.charger",
            "secc.answer:_check_pilot",
            "secc.answer:_presupposed",
            "secc.iso2:ac_status",
            "secc.iso2:ac_parameters",
            "secc.iso2:charging_status",
            *(f"secc.{module}:{name}" for module in ("iso2", "din70121")
              for name in ("power_delivery", "start", "session_stop")),
            "secc.serve:*pilot*",
            "secc.serve:*_look*",
        ),
        messages=("PowerDeliveryRes", "ChargingStatusRes", "SessionStopRes"),
        requests=("PowerDeliveryReq", "ChargingStatusReq", "SessionStopReq"),
        timers=("V2G_SECC_CPState_Detection_Timeout", "V2G_SECC_Contactor_Close_Time",
                "TCP_Connection_Termination_Timeout"),
        rules=("PowerDeliveryReq", "ChargingStatusReq", "SessionStopReq"),
    ),
    Area(
        "charger contract, PKI, TLS",
        "secc",
        ("iso15118-2",),
        source=(
            "secc.contract",
            "secc.provisioning",
            "secc.authorizer",
            "secc.iso2:metering_receipt",
            "secc.iso2:meter_info",
            "secc.iso2:authorization",
            "secc.din70121:authentication",
            "v2g.tls.charger",
            "pki.path",
            "pki.content",
        ),
        messages=("PaymentDetailsRes", "AuthorizationRes", "CertificateInstallationRes",
                  "CertificateUpdateRes", "MeteringReceiptRes"),
        requests=("PaymentDetailsReq", "AuthorizationReq", "CertificateInstallationReq",
                  "CertificateUpdateReq", "MeteringReceiptReq"),
        timers=("V2G_SECC_Ongoing_Performance_Time",),
        rules=("PaymentDetailsReq", "AuthorizationReq", "CertificateInstallationReq",
               "CertificateUpdateReq", "MeteringReceiptReq"),
    ),
    Area(
        "charger parameters",
        "secc",
        CLASSIC,
        source=(
            "secc.schedule",
            "secc.iso2_services",
            "secc.services",
            "secc.agreed",
            *(f"secc.{module}:{name}" for module in ("iso2", "din70121")
              for name in ("payment_options", "offered_modes", "service_discovery", "service_detail",
                           "payment_selection", "charge_parameters")),
            "secc.terms:covering",
            "secc.visit:Visit.offer_schedule",
        ),
        messages=("ServiceDiscoveryRes", "ServiceDetailRes", "PaymentServiceSelectionRes", "ServicePaymentSelectionRes",
                  "ChargeParameterDiscoveryRes"),
        requests=("ServiceDiscoveryReq", "ServiceDetailReq", "PaymentServiceSelectionReq",
                  "ServicePaymentSelectionReq", "ChargeParameterDiscoveryReq"),
        rules=("ServiceDiscoveryReq", "ServiceDetailReq", "PaymentServiceSelectionReq",
               "ServicePaymentSelectionReq", "ChargeParameterDiscoveryReq"),
    ),
    Area(
        "charger session, order",
        "secc",
        CLASSIC,
        source=(
            "secc.serve", "secc.newcomer", "secc.answer", "secc.visit", "secc.iso2", "secc.din70121", "secc.minimal",
        ),
        messages=("supportedAppProtocolRes", "SessionSetupRes", "ContractAuthenticationRes"),
        requests=("SessionSetupReq", "ContractAuthenticationReq"),
        timers=("V2G_SECC_Sequence_Timeout", "V2G_SECC_CommunicationSetup_Performance_Time"),
        rules=("supportedAppProtocolReq", "SessionSetupReq", "ContractAuthenticationReq"),
        general=True,
    ),
    Area(
        "vehicle DC",
        "evcc",
        CLASSIC,
        source=(
            "evcc.checks",
            "evcc.rundown",
            "evcc.vehicle",
            "evcc.iso2:*dc*",
            "evcc.iso2:demand_current",
            "evcc.din70121:status",
            "evcc.din70121:prepare",
            "evcc.din70121:charge",
            "evcc.din70121:demand_current",
            "evcc.din70121:current_demand",
            *(f"evcc.verbs:{name}" for name in ("until_voltage", "until_dead", "take_current", "_nothing_more",
                                                "ramp_down")),
        ),
        messages=("CableCheckReq", "PreChargeReq", "CurrentDemandReq", "WeldingDetectionReq"),
        requests=("CableCheckRes", "PreChargeRes", "CurrentDemandRes", "WeldingDetectionRes"),
        timers=("V2G_EVCC_CableCheck_Timeout", "V2G_EVCC_PreCharge_Timeout", "V2G_EVCC_ReadyToCharge_Timeout",
                "V2G_EVCC_Msg_Timeout"),
        rules=("CableCheckRes", "PreChargeRes", "CurrentDemandRes", "WeldingDetectionRes"),
    ),
    Area(
        "vehicle AC, contract",
        "evcc",
        ("iso15118-2",),
        source=(
            "evcc.contract",
            "evcc.wallet",
            "evcc.iso2:pay*",
            "evcc.iso2:*ac*",
            "evcc.iso2:charging_status",
            "evcc.iso2:metering_receipt",
            "evcc.iso2:acknowledge",
            "evcc.iso2_requests",
            "v2g.tls.vehicle",
            "v2g.tls.checks",
            "pki.path",
            "pki.content",
        ),
        messages=("PaymentDetailsReq", "AuthorizationReq", "CertificateInstallationReq",
                  "CertificateUpdateReq", "MeteringReceiptReq", "ChargingStatusReq"),
        requests=("PaymentDetailsRes", "AuthorizationRes", "CertificateInstallationRes",
                  "CertificateUpdateRes", "MeteringReceiptRes", "ChargingStatusRes"),
        timers=("V2G_EVCC_CPState_Change_Time",),
        rules=("PaymentDetailsRes", "AuthorizationRes", "CertificateInstallationRes",
               "CertificateUpdateRes", "MeteringReceiptRes", "ChargingStatusRes"),
    ),
    Area(
        "vehicle session",
        "evcc",
        CLASSIC,
        source=(
            "evcc.drive",
            "evcc.charge",
            "evcc.verbs",
            "evcc.iso2",
            "evcc.din70121",
            "evcc.schedule",
            "evcc.forecast",
            "v2g.session:Session.request",
            "v2g.session:Session._check_id",
            "v2g.discovery:discover*",
        ),
        general=True,
        messages=("supportedAppProtocolReq", "SessionSetupReq", "ServiceDiscoveryReq", "ServiceDetailReq",
                  "PaymentServiceSelectionReq", "ServicePaymentSelectionReq", "ChargeParameterDiscoveryReq",
                  "PowerDeliveryReq", "SessionStopReq", "ContractAuthenticationReq"),
        requests=("supportedAppProtocolRes", "SessionSetupRes", "ServiceDiscoveryRes", "ServiceDetailRes",
                  "PaymentServiceSelectionRes", "ServicePaymentSelectionRes", "ChargeParameterDiscoveryRes",
                  "PowerDeliveryRes", "SessionStopRes", "ContractAuthenticationRes"),
        timers=("V2G_EVCC_CommunicationSetup_Timeout", "V2G_EVCC_Ongoing_Timeout", "V2G_EVCC_Sequence_Performance_Time",
                "SDP_Request_Interval", "SDP_Max_Requests"),
        rules=("supportedAppProtocolRes", "SessionSetupRes", "ServiceDiscoveryRes", "ServiceDetailRes",
               "PaymentServiceSelectionRes", "ServicePaymentSelectionRes", "ChargeParameterDiscoveryRes",
               "PowerDeliveryRes", "SessionStopRes", "ContractAuthenticationRes"),
    ),
    Area(
        "SLAC charger",
        "secc",
        ("slac",),
        source=("slac.evse", "slac.evse_reception", "slac.evse_key", "slac.evse_run", "secc.arrivals", "secc.stay"),
        messages=("CM_SLAC_PARM_CNF", "CM_ATTEN_CHAR_IND", "CM_SLAC_MATCH_CNF", "CM_VALIDATE_CNF", "CM_AMP_MAP_REQ",
                  "CM_AMP_MAP_CNF"),
        timers=("EVSE", "both"),
    ),
    Area(
        "SLAC vehicle",
        "evcc",
        ("slac",),
        source=("slac.ev", "slac.ev_run", "slac.ev_talk", "slac.ev_validation", "evcc.stay"),
        messages=("CM_SLAC_PARM_REQ", "CM_START_ATTEN_CHAR_IND", "CM_MNBC_SOUND_IND", "CM_ATTEN_CHAR_RSP",
                  "CM_SLAC_MATCH_REQ", "CM_VALIDATE_REQ", "CM_AMP_MAP_REQ", "CM_AMP_MAP_CNF"),
        timers=("EV", "both"),
    ),
    Area(
        "charger ISO 15118-20, power",
        "secc",
        MODERN,
        source=(
            *(f"secc.iso20_{part}" for part in ("ac", "dc", "profile", "schedule", "prices", "renegotiation")),
            "secc.control",
            "secc.iso20:power_delivery",
            "secc.iso20:start",
        ),
        messages=POWER_RES,
        requests=POWER_REQ,
        timers=("V2G_SECC_CableCheck_Performance_Time", "V2G_SECC_PreCharge_Performance_Time", "Loop_Sequence_Timeout",
                "V2G_SECC_Contactor_Close_Time"),
        rules=POWER_REQ,
    ),
    Area(
        "charger ISO 15118-20, session",
        "secc",
        MODERN,
        source=("secc.iso20", *(f"secc.iso20_{part}" for part in (
            "contract", "metering", "parking", "provisioning", "services", "status")),
            "secc.beside", "secc.bill", "secc.costs", "secc.visit_parts"),
        messages=SESSION_RES,
        requests=SESSION_REQ,
        timers=("V2G_SECC_Sequence_Timeout", "V2G_SECC_CommunicationSetup_Performance_Time",
                "V2G_SECC_Ongoing_Performance_Time", "TCP_Connection_Termination_Timeout"),
        rules=SESSION_REQ,
        general=True,
    ),
    Area(
        "vehicle ISO 15118-20, power",
        "evcc",
        MODERN,
        source=tuple(f"evcc.iso20_{part}" for part in ("ac", "control", "dc", "dc_limits", "prices", "schedule")),
        messages=POWER_REQ,
        requests=POWER_RES,
        timers=("V2G_EVCC_CableCheck_Timeout", "V2G_EVCC_PreCharge_Timeout", "Loop_Sequence_Performance_Time",
                "V2G_EVCC_CPState_Change_Time"),
        rules=POWER_RES,
    ),
    Area(
        "vehicle ISO 15118-20, session",
        "evcc",
        MODERN,
        source=("evcc.iso20", *(f"evcc.iso20_{part}" for part in (
            "contract", "course", "installation", "metering", "parking")), "evcc.beside"),
        messages=SESSION_REQ,
        requests=SESSION_RES,
        timers=("V2G_EVCC_Msg_Timeout", "V2G_EVCC_CommunicationSetup_Timeout", "V2G_EVCC_Ongoing_Timeout",
                "V2G_EVCC_Sequence_Performance_Time"),
        rules=SESSION_RES,
        general=True,
    ),
)  # fmt: skip

SCHEMAS: dict[str, tuple[str, ...]] = {
    "iso15118-2": ("iso2",),
    "din70121": ("din70121",),
    "iso15118-20": ("iso20.common", "iso20.dc", "iso20.ac"),
}
"""Protocols of the catalogue whose messages are mutated by field -> modules of message classes."""


def area_of(module: str, function: str, sut: str) -> Area | None:
    """The area that a function belongs to, or None."""
    return next((area for area in AREAS if area.sut == sut and area.owns(module, function)), None)


_HARDWARE = "stands in for hardware: with other values it is another, legal device"
_BENCH = "belongs to the bench: no peer sees it"
_TOLD = "judges or words what was seen; the roles do not act on it"
_BOTH = "serves the tester as well, which would go blind together with the role"
NO_AREA: dict[str, str] = {
    "secc.simulated": _HARDWARE,
    "secc.supply": _HARDWARE,
    "secc.manager": "decides on power by the operator's wishes, any of which is legal",
    "secc.contracts": _BENCH,
    "secc.plan": _BENCH,
    "secc.remote": "runs of the catalogue have no service outside the charger",
    "secc.nominal": "has no messages: only runs in real time over a pilot reach it",
    "evcc.nominal": "has no messages: only runs in real time over a pilot reach it",
    "evcc.battery": _HARDWARE,
    "evcc.options": _BENCH,
    "slac.ev_options": _BENCH,
    "slac.connector": "a table of facts, which the tester shares",
    "slac.layout": _BOTH,
    "slac.frames": _BOTH,
    "slac.messages.*": _BOTH,
    "slac.mme": _BOTH,
    "slac.keys": _BOTH,
    "slac.amp_map": _BOTH,
    "slac.timing": "its timers are mutated one by one, as a table",
    "slac.side": _BOTH,
    "slac.agreed": _BOTH,
    "slac.exchange": _BOTH,
    "slac.link": _BOTH,
    "slac.modem*": _HARDWARE,
    "slac.powerline*": _HARDWARE,
    "slac.line_faults": _HARDWARE,
    "slac.pilot*": _HARDWARE,
    "slac.watch_pilot": _BENCH,
    "slac.host": _BENCH,
    "slac.scapy_layers": _BENCH,
    "slac.copies": _TOLD,
    "slac.causes": _TOLD,
    "slac.diagnosis": _TOLD,
    "slac.errors": _TOLD,
    "slac.events": _TOLD,
    "slac.judge": _TOLD,
    "slac.link_proof": _TOLD,
    "slac.matchings": _TOLD,
    "slac.outcome": _TOLD,
    "slac.rounds": _TOLD,
    "slac.steps": _TOLD,
    "slac.symptoms": _TOLD,
}  # fmt: skip
"""Modules of the roles in no area, or a pattern for them -> why."""
