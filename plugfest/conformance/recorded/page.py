"""A verdict on a recording for people: its first sentence, then every rule, the worst first."""

from __future__ import annotations

from collections.abc import Iterator

from plugfest.conformance.recorded.answer import Answer, Judged
from plugfest.conformance.recorded.judge import Verdict


def lines(verdict: Verdict) -> Iterator[str]:
    """The lines to print."""
    yield verdict.sentence
    yield f"session: {verdict.happened}"
    for answer in Answer:
        rows = verdict.of(answer)
        if rows:
            yield ""
            yield f"{answer.value} ({len(rows)})"
            yield from (f"  {_row(one)}" for one in rows)
    judged = [one for one in verdict.cases if one.answer is not Answer.NOT_JUDGED]
    if verdict.cases:
        yield ""
        yield f"cases of the catalogue: {len(judged)} of {len(verdict.cases)} (--json says why not the rest)"
        yield from (f"  {one.answer.value:4} {_row(one)}" for one in judged)


def _row(one: Judged) -> str:
    at = f"{one.time:.3f} s " if one.time is not None else ""
    asks = f"{one.rule}: {one.asks}"
    text = f" - {at}{one.text}" if one.text else ""
    return asks + (f" [{one.requirement}]" if one.requirement else "") + text
