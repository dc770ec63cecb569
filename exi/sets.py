"""A schema set: message classes and global elements, and the model that is read from them."""

from __future__ import annotations

import types
from collections.abc import Iterable
from typing import Any

from exi.classes import read
from exi.dialects import Dialect
from exi.schema import Model, Type


class Schema:
    """A schema set made of message classes, with its global elements stated explicitly.

    Args:
        name: the set's name (``iso2``).
        modules: modules (or namespaces) whose :class:`Type` classes belong to the set, reachable or not.
        elements: (Clark name, class or annotated simple type, head it substitutes or None) of each global element.
        dialects: deviating codings that a decoder tries when the standard's reading fails.
    """

    def __init__(
        self,
        name: str,
        modules: Iterable[types.ModuleType],
        elements: Iterable[tuple[str, Any, str | None]],
        dialects: Iterable[Dialect] = (),
    ) -> None:
        self.name = name
        self.dialects = tuple(dialects)
        self._modules = list(modules)
        self._elements = list(elements)
        self._model: Model | None = None
        self.roots: dict[type[Type], str] = {}
        for element, annotation, _ in self._elements:
            if isinstance(annotation, type) and issubclass(annotation, Type):
                self.roots.setdefault(annotation, element)

    def __repr__(self) -> str:
        return f"<Schema {self.name}>"

    @property
    def model(self) -> Model:
        """The set as plain data, read from the classes on first use."""
        if self._model is None:
            self._model = read(self.name, self._modules, self._elements)
        return self._model
