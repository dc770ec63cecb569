"""A DC charger's output, compared with the vehicle's limits and targets and with its own limits [V2G20-2188]."""

from __future__ import annotations

from typing import Any

from v2g.physical import number
from v2g.rules.facts import Facts
from v2g.rules.loop import LASTING, NO_CURRENT, OVER, SMALL_CURRENT
from v2g.rules.quantities import OFFSET
from v2g.rules.rule import DC20, SECC, Book, Live

BOOK = Book()
rule = BOOK.rule

DC = (DC20,)
CLAMPS = "V2G20-2188"
POWER_LASTS = 5.0
"""s for which more power than allowed must flow, with a current that does not fall."""


@rule("over-voltage", "the output keeps the vehicle's limits", SECC, "DC_ChargeLoopRes", live=Live.PROTECTED,
      iso20=CLAMPS, only=DC)  # fmt: skip
def over_voltage(facts: Facts, body: Any) -> str:
    value, limit = number(body.EVSEPresentVoltage), facts.iso20.ev_volts.at(facts.now)
    if limit is None or limit <= 0 or value <= limit * OVER:
        return ""
    if abs(number(body.EVSEPresentCurrent)) <= NO_CURRENT and value <= facts.iso20.declared["EV"].get(
        "MaximumVoltage", limit
    ):
        return ""  # the battery's own voltage, above the output voltage that the vehicle wants now
    return f"the charger reports {value:g} V, but EVMaximumVoltage is {limit:g} V"


@rule("over-current", "the output keeps the vehicle's limits", SECC, "DC_ChargeLoopRes", live=Live.PROTECTED,
      iso20=CLAMPS, only=DC)  # fmt: skip
def over_current(facts: Facts, body: Any) -> str:
    value, own = number(body.EVSEPresentCurrent), facts.iso20
    back = value < 0.0
    limit = (own.ev_amps_back if back else own.ev_amps).at(facts.now)
    falls = facts.comes_down(value)
    if limit is None or abs(value) <= max(limit * OVER, limit + SMALL_CURRENT) or falls:
        return ""
    if back:
        return f"the charger takes {-value:g} A, but EVMaximumDischargeCurrent is {limit:g} A"
    return f"the charger reports {value:g} A, but EVMaximumChargeCurrent is {limit:g} A"


@rule("over-power", "the output keeps the vehicle's limits", SECC, "DC_ChargeLoopRes", live=Live.PROTECTED,
      iso20=CLAMPS, only=DC)  # fmt: skip
def over_power(facts: Facts, body: Any) -> str:
    volts, amps, own = number(body.EVSEPresentVoltage), number(body.EVSEPresentCurrent), facts.iso20
    back = amps < 0.0
    limit = (own.ev_watts_back if back else own.ev_watts).at(facts.now)
    watts = abs(volts * amps)
    wrong = limit is not None and watts > max(limit * OVER, limit + SMALL_CURRENT * volts)
    seconds = facts.lasts("power", wrong and not facts.comes_down(amps))
    if seconds < POWER_LASTS:
        return ""
    what = "takes" if back else "delivers"
    name = "EVMaximumDischargePower" if back else "EVMaximumChargePower"
    return f"the charger {what} {watts:.0f} W for {seconds:.1f} s, but {name} is {limit or 0.0:g} W"


@rule("current-unasked", "no more current flows than was requested", SECC, "DC_ChargeLoopRes", live=Live.PROTECTED,
      iso20=CLAMPS, only=DC)  # fmt: skip
def current_unasked(facts: Facts, body: Any) -> str:
    value, own = number(body.EVSEPresentCurrent), facts.iso20
    asked = own.target_amps.at(facts.now) if own.targets else None
    back = own.target_amps_back.at(facts.now) if own.targets else None
    if asked is None or back is None:
        facts.lasts("current", wrong=False)
        return ""
    wrong = value > max(asked * OVER, asked + SMALL_CURRENT) or -value > max(back * OVER, back + SMALL_CURRENT)
    seconds = facts.lasts("current", wrong and not facts.comes_down(value))
    if seconds < LASTING:
        return ""
    if value < 0.0:
        return f"the charger takes {-value:g} A for {seconds:.1f} s, but only {back:g} A was offered"
    return f"the charger reports {value:g} A for {seconds:.1f} s, but {asked:g} A was requested"


@rule("discharge-unidirectional", "no current flows back in a service that only charges", SECC, "DC_ChargeLoopRes",
      live=Live.PROTECTED, only=DC)  # fmt: skip
def discharge_unidirectional(facts: Facts, body: Any) -> str:
    value, service = number(body.EVSEPresentCurrent), facts.iso20.service
    if service is None or service.bidirectional or value >= -OFFSET:
        return ""
    return f"the charger takes {-value:g} A in a service that only charges"


@rule("own-limit", "the charger delivers no more than its own limits", SECC, "DC_ChargeLoopRes",
      severity="warning", live=Live.UNSEEN, only=DC)  # fmt: skip
def own_limit(facts: Facts, body: Any) -> str:
    part, before = body.CLResControlMode, facts.iso20.declared["EVSE"]
    amps = number(body.EVSEPresentCurrent)
    for value, name, unit, slack in (
        (number(body.EVSEPresentVoltage), "MaximumVoltage", "V", 0.0),
        (abs(amps), "MaximumDischargeCurrent" if amps < 0.0 else "MaximumChargeCurrent", "A", SMALL_CURRENT),
    ):
        limit = before.get(name, 0.0)  # a limit lowered just now takes time to have an effect
        if 0.0 < value <= limit:
            continue
        said = getattr(part, f"EVSE{name}", None)
        limit = limit if said is None else max(limit, abs(number(said)))
        if limit > 0.0 and value > max(limit * OVER, limit + slack):
            return f"the charger reports {value:g} {unit}, but its own limit is {limit:g} {unit}: is its sensor right?"
    return ""
