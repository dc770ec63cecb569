"""Functions under the names that the catalogue gives them: requests, checks, scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F")


class Table(dict[str, F]):
    """Functions by name; :meth:`on` registers one under one or more names."""

    def on(self, *names: str) -> Callable[[F], F]:
        """A decorator.

        Raises:
            ValueError: a name is taken; its function would silently be replaced.
        """

        def register(function: F) -> F:
            for name in names:
                if name in self:
                    raise ValueError(f"{name} is registered twice")
                self[name] = function
            return function

        return register
