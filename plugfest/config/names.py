"""Options of the command line and keys of the bench file: the same names, and where in the file each key stands."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from plugfest.config.charger import Charger
from plugfest.config.model import Bench
from plugfest.config.vehicle import Vehicle
from plugfest.errors import UserError

SECTIONS: Mapping[str, type[msgspec.Struct]] = {"": Bench, "vehicle": Vehicle, "charger": Charger}


@functools.cache
def keys() -> dict[str, str]:
    """Key -> section ("" for the top), for keys that are in one section only; the top takes precedence."""
    found: dict[str, list[str]] = {}
    for section, kind in SECTIONS.items():
        for field in msgspec.structs.fields(kind):
            found.setdefault(field.encode_name, []).append(section)
    return {name: where[0] for name, where in found.items() if len(where) == 1 or where[0] == ""}


def tree(given: Mapping[str, Any]) -> dict[str, Any]:
    """Options by their names with underscores, as the tree of a bench file; options that are not keys are left out."""
    result: dict[str, Any] = {}
    for name, value in given.items():
        key = name.replace("_", "-")
        section = keys().get(key)
        if section is None or value is None:
            continue
        if key in ("timer", "slac-timer") and isinstance(value, list):
            value = timers(value, f"--{key}")
        if key == "mqtt" and isinstance(value, str):
            value = broker(value)
        (result.setdefault(section, {}) if section else result)[key] = str(value) if isinstance(value, Path) else value
    return result


def timers(texts: Iterable[str], option: str = "--timer") -> dict[str, float]:
    """``NAME=SECONDS``, repeated. Raises UserError: it has another form."""
    changes = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            changes[name] = float(value)
        except ValueError:
            raise UserError(f"{option} {text}: use NAME=SECONDS") from None
    return changes


def settings(texts: Iterable[str] | None) -> dict[str, str]:
    """``KEY=VALUE`` of ``--set``, repeated. Raises UserError: it has another form."""
    changes = {}
    for text in texts or ():
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise UserError(f"--set {text}: use KEY=VALUE, such as --set vehicle.soc=30")
        changes[key.strip()] = value
    return changes


def broker(url: str) -> dict[str, Any]:
    """``mqtt[s]://[user[:password]@]host[:port][/topic]`` as keys of the section ``mqtt``.

    Raises:
        UserError: it is not such an address.
    """
    wanted = f"--mqtt {url}: use mqtt://[USER[:PASSWORD]@]HOST[:PORT][/TOPIC]"
    try:
        parts = urlsplit(url if "://" in url else f"mqtt://{url}")
    except ValueError as why:
        raise UserError(wanted) from why
    try:
        port = parts.port
    except ValueError:
        raise UserError(f"--mqtt {url}: the port is not a number") from None
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise UserError(wanted)
    found = {
        "host": parts.hostname,
        "port": port,
        "username": unquote(parts.username) if parts.username else None,
        "password": unquote(parts.password) if parts.password else None,
        "topic": unquote(parts.path.strip("/")) or None,
        "tls": parts.scheme == "mqtts" or None,
    }
    return {key: value for key, value in found.items() if value is not None}
