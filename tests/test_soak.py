"""`make soak` finds what it is for: each kind of leak, seeded, and an end that nobody ordered."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable

import pytest
from sampling import sampled

soak = pytest.importorskip("benchmarks.soak", reason="the benchmarks are not here (tests against the wheel)")

KEPT: list[int] = []
TASKS: list[asyncio.Task[None]] = []


def _handle() -> None:
    KEPT.append(os.open(os.devnull, os.O_RDONLY))


def _task() -> None:
    TASKS.append(asyncio.create_task(asyncio.sleep(3600)))


@pytest.mark.real_time
@pytest.mark.parametrize(
    ("seeded", "found"),
    sampled([(_task, "tasks left"), (None, ""), (_handle, "handles left")], 3),
    ids=["task", "none", "handle"],
)
async def test_a_seeded_leak_is_found(seeded: Callable[[], None] | None, found: str) -> None:
    """Whole sessions over loopback, some of them broken off; the other end is another process."""
    said: list[str] = []
    run = await soak.soak(
        minutes=0.05, sessions=5, broken=0.3, tls=False, charging=0.1, every=0.01, say=said.append,
        seeded=seeded or (lambda: None),
    )  # fmt: skip
    for handle in KEPT:
        os.close(handle)
    KEPT.clear()
    for task in TASKS:
        task.cancel()
    TASKS.clear()
    problems = run.problems()
    assert [problem for problem in problems if found and found in problem] or not (found or problems), problems
    assert len(run.samples) > 2
    assert "handles" in said[0]


def usages(*rss: float) -> list[object]:
    return [soak.Sample(n, 1, n, 0, soak.Usage(mb, 5, 5), soak.Usage(30.0, 5, 5)) for n, mb in enumerate(rss)]


def test_growing_memory_is_found_and_settling_is_not() -> None:
    grows = soak.Run(samples=usages(*(30.0 + n for n in range(40))))
    assert any("memory grew" in problem for problem in grows.problems())
    settles = soak.Run(samples=usages(*(min(30.0 + 2 * n, 40.0) for n in range(40))))
    assert settles.problems() == []


@pytest.mark.parametrize(
    ("vehicles", "chargers", "broken", "problem"),
    [
        ({"completed": 5}, {"completed": 5}, 0, ""),
        ({"completed": 5}, {"completed": 5, "peer: the peer closed the connection": 2}, 2, ""),
        ({"completed": 5}, {"completed": 5, "peer: the peer closed the connection": 2}, 1, "2 sessions were cut off"),
        ({"completed": 4, "timeout: late": 1}, {"completed": 5}, 0, "1 x timeout: late"),
        ({"completed": 5}, {"completed": 4}, 0, "4 sessions have ended, but 5 were started"),
        ({"completed": 5}, {"completed": 4, "error: KeyError: 1": 1}, 0, "1 x error: KeyError"),
    ],
)
def test_each_end_is_accounted_for(
    vehicles: dict[str, int], chargers: dict[str, int], broken: int, problem: str
) -> None:
    run = soak.Run(ends=(Counter(vehicles), Counter(chargers)), broken=broken)
    assert any(problem in text for text in run.problems()) if problem else run.problems() == []
