"""What a bench names, from the tables: its protocols, its connector, messages."""

from __future__ import annotations

from typing import Any

from plugfest.config.model import Bench
from plugfest.config.words import PROTOCOLS, protocol_names
from slac.connector import Connector
from slac.connector import connector as find
from v2g.protocols import APPPROTO, Protocol
from v2g.protocols import PROTOCOLS as KNOWN


def spoken(bench: Bench) -> list[Protocol]:
    """The protocols of a bench; words that do not name one are left out."""
    return [KNOWN[PROTOCOLS[word.lower()]] for word in protocol_names(bench) if word.lower() in PROTOCOLS]


def protocols(bench: Bench) -> list[Protocol]:
    """The protocols of a bench; AC leaves out those without AC."""
    chosen = [KNOWN[PROTOCOLS[word.lower()]] for word in protocol_names(bench)]
    return list(dict.fromkeys(p for p in chosen if p.can_charge("AC") or not bench.ac))


def connector(bench: Bench) -> Connector:
    """The connector of a bench."""
    return find(bench.connector)


def message_classes(name: str) -> dict[str, type[Any]]:
    """The classes of a message name, by protocol name, including those of appproto."""
    found = {p.name: p.message(name) for p in (APPPROTO, *KNOWN.values())}
    return {protocol: cls for protocol, cls in found.items() if isinstance(cls, type)}


def message_names() -> list[str]:
    """All messages of the protocols that a session can use."""
    modules = [module for p in (APPPROTO, *KNOWN.values()) for module in p.modules.values()]
    return sorted({n for module in modules for n in vars(module) if n.endswith(("Req", "Res")) and n[0] != "_"})
