"""Rules for a bench file that has other mistakes: those that a value breaks alone, whatever else it may go with.

A misspelt key is missing from the bench, so a rule about keys that belong together may complain of its absence: those
rules have to wait. A value that breaks one of the others in a bench that has nothing else is wrong by itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from plugfest.config import rules
from plugfest.config.check import Path
from plugfest.config.model import Bench


def broken(data: dict[str, Any]) -> Iterator[tuple[Path, str]]:
    """The rules that values break by themselves: where, and what to do.

    Args:
        data: what could be read of a bench file, as builtins.
    """
    bench = _bench(data)
    for path, text in rules.broken(bench, rules.VALUES) if bench is not None else ():
        if (alone := _only(data, path)) is None:
            continue
        other = _bench({"role": data.get("role", "both")} | alone)
        if other is not None and (path, text) in rules.broken(other, rules.VALUES):
            yield path, text


def _bench(data: dict[str, Any]) -> Bench | None:
    """None: something that a bench needs could not be read."""
    try:
        return msgspec.convert(data, Bench)
    except msgspec.ValidationError:
        return None


def _only(data: Any, path: Path) -> Any:
    """The data with nothing but what a path names, and lists whole, as their numbers count; None: it is not there."""
    if not path or isinstance(path[0], int):
        return data
    inner = _only(data[path[0]], path[1:]) if isinstance(data, dict) and path[0] in data else None
    return None if inner is None else {path[0]: inner}
