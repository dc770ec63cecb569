"""Content rules that every run judges, whatever its case is about: those that a right device always keeps.

They are those that both roles and the check of a recording go by.
"""

from __future__ import annotations

from plugfest.conformance.watch.judgement import Side, Weight
from v2g.rules.rule import CLASSIC, Breach

RULES: dict[str, Weight] = {
    "unit": Weight.FAILS,
    "unit-noted": Weight.FAILS,
    "impossible": Weight.FAILS,
    "isolation-fault": Weight.FAILS,
    "cable-check": Weight.FAILS,
    "limits": Weight.FAILS,
    "limit-negative": Weight.FAILS,
    "discharge-unidirectional": Weight.FAILS,
    "discharge-beyond": Weight.FAILS,
    "target-impossible": Weight.FAILS,
    "negative-target": Weight.NOTED,
    "schedule-other": Weight.NOTED,
    "target-own-limit": Weight.FAILS,
    "meter": Weight.FAILS,
    "line-current": Weight.NOTED,
    "metered-power": Weight.NOTED,
    "metered-energy": Weight.NOTED,
    "ramp": Weight.FAILS,
    "ramp-request": Weight.NOTED,
    "target-back": Weight.FAILS,
    "target-ignored": Weight.NOTED,
    "power-implausible": Weight.FAILS,
    "phase-overdrawn": Weight.NOTED,
}
"""Name of a rule of :mod:`v2g.rules` -> what it does to a run that breaks it, in all protocols: what is physics.

Targets and limits of an output are not among them: :mod:`.output` judges those with the times of the PIXIT.
"""

CODES: dict[str, Weight] = {"response-code": Weight.FAILS}
"""The same of codes, of both sides (ISO 15118-20)."""

ANSWERS20: dict[str, Weight] = {
    **CODES,
    "session-setup-plain-ok": Weight.NOTED,
    "unasked-resume": Weight.FAILS,
    "authorization-block": Weight.FAILS,
    "challenge": Weight.FAILS,
    "service-of-other-energy": Weight.FAILS,
    "value-added-energy": Weight.NOTED,
    "renegotiation-changed": Weight.NOTED,
    "service-detail-other": Weight.FAILS,
    "parameter-set-ids": Weight.FAILS,
    "control-mode-unknown": Weight.NOTED,
    "connector": Weight.NOTED,
    "needs-mode": Weight.FAILS,
    "parameters-of-other-mode": Weight.FAILS,
    "frequency": Weight.FAILS,
    "control-mode": Weight.FAILS,
    "soc-needs": Weight.FAILS,
    "needs-by-charger": Weight.FAILS,
    "schedule-ids": Weight.FAILS,
    "schedule-entries": Weight.FAILS,
    "schedule-coverage": Weight.NOTED,
    "schedule-sign": Weight.FAILS,
    "schedule-sign-back": Weight.FAILS,
    "discharging-unidirectional": Weight.FAILS,
    "time-anchor": Weight.NOTED,
    "price-level": Weight.FAILS,
    "price-rules": Weight.NOTED,
    "tolerance-answer": Weight.FAILS,
    "loop-of-other-kind": Weight.FAILS,
    "limit-raised": Weight.FAILS,
    "notification": Weight.NOTED,
    "receipt-external": Weight.FAILS,
    "meter-missing": Weight.FAILS,
    "own-limit": Weight.NOTED,
    "check-out-undone": Weight.FAILS,
    "pause-with-power": Weight.NOTED,
}
"""The same for a charger's answers in ISO 15118-20. What chargers in the field disagree on is a finding.

Left out is what right devices differ in: which of several schedules have prices, of which cases ask.
"""

BACK: dict[str, Weight] = {"over-current": Weight.FAILS, "over-power": Weight.FAILS, "current-unasked": Weight.FAILS}
"""The same where power may flow back, in ISO 15118-20: its limits are in no judgement of ours."""

NEEDS: dict[str, Weight] = {
    "limit-raised": Weight.FAILS,
    "energies": Weight.FAILS,
    "energies-to-cycle": Weight.FAILS,
    "soc-needs": Weight.FAILS,
    "profile-empty": Weight.FAILS,
    "profile-short": Weight.FAILS,
    "parking-order": Weight.FAILS,
    "check-out-time": Weight.FAILS,
    "tolerance-unanswered": Weight.NOTED,
    "channel": Weight.NOTED,
    "offer-sign": Weight.NOTED,
    "price-rules": Weight.NOTED,
    "profile-unasked": Weight.NOTED,
    "time-anchor": Weight.NOTED,
}
"""The same for what a vehicle of ISO 15118-20 says of itself and wants, beside what the table calls a violation."""

ANSWERS: dict[str, Weight] = {
    "schema-id": Weight.FAILS,
    "missing-schema-id": Weight.NOTED,
    "minor-deviation": Weight.FAILS,
    "session-setup-plain-ok": Weight.NOTED,
    "timestamp": Weight.FAILS,
    "response-code": Weight.FAILS,
    "service-detail-other": Weight.FAILS,
    "parameters-of-other-mode": Weight.FAILS,
    "status-of-other-mode": Weight.FAILS,
    "schedule": Weight.FAILS,
    "schedule-ids": Weight.FAILS,
    "schedule-order": Weight.FAILS,
    "schedule-entries": Weight.FAILS,
    "schedule-echo": Weight.FAILS,
    "tariff": Weight.FAILS,
    "tariff-other": Weight.NOTED,
    "pmax-negative": Weight.FAILS,
    "not-in-din": Weight.FAILS,
    "contract-in-din": Weight.FAILS,
    "contract-without-tls": Weight.FAILS,
    "service-without-tls": Weight.FAILS,
    "challenge": Weight.FAILS,
    "receipt-external": Weight.FAILS,
    "receipt-without-meter": Weight.FAILS,
    "ripple": Weight.NOTED,
    "no-imd": Weight.NOTED,
    "own-limit": Weight.NOTED,
}
"""The same for a charger's answers in ISO 15118-2 and DIN SPEC 70121; correct devices :data:`DIFFER` in others."""

DIFFER = ("isolation-absent", "receipt-required-missing", "schedule-coverage", "ramp-request")
"""Rules that correct devices may break: a run or a recording fails nobody for them, even if the other side leaves."""


TIMED = ("stop-ignored", "target-voltage", "target-current", "vehicle-error")
"""Warnings about a vehicle that have judgements of their own, with the times of the PIXIT."""

FORBIDDEN = ("authorization-repeated", "authorization-external")
"""Warnings about a vehicle, as a charger may go on: still, the standard forbids what the vehicle did."""


def weight_of_vehicle(breach: Breach) -> Weight | None:
    """What else a vehicle's broken rule does to a run: whatever the table calls a violation fails it.

    In ISO 15118-2 and DIN SPEC 70121 a warning is a finding, unless it is :data:`FORBIDDEN`; for ISO 15118-20
    :data:`NEEDS` says which are.
    """
    if breach.rule.severity == "violation" or breach.rule.name in FORBIDDEN:
        return Weight.FAILS
    classic = not breach.rule.protocols or not set(breach.rule.protocols).isdisjoint(CLASSIC)
    noted = breach.rule.severity == "warning" and classic and breach.rule.name not in TIMED
    return Weight.NOTED if noted else None


def weight_of(rule: str, schema: str, *, side: Side, back: bool) -> Weight | None:
    """What a broken rule does to the run; None: it is not judged here.

    Args:
        schema: schema set of the message.
        side: under test; some names of rules stand for one of each side.
        back: power may flow back.
    """
    answers = ANSWERS if schema in CLASSIC else ANSWERS20 if side == "secc" else CODES
    found = RULES.get(rule) or answers.get(rule)
    if found is None and side == "evcc" and schema not in CLASSIC:
        found = NEEDS.get(rule)
    return found or (BACK.get(rule) if back else None)
