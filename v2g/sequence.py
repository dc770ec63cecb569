"""The legal order of messages, as role-neutral tables.

A :class:`Step` says what may follow a request once it has been answered. The first row whose ``when`` is true counts;
anything that no row allows is illegal. ``then`` is the standard, ``tolerated`` is what real vehicles also do. A name
with a word after a colon means a PowerDeliveryReq with that progress: ``:stop`` ends the power flow.

The tables have four users: the charger's FAILED_SequenceError, a guard in the vehicle, the check of recorded sessions,
and the diagram in the docs (:func:`mermaid`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from typing import Any, Literal

Verdict = Literal["legal", "tolerated", "illegal"]


@dataclass
class _Facts:
    """The input of conditions: the latest exchange, and whether the session is about DC."""

    request: Any
    response: Any
    dc: bool


def _ongoing(facts: _Facts) -> bool:
    return str(getattr(facts.response, "EVSEProcessing", "Finished")).startswith("Ongoing")


def _contract(facts: _Facts) -> bool:
    return bool(facts.request.SelectedPaymentOption == "Contract")


def _dc(facts: _Facts) -> bool:
    return facts.dc


def _progress(request: Any) -> str:
    """Start, Stop or Renegotiate of either protocol's PowerDeliveryReq."""
    ready = getattr(request, "ReadyToChargeState", None)
    if ready is not None:
        return "Start" if ready else "Stop"
    return str(getattr(request, "ChargeProgress", ""))


def _start(facts: _Facts) -> bool:
    return _progress(facts.request) == "Start"


def _start_dc(facts: _Facts) -> bool:
    return _start(facts) and facts.dc


def _renegotiate(facts: _Facts) -> bool:
    return _progress(facts.request) == "Renegotiate"


def _stop(facts: _Facts) -> bool:
    return _progress(facts.request) == "Stop"


def _stop_dc(facts: _Facts) -> bool:
    return _stop(facts) and facts.dc


def _start_unfinished(facts: _Facts) -> bool:
    """ISO 15118-20: the vehicle is still working on its profile."""
    return _start(facts) and str(getattr(facts.request, "EVProcessing", "")) == "Ongoing"


def _profile_unfinished(facts: _Facts) -> bool:
    return str(facts.request.EVProcessing) == "Ongoing"


def _arriving(facts: _Facts) -> bool:
    return str(facts.request.EVCheckInStatus) != "Completed"


def _leaving(facts: _Facts) -> bool:
    statuses = (facts.request.EVCheckOutStatus, getattr(facts.response, "EVSECheckOutStatus", ""))
    return any(str(status) != "Completed" for status in statuses)


def _code(facts: _Facts) -> str:
    return str(getattr(facts.response, "ResponseCode", ""))


def _joined(facts: _Facts) -> bool:
    return _code(facts) == "OK_OldSessionJoined"


def _warned(facts: _Facts) -> bool:
    return _code(facts).startswith("WARNING")


def _start_warned(facts: _Facts) -> bool:
    """ISO 15118-20: the tolerance was not confirmed, so the power flow does not begin."""
    return _start(facts) and _warned(facts)


def _another_service(facts: _Facts) -> bool:
    return str(facts.request.ChargingSession) == "ServiceRenegotiation"


def _receipt(facts: _Facts) -> bool:
    return bool(getattr(facts.response, "ReceiptRequired", None))


@dataclass(frozen=True)
class Step:
    """What may follow ``after``, on condition ``when``."""

    after: str
    then: str
    tolerated: str = ""
    when: Callable[[_Facts], bool] | None = None

    @cached_property
    def legal(self) -> tuple[str, ...]:
        """Names of the requests that the standard allows then."""
        return tuple(self.then.split())

    @cached_property
    def unusual(self) -> tuple[str, ...]:
        """Names of the other requests that real vehicles send then."""
        return tuple(self.tolerated.split())


START = ""
"""The start: only supportedAppProtocol is done."""

_STOP = "PowerDeliveryReq:stop"
_START = "PowerDeliveryReq:start"

ISO2 = (
    Step(START, "SessionSetupReq"),
    Step("SessionSetupReq", "ServiceDiscoveryReq SessionStopReq"),
    Step("ServiceDiscoveryReq", "ServiceDetailReq PaymentServiceSelectionReq SessionStopReq"),
    Step("ServiceDetailReq", "ServiceDetailReq PaymentServiceSelectionReq SessionStopReq"),
    Step(
        "PaymentServiceSelectionReq",
        "CertificateInstallationReq CertificateUpdateReq PaymentDetailsReq SessionStopReq",
        when=_contract,
    ),
    Step("PaymentServiceSelectionReq", "AuthorizationReq SessionStopReq"),
    Step("CertificateInstallationReq", "PaymentDetailsReq SessionStopReq"),
    Step("CertificateUpdateReq", "PaymentDetailsReq SessionStopReq"),
    Step("PaymentDetailsReq", "AuthorizationReq SessionStopReq"),
    Step("AuthorizationReq", "AuthorizationReq SessionStopReq", when=_ongoing),
    Step("AuthorizationReq", "ChargeParameterDiscoveryReq SessionStopReq"),
    Step("ChargeParameterDiscoveryReq", "ChargeParameterDiscoveryReq SessionStopReq", when=_ongoing),
    # A charger without power to give may ask to stop here, before any cable check.
    Step("ChargeParameterDiscoveryReq", f"CableCheckReq SessionStopReq {_STOP}", "PowerDeliveryReq", when=_dc),
    Step("ChargeParameterDiscoveryReq", "PowerDeliveryReq SessionStopReq"),
    Step("CableCheckReq", "CableCheckReq SessionStopReq", _STOP, when=_ongoing),
    Step("CableCheckReq", "PreChargeReq SessionStopReq", _STOP),
    Step("PreChargeReq", "PreChargeReq PowerDeliveryReq SessionStopReq"),
    # A second Start has its own answer (FAILED), so it is not a sequence error.
    Step("PowerDeliveryReq", "CurrentDemandReq PowerDeliveryReq", "SessionStopReq", when=_start_dc),
    Step("PowerDeliveryReq", "ChargingStatusReq PowerDeliveryReq", "SessionStopReq", when=_start),
    Step("PowerDeliveryReq", "ChargeParameterDiscoveryReq SessionStopReq", when=_renegotiate),
    Step("PowerDeliveryReq", "WeldingDetectionReq SessionStopReq", when=_dc),
    Step("PowerDeliveryReq", "SessionStopReq"),
    Step("ChargingStatusReq", "MeteringReceiptReq", "SessionStopReq", when=_receipt),
    Step("ChargingStatusReq", "ChargingStatusReq PowerDeliveryReq", "SessionStopReq"),
    Step("CurrentDemandReq", "MeteringReceiptReq", "SessionStopReq", when=_receipt),
    Step("CurrentDemandReq", "CurrentDemandReq PowerDeliveryReq", "SessionStopReq"),
    Step("MeteringReceiptReq", "CurrentDemandReq PowerDeliveryReq", "SessionStopReq", when=_dc),
    Step("MeteringReceiptReq", "ChargingStatusReq PowerDeliveryReq", "SessionStopReq"),
    Step("WeldingDetectionReq", "WeldingDetectionReq SessionStopReq"),
    Step("SessionStopReq", ""),
)
"""ISO 15118-2 section 8.8 [V2G2-543 .. 601, 684 .. 688, 795 .. 813]."""

DIN = (
    Step(START, "SessionSetupReq"),
    Step("SessionSetupReq", "ServiceDiscoveryReq SessionStopReq"),
    Step("ServiceDiscoveryReq", "ServicePaymentSelectionReq SessionStopReq"),
    Step("ServicePaymentSelectionReq", "ContractAuthenticationReq SessionStopReq"),
    Step("ContractAuthenticationReq", "ContractAuthenticationReq SessionStopReq", when=_ongoing),
    Step("ContractAuthenticationReq", "ChargeParameterDiscoveryReq SessionStopReq"),
    Step("ChargeParameterDiscoveryReq", "ChargeParameterDiscoveryReq SessionStopReq", when=_ongoing),
    Step("ChargeParameterDiscoveryReq", "CableCheckReq SessionStopReq", _STOP),
    Step("CableCheckReq", "CableCheckReq SessionStopReq", _STOP, when=_ongoing),
    Step("CableCheckReq", "PreChargeReq SessionStopReq", _STOP),
    Step("PreChargeReq", "PreChargeReq PowerDeliveryReq SessionStopReq"),
    Step("PowerDeliveryReq", "CurrentDemandReq PowerDeliveryReq", "SessionStopReq", when=_start),
    Step("PowerDeliveryReq", "WeldingDetectionReq SessionStopReq"),
    # Some vehicles go straight to SessionStop after the loop.
    Step("CurrentDemandReq", "CurrentDemandReq PowerDeliveryReq", "SessionStopReq WeldingDetectionReq"),
    Step("WeldingDetectionReq", "WeldingDetectionReq SessionStopReq"),
    Step("SessionStopReq", ""),
)
"""DIN SPEC 70121 section 9.5 [V2G-DC-390 .. 401]."""

_DISCOVERY = "AC_ChargeParameterDiscoveryReq DC_ChargeParameterDiscoveryReq"

ISO20 = (
    Step(START, "SessionSetupReq"),
    # A returning vehicle may want another service; the charger decides whether it may have it.
    Step("SessionSetupReq", f"{_DISCOVERY} SessionStopReq", "ServiceDiscoveryReq", when=_joined),
    Step("SessionSetupReq", "AuthorizationSetupReq SessionStopReq"),
    Step("AuthorizationSetupReq", "AuthorizationReq CertificateInstallationReq SessionStopReq"),
    Step("CertificateInstallationReq", "CertificateInstallationReq SessionStopReq", "AuthorizationReq", when=_ongoing),
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
    # The vehicle answers a schedule with GoToPause with a stop, or directly with SessionStop.
    Step("ScheduleExchangeReq", f"DC_CableCheckReq SessionStopReq {_STOP}", when=_dc),
    Step("ScheduleExchangeReq", "PowerDeliveryReq SessionStopReq"),
    Step("DC_CableCheckReq", "DC_CableCheckReq SessionStopReq", when=_ongoing),
    Step("DC_CableCheckReq", "DC_PreChargeReq SessionStopReq"),
    Step("DC_PreChargeReq", "DC_PreChargeReq PowerDeliveryReq SessionStopReq"),
    Step("PowerDeliveryReq", "PowerDeliveryReq SessionStopReq", when=_start_unfinished),
    Step(
        "PowerDeliveryReq", "PowerDeliveryReq SessionStopReq", f"ScheduleExchangeReq {_DISCOVERY}", when=_start_warned
    ),
    Step("PowerDeliveryReq", "DC_WeldingDetectionReq SessionStopReq", when=_stop_dc),
    Step("PowerDeliveryReq", "SessionStopReq", when=_stop),
    # Start, Standby and ScheduleRenegotiation lead into the loop. Some stacks renegotiate on the main stream.
    Step(
        "PowerDeliveryReq",
        "DC_ChargeLoopReq PowerDeliveryReq",
        f"SessionStopReq ScheduleExchangeReq {_DISCOVERY}",
        when=_dc,
    ),
    Step("PowerDeliveryReq", "AC_ChargeLoopReq PowerDeliveryReq", f"SessionStopReq ScheduleExchangeReq {_DISCOVERY}"),
    # SessionStop during energy transfer must be treated as a stop; a receipt belongs on its own stream.
    Step("AC_ChargeLoopReq", "AC_ChargeLoopReq PowerDeliveryReq", "SessionStopReq MeteringConfirmationReq"),
    Step("DC_ChargeLoopReq", "DC_ChargeLoopReq PowerDeliveryReq", "SessionStopReq MeteringConfirmationReq"),
    Step("MeteringConfirmationReq", "DC_ChargeLoopReq PowerDeliveryReq", "SessionStopReq", when=_dc),
    Step("MeteringConfirmationReq", "AC_ChargeLoopReq PowerDeliveryReq", "SessionStopReq"),
    Step("DC_WeldingDetectionReq", "DC_WeldingDetectionReq SessionStopReq"),
    Step("SessionStopReq", "ServiceDiscoveryReq", when=_another_service),
    Step("SessionStopReq", ""),
)
"""ISO 15118-20 section 8.4: the main stream of AC and DC; wireless and pantograph sessions are not covered."""

RENEGOTIATION = (
    Step(START, _DISCOVERY),
    # A vehicle that gave up may start again.
    Step("AC_ChargeParameterDiscoveryReq", "ScheduleExchangeReq", _DISCOVERY),
    Step("DC_ChargeParameterDiscoveryReq", "ScheduleExchangeReq", _DISCOVERY),
    Step("ScheduleExchangeReq", "ScheduleExchangeReq", _DISCOVERY, when=_ongoing),
    # Start fits best; ScheduleRenegotiation is another possible reading of the standard.
    Step("ScheduleExchangeReq", _START, f"PowerDeliveryReq:schedulerenegotiation {_DISCOVERY}"),
    Step("PowerDeliveryReq", _START, f"PowerDeliveryReq:schedulerenegotiation {_DISCOVERY}", when=_profile_unfinished),
    Step("PowerDeliveryReq", _DISCOVERY),
)
"""Side stream of schedule renegotiation, which may repeat."""

METERING = (
    Step(START, "MeteringConfirmationReq"),
    Step("MeteringConfirmationReq", "MeteringConfirmationReq"),
)
"""Side stream of metering confirmation."""

PANTOGRAPH = (
    Step(START, "ACDP_SystemStatusReq"),
    Step("ACDP_SystemStatusReq", "ACDP_SystemStatusReq"),
)
"""Side stream of the pantograph's status."""

PARKING = (
    Step(START, "VehicleCheckInReq VehicleCheckOutReq"),
    Step("VehicleCheckInReq", "VehicleCheckInReq", "VehicleCheckOutReq", when=_arriving),
    Step("VehicleCheckInReq", "VehicleCheckOutReq"),
    Step("VehicleCheckOutReq", "VehicleCheckOutReq", when=_leaving),
    Step("VehicleCheckOutReq", ""),
)
"""Side stream of parking: the parameter set says which of the two a vehicle does (IntendedService)."""

TABLES = {"iso2": ISO2, "din70121": DIN}
"""The tables by schema set that both roles speak."""


def _is_dc(request: Any, before: bool) -> bool:
    """Whether the session is about DC: the charge parameters tell, in ISO 15118-20 by their message's name."""
    name = type(request).__name__
    if name.endswith("_ChargeParameterDiscoveryReq"):
        return name.startswith("DC_")
    parameter = getattr(request, "EVChargeParameter", None)
    return before if parameter is None else type(parameter).__name__.startswith("DC_")


@dataclass
class Sequence:
    """Follows one session through its table.

    Args:
        table: :data:`ISO2`, :data:`DIN`, :data:`ISO20`, or the table of a side stream.
    """

    table: tuple[Step, ...]
    dc: bool = True
    last: str = START
    _rows: dict[str, list[Step]] = field(default_factory=dict, init=False)
    _row: Step | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        for step in self.table:
            self._rows.setdefault(step.after, []).append(step)
        self._row = self._rows[START][0]

    @property
    def allowed(self) -> tuple[str, ...]:
        """Names of the requests that the standard allows now."""
        return self._row.legal if self._row else ()

    @property
    def tolerated(self) -> tuple[str, ...]:
        """Names of the other requests that real vehicles send now."""
        return self._row.unusual if self._row else ()

    def verdict(self, request: Any) -> Verdict:
        """Whether a request may come now."""
        name = type(request).__name__
        if name in self.allowed:
            return "legal"
        named = f"{name}:{_progress(request).lower()}"
        if named in self.allowed:
            return "legal"
        return "tolerated" if name in self.tolerated or named in self.tolerated else "illegal"

    def expected(self) -> str:
        """The legal requests, as text for users."""
        words = (name.partition(":") for name in self.allowed)
        return " or ".join(f"{name}({how.capitalize()})" if how else name for name, _, how in words) or "nothing"

    def advance(self, request: Any, response: Any) -> None:
        """Notes an exchange. After a refused request (FAILED...) only an end is allowed."""
        self.dc = _is_dc(request, self.dc)
        facts = _Facts(request, response, self.dc)
        self.last = type(request).__name__
        self._row = None
        for row in self._rows.get(self.last, ()):
            if row.when is None or row.when(facts):
                self._row = row
                break


def edges(table: tuple[Step, ...]) -> Iterator[tuple[str, str, str]]:
    """(message, next message, condition) of every row, for diagrams."""
    for step in table:
        for name in step.then.split():
            yield step.after or "supportedAppProtocolReq", name, step.when.__name__.strip("_") if step.when else ""


@cache
def after(table: tuple[Step, ...], name: str) -> frozenset[str]:
    """The requests that can still follow this one in a session, directly or later, tolerated ones included."""
    found: set[str] = set()
    news = {name}
    while news:
        rows = [step for step in table if step.after in news]
        words = {word.partition(":")[0] for step in rows for word in f"{step.then} {step.tolerated}".split()}
        news = words - found
        found |= words
    return frozenset(found)


def mermaid(table: tuple[Step, ...]) -> str:
    """The table as a Mermaid state diagram."""
    lines = ["stateDiagram-v2"]
    for source, target, condition in edges(table):
        lines.append(f"    {source} --> {target.partition(':')[0]}" + (f" : {condition}" if condition else ""))
    return "\n".join(dict.fromkeys(lines))


def page() -> str:
    """The page of the docs that draws the tables (``python -m v2g.sequence > docs/sequence.md``)."""
    parts = ["# The order of messages", "", "Drawn from the tables in `v2g/sequence.py`; do not edit. An edge with a"]
    parts += ["word after the colon holds on that condition, and then instead of the edges without.", ""]
    tables = (
        ("ISO 15118-2", ISO2),
        ("DIN SPEC 70121", DIN),
        ("ISO 15118-20", ISO20),
        ("ISO 15118-20, schedule renegotiation (side stream 0x8101)", RENEGOTIATION),
        ("ISO 15118-20, metering confirmation (side stream 0x8102)", METERING),
        ("ISO 15118-20, parking (side stream 0x8104)", PARKING),
    )
    for title, table in tables:
        parts += [f"## {title}", "", "```mermaid", mermaid(table), "```", ""]
    return "\n".join(parts)


if __name__ == "__main__":
    from boundary.console import raw

    raw(page())
