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
SLOW = frozenset((
    "aiomqtt", "argcomplete", "asyncio", "cryptography", "lxml", "msgspec", "paho", "rich", "scapy", "ssl",
    "uvicorn", "yaml",
))  # fmt: skip
"""What takes so long to load that a command without it loads it only where it is used."""


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


def named(path: Path) -> Iterator[ast.Import | ast.ImportFrom]:
    """All imports of a module, those for types alone too."""
    return (node for node in ast.walk(parsed(path)) if isinstance(node, ast.Import | ast.ImportFrom))


def targets(node: ast.Import | ast.ImportFrom, known: dict[str, Path]) -> set[str]:
    """The modules of ours that an import names."""
    if isinstance(node, ast.Import):
        return {alias.name for alias in node.names} & known.keys()
    return {
        whole if (whole := f"{node.module}.{alias.name}") in known else str(node.module) for alias in node.names
    } & known.keys()


def test_no_modules_import_each_other_in_a_ring() -> None:
    """Not for types alone either: whoever reads one of them would have to read all."""
    known = modules()
    graph = {
        name: {target for node in named(path) for target in targets(node, known)} - {name}
        for name, path in known.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as ring:
        raise AssertionError(f"a ring: {' <- '.join(ring.args[1])}") from None


def at_top(path: Path) -> Iterator[ast.Import | ast.ImportFrom]:
    """Imports that are executed when the module is loaded."""
    inside = {node for function in functions(path) for node in imports(function)}
    return (node for node in imports(parsed(path)) if node not in inside)


def functions(path: Path) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(parsed(path)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def loads(node: ast.Import | ast.ImportFrom, known: dict[str, Path]) -> set[str]:
    """What an import loads at once: our modules with the packages they are in, and the names of other packages."""
    named = targets(node, known)
    if not named:
        words = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [str(node.module)]
        return {word.partition(".")[0] for word in words}
    return {whole for name in named for whole in known if name == whole or name.startswith(f"{whole}.")}


def test_an_import_inside_a_function_spares_time_or_says_why() -> None:
    """It loads something slow that its module does not load anyway, or has a comment beside it or just above."""
    known = modules()
    direct = {name: set[str]().union(*(loads(node, known) for node in at_top(path))) for name, path in known.items()}

    def all_loaded(names: set[str]) -> set[str]:
        found: set[str] = set()
        while names:
            found |= names
            names = set[str]().union(*(direct.get(name, set()) for name in names)) - found
        return found

    found = []
    for name, path in known.items():
        lines = path.read_text(encoding="utf-8").splitlines()
        here = all_loaded({whole for whole in known if name == whole or name.startswith(f"{whole}.")})
        for function in functions(path):
            for block in blocks(function):
                first, last = block[0].lineno, block[-1].end_lineno or 0
                reason = any("#" in line for line in lines[first - 1 : last]) or lines[first - 2].lstrip()[:1] == "#"
                slow = SLOW & (all_loaded(set[str]().union(*(loads(node, known) for node in block))) - here)
                if not slow and not reason:
                    found.append(f"{name}:{first}")
    assert not found


def blocks(function: ast.AST) -> list[list[ast.Import | ast.ImportFrom]]:
    """Imports of a function that stand together."""
    found: list[list[ast.Import | ast.ImportFrom]] = []
    for node in imports(function):
        if found and node.lineno - (found[-1][-1].end_lineno or 0) <= 2:
            found[-1].append(node)
        else:
            found.append([node])
    return found


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


LIBRARIES = ("exi", "pki", "slac", "v2g")
"""Packages that others may use by themselves."""
WITHIN = frozenset(("Fatal", "AssertionError", "NotImplementedError"))
"""Errors that no caller sees: the TLS engine turns the first into its alert."""


def raised(node: ast.AST) -> Iterator[str]:
    """Names of the errors that a function raises itself, not those of functions inside it, nor those it handles."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            continue
        found = list(raised(child))
        if isinstance(child, ast.Raise) and isinstance(child.exc, ast.Call) and isinstance(child.exc.func, ast.Name):
            found.append(child.exc.func.id)
        if isinstance(node, ast.Try) and child in node.body:
            handled = {
                name.id for one in node.handlers for name in ast.walk(one.type or one) if isinstance(name, ast.Name)
            }
            found = [name for name in found if name not in handled]
        yield from found


def public(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Functions, and methods of classes, whose names have no underscore in front."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from public(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            yield node


def test_a_public_function_of_a_library_names_the_errors_it_raises() -> None:
    silent = [
        f"{name}.{node.name}: {', '.join(sorted(errors))}"
        for name, path in modules().items()
        if name.split(".")[0] in LIBRARIES
        for node in public(parsed(path))
        if (errors := set(raised(node)) - WITHIN) and (text := ast.get_docstring(node)) and "aises" not in text
    ]
    assert not silent, "\n".join(silent)
