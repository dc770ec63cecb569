"""The one table of judgements, used with vehicles and chargers alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from plugfest.conformance.watch import (
    alternating,
    announced,
    answers,
    contacts,
    decides,
    echo,
    energy,
    measured,
    needs,
    output,
    pace,
    pilot,
    plausible,
    rated,
    reached,
    safety,
    status,
    told,
    vehicle,
    within,
)
from plugfest.conformance.watch.judgement import Judgement, Side
from plugfest.conformance.watch.messages import Stage

JUDGEMENTS: tuple[Judgement, ...] = (
    *output.BOOK.judgements,
    *safety.BOOK.judgements,
    *status.BOOK.judgements,
    *reached.BOOK.judgements,
    *rated.BOOK.judgements,
    *answers.BOOK.judgements,
    *energy.BOOK.judgements,
    *measured.BOOK.judgements,
    *alternating.BOOK.judgements,
    *decides.BOOK.judgements,
    *echo.BOOK.judgements,
    *pace.BOOK.judgements,
    *pilot.BOOK.judgements,
    *vehicle.BOOK.judgements,
    *contacts.BOOK.judgements,
    *plausible.BOOK.judgements,
    *told.BOOK.judgements,
    *needs.BOOK.judgements,
    *within.BOOK.judgements,
    *announced.BOOK.judgements,
)
"""In the order in which they are judged."""


def spoken(side: Side) -> Mapping[Stage, Sequence[Judgement]]:
    """What judges a side's messages, by what they are about."""
    own = [one for one in JUDGEMENTS if one.side == side and one.speaks is not None]
    return {stage: [one for one in own if stage in one.stages] for stage in Stage}


def shown(side: Side) -> Sequence[Judgement]:
    """What judges a side by what is measured."""
    return [one for one in JUDGEMENTS if one.side == side and one.shows is not None]


def heard(side: Side) -> Sequence[Judgement]:
    """What judges a side's answers, across messages and sessions."""
    return [one for one in JUDGEMENTS if one.side == side and one.hears is not None]


def seen(side: Side) -> Sequence[Judgement]:
    """What judges a side's end of the control pilot."""
    return [one for one in JUDGEMENTS if one.side == side and one.sees is not None]
