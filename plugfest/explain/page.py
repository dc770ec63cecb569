"""A page of what the tables know."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
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


def folded(lines: Iterable[str], width: int) -> Iterator[str]:
    """Lines that fit a terminal: what is too long goes on under its last column, or further in than it began."""
    for line in lines:
        if len(line) <= width:
            yield line
            continue
        starts = [gap.end() for gap in re.finditer(r"\S {2,}(?=\S)", line)]
        begin = len(line) - len(line.lstrip())
        indent = starts[-1] if starts and starts[-1] <= width - 16 else begin + 4
        yield from textwrap.wrap(
            line, width, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
        )
