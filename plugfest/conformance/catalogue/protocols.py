"""The protocols of :mod:`v2g.protocols` in the catalogue's words."""

from __future__ import annotations

from collections.abc import Mapping

from v2g.protocols import DIN, ISO2, ISO20, PROTOCOLS, Energy, Protocol

WORDS: Mapping[str, Protocol] = {"din70121": DIN, "iso15118-2": ISO2, "iso15118-20": ISO20}
"""Protocol of a run -> its definition; ``slac`` runs have none."""

TITLES: Mapping[str, str] = {**{word: protocol.title for word, protocol in WORDS.items()}, "slac": "SLAC (ISO 15118-3)"}
"""The common name of the protocol of a run."""

_TIMER_PREFIX: Mapping[str, str] = {DIN.name: "DIN_", ISO20.name: "ISO20_"}
"""Prefix in the catalogue for names of timers that have another value in a protocol."""


def spoken(word: str) -> Protocol:
    """The protocol that a run's session is about; ISO 15118-2 for a session that comes after a matching."""
    return WORDS.get(word, ISO2)


def word_of(protocol: Protocol) -> str:
    """The catalogue's word for a protocol."""
    return next(word for word, known in WORDS.items() if known is protocol)


def message_timer(protocol: Protocol, request: str) -> str:
    """Name of the vehicle's time-out for the response to a request; some are not in the catalogue."""
    prefix = "" if request.startswith("supported") else _TIMER_PREFIX.get(protocol.name, "")
    return f"{prefix}V2G_EVCC_Msg_Timeout_{request[0].upper()}{request[1:]}"


def energy(ac: bool) -> Energy:
    """AC or DC, from the PICS of the bench."""
    return "AC" if ac else "DC"


__all__ = ["PROTOCOLS", "TITLES", "WORDS", "energy", "message_timer", "spoken", "word_of"]
