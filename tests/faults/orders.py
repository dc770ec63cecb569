"""Generated faults: one check of order, code, session id or content left out, for each run that is about it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, get_args

import msgspec

import evcc.checks
import evcc.iso2
import secc.answer
import secc.din70121
import secc.iso2
import v2g.physical
import v2g.session
from faults.fault import Adjust, accepting, answering, charger, deep, nothing, sending, unjudged, vehicle
from plugfest.conformance.catalogue import Run, case
from plugfest.conformance.orders import forbidden, rotation
from plugfest.conformance.secc.scripts.content import WAYS
from secc.minimal import minimal
from secc.visit import Refusal
from v2g.protocols import DIN, ISO2
from v2g.rules.table import RULES

SEED = 1
"""Of benches in memory, unless a campaign says otherwise."""


def _runs(*names: str) -> Iterator[Run]:
    for name in names:
        yield from case(name).runs()


def _drawn(run: Run, key: str, choices: dict[str, list[str]]) -> str:
    """What a run of a rotation draws."""
    places = max(int(variant["place"]) for variant in run.case.variants)
    return rotation(choices, places, SEED)[str(run.variant[key])][int(run.variant["place"]) - 1]


# ---------------------------------------------------------------------------------------------------------------
# Charger: order

_order = secc.answer._check_order


def _allowing(name: str, last: str = "") -> list[tuple[Any, str, Any]]:
    """The charger takes this request in any state, or after that one."""

    def check(visit: Any, sequence: Any, request: Any) -> None:
        if type(request).__name__ != name or (last and sequence.last != last):
            _order(visit, sequence, request)

    return [(secc.answer, "_check_order", check)]


def _last(state: str) -> str:
    name = state.partition(".")[0]
    return "CurrentDemandReq" if name == "ChargingLoop" else f"{name}Req"


def _wrong_requests() -> None:
    for name, protocol in (("PF_SECC_ISO2_WrongRequest_DC", ISO2), ("PF_SECC_DIN_WrongRequest", DIN)):
        runs = list(_runs(name))
        choices = {str(run.variant["state"]): forbidden(protocol, str(run.variant["state"])) for run in runs}
        caught: dict[str, str] = {}
        for run in runs:
            if run.variant["state"] != "SAP":  # where there is no session yet, the id is wrong as well
                caught.setdefault(_drawn(run, "state", choices), run.id)
        for request, run_id in caught.items():
            if request == "ChargingStatusReq":
                continue  # a DC outlet of ours has no answer to it at all
            charger(
                f"any-time-{protocol.name}-{request}", f"{request} is accepted in any state ({protocol.name})", run_id,
                patches=_allowing(request),
            )  # fmt: skip


def _stays(visit: Any, sequence: Any, request: Any) -> None:
    """A vehicle may only leave once it has had power."""
    if type(request).__name__ == "SessionStopReq" and sequence.last not in ("PowerDeliveryReq", "WeldingDetectionReq"):
        raise Refusal("FAILED_SequenceError", "power has not flowed yet")
    _order(visit, sequence, request)


def _leaves() -> None:
    for name in ("ISO2_Leaves_DC", "ISO2_Leaves_AC", "ISO2_Leaves_PnC", "ISO2_Leaves_Installation",
                 "ISO2_Leaves_Update", "DIN_Leaves", "ISO20_Leaves_DC", "ISO20_Leaves_AC",
                 "ISO20_Leaves_Installation"):  # fmt: skip
        charger(
            f"stays-{name}", "SessionStopReq is refused before power has flowed",
            *(run.id for run in _runs(f"PF_SECC_{name}") if run.variant["after"] != "Renegotiation"),
            patches=[(secc.answer, "_check_order", _stays)],
        )  # fmt: skip


def _forbidding(last: str, name: str) -> list[tuple[Any, str, Any]]:
    """The charger does not take this request right after that one."""

    def check(visit: Any, sequence: Any, request: Any) -> None:
        if sequence.last == last and type(request).__name__ == name:
            raise Refusal("FAILED_SequenceError", f"{name} after {last}")
        _order(visit, sequence, request)

    return [(secc.answer, "_check_order", check)]


def _allowed_steps() -> None:
    for name, last, then in (
        ("ISO2_StopsAtOnce_DC", "PowerDeliveryReq", "PowerDeliveryReq"),
        ("ISO2_StopsAtOnce_AC", "PowerDeliveryReq", "PowerDeliveryReq"),
        ("DIN_StopsAtOnce", "PowerDeliveryReq", "PowerDeliveryReq"),
        ("ISO20_StopsAtOnce_DC", "PowerDeliveryReq", "PowerDeliveryReq"),
        ("ISO20_StopsAtOnce_AC", "PowerDeliveryReq", "PowerDeliveryReq"),
        ("ISO2_Leaves_DC#10", "PowerDeliveryReq", "SessionStopReq"),
        ("ISO2_Leaves_AC#7", "PowerDeliveryReq", "SessionStopReq"),
        ("ISO2_ReceiptGoesOn_DC#1", "MeteringReceiptReq", "CurrentDemandReq"),
        ("ISO2_ReceiptGoesOn_AC#1", "MeteringReceiptReq", "ChargingStatusReq"),
        ("ISO2_ReceiptGoesOn_DC#2", "MeteringReceiptReq", "PowerDeliveryReq"),
    ):
        charger(
            f"refuses-{name}", f"{then} is refused right after {last}", f"PF_SECC_{name}",
            patches=_forbidding(last, then),
        )  # fmt: skip


REFUSED_TWICE = ("PowerDeliveryReq Start",)
"""Steps that our charger refuses for their content as well, with the same code."""


UNPAID = tuple((state, "AuthorizationReq") for state in ("CertificateInstallation", "CertificateUpdate"))
"""The same: our charger has sent no challenge yet."""


def _skipped_steps() -> None:
    for run in _runs("PF_SECC_ISO2_SkippedStep", "PF_SECC_ISO2_SkippedStep_Installation",
                     "PF_SECC_ISO2_SkippedStep_Update", "PF_SECC_DIN_SkippedStep"):  # fmt: skip
        after, send = str(run.variant["after"]), str(run.variant["send"])
        if send in REFUSED_TWICE or (after, send) in UNPAID:
            continue
        charger(
            f"skip-{run.id}", f"{send} is accepted after {after}", run.id,
            patches=_allowing(send.partition(" ")[0], _last(after)),
        )  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Content rules of either role


def _taken(visit: Any, request: Any, good: Any) -> Any:
    """The smallest response that is OK."""
    protocol = visit.session.protocol
    return minimal(protocol.schema, protocol.response_to(type(request)), dc=visit.dc, ResponseCode="OK")


def _broken_rules() -> None:
    for role, add, names in (
        ("secc", charger, (
            "PF_SECC_ISO2_BrokenRule_DC", "PF_SECC_ISO2_BrokenRule_AC", "PF_SECC_ISO2_BrokenRule_Own",
            "PF_SECC_ISO2_BrokenRule_PnC", "PF_SECC_ISO2_BrokenRule_Receipt", "PF_SECC_DIN_BrokenRule",
            "PF_SECC_DIN_BrokenRule_Own",
        )),
        ("evcc", vehicle, (
            "PF_EVCC_ISO2_BrokenRule_DC", "PF_EVCC_ISO2_BrokenRule_PnC", "PF_EVCC_ISO2_BrokenRule_Service",
            "PF_EVCC_DIN_BrokenRule",
        )),
    ):  # fmt: skip
        for run in _runs(*names):
            rule = str(run.variant["rule"]).partition(",")[0]
            if run.id in GUARDED:
                continue
            if run.id in TAKEN:
                request = WAYS[str(run.variant["rule"])].request
                module = "din70121" if run.protocol == "din70121" else "iso2"
                adjust = answering(request, _taken, module)
                taken = f"{request} is answered OK, whatever it says"
                add(f"taken-{run.id}", taken, run.id, adjust=adjust, patches=_allowing(request))
            elif run.id in DEFENDED:
                add(f"blind-{run.id}", f"{role} judges no content", run.id, patches=BLIND)
            else:
                add(f"unjudged-{run.id}", f"{role} does not judge {rule}", run.id, patches=unjudged(rule))


DEFENDED: tuple[str, ...] = (
    "PF_SECC_ISO2_BrokenRule_DC#1", "PF_SECC_ISO2_BrokenRule_DC#2", "PF_SECC_ISO2_BrokenRule_DC#3",
    "PF_SECC_DIN_BrokenRule#1", "PF_SECC_DIN_BrokenRule#2",
    "PF_EVCC_ISO2_BrokenRule_DC#1", "PF_EVCC_ISO2_BrokenRule_DC#2", "PF_EVCC_ISO2_BrokenRule_DC#3",
    "PF_EVCC_DIN_BrokenRule#1", "PF_EVCC_DIN_BrokenRule#2", "PF_EVCC_DIN_BrokenRule#3",
)  # fmt: skip
"""Runs whose rule is guarded where values are read as well."""

TAKEN: tuple[str, ...] = (
    "PF_SECC_ISO2_BrokenRule_AC#5",
    "PF_SECC_ISO2_BrokenRule_DC#4", "PF_SECC_ISO2_BrokenRule_DC#6", "PF_SECC_ISO2_BrokenRule_DC#8",
    "PF_SECC_ISO2_BrokenRule_AC#2", "PF_SECC_ISO2_BrokenRule_Own#3", "PF_SECC_ISO2_BrokenRule_Receipt#1",
    "PF_SECC_DIN_BrokenRule#3", "PF_SECC_DIN_BrokenRule_Own#3", "PF_SECC_ISO2_BrokenRule_DC#13",
    "PF_SECC_DIN_BrokenRule#6", "PF_SECC_DIN_BrokenRule#7",
)  # fmt: skip
"""Runs whose rule the answer guards as well: there the whole answer is replaced."""

GUARDED: tuple[str, ...] = (
    "PF_EVCC_ISO2_BrokenRule_DC#4", "PF_EVCC_ISO2_BrokenRule_DC#7", "PF_EVCC_ISO2_BrokenRule_DC#8",
    "PF_EVCC_ISO2_BrokenRule_DC#13", "PF_EVCC_ISO2_BrokenRule_PnC#2", "PF_EVCC_ISO2_BrokenRule_PnC#3",
    "PF_EVCC_DIN_BrokenRule#4",
    "PF_EVCC_DIN_BrokenRule#7", "PF_EVCC_DIN_BrokenRule#8", "PF_EVCC_DIN_BrokenRule#13",
)  # fmt: skip
"""Runs in which the vehicle cannot go on, whatever it judges: no or AC limits, no challenge or reading to sign."""

BLIND = [
    *unjudged(*(rule.name for rule in RULES)),
    (v2g.physical, "check_unit", lambda value, *units: value),
]
"""No content is judged at all."""


# ---------------------------------------------------------------------------------------------------------------
# Vehicle: codes and session ids


_receive = v2g.session.Session.receive


def _taking(code: str) -> list[tuple[Any, str, Any]]:
    """A FAILED code that the vehicle takes for OK."""

    async def receive(self: Any, *args: Any) -> Any:
        received = await _receive(self, *args)
        message = received.message
        if getattr(message, "ResponseCode", "") != code:
            return received
        good = "OK_NewSessionEstablished" if type(message).__name__ == "SessionSetupRes" else "OK"
        return dataclasses.replace(received, message=msgspec.structs.replace(message, ResponseCode=good))

    return [(v2g.session.Session, "receive", receive)]


def _codes() -> None:
    for name, protocol in (("PF_EVCC_ISO2_AnyFailed_DC", ISO2), ("PF_EVCC_DIN_AnyFailed", DIN)):
        codes = [code for code in get_args(protocol.module.responseCodeType) if code.startswith("FAILED")]
        runs = list(_runs(name))
        choices = dict.fromkeys((str(run.variant["request"]) for run in runs), codes)
        caught: dict[str, str] = {}
        for run in runs:
            caught.setdefault(_drawn(run, "request", choices), run.id)
        for code, run_id in caught.items():
            vehicle(f"takes-{protocol.name}-{code}", f"{code} is treated as OK", run_id, patches=_taking(code))


_check_id = v2g.session.Session._check_id


def _accepting(right: Any) -> list[tuple[Any, str, Any]]:
    def check(self: Any, name: str, received: Any) -> None:
        if not right(self.id, received.session_id):
            _check_id(self, name, received)

    return [(v2g.session.Session, "_check_id", check)]


def _bits(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


IDS = {
    "zero": lambda own, given: not any(given),
    "one bit off": lambda own, given: len(own) == len(given) and _bits(own, given) == 1,
    "cut short": lambda own, given: own.startswith(given),
}


def _sessions() -> None:
    for name in ("PF_EVCC_ISO2_StaleSession_DC", "PF_EVCC_ISO2_StaleSession_AC", "PF_EVCC_DIN_StaleSession"):
        for kind, right in IDS.items():
            run = next(run for run in _runs(name) if run.variant["id"] == kind)
            vehicle(f"session-{run.id}", f"a session id that is {kind} is accepted", run.id, patches=_accepting(right))


_follow = secc.iso2.follow


def _deaf(visit: Any, request: Any, *args: Any) -> Any:
    return _follow(visit, deep("EVErrorCode", "NO_ERROR")(request), *args)


def _fixed(module: str, name: str, **fields: Any) -> Adjust:
    def change(message: Any) -> Any:
        for field, value in fields.items():
            message = deep(field, value)(message)
        return message

    return sending(name, change, module)


_wrong_requests()
_skipped_steps()
_leaves()
_allowed_steps()
_broken_rules()
_codes()
_sessions()


def _first_service(message: Any) -> Any:
    service = message.SelectedServiceList.SelectedService[0]
    service.ServiceID = 1
    return message


vehicle(
    "din-service-1", "ServiceID 1 is selected, whatever is on offer", "PF_EVCC_DIN_ServiceSelected",
    adjust=sending("ServicePaymentSelectionReq", _first_service, "din70121"),
)  # fmt: skip
charger(
    "schema-id-fixed", "the SchemaID of supportedAppProtocolRes is always 1", "PF_SECC_ISO2_SAP_Priority#1",
    adjust=_fixed("appproto", "supportedAppProtocolRes", SchemaID=1),
)  # fmt: skip
charger(
    "foreign-emaid", "PaymentDetailsReq is answered OK, whatever it says", "PF_SECC_ISO2_ForeignContract#1",
    "PF_SECC_ISO2_ForeignContract#2",
    adjust=answering("PaymentDetailsReq", accepting("PaymentDetailsRes", GenChallenge=bytes(16), EVSETimeStamp=1)),
)  # fmt: skip
charger(
    "receipt-waived", "the loop goes on without the receipt that is due", "PF_SECC_ISO2_NoReceipt",
    patches=_allowing("CurrentDemandReq", "CurrentDemandReq"),
)  # fmt: skip
for _run in _runs("PF_SECC_ISO2_VehicleError_Loop", "PF_SECC_DIN_VehicleError_Loop"):
    charger(
        f"deaf-{_run.id}", "the vehicle's error code in the loop is ignored", _run.id,
        patches=[(secc.iso2, "follow", _deaf), (secc.din70121, "follow", _deaf)],
    )  # fmt: skip
for _state in ("Authorization", "ChargeParameterDiscovery", "CableCheck"):
    charger(
        f"impatient-{_state}", f"what follows {_state} is taken while it is Ongoing",
        f"PF_SECC_ISO2_OngoingIgnored_{_state}", patches=[(secc.answer, "_check_order", nothing)],
    )  # fmt: skip
for _run in _runs("PF_EVCC_ISO2_Danger_DC", "PF_EVCC_DIN_Danger"):
    if _run.variant["what"] == "oscillator off":  # which no message tells
        continue
    vehicle(
        f"fearless-{_run.id}", f"{_run.variant['what']} in the loop is ignored", _run.id,
        patches=[*unjudged(str(_run.variant["what"])), (evcc.checks, "dc_ending", nothing)],
    )  # fmt: skip
charger(
    "rcd-untold", "ChargingStatusRes never says that the RCD has tripped", "PF_SECC_ISO2_RCD",
    adjust=_fixed("iso2", "ChargingStatusRes", RCD=False),
)  # fmt: skip
vehicle(
    "rcd-unheeded", "the charger's RCD in the loop is ignored", "PF_EVCC_ISO2_Danger_AC#1",
    patches=[(evcc.iso2, "ac_ending", nothing)],
)  # fmt: skip
