"""A legal variant: one thing in our own role that another manufacturer may do differently, and the runs it must pass.

The counterpart of a seeded fault: where a run blames a variant, the run is wrong.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import msgspec
from faults.fault import Adjust, Fault
from faults.fault import late as late_by

from plugfest.conformance.fields import replaced
from v2g.channel import Channel
from v2g.messages import appproto, din70121, iso2
from v2g.messages.iso20 import ac, common, dc, types

Change = Callable[[Any], Any]

MODULES = (iso2, din70121, appproto, common, dc, ac)

CHARGER_DC = (
    "TC_SECC_CMN_VTB_SessionSetup_001",
    "TC_SECC_DC_VTB_ChargeParameterDiscovery_001",
    "TC_SECC_DC_VTB_CurrentDemand_001",
    "TC_SECC_DC_VTB_SessionStop_002",
)
CHARGER_AC = (
    "TC_SECC_AC_VTB_ChargeParameterDiscovery_001",
    "TC_SECC_AC_VTB_ChargingStatus_001",
    "TC_SECC_AC_VTB_SessionStop_001",
)
CHARGER_DIN = (
    "PF_SECC_DIN_SessionSetup_OK",
    "PF_SECC_DIN_ChargeParameterDiscovery_OK",
    "PF_SECC_DIN_CurrentDemand_OK",
    "PF_SECC_DIN_SessionStop_AfterWelding",
)
CHARGER_PNC = ("TC_SECC_CMN_VTB_PaymentDetails_001", "TC_SECC_CMN_VTB_Authorization_002")
VEHICLE_DC = (
    "PF_EVCC_ISO2_RequestOrder",
    "TC_EVCC_CMN_VTB_ChargeParameterDiscovery_001",
    "TC_EVCC_DC_VTB_WeldingDetectionOrSessionStop_001@iso15118-2",
    "PF_EVCC_ISO2_SAP_Offer",
)
VEHICLE_AC = ("TC_EVCC_AC_VTB_PowerDelivery_001", "TC_EVCC_AC_VTB_ChargingStatus_001", "TC_EVCC_AC_VTB_SessionStop_003")
VEHICLE_DIN = (
    "PF_EVCC_DIN_SessionSetup_Request",
    "PF_EVCC_DIN_ChargeParameterDiscovery_Request",
    "PF_EVCC_DIN_SAP_Offer",
    "PF_EVCC_DIN_SessionStop",
)


@dataclass(frozen=True)
class Variant:
    """A legal way to be.

    Attributes:
        name: short and stable.
        text: what is different.
        sut: the role it sits in, secc or evcc.
        runs: that must pass.
        declared: what its maker declares in the PICS file.
        noted: a reader wants to know of it, so that findings of our reading may come.
    """

    name: str
    text: str
    sut: str
    runs: tuple[str, ...]
    adjust: Adjust = lambda system: None
    patches: tuple[tuple[Any, str, Any], ...] = ()
    declared: Mapping[str, Any] = field(default_factory=dict)
    noted: bool = False

    @property
    def as_fault(self) -> Fault:
        """For the runner of seeded faults."""
        return Fault(self.name, self.text, self.sut, self.runs, self.adjust, self.patches)


VARIANTS: list[Variant] = []


def charger(name: str, text: str, runs: tuple[str, ...], adjust: Adjust = lambda system: None, **more: Any) -> None:
    VARIANTS.append(Variant(name, text, "secc", runs, adjust, **more))


def vehicle(name: str, text: str, runs: tuple[str, ...], adjust: Adjust = lambda system: None, **more: Any) -> None:
    VARIANTS.append(Variant(name, text, "evcc", runs, adjust, **more))


# Ways to be different

_close = Channel.close


async def closing_late(channel: Channel, **_: Any) -> None:
    """Closes 4 s later, whatever the peer does; the standard leaves 5."""
    await asyncio.sleep(4.0)
    await _close(channel)


CLOSING_LATE = ((Channel, "close", closing_late),)

_write, _turns = Channel.write, WeakKeyDictionary[Channel, asyncio.Lock]()


async def writing_in_pieces(channel: Channel, data: bytes) -> None:
    """Seven bytes in each TCP segment."""
    async with _turns.setdefault(channel, asyncio.Lock()):
        for start in range(0, len(data), 7):
            await _write(channel, data[start : start + 7])


IN_PIECES = ((Channel, "write", writing_in_pieces),)


def saying(**changes: Change) -> Adjust:
    """Messages changed on their way out, by name, in every protocol that has them; refusals stay as they are."""

    def adjust(system: Any) -> None:
        for name, change in changes.items():
            for module in MODULES:
                if (kind := getattr(module, name, None)) is not None:
                    system.options.rewrite[kind] = _unless_refused(change)

    return adjust


def _unless_refused(change: Change) -> Change:
    def rewrite(message: Any) -> Any:
        refused = str(getattr(message, "ResponseCode", "OK")).upper().startswith("FAILED")
        return message if refused else change(message)

    return rewrite


def each(change: Change) -> Adjust:
    """Every message of a session changed on its way out."""
    names = {name for module in (iso2, din70121) for name in vars(module) if name.endswith(("Req", "Res"))}
    return saying(**dict.fromkeys(names, change))


def also(*adjusts: Adjust) -> Adjust:
    """Several at once."""

    def adjust(system: Any) -> None:
        for one in adjusts:
            one(system)

    return adjust


def fields(**values: Any) -> Change:
    """Fields anywhere in a message that has them."""

    def change(message: Any) -> Any:
        for name, value in values.items():
            try:
                message = replaced(message, name, value)
            except KeyError:
                continue
        return message

    return change


def late(seconds: float) -> Change:
    return late_by(seconds)


def rescaled(multiplier: int) -> Change:
    """The same physical values with another multiplier, where they stay exact and fit into 16 bits."""

    def change(value: Any) -> Any:
        if isinstance(value, (iso2.PhysicalValueType, din70121.PhysicalValueType)):
            scaled = value.Value * 10 ** (value.Multiplier - multiplier)
            whole = round(scaled)
            fits = abs(scaled - whole) < 1e-9 and -32768 <= whole <= 32767
            return msgspec.structs.replace(value, Multiplier=multiplier, Value=whole) if fits else value
        if isinstance(value, types.RationalNumberType):
            scaled = value.Value * 10.0 ** (value.Exponent - multiplier)
            whole = round(scaled)
            fits = abs(scaled - whole) < 1e-9 and -32768 <= whole <= 32767
            return msgspec.structs.replace(value, Exponent=multiplier, Value=whole) if fits else value
        if isinstance(value, msgspec.Struct):
            names = value.__struct_fields__
            return msgspec.structs.replace(value, **{name: change(getattr(value, name)) for name in names})
        if isinstance(value, list):
            return [change(item) for item in value]
        return value

    return change


def plant(**values: Any) -> Adjust:
    """Attributes of the charger's plant."""

    def adjust(system: Any) -> None:
        for name, value in values.items():
            setattr(system.evse, name, value)

    return adjust


def dynamics(**values: float) -> Adjust:
    """How fast the charger's output is."""

    def adjust(system: Any) -> None:
        if system.power is not None:
            system.power._dynamics = dataclasses.replace(system.power._dynamics, **values)

    return adjust


def settings(**values: Any) -> Adjust:
    """What a driver chooses, and how fast a car is."""

    def adjust(system: Any) -> None:
        for name, value in values.items():
            setattr(system.vehicle.settings, name, value)

    return adjust


def tls(**values: Any) -> Adjust:
    """TLS options of a role that has TLS."""

    def adjust(system: Any) -> None:
        if system.tls is not None:
            system.tls.options = system.tls.options.change(**values)

    return adjust
