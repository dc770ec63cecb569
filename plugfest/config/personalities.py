"""Ready cars and stations: bench files of the package on which the user's own file is based.

``vehicle: {car: NAME}`` and ``charger: {station: NAME}`` name one, or a file of your own. Keys of the user's file take
precedence; deviations of both apply.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from yaml.nodes import MappingNode, Node, ScalarNode

from boundary.choices import unknown
from boundary.errors import InputError
from plugfest.config import source
from plugfest.errors import UserError

KINDS = {("vehicle", "car"): "cars", ("charger", "station"): "stations"}
APPENDED = ("deviations", "timeline")


def folder(kind: str) -> Traversable:
    """Where the ready cars or stations are."""
    return resources.files("plugfest") / "personalities" / kind


def known(kind: str) -> list[str]:
    """Names of the ready cars or stations."""
    return sorted(f.name.removesuffix(".yaml") for f in folder(kind).iterdir() if f.name.endswith(".yaml"))


def ready(kind: str, name: str) -> MappingNode:
    """The tree of a ready car or station."""
    file = folder(kind) / f"{name}.yaml"
    return source.parse(file.read_text(encoding="utf-8"), file.name)


Complain = Callable[[tuple[str, ...], str, Node], None]
"""Takes a mistake: its path, what is wrong, and its node."""


def apply(root: MappingNode, complain: Complain) -> MappingNode:
    """The tree, based on the car and the station it names; one that cannot be used is reported, and left out."""
    for path, kind in KINDS.items():
        node = source.child(root, *path)
        if isinstance(node, ScalarNode) and node.tag != source.NULL:
            try:
                root = source.overlay(_find(node, kind, path[-1]), root, appended=APPENDED)
            except (UserError, InputError) as why:
                complain(path, str(why), node)
    return root


def _find(node: Node, kind: str, what: str) -> MappingNode:
    """Raises UserError, InputError: there is none of that name, or its file cannot be read."""
    name = str(node.value)
    if name.endswith((".yaml", ".yml")):
        beside = Path(node.start_mark.name).parent if node.start_mark is not None else Path()
        return source.read(beside / name)
    if name not in known(kind):
        raise UserError(unknown(what, name, known(kind)))
    return ready(kind, name)
