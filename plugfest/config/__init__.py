"""The bench file: one YAML file that describes a whole bench, and what the command line says, as one typed value.

:mod:`.model`, with :mod:`.vehicle` and :mod:`.charger`, and :mod:`.actions` are the keys; :mod:`.source` reads YAML
with its lines; :mod:`.check` reads it against the model and words the mistakes; :mod:`.rules` adds what types cannot
say. Every mistake of a file is reported, with file, line and path.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from plugfest.errors import UserError

if TYPE_CHECKING:
    from yaml.nodes import MappingNode

    from plugfest.config.model import Bench

APPENDED = ("deviations", "timeline")
"""Lists of a ready car or station that precede the file's own instead of being replaced by them."""


class ConfigError(UserError):
    """Mistakes in a bench file, one line each."""


def load(path: Path, *, settings: dict[str, str] | None = None) -> Bench:
    """The bench of a file.

    Args:
        settings: values by dotted path (``vehicle.soc``) that override the file, as YAML text.

    Raises:
        ConfigError: all mistakes, each with line and path.
    """
    from plugfest.config import source

    return _bench(source.read(path), settings)


def loads(text: str, name: str = "bench", *, settings: dict[str, str] | None = None) -> Bench:
    """As :func:`load`, from text."""
    from plugfest.config import source

    return _bench(source.parse(text, name), settings)


def of_args(args: argparse.Namespace, role: str, **defaults: Any) -> Bench:
    """The bench that the options of a session command describe; missing options have the model's defaults.

    With ``--bench FILE`` the options override that file.

    Args:
        defaults: the command's defaults, by option name with underscores.

    Raises:
        ConfigError: a value is invalid; names the option.
    """
    from plugfest.config import names, source

    given = names.tree({**defaults, **vars(args), "role": role})
    root: Any = source.nodes(given)  # the nodes of a mapping are a mapping
    if (file := getattr(args, "bench", None)) is not None:
        root = source.overlay(source.read(file), root)
    return _bench(root, names.settings(getattr(args, "set", None)))


def _bench(root: MappingNode, settings: dict[str, str] | None) -> Bench:
    import msgspec

    from plugfest.config import partial, personalities, rules, source
    from plugfest.config.check import Reader
    from plugfest.config.model import Bench

    for path, text in (settings or {}).items():
        root = source.overlay(root, source.setting(path, text))
    reader = Reader()
    root = personalities.apply(root, reader.complain)
    data = reader.read(root, msgspec.inspect.type_info(Bench))
    if not reader.mistakes:
        bench = msgspec.convert(data, Bench)
        for path_, text in rules.broken(bench):
            reader.complain(path_, text)
        if not reader.mistakes:
            return bench
    else:
        for path_, text in partial.broken(data):
            reader.complain(path_, text)
    lines = [text for _, text in sorted(reader.mistakes, key=lambda m: m[0])]
    of_options = root.start_mark is None  # the user corrects one after the other
    if len(lines) == 1 or of_options:
        raise ConfigError(lines[0])
    raise ConfigError(f"{len(lines)} mistakes", *(f"  {line}" for line in lines))


def json_schema() -> dict[str, Any]:
    """The JSON Schema of the bench file."""
    import msgspec

    from plugfest.config.model import Bench

    schema = msgspec.json.schema(Bench)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "plugfest bench", **schema}


__all__ = ["ConfigError", "json_schema", "load", "loads", "of_args"]
