"""The page of rules and runs is what the tables and the catalogue say today."""

from __future__ import annotations

import random

import pytest
import requirements

SEEN = requirements.seen()


def test_the_page_of_requirements_is_up_to_date() -> None:
    """Rules, orders, timers, requirements and the runs that ask for them."""
    assert requirements.page(SEEN).splitlines() == requirements.PAGE.read_text(encoding="utf-8").splitlines(), (
        "cd tests && python -m requirements > ../docs/requirements.md"
    )


def test_what_was_seen_belongs_to_existing_rules_and_runs() -> None:
    """A rule or a case that is renamed asks for another sweep."""
    known = {rule.name for _, rule, _ in requirements.rules()}
    assert {key.split()[1] for key in SEEN} <= known, "cd tests && python -m requirements sweep"
    assert {run for names in SEEN.values() for run in names} <= set(requirements.RUNS)


@pytest.mark.parametrize("key", random.Random(1).sample(sorted(SEEN), 6))
def test_runs_break_what_they_are_said_to(key: str) -> None:
    """A sample of the sweep, made again."""
    assert key in requirements.broken_by(SEEN[key][0])
