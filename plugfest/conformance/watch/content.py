"""Content rules that are physics: units, impossible values, isolation. The other rules belong to the cases.

They hold for all protocols, ISO 15118-20 included, and are those that both roles and the check of a recording go by.
"""

from __future__ import annotations

from plugfest.conformance.watch.judgement import Weight

RULES: dict[str, Weight] = {
    "unit": Weight.FAILS,
    "unit-noted": Weight.NOTED,
    "impossible": Weight.FAILS,
    "isolation-fault": Weight.FAILS,
    "cable-check": Weight.FAILS,
    "limits": Weight.FAILS,
    "limit-negative": Weight.FAILS,
    "discharge-unidirectional": Weight.FAILS,
    "discharge-beyond": Weight.FAILS,
    "target-impossible": Weight.FAILS,
    "target-own-limit": Weight.FAILS,
    "meter": Weight.FAILS,
    "line-current": Weight.NOTED,
    "metered-power": Weight.NOTED,
    "target-back": Weight.FAILS,
    "target-ignored": Weight.NOTED,
    "power-implausible": Weight.FAILS,
}
"""Name of a rule of :mod:`v2g.rules` -> what it does to a run that breaks it.

Targets and limits of an output are not among them: :mod:`.output` judges those with the times of the PIXIT.
"""

BACK: dict[str, Weight] = {"over-current": Weight.FAILS, "over-power": Weight.FAILS, "current-unasked": Weight.FAILS}
"""The same where power may flow back, in ISO 15118-20: its limits are in no judgement of ours."""
