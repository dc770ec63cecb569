"""Words in a bench file that stand for something else: protocols, octets, a message in place of another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plugfest.config.model import Bench

PROTOCOLS = {
    "iso2": "iso2", "iso15118-2": "iso2", "din": "din70121", "din70121": "din70121", "iso20": "iso20",
    "iso15118-20": "iso20",
}  # fmt: skip
"""Names in bench files and on the command line -> protocols."""


def protocol_names(bench: Bench) -> list[str]:
    """The words of ``protocol``."""
    words = bench.protocol.split(",") if isinstance(bench.protocol, str) else bench.protocol
    return [word.strip() for word in words]


def octets(text: str) -> bytes:
    """Hex digits with or without separators as bytes."""
    return bytes.fromhex(text.replace(":", ""))


def replacement(replace: str | dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Name and fields of ``replace``."""
    if isinstance(replace, str):
        return replace, {}
    ((name, fields),) = replace.items()
    return str(name), fields if isinstance(fields, dict) else {}
