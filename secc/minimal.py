"""The smallest legal message of a class, by its facets: the content of a refusal besides its code [V2G2-736]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeVar

from exi import Schema
from exi.schema import (
    AnyType,
    Binary,
    Boolean,
    Choice,
    Complex,
    Element,
    Enumeration,
    Integer,
    Model,
    Particle,
    Sequence,
    String,
)

M = TypeVar("M")

# Values whose smallest would mislead: a refusal must not look like a charger that is ready or still working.
_PREFERRED: dict[str, Any] = {
    "EVSEStatusCode": "EVSE_NotReady",
    "EVSEProcessing": "Finished",
    "EVSENotification": "None",
    "EVSEID": "ZZ00000",
    "PaymentOption": "ExternalPayment",
    "EnergyTransferType": "DC_extended",
    "ServiceID": 1,
}
_UNITS = {"Voltage": "V", "Current": "A", "Power": "W", "PMax": "W", "Energy": "Wh", "EAmount": "Wh"}
"""Unit by a part of the name of a physical value."""


def minimal(schema: Schema, message: type[M], *, dc: bool = True, request: object = None, **given: Any) -> M:
    """An instance of a message class: required fields minimal, optional ones absent, ``given`` as given.

    Args:
        schema: the schema set of the class.
        dc: whether to use the DC or the AC member of a group that has both.
        request: the request answered; group members are of the same kind: scheduled or dynamic, for one direction or
            both (ISO 15118-20).
    """
    kind = next(t for t in schema.model.types if t.cls is message)
    parts = (getattr(request, name) for name in getattr(request, "__struct_fields__", ()))
    kinds = frozenset(type(part).__name__.replace("Req", "Res") for part in parts)
    made: M = _Minimal(schema.model, "DC_" if dc else "AC_", kinds).fill(kind, given)
    return made


def _named(kind: Complex) -> str:
    return kind.cls.__name__ if kind.cls is not None else ""


@dataclass(frozen=True)
class _Minimal:
    model: Model
    prefix: str
    kinds: frozenset[str] = frozenset()

    def fill(self, kind: Complex, given: dict[str, Any]) -> Any:
        fields: dict[str, Any] = {}
        for attribute in kind.attributes:
            if attribute.required:
                fields[attribute.field] = self.smallest(attribute.type, attribute.field)
        if kind.text is not None:
            fields[kind.text_field] = self.smallest(kind.text, kind.text_field)
        if kind.content is not None:
            self.particle(kind.content, fields)
        assert kind.cls is not None
        return kind.cls(**{**fields, **given})

    def particle(self, particle: Particle, fields: dict[str, Any]) -> None:
        if not particle.minimum:
            return
        if isinstance(particle, Sequence):
            for item in particle.items:
                self.particle(item, fields)
        elif isinstance(particle, Choice):
            self.particle(particle.items[0], fields)
        elif isinstance(particle, Element):
            kind = particle.type
            if particle.ref:
                every = list(self.model.members(particle.name))
                same = [m for m in every if isinstance(m.type, Complex) and _named(m.type) in self.kinds]
                ours = [m for m in every if f"}}{self.prefix}" in m.name]
                members = [m for m in every if m.name != particle.name]
                kind = (same or ours or members or [self.model.elements[particle.name]])[0].type
            assert kind is not None
            value = self.smallest(kind, particle.field)
            fields[particle.field] = value if particle.maximum == 1 else [value] * particle.minimum

    def smallest(self, kind: AnyType, name: str) -> Any:
        preferred = _PREFERRED.get(name)
        match kind:
            case Complex():
                unit = next((unit for word, unit in _UNITS.items() if word in name), None)
                has_unit = unit is not None and "Unit" in getattr(kind.cls, "__struct_fields__", ())
                return self.fill(kind, {"Unit": unit} if has_unit else {})
            case Boolean():
                return False
            case Integer(minimum=minimum, maximum=maximum):
                if isinstance(preferred, int):
                    return preferred
                low = 0 if minimum is None else minimum
                return 0 if low <= 0 <= (maximum if maximum is not None else 0) else low
            case Enumeration(values=values):
                return preferred if preferred in values else values[0]
            case String(min_length=shortest):
                return preferred if isinstance(preferred, str) and len(preferred) >= shortest else "0" * shortest
            case Binary(min_length=shortest):
                return bytes(max(shortest, 1))
