"""What a check found, with its cause and its remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Mark = Literal["ok", "warning", "wrong", "unknown"]
SIGNS = {"ok": "✔", "warning": "!", "wrong": "✘", "unknown": "?"}


@dataclass(frozen=True)
class Finding:
    """What a check found.

    Attributes:
        topic: what was looked at, one word or two.
        mark: ``wrong`` stops a session, ``warning`` may; ``unknown`` could not be seen.
        text: what is so, in one line.
        cause: why, where something is wrong.
        remedy: what to do about it.
    """

    topic: str
    mark: Mark
    text: str
    cause: str = ""
    remedy: str = ""
