"""DC charge parameters of ISO 15118-20: what the vehicle declares, and what it can use of the charger's limits."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from evcc import checks
from evcc.drive import Drive, Unsuitable
from evcc.iso20_control import ampere, volt, watt
from v2g.energy import Control
from v2g.members import dc_members
from v2g.messages.iso20 import dc
from v2g.physical import at_least_zero, magnitude, number, percent, ramp, signed
from v2g.ramp import Ramp
from v2g.streams import MAIN


@dataclass(frozen=True, slots=True)
class Terms:
    """The charger's limits for giving, in V, A and W; and for taking, as magnitudes, with its lowest voltage.

    ``ramp`` says how fast power may rise.
    """

    voltage: float
    current: float
    power: float
    discharge_current: float = 0.0
    discharge_power: float = 0.0
    least_voltage: float = 0.0
    ramp: Ramp = field(default_factory=Ramp, compare=False)


async def agree_limits(drive: Drive, control: Control) -> Terms:
    """DC_ChargeParameterDiscovery: the charger's limits.

    Raises:
        Unsuitable: this vehicle cannot charge within them.
        RemoteError: a limit is negative, or the response is for the other kind of service.
    """
    battery, pack, members = drive.vehicle.battery, drive.vehicle.battery.pack, dc_members(control)
    res = await drive.ask(
        dc.DC_ChargeParameterDiscoveryReq(
            DC_CPDReqEnergyTransferMode=members.declares(
                EVMaximumChargePower=watt(pack.max_power),
                EVMinimumChargePower=watt(0.0),
                EVMaximumChargeCurrent=ampere(pack.max_current),
                EVMinimumChargeCurrent=ampere(0.0),
                EVMaximumVoltage=volt(pack.max_voltage),
                EVMinimumVoltage=volt(pack.min_voltage),
                TargetSOC=percent(battery.target_soc),
                **(declared_discharge(drive) if control.bidirectional else {}),
            )
        )
    )
    offer = res.DC_CPDResEnergyTransferMode
    checks.same_kind(offer, members.offers)
    least = at_least_zero("EVSEMinimumVoltage", number(offer.EVSEMinimumVoltage))
    terms = updated(Terms(0.0, 0.0, 0.0), offer)
    if not least <= battery.voltage <= terms.voltage:
        text = f"the battery is at {battery.voltage:.1f} V, the charger supplies {least:g} to {terms.voltage:g} V"
        raise Unsuitable(text, misfit=True)
    fewest = at_least_zero("EVSEMinimumChargeCurrent", number(offer.EVSEMinimumChargeCurrent))
    if fewest > pack.max_current:
        text = f"the charger supplies {fewest:g} A or more, the battery accepts up to {pack.max_current:g} A"
        raise Unsuitable(text, misfit=True)
    if (
        drive.stream == MAIN
        and not (terms.power and terms.current)
        and not (terms.discharge_power and control.bidirectional)
    ):
        raise Unsuitable(f"the charger offers {terms.power:g} W, {terms.current:g} A")
    percents = offer.EVSEPowerRampLimitation
    if percents is None:
        return terms
    rate = ramp(number(percents), max(terms.power, 1.0))
    return replace(terms, ramp=Ramp(rate, drive.vehicle.current * battery.voltage))


def declared_discharge(drive: Drive) -> dict[str, Any]:
    """The vehicle's discharge limits in DC_ChargeParameterDiscovery."""
    pack, negative = drive.vehicle.battery.pack, drive.options.negative_discharge_limits
    return {
        "EVMaximumDischargePower": signed(watt(pack.max_discharge_power), negative=negative),
        "EVMinimumDischargePower": watt(0.0),
        "EVMaximumDischargeCurrent": signed(ampere(pack.max_discharge_current), negative=negative),
        "EVMinimumDischargeCurrent": ampere(0.0),
    }


def updated(terms: Terms, said: Any) -> Terms:
    """The charger's limits as agreed, with those that a block of a response has; discharge limits by their magnitude.

    Raises:
        RemoteError: a limit that must not be negative is negative.
    """

    def limit(name: str, before: float) -> float:
        value = getattr(said, name, None)
        return before if value is None else at_least_zero(name, number(value))

    def discharge(name: str, before: float) -> float:
        value = getattr(said, name, None)
        return before if value is None else magnitude(value)

    return Terms(
        limit("EVSEMaximumVoltage", terms.voltage),
        limit("EVSEMaximumChargeCurrent", terms.current),
        limit("EVSEMaximumChargePower", terms.power),
        discharge("EVSEMaximumDischargeCurrent", terms.discharge_current),
        discharge("EVSEMaximumDischargePower", terms.discharge_power),
        limit("EVSEMinimumVoltage", terms.least_voltage),
        terms.ramp,
    )
