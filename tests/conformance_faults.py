"""Seeded faults in our own roles, each with the cases that must catch it.

A fault changes a role the way a careless implementation would be: a check left out, a code swapped, a timer off. It
is put in place through the role's options, its table of answers, or by replacing one function while a case runs.
``python tests/conformance_faults.py`` runs every fault against every case and writes the table in the docs.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

import msgspec

from conformance.catalogue import Run, runs
from conformance.execute import executable, execute
from conformance.own import FAST, bench_for, own_system
from conformance.pics import Pics, satisfying
from conformance.scripts_evcc import change_options
from conformance.verdict import Result, Verdict
from conformance.virtual import VirtualLoop
from slac.frames import CM_SLAC_MATCH_CNF, CM_SLAC_MATCH_REQ, CM_SLAC_PARM_CNF, CM_VALIDATE_CNF

Adjust = Callable[[Any], None]


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        name: short and stable.
        text: what is wrong.
        sut: the role it sits in, secc or evcc.
        caught_by: runs that must catch it.
        adjust: changes the role before it starts.
        patches: (object, attribute, replacement) while the case runs.
    """

    name: str
    text: str
    sut: str
    caught_by: tuple[str, ...]
    adjust: Adjust = lambda system: None
    patches: tuple[tuple[Any, str, Any], ...] = ()

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        with contextlib.ExitStack() as stack:
            for target, attribute, replacement in self.patches:
                stack.enter_context(patch.object(target, attribute, replacement))
            yield


FAULTS: list[Fault] = []


def secc(name: str, text: str, *caught_by: str, adjust: Adjust | None = None, patches: Any = ()) -> None:
    FAULTS.append(Fault(name, text, "secc", caught_by, adjust or (lambda system: None), tuple(patches)))


def evcc(name: str, text: str, *caught_by: str, adjust: Adjust | None = None, patches: Any = ()) -> None:
    FAULTS.append(Fault(name, text, "evcc", caught_by, adjust or (lambda system: None), tuple(patches)))


# ---------------------------------------------------------------------------------------------------------------
# Ways to be wrong


def timing(**timers: float) -> Adjust:
    """Timers of a role."""

    def adjust(system: Any) -> None:
        system.options.timing = {key.replace("__", "."): value for key, value in timers.items()}

    return adjust


def answering(request: str, change: Callable[[Any, Any, Any], Any], module: str = "iso2") -> Adjust:
    """Another answer: ``change(visit, request, answer)`` gives the response; ``answer()`` is the right one."""

    def adjust(system: Any) -> None:
        from secc.visit import AnswerTable

        tables = dict(system.options.answers)
        table = AnswerTable(tables[module])
        kind = next(kind for kind in table if kind.__name__ == request)
        right = table[kind]

        async def answer(visit: Any, message: Any) -> Any:
            import inspect

            def good() -> Any:
                return right(visit, message)

            result = change(visit, message, good)
            while inspect.isawaitable(result):
                result = await result
            return result

        table[kind] = answer
        tables[module] = table
        system.options.answers = tables

    return adjust


def sending(name: str, change: Callable[[Any], Any], module: str = "iso2") -> Adjust:
    """A message changed on its way out, if it is no refusal."""

    def adjust(system: Any) -> None:
        from v2g.messages import appproto, din70121, iso2

        source = {"iso2": iso2, "din70121": din70121, "appproto": appproto}[module]

        def rewrite(message: Any) -> Any:
            refused = str(getattr(message, "ResponseCode", "OK")).startswith("FAILED")
            return message if refused else change(message)

        system.options.rewrite[getattr(source, name)] = rewrite

    return adjust


def with_(**fields: Any) -> Callable[[Any], Any]:
    return lambda message: msgspec.structs.replace(message, **fields)


def deep(name: str, value: Any) -> Callable[[Any], Any]:
    from conformance.fields import replaced

    return lambda message: replaced(message, name, value)


def late(seconds: float) -> Callable[[Any], Any]:
    async def wait(message: Any) -> Any:
        await asyncio.sleep(seconds)
        return message

    return wait


def accepting(response: str, **fields: Any) -> Callable[[Any, Any, Any], Any]:
    """Answers OK whatever was asked."""

    def change(visit: Any, message: Any, good: Any) -> Any:
        from secc.minimal import minimal
        from v2g.messages import iso2
        from v2g.protocols import ISO2

        return minimal(ISO2.schema, getattr(iso2, response), dc=visit.dc, **{"ResponseCode": "OK", **fields})

    return change


def nothing(*_: Any, **__: Any) -> None:
    """A check that checks nothing."""


async def async_nothing(*_: Any, **__: Any) -> None:
    """The same for one that waits."""


def _modules() -> dict[str, Any]:

    return {
        name: module
        for name, module in sys.modules.items()
        if name.partition(".")[0] in ("evcc", "secc", "slac", "v2g")
    }


M = _modules()

# ---------------------------------------------------------------------------------------------------------------
# The charger: transport


def _lenient_request(data: bytes) -> Any:
    return M["v2g.sdp"].Request(data[8] if len(data) > 8 else 0x10)


def _header(check_version: bool, check_inverse: bool) -> Callable[[bytes], Any]:
    def parse(data: bytes) -> Any:
        module = M["v2g.v2gtp"]
        wrong = (check_version and data[0] != 1) or (check_inverse and data[1] != 0xFE)
        if len(data) < 8 or wrong:
            raise module.HeaderError("no header")
        return module.Header(int.from_bytes(data[2:4], "big"), int.from_bytes(data[4:8], "big"))

    return parse


def _any_type(receive: Any) -> Any:
    async def patched(self: Any) -> Any:
        channel = self.channel
        if getattr(channel, "_any_type", False):
            return await receive(self)
        channel._any_type = True
        read = channel.read_frame

        async def read_frame() -> tuple[int, bytes]:
            _, data = await read()
            return 0x8001, data

        channel.read_frame = read_frame
        return await receive(self)

    return patched


V2GTP = M["v2g.v2gtp"]
secc("sdp-silent", "SDP is never answered", "TC_SECC_CMN_VTB_SDP_001",
     adjust=lambda s: setattr(s.outlet, "_answer", lambda request: None))  # fmt: skip
secc("sdp-header-unchecked", "SDP requests with any V2GTP header are answered",
     "TC_SECC_CMN_VTB_V2GTPSDP_002", "TC_SECC_CMN_VTB_V2GTPSDP_003", "TC_SECC_CMN_VTB_V2GTPSDP_004",
     "TC_SECC_CMN_VTB_V2GTPSDP_005", patches=[(M["v2g.sdp"], "parse_request", _lenient_request)])  # fmt: skip
secc("sdp-type-unchecked", "SDP requests with another payload type are answered", "TC_SECC_CMN_VTB_V2GTPSDP_003",
     patches=[(M["v2g.sdp"], "_REQUESTS", dict.fromkeys(range(65536), (2,)))])  # fmt: skip
secc("sdp-global-address", "the address in the SDP response is not link-local", "TC_SECC_CMN_VTB_SDP_001",
     patches=[(M["v2g.sdp"].Response, "pack", lambda self: V2GTP.pack(
         0x9001, bytes(16) + self.port.to_bytes(2, "big") + bytes((self.security, 0))))])  # fmt: skip
secc("setup-timer-off", "no setup timer: discovery, ports and silent connections stay open",
     "TC_SECC_CMN_VTB_SDP_004", "TC_SECC_CMN_VTB_SupportedAppProtocol_005", "TC_SECC_CMN_VTB_SessionSetup_004",
     adjust=timing(V2G_SECC_CommunicationSetup_Performance_Time=1000.0))  # fmt: skip
secc("listener-stays", "connections are accepted after the setup timer", "TC_SECC_CMN_VTB_SupportedAppProtocol_005",
     patches=[(M["secc.outlet"].Outlet, "_too_late", False)])  # fmt: skip
secc("version-unchecked", "the V2GTP version is not checked", "TC_SECC_CMN_VTB_V2GTPSessionSetup_004",
     patches=[(V2GTP, "parse_header", _header(check_version=False, check_inverse=True))])  # fmt: skip
secc("inverse-unchecked", "the V2GTP inverse version is not checked", "TC_SECC_CMN_VTB_V2GTPSessionSetup_005",
     patches=[(V2GTP, "parse_header", _header(check_version=True, check_inverse=False))])  # fmt: skip
secc("type-unchecked", "the V2GTP payload type is not checked", "TC_SECC_CMN_VTB_V2GTPSessionSetup_003",
     patches=[(M["v2g.session"].Session, "receive", _any_type(M["v2g.session"].Session.receive))])  # fmt: skip

# supportedAppProtocol


def _select_any(request: Any, supported: Any) -> Any:
    from v2g.messages import appproto
    from v2g.protocols import Selection

    ours = list(supported)
    response = appproto.supportedAppProtocolRes(
        ResponseCode="OK_SuccessfulNegotiation", SchemaID=request.AppProtocol[0].SchemaID
    )
    return Selection(response, ours[0])


secc("sap-any", "any namespace and version is negotiated", "TC_SECC_CMN_VTB_SupportedAppProtocol_002",
     "PF_SECC_DIN_SupportedAppProtocol_MajorTooHigh", patches=[(M["secc.serve"], "select", _select_any)])  # fmt: skip
secc("sap-foreign-id", "a SchemaID is answered that was not offered", "TC_SECC_CMN_VTB_SupportedAppProtocol_004",
     adjust=sending("supportedAppProtocolRes", with_(SchemaID=99), "appproto"))  # fmt: skip
secc("sap-deviation-hidden", "another minor version is answered with a plain OK",
     "TC_SECC_CMN_VTB_SupportedAppProtocol_006",
     adjust=sending("supportedAppProtocolRes", with_(ResponseCode="OK_SuccessfulNegotiation"), "appproto"))  # fmt: skip

# Session and order
SERVE = M["secc.serve"]


def _refusing(code: str) -> Callable[..., None]:
    def check(*_: Any) -> None:
        raise M["secc.visit"].Refusal(code, "seeded")

    return check


def _wrong_order_code(visit: Any, sequence: Any, request: Any) -> None:
    if sequence.verdict(request) != "legal":
        raise M["secc.visit"].Refusal("FAILED", "seeded")


def _wrong_id_code(visit: Any, received: Any) -> None:
    if type(received.message).__name__ != "SessionSetupReq" and received.session_id != visit.session.id:
        raise M["secc.visit"].Refusal("FAILED", "seeded")


secc("session-unchecked", "a foreign session id is accepted", "TC_SECC_CMN_VTB_ServiceDiscovery_003",
     "TC_SECC_DC_VTB_CurrentDemand_004", "PF_SECC_DIN_ServiceDiscovery_UnknownSession",
     patches=[(SERVE, "_check_id", nothing)])  # fmt: skip
secc("session-wrong-code", "a foreign session id is answered FAILED", "TC_SECC_CMN_VTB_ServiceDiscovery_003",
     patches=[(SERVE, "_check_id", _wrong_id_code)])  # fmt: skip
secc("order-unchecked", "the order of messages is not enforced", "TC_SECC_CMN_VTB_ServiceDiscovery_002",
     "TC_SECC_DC_VTB_PreCharge_002", "PF_SECC_DIN_CableCheck_WrongSequence",
     patches=[(SERVE, "_check_order", nothing)])  # fmt: skip
secc("order-wrong-code", "a wrong order is answered FAILED", "TC_SECC_CMN_VTB_ServiceDiscovery_002",
     patches=[(SERVE, "_check_order", _wrong_order_code)])  # fmt: skip
secc("close-late", "TCP is closed only 30 s after an error", "TC_SECC_CMN_VTB_ServiceDiscovery_002",
     "PF_SECC_DIN_ServiceDiscovery_WrongSequence", adjust=timing(TCP_Connection_Termination_Timeout=30.0))  # fmt: skip
secc("sequence-timer-long", "the sequence timer runs for 70 s", "TC_SECC_CMN_VTB_ServiceDiscovery_004",
     "TC_SECC_DC_VTB_PowerDelivery_009", "PF_SECC_DIN_CableCheck_Silence",
     adjust=timing(V2G_SECC_Sequence_Timeout=70.0))  # fmt: skip
secc("sequence-timer-off", "there is no sequence timer", "TC_SECC_AC_VTB_PowerDelivery_013",
     adjust=timing(V2G_SECC_Sequence_Timeout=1e6))  # fmt: skip
secc("session-id-zero", "the session id of a new session is zero", "TC_SECC_CMN_VTB_SessionSetup_001",
     "PF_SECC_DIN_SessionSetup_OK",
     patches=[(M["secc.visit"].Visit, "new_session_id", lambda self: bytes(8))])  # fmt: skip
secc("session-id-fixed", "every session has the same id", "TC_SECC_DC_VTB_SessionSetup_002",
     patches=[(M["secc.visit"].Visit, "new_session_id", lambda self: b"PLUGFEST")])  # fmt: skip
secc("evse-id", "the EVSEID has another form", "TC_SECC_CMN_VTB_SessionSetup_001",
     adjust=lambda s: setattr(s.evse, "evse_id", "!!wrong!!"))  # fmt: skip
secc("setup-ok", "SessionSetupRes is a plain OK", "TC_SECC_CMN_VTB_SessionSetup_001",
     adjust=sending("SessionSetupRes", with_(ResponseCode="OK")))  # fmt: skip
secc("answer-late", "ServiceDiscoveryRes comes after 2.6 s", "TC_SECC_CMN_VTB_ServiceDiscovery_001",
     adjust=sending("ServiceDiscoveryRes", late(2.6)))  # fmt: skip
secc("loop-late", "CurrentDemandRes comes after 0.7 s", "TC_SECC_DC_VTB_CurrentDemand_001",
     adjust=sending("CurrentDemandRes", late(0.7)))  # fmt: skip
secc("wrong-session-in-response", "responses carry another session id", "TC_SECC_CMN_VTB_ServiceDiscovery_001",
     adjust=answering("ServiceDiscoveryReq", lambda visit, message, good: (
         setattr(visit.session, "id", b"otherone"), good())[1]))  # fmt: skip

# Services and payment
SERVICE_1 = None


def _with_service_one(message: Any) -> Any:
    from v2g.messages import iso2

    service = iso2.ServiceType(ServiceID=1, ServiceCategory="EVCharging", FreeService=True)
    return msgspec.structs.replace(message, ServiceList=iso2.ServiceListType(Service=[service]))


secc("service-one-listed", "the charge service is in the list of value-added services",
     "TC_SECC_CMN_VTB_ServiceDiscovery_001", adjust=sending("ServiceDiscoveryRes", _with_service_one))  # fmt: skip
secc("payment-option", "external payment is not offered", "TC_SECC_CMN_VTB_ServiceDiscovery_001",
     adjust=sending("ServiceDiscoveryRes", deep("PaymentOption", ["Contract"])))  # fmt: skip
secc("energy-mode", "the energy transfer mode offered is another", "TC_SECC_CMN_VTB_ServiceDiscovery_001",
     adjust=sending("ServiceDiscoveryRes", deep("EnergyTransferMode", ["DC_unique"])))  # fmt: skip
secc("detail-unknown", "details of an unknown service are given", "TC_SECC_CMN_VTB_ServiceDetail_007",
     adjust=answering("ServiceDetailReq", accepting("ServiceDetailRes", ServiceID=65535)))  # fmt: skip
secc("selection-unchecked", "any selection of services is accepted", "TC_SECC_CMN_VTB_PaymentServiceSelection_006",
     "TC_SECC_CMN_VTB_PaymentServiceSelection_007",
     patches=[(M["secc.services"], "select", nothing)])  # fmt: skip
secc("option-unchecked", "a payment option that is not offered is accepted",
     "TC_SECC_CMN_VTB_PaymentServiceSelection_009",
     adjust=answering("PaymentServiceSelectionReq", accepting("PaymentServiceSelectionRes")))  # fmt: skip
secc("authorization-for-ever", "authorization stays ongoing for ever", "TC_SECC_CMN_VTB_Authorization_014",
     "PF_SECC_DIN_ContractAuthentication_NeverFinished",
     adjust=timing(V2G_SECC_Ongoing_Performance_Time=1e5))  # fmt: skip

# Charge parameters


def _last(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The last entry of each schedule changed."""

    def edit(message: Any) -> Any:
        for one in message.SASchedules.SAScheduleTuple:
            entries = one.PMaxSchedule.PMaxScheduleEntry
            entries[-1] = change(entries[-1])
        return message

    return edit


def _interval(**fields: Any) -> Callable[[Any], Any]:
    return _last(lambda entry: msgspec.structs.replace(
        entry, TimeInterval=msgspec.structs.replace(entry.TimeInterval, **fields)))  # fmt: skip


def _many_slots(system: Any) -> None:
    from secc.charger import Slot

    system.evse.schedule = tuple(Slot(60 * place, 50_000.0 + place) for place in range(40))


secc("mode-unchecked", "any energy transfer mode is accepted", "TC_SECC_DC_VTB_ChargeParameterDiscovery_003",
     adjust=answering("ChargeParameterDiscoveryReq", accepting("ChargeParameterDiscoveryRes")))  # fmt: skip
secc("limits-unchecked", "negative limits are accepted", "TC_SECC_DC_VTB_ChargeParameterDiscovery_004",
     patches=[(M["secc.iso2"], "check_dc", lambda visit, parameter: setattr(visit, "max_voltage", 500.0))])  # fmt: skip
secc("ac-limits-unchecked", "negative AC limits are accepted", "TC_SECC_AC_VTB_ChargeParameterDiscovery_005",
     patches=[(M["secc.iso2"], "check_ac", nothing)])  # fmt: skip
secc("schedule-short", "schedules cover one hour", "TC_SECC_DC_VTB_ChargeParameterDiscovery_001",
     adjust=lambda s: setattr(s.evse, "schedule_seconds", 3600))  # fmt: skip
secc("departure-ignored", "schedules end before departure", "TC_SECC_DC_VTB_ChargeParameterDiscovery_006",
     adjust=sending("ChargeParameterDiscoveryRes", _interval(duration=60)))  # fmt: skip
secc("schedule-open", "the last entry of a schedule has no duration", "TC_SECC_AC_VTB_ChargeParameterDiscovery_001",
     adjust=sending("ChargeParameterDiscoveryRes", _interval(duration=None)))  # fmt: skip
secc("schedule-start", "schedules begin after 0 s", "TC_SECC_DC_VTB_ChargeParameterDiscovery_001",
     adjust=sending("ChargeParameterDiscoveryRes", _interval(start=10)))  # fmt: skip
secc("entries-ignored", "MaxEntriesSAScheduleTuple is ignored", "TC_SECC_DC_VTB_ChargeParameterDiscovery_012",
     adjust=_many_slots, patches=[(M["secc.visit"], "covering", lambda schedule, seconds, most: (
         tuple(schedule), seconds))])  # fmt: skip
secc("limit-zero", "EVSEMaximumVoltageLimit is 0 V", "TC_SECC_DC_VTB_ChargeParameterDiscovery_001",
     adjust=sending("ChargeParameterDiscoveryRes", deep(
         "EVSEMaximumVoltageLimit", M["secc.iso2"].volt(0.0))))  # fmt: skip
secc("ac-voltage-zero", "EVSENominalVoltage is 0 V", "TC_SECC_AC_VTB_ChargeParameterDiscovery_001",
     adjust=sending("ChargeParameterDiscoveryRes", deep("EVSENominalVoltage", M["secc.iso2"].volt(0.0))))  # fmt: skip
secc("tariff-missing", "the declared tariff is not sent", "TC_SECC_DC_VTB_ChargeParameterDiscovery_008",
     adjust=lambda s: setattr(s.evse, "plans", ()))  # fmt: skip
secc("schedule-never-gives-up", "a schedule is worked out for ever", "TC_SECC_DC_VTB_ChargeParameterDiscovery_014",
     adjust=timing(V2G_SECC_Ongoing_Performance_Time=1e5))  # fmt: skip

# DC
secc("cable-check-in-b", "CableCheck is answered in state B", "TC_SECC_DC_VTB_CableCheck_008",
     "PF_SECC_DIN_CableCheck_CpB", patches=[(SERVE, "PILOT", {})])  # fmt: skip
secc("cable-check-hangs", "CableCheck never finishes", "TC_SECC_DC_VTB_CableCheck_001", "PF_SECC_DIN_CableCheck_OK",
     adjust=lambda s: setattr(s.power, "_dynamics", msgspec.structs.replace(s.power._dynamics, test_seconds=500.0)
                              if isinstance(s.power._dynamics, msgspec.Struct)
                              else __import__("dataclasses").replace(s.power._dynamics, test_seconds=500.0)),
     )  # fmt: skip
secc("cable-check-at-once", "CableCheck is Finished at once although declared Ongoing",
     "TC_SECC_DC_VTB_CableCheck_006",
     adjust=sending("CableCheckRes", with_(EVSEProcessing="Finished")))  # fmt: skip
secc("precharge-stuck", "the voltage is not reached in PreCharge", "TC_SECC_DC_VTB_PreCharge_001",
     adjust=sending("PreChargeRes", deep("EVSEPresentVoltage", M["secc.iso2"].volt(100.0))))  # fmt: skip
secc("precharge-not-ready", "the status code in PreCharge is EVSE_NotReady", "TC_SECC_DC_VTB_PreCharge_001",
     adjust=sending("PreChargeRes", deep("EVSEStatusCode", "EVSE_NotReady")))  # fmt: skip
secc("profile-unchecked", "any charging profile is accepted", "TC_SECC_DC_VTB_PowerDelivery_007",
     "TC_SECC_AC_VTB_PowerDelivery_010",
     patches=[(M["secc.schedule"], "check_profile", nothing)] if hasattr(M["secc.schedule"], "check_profile")
     else [(M["secc.schedule"], "exceeds", nothing)])  # fmt: skip
secc("stop-keeps-power", "the output stays on after PowerDelivery(Stop)", "TC_SECC_DC_VTB_PowerDelivery_002",
     patches=[(__import__("secc.power", fromlist=["x"]).SimulatedPowerSource, "off", nothing)])  # fmt: skip
secc("error-code-refused", "a stop with an EVErrorCode is refused", "TC_SECC_DC_VTB_PowerDelivery_014",
     adjust=answering("PowerDeliveryReq", lambda visit, message, good: (
         _refusing("FAILED")() if message.ChargeProgress == "Stop"
         and message.EVPowerDeliveryParameter.DC_EVStatus.EVErrorCode != "NO_ERROR" else good())))  # fmt: skip
secc("renegotiation-early", "renegotiation is accepted before any start", "TC_SECC_DC_VTB_PowerDelivery_013",
     adjust=answering("PowerDeliveryReq", lambda visit, message, good: (
         accepting("PowerDeliveryRes")(visit, message, good) if message.ChargeProgress == "Renegotiate"
         else good())))  # fmt: skip
secc("receipt-asked", "a receipt is asked for in external payment", "TC_SECC_DC_VTB_CurrentDemand_001",
     "TC_SECC_AC_VTB_ChargingStatus_001",
     patches=[(M["secc.contract"], "asked_receipt", lambda visit, meter: True)])  # fmt: skip
secc("meter-missing", "MeterInfo is left out", "TC_SECC_DC_VTB_CurrentDemand_006",
     adjust=sending("CurrentDemandRes", with_(MeterInfo=None)))  # fmt: skip
secc("limit-flag-voltage", "present values are absurd", "TC_SECC_DC_VTB_CurrentDemand_001",
     adjust=sending("CurrentDemandRes", deep("EVSEPresentVoltage", M["secc.iso2"].volt(3000.0))))  # fmt: skip
secc("welding-in-c", "WeldingDetection is answered in state C", "TC_SECC_DC_VTB_WeldingDetection_005",
     patches=[(SERVE, "PILOT", {})])  # fmt: skip
secc("stop-in-c", "SessionStop is answered in state C", "TC_SECC_DC_VTB_SessionStop_006",
     patches=[(SERVE, "_check_pilot", async_nothing)])  # fmt: skip
secc("no-resume", "a paused session is not known any more", "TC_SECC_DC_VTB_SessionSetup_001",
     "TC_SECC_AC_VTB_SessionSetup_001",
     adjust=answering("SessionSetupReq", lambda visit, message, good: (visit.paused.clear(), good())[1]))  # fmt: skip
secc("resume-any", "any session id joins the old session", "TC_SECC_DC_VTB_SessionSetup_002",
     adjust=answering("SessionSetupReq", lambda visit, message, good: (
         setattr(visit, "asked_id", next(iter(visit.paused), visit.asked_id)), good())[1]))  # fmt: skip
secc("resume-forgets-service", "after a pause all energy transfer modes are offered again",
     "TC_SECC_DC_VTB_ServiceDiscovery_001",
     adjust=sending("ServiceDiscoveryRes", deep("EnergyTransferMode", ["DC_extended", "DC_core"])))  # fmt: skip
secc("pilot-ignored", "the output stays on when the pilot is shorted", "TC_SECC_DC_VTB_Abnormal_001",
     adjust=lambda s: s.evse.pilot._subscribers.clear() if hasattr(s.evse.pilot, "_subscribers") else None,
     patches=[(SERVE._Guard, "_pilot_changed", nothing)])  # fmt: skip

# AC
secc("contactor-stuck-open", "the contactor does not close", "TC_SECC_AC_VTB_PowerDelivery_001",
     adjust=lambda s: setattr(s.evse.ac, "sticks", True) if s.evse.ac is not None else None)  # fmt: skip
secc("contactor-stays", "the contactor stays closed after the stop", "TC_SECC_AC_VTB_PowerDelivery_005",
     patches=[(__import__("secc.charger", fromlist=["x"]).AcSupply, "open", nothing)])  # fmt: skip

# Contract payment
SIGNATURE = M["v2g.signature"]
secc("signature-unchecked", "signatures are not verified", "TC_SECC_CMN_VTB_Authorization_010",
     "TC_SECC_CMN_VTB_CertificateInstallation_005",
     patches=[(M["secc.contract"], "check_signature", nothing)])  # fmt: skip
secc("digest-unchecked", "a signed body may be altered", "TC_SECC_CMN_VTB_Authorization_011",
     patches=[(SIGNATURE, "_check_digest", lambda *_: SIGNATURE.STANDARD)])  # fmt: skip
secc("challenge-short", "GenChallenge has 8 bytes", "TC_SECC_CMN_VTB_PaymentDetails_001",
     patches=[(M["secc.contract"], "CHALLENGE_LENGTH", 8)])  # fmt: skip
secc("chain-unchecked", "contract chains are not checked", "TC_SECC_CMN_VTB_PaymentDetails_007",
     "TC_SECC_CMN_VTB_CertificateUpdate_011",
     patches=[(M["secc.contract"], "check_chain",
               lambda visit, chain, *_: M["secc.contract"].read(chain[0]))])  # fmt: skip
secc("receipt-unchecked", "receipts are not checked", "TC_SECC_DC_VTB_MeteringReceipt_004",
     "TC_SECC_AC_VTB_MeteringReceipt_006",
     patches=[(M["secc.contract"], "_receipt_problem", lambda *_: "")])  # fmt: skip
secc("delivery-unsigned", "certificate responses are not signed", "TC_SECC_CMN_VTB_CertificateInstallation_001",
     adjust=answering("CertificateInstallationReq", lambda visit, message, good: _unsigned(visit, good)))  # fmt: skip


async def _unsigned(visit: Any, good: Any) -> Any:
    response = await good()
    visit.signature = None
    return response


# DIN
secc("din-service", "DIN: external payment is not offered", "PF_SECC_DIN_ServiceDiscovery_OK",
     adjust=sending("ServiceDiscoveryRes", deep("PaymentOption", ["Contract"]), "din70121"))  # fmt: skip
secc("din-isolation", "DIN: the cable check finishes without a valid isolation", "PF_SECC_DIN_CableCheck_OK",
     adjust=sending("CableCheckRes", deep("EVSEIsolationStatus", "Invalid"), "din70121"))  # fmt: skip
secc("din-loop", "DIN: the present current is absurd", "PF_SECC_DIN_CurrentDemand_OK",
     adjust=sending("CurrentDemandRes", deep(
         "EVSEPresentCurrent", __import__("secc.din70121", fromlist=["x"]).ampere(3000.0)), "din70121"))  # fmt: skip

# ---------------------------------------------------------------------------------------------------------------
# The vehicle


def _request_ignoring(what: str) -> Any:
    """Session.request of a vehicle that leaves one check out; the tester charger does not use it."""
    session = M["v2g.session"]

    async def request(self: Any, message: Any, *, timeout: float | None = None, signature: Any = None) -> Any:
        name = type(message).__name__
        seconds = self.timing.message_timeout(name) if timeout is None else timeout
        try:
            async with asyncio.timeout(seconds):
                await self.send(message, signature=signature)
                received = await self.receive()
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


SESSION = M["v2g.session"].Session


class _Unverifying:
    """Signatures as a vehicle makes them, and none that it checks."""

    def __getattr__(self, name: str) -> Any:
        return getattr(M["v2g.signature"], name)

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
        raise M["evcc.checks"].Unsuitable(why)

    return end


def _setting_up(rejoins: bool) -> Any:
    right = M["evcc.iso2"].set_up

    async def set_up(drive: Any) -> None:
        old = drive.resume.session_id if drive.resume else b""
        await right(drive)
        if old and rejoins:
            drive.session.id = old
        elif old:
            _ending("joined")()

    return set_up


evcc("ev-ignores-failed", "FAILED responses are taken for OK", "PF_EVCC_ISO2_PaymentServiceSelection_Failed#1",
     "PF_EVCC_DIN_ContractAuthentication_Failed#1", "PF_EVCC_ISO2_Authorization_Failed#1",
     patches=[(SESSION, "request", _request_ignoring("code"))])  # fmt: skip
evcc("ev-ignores-type", "another response is taken for the right one",
     "PF_EVCC_ISO2_PaymentServiceSelection_WrongResponse",
     "PF_EVCC_DIN_ServicePaymentSelection_WrongResponse",
     patches=[(SESSION, "request", _request_ignoring("type"))])  # fmt: skip
evcc("ev-ignores-session", "another session id in a response is accepted",
     "PF_EVCC_ISO2_ServiceDiscovery_BadSessionID",
     patches=[(SESSION, "request", _request_ignoring("session"))])  # fmt: skip
evcc("ev-patient", "a response is awaited for 10 s", "PF_EVCC_ISO2_ServiceDiscovery_NoResponse",
     "PF_EVCC_ISO2_ServiceDiscovery_LateResponse#2",
     adjust=timing(V2G_EVCC_Msg_Timeout__ServiceDiscoveryReq=10.0))  # fmt: skip
evcc("ev-hasty", "a response is awaited for 1 s only", "PF_EVCC_ISO2_ServiceDiscovery_NoResponse",
     "PF_EVCC_ISO2_ServiceDiscovery_LateResponse#1",
     adjust=timing(V2G_EVCC_Msg_Timeout__ServiceDiscoveryReq=1.0))  # fmt: skip
evcc("ev-loop-patient", "CurrentDemandRes is awaited for 8 s", "TC_EVCC_DC_VTB_CurrentDemand_005@iso15118-2",
     adjust=timing(V2G_EVCC_Msg_Timeout__CurrentDemandReq=8.0))  # fmt: skip
evcc("ev-waits-for-ever", "Ongoing is accepted for ever", "PF_EVCC_ISO2_Authorization_OngoingForever",
     "PF_EVCC_DIN_ContractAuthentication_Never", adjust=timing(V2G_EVCC_Ongoing_Timeout=1e5))  # fmt: skip
evcc("ev-ongoing-short", "Ongoing is accepted for 30 s only", "PF_EVCC_ISO2_Authorization_OngoingForever",
     adjust=timing(V2G_EVCC_Ongoing_Timeout=30.0))  # fmt: skip
evcc("ev-cable-check-for-ever", "CableCheck has no limit", "TC_EVCC_DC_VTB_CableCheck_006@iso15118-2",
     adjust=timing(V2G_EVCC_CableCheck_Timeout=1e5))  # fmt: skip
evcc("ev-precharge-for-ever", "PreCharge has no limit", "TC_EVCC_DC_VTB_PreCharge_006@iso15118-2",
     "PF_EVCC_DIN_PreCharge_Never", adjust=timing(V2G_EVCC_PreCharge_Timeout=1e5))  # fmt: skip
evcc("ev-pilot-blind", "states E and F are not seen", "PF_EVCC_ISO2_CableCheck_CpE_CpF#1",
     "TC_EVCC_CMN_VTB_SessionSetup_007@iso15118-2",
     patches=[(M["evcc.vehicle"].Vehicle, "_pilot_changed", nothing)])  # fmt: skip
evcc("ev-keeps-connection", "TCP stays open after an error", "PF_EVCC_ISO2_ServiceDiscovery_Failed#1",
     "PF_EVCC_ISO2_SAP_NoNegotiation", patches=[(M["evcc.charge"], "_close", async_nothing)])  # fmt: skip
evcc("ev-stays-in-c", "the pilot stays in C after an error", "PF_EVCC_ISO2_CurrentDemand_NoResponse",
     patches=[(M["evcc.vehicle"].Vehicle, "safe", async_nothing)])  # fmt: skip
evcc("ev-profile", "the charging profile exceeds PMax", "TC_EVCC_AC_VTB_PowerDelivery_001",
     adjust=sending("PowerDeliveryReq", lambda message: _big_profile(message)))  # fmt: skip
evcc("ev-old-session", "the first SessionSetupReq has a session id", "TC_EVCC_CMN_VTB_SessionSetup_001",
     adjust=lambda s: setattr(s.options, "new_session_id", b"12345678"))  # fmt: skip
evcc("ev-id", "the EVCCID is zero", "TC_EVCC_CMN_VTB_SessionSetup_001", "PF_EVCC_DIN_SessionSetup_Request",
     adjust=lambda s: setattr(s.vehicle, "evccid", bytes(6)))  # fmt: skip
evcc("ev-selects-foreign", "a service is selected that was not offered",
     "TC_EVCC_CMN_VTB_ServiceDetailAndPaymentSelection_001",
     adjust=sending("PaymentServiceSelectionReq", lambda message: _foreign_service(message)))  # fmt: skip
evcc("ev-deaf", "StopCharging is ignored", "TC_EVCC_DC_VTB_WeldingDetectionOrSessionStop_001@iso15118-2",
     "PF_EVCC_DIN_Notification_Stop", patches=[(M["evcc.checks"], "dc_ending", lambda *_: None)])  # fmt: skip
evcc("ev-challenge", "AuthorizationReq carries a GenChallenge in external payment",
     "TC_EVCC_CMN_VTB_Authorization_001",
     adjust=sending("AuthorizationReq", with_(Id="id1", GenChallenge=bytes(16))))  # fmt: skip
evcc("ev-priorities", "offers have the same priority", "PF_EVCC_ISO2_SAP_Offer",
     adjust=sending("supportedAppProtocolReq", lambda message: _same_priority(message), "appproto"))  # fmt: skip
evcc("ev-limits", "the vehicle's limits are zero", "TC_EVCC_CMN_VTB_ChargeParameterDiscovery_001",
     adjust=sending("ChargeParameterDiscoveryReq", deep(
         "EVMaximumCurrentLimit", M["secc.iso2"].ampere(0.0))))  # fmt: skip
evcc("ev-unsigned", "AuthorizationReq is not signed", "TC_EVCC_CMN_VTB_Authorization_002",
     patches=[(__import__("evcc.contract", fromlist=["x"]), "sign", lambda drive, message: None)])  # fmt: skip
evcc("ev-no-pause", "a pause becomes a termination", "TC_EVCC_DC_VTB_WeldingDetectionOrSessionStop_002",
     adjust=sending("SessionStopReq", with_(ChargingSession="Terminate")))  # fmt: skip

evcc("ev-delivery-unsigned", "signatures of the charger's messages are not checked",
     "PF_EVCC_ISO2_CertificateInstallation_Res#2", "PF_EVCC_ISO2_ChargeParameterDiscovery_TariffSignature#2",
     patches=[(M["evcc.contract"], "signature", _Unverifying())])  # fmt: skip
evcc("ev-any-provider", "whoever signs a delivered contract is believed", "PF_EVCC_ISO2_CertificateInstallation_Res#3",
     patches=[(M["evcc.contract"], "check_chain", nothing)])  # fmt: skip
evcc("ev-any-emaid", "the delivered eMAID is not compared", "PF_EVCC_ISO2_CertificateInstallation_Res#4",
     patches=[(M["evcc.contract"], "plain_id", lambda text: _Equal(text))])  # fmt: skip
evcc("ev-own-key", "the delivered key is not looked at", "PF_EVCC_ISO2_CertificateInstallation_Res#5",
     "PF_EVCC_ISO2_CertificateInstallation_Res#1",
     patches=[(__import__("pki.delivery", fromlist=["x"]), "unseal", lambda sealed, key, *_: key)])  # fmt: skip
evcc("ev-any-tariff", "tariffs are believed whoever signed them",
     "PF_EVCC_ISO2_ChargeParameterDiscovery_TariffSignature#2",
     patches=[(M["evcc.contract"], "tariffs_hold", lambda *_: True)])  # fmt: skip
evcc("ev-no-tariffs", "a tariff ends the session", "PF_EVCC_ISO2_ChargeParameterDiscovery_TariffSignature#1",
     "PF_EVCC_ISO2_ChargeParameterDiscovery_TariffSignature#2",
     patches=[(M["evcc.contract"], "tariffs_hold", _ending("a tariff"))])  # fmt: skip
evcc("ev-no-rejoin", "a joined session is ended", "PF_EVCC_ISO2_SessionSetup_OldSession#1",
     patches=[(M["evcc.iso2"], "set_up", _setting_up(rejoins=False))])  # fmt: skip
evcc("ev-old-id", "the paused session's id is kept though a new one begins", "PF_EVCC_ISO2_SessionSetup_OldSession#2",
     patches=[(M["evcc.iso2"], "set_up", _setting_up(rejoins=True))])  # fmt: skip


def _big_profile(message: Any) -> Any:
    if message.ChargingProfile is not None:
        for entry in message.ChargingProfile.ProfileEntry:
            entry.ChargingProfileEntryMaxPower = M["secc.schedule"].watt(900_000.0)
    return message


def _foreign_service(message: Any) -> Any:
    from v2g.messages import iso2

    message.SelectedServiceList.SelectedService.append(iso2.SelectedServiceType(ServiceID=777))
    return message


def _same_priority(message: Any) -> Any:
    for entry in message.AppProtocol:
        entry.Priority = 7
    return message


# ---------------------------------------------------------------------------------------------------------------
# SLAC


def slac(**options: Any) -> Adjust:
    """Options of a role that matches."""

    def adjust(system: Any) -> None:
        timers = options.get("timing")
        changed = {**options, "timing": system.options.timing.replace(**timers)} if timers else options
        system.options = dataclasses.replace(system.options, **changed)

    return adjust


def slac_says(message: type, **fields: Any) -> Adjust:
    """Fields of a message of a role that matches."""

    def adjust(system: Any) -> None:
        system.rewrite[message] = lambda frame: dataclasses.replace(
            frame, message=dataclasses.replace(frame.message, **fields)
        )

    return adjust


async def _serving_once(send: Any, requests: Any, interface: Any, answer: Any, observe: Any) -> None:
    data, sender = await requests.get()
    response = answer(M["v2g.sdp"].parse_request(data))
    if response is not None:
        send(response.pack(), sender)


def _stalling() -> Any:
    from v2g import tls

    return tls.LAB.wrong(at={"Finished": "stall"})


def tls_unchecked(system: Any) -> None:
    """Whoever answers is believed."""
    system.tls.trust = None


def tls_no_revocation(system: Any) -> None:
    """OCSP responses are not read."""
    change_options(system.tls, system.tls.options.change(staple="ignore"))


evcc("tls-anybody", "the charger's certificate is not checked", "PF_EVCC_ISO2_TLS_ServerCert#4",
     "PF_EVCC_ISO2_TLS_ServerCert#2", adjust=tls_unchecked)  # fmt: skip
evcc("tls-revoked", "OCSP responses are not looked at", "PF_EVCC_ISO2_TLS_ServerCert#7",
     adjust=tls_no_revocation)  # fmt: skip

evcc("tls-stalls", "TLS 1.3 is begun and not finished", "PF_EVCC_ISO2_TLS_Params#5",
     adjust=lambda system: change_options(system.tls, _stalling()))  # fmt: skip
secc("tls-any-version", "whatever version is offered, the handshake goes on with 1.2", "PF_SECC_ISO2_TLS_Params#4",
     patches=[(__import__("v2g.tls.charger", fromlist=["x"]), "_version", lambda *_: 0x0303)])  # fmt: skip
secc("sdp-once", "one SDP request is answered, no other one", "PF_SECC_ISO2_SDP_Variants#4",
     "PF_SECC_ISO2_SDP_Variants#6", patches=[(M["v2g.discovery"], "serve", _serving_once)])  # fmt: skip


_ranked = M["slac.ev_run"].ranked


async def _for_ever(*_: Any) -> None:
    await asyncio.Event().wait()


async def _validating_all(charger: Any, frame: Any) -> None:
    if run := charger._newest(frame.source, lambda run: run.choosing):
        run.put(frame)


def _once_a_host(right: Any) -> Any:
    async def answer(host: Any, frame: Any) -> None:
        if not getattr(host, "answered", False):
            host.answered = True
            await right(host, frame)

    return answer


_S, _E = "TC_SECC_CMN_VTB_", "TC_EVCC_CMN_VTB_"
secc("slac-unchecked", "constants of SLAC messages are not looked at", f"{_S}CmSlacMatch_007",
     f"{_S}AttenuationCharacterization_013", adjust=slac(strict=False))  # fmt: skip
secc("slac-one-report", "the attenuation is reported once only", f"{_S}AttenuationCharacterization_004",
     adjust=slac(timing={"C_EV_match_retry": 0}))  # fmt: skip
secc("slac-patient", "waits a minute for the choice", f"{_S}CmSlacMatch_005",
     adjust=slac(timing={"TT_EVSE_match_session": 60}))  # fmt: skip
secc("slac-late-sounding", "waits for sounds as long as it takes", f"{_S}AttenuationCharacterization_012",
     adjust=slac(timing={"TT_match_sequence": 30}))  # fmt: skip
secc("slac-forever", "offers 5 % for minutes", f"{_S}CmSlacParm_004",
     adjust=slac(timing={"TT_EVSE_SLAC_init": 300}))  # fmt: skip
secc("slac-sound-target", "CM_SLAC_PARM.CNF names one sound target", f"{_S}CmSlacParm_001",
     adjust=slac_says(CM_SLAC_PARM_CNF, m_sound_target=bytes(6)))  # fmt: skip
secc("slac-nid", "the network's name does not belong to its key", f"{_S}CmSlacMatch_001",
     adjust=slac_says(CM_SLAC_MATCH_CNF, nid=bytes(7)))  # fmt: skip
secc("slac-toggles", "says that it saw two toggles", f"{_S}CmValidate_001",
     adjust=slac_says(CM_VALIDATE_CNF, toggle_num=2))  # fmt: skip
evcc("slac-vehicle-unchecked", "constants of SLAC messages are not looked at", f"{_E}CmSlacParm_003",
     f"{_E}CmSlacMatch_006", f"{_E}AttenuationCharacterization_008", adjust=slac(strict=False))  # fmt: skip
evcc("slac-asks-once", "requests are not repeated", f"{_E}CmSlacParm_002", f"{_E}CmSlacMatch_003",
     adjust=slac(timing={"C_EV_match_retry": 0}))  # fmt: skip
evcc("slac-asks-on", "requests are repeated five times", f"{_E}CmSlacParm_002",
     adjust=slac(timing={"C_EV_match_retry": 5}))  # fmt: skip
evcc("slac-two-starts", "two CM_START_ATTEN_CHAR.IND only", f"{_E}AttenuationCharacterization_001",
     adjust=slac(timing={"C_EV_start_atten_char_inds": 2}))  # fmt: skip
evcc("slac-no-rounds", "one round of matching only", f"{_E}CmSlacParm_010",
     adjust=slac(timing={"TT_matching_repetition": 0}))  # fmt: skip
evcc("slac-slow-toggles", "a state of a toggle lasts 0.6 s", f"{_E}CmValidate_001",
     adjust=slac(timing={"TP_EV_vald_state_duration": 0.6}))  # fmt: skip
evcc("slac-wrong-length", "CM_SLAC_MATCH.REQ with another length", f"{_E}CmSlacMatch_002",
     adjust=slac_says(CM_SLAC_MATCH_REQ, mvf_length=0x56))  # fmt: skip

evcc("slac-vehicle-link-blind", "the end of a link is not noticed", f"{_E}PLCLinkStatus_008",
     "TC_EVCC_AC_VTB_PLCLinkStatus_003", "TC_EVCC_AC_VTB_PLCLinkStatus_004", "TC_EVCC_AC_VTB_PLCLinkStatus_005",
     "TC_EVCC_AC_VTB_PLCLinkStatus_007", "TC_EVCC_AC_VTB_PLCLinkStatus_008",
     patches=[(M["slac.ev"].Ev, "until_lost", _for_ever)])  # fmt: skip
evcc("slac-first-only", "where the nearest charger is not validated, no other one is tried", f"{_E}CmValidate_007",
     f"{_E}CmValidate_008", f"{_E}CmValidate_010", f"{_E}CmValidate_011", f"{_E}CmValidate_012",
     f"{_E}CmValidate_013", patches=[(M["slac.ev_run"], "ranked", lambda found: _ranked(found)[:1])])  # fmt: skip
evcc("slac-farthest", "the farthest charger is taken", f"{_E}CmSlacMatch_012",
     patches=[(M["slac.ev_run"], "ranked", lambda found: _ranked(found)[::-1])])  # fmt: skip
evcc("slac-not-ready-once", "a charger that is not ready is not asked again", f"{_E}CmValidate_018",
     patches=[(M["slac.ev_run"], "NOT_READY_TIMES", 1)])  # fmt: skip
secc("slac-charger-link-blind", "the end of a link is not noticed", f"{_S}PLCLinkStatus_005",
     patches=[(M["slac.evse"].Evse, "until_lost", _for_ever)])  # fmt: skip
secc("slac-restless", "a link is left as soon as it is there", f"{_S}PLCLinkStatus_004",
     patches=[(M["slac.evse"].Evse, "until_lost", async_nothing)])  # fmt: skip
secc("slac-validates-all", "several vehicles are validated at once", f"{_S}CmValidate_009",
     patches=[(M["slac.evse"].Evse, "_validate", _validating_all)])  # fmt: skip
secc("slac-one-map", "one amplitude map is answered only", f"{_S}CmAmpMap_007",
     patches=[(M["slac.amp_map"], "answer", _once_a_host(M["slac.amp_map"].answer))])  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Running


def one(run: Run, fault: Fault | None = None) -> Result:
    """One run against our own role, with a fault in place."""
    pics = satisfying(run.case, Pics(FAST))

    async def main() -> Result:
        async with own_system(run, pics, adjust=fault.adjust if fault else lambda system: None) as system:
            return await execute(run, system, bench_for(run, pics))

    with fault.in_place() if fault else contextlib.nullcontext(), asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main())


def caught(result: Result) -> bool:
    """A fault is caught by a failure, or by a finding where the expectation is derived."""
    return result.verdict is Verdict.FAIL or bool(result.findings)


def all_runs(sut: str) -> list[Run]:
    """Every executable run with that role under test."""
    return [run for run in runs() if run.case.sut == sut and not executable(run)]


def _tried(fault: Fault, everything: bool) -> list[Run]:
    """The runs that a fault is tried with: all, or those of the families of the cases named for it."""
    named = [run for run in all_runs(fault.sut) if run.id in fault.caught_by]
    families = {(run.case.file, run.case.family) for run in named}
    return [run for run in all_runs(fault.sut) if everything or (run.case.file, run.case.family) in families]


def matrix(everything: bool) -> dict[str, list[str]]:
    """Which runs catch which fault; with everything it takes an hour."""
    found: dict[str, list[str]] = {}
    for fault in FAULTS:
        found[fault.name] = [run.id for run in _tried(fault, everything) if _catches(run, fault)]
        print(f"{fault.name}: {len(found[fault.name])}", file=sys.stderr, flush=True)
    return found


def _catches(run: Run, fault: Fault) -> bool:
    try:
        return caught(one(run, fault))
    except Exception:  # noqa: BLE001 - a fault may break the role in any way; then this run says nothing
        return False


def page(found: dict[str, list[str]], everything: bool) -> str:
    """The page of the docs."""
    tried = "every executable case is" if everything else "the cases of the families that are named for it are"
    lines = [
        "# Seeded faults and the cases that catch them",
        "",
        "Made by `python tests/conformance_faults.py > docs/faults.md`; do not edit. Each fault is put into our own",
        f"role, and {tried} run against it in virtual time.",
        "A case catches a fault with the verdict fail, or with a finding where its expectation is our own.",
        "",
        f"{len(FAULTS)} faults.",
        "",
        "| fault | in | what is wrong | caught by |",
        "|---|---|---|---|",
    ]
    for fault in FAULTS:
        names = found[fault.name]
        shown = ", ".join(
            f"`{name}`" for name in [*fault.caught_by, *(n for n in names if n not in fault.caught_by)][:6]
        )
        more = f" and {len(names) - 6} more" if len(names) > 6 else ""
        lines.append(f"| {fault.name} | {fault.sut} | {fault.text} | {shown}{more} |")
    catching = {name for names in found.values() for name in names}
    idle = [run for sut in ("secc", "evcc") for run in all_runs(sut) if run.id not in catching]
    lines += ["", "## Cases that none of these faults failed where it was tried", "", f"{len(idle)} runs:", ""]
    lines += [f"- `{run.id}` {run.title}" for run in idle]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    everything = "--all" in sys.argv[1:]
    print(page(matrix(everything), everything), end="")
