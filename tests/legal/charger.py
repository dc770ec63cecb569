"""Chargers that are different, and right."""

from __future__ import annotations

import asyncio
import dataclasses
from typing import Any

import msgspec

import secc.answer
import secc.din70121
from legal.variant import (
    CHARGER_AC,
    CHARGER_DC,
    CHARGER_DIN,
    CHARGER_PNC,
    CLOSING_LATE,
    IN_PIECES,
    charger,
    dynamics,
    each,
    fields,
    late,
    plant,
    rescaled,
    saying,
    tls,
)
from plugfest.conformance.catalogue import runs
from plugfest.conformance.fields import replaced
from secc.authorizer import Delayed
from secc.plan import Plan, Slot
from secc.power import Limits
from secc.services import Service
from secc.simulated import Dynamics
from secc.visit import Visit
from slac.pilot import DIGITAL, State
from v2g.messages import iso2
from v2g.sequence import Sequence

DC, ALL = (*CHARGER_DC, *CHARGER_DIN), (*CHARGER_DC, *CHARGER_AC, *CHARGER_DIN)
TUPLES = (
    "TC_SECC_DC_VTB_PowerDelivery_001",
    "TC_SECC_DC_VTB_PowerDelivery_006",
    "TC_SECC_AC_VTB_PowerDelivery_001",
    "TC_SECC_AC_VTB_PowerDelivery_011",
    "PF_SECC_DIN_PowerDelivery_OK",
    "PF_SECC_DIN_PowerDelivery_BadTuple",
    "PF_SECC_ISO2_BrokenRule_DC#14",
    "PF_SECC_ISO2_BrokenRule_DC#15",
    "PF_SECC_ISO2_BrokenRule_AC#6",
)
FLOWS = tuple(f"PF_SECC_{name}_PowerFlow#{place}" for name in ("ISO2", "DIN") for place in (1, 9, 3))
FLOW_AC = "PF_SECC_ISO2_PowerFlow_AC#1"
SLOW = ("TC_SECC_CMN_VTB_Authorization_001", "PF_SECC_DIN_ContractAuthentication_OK")

# Schedules

for first in (1, 2, 100, 254, 255):
    charger(
        f"tuple-id-{first}", f"the first schedule has the id {first}", (*ALL, *TUPLES), plant(tuple_ids=(first, 3, 4))
    )
for first in (0, 10, 1000):
    charger(
        f"din-tuple-id-{first}",
        f"DIN: the only schedule has the id {first}",
        ("PF_SECC_DIN_PowerFlow#1", *(name for name in TUPLES if "_DIN_" in name), *CHARGER_DIN[1:]),
        plant(tuple_ids=(first,)),
    )
charger(
    "three-schedules",
    "three schedules are offered",
    (*CHARGER_DC, *CHARGER_AC),
    plant(plans=[Plan([Slot(0, 11_000.0)]), Plan([Slot(0, 9_000.0)]), Plan([Slot(0, 7_000.0)])]),
)
charger(
    "schedule-in-steps",
    "PMax changes four times a day",
    ALL,
    plant(schedule=[Slot(n * 21_600, watts) for n, watts in enumerate((9e3, 11e3, 5e3, 11e3))]),
)

# Order

check_id, check_order = secc.answer._check_id, secc.answer._check_order


def _order_first(visit: Visit, sequence: Sequence, request: Any) -> None:
    check_order(visit, sequence, request)
    check_id(visit, visit.session.last_received)


charger(
    "order-before-session-id",
    "a request that is out of order and of no session is refused as out of order",
    tuple(f"PF_SECC_ISO2_ZeroSessionID#{number}" for number in range(1, 15)),
    patches=((secc.answer, "_check_id", lambda *_: None), (secc.answer, "_check_order", _order_first)),
)


def _refusing(kind: type, code: str, other: str) -> Any:
    """Another code where a request has two mistakes."""

    def adjust(system: Any) -> None:
        system.options.rewrite[kind] = lambda message: (
            replaced(message, "ResponseCode", other) if message.ResponseCode == code else message
        )

    return adjust


charger(
    "service-before-charging",
    "a service that is not on offer is refused as such, not because charging was not chosen",
    ("TC_SECC_CMN_VTB_PaymentServiceSelection_007",),
    _refusing(iso2.PaymentServiceSelectionRes, "FAILED_NoChargeServiceSelected", "FAILED_ServiceSelectionInvalid"),
)
charger(
    "pause-out-of-sequence",
    "a pause before PowerDelivery(Stop) is refused as out of sequence",
    tuple(f"PF_SECC_ISO2_BrokenRule_DC#{number}" for number in (11, 12)),
    _refusing(iso2.SessionStopRes, "FAILED", "FAILED_SequenceError"),
)

# Power


def _whether_ready_or_not(visit: Visit, request: Any) -> Any:
    return follow(visit, replaced(request, "EVReady", True))


follow = secc.din70121.follow

charger(
    "din-ignores-evready",
    "DIN: power flows on for a vehicle that says it is not ready, which only informs",
    tuple(run.id for run in runs() if run.case.id == "PF_SECC_DIN_PowerFlow"),
    patches=((secc.din70121, "follow", _whether_ready_or_not),),
)

# Identity

charger("evseid-short", "the shortest EVSEID there is", (*CHARGER_DC, *CHARGER_AC), plant(evse_id="ZZ00000"))
charger(
    "evseid-long",
    "an EVSEID of 37 characters",
    (*CHARGER_DC, *CHARGER_AC),
    plant(evse_id="DE*ABC*E" + "0123456789" * 2 + "ABCDEFGHI"),
)
charger("evseid-one-byte", "DIN: the EVSEID is one byte 00", CHARGER_DIN, saying(SessionSetupRes=fields(EVSEID=b"\0")))
charger(
    "evseid-mac",
    "DIN: the EVSEID is a MAC address",
    CHARGER_DIN,
    saying(SessionSetupRes=fields(EVSEID=bytes.fromhex("98ed5c123456"))),
)
charger(
    "evseid-32-bytes",
    "DIN: the EVSEID has 32 bytes",
    CHARGER_DIN,
    saying(SessionSetupRes=fields(EVSEID=bytes(range(1, 33)))),
)
charger(
    "no-timestamp", "the time is not said", DC, saying(SessionSetupRes=fields(EVSETimeStamp=None, DateTimeNow=None))
)
charger(
    "timestamp",
    "the time is said",
    DC,
    saying(SessionSetupRes=fields(EVSETimeStamp=1_700_000_000, DateTimeNow=1_700_000_000)),
)
for length in (1, 4):
    charger(
        f"session-id-{length}",
        f"DIN: session ids of {length} bytes",
        (*CHARGER_DIN, "PF_SECC_DIN_Leaves#1"),
        patches=((Visit, "new_session_id", lambda visit, length=length: visit.rng.randbytes(length - 1) + b"\7"),),
    )
charger(
    "session-id-leading-zeros",
    "session ids begin with four zero bytes",
    (*ALL, "PF_SECC_ISO2_Leaves_DC#2"),
    patches=((Visit, "new_session_id", lambda visit: bytes(4) + visit.rng.randbytes(3) + b"\7"),),
)

# Services

charger(
    "named-services",
    "services have names and scopes",
    (*CHARGER_DC, *CHARGER_AC),
    saying(ServiceDiscoveryRes=fields(ServiceName="EV Charging", ServiceScope="here")),
)
charger("free", "charging costs nothing", ALL, saying(ServiceDiscoveryRes=fields(FreeService=True)))
charger("not-free", "charging costs something", ALL, saying(ServiceDiscoveryRes=fields(FreeService=False)))


def _several_modes(message: Any) -> Any:
    if not isinstance(message, iso2.ServiceDiscoveryRes):
        return message
    modes = list(message.ChargeService.SupportedEnergyTransferMode.EnergyTransferMode)
    more = [mode for mode in ("DC_core", "DC_extended", "AC_three_phase_core") if mode not in modes]
    return fields(EnergyTransferMode=[*more, *modes][:6])(message)


charger(
    "several-modes",
    "several energy transfer modes are offered",
    (*CHARGER_DC, *CHARGER_AC),
    saying(ServiceDiscoveryRes=_several_modes),
)


def _more_services(system: Any) -> None:
    system.options.services = tuple(Service(60000 + n, sets={n: {"Level": n}}) for n in range(1, 9))


charger(
    "eight-services", "eight services of its own", ("TC_SECC_CMN_VTB_ServiceDiscovery_001", *CHARGER_DC), _more_services
)

# Limits and values


def _rated(volts: float, amps: float, watts: float) -> Any:
    def adjust(system: Any) -> None:
        if system.power is not None:
            rating = Limits(volts, amps, watts)
            system.power.__init__(rating, Dynamics(test_seconds=0.2))
            system.power.load = lambda: None

    return adjust


charger(
    "600-amperes",
    "a charger of 600 A and 600 kW",
    CHARGER_DC,
    _rated(1000.0, 600.0, 600_000.0),
    declared={"PIXIT_SECC_DC_MaximumCurrent": 600.0, "PIXIT_SECC_DC_MaximumPower": 600_000.0},
)
charger(
    "125-amperes-ac",
    "AC of 125 A per phase, which is declared",
    (*CHARGER_AC, FLOW_AC),
    lambda system: setattr(system.evse.ac, "max_current", 125.0),
    declared={"PIXIT_SECC_AC_MaximumCurrent": 125.0},
)


def _nothing_now(system: Any) -> None:
    """EVSEMaxCurrent is 0 A in the loop, and the contactor open."""

    def rewrite(message: Any) -> Any:
        asyncio.get_running_loop().call_later(0.1, system.evse.ac.open)
        return fields(EVSEMaxCurrent=iso2.PhysicalValueType(Multiplier=0, Unit="A", Value=0))(message)

    saying(ChargingStatusRes=rewrite)(system)


charger("nothing-now", "AC: the grid has nothing to give for now", (*CHARGER_AC[1:], FLOW_AC), _nothing_now)
charger("small", "a charger of 60 A and 25 kW", CHARGER_DC, _rated(500.0, 60.0, 25_000.0))
charger(
    "no-power-limit",
    "DIN: EVSEMaximumPowerLimit is left out",
    CHARGER_DIN,
    saying(ChargeParameterDiscoveryRes=fields(EVSEMaximumPowerLimit=None)),
)
charger(
    "no-tolerance",
    "no EVSECurrentRegulationTolerance, no EVSEEnergyToBeDelivered",
    DC,
    saying(ChargeParameterDiscoveryRes=fields(EVSECurrentRegulationTolerance=None, EVSEEnergyToBeDelivered=None)),
)
charger(
    "no-limits-in-loop",
    "limits are not repeated in the loop",
    DC,
    saying(
        CurrentDemandRes=fields(EVSEMaximumVoltageLimit=None, EVSEMaximumCurrentLimit=None, EVSEMaximumPowerLimit=None)
    ),
)
for multiplier in (-3, -2, -1, 0, 1, 2, 3):
    charger(
        f"multiplier{multiplier:+d}",
        f"values with multiplier {multiplier} where that is exact",
        ALL,
        each(rescaled(multiplier)),
    )
charger(
    "no-units",
    "DIN: values without a unit",
    CHARGER_DIN,
    saying(CurrentDemandRes=fields(Unit=None), PreChargeRes=fields(Unit=None)),
)
charger(
    "meter",
    "the loop carries a meter",
    (*CHARGER_DC, *CHARGER_AC),
    saying(
        CurrentDemandRes=fields(MeterInfo=iso2.MeterInfoType(MeterID="M1", MeterReading=4_294_967_295)),
        ChargingStatusRes=fields(MeterInfo=iso2.MeterInfoType(MeterID="M" * 32, MeterReading=0)),
    ),
)
charger(
    "no-meter",
    "the loop carries no meter",
    (*CHARGER_DC, *CHARGER_AC),
    saying(CurrentDemandRes=fields(MeterInfo=None), ChargingStatusRes=fields(MeterInfo=None)),
)
charger(
    "receipt-absent",
    "external payment: ReceiptRequired is left out",
    CHARGER_DC,
    saying(CurrentDemandRes=fields(ReceiptRequired=None)),
)
charger(
    "receipt-false",
    "external payment: ReceiptRequired is false",
    (*CHARGER_DC, *CHARGER_AC),
    saying(CurrentDemandRes=fields(ReceiptRequired=False), ChargingStatusRes=fields(ReceiptRequired=False)),
)

charger(
    "power-limits-the-current",
    "EVSECurrentLimitAchieved is true where the power holds the current, too",
    FLOWS,
    saying(
        CurrentDemandRes=lambda message: fields(
            EVSECurrentLimitAchieved=message.EVSECurrentLimitAchieved or message.EVSEPowerLimitAchieved
        )(message)
    ),
)
# Status

charger(
    "no-isolation-status",
    "DIN: EVSEIsolationStatus is left out",
    (*CHARGER_DIN, "PF_SECC_DIN_CableCheck_OK"),
    each(fields(EVSEIsolationStatus=None)),
)
charger(
    "isolation-warning",
    "isolation with a warning",
    (*DC, "TC_SECC_DC_VTB_CableCheck_001", "PF_SECC_DIN_CableCheck_OK"),
    saying(
        **dict.fromkeys(
            ("CableCheckRes", "PreChargeRes", "CurrentDemandRes", "WeldingDetectionRes"),
            lambda message: _warns(message),
        )
    ),
)
charger(
    "not-ready-before-cable-check",
    "not ready in ChargeParameterDiscoveryRes",
    DC,
    saying(ChargeParameterDiscoveryRes=fields(EVSEStatusCode="EVSE_NotReady")),
)
charger(
    "shutdown-at-the-end",
    "EVSE_Shutdown in WeldingDetectionRes",
    DC,
    saying(WeldingDetectionRes=fields(EVSEStatusCode="EVSE_Shutdown")),
)
charger(
    "monitors-in-the-loop",
    "EVSE_IsolationMonitoringActive in precharge and loop, whose monitor is at work all the time",
    DC,
    saying(
        **dict.fromkeys(("PreChargeRes", "CurrentDemandRes"), fields(EVSEStatusCode="EVSE_IsolationMonitoringActive"))
    ),
)
for code in ("EVSE_NotReady", "EVSE_Ready"):
    charger(
        f"cable-check-in-{code}",
        f"{code} while the cable check goes on",
        (*DC, "TC_SECC_DC_VTB_CableCheck_001", "PF_SECC_DIN_CableCheck_OK"),
        saying(CableCheckRes=lambda message, code=code: _while_ongoing(message, code)),
    )
charger(
    "notification-delay", "a NotificationMaxDelay without a notification", ALL, each(fields(NotificationMaxDelay=10))
)


def _while_ongoing(message: Any, code: str) -> Any:
    return fields(EVSEStatusCode=code)(message) if message.EVSEProcessing == "Ongoing" else message


def _warns(message: Any) -> Any:
    status = message.DC_EVSEStatus
    if status.EVSEIsolationStatus != "Valid":
        return message
    return msgspec.structs.replace(
        message, DC_EVSEStatus=msgspec.structs.replace(status, EVSEIsolationStatus="Warning")
    )


# Time

charger("authorises-for-50-s", "authorization is Ongoing for 50 s", SLOW, plant(authorizer=Delayed(50.0)))
charger(
    "cable-check-of-30-s",
    "the cable check takes 30 s",
    ("TC_SECC_DC_VTB_CableCheck_001", "PF_SECC_DIN_CableCheck_OK"),
    dynamics(test_seconds=30.0),
)
charger(
    "slow-ramp",
    "the voltage rises by 100 V/s",
    (
        "PF_SECC_ISO2_PowerFlow#19",
        *DC,
        "TC_SECC_DC_VTB_PreCharge_001",
        "PF_SECC_DIN_PreCharge_OK",
        "PF_SECC_DIN_PowerFlow#18",
    ),
    dynamics(volts_per_second=100.0),
)


def _coarse(system: Any) -> None:
    if system.power is not None:
        system.power.rate(dataclasses.replace(system.power.limits, tolerance=10.0, ripple=9.0))


charger(
    "coarse-supply",
    "a large DC supply with a tolerance of 10 A and a ripple of 9 A",
    ("PF_SECC_ISO2_PowerFlow#7", *DC, "PF_SECC_DIN_PowerFlow#7"),
    _coarse,
)
charger("slow-setup", "SessionSetupRes after 1.4 s", ALL, saying(SessionSetupRes=late(1.4)))
charger(
    "slow-answers",
    "each answer before the loop after 1.2 s",
    DC,
    saying(
        **dict.fromkeys(
            (
                "ServiceDiscoveryRes",
                "PaymentServiceSelectionRes",
                "ServicePaymentSelectionRes",
                "PowerDeliveryRes",
                "WeldingDetectionRes",
                "SessionStopRes",
            ),
            late(1.2),
        )
    ),
)
charger("slow-power", "PowerDeliveryRes after 4.2 s", CHARGER_DC, saying(PowerDeliveryRes=late(4.2)))
charger("slow-loop", "the loop is answered after 0.2 s", DC, saying(CurrentDemandRes=late(0.2)))

charger(
    "closes-after-4-s",
    "the connection is closed 4 s after the end",
    (
        "TC_SECC_CMN_VTB_ServiceDiscovery_002",
        "TC_SECC_DC_VTB_SessionStop_002",
        "TC_SECC_AC_VTB_SessionStop_001",
        "PF_SECC_DIN_SessionStop_OK",
        "PF_SECC_DIN_ServiceDiscovery_WrongSequence",
    ),
    patches=CLOSING_LATE,
)

# The pilot


def _duty(percent: float) -> Any:
    """This duty instead of 5 %."""

    def adjust(system: Any) -> None:
        right = system.wire.evse.offer
        system.wire.evse.offer = lambda asked: right(percent if asked == DIGITAL else asked)

    return adjust


def _after_the_end(change: Any) -> Any:
    """The pilot changed a second after SessionStopRes."""

    def rewrite(system: Any, message: Any) -> Any:
        asyncio.get_running_loop().call_later(1.0, change, system.wire.evse)
        return message

    return lambda system: saying(SessionStopRes=lambda message: rewrite(system, message))(system)


for percent in (4.6, 5.4):
    charger(f"duty-{percent:g}", f"the duty is {percent:g} %", (*ALL, FLOW_AC), _duty(percent))
for percent in (16.0, 53.3, 90.0):
    charger(f"duty-{percent:g}", f"AC: the duty states a current, {percent:g} %", (*CHARGER_AC, FLOW_AC),
            _duty(percent))  # fmt: skip
charger("state-f-at-the-end", "the pilot goes to F for a while after the session",
        ("TC_SECC_DC_VTB_SessionStop_002", "PF_SECC_DIN_SessionStop_OK", "TC_SECC_AC_VTB_SessionStop_001"),
        _after_the_end(lambda pilot: pilot.fault(State.F)))  # fmt: skip

# Security

charger("tls-ecdh", "TLS with static ECDH only", CHARGER_PNC, tls(suites=("TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA256",)))
charger(
    "tls-quiet",
    "trusted_ca_keys is used and not answered, no extended master secret",
    CHARGER_PNC,
    tls(answer_trusted_ca_keys=False, extended_master_secret=False),
)
charger(
    "expires-soon",
    "a contract is accepted that expires soon",
    ("PF_SECC_ISO2_PaymentDetails_ExpiresSoon",),
    saying(PaymentDetailsRes=fields(ResponseCode="OK_CertificateExpiresSoon")),
)

charger(
    "in-pieces-charger",
    "each message comes in segments of seven bytes",
    (*CHARGER_DC, *CHARGER_AC, *CHARGER_DIN),
    patches=IN_PIECES,
)


def _any_receipt(system: Any) -> None:
    system.options.contracts.insists = False


charger(
    "any-receipt",
    "receipts are kept, valid or not [V2G2-481]",
    ("PF_SECC_ISO2_MeteringReceipt_Second_DC", "PF_SECC_ISO2_MeteringReceipt_Second_AC"),
    _any_receipt,
)

charger("ac-plans-again", "a renegotiation in AC takes nine seconds, while power flows on",
        ("TC_SECC_AC_VTB_ChargeParameterDiscovery_001", "TC_SECC_AC_VTB_ChargeParameterDiscovery_002"),
        plant(planning_seconds=9.0))  # fmt: skip
