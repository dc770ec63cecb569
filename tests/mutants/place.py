"""Mutants of the source, put in place: the code of live functions is replaced, whoever has imported them."""

from __future__ import annotations

import gc
import importlib
import sys
from functools import cache
from types import CodeType, FunctionType

from mutants.source import Site, constant, mutated, path_of

PACKAGES = ("evcc", "secc", "slac", "v2g", "pki")


class Misplaced(Exception):
    """A mutant that cannot be put in place: its code does not fit the live function."""


def put(site: Site) -> None:
    """Puts a mutant in place, for good: the process is meant to end after it.

    Raises:
        Misplaced: there is no such function, or the change has left it without a name of an enclosing scope.
    """
    importlib.import_module(site.module)
    if not site.function:
        _set(site)
        return
    file = str(path_of(site.module))
    codes = {_key(code): code for code in _codes(compile(mutated(site), file, "exec"))}
    functions = [
        one for one in live() if one.__code__.co_filename == file and one.__code__.co_qualname == site.function
    ]
    done = 0
    for function in functions:
        if not _first_line(function.__code__) <= site.line <= _last_line(function.__code__):
            continue  # a setter beside its getter
        code = codes.get(_key(function.__code__))
        if code is None or code.co_freevars != function.__code__.co_freevars:
            raise Misplaced(site.id)
        function.__code__ = code
        done += 1
    if not done:
        raise Misplaced(site.id)


def _set(site: Site) -> None:
    """A constant, in its module and in those that have imported it by name."""
    name, value = constant(site)
    old = getattr(sys.modules[site.module], name)
    for module in list(sys.modules.values()):
        if module.__name__.partition(".")[0] in PACKAGES and vars(module).get(name) is old:
            setattr(module, name, value)


@cache
def live() -> tuple[FunctionType, ...]:
    """Functions of our packages that are loaded."""
    return tuple(
        one
        for one in gc.get_objects()
        if isinstance(one, FunctionType) and str(one.__module__).partition(".")[0] in PACKAGES
    )


def users(name: str, module: str) -> list[FunctionType]:
    """Functions that may look at a constant: of its module, or of one that imported it."""
    owner = sys.modules[module]
    value = vars(owner).get(name)
    return [
        one for one in live() if name in one.__code__.co_names and one.__globals__.get(name, owner) is value
    ]  # fmt: skip


def naming(name: str) -> list[FunctionType]:
    """Functions that name an attribute, or have the name as a text."""
    wanted = name.partition(".")[0]
    return [
        one
        for one in live()
        if any(wanted in code.co_names or wanted in code.co_consts for code in _codes(one.__code__))
    ]


def lines(function: FunctionType) -> set[int]:
    """The lines of a function's code."""
    return {line for _, _, line in function.__code__.co_lines() if line is not None}


def _key(code: CodeType) -> tuple[str, int]:
    return code.co_qualname, code.co_firstlineno


def _codes(code: CodeType) -> list[CodeType]:
    inner = [one for one in code.co_consts if isinstance(one, CodeType)]
    return [code, *(found for one in inner for found in _codes(one))]


def _first_line(code: CodeType) -> int:
    return code.co_firstlineno


def _last_line(code: CodeType) -> int:
    return max((line for one in _codes(code) for _, _, line in one.co_lines() if line is not None), default=0)
