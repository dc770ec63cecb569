"""Doors that are to stay closed: what only one module may do."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import secc

ROOT = Path(secc.__file__).parents[1]
PACKAGES = ("exi", "pki", "slac", "v2g", "traces", "evcc", "secc", "conformance", "plugfest")

VERBS = {"aim", "precharge", "bound", "start_insulation_test"}
"""What makes a DC output give something, or allows it to."""


def uses(source: str, names: set[str]) -> set[str]:
    """Which of these names the source reads as an attribute, or spells as a string for getattr."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Attribute) and node.attr in names:
            found.add(node.attr)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("getattr", "setattr"):
            found |= {arg.value for arg in node.args if isinstance(arg, ast.Constant) and arg.value in names}
    return found


def users(names: set[str], packages: tuple[str, ...] = PACKAGES) -> dict[str, set[str]]:
    found = {}
    for package in packages:
        for path in sorted((ROOT / package).rglob("*.py")):
            if used := uses(path.read_text(encoding="utf-8"), names):
                found[path.relative_to(ROOT).as_posix()] = used
    return found


def test_only_the_envelope_drives_an_output() -> None:
    """No protocol code, view or bench calls a driver's verbs: they would bypass the vehicle's limits."""
    assert users(VERBS) == {"secc/envelope.py": VERBS}


def test_the_driver_is_not_handed_on() -> None:
    """Behind the envelope only the plant itself looks, for who couples or breaks a simulation."""
    assert set(users({"driver"}, ("evcc", "secc", "plugfest/conformance"))) <= {"secc/envelope.py", "secc/charger.py"}


@pytest.mark.parametrize(
    "source",
    ["power.aim(1, 2)", "drive = power.precharge", "getattr(power, 'aim')(1, 2)", "x.y.start_insulation_test(5)"],
)
def test_the_door_sees(source: str) -> None:
    """The test above can fail."""
    assert uses(source, VERBS)
