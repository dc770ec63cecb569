"""The protocols a session can speak, and the handshake that selects one.

One module per generation (:mod:`.din70121`, :mod:`.iso2`, :mod:`.iso20`) describes it as data: offer,
envelope, order, timers, abilities, names; :mod:`.protocol` has the shape, :mod:`.handshake` the negotiation. The bytes
alone do not tell DIN, ISO 15118-2 and the handshake apart: which schema reads them is session state.
"""

from __future__ import annotations

from v2g.protocols.din70121 import DIN
from v2g.protocols.handshake import APPPROTO, Selection, meant, offer, select
from v2g.protocols.iso2 import ISO2
from v2g.protocols.iso20 import ISO20
from v2g.protocols.protocol import Abilities, Energy, Names, Offer, Protocol

__all__ = [
    "APPPROTO",
    "DIN",
    "ISO2",
    "ISO20",
    "PROTOCOLS",
    "Abilities",
    "Energy",
    "Names",
    "Offer",
    "Protocol",
    "Selection",
    "meant",
    "offer",
    "select",
]

PROTOCOLS = {protocol.name: protocol for protocol in (DIN, ISO2, ISO20)}
"""The protocols for sessions, by name."""
