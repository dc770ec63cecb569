"""Mutants of one role's code, judged from recordings of its sessions: whoever has no mistake is not blamed.

``python -m blame_mutants NUMBER SEED [PATTERN]`` in ``tests/`` prints each mutant under which a verdict, or a violation
among the findings, is against the other side. Captures hold no control pilot, so a close that nothing explains is left
to the traces.
"""

from __future__ import annotations

import fnmatch
import sys
from collections.abc import Iterator
from pathlib import Path

from blame_scenes import SLAC, scenes
from mutants import apart, source
from plant_mutants import PLANT

from plugfest.traces.chain.steps import Fault
from plugfest.traces.checks import judge
from plugfest.traces.entries import EVCC, SECC, Recording
from plugfest.virtual import run

LEFT_ALONE = {
    EVCC: {"battery", "vehicle", "contactors", "status"},
    SECC: PLANT | {"authorizer", "pauses"},
}
"""Modules by role that stand in for hardware, or are a person beside the session."""

OF_SLAC = (
    "slac.ev", "slac.ev_run", "slac.ev_talk", "slac.ev_validation", "slac.evse", "slac.evse_reception", "slac.evse_key",
    "slac.evse_run",
)  # fmt: skip
"""Modules of both roles' matching."""

SECONDS = 90
"""Real time for one mutant."""


def against(recording: Recording, side: str) -> list[str]:
    """Blame of the other side: the verdict, and violations among the findings."""
    judged = judge(recording)
    if judged.diagnosis.fault is Fault.CLOSED and not recording.layer("pilot"):
        return []
    found = [judged.verdict.headline] if judged.diagnosis.failed and judged.diagnosis.side not in ("", side) else []
    return found + [str(one) for one in judged.findings if one.severity == "violation" and one.side not in ("", side)]


def side_of(module: str) -> str:
    """The role that a module belongs to."""
    return EVCC if module.startswith(("evcc.", "slac.ev_")) or module == "slac.ev" else SECC


def applies(name: str, module: str) -> bool:
    """Whether a scene uses a module."""
    package, _, rest = module.partition(".")
    if package == SLAC or name.startswith(SLAC):
        return package == SLAC and name.startswith(SLAC)
    return name.startswith(next((mode for mode in ("iso20", "iso2", "din") if rest.startswith(mode)), ""))


def sites(pattern: str = "*") -> list[source.Site]:
    """Every change of the roles' own code whose id is like the pattern."""
    modules = list(OF_SLAC)
    for side, left_alone in LEFT_ALONE.items():
        names = sorted(path.stem for path in (Path(__file__).parents[1] / side).glob("*.py"))
        modules += [f"{side}.{name}" for name in names if name not in left_alone and name != "__init__"]
    found = [site for module in modules for site in source.sites(module)]
    return [site for site in found if fnmatch.fnmatchcase(site.id, pattern)]


def blamed(site: source.Site) -> Iterator[str]:
    """Whoever is blamed wrongly with a mutant in place."""
    for name, scene in scenes().items():
        if not applies(name, site.module):
            continue
        try:
            recordings = run(scene())
        except Exception:  # noqa: BLE001 - a mutant may break a session in any way; what was recorded is judged
            continue
        yield from (f"{name}, {text}" for text in _told(recordings, side_of(site.module)))


def _told(recordings: dict[str, Recording], side: str) -> Iterator[str]:
    for where, recording in recordings.items():
        yield from (f"{where}: {text}" for text in against(recording, side))


def wrong(number: int, seed: int, pattern: str = "*") -> Iterator[str]:
    """The mutants of a sample for which the other side is blamed, with the sentences."""
    for name, scene in scenes().items():  # loads what is used; and sessions without any mutant
        yield from (f"no mutant, {name}, {text}" for text in _told(run(scene()), "nobody"))
    yield from apart.wrong(sites(pattern), number, seed, blamed, seconds=SECONDS)


if __name__ == "__main__":
    for line in wrong(int(sys.argv[1]), int(sys.argv[2]), *sys.argv[3:4]):
        print(line, flush=True)
