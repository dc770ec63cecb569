"""Faults of chargers in what they offer and hold to: schedules without power, voltages, tolerances, keys, tariffs."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

from cryptography.hazmat.primitives.asymmetric import ec

import secc.agreed
from faults.fault import charger, deep, sending, timing, with_
from pki import delivery
from secc.agreed import Agreed
from secc.envelope import LimitedOutput
from v2g.messages import din70121, iso2
from v2g.physical import physical

ISO2, DIN, ISO20 = "PF_SECC_ISO2_PowerFlow", "PF_SECC_DIN_PowerFlow", "PF_SECC_ISO20_PowerFlow_DC"

# Precharge


def _first_voltage() -> Callable[..., None]:
    kept = WeakKeyDictionary[LimitedOutput, float]()

    def bring_to(output: LimitedOutput, voltage: float, current: float) -> None:
        _bring_to(output, kept.setdefault(output, voltage), current)

    return bring_to


_bring_to = LimitedOutput.bring_to
charger("precharge-first", "the first precharge voltage counts, whatever is asked for then", f"{ISO2}#19", f"{DIN}#18",
        f"{ISO20}#15", patches=[(LimitedOutput, "bring_to", _first_voltage())])  # fmt: skip

# Schedules


def _without_power(message: Any) -> Any:
    message = copy.deepcopy(message)
    for one in message.SASchedules.SAScheduleTuple if message.SASchedules else ():
        for entry in one.PMaxSchedule.PMaxScheduleEntry:
            entry.PMax = 0 if isinstance(entry.PMax, int) else physical(iso2, 0.0, "W")
    return message


for _name, _run in (("iso2", f"{ISO2}#1"), ("din70121", f"{DIN}#1")):
    charger(f"pmax-zero-{_name}", f"{_name}: PMax is 0 W, and the charger delivers anyway", _run, reading=True,
            adjust=sending("ChargeParameterDiscoveryRes", _without_power, _name),
            patches=[(secc.agreed, "now", lambda visit: Agreed(math.inf, None, math.inf))])  # fmt: skip

# What it says of its output

for _name, _module in (("iso2", iso2), ("din70121", din70121)):
    _runs = f"PF_SECC_{'ISO2' if _name == 'iso2' else 'DIN'}_PowerFlow#7"
    for _field in ("EVSECurrentRegulationTolerance", "EVSEPeakCurrentRipple"):
        charger(f"coarse-{_field[4:]}-{_name}", f"{_name}: {_field} is 50 A", _runs, reading=True,
                adjust=sending("ChargeParameterDiscoveryRes", deep(_field, physical(_module, 50.0, "A")),
                               _name))  # fmt: skip
    charger(f"from-zero-{_name}", f"{_name}: EVSEMinimumVoltageLimit is 0 V", _runs, reading=True,
            adjust=sending("ChargeParameterDiscoveryRes",
                           deep("EVSEMinimumVoltageLimit", physical(_module, 0.0, "V")), _name))  # fmt: skip

# Time


charger("din-ready-late", "a vehicle has as long as it likes to be ready to charge", "PF_SECC_DIN_ReadyToCharge_Late",
        adjust=timing(V2G_SECC_ReadyToCharge_Performance_Time=1e5), reading=True)  # fmt: skip

# Contracts


def _same_key() -> Callable[..., Any]:
    key = ec.generate_private_key(ec.SECP256R1())
    return lambda contract, receiver: _seal(contract, receiver, ephemeral=key)


_seal = delivery.seal
charger("sealing-key-again", "all contracts are sealed with one ephemeral key",
        "PF_SECC_ISO2_CertificateInstallation_NextSession", patches=[(delivery, "seal", _same_key())])  # fmt: skip

# Tariffs

TARIFFS = "TC_SECC_DC_VTB_ChargeParameterDiscovery_008"


def _tariffs(change: Callable[[Any], None]) -> Callable[[Any], Any]:
    def edit(message: Any) -> Any:
        message = copy.deepcopy(message)
        for one in message.SASchedules.SAScheduleTuple if message.SASchedules else ():
            if one.SalesTariff is not None:
                change(one.SalesTariff)
        return message

    return edit


def _level_zero(tariff: Any) -> None:
    tariff.SalesTariffEntry[0].EPriceLevel = 0


def _one_id(tariff: Any) -> None:
    tariff.SalesTariffID = 1


def _longer(tariff: Any) -> None:
    tariff.SalesTariffEntry[-1].TimeInterval.duration = 86_400


for _name, _text, _change in (
    ("level-zero", "levels of a tariff count from 0", _level_zero),
    ("one-id", "all tariffs have one id", _one_id),
    ("too-long", "tariffs last longer than their schedules", _longer),
):
    charger(f"tariff-{_name}", _text, TARIFFS, reading=True,
            adjust=sending("ChargeParameterDiscoveryRes", _tariffs(_change)))  # fmt: skip

# The handshake


def _zero_is_none(message: Any) -> Any:
    return with_(SchemaID=message.SchemaID or None)(message)


charger("schema-id-zero", "a SchemaID of 0 counts as none", "PF_SECC_ISO2_SAP_Priority#1",
        "PF_SECC_ISO2_SAP_Priority#2",
        adjust=sending("supportedAppProtocolRes", _zero_is_none, "appproto"))  # fmt: skip
