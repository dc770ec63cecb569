"""How several workers of pytest-xdist share the tests (``make test``; any ``pytest -n N``).

Tests go out in portions: at most 40 of one module, or a whole module where some test waits for a real clock (markers
``netns`` and ``real_time``). What a module sets up once is made a few times at most, and long lists of cases are
spread. Half of the workers take modules that wait, as long as there is something else for the others: the waits cost
little then.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

from xdist.scheduler import LoadScopeScheduling

PORTION = 40
"""Tests of one module that one worker takes at once."""

WAITS = re.compile(r"\bmark\.(netns|real_time)\b")


class Scheduling(LoadScopeScheduling):
    """As described above. It goes by the text of modules: the process that shares out does not collect."""

    def __init__(self, config: Any, log: Any = None) -> None:
        super().__init__(config, log)
        self._root = Path(config.rootpath)
        self._portions: dict[str, str] = {}
        self._before: dict[str, int] = {}

    def _split_scope(self, nodeid: str) -> str:
        """The portion of a test: its module, and from the second portion of a module on a number."""
        if nodeid not in self._portions:  # at first all are asked for, in order of collection
            module = nodeid.partition("::")[0]
            number = self._before[module] = self._before.get(module, -1) + 1
            part = 0 if waits(self._root / module) else number // PORTION
            self._portions[nodeid] = f"{module}::{part}" if part else module
        return self._portions[nodeid]

    def _assign_work_unit(self, node: Any) -> None:
        waiting = sum(
            any(self._waits(portion) and not all(tests.values()) for portion, tests in work.items())
            for other, work in self.assigned_work.items()
            if other is not node
        )
        taken = waiting >= (len(self.assigned_work) + 1) // 2
        suits = next((portion for portion in self.workqueue if self._waits(portion) is not taken), None)
        if suits is not None:
            self.workqueue.move_to_end(suits, last=False)
        super()._assign_work_unit(node)

    def _waits(self, portion: str) -> bool:
        return waits(self._root / portion.partition("::")[0])


@cache
def waits(module: Path) -> bool:
    """Whether some test of a module waits for a real clock."""
    return WAITS.search(module.read_text(encoding="utf-8")) is not None
