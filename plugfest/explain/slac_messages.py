"""Messages of SLAC and of modems, out of the layouts that build and read them."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

from plugfest.explain.page import Page, table
from slac.frames import IOTECHA, LUMISSIL, QUALCOMM, STM
from slac.layout import Cursor, Field
from slac.mme import Kind, kinds

MAKERS = {QUALCOMM: "Qualcomm", LUMISSIL: "Lumissil", IOTECHA: "IoTecha", STM: "STMicroelectronics"}
_PROBES = (bytes(400), b"\1" * 400, bytes(500))
"""Bytes that every field of a fixed length reads the same number of."""


def names() -> dict[str, Kind]:
    """The messages by name, such as CM_SLAC_PARM.REQ."""
    return {_name(kind): kind for kind in kinds()}


def _name(kind: Kind) -> str:
    stem, _, direction = kind.__name__.rpartition("_")
    return f"{stem}.{direction}"


def page(name: str) -> Page:
    """What it is for, its MMTYPE, its fields in the order of the wire, and the values that they must have."""
    kind = names()[name]
    fields = list(_fields(kind))
    about = inspect.getdoc(kind) or ""
    made: dict[str, Any] = {
        "mmtype": f"0x{kind.CODE:04X}", "oui": kind.OUI.hex(":") if kind.OUI else "", "meaning": _first(about),
        "fields": fields,
    }  # fmt: skip
    whose = f", {MAKERS.get(kind.OUI, 'vendor')} ({made['oui']})" if kind.OUI else ""
    rows = [(f"  {one['name']}", one["length"], one["must_be"]) for one in fields]
    listed = table(("  field", "length", ""), rows) if rows else ["  no fields"]
    return Page(name, (f"HomePlug Green PHY, MMTYPE {made['mmtype']}{whose}", *_line(made["meaning"]), *listed), made)


def _line(text: str) -> list[str]:
    return [f"  {text}"] if text else []


def _first(text: str) -> str:
    return " ".join(text.split("\n\n")[0].split()).replace("``", "").replace("`", "")


def _fields(kind: Kind) -> Iterator[dict[str, str]]:
    for one in kind.LAYOUT:
        must = kind.REQUIRED.get(one.name)
        yield {
            "name": one.name or "(reserved)",
            "length": _length(one),
            "must_be": "" if must is None else f"must be {_shown(must)}",
        }


def _length(one: Field) -> str:
    lengths = set()
    for probe in _PROBES:
        cursor = Cursor(probe, 0)
        one.read(cursor)
        lengths.add(cursor.place)
    number = min(lengths)
    return "variable" if len(lengths) > 1 else f"{number} byte{'s' * (number != 1)}"


def _shown(value: Any) -> str:
    if not isinstance(value, bytes):
        return str(value)
    return "all zero" if not any(value) else value.hex(":")
