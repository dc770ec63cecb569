"""EXI test vectors: those of the repository, and further ones (recorded messages) under ``PLUGFEST_SHARED``."""

from __future__ import annotations

import gzip
import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from captures import SHARED

from exi import Schema
from v2g.messages import schema

Vector = dict[str, Any]

OWN = sorted((Path(__file__).parent / "data" / "vectors").glob("*.jsonl.gz"))
OTHERS = sorted(p for p in (SHARED / "vectors").glob("*.jsonl") if "slac" not in p.name)


@cache
def load(path: Path) -> tuple[Vector, ...]:
    data = path.read_bytes()
    lines = (gzip.decompress(data) if path.suffix == ".gz" else data).decode().splitlines()
    return tuple(json.loads(line) for line in lines)


def own() -> Iterator[Vector]:
    for path in OWN:
        yield from load(path)


@cache
def own_ids() -> frozenset[str]:
    return frozenset(vector["id"] for vector in own())


def grammar_of(protocol: str) -> tuple[Schema, bool]:
    """The schema set of a vector's ``protocol``, and whether its fragment grammar is meant."""
    return schema(protocol.removesuffix("-fragment")), protocol.endswith("-fragment")


def canonical(text: str) -> tuple[Any, ...]:
    """An XML text as nested tuples without prefixes, attributes in order, white space between elements gone."""

    def walk(element: ElementTree.Element) -> tuple[Any, ...]:
        own_text = element.text or ""
        children = tuple(walk(child) for child in element)
        return (
            element.tag,
            tuple(sorted(element.attrib.items())),
            own_text if own_text.strip() or not children else "",
            children,
        )

    return walk(ElementTree.fromstring(text))
