"""Schema vocabulary: how message classes state their facets, and the plain model both they and XSD files become.

A message class is a :class:`Type`: a msgspec Struct whose fields are in schema order, under the schema's names.

========================================  =====================================================================
annotation of a field                     meaning
========================================  =====================================================================
``T``                                     element, exactly once
``T | None = None``                       element, optional
``Annotated[list[T], occurs(1, 20)]``     element, repeated; ``occurs(1)`` is unbounded; minimum 0 needs ``= []``
``OneOf[T] = None``                       one branch of a choice: adjacent ``OneOf`` fields form it
``AtMostOneOf[T] = None``                 the same, and the whole choice may be absent
``Together[T] = None``                    adjacent ``Together`` fields form an optional group: all or none
``Head[T]``, ``Head[T | None] = None``    the head of a substitution group; the value's class selects the member
``Ref[T]`` (around any of them)           reference to a global element: the element's namespace is the one of ``T``'s
                                          declaration in the :class:`Schema`, not the one of the class
``Attr[T]``, ``Attr[T | None] = None``    attribute
``Text[T]``                               the value of a type with simple content (its only other fields: attributes)
========================================  =====================================================================

Types whose content a flat list of fields cannot express (xmldsig's repeated choices) set ``content_model``
and keep their children as a list of :class:`Item` in one field named ``content``.

Simple types are annotated aliases: ``Annotated[int, Integer(0, 100)]``, ``Annotated[str, String(max_length=32)]``,
``Annotated[bytes, Binary("hex", max_length=8)]``, ``bool``, and ``Literal["OK", ...]`` for enumerations.
"""

from __future__ import annotations

import typing
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, NamedTuple, TypeVar, dataclass_transform

import msgspec

T = TypeVar("T")
M = TypeVar("M", bound="Type")

# ---------------------------------------------------------------------------------------------------------------
# Simple types


@dataclass(frozen=True, slots=True)
class Boolean:
    """xs:boolean, one bit."""


@dataclass(frozen=True, slots=True)
class Integer:
    """An integer type by its effective bounds, those of the built-in type included; None: unbounded."""

    minimum: int | None = None
    maximum: int | None = None

    @property
    def bits(self) -> int | None:
        """Width of the n-bit coding (at most 4096 values), or None where the coding is variable."""
        if self.minimum is None or self.maximum is None or self.maximum - self.minimum >= 4096:
            return None
        return (self.maximum - self.minimum).bit_length()

    @property
    def signed(self) -> bool:
        return self.minimum is None or self.minimum < 0


@dataclass(frozen=True, slots=True)
class Enumeration:
    """A string with enumerated values, in schema order."""

    values: tuple[str, ...]

    @property
    def bits(self) -> int:
        return (len(self.values) - 1).bit_length()


@dataclass(frozen=True, slots=True)
class String:
    """xs:string, or with ``collapse`` xs:anyURI, xs:ID, xs:IDREF; lengths in characters."""

    min_length: int = 0
    max_length: int | None = None
    collapse: bool = False


@dataclass(frozen=True, slots=True)
class Binary:
    """xs:hexBinary or xs:base64Binary; lengths in bytes. The spelling matters only to XML and JSON."""

    spelling: Literal["hex", "base64"]
    min_length: int = 0
    max_length: int | None = None


Simple = Boolean | Integer | Enumeration | String | Binary

byte = Annotated[int, Integer(-(2**7), 2**7 - 1)]
short = Annotated[int, Integer(-(2**15), 2**15 - 1)]
int32 = Annotated[int, Integer(-(2**31), 2**31 - 1)]
long = Annotated[int, Integer(-(2**63), 2**63 - 1)]
integer = Annotated[int, Integer()]
unsignedByte = Annotated[int, Integer(0, 2**8 - 1)]  # noqa: N816 - XSD's own names
unsignedShort = Annotated[int, Integer(0, 2**16 - 1)]  # noqa: N816
unsignedInt = Annotated[int, Integer(0, 2**32 - 1)]  # noqa: N816
unsignedLong = Annotated[int, Integer(0, 2**64 - 1)]  # noqa: N816
string = Annotated[str, String()]
anyURI = Annotated[str, String(collapse=True)]  # noqa: N816
ID = Annotated[str, String(collapse=True)]
IDREF = Annotated[str, String(collapse=True)]
hexBinary = Annotated[bytes, Binary("hex")]  # noqa: N816
base64Binary = Annotated[bytes, Binary("base64")]  # noqa: N816

# ---------------------------------------------------------------------------------------------------------------
# Markers on fields


@dataclass(frozen=True, slots=True)
class Occurs:
    """How often a repeated element may occur; unbounded without a maximum."""

    minimum: int
    maximum: int | None


MAX_UNBOUNDED = 1024
"""Most elements read of a list for which a schema sets no maximum: a peer's bytes must not cost unlimited time. The
longest lists with a maximum have 1024."""


def occurs(minimum: int, maximum: int | None = None) -> Occurs:
    """Bounds of a repeated element; without a maximum it is unbounded."""
    return Occurs(minimum, maximum)


class Marker(NamedTuple):
    """What a field is if not a plain element."""

    name: str


ATTR, TEXT, HEAD, REF = Marker("attribute"), Marker("text"), Marker("head"), Marker("ref")
ONE, AT_MOST_ONE, TOGETHER = Marker("one of"), Marker("at most one of"), Marker("together")

Attr = Annotated[T, ATTR]
Text = Annotated[T, TEXT]
Head = Annotated[T, HEAD, REF]
Ref = Annotated[T, REF]
OneOf = Annotated[T | None, ONE]
AtMostOneOf = Annotated[T | None, AT_MOST_ONE]
Together = Annotated[T | None, TOGETHER]


class Item(NamedTuple):
    """A child of a type with ``content_model``: local element name and value."""

    name: str
    value: Any


# ---------------------------------------------------------------------------------------------------------------
# The model: what classes and XSD files are read into


@dataclass(eq=False, slots=True)
class Complex:
    """A complex type. ``content`` is None for empty or simple content; ``text`` is its simple content."""

    name: str
    attributes: tuple[Attribute, ...] = ()
    content: Particle | None = None
    text: Simple | None = None
    mixed: bool = False
    cls: type[Type] | None = None
    text_field: str = ""


AnyType = Boolean | Integer | Enumeration | String | Binary | Complex


@dataclass(frozen=True, slots=True)
class Attribute:
    """An attribute; ``name`` in Clark notation, ``{namespace}local`` or ``local``."""

    name: str
    type: Simple
    required: bool
    field: str = ""


@dataclass(eq=False, slots=True)
class Element:
    """An element particle; ``head`` particles stand for the members of a substitution group."""

    name: str
    type: AnyType | None
    minimum: int = 1
    maximum: int | None = 1
    ref: bool = False
    field: str = ""


@dataclass(eq=False, slots=True)
class Sequence:
    items: tuple[Particle, ...]
    minimum: int = 1
    maximum: int | None = 1


@dataclass(eq=False, slots=True)
class Choice:
    items: tuple[Particle, ...]
    minimum: int = 1
    maximum: int | None = 1


@dataclass(eq=False, slots=True)
class Wildcard:
    """A wildcard."""

    minimum: int = 1
    maximum: int | None = 1


Particle = Element | Sequence | Choice | Wildcard


@dataclass(eq=False, slots=True)
class Declaration:
    """A global element."""

    name: str
    type: AnyType
    substitutes: str | None = None


@dataclass(eq=False)
class Model:
    """One schema set as plain data: its global elements by Clark name, and every complex type."""

    name: str
    elements: dict[str, Declaration] = field(default_factory=dict)
    types: list[Complex] = field(default_factory=list)
    _groups: dict[str, tuple[Declaration, ...]] = field(default_factory=dict, init=False, repr=False)

    def members(self, head: str) -> tuple[Declaration, ...]:
        """The substitution group of a head: all members of members, and the head itself, in EXI order.

        Groups are cached: call this only on a complete model.
        """
        if head not in self._groups:
            found = [d for d in self.elements.values() if d.substitutes == head]
            nested = [m for d in found for m in self.members(d.name)]
            group = {d.name: d for d in [self.elements[head], *nested]}
            self._groups[head] = tuple(sorted(group.values(), key=lambda d: exi_order(d.name)))
        return self._groups[head]


def replace(message: M, **changes: Any) -> M:
    """A copy of a message with other values in some fields; messages themselves are never changed."""
    return typing.cast(M, msgspec.structs.replace(typing.cast(Any, message), **changes))


def local(name: str) -> str:
    """The local part of a Clark name."""
    return name.rpartition("}")[2]


def namespace_of(name: str) -> str:
    """The namespace of a Clark name, or ""."""
    return name[1:].partition("}")[0] if name.startswith("{") else ""


def exi_order(name: str) -> tuple[str, str]:
    """Sort key of EXI for qualified names: local name, then namespace."""
    return local(name), namespace_of(name)


def particles(particle: Particle | None) -> Iterator[Element]:
    """Every element particle below one, in schema order."""
    if isinstance(particle, Element):
        yield particle
    elif isinstance(particle, (Sequence, Choice)):
        for item in particle.items:
            yield from particles(item)


# ---------------------------------------------------------------------------------------------------------------
# Message classes


@dataclass_transform(kw_only_default=True, field_specifiers=(msgspec.field,))
class TypeMeta(msgspec.StructMeta):
    """Makes every message class keyword-only (field order is wire order) and notes its namespace."""

    def __new__(
        mcls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        ns: str | None = None,
        element_form: bool | None = None,
        attribute_form: bool | None = None,
        mixed: bool = False,
        **config: Any,
    ) -> Any:
        options = {"kw_only": True, "omit_defaults": True, **config}
        cls: Any = super().__new__(mcls, name, bases, namespace, **options)
        if ns is not None:
            cls.xml_namespace = ns
        if element_form is not None:
            cls.xml_element_form = element_form
        if attribute_form is not None:
            cls.xml_attribute_form = attribute_form
        cls.xml_mixed = mixed
        return cls


if TYPE_CHECKING:
    # Type checkers take the kw_only default from the nearest class with a transform, and msgspec.Struct has its own; so
    # we show them a base of ours instead.
    class _Struct(metaclass=TypeMeta):
        __struct_fields__: ClassVar[tuple[str, ...]]
else:
    _Struct = msgspec.Struct


class Type(_Struct, metaclass=TypeMeta, ns="", element_form=True, attribute_form=True):
    """A message or part of one. Class keywords: ``ns``, and ``element_form`` / ``attribute_form`` for whether its
    local elements and attributes are qualified; all three are inherited. ``mixed`` is not."""

    xml_namespace: ClassVar[str]
    xml_element_form: ClassVar[bool]
    xml_attribute_form: ClassVar[bool]
    xml_mixed: ClassVar[bool]
    xml_virtual: ClassVar[bool] = False
    """True, in the class itself, for a base class that only carries class keywords and is not a schema type."""

    @staticmethod
    def content_model(element: Declarer) -> Particle | None:
        """For the exceptional types: builds the content from ``element(name)`` and the particles of this module."""
        return None


class Declarer(typing.Protocol):
    """The argument of ``content_model``: makes the element particle ``name`` of the class, with the given type or the
    global element's."""

    def __call__(self, name: str, type_: Any = None, minimum: int = 1, maximum: int | None = 1) -> Element: ...


def q(namespace: str, name: str) -> str:
    """Clark notation of a qualified name."""
    return f"{{{namespace}}}{name}"
