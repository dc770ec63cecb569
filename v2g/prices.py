"""Absolute prices of ISO 15118-20 as data: what a charger charges over time, and the resulting cost.

A tariff has stacks of rules; each stack applies from a second after the schedule's beginning until the next stack. The
algorithm decides which rule of a stack counts; only 1-Power is calculated here: all energy has the price of the rule
whose range contains the present power. Money is in the tariff's currency, energy fees are per kWh.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from v2g.messages.iso20 import common, types
from v2g.physical import number, rational

POWER = "urn:iso:std:iso:15118:-20:PriceAlgorithm:1-Power"
PEAK_POWER = "urn:iso:std:iso:15118:-20:PriceAlgorithm:2-PeakPower"
STACKED_ENERGY = "urn:iso:std:iso:15118:-20:PriceAlgorithm:3-StackedEnergy"
"""PriceAlgorithm."""

ALGORITHMS = {POWER: "1-Power", PEAK_POWER: "2-PeakPower", STACKED_ENERGY: "3-StackedEnergy"}
"""Their usual names."""

FINEST = -3
"""Smallest exponent of money: a tenth of a cent."""


def money(amount: float) -> types.RationalNumberType:
    """An amount or a fee, as precise as 16 bits allow."""
    return rational(amount, FINEST)


@dataclass(frozen=True, slots=True)
class Rule:
    """A price for a range of power.

    Attributes:
        fee: per kWh; negative: the charger pays.
        above: PowerRangeStart, W; the range ends where the next rule's begins.
        parking: per started ``parking_period``, or None.
        parking_period: s.
        carbon: CarbonDioxideEmission, g/kWh, or None.
        renewable: RenewableGenerationPercentage, or None.
    """

    fee: float
    above: float = 0.0
    parking: float | None = None
    parking_period: int | None = None
    carbon: int | None = None
    renewable: int | None = None


@dataclass(frozen=True, slots=True)
class Stack:
    """Rules in rising order of power, valid from ``start`` seconds after the schedule's beginning."""

    start: int
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Tax:
    """A tax rate in percent, and what it applies to; ``included`` in the fees, or added (None: not given)."""

    rate: float
    name: str = ""
    included: bool | None = None
    energy: bool = True
    parking: bool = True
    overstay: bool = True
    limits: bool = False


@dataclass(frozen=True, slots=True)
class Overstay:
    """The cost of staying longer.

    Attributes:
        rules: seconds after the overstay began, fee, period of the fee in s, and description.
        after: s at less than ``below`` after which the overstay begins, or None.
        below: W, or None.
    """

    rules: tuple[tuple[int, float, int, str], ...]
    after: int | None = None
    below: float | None = None


@dataclass(frozen=True, slots=True)
class Tariff:
    """An AbsolutePriceSchedule.

    Attributes:
        stacks: in order of time, the first at 0.
        currency: three capital letters [ISO 4217].
        language: language of the texts, three letters [ISO 639].
        algorithm: PriceAlgorithm.
        least, most: MinimumCost and MaximumCost, or None.
        taxes: at most ten.
        overstay: or None.
        services: name and fee of additional services, at most five.
        description: at most 160 characters.
    """

    stacks: tuple[Stack, ...]
    currency: str = "EUR"
    language: str = "ENG"
    algorithm: str = POWER
    least: float | None = None
    most: float | None = None
    taxes: tuple[Tax, ...] = ()
    overstay: Overstay | None = None
    services: tuple[tuple[str, float], ...] = ()
    description: str = ""

    @property
    def known(self) -> bool:
        """Whether its costs can be calculated here."""
        return self.algorithm == POWER

    def rule(self, second: float, watts: float) -> Rule:
        """The rule for a power (its magnitude counts) at a second after the schedule began."""
        stack = next((one for one in reversed(self.stacks) if one.start <= second), self.stacks[0])
        return next((one for one in reversed(stack.rules) if one.above <= abs(watts)), stack.rules[0])


def flat(fee: float, currency: str = "EUR") -> Tariff:
    """One price per kWh for everything."""
    return Tariff((Stack(0, (Rule(fee),)),), currency)


# ---------------------------------------------------------------------------------------------------------------
# Sending and reading


def element(tariff: Tariff, anchor: int, number: int, coverage: int, most: int) -> common.AbsolutePriceScheduleType:
    """A tariff as a message carries it.

    Args:
        anchor: TimeAnchor, in the unit of the session's time stamps.
        number: PriceScheduleID.
        coverage: s after which the schedule ends.
        most: the most entries that the vehicle accepts; a longer tariff is shortened.
    """
    stacks = [stack for stack in tariff.stacks if stack.start < coverage]
    starts = [*(stack.start for stack in stacks), coverage][: most + 1]
    overstay = tariff.overstay
    return common.AbsolutePriceScheduleType(
        TimeAnchor=anchor,
        PriceScheduleID=number,
        PriceScheduleDescription=tariff.description or None,
        Currency=tariff.currency,
        Language=tariff.language,
        PriceAlgorithm=tariff.algorithm,
        MinimumCost=None if tariff.least is None else money(tariff.least),
        MaximumCost=None if tariff.most is None else money(tariff.most),
        TaxRules=common.TaxRuleListType(TaxRule=_taxes(tariff.taxes)) if tariff.taxes else None,
        PriceRuleStacks=common.PriceRuleStackListType(
            PriceRuleStack=[
                common.PriceRuleStackType(Duration=end - start, PriceRule=[_rule(rule) for rule in stack.rules])
                for stack, (start, end) in zip(stacks, pairwise(starts), strict=False)
            ]
        ),
        OverstayRules=None if overstay is None else _overstay(overstay),
        AdditionalSelectedServices=common.AdditionalServiceListType(
            AdditionalService=[
                common.AdditionalServiceType(ServiceName=name, ServiceFee=money(fee)) for name, fee in tariff.services
            ]
        )
        if tariff.services
        else None,
    )


def _rule(rule: Rule) -> common.PriceRuleType:
    return common.PriceRuleType(
        EnergyFee=money(rule.fee),
        ParkingFee=None if rule.parking is None else money(rule.parking),
        ParkingFeePeriod=rule.parking_period,
        CarbonDioxideEmission=rule.carbon,
        RenewableGenerationPercentage=rule.renewable,
        PowerRangeStart=rational(rule.above),
    )


def _taxes(taxes: Sequence[Tax]) -> list[common.TaxRuleType]:
    return [
        common.TaxRuleType(
            TaxRuleID=place,
            TaxRuleName=tax.name or None,
            TaxRate=rational(tax.rate, -2),
            TaxIncludedInPrice=tax.included,
            AppliesToEnergyFee=tax.energy,
            AppliesToParkingFee=tax.parking,
            AppliesToOverstayFee=tax.overstay,
            AppliesMinimumMaximumCost=tax.limits,
        )
        for place, tax in enumerate(taxes, 1)
    ]


def _overstay(overstay: Overstay) -> common.OverstayRuleListType:
    return common.OverstayRuleListType(
        OverstayTimeThreshold=overstay.after,
        OverstayPowerThreshold=None if overstay.below is None else rational(overstay.below),
        OverstayRule=[
            common.OverstayRuleType(
                OverstayRuleDescription=text or None, StartTime=start, OverstayFee=money(fee), OverstayFeePeriod=period
            )
            for start, fee, period, text in overstay.rules
        ],
    )


def read(schedule: common.AbsolutePriceScheduleType) -> Tariff:
    """Reads a tariff, with its rules in any order; its first stack begins with the schedule."""
    stacks = schedule.PriceRuleStacks.PriceRuleStack
    starts = accumulate((stack.Duration for stack in stacks[:-1]), initial=0)
    return Tariff(
        tuple(
            Stack(start, tuple(sorted((_read_rule(rule) for rule in stack.PriceRule), key=lambda rule: rule.above)))
            for start, stack in zip(starts, stacks, strict=True)
        ),
        schedule.Currency,
        schedule.Language,
        schedule.PriceAlgorithm,
        None if schedule.MinimumCost is None else number(schedule.MinimumCost),
        None if schedule.MaximumCost is None else number(schedule.MaximumCost),
        tuple(_read_tax(tax) for tax in schedule.TaxRules.TaxRule) if schedule.TaxRules is not None else (),
        None if schedule.OverstayRules is None else _read_overstay(schedule.OverstayRules),
        tuple(
            (one.ServiceName, number(one.ServiceFee)) for one in schedule.AdditionalSelectedServices.AdditionalService
        )
        if schedule.AdditionalSelectedServices is not None
        else (),
        schedule.PriceScheduleDescription or "",
    )


def _read_rule(rule: common.PriceRuleType) -> Rule:
    return Rule(
        number(rule.EnergyFee),
        number(rule.PowerRangeStart),
        None if rule.ParkingFee is None else number(rule.ParkingFee),
        rule.ParkingFeePeriod,
        rule.CarbonDioxideEmission,
        rule.RenewableGenerationPercentage,
    )


def _read_tax(tax: common.TaxRuleType) -> Tax:
    return Tax(
        number(tax.TaxRate),
        tax.TaxRuleName or "",
        tax.TaxIncludedInPrice,
        tax.AppliesToEnergyFee,
        tax.AppliesToParkingFee,
        tax.AppliesToOverstayFee,
        tax.AppliesMinimumMaximumCost,
    )


def _read_overstay(found: common.OverstayRuleListType) -> Overstay:
    return Overstay(
        tuple(
            (rule.StartTime, number(rule.OverstayFee), rule.OverstayFeePeriod, rule.OverstayRuleDescription or "")
            for rule in found.OverstayRule
        ),
        found.OverstayTimeThreshold,
        None if found.OverstayPowerThreshold is None else number(found.OverstayPowerThreshold),
    )
