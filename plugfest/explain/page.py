"""A page of what the tables know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Page:
    """What is to be said.

    Attributes:
        title: of the page.
        lines: for people.
        data: the same for programs, to be written as JSON.
    """

    title: str
    lines: tuple[str, ...]
    data: Any


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """Rows in columns as wide as they need, two spaces between them; numbers to the right."""
    texts = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(cell) for cell in column) for column in zip(head, *texts, strict=True)]
    numbers = [bool(texts) and all(_is_number(row[place]) for row in texts) for place in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        both = zip(cells, widths, numbers, strict=True)
        return "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in both).rstrip()

    return [line(head), *map(line, texts)]


def _is_number(text: str) -> bool:
    return not text or text.replace(".", "", 1).removeprefix("-").isdigit()
