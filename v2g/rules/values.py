"""Single values: units, physical possibility, and limits that must be consistent with each other."""

from __future__ import annotations

from typing import Any

from v2g.physical import LOW_GRID, NEARLY_ZERO, number
from v2g.rules.facts import Facts
from v2g.rules.rule import DIN, EVCC, ISO2, SECC, Book, Live
from v2g.status import refuses

BOOK = Book()
rule = BOOK.rule

BAD = "FAILED_WrongChargeParameter"


def _units(facts: Facts, body: Any, *, vital: bool) -> str:
    wrong = [found for found in facts.odd(body) if found.quantity.vital is vital and not found.has_unit]
    if not wrong:
        return ""
    name = type(body).__name__
    return "; ".join(
        f"{name}.{found.path} in {found.value.Unit}, expected {found.quantity.unit}" for found in wrong[:4]
    )


@rule("unit", "every value has the unit of its field", EVCC, code=BAD, only=(ISO2, DIN))
@rule("unit", "every value has the unit of its field", SECC, only=(ISO2, DIN))
def unit(facts: Facts, body: Any) -> str:
    return _units(facts, body, vital=True)


@rule("unit-noted", "values that only inform have the unit of their field", EVCC, severity="warning", live=Live.TOLD,
      only=(ISO2, DIN))  # fmt: skip
@rule("unit-noted", "values that only inform have the unit of their field", SECC, severity="warning", live=Live.TOLD,
      only=(ISO2, DIN))  # fmt: skip
def unit_of_information(facts: Facts, body: Any) -> str:
    return _units(facts, body, vital=False)


@rule("impossible", "values are physically possible", EVCC, "ChargeParameterDiscoveryReq", code=BAD, iso2="V2G2-477",
      din="V2G-DC-398")  # fmt: skip
@rule("impossible", "values are physically possible", EVCC, "PreChargeReq", code=BAD, din_code="FAILED")
@rule("impossible", "values are physically possible", EVCC, "CurrentDemandReq", "PowerDeliveryReq")
@rule("impossible", "values are physically possible", SECC, only=(ISO2, DIN))
def impossible(facts: Facts, body: Any) -> str:
    for found in facts.odd(body):
        if found.has_unit:
            return (
                f"{type(body).__name__}.{found.path} is {found.amount:g} {found.quantity.unit}, which is not possible"
            )
    return ""


def _below_zero(body: Any) -> tuple[str, float]:
    """The first target below zero, in words, and its value."""
    for field, unit in (("EVTargetVoltage", "V"), ("EVTargetCurrent", "A")):
        value = number(getattr(body, field))
        if value < 0.0:
            return f"{field} of {value:g} {unit}", value
    return "", 0.0


@rule("negative-target", "a vehicle asks for 0 V and 0 A or more", EVCC, "PreChargeReq", "CurrentDemandReq",
      severity="warning", live=Live.TOLERATED)  # fmt: skip
def target_below_zero(facts: Facts, body: Any) -> str:
    text, value = _below_zero(body)
    return f"{text} taken as zero" if text and value >= -NEARLY_ZERO else ""


@rule("target-impossible", "targets are not negative", EVCC, "PreChargeReq", code=BAD, din_code="FAILED")
@rule("target-impossible", "targets are not negative", EVCC, "CurrentDemandReq")
def target_impossible(facts: Facts, body: Any) -> str:
    text, value = _below_zero(body)
    return text if value < -NEARLY_ZERO else ""


@rule("pmax-negative", "PMax is 0 W or more", SECC, "ChargeParameterDiscoveryRes", severity="warning",
      live=Live.TOLERATED)  # fmt: skip
def pmax_negative(facts: Facts, body: Any) -> str:
    for one in getattr(getattr(body, "SASchedules", None), "SAScheduleTuple", None) or ():
        for entry in one.PMaxSchedule.PMaxScheduleEntry:
            watts = float(entry.PMax) if isinstance(entry.PMax, int) else number(entry.PMax)
            if watts < 0:
                return f"schedule {one.SAScheduleTupleID} has a PMax of {watts:g} W; it is read as no limit"
    return ""


# ---------------------------------------------------------------------------------------------------------------
# Consistent limits


def _above(part: Any, low: str, high: str) -> str:
    least, most = getattr(part, low, None), getattr(part, high, None)
    if least is None or most is None or number(least) <= number(most):
        return ""
    return f"{low} {number(least):g} is more than {high} {number(most):g}"


@rule("limits", "the vehicle's limits are consistent, and voltage and current are above zero", EVCC,
      "ChargeParameterDiscoveryReq", code=BAD, iso2="V2G2-477", din="V2G-DC-398")  # fmt: skip
def limits_of_vehicle(facts: Facts, body: Any) -> str:
    part = body.EVChargeParameter
    above = _above(part, "EVMinCurrent", "EVMaxCurrent")
    if above:
        return above
    voltage = getattr(part, "EVMaximumVoltageLimit", None) or getattr(part, "EVMaxVoltage", None)
    if voltage is not None and number(voltage) <= 0:
        return f"the vehicle's maximum voltage is {number(voltage):g} V"
    return ""


@rule("limits", "the charger's limits are consistent, and voltage is above zero", SECC,
      "ChargeParameterDiscoveryRes")  # fmt: skip
def limits_of_charger(facts: Facts, body: Any) -> str:
    part = body.EVSEChargeParameter
    voltage = getattr(part, "EVSENominalVoltage", None) or getattr(part, "EVSEMaximumVoltageLimit", None)
    above = (
        _above(part, "EVSEMinimumVoltageLimit", "EVSEMaximumVoltageLimit")
        or _above(part, "EVSEMinimumCurrentLimit", "EVSEMaximumCurrentLimit")
        or _above(part, "EVSEMinCurrent", "EVSEMaxCurrent")
    )
    if above:
        return above
    return f"the charger's voltage is {number(voltage):g} V" if voltage is not None and number(voltage) <= 0 else ""


@rule("ripple", "ripple and tolerance are less than the maximum current", SECC, "ChargeParameterDiscoveryRes",
      severity="warning", live=Live.TOLD)  # fmt: skip
def ripple(facts: Facts, body: Any) -> str:
    part = body.EVSEChargeParameter
    if number(getattr(part, "EVSEMaximumCurrentLimit", None) or _NOTHING) <= 0:
        return ""  # a charger without power to give now
    return _above(part, "EVSEPeakCurrentRipple", "EVSEMaximumCurrentLimit") or _above(
        part, "EVSECurrentRegulationTolerance", "EVSEMaximumCurrentLimit"
    )


def _stated(body: Any, value: Any) -> bool:
    """Whether a response says this; the zeros of a refusal say nothing [V2G2-736]."""
    return value is not None and (number(value) > 0 or not refuses(body.ResponseCode))


class _Nothing:
    Value, Multiplier = 0, 0


_NOTHING = _Nothing()


@rule("energy", "the energy requested fits into the battery", EVCC, "ChargeParameterDiscoveryReq",
      severity="note", live=Live.UNSEEN)  # fmt: skip
def energy(facts: Facts, body: Any) -> str:
    return _above(body.EVChargeParameter, "EVEnergyRequest", "EVEnergyCapacity")


@rule("bulk", "bulk comes before full", EVCC, "ChargeParameterDiscoveryReq", "CurrentDemandReq",
      severity="note", live=Live.UNSEEN)  # fmt: skip
def bulk(facts: Facts, body: Any) -> str:
    part = getattr(body, "EVChargeParameter", body)
    first, last = getattr(part, "BulkSOC", None), getattr(part, "FullSOC", None)
    if first is not None and last is not None and first > last:
        return f"BulkSOC {first} % is more than FullSOC {last} %"
    return _above(part, "RemainingTimeToBulkSoC", "RemainingTimeToFullSoC")


@rule("limits-apart", "vehicle and charger have voltages and currents in common", "", "ChargeParameterDiscoveryRes",
      severity="note", live=Live.UNSEEN, failed=True)  # fmt: skip
def limits_apart(facts: Facts, body: Any) -> str:
    part, own = body.EVSEChargeParameter, getattr(facts.request, "EVChargeParameter", None)
    for least, ceiling, unit in (
        ("EVSEMinimumVoltageLimit", facts.ev_volts, "V"),
        ("EVSEMinimumCurrentLimit", facts.ev_amps, "A"),
    ):
        given, most = getattr(part, least, None), ceiling.at(facts.now)
        if given is not None and most is not None and number(given) > most:
            return f"the charger supplies {number(given):g} {unit} or more, the vehicle accepts at most {most:g} {unit}"
    nominal, accepted = getattr(part, "EVSENominalVoltage", None), getattr(own, "EVMaxVoltage", None)
    if nominal is not None and accepted is not None and number(accepted) < number(nominal) * LOW_GRID:
        return f"the outlet supplies {number(nominal):g} V, the vehicle accepts at most {number(accepted):g} V"
    needed, most_amps = getattr(own, "EVMinCurrent", None), getattr(part, "EVSEMaxCurrent", None)
    if needed is not None and _stated(body, most_amps) and number(needed) > number(most_amps):
        return f"the charger supplies at most {number(most_amps):g} A, the vehicle needs {number(needed):g} A or more"
    return ""


@rule("limits-below", "the charger reaches the vehicle's highest voltage", "", "ChargeParameterDiscoveryRes",
      severity="note", live=Live.UNSEEN)  # fmt: skip
def limits_below(facts: Facts, body: Any) -> str:
    part = body.EVSEChargeParameter
    given, wanted = getattr(part, "EVSEMaximumVoltageLimit", None), facts.ev_volts.at(facts.now)
    if given is None or wanted is None or number(given) >= wanted:
        return ""
    return f"the charger supplies at most {number(given):g} V, the vehicle accepts up to {wanted:g} V"
