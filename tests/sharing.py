"""How several workers of pytest-xdist share the tests (``make test``; any ``pytest -n N``).

Modules with tests that wait for real clocks (markers ``netns`` and ``real_time``) are one portion, whose tests run one
after the other. All others go out in portions of at most 40 tests of one module: what a module sets up once is made at
most a few times, and long lists of cases are spread.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from xdist.scheduler import LoadScopeScheduling

PORTION = 40
"""Tests of one module that one worker takes at once."""

REAL_TIME = re.compile(r"\bmark\.(netns|real_time)\b")


class Scheduling(LoadScopeScheduling):
    """As described above. It goes by the text of modules: the process that shares out does not collect."""

    def __init__(self, config: Any, log: Any = None) -> None:
        super().__init__(config, log)
        self._root = Path(config.rootpath)
        self._portions: dict[str, str] = {}
        self._before: dict[str, int] = {}

    def _split_scope(self, nodeid: str) -> str:
        if nodeid not in self._portions:  # at first all, in order of collection
            module = nodeid.partition("::")[0]
            if waits(self._root / module):
                self._portions[nodeid] = "real time"
            else:
                number = self._before[module] = self._before.get(module, -1) + 1
                self._portions[nodeid] = f"{module} {number // PORTION}"
        return self._portions[nodeid]


@cache
def waits(module: Path) -> bool:
    """Whether some test of a module waits for a real clock."""
    return REAL_TIME.search(module.read_text(encoding="utf-8")) is not None
