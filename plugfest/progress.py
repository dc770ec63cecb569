"""Shows the progress of a campaign: a line per verdict, and on a terminal a last line with the current run."""

from __future__ import annotations

import os
import shutil
import sys
from collections import Counter
from typing import IO, TYPE_CHECKING

from boundary.console import raw
from boundary.text import visible

if TYPE_CHECKING:
    from plugfest.conformance.campaign.campaign import Progress
    from plugfest.conformance.verdict import Verdict

_COLOURS = {"pass": "32", "inconc": "33", "fail": "1;31", "error": "1;35"}
"""Of terminals."""


def left(seconds: float) -> str:
    """A remaining time in words."""
    minutes = seconds / 60
    if minutes < 1:
        return f"{seconds:.0f} s left"
    return f"{minutes:.0f} min left" if minutes < 100 else f"{minutes / 60:.1f} h left"


class Show:
    """Reports each run; give it to :attr:`plugfest.conformance.campaign.campaign.Campaign.tell`.

    Args:
        file: the output; a terminal gets colours (unless NO_COLOR is set) and the line with the current run.
    """

    def __init__(self, file: IO[str] | None = None) -> None:
        self._file = file or sys.stdout
        self._terminal = self._file.isatty()
        self._coloured = self._terminal and not os.environ.get("NO_COLOR")
        self._counts: Counter[str] = Counter()

    def __call__(self, progress: Progress) -> None:
        if progress.result is None:
            self._under_way(progress)
            return
        from plugfest.conformance.campaign.outcome import WORDS  # campaigns take time to load

        result = progress.result
        word = WORDS[result.verdict] + ("*" if result.findings else "")
        self._counts[WORDS[result.verdict]] += 1
        text = visible(result.reason or "; ".join(map(str, result.findings)))
        line = f"{_place(progress)} {self._painted(result.verdict, f'{word:<12}')} {progress.run.id}"
        line += f"  {result.seconds:.1f} s" + (f"  {text}" if text else "")
        if progress.done % 10 == 0 and not self._terminal:
            line += f"  ({left(progress.left)})"
        self._say(line)
        if progress.note:
            self._say(visible(f"note: {progress.note}"))

    def _under_way(self, progress: Progress) -> None:
        """The last line, which the next verdict replaces; never wider than the terminal."""
        if not self._terminal:
            return
        counts = ", ".join(f"{number} {word}" for word, number in self._counts.items())
        about = f"about {progress.expected:.0f} s" if progress.expected >= 1 else ""
        parts = [f"{_place(progress)} {progress.run.id}", about, left(progress.left), counts]
        line = "  ".join(part for part in parts if part)
        line = visible(line)[: shutil.get_terminal_size().columns - 1]
        raw("\r\x1b[K" + line, file=self._file, flush=True)

    def _say(self, line: str) -> None:
        raw(("\r\x1b[K" if self._terminal else "") + line + "\n", file=self._file, flush=True)

    def _painted(self, verdict: Verdict, text: str) -> str:
        colour = _COLOURS.get(verdict.word) if self._coloured else None
        return f"\x1b[{colour}m{text}\x1b[0m" if colour else text

    def clear(self) -> None:
        """Removes the line with the current run."""
        if self._terminal:
            raw("\r\x1b[K", file=self._file, flush=True)


def _place(progress: Progress) -> str:
    width = len(str(progress.total))
    return f"[{progress.done if progress.result else progress.done + 1:{width}}/{progress.total}]"
