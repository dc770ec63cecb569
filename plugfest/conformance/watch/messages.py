"""Messages of any protocol, reduced to their physics: who asks for what, within which limits, and what is there.

DIN SPEC 70121 and ISO 15118-2 share their names; ISO 15118-20 has others for the same things. What a message does not
have is None or "".
"""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from v2g import naming
from v2g.phases import given
from v2g.physical import number
from v2g.rules.facts import progress
from v2g.rules.status import OUTAGES
from v2g.status import refuses


class Stage(enum.Enum):
    """What a message is about."""

    HANDSHAKE = enum.auto()
    SETUP = enum.auto()
    PARAMETERS = enum.auto()
    SCHEDULE = enum.auto()
    CABLE_CHECK = enum.auto()
    PRECHARGE = enum.auto()
    DELIVERY = enum.auto()
    LOOP = enum.auto()
    WELDING = enum.auto()
    END = enum.auto()
    OTHER = enum.auto()


STAGES = {
    "supportedAppProtocol": Stage.HANDSHAKE,
    "SessionSetup": Stage.SETUP,
    "ChargeParameterDiscovery": Stage.PARAMETERS,
    "DC_ChargeParameterDiscovery": Stage.PARAMETERS,
    "AC_ChargeParameterDiscovery": Stage.PARAMETERS,
    "CableCheck": Stage.CABLE_CHECK,
    "ScheduleExchange": Stage.SCHEDULE,
    "DC_CableCheck": Stage.CABLE_CHECK,
    "PreCharge": Stage.PRECHARGE,
    "DC_PreCharge": Stage.PRECHARGE,
    "PowerDelivery": Stage.DELIVERY,
    "CurrentDemand": Stage.LOOP,
    "ChargingStatus": Stage.LOOP,
    "DC_ChargeLoop": Stage.LOOP,
    "AC_ChargeLoop": Stage.LOOP,
    "WeldingDetection": Stage.WELDING,
    "DC_WeldingDetection": Stage.WELDING,
    "SessionStop": Stage.END,
}
"""Name of a message without Req or Res -> what it is about."""

VOLTS = (
    "EVMaximumVoltageLimit", "EVMaximumVoltage", "EVMaxVoltage", "EVSEMaximumVoltageLimit", "EVSEMaximumVoltage",
)  # fmt: skip
AMPS = (
    "EVMaximumCurrentLimit", "EVMaximumChargeCurrent", "EVMaxCurrent", "EVSEMaximumCurrentLimit",
    "EVSEMaximumChargeCurrent",
)  # fmt: skip
WATTS = ("EVMaximumPowerLimit", "EVMaximumChargePower", "EVSEMaximumPowerLimit", "EVSEMaximumChargePower")
VOLTS_LEAST = ("EVMinimumVoltage", "EVSEMinimumVoltageLimit", "EVSEMinimumVoltage")
AMPS_LEAST = ("EVMinimumChargeCurrent", "EVSEMinimumCurrentLimit", "EVSEMinimumChargeCurrent")
WATTS_LEAST = ("EVMinimumChargePower", "EVSEMinimumChargePower")
AMPS_BACK = ("EVMaximumDischargeCurrent", "EVSEMaximumDischargeCurrent")
WATTS_BACK = ("EVMaximumDischargePower", "EVSEMaximumDischargePower")
PHASES = ("EVPresentActivePower", "EVSETargetActivePower")
"""AC: what flows, and what the charger commands, over the phases."""
PARTS = (
    "EVChargeParameter", "EVSEChargeParameter", "EVPowerDeliveryParameter", "DC_CPDReqEnergyTransferMode",
    "DC_CPDResEnergyTransferMode", "AC_CPDReqEnergyTransferMode", "AC_CPDResEnergyTransferMode", "CLReqControlMode",
    "CLResControlMode", "Dynamic_SEReqControlMode", "Scheduled_SEReqControlMode", "Dynamic_SEResControlMode",
    "DisplayParameters", "DC_EVStatus", "DC_EVSEStatus", "AC_EVSEStatus", "EVSEStatus", "MeterInfo",
)  # fmt: skip
"""Fields that are groups of fields."""

LIMITS = ("Current", "Voltage", "Power")
"""Of EVSE...LimitAchieved."""


ENERGIES = {
    "target": "EVTargetEnergyRequest",
    "most": "EVMaximumEnergyRequest",
    "least": "EVMinimumEnergyRequest",
    "band_most": "EVMaximumV2XEnergyRequest",
    "band_least": "EVMinimumV2XEnergyRequest",
}
"""What a vehicle needs, by its name in :class:`Needs` -> the field."""
SOCS = {"least_soc": "MinimumSOC", "target_soc": "TargetSOC", "most_soc": "MaximumSOC"}
REMAINING = ("RemainingTimeToMinimumSOC", "RemainingTimeToTargetSOC", "RemainingTimeToMaximumSOC")


class Needs(NamedTuple):
    """What a vehicle needs, or a charger says that it needs: Wh, percent, and s until it departs (ISO 15118-20)."""

    target: float | None = None
    most: float | None = None
    least: float | None = None
    band_most: float | None = None
    band_least: float | None = None
    least_soc: float | None = None
    target_soc: float | None = None
    most_soc: float | None = None
    departure: float | None = None


@dataclass(frozen=True, slots=True)
class Limits:
    """The most of one side, or its least: V, A, W."""

    volts: float | None = None
    amps: float | None = None
    watts: float | None = None

    def over(self, other: Limits) -> Limits:
        """The same, with those of another where there are none."""
        return Limits(
            other.volts if self.volts is None else self.volts,
            other.amps if self.amps is None else self.amps,
            other.watts if self.watts is None else self.watts,
        )


Phases = tuple[float, ...]
"""W: none, the sum, or one of each phase."""


@dataclass(frozen=True, slots=True)
class Said:
    """A message's physics.

    Attributes:
        name: of the message.
        stage: what it is about.
        request: of the vehicle, else of the charger.
        code: ResponseCode, "" of a request.
        progress: Start, Stop, Renegotiate ... of a PowerDeliveryReq.
        target_volts, target_amps: asked for.
        most: the sender's limits.
        lowest: the least of the sender's limits.
        back: the sender's limits of what goes out of the vehicle, by their magnitude.
        phases: of AC, what the vehicle draws or the charger commands; negative: out of the vehicle.
        flows: of AC, what the charger says that flows.
        phase_most, phase_back: the sender's limits of the same, the latter by their magnitude.
        least, least_back: W below which a vehicle neither charges nor gives back, by their magnitude.
        room: Wh that may go out of the battery before it is at the lower end of its band, below zero; or more than
            that, which has to go in first.
        volts, amps: present.
        reactive: EVPresentReactivePower, VAr: none, the sum, or one of each phase.
        channel: BPT_ChannelSelection.
        inlet: EVPresentVoltage.
        needs: of a vehicle.
        remaining: s to the least, the target and the highest SoC, as far as they are there.
        processed: EVProcessing is Finished.
        ready: EVReady.
        error: EVErrorCode but NO_ERROR.
        soc: percent.
        capacity: of the battery, Wh.
        wanted_wh: energy asked for, Wh.
        full_soc, bulk_soc: FullSOC and BulkSOC, percent.
        least_amps: EVMinCurrent of AC.
        isolation, status: EVSEIsolationStatus, EVSEStatusCode.
        wish, delay: EVSENotification, and NotificationMaxDelay in s.
        finished: EVSEProcessing is Finished.
        slack: tolerance and half the ripple of the current by the charger's own word, A.
        meter, wh: MeterID and reading, ``wh_back`` of what the vehicle gave.
        line_amps, nominal_volts: of AC.
        rcd: a residual current was detected.
        claims: limits that are reached by the charger's own word: Current, Voltage, Power.
        to_full, to_bulk: RemainingTimeToFullSoC and RemainingTimeToBulkSoC, s.
        complete, bulk_complete: ChargingComplete and BulkChargingComplete.
    """

    name: str
    stage: Stage
    request: bool
    code: str = ""
    progress: str = ""
    target_volts: float | None = None
    target_amps: float | None = None
    most: Limits = field(default_factory=Limits)
    lowest: Limits = field(default_factory=Limits)
    back: Limits = field(default_factory=Limits)
    phases: Phases = ()
    flows: Phases = ()
    phase_most: Phases = ()
    phase_back: Phases = ()
    least: float | None = None
    least_back: float | None = None
    room: float | None = None
    volts: float | None = None
    amps: float | None = None
    reactive: Phases = ()
    channel: str = ""
    inlet: float | None = None
    needs: Needs = field(default_factory=Needs)
    remaining: tuple[float, ...] = ()
    processed: bool = False
    ready: bool | None = None
    error: str = ""
    soc: int | None = None
    capacity: float | None = None
    wanted_wh: float | None = None
    full_soc: int | None = None
    bulk_soc: int | None = None
    least_amps: float | None = None
    isolation: str = ""
    status: str = ""
    wish: str = ""
    delay: float = 0.0
    finished: bool = False
    slack: float = 0.0
    meter: str = ""
    wh: float | None = None
    wh_back: float | None = None
    line_amps: float | None = None
    nominal_volts: float | None = None
    rcd: bool = False
    claims: frozenset[str] = frozenset()
    to_full: float | None = None
    to_bulk: float | None = None
    complete: bool | None = None
    bulk_complete: bool | None = None

    @property
    def limited(self) -> bool:
        """Some limit is reached by the charger's own word."""
        return bool(self.claims)

    @property
    def ok(self) -> bool:
        """A request, or a response that does not refuse."""
        return not refuses(self.code)

    @property
    def alarm(self) -> str:
        """What a charger reports that ends the charging at once, or ""."""
        if self.status in OUTAGES:
            return self.status
        if self.isolation == "Fault":
            return "EVSEIsolationStatus Fault"
        return "RCD true" if self.rcd else ""

    @property
    def failed(self) -> bool:
        """EVErrorCode reports an error, and is not just without data."""
        return self.error.startswith("FAILED")


def read(message: Any) -> Said:
    """The physics of a message's body."""
    name = type(message).__name__
    request = name.endswith("Req")
    parts = list(_parts(message))

    def first(*names: str) -> Any:
        for part in parts:
            for one in names:
                value = getattr(part, one, None)
                if value is not None:
                    return value
        return None

    def amount(*names: str) -> float | None:
        value = first(*names)
        if value is None or isinstance(value, bool):
            return None
        return float(value) if isinstance(value, (int, float)) else number(value)

    def text(field_name: str) -> str:
        return str(first(field_name) or "")

    def magnitude(*names: str) -> float | None:
        value = amount(*names)
        return None if value is None else abs(value)

    def over_phases(*names: str) -> Phases:
        return next((found for part in parts for one in names if (found := given(part, one))), ())

    error, soc, delay = text("EVErrorCode"), first("EVRESSSOC", "PresentSOC"), first("NotificationMaxDelay")
    ripple = amount("EVSEPeakCurrentRipple") or 0.0
    return Said(
        name=name,
        stage=STAGES.get(naming.exchange(name), Stage.OTHER),
        request=request,
        code="" if request else text("ResponseCode"),
        progress=progress(message) if request else "",
        target_volts=amount("EVTargetVoltage"),
        target_amps=amount("EVTargetCurrent"),
        most=Limits(amount(*VOLTS), amount(*AMPS), amount(*WATTS)),
        lowest=Limits(amount(*VOLTS_LEAST), amount(*AMPS_LEAST), amount(*WATTS_LEAST)),
        back=Limits(None, magnitude(*AMPS_BACK), magnitude(*WATTS_BACK)),
        phases=over_phases(*PHASES),
        flows=over_phases("EVSEPresentActivePower"),
        phase_most=over_phases(*WATTS[1::2]),
        phase_back=tuple(map(abs, over_phases(*WATTS_BACK))),
        least=sum(over_phases("EVMinimumChargePower")) or None,
        least_back=abs(sum(over_phases("EVMinimumDischargePower"))) or None,
        room=amount("EVMinimumV2XEnergyRequest", "EVMinimumEnergyRequest"),
        volts=amount("EVSEPresentVoltage"),
        amps=amount("EVSEPresentCurrent"),
        reactive=over_phases("EVPresentReactivePower"),
        channel=text("BPT_ChannelSelection"),
        inlet=amount("EVPresentVoltage"),
        needs=Needs(
            departure=amount("DepartureTime"), **{key: amount(name) for key, name in (*ENERGIES.items(), *SOCS.items())}
        ),
        remaining=tuple(seconds for name in REMAINING if (seconds := amount(name)) is not None),
        processed=text("EVProcessing") == "Finished",
        ready=first("EVReady"),
        error="" if error == "NO_ERROR" else error,
        soc=None if soc is None else int(soc),
        capacity=amount("EVEnergyCapacity", "BatteryEnergyCapacity"),
        wanted_wh=amount("EVEnergyRequest", "EAmount"),
        full_soc=first("FullSOC"),
        bulk_soc=first("BulkSOC"),
        least_amps=amount("EVMinCurrent"),
        isolation=text("EVSEIsolationStatus"),
        status=text("EVSEStatusCode"),
        wish=text("EVSENotification"),
        delay=float(delay or 0),
        finished=text("EVSEProcessing") == "Finished",
        slack=(amount("EVSECurrentRegulationTolerance") or 0.0) + ripple / 2.0,
        meter=text("MeterID"),
        wh=amount("MeterReading", "ChargedEnergyReadingWh"),
        wh_back=amount("BPT_DischargedEnergyReadingWh"),
        line_amps=amount("EVSEMaxCurrent"),
        nominal_volts=amount("EVSENominalVoltage"),
        rcd=first("RCD") is True,
        to_full=amount("RemainingTimeToFullSoC"),
        to_bulk=amount("RemainingTimeToBulkSoC"),
        complete=first("ChargingComplete"),
        bulk_complete=first("BulkChargingComplete"),
        claims=frozenset(kind for kind in LIMITS if first(f"EVSE{kind}LimitAchieved") is True),
    )  # fmt: skip


def _parts(message: Any) -> Iterable[Any]:
    """The message, and its groups of fields."""
    yield message
    for name in PARTS:
        part = getattr(message, name, None)
        if part is not None:
            yield part
            if name in ("EVChargeParameter", "EVSEChargeParameter", "EVPowerDeliveryParameter"):
                yield from _parts(part)
