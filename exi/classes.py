"""Reads message classes into the model, following the rules for annotations in :mod:`exi.schema`."""

from __future__ import annotations

import inspect
import types
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, Literal, NamedTuple

from exi.errors import SchemaError
from exi.schema import (
    AT_MOST_ONE,
    ATTR,
    ONE,
    REF,
    TEXT,
    TOGETHER,
    AnyType,
    Attribute,
    Binary,
    Boolean,
    Choice,
    Complex,
    Declaration,
    Element,
    Enumeration,
    Integer,
    Marker,
    Model,
    Occurs,
    Particle,
    Sequence,
    Simple,
    String,
    Type,
    TypeMeta,
    exi_order,
    local,
)


def _classes(modules: Iterable[types.ModuleType]) -> list[type[Type]]:
    found: dict[type[Type], None] = {}
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Type) and value.__module__ == module.__name__:
                if not vars(value).get("xml_virtual", False):
                    found[value] = None
    return list(found)


def read(name: str, modules: Iterable[types.ModuleType], elements: Iterable[tuple[str, Any, str | None]]) -> Model:
    """The model of a schema set; the arguments are those of :class:`exi.schema.Schema`.

    Raises:
        SchemaError: a field has a type that is not in the set, or a reference to an unknown global element.
    """
    model = Model(name)
    known: dict[type[Type], Complex] = {}
    pending = _classes(modules)
    for cls in pending:
        known[cls] = Complex(cls.__name__, cls=cls)
    for element, annotation, head in elements:
        model.elements[element] = Declaration(element, _type(annotation, known), head)
    by_name: dict[Any, list[str]] = {}
    for declaration in model.elements.values():
        by_name.setdefault(local(declaration.name), []).append(declaration.name)
    for into in known.values():
        _Filling(into, model, known, by_name).fill()
    model.types = list(known.values())
    return model


class _Field(NamedTuple):
    """A parsed field annotation."""

    inner: Any
    markers: tuple[Any, ...]
    optional: bool
    bounds: Occurs | None


def _take_apart(annotation: Any) -> _Field:
    markers: tuple[Any, ...] = ()
    optional = False
    bounds = None
    while True:
        origin = typing.get_origin(annotation)
        if origin is Annotated:
            annotation, *extra = typing.get_args(annotation)
            markers += tuple(m for m in extra if isinstance(m, Marker))
            bounds = next((m for m in extra if isinstance(m, Occurs)), bounds)
            if facets := [m for m in extra if isinstance(m, (Integer, String, Binary))]:
                annotation = Annotated[annotation, facets[0]]
                break
        elif origin in (typing.Union, types.UnionType):
            rest = [a for a in typing.get_args(annotation) if a is not type(None)]
            if len(rest) != 1:
                break
            optional, annotation = True, rest[0]
        elif origin is list:
            (annotation,) = typing.get_args(annotation)
        else:
            break
    return _Field(annotation, markers, optional, bounds)


def _type(annotation: Any, known: Mapping[type[Type], Complex]) -> AnyType:
    if isinstance(annotation, (Boolean, Integer, Enumeration, String, Binary)):
        return annotation
    origin = typing.get_origin(annotation)
    if origin is Literal:
        return Enumeration(typing.get_args(annotation))
    if origin is Annotated:
        facet = typing.get_args(annotation)[1]
        if isinstance(facet, (Integer, String, Binary)):
            return facet
    if annotation is bool:
        return Boolean()
    if isinstance(annotation, type) and annotation in known:
        return known[annotation]
    raise SchemaError(f"{annotation!r} is not a type of the schema set")


def _owners(cls: type[Type]) -> dict[str, type[Type]]:
    """The class of the inheritance chain that declares each field, base first; the field takes its namespace."""
    owners: dict[str, type[Type]] = {}
    for base in reversed(cls.__mro__):
        if isinstance(base, TypeMeta):
            for name in inspect.get_annotations(base):
                owners.setdefault(name, typing.cast("type[Type]", base))
    return owners


class _Filling:
    """Fills the model of one class.

    Args:
        known: the types of the set, by class.
        by_name: the global elements of a local name.
    """

    def __init__(
        self, into: Complex, model: Model, known: Mapping[type[Type], Complex], by_name: Mapping[str, list[str]]
    ) -> None:
        assert into.cls is not None
        self._into = into
        self._cls = into.cls
        self._set = model.name
        self._known = known
        self._by_name = by_name
        self._owners = _owners(into.cls)
        hints = typing.get_type_hints(into.cls, include_extras=True)
        self._parts = {name: _take_apart(hints[name]) for name in into.cls.__struct_fields__}

    def fill(self) -> None:
        """Attributes, text and content."""
        into, cls = self._into, self._cls
        into.mixed = cls.xml_mixed
        into.attributes = tuple(sorted(self._attributes(), key=lambda a: exi_order(a.name)))
        for name, part in self._parts.items():
            if TEXT in part.markers:
                into.text = typing.cast(Simple, _type(part.inner, self._known))
                into.text_field = name
        if cls.content_model is not Type.content_model:
            into.content = cls.content_model(self._declare)
        elif items := list(self._items()):
            into.content = Sequence(tuple(items))

    def _attributes(self) -> Iterator[Attribute]:
        for name, part in self._parts.items():
            if ATTR in part.markers:
                owner = self._owners[name]
                qname = f"{{{owner.xml_namespace}}}{name}" if owner.xml_attribute_form else name
                yield Attribute(qname, typing.cast(Simple, _type(part.inner, self._known)), not part.optional, name)

    def _items(self) -> Iterator[Particle]:
        """The content of consecutive fields; neighbours with the same choice or group marker form one particle."""
        run: list[Element] = []
        run_kind: Marker | None = None
        for name, part in self._parts.items():
            if ATTR in part.markers or TEXT in part.markers:
                continue
            kind = next((m for m in part.markers if m in (ONE, AT_MOST_ONE, TOGETHER)), None)
            if kind != run_kind:
                yield from _group(run, run_kind)
                run, run_kind = [], kind
            if kind is not None:
                run.append(self._element(name, part, 1, 1))
            elif part.bounds is not None:
                yield self._element(name, part, part.bounds.minimum, part.bounds.maximum)
            else:
                yield self._element(name, part, 0 if part.optional else 1, 1)
        yield from _group(run, run_kind)

    def _element(self, name: str, part: _Field, minimum: int, maximum: int | None) -> Element:
        owner = self._owners.get(name, self._cls)
        own = f"{{{owner.xml_namespace}}}{name}"
        if REF not in part.markers:
            qname = own if owner.xml_element_form else name
            return Element(qname, _type(part.inner, self._known), minimum, maximum, field=name)
        candidates = self._by_name.get(name, [])
        qname = own if own in candidates else candidates[0] if len(candidates) == 1 else ""
        if not qname:
            raise SchemaError(f"{self._cls.__name__}.{name}: no global element of this name in {self._set}")
        return Element(qname, None, minimum, maximum, ref=True, field=name)

    def _declare(self, name: str, type_: Any = None, minimum: int = 1, maximum: int | None = 1) -> Element:
        """The argument of ``content_model``, see :class:`exi.schema.Declarer`."""
        part = _Field(type_, (REF,) if type_ is None else (), False, None)
        made = self._element(name, part, minimum, maximum)
        made.field = "content" if "content" in self._parts else name
        return made


def _group(run: list[Element], kind: Marker | None) -> Iterator[Particle]:
    """The particle of adjacent fields with a marker."""
    if kind is not None:
        yield (Sequence if kind is TOGETHER else Choice)(tuple(run), 1 if kind is ONE else 0, 1)
