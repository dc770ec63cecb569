"""Every time-out and performance time under its standard name, in seconds, per protocol.

The vehicle's time-outs for a response and the charger's own limits for answering are tables by request name. Values are
those of ISO 15118-2 tables 109 and 110 and of DIN SPEC 70121 section 9.6.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from boundary.choices import unknown
from v2g.errors import SetupError

_DEFAULT = "default"


@dataclass(frozen=True)
class Timing:
    """The timers of one protocol; :meth:`replace` changes some of them."""

    V2G_EVCC_Msg_Timeout: Mapping[str, float]
    """Vehicle: request sent -> response received, by request name; ``default`` for the rest."""
    V2G_SECC_Msg_Performance_Time: Mapping[str, float]
    """Charger: request received -> response sent, by request name."""
    V2G_EVCC_Sequence_Performance_Time: float = 40.0
    V2G_SECC_Sequence_Timeout: float = 60.0
    """Charger: response sent -> next request [V2G2-443]."""
    V2G_EVCC_CommunicationSetup_Timeout: float = 20.0
    """Vehicle: link up -> SessionSetupRes [V2G2-714]."""
    V2G_SECC_CommunicationSetup_Performance_Time: float = 18.0
    """Charger: link up -> SessionSetupRes sent [V2G2-716]."""
    V2G_EVCC_Ongoing_Timeout: float = 60.0
    """Vehicle: first Ongoing -> Finished [V2G2-710]."""
    V2G_SECC_Ongoing_Performance_Time: float = 55.0
    """Charger: the same, then FAILED [V2G2-712, 713]."""
    V2G_EVCC_CableCheck_Timeout: float = 40.0
    V2G_SECC_CableCheck_Performance_Time: float = 38.0
    V2G_EVCC_PreCharge_Timeout: float = 7.0
    V2G_SECC_PreCharge_Performance_Time: float = 5.0
    V2G_EVCC_ReadyToCharge_Timeout: float | None = None
    """Vehicle, DIN: SessionSetupRes -> PowerDeliveryRes."""
    V2G_SECC_ReadyToCharge_Performance_Time: float | None = None
    V2G_SECC_CPState_Detection_Timeout: float = 1.5
    """Charger: how long it waits for the control pilot state that a request requires [V2G-DC-547]."""
    V2G_EVCC_CPState_Change_Time: float = 0.25
    """Vehicle, AC: state change after sending PowerDeliveryReq [V2G2-847, 848]."""
    V2G_SECC_Contactor_Close_Time: float = 3.0
    """Charger, AC: state C seen -> contactor closed [V2G2-860]."""
    TCP_Connection_Termination_Timeout: float = 5.0
    """Both: end of the session -> TCP closed."""
    SDP_Request_Interval: float = 0.25
    """Vehicle: wait before the next SDP request [V2G2-159]."""
    SDP_Max_Requests: float = 50
    """Vehicle: consecutive SDP requests without an answer [V2G2-161]."""
    Loop_Sequence_Performance_Time: float | None = None
    """Vehicle, ISO 15118-20: charge loop response -> next request [V2G20-1499, 1501]; None: as for other messages."""
    Loop_Sequence_Timeout: float | None = None
    """Charger, ISO 15118-20: the same [V2G20-1500, 1502]."""
    overridden: frozenset[str] = field(default_factory=frozenset)

    def message_timeout(self, request: str) -> float:
        """The vehicle's time-out for the response to a request, s."""
        return self.V2G_EVCC_Msg_Timeout.get(request, self.V2G_EVCC_Msg_Timeout[_DEFAULT])

    def sequence_timeout(self, *, in_loop: bool = False) -> float:
        """How long the charger waits for the next request, s; shorter in the charge loop of ISO 15118-20."""
        own = self.Loop_Sequence_Timeout if in_loop else None
        return self.V2G_SECC_Sequence_Timeout if own is None else own

    def sequence_performance(self, *, in_loop: bool = False) -> float:
        """How long the vehicle may take until its next request, s."""
        own = self.Loop_Sequence_Performance_Time if in_loop else None
        return self.V2G_EVCC_Sequence_Performance_Time if own is None else own

    def performance_time(self, request: str) -> float:
        """The charger's limit for answering a request, s."""
        return self.V2G_SECC_Msg_Performance_Time.get(request, self.V2G_SECC_Msg_Performance_Time[_DEFAULT])

    def replace(self, changes: Mapping[str, float]) -> Timing:
        """A copy with changed values. A single message's timer is named like ``V2G_EVCC_Msg_Timeout.CableCheckReq``.

        Raises:
            SetupError: there is no such timer.
        """
        values: dict[str, object] = {}
        known = {f.name for f in dataclasses.fields(self)} - {"overridden"}
        for name, seconds in changes.items():
            timer, _, message = name.partition(".")
            if timer not in known or bool(message) != isinstance(getattr(self, timer), Mapping):
                raise SetupError(unknown("timer", name, known))
            if message:
                table = values.get(timer, getattr(self, timer))
                assert isinstance(table, Mapping)
                values[timer] = {**table, message: seconds}
            else:
                values[timer] = seconds
        return dataclasses.replace(self, **values, overridden=self.overridden | set(changes))  # type: ignore[arg-type]  # checked above


ISO2 = Timing(
    V2G_EVCC_Msg_Timeout={
        _DEFAULT: 2.0,
        "ServiceDetailReq": 5.0,
        "PowerDeliveryReq": 5.0,
        "CertificateInstallationReq": 5.0,
        "CertificateUpdateReq": 5.0,
        "PaymentDetailsReq": 5.0,
        "CurrentDemandReq": 0.25,
    },
    V2G_SECC_Msg_Performance_Time={
        _DEFAULT: 1.5,
        "ServiceDetailReq": 4.5,
        "PowerDeliveryReq": 4.5,
        "CertificateInstallationReq": 4.5,
        "CertificateUpdateReq": 4.5,
        "PaymentDetailsReq": 4.5,
        "CurrentDemandReq": 0.025,
    },
)

DIN = Timing(
    V2G_EVCC_Msg_Timeout={_DEFAULT: 2.0, "CurrentDemandReq": 0.25},
    V2G_SECC_Msg_Performance_Time={_DEFAULT: 1.5, "CurrentDemandReq": 0.025},
    V2G_EVCC_ReadyToCharge_Timeout=150.0,
    V2G_SECC_ReadyToCharge_Performance_Time=148.0,
)

ISO20 = Timing(
    V2G_EVCC_Msg_Timeout={
        _DEFAULT: 2.0,
        "ServiceDetailReq": 5.0,
        "CertificateInstallationReq": 5.0,
        "AC_ChargeLoopReq": 0.5,
        "DC_ChargeLoopReq": 0.5,
        "WPT_ChargeLoopReq": 0.5,
    },
    V2G_SECC_Msg_Performance_Time={
        _DEFAULT: 1.5,
        "ServiceDetailReq": 4.5,
        "CertificateInstallationReq": 4.5,
        "AC_ChargeLoopReq": 0.25,
        "DC_ChargeLoopReq": 0.25,
        "WPT_ChargeLoopReq": 0.25,
    },
    V2G_EVCC_PreCharge_Timeout=10.0,
    V2G_SECC_PreCharge_Performance_Time=10.0,
    V2G_SECC_Contactor_Close_Time=1.2,  # state C comes 0.25 s after the request, the response within 1.5 s of it
    Loop_Sequence_Performance_Time=0.25,
    Loop_Sequence_Timeout=0.5,
)
"""In ISO 15118-20 the names lack the prefix ``V2G_``."""

RELAXED: Mapping[str, float] = {
    "Loop_Sequence_Timeout": ISO20.V2G_SECC_Sequence_Timeout,
    "Loop_Sequence_Performance_Time": ISO20.V2G_EVCC_Sequence_Performance_Time,
    **{
        f"{timer}.{energy}_ChargeLoopReq": seconds
        for timer, seconds in (("V2G_EVCC_Msg_Timeout", 2.0), ("V2G_SECC_Msg_Performance_Time", 1.5))
        for energy in ("AC", "DC", "WPT")
    },
}
"""Changes that give the charge loop of ISO 15118-20 the timers of other messages, as open stacks do: for benches whose
peer is slower than the standard requires. A charger may then deliver to a silent vehicle for up to a minute.
"""
