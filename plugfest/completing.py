"""What a shell may complete where the command line takes a value: names out of the tables that the commands go by.

Loaded only when a shell asks, and so are the tables: they are named here, not imported. Where a value is a file or a
directory, argcomplete offers files; other values (numbers, addresses, texts) have nothing to offer.
"""

from __future__ import annotations

import argparse
import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

NAMESPACES = Path("/run/netns")


@dataclass(frozen=True)
class Names:
    """Names that may stand somewhere.

    Attributes:
        table: module and name of an iterable of them, or of a function that returns one.
        lower: they are typed in lower case.
        listed: several may be given, separated by commas.
        then: what follows a name, such as ``=``.
    """

    table: str
    lower: bool = False
    listed: bool = False
    then: str = ""

    def __call__(self, prefix: str, **_: Any) -> list[str]:
        """What may stand in place of a prefix, as argcomplete wants it."""
        found = resolve_name(self.table)
        names = list(found() if callable(found) else found)
        before, comma, _rest = prefix.rpartition(",") if self.listed else ("", "", "")
        given = before.split(",")
        return [
            f"{before}{comma}{name.lower() if self.lower else name}{self.then}" for name in names if name not in given
        ]


def interfaces() -> Iterator[str]:
    """Interfaces of this host, and the beginning of those in its network namespaces."""
    yield from (name for _, name in socket.if_nameindex())
    if NAMESPACES.is_dir():
        yield from (f"{one.name}/" for one in sorted(NAMESPACES.iterdir()))


def cars() -> list[str]:
    return _personalities("cars")


def stations() -> list[str]:
    return _personalities("stations")


def _personalities(kind: str) -> list[str]:
    found: list[str] = resolve_name("plugfest.config.personalities:known")(kind)
    return found


def cases() -> Iterator[str]:
    """Ids of the catalogue."""
    return (one.id for one in resolve_name("plugfest.conformance.catalogue:cases")())


def timers() -> list[str]:
    """Timers that ``--timer`` changes."""
    return [name for name in resolve_name("v2g.timing:Timing").__dataclass_fields__ if name != "overridden"]


def roles() -> list[str]:
    """What a certificate is for."""
    return [one.value for one in resolve_name("pki.profiles:Role")]


def settings() -> list[str]:
    """Keys of a bench file as ``--set`` names them, each with its section."""
    sections = resolve_name("plugfest.config.names:SECTIONS")
    fields = resolve_name("msgspec.structs:fields")
    return [f"{title}.{one.encode_name}".lstrip(".") for title, kind in sections.items() for one in fields(kind)]


_PROTOCOLS = Names("plugfest.config.words:PROTOCOLS", listed=True)
_CASES = Names("plugfest.completing:cases")
_TIMERS = Names("plugfest.completing:timers", then="=")
_SLAC_TIMERS = Names("slac.timing:Timing.__dataclass_fields__", then="=")
_MODEMS = Names("slac.modem_sim:BEHAVIOURS")
_CONNECTORS = Names("slac.connector:CONNECTORS", lower=True)

NAMES: dict[str, Names] = {
    "--protocol": _PROTOCOLS,
    "conformance --protocol": Names("plugfest.tasks.cases:NAMES", listed=True),
    "exi --protocol": Names("plugfest.tasks.exi:SETS"),
    "--connector": _CONNECTORS,
    "--interface": Names("plugfest.completing:interfaces"),
    "--car": Names("plugfest.completing:cars"),
    "--station": Names("plugfest.completing:stations"),
    "--battery": Names("evcc.battery:PACKS"),
    "--service": Names("v2g.energy:BY_TITLE"),
    "--timer": _TIMERS,
    "--slac-timer": _SLAC_TIMERS,
    "--set": Names("plugfest.completing:settings", then="="),
    "explain connector value": _CONNECTORS,
    "explain sequence value": Names("plugfest.config.words:PROTOCOLS"),
    "explain timer value": Names("plugfest.explain.protocols:timer_names"),
    "explain message value": Names("plugfest.explain.protocols:message_names"),
    "explain code value": Names("plugfest.explain.protocols:code_names"),
    "conformance id": _CASES,
    "conformance -k": _CASES,
    "trace decode --name": Names("plugfest.explain.protocols:message_names"),
    "trace export --format": Names("plugfest.traces.export:FORMATS"),
    "slac line --modem": _MODEMS,
    "slac line --vehicle-modem": _MODEMS,
    "slac line --charger-modem": _MODEMS,
    "slac line --fault": Names("slac.line_faults:FAULTS"),
    "slac line --lose": Names("slac.line_faults:LOSABLE"),
    "slac line vehicle": Names("plugfest.completing:interfaces"),
    "slac line charger": Names("plugfest.completing:interfaces"),
    "pki role": Names("plugfest.commands.pki:LEAVES"),
    "pki --role": Names("plugfest.completing:roles"),
    "pki variants names": Names("pki.variants:KINDS"),
}
"""By argument, with the beginning of its command where others have another argument of that name."""

FILES = ("FILE", "PEM", "DER", "CMD", "COMMAND", "CSV", "TARGET", "INPUT")
"""Ends of what a value is called that is or names a file, though it is not read as a path."""


def attach(parser: argparse.ArgumentParser, *command: str) -> None:
    """Says for each argument of a parser and of its subcommands what may be completed."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, inner in action.choices.items():
                attach(inner, *command, name)
        elif action.nargs != 0 and action.choices is None:
            if (completer := _completer(action, command)) is not None:
                action.completer = completer  # type: ignore[attr-defined]  # argcomplete looks for it there


def _completer(action: argparse.Action, command: Iterable[str]) -> Callable[..., list[str]] | None:
    """What names the values of an argument; None for files."""
    words = list(command)
    name = action.option_strings[-1] if action.option_strings else action.dest
    for length in range(len(words), -1, -1):
        if (names := NAMES.get(" ".join([*words[:length], name]))) is not None:
            return names
    called = str(action.metavar or "").partition("[")[0]
    return None if action.type is Path or called.endswith(FILES) else _nothing


def _nothing(**_: Any) -> list[str]:
    return []
