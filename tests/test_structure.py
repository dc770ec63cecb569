"""The structure that CONTRIBUTING.md promises: no ring of modules, and imports at the top."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import plugfest

ROOT = Path(plugfest.__file__).parents[1]
PACKAGES = ("plugfest", "evcc", "secc", "v2g", "slac", "pki", "exi", "boundary")
INSIDE_FUNCTIONS = 3.0
"""Imports inside functions for each 1000 lines, at most: where start-up time or an extra demands them."""


def modules() -> dict[str, Path]:
    """All modules of the source, by dotted name."""
    found = {}
    for package in PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            parts = path.relative_to(ROOT).with_suffix("").parts
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(tree: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """Imports that are executed, those inside functions too; those for types alone are not."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        yield from imports(node)


def targets(node: ast.Import | ast.ImportFrom, known: dict[str, Path]) -> set[str]:
    """The modules of ours that an import names."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names} & known.keys()
    return {
        whole if (whole := f"{node.module}.{alias.name}") in known else str(node.module) for alias in node.names
    } & known.keys()


def test_no_modules_import_each_other_in_a_ring() -> None:
    known = modules()
    graph = {
        name: {target for node in imports(parsed(path)) for target in targets(node, known)} - {name}
        for name, path in known.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as ring:
        raise AssertionError(f"a ring: {' <- '.join(ring.args[1])}") from None


def test_imports_inside_functions_are_few() -> None:
    lines, inside = 0, []
    for name, path in modules().items():
        tree = parsed(path)
        lines += tree.body[-1].end_lineno or 0 if tree.body else 0
        functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        inside += sorted({f"{name}:{node.lineno}" for function in functions for node in imports(function)})
    assert len(inside) < INSIDE_FUNCTIONS * lines / 1000.0, inside


def test_an_ignored_type_has_its_reason_beside_it() -> None:
    """A bare ``# type: ignore[code]`` does not tell a reader why."""
    bare = re.compile(r"# type: ignore(\[[a-z, -]*\])?\s*$")
    sources = [
        path for folder in (*PACKAGES, "tests", "examples", "benchmarks") for path in (ROOT / folder).rglob("*.py")
    ]
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in sources
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if bare.search(line)
    ]
    assert not found
