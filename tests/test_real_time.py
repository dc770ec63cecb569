"""Tests in real time assert order and outcome: no moment that a busy machine can shift is in them.

A scan of the tests' source. What a second process on the machine could break is not written down at all: it goes
through `processes`, or into virtual time.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import CEILING

TESTS = Path(__file__).parent
HELPERS = {"processes.py"}
FILES = [path for path in sorted(TESTS.rglob("*.py")) if "interop" not in path.parts and path.name not in HELPERS]

each_file = pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(TESTS).as_posix())


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _called(node: ast.AST) -> str:
    """Like ``asyncio.sleep``; "" for what is no such call."""
    return ast.unparse(node.func) if isinstance(node, ast.Call) else ""


def _seconds(node: ast.expr | None) -> float | None:
    return float(node.value) if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)) else None


def _keyword(node: ast.Call, name: str) -> ast.expr | None:
    return next((k.value for k in node.keywords if k.arg == name), None)


def _real_time(tree: ast.Module) -> Iterator[ast.AST]:
    """The functions that run in real time: marked so, in a module or class marked so, or not a coroutine's at all."""

    def marked(nodes: list[ast.expr]) -> bool:
        return any(mark in ast.unparse(node) for node in nodes for mark in ("mark.real_time", "mark.netns", "netns"))

    def marks(body: list[ast.stmt]) -> bool:
        return any(
            isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "pytestmark" and marked([n.value]) for n in body
        )

    for node in tree.body:
        inside = [node]
        if isinstance(node, ast.ClassDef):
            inside = list(node.body)
        for one in inside:
            if isinstance(one, (ast.FunctionDef, ast.AsyncFunctionDef)) and (
                marks(tree.body)
                or marked(one.decorator_list)
                or (isinstance(node, ast.ClassDef) and (marked(node.decorator_list) or marks(node.body)))
            ):
                yield one


@each_file
def test_processes_are_waited_for_as_long_as_it_takes(path: Path) -> None:
    """A limit for a process is `CEILING`, which only what hangs meets."""
    short = [
        f"line {node.lineno}: {ast.unparse(node)[:80]}"
        for node in ast.walk(_tree(path))
        if _called(node).rpartition(".")[2] in ("run", "communicate", "wait", "check_output", "check_call")
        and isinstance(node, ast.Call)
        and (seconds := _seconds(_keyword(node, "timeout"))) is not None
        and seconds < CEILING
    ]
    assert short == []


@each_file
def test_nothing_sleeps_in_place_of_waiting(path: Path) -> None:
    """`processes.wait`, `until` and `stays` wait for something; `time.sleep` only for the clock."""
    slept = [
        f"line {n.lineno}" for n in ast.walk(_tree(path)) if isinstance(n, ast.Call) and _called(n) == "time.sleep"
    ]
    allowed = {"conformance/test_campaign.py": 1, "broker.py": 1}  # blocks a loop on purpose; polls a port
    assert len(slept) <= allowed.get(path.relative_to(TESTS).as_posix(), 0), slept


@each_file
def test_tests_in_real_time_know_no_moments(path: Path) -> None:
    """No sleep, no short time-out, and no upper bound on what the clock says."""
    wrong = []
    for function in _real_time(_tree(path)):
        for node in ast.walk(function):
            if isinstance(node, ast.Call):
                name, first = _called(node), _seconds(node.args[0]) if node.args else None
                if name == "asyncio.sleep" and first != 0:
                    wrong.append(f"line {node.lineno}: {ast.unparse(node)}: use processes.until or stays")
                if (
                    name == "asyncio.timeout"
                    and (first is None or first < CEILING)
                    and "CEILING" not in ast.unparse(node)
                ):
                    wrong.append(f"line {node.lineno}: {ast.unparse(node)}: use CEILING")
                limit = node.args[1] if name == "asyncio.wait_for" and len(node.args) > 1 else None
                if (seconds := _seconds(limit)) is not None and seconds < CEILING:
                    wrong.append(f"line {node.lineno}: {ast.unparse(node)}: use CEILING")
                if name in ("time.monotonic", "time.perf_counter", "time.time"):
                    wrong.append(f"line {node.lineno}: {name}: what it says depends on the machine")
    allowed = {"plugfest/test_live.py": 2}  # a deadline for what hangs
    assert len(wrong) <= allowed.get(path.relative_to(TESTS).as_posix(), 0), wrong
