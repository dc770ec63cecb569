"""A scenario for people: what is prepared, what is done step by step, what the recording must show."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from plugfest.conformance.catalogue import Case
from plugfest.conformance.pair.looks import in_words
from plugfest.conformance.pair.scenario import PHASES, Do, Until, Wait, scenario
from plugfest.conformance.pair.words import ACTS, PREPARED, spoken


def sections(case: Case) -> Mapping[str, Iterable[str]]:
    """All three, by the names that a description has for them."""
    return {"prepared": preparations(case), "stimulus": doings(case), "expected": expectations(case)}


def preparations(case: Case) -> Iterator[str]:
    """What holds before anything happens, a line each."""
    made = scenario(case)
    for name, value in made.prepared.items():
        yield spoken(PREPARED[name][1], value)
    for name, value in made.prepared2.items():
        yield f"at port 2, {spoken(PREPARED[name][1], value)}"


def doings(case: Case) -> Iterator[str]:
    """What happens, a line each."""
    return map(doing, scenario(case).steps)


def doing(step: Do | Wait | Until) -> str:
    """A step in words."""
    port = f" (port {step.port})" if isinstance(step, Do | Until) and step.port > 1 else ""
    match step:
        case Do(act, value):
            return spoken(ACTS[act][1], value) + port
        case Wait(seconds):
            return f"wait {seconds:g} s"
        case Until(phase, within):
            return f"wait until the session is at {PHASES[phase].title}, at most {within:g} s{port}"


def expectations(case: Case) -> Iterator[str]:
    """What the recording must show, a line each."""
    return map(in_words, scenario(case).expected)
