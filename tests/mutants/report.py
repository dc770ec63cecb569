"""Rates by area, and the page of the docs."""

from __future__ import annotations

import fnmatch
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import yaml

from mutants.areas import AREAS
from mutants.trial import Attempt

REASONS = Path(__file__).with_name("reasons.yaml")
"""Why mutants remain: pattern of ids -> why; one that begins with ``legal:`` is what the standard allows."""

INTRODUCTION = """\
Made by `make mutants SEED={seed} DOCS=../docs/mutants.md`; do not edit. {number} mutants. Nobody chose these faults:
they are drawn by seed from all changes of the roles' source (comparisons, conditions, guards, calls, constants) and of
their tables (fields of what is said, codes, timers, checks, rules, order). Each is put into our own role, and runs that
reach it are carried out in virtual time until one fails.

*Tried* are mutants that show in at least one run; the rates are shares of them. *No difference seen*: nothing else
went over the wire in the runs tried. *Never executed*: no run comes past that line, a gap in the stimulus or a part
that no run of these protocols can need. *Broke down*: the role crashed or hung where it showed, and no run is praised
for that."""

COLUMNS = ("area", "tried", "failed", "finding only", "inconclusive", "not noticed", "noticed", "failing")


def reasons() -> dict[str, str]:
    """By pattern of ids."""
    found: dict[str, str] = yaml.safe_load(REASONS.read_text(encoding="utf-8")) or {}
    return found


def reason_for(attempt: Attempt, known: dict[str, str]) -> str:
    """Why a mutant remains, or ""."""
    return next((why for pattern, why in known.items() if fnmatch.fnmatchcase(attempt.id, _escaped(pattern))), "")


def _escaped(pattern: str) -> str:
    return pattern.replace("[", "[[]")


def counted(attempts: Sequence[Attempt], known: dict[str, str]) -> Counter[str]:
    """Outcomes; survivors that the standard allows are ``legal``."""
    counts: Counter[str] = Counter()
    for one in attempts:
        legal = one.outcome == "survived" and reason_for(one, known).startswith("legal:")
        counts["legal" if legal else one.outcome] += 1
    return counts


def _row(name: str, counts: Counter[str]) -> list[str]:
    failed, finding, unclear, missed = (counts[key] for key in ("failed", "finding", "inconclusive", "survived"))
    judged = failed + finding + unclear + missed
    share = [f"{100 * part / judged:.0f} %" if judged else "-" for part in (failed + finding, failed)]
    return [name, str(judged), str(failed), str(finding), str(unclear), str(missed), *share]


ASIDE = {
    "same": "no difference seen",
    "unreached": "never executed",
    "legal": "legal variation",
    "broken": "broke down",
    "misplaced": "could not be put in place",
}


def rows(attempts: Sequence[Attempt]) -> Iterator[list[str]]:
    """One for each area, and one for all."""
    known = reasons()
    for name in [*(area.name for area in AREAS), "all"]:
        mine = [one for one in attempts if name in (one.area, "all")]
        if not mine:
            continue
        counts = counted(mine, known)
        yield [*_row(name, counts), *(str(counts[key]) for key in ASIDE)]


def text(attempts: Sequence[Attempt]) -> str:
    """For a terminal: rates, and what was not failed."""
    heads = [*COLUMNS, *ASIDE.values()]
    table = [heads, *rows(attempts)]
    widths = [max(len(row[column]) for row in table) for column in range(len(heads))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
    known = reasons()
    for outcome in ("survived", "inconclusive", "finding"):
        mine = [one for one in attempts if one.outcome == outcome]
        lines += ["", f"{outcome}: {len(mine)}"] if mine else []
        for one in mine:
            lines.append(f"  {one.id}  ({one.where})")
            lines.append(f"      {one.diff}")
            if why := reason_for(one, known) or one.reason:
                lines.append(f"      {why}")
    return "\n".join(lines)


def page(attempts: Sequence[Attempt], seed: int, how: str = "") -> str:
    """The page of the docs; ``how`` says what was special about this run."""
    heads = [*COLUMNS, *ASIDE.values()]
    lines = [
        "# Mutants of our own roles, and the runs that notice them",
        "",
        *INTRODUCTION.format(number=len(attempts), seed=seed).splitlines(),
        "",
        *([how, ""] if how else []),
        "| " + " | ".join(heads) + " |",
        "|---" * len(heads) + "|",
        *("| " + " | ".join(row) + " |" for row in rows(attempts)),
    ]
    known = reasons()
    for outcome, title in (
        ("survived", "Not noticed"),
        ("inconclusive", "Inconclusive only"),
        ("finding", "Finding only"),
    ):
        mine = sorted((one for one in attempts if one.outcome == outcome), key=lambda one: (one.area, one.id))
        lines += ["", f"## {title}", "", "| mutant | change | why it remains |", "|---|---|---|"]
        for one in mine:
            why = reason_for(one, known) or (one.reason if outcome != "survived" else "") or "a gap of the catalogue"
            lines.append(f"| `{one.id}` | `{_cell(one.diff)}` | {_cell(why)} |")
    return "\n".join(lines) + "\n"


def _cell(value: str) -> str:
    return value.replace("|", "\\|").replace("`", "'").replace("\n", " ")
