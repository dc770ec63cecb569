"""The generator of mutants stays true: what it changes is there, and what was caught is still caught."""

from __future__ import annotations

import ast
import fnmatch
import sys
from importlib import import_module
from pathlib import Path

from faults import FAULTS
from mutants import source, tables
from mutants.areas import AREAS, NO_AREA, SCHEMAS, area_of
from mutants.report import reasons
from mutants.trial import caught, mutants
from processes import run

from slac import frames
from v2g.messages import appproto

TESTS = Path(__file__).parents[1]
ROOT = TESTS.parent


def test_there_are_at_least_450_seeded_faults() -> None:
    """Chosen and generated ones together."""
    assert len(FAULTS) + len(caught()) >= 450


def test_areas_name_what_is_there() -> None:
    """A renamed module, function or message would silently be left out."""
    missing = []
    for area in AREAS:
        functions = {module: {site.function for site in source.sites(module)} for module in area.modules}
        for entry in area.source:
            module, _, pattern = entry.partition(":")
            if pattern and not any(area.owns(module, function) for function in functions[module]):
                missing.append(entry)
        spoken = [
            appproto,
            frames,
            *(import_module(f"v2g.messages.{one}") for name in area.protocols for one in SCHEMAS.get(name, ())),
        ]
        missing += [name for name in area.messages if not any(hasattr(module, name) for module in spoken)]
    assert missing == []


def test_each_module_of_a_role_is_mutated_or_says_why_not() -> None:
    """A new module, or one that was split, would silently be left out."""
    named = {module for area in AREAS for module in area.modules}
    there = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for package in ("secc", "evcc", "slac")
        for path in (ROOT / package).rglob("*.py")
        if path.name != "__init__.py"
    ]
    apart = {pattern: fnmatch.filter(there, pattern) for pattern in NO_AREA}
    assert [pattern for pattern, modules in apart.items() if not modules or named.intersection(modules)] == []
    assert sorted(set(there) - named - {module for modules in apart.values() for module in modules}) == []


def test_each_mutant_has_an_id_of_its_own() -> None:
    """Ids are how results, reasons and seeded faults are found again; each area has some of its own."""
    ids = [mutant.id for area in AREAS for mutant in mutants(area)]
    assert len(ids) == len(set(ids))
    assert all(sum(1 for _ in mutants(area)) > 200 for area in AREAS)


def test_a_mutant_differs_in_one_place() -> None:
    """The changed source is the original but for one node, and compiles."""
    module = "secc.dc"
    right = ast.dump(ast.parse(source.path_of(module).read_text(encoding="utf-8")))
    for site in source.sites(module):
        tree = source.mutated(site)
        compile(tree, module, "exec")
        assert ast.dump(tree) != right, site.id
        assert site.before != site.after, site.id


def test_a_function_belongs_to_one_area_of_a_role() -> None:
    """Otherwise a mutant would count twice."""
    assert area_of("secc.iso2", "cable_check", "secc") is AREAS[0]
    assert area_of("secc.iso2", "session_setup", "secc") is not AREAS[0]
    assert area_of("evcc.iso2", "cable_check", "secc") is None


def test_table_mutants_are_told_apart() -> None:
    """The same field of two messages, and two ways of being wrong, are different mutants."""
    ids = {entry.id for entry in tables.entries(AREAS[0])}
    assert {"iso2.PreChargeRes.EVSEPresentVoltage:stale", "iso2.CurrentDemandRes.EVSEPresentVoltage:tenfold"} <= ids


def test_reasons_are_sentences() -> None:
    """Each reason for a mutant that remains is in words."""
    assert all(isinstance(why, str) and len(why) > 20 for why in reasons().values())


def test_what_was_caught_is_caught_still() -> None:
    """A sample by seed of the generated faults, each against the run that failed with it; nine of ten at least."""
    done = run([sys.executable, "-m", "mutants", "--caught", "24", "--seed", "1"], cwd=TESTS)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    failed, tried = (int(word) for word in lines[-1].split() if word.isdigit())
    assert tried >= 20, "too many are gone: try mutants again with --keep"
    assert failed >= 0.9 * tried, [line for line in lines if not line.startswith("failed")]
