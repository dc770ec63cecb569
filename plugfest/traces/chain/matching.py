"""The SLAC rounds of a recording as the first steps of its chain; `slac.rounds` judges them."""

from __future__ import annotations

from collections.abc import Sequence

from plugfest.traces.chain.steps import Diagnosis, Fault, Outcome, Side, Step, side_named
from plugfest.traces.slac import SIDES
from slac import causes
from slac.errors import Step as SlacStep
from slac.rounds import Round

_OF_THE_LINK = {SlacStep.LINK, SlacStep.SET_KEY}


_UNSHOWN = {causes.NOT_SHOWN, causes.LINK_UNKNOWN}
"""Causes after which the recording does not show whether the link came up."""


def diagnosis(rounds: Sequence[Round], *, carried: bool, alone: bool) -> Diagnosis | None:
    """Where the last matching stopped, or when it was done; None if there was none.

    Args:
        carried: later traffic that requires a link.
        alone: the recording has only HomePlug frames, for example because of a capture filter.
    """
    if not rounds:
        return None
    last = rounds[-1]
    found = last.verdict
    place = last.last.place if last.last is not None else -1
    if found.step is SlacStep.MATCHED or (found.step in _OF_THE_LINK and carried):
        text = "the vehicle was matched with a charger" + (", and the link came up" if last.linked or carried else "")
        text += "; only HomePlug frames were recorded" if alone else ""
        return Diagnosis(Outcome.OPEN, Step.LINK, text, since=last.ended, entry=place)
    if alone and found.step is SlacStep.LINK and found.blamed is None and _UNSHOWN.intersection(found.causes):
        text = "the vehicle was matched with a charger; only HomePlug frames were recorded, and none shows the link"
        return Diagnosis(Outcome.OPEN, Step.LINK, text, since=last.ended, entry=place)
    side: Side = side_named(SIDES[found.blamed]) if found.blamed is not None else ""
    of_link = found.step in _OF_THE_LINK
    text = found.text if of_link else f"the vehicle was not matched: {found.text}"
    due, due_from, since = "", side, last.ended
    if found.due is not None:
        due, since = found.due.message, found.due.since
        due_from = side_named(SIDES[found.due.end])
    if found.undecided:
        text = f"the recording ends {'before the link is up' if of_link else 'in the matching'}: {found.text}"
        where = Step.LINK if of_link else Step.MATCHING
        return Diagnosis(Outcome.OPEN, where, text, "", Fault.OPEN, since, due, due_from, place)
    # The finding comes from plugfest.traces.checks.matching.
    return Diagnosis(
        Outcome.FAILED, Step.LINK if of_link else Step.MATCHING, text, side, Fault.NOT_MATCHED, since, due, due_from,
        place,
    )  # fmt: skip
