"""Legal devices pass: no run fails with a legal variant of our own roles, or is inconclusive."""

from __future__ import annotations

import pytest
from faults.runs import one
from legal import VARIANTS, Variant
from sampling import sampled

from plugfest.conformance.catalogue import runs
from plugfest.conformance.verdict import Verdict

BY_ID = {run.id: run for run in runs()}


def test_there_are_enough() -> None:
    """At least forty, each with a unique name, and each in existing runs."""
    assert len({variant.name for variant in VARIANTS}) == len(VARIANTS) >= 40
    assert [name for variant in VARIANTS for name in variant.runs if name not in BY_ID] == []


def check(variant: Variant, *names: str) -> None:
    """Each of these runs passes, with no findings other than notes for the reader."""
    results = {name: one(BY_ID[name], variant.as_fault, **variant.declared) for name in names}
    blamed = {
        name: (result.verdict.word, result.reason, list(map(str, result.findings)))
        for name, result in results.items()
        if result.verdict is not Verdict.PASS
        or any(not variant.noted or finding.severity.fails for finding in result.findings)
    }
    assert blamed == {}


EACH = pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)


OLDER = [variant for variant in VARIANTS if not variant.name.startswith("20-")]
NEWER = [variant for variant in VARIANTS if variant.name.startswith("20-")]
"""Of ISO 15118-20, with a TLS handshake in each run."""


@pytest.mark.parametrize("variant", [*sampled(OLDER, 3), *sampled(NEWER, 6)], ids=lambda variant: variant.name)
def test_nobody_is_blamed_for_being_different(variant: Variant) -> None:
    """In the first and in the last of its runs, which are of two protocols where both can be so."""
    check(variant, *dict.fromkeys((variant.runs[0], variant.runs[-1])))


@pytest.mark.slow
@EACH
def test_nobody_is_blamed_in_any_run(variant: Variant) -> None:
    """All the others."""
    check(variant, *dict.fromkeys(variant.runs[1:-1]))
