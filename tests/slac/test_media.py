"""Thousands of seeded power lines: the strongest charger within the limit, and never a neighbour's.

A few hundred run with the suite, thousands with the marker ``slow``. Every medium delays, doubles and reorders frames;
a failure names its seed.
"""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from matching import Bench
from sampling import slow

from plugfest.virtual import run
from slac import ev, evse
from slac.errors import MatchFailed, SlacError, Step
from slac.frames import (
    CM_ATTEN_CHAR_IND,
    CM_ATTEN_CHAR_RSP,
    CM_MNBC_SOUND_IND,
    CM_SLAC_MATCH_CNF,
    CM_SLAC_MATCH_REQ,
    CM_SLAC_PARM_CNF,
    CM_SLAC_PARM_REQ,
    CM_START_ATTEN_CHAR_IND,
    CM_VALIDATE_CNF,
    CM_VALIDATE_REQ,
    Message,
)
from slac.modem_sim import Behaviour
from slac.powerline import Conditions
from slac.timing import Timing

SEEDS = [pytest.param(range(150), id="150")]
FEWER = [pytest.param(range(60), id="60")]
MORE = [slow(pytest.param(range(n, n + 500), id=f"{n}")) for n in range(1000, 4000, 500)]
QUICK = Behaviour(deaf=0.05, join=0.05)


def _conditions(rng: random.Random, loss: float = 0.0) -> Conditions:
    return Conditions(
        loss=loss, duplicate=rng.choice([0.0, 0.05, 0.3]), late=rng.choice([0.0, 0.05, 0.2]),
        lateness=rng.uniform(0.005, 0.025), delay=(0.001, rng.uniform(0.002, 0.01)), jitter=rng.randrange(4),
    )  # fmt: skip


async def _strongest(seed: int) -> str:
    """One vehicle hears two to five chargers; why the result is wrong, or ""."""
    rng = random.Random(seed)
    number = rng.randint(2, 5)
    bench = Bench.of(number, seed=seed, conditions=_conditions(rng), car=QUICK, post=QUICK)
    levels = rng.sample(range(6, 76, 4), number)
    for post, level in zip(bench.posts, levels, strict=True):
        bench.line.connect(bench.cars[0], post, level)
    limit = rng.choice([20, 30, 40, 60])
    timing = Timing().replace(TT_matching_repetition=0.5)
    options = ev.Options(direct=limit, indirect=limit, validation="never", timing=timing, patient=rng.random() < 0.5)
    async with asyncio.TaskGroup() as group:
        chargers = [group.create_task(_serve(bench, n)) for n in range(number)]
        await asyncio.sleep(1)
        found: Any = None
        try:
            found = await bench.match_car(0, options)
        except MatchFailed as why:
            if why.step is not Step.DECISION:
                return f"failed at {why}"
        for task in chargers:
            task.cancel()
    best = min(levels)
    if best > limit + 1:
        return "" if found is None else f"matched at {found.attenuation} dB, limit {limit}"
    if best <= limit - 1 and found is None:
        return f"found none of {levels} within {limit}"
    if found is not None and found.evse_mac != bench.posts[levels.index(best)].mac:
        return f"took {found.attenuation} dB of {levels}"
    return ""


async def _serve(bench: Bench, n: int, options: evse.Options | None = None) -> Any:
    async with bench.charger(n, options) as charger:
        return await charger.match()


@pytest.mark.parametrize("seeds", SEEDS + MORE)
def test_strongest_within_the_limit(seeds: range) -> None:
    """A vehicle that hears several chargers always takes the strongest one within the limit, and none beyond."""
    wrong = {seed: text for seed in seeds if (text := run(_strongest(seed)))}
    assert not wrong


async def _together(seed: int, *, loss: float, validation: Any) -> tuple[list[str], int]:
    """Four pairs start together: what was wrong, and how many pairs were matched."""
    rng = random.Random(seed)
    bench = Bench.of(4, seed=seed, conditions=_conditions(rng, loss), car=QUICK, post=QUICK)
    for a, car in enumerate(bench.cars):
        own = rng.uniform(8, 32)
        for b, post in enumerate(bench.posts):
            bench.line.connect(car, post, own if a == b else rng.uniform(own + 5, 90))
    options = ev.Options(validation=validation, patient=rng.random() < 0.7, twice=loss > 0)

    async def car_of(n: int) -> Any:
        await asyncio.sleep(1 + rng.choice([0.0, 0.0, rng.uniform(0, 0.5)]))
        try:
            return await bench.match_car(n, options)
        except SlacError:
            return None

    async def post_of(n: int) -> Any:
        try:
            return await _serve(bench, n, evse.Options())
        except SlacError:
            return None

    posts = [asyncio.create_task(post_of(n)) for n in range(4)]
    cars = await asyncio.gather(*(car_of(n) for n in range(4)))
    await asyncio.sleep(0.5)
    wrong, matched = [], 0
    for n, (car, post) in enumerate(zip(cars, posts, strict=True)):
        if car is not None and car.evse_mac != bench.posts[n].mac:
            wrong.append(f"car {n} took {[p.mac for p in bench.posts].index(car.evse_mac)}")
        if post.done() and post.result() is not None and post.result().ev_mac != bench.cars[n].mac:
            wrong.append(f"post {n} took another car")
        matched += car is not None and post.done() and post.result() is not None and car.nmk == post.result().nmk
        post.cancel()
    await asyncio.gather(*posts, return_exceptions=True)
    return wrong, matched


@pytest.mark.parametrize("seeds", FEWER + MORE)
def test_four_pairs_at_once(seeds: range) -> None:
    """Four vehicles and four chargers that start together and hear each other: each vehicle gets its own charger."""
    results = {seed: run(_together(seed, loss=0.0, validation="doubtful")) for seed in seeds}
    assert {seed: result for seed, result in results.items() if result != ([], 4)} == {}


@pytest.mark.parametrize("seeds", [pytest.param(range(20), id="20"), *MORE[:2]])
def test_four_pairs_with_losses(seeds: range) -> None:
    """With one frame in twenty lost, vehicles that validate never take a neighbour's charger, and nearly all match."""
    results = {seed: run(_together(seed, loss=0.05, validation="always")) for seed in seeds}
    assert {seed: wrong for seed, (wrong, _) in results.items() if wrong} == {}
    assert sum(matched for _, matched in results.values()) >= 0.95 * 4 * len(seeds)


# How many of each message may be lost in a row without harm: two of three, and of ten sounds all but one.
_SURVIVED: dict[type[Message], int] = {
    CM_SLAC_PARM_REQ: 2,
    CM_SLAC_PARM_CNF: 2,
    CM_START_ATTEN_CHAR_IND: 2,
    CM_MNBC_SOUND_IND: 9,
    CM_ATTEN_CHAR_IND: 2,
    CM_ATTEN_CHAR_RSP: 2,
    CM_VALIDATE_REQ: 2,
    CM_VALIDATE_CNF: 2,
    CM_SLAC_MATCH_REQ: 2,
    CM_SLAC_MATCH_CNF: 2,
}


@pytest.mark.parametrize("kind", _SURVIVED, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("which", ["first", "last"])
async def test_losses_up_to_the_limit(kind: type[Message], which: str) -> None:
    """As many losses of one message as the retries allow, and the pair is still matched in its first attempt."""
    limit = _SURVIVED[kind]
    # Far enough for a validation; not for CM_SLAC_MATCH.REQ, since after one the charger waits TT_match_sequence
    # (400 ms) only, and the third request is sent just then.
    far = kind is not CM_SLAC_MATCH_REQ
    bench = Bench.of(own=50.0 if far else 20.0)
    seen = 0

    def drop(_source: Any, _target: Any, frame: Any) -> bool:
        nonlocal seen
        if type(frame.message) is not kind:
            return False
        seen += 1
        if kind is CM_MNBC_SOUND_IND and which == "last":
            return seen > 1  # only the first one arrives
        return seen <= limit

    bench.line.drop = drop
    async with bench.charger() as charger:
        waiting = asyncio.create_task(charger.match())
        car = await bench.match_car()
        post = await waiting
    assert car.nmk == post.nmk
    assert seen > limit
    assert bench.notes("car0", "attempt failed") == []
    assert car.validated is far


async def test_random_losses_within_one_pair() -> None:
    """With one frame in ten lost, a pair that may try again is always matched."""
    for seed in range(40):
        bench = Bench.of(seed=seed, conditions=Conditions(loss=0.1))
        async with bench.charger() as charger:
            waiting = asyncio.create_task(charger.match())
            car = await bench.match_car()
            post = await waiting
        assert car.nmk == post.nmk, f"seed {seed}"
