"""Charge parameters: they match the selected service, are possible, and are consistent with each other."""

from __future__ import annotations

from typing import Any

from v2g.phases import given
from v2g.physical import number
from v2g.rules.facts import Facts
from v2g.rules.iso20.facts import DECLARED_DC, POWERS
from v2g.rules.iso20.kinds import has_phases, kind_of, per_phase, total
from v2g.rules.quantities import MOST_AMPS, MOST_VOLTS, MOST_WATTS
from v2g.rules.rule import AC20, DC20, EVCC, SECC, Book, Live
from v2g.status import refuses

BOOK = Book()
rule = BOOK.rule

BAD = "FAILED_WrongChargeParameter"
REQUESTS = ("DC_ChargeParameterDiscoveryReq", "AC_ChargeParameterDiscoveryReq")
RESPONSES = ("DC_ChargeParameterDiscoveryRes", "AC_ChargeParameterDiscoveryRes")
BOTH = (DC20, AC20)


def _member(body: Any) -> Any:
    """The member of its substitution group."""
    energy, ending = type(body).__name__[:2], type(body).__name__[-3:]
    return getattr(body, f"{energy}_CPD{ending}EnergyTransferMode")


@rule("parameters-of-other-mode", "charge parameters are for the service selected", EVCC, *REQUESTS, code=BAD,
      only=BOTH)  # fmt: skip
def vehicle_parameters(facts: Facts, body: Any) -> str:
    service, kind = facts.iso20.service, kind_of(_member(body))
    if service is None or kind is None:
        return ""
    if (kind.energy, kind.bidirectional) == (service.energy, service.bidirectional):
        return ""
    return f"charge parameters for {kind}, but service {service.title} was selected"


@rule("parameters-of-other-mode", "charge parameters are for the service selected", SECC, *RESPONSES, only=BOTH)
def charger_parameters(facts: Facts, body: Any) -> str:
    kind, asked = kind_of(_member(body)), facts.iso20.kind
    if asked is None or kind is None or kind[:2] == asked[:2]:
        return ""
    return f"charge parameters for {kind} in answer to those for {asked}"


LARGEST = {"Power": (MOST_WATTS, "W"), "Current": (MOST_AMPS, "A"), "Voltage": (MOST_VOLTS, "V")}


def _names(body: Any) -> tuple[str, ...]:
    return DECLARED_DC if type(body).__name__.startswith("DC_") else POWERS


_FIELDS: dict[tuple[str, tuple[str, ...]], tuple[tuple[str, str, str, float, str], ...]] = {
    (side, names): tuple(
        (name, side + name, side + name.replace("Maximum", "Minimum"), *bound)
        for name in names
        for what, bound in LARGEST.items()
        if name.endswith(what)
    )
    for side in ("EV", "EVSE")
    for names in (DECLARED_DC, POWERS)
}
"""Limits by side and names: name, fields of the maximum and of the minimum, the largest that is possible, and unit."""


def _wrong(part: Any, side: str, names: tuple[str, ...]) -> str:
    """Why limits are impossible: negative, absurdly large, or minimum above maximum. Signs of discharge limits vary."""
    for name, highest, lowest, largest, unit in _FIELDS[side, names]:
        most, least = total(part, highest), total(part, lowest)
        if most is None:
            continue
        phases = given(part, highest) if has_phases(part) else ()
        if len(phases) > 1 and min(phases) < 0.0 and ("Discharge" not in name or max(phases) > 0.0):
            return f"{highest} is {', '.join(f'{watts:g}' for watts in phases)} over the phases, which is not possible"
        if "Discharge" in name:
            most, least = abs(most), None if least is None else abs(least)
        if not 0.0 <= most <= largest:
            return f"{highest} is {most:g} {unit}, which is not possible"
        if name == "MaximumVoltage" and most == 0.0:
            return f"{highest} is 0 V"
        if least is not None and least < 0.0:
            return f"{lowest} is {least:g} {unit}, which is not possible"
        if least is not None and least > most and not (side == "EVSE" and most == 0.0):  # no power to give now
            return f"{lowest} {least:g} is more than {highest} {most:g}"
    return ""


@rule("limits", "the vehicle's limits are possible and consistent", EVCC, *REQUESTS, code=BAD, only=BOTH)
def limits_of_vehicle(facts: Facts, body: Any) -> str:
    return _wrong(_member(body), "EV", _names(body))


@rule("limits", "the charger's limits are possible and consistent", SECC, *RESPONSES, only=BOTH)
def limits_of_charger(facts: Facts, body: Any) -> str:
    return _wrong(_member(body), "EVSE", _names(body))


@rule("limits", "the charger's limits are possible and consistent", SECC, "DC_ChargeLoopRes", severity="warning",
      live=Live.TOLD, only=(DC20,))  # fmt: skip
def limits_in_loop(facts: Facts, body: Any) -> str:
    return _wrong(body.CLResControlMode, "EVSE", DECLARED_DC)


@rule("discharge-sign", "discharge limits are positive", EVCC, *REQUESTS, severity="note", live=Live.UNSEEN,
      only=BOTH)  # fmt: skip
@rule("discharge-sign", "discharge limits are positive", SECC, *RESPONSES, severity="note", live=Live.UNSEEN,
      only=BOTH)  # fmt: skip
def discharge_sign(facts: Facts, body: Any) -> str:
    part = _member(body)
    for field in part.__struct_fields__:
        if "Discharge" in field and (value := getattr(part, field)) is not None and number(value) < 0.0:
            return f"{field} is {number(value):g}; taken as {-number(value):g}"
    return ""


_APART = (
    ("EVSEMinimumVoltage", "EVMaximumVoltage", "V"),
    ("EVSEMinimumChargeCurrent", "EVMaximumChargeCurrent", "A"),
)
"""The least that a charger supplies, the most that a vehicle accepts, and their unit."""


@rule("limits-apart", "vehicle and charger have voltages and currents in common", "", "DC_ChargeParameterDiscoveryRes",
      severity="note", live=Live.UNSEEN, only=(DC20,), failed=True)  # fmt: skip
def limits_apart(facts: Facts, body: Any) -> str:
    asked = getattr(facts.request, "DC_CPDReqEnergyTransferMode", None)
    for least, most, unit in _APART:
        given, accepted = total(_member(body), least), total(asked, most)
        if given is not None and accepted is not None and given > accepted:
            return f"the charger supplies at least {given:g} {unit}, the vehicle accepts at most {accepted:g} {unit}"
    needed, most_volts = total(asked, "EVMinimumVoltage"), total(_member(body), "EVSEMaximumVoltage")
    if refuses(body.ResponseCode) and not most_volts:
        return ""  # the zeros of a refusal say nothing
    if needed is not None and most_volts is not None and needed > most_volts:
        return f"the charger supplies at most {most_volts:g} V, the vehicle needs {needed:g} V or more"
    return ""


@rule("limits-below", "the charger reaches the vehicle's highest voltage", "", "DC_ChargeParameterDiscoveryRes",
      severity="note", live=Live.UNSEEN, only=(DC20,))  # fmt: skip
def limits_below(facts: Facts, body: Any) -> str:
    most, wanted = number(_member(body).EVSEMaximumVoltage), facts.iso20.declared["EV"].get("MaximumVoltage")
    if wanted is None or most >= wanted:
        return ""
    return f"the charger supplies at most {most:g} V, the vehicle accepts up to {wanted:g} V"


@rule("power-apart", "vehicle and charger have powers in common", "", *RESPONSES, severity="note", live=Live.UNSEEN,
      only=BOTH)  # fmt: skip
def power_apart(facts: Facts, body: Any) -> str:
    most = total(_member(body), "EVSEMaximumChargePower")
    least = getattr(facts.request, f"{type(body).__name__[:2]}_CPDReqEnergyTransferMode", None)
    wanted = total(least, "EVMinimumChargePower")
    if most is None or wanted is None or most >= wanted:
        return ""
    return f"the charger supplies at most {most:g} W, the vehicle needs at least {wanted:g} W"


@rule("frequency", "the grid has 50 or 60 Hz", SECC, "AC_ChargeParameterDiscoveryRes", severity="warning",
      live=Live.TOLD, only=(AC20,))  # fmt: skip
def frequency(facts: Facts, body: Any) -> str:
    hertz = number(_member(body).EVSENominalFrequency)
    return "" if 45.0 <= hertz <= 65.0 else f"EVSENominalFrequency is {hertz:g} Hz"


@rule("phases-unasked", ("powers for each phase go to a vehicle that sent its"
    " own"), SECC, "AC_ChargeParameterDiscoveryRes",
      severity="note", live=Live.UNSEEN, only=(AC20,))  # fmt: skip
def phases_unasked(facts: Facts, body: Any) -> str:
    if facts.iso20.phases is not False or not per_phase(_member(body)):
        return ""
    return "the charger sends powers for each phase, but the vehicle sent sums"
