"""Samples of mutants that no campaign judges: each in a process of its own, and what is told with it in place."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from processes import run

from mutants import place
from mutants.source import Site

TESTS = Path(__file__).parents[1]
MOST = 20
"""Lines that are kept of one mutant."""

Tell = Callable[[Site], Iterable[str]]


def wrong(sites: Sequence[Site], number: int, seed: int, tell: Tell, *, seconds: int) -> Iterator[str]:
    """What is wrong with each mutant of a sample; and, if so, that hardly any could be tried.

    All that a mutant may change has to be loaded by now.

    Args:
        tell: says what is wrong with a mutant in place. An exception of it is wrong as well.
        seconds: real time for one: one that loops forever shows nothing.
    """
    place.live()
    chosen = random.Random(seed).sample(list(sites), min(number, len(sites)))
    tried = 0
    for site in chosen:
        told = _told(site, tell, seconds)
        tried += told is not None
        yield from (f"{site.id} ({site.before} -> {site.after}), {text}" for text in told or ())
    if tried < len(chosen) / 2:
        yield f"only {tried} of {len(chosen)} mutants could be tried"


def _told(site: Site, tell: Tell, seconds: int) -> list[str] | None:
    """What is told; None if the mutant could not be put in place, or did not end."""
    reads, writes = os.pipe()
    if (child := os.fork()) == 0:
        os.close(reads)
        signal.alarm(seconds)
        found: list[str] | None = []
        try:
            place.put(site)
            found = list(tell(site))[:MOST]
        except place.Misplaced:
            found = None
        except BaseException as why:  # noqa: BLE001 - whatever it is, it is told
            found = [f"raised {type(why).__name__}: {why}"]
        finally:
            os.write(writes, json.dumps(found).encode())
            os._exit(0)
    os.close(writes)
    with os.fdopen(reads) as pipe:
        text = pipe.read()
    os.waitpid(child, 0)
    return json.loads(text) if text else None


def printed(module: str, number: int, seed: int) -> list[str]:
    """The lines of ``python -m MODULE NUMBER SEED`` in ``tests/``."""
    done = run([sys.executable, "-m", module, str(number), str(seed)], cwd=TESTS, timeout=3000.0)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()
