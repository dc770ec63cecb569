"""Fields of a message by name, wherever they are in it: ``EVTargetVoltage``, ``DC_EVSEStatus.EVSENotification``."""

from __future__ import annotations

from typing import Any

import msgspec

from v2g.physical import physical, rational
from v2g.protocols import ISO20
from v2g.protocols.protocol import Protocol


def quantity(protocol: Protocol, amount: float, unit: str) -> Any:
    """A number as the messages of a protocol carry it; ``amount`` in ``unit``, to a tenth or coarser."""
    return rational(amount, -1) if protocol is ISO20 else physical(protocol.module, amount, unit)


def leaf(name: str) -> str:
    return name.rpartition(".")[2]


def replaced(message: Any, name: str, value: Any) -> Any:
    """The message with the field of that name changed, wherever it is.

    Raises:
        KeyError: it has no such field.
    """
    wanted = leaf(name)
    if wanted in getattr(message, "__struct_fields__", ()):
        return msgspec.structs.replace(message, **{wanted: value})
    for field in getattr(message, "__struct_fields__", ()):
        inner = getattr(message, field)
        if isinstance(inner, msgspec.Struct):
            try:
                return msgspec.structs.replace(message, **{field: replaced(inner, name, value)})
            except KeyError:
                continue
    raise KeyError(name)


def found(message: Any, name: str) -> Any:
    """The field of that name, wherever it is.

    Raises:
        KeyError: the message has no such field.
    """
    wanted = leaf(name)
    if wanted in getattr(message, "__struct_fields__", ()):
        return getattr(message, wanted)
    for field in getattr(message, "__struct_fields__", ()):
        inner = getattr(message, field)
        if isinstance(inner, msgspec.Struct):
            try:
                return found(inner, name)
            except KeyError:
                continue
    raise KeyError(name)
