"""Telling listeners of a change: one that fails must not keep it from the others, which may have to protect."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ParamSpec

P = ParamSpec("P")


def tell(listeners: Iterable[Callable[P, object]], *args: P.args, **kwargs: P.kwargs) -> None:
    """Calls each of them, and raises the first exception after that."""
    failure: Exception | None = None
    for listener in list(listeners):
        try:
            listener(*args, **kwargs)
        except Exception as why:  # noqa: BLE001 - whatever it is, it is raised below
            failure = failure or why
    if failure is not None:
        raise failure
