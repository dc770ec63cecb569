"""SLAC rounds: each matching of a recording or an interface as one value, judged.

    for one in rounds(frames):                       # (seconds, Ethernet frame), in order
        print(one.reached, one.verdict.text)
        if one.due:                                  # what did not arrive, from which end, since when
            print(one.due.end, one.due.message, one.due.since, one.due.timer)

This is the only judgement of SLAC: ``plugfest slac watch``, ``slac doctor``, ``trace check`` and the chain of steps all
use it. `slac.judge` sorts frames into rounds, `slac.agreed` has the content rules, `slac.diagnosis` finds where a round
stopped, and `slac.causes` why.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from slac.causes import Cause
from slac.diagnosis import Due, Verdict, verdict
from slac.errors import Step
from slac.exchange import Deviation, End, Exchange, Loss, Move, NewKey, Weight
from slac.judge import Judge
from slac.timing import STANDARD, Timing

__all__ = [
    "Cause",
    "Deviation",
    "Due",
    "End",
    "Loss",
    "Move",
    "NewKey",
    "Round",
    "Verdict",
    "Weight",
    "judged",
    "rounds",
]


@dataclass(frozen=True)
class Round:
    """One matching of one vehicle.

    Attributes:
        ev, run_id: the vehicle's address and its RunID.
        evse: the charger that it matched with or asked to match; else the only one that answered; else b"".
        begun, ended: times of its first and its last message, seconds of the recording.
        reached: the step that it reached: MATCHED if it has a link, else where it stopped or still is.
        last: the end that sent the last message.
        verdict: one sentence, causes, whether it may still continue (``open``), and the end at fault (``blamed``).
        new_key: a key with which an end left the network after the link was up.
        seen: everything recorded about it.
    """

    ev: bytes
    run_id: bytes
    evse: bytes
    begun: float
    ended: float
    reached: Step
    last: Move | None
    verdict: Verdict
    new_key: NewKey | None
    seen: Exchange

    @property
    def ok(self) -> bool:
        """Whether it is matched, or still may be."""
        return self.verdict.ok

    @property
    def linked(self) -> bool:
        """Whether the power line link was proven."""
        return self.seen.link_at is not None

    @property
    def lost(self) -> Loss | None:
        """The loss of the link, if a modem reported it."""
        return self.seen.lost

    @property
    def matched(self) -> bool:
        """Whether the charger gave the vehicle a key, with or without a link seen."""
        return self.seen.matched is not None

    @property
    def due(self) -> Due | None:
        """What was due and did not arrive; None if the link is up, or if it may still arrive."""
        return self.verdict.due

    @property
    def cause(self) -> Cause | None:
        """The most likely cause."""
        return self.verdict.causes[0] if self.verdict.causes else None

    @property
    def deviations(self) -> tuple[Deviation, ...]:
        """Fields and times that deviate from what was agreed, with the end at fault."""
        return tuple(self.seen.deviations)


def judged(x: Exchange, now: float) -> Round:
    """The state of a round at a time of the recording."""
    found = verdict(x, now)
    one = x.matched or x.chosen or (next(iter(x.answerers.values())) if len(x.answerers) == 1 else None)
    last = x.moves[-1] if x.moves else None
    return Round(x.ev, x.run_id, one.mac if one is not None else b"", x.begun, x.last, found.step, last, found,
                 x.new_key, x)  # fmt: skip


def rounds(
    frames: Iterable[tuple[float, bytes]], *, until: float | None = None, timing: Timing = STANDARD
) -> list[Round]:
    """The rounds in a stream of frames, in the order in which they begin.

    Args:
        frames: time (seconds) and bytes of each frame, beginning with the destination address, in chronological order.
            Other frames than management messages may be included: they prove links.
        until: end of the recording, to judge what was still due then; None: the time of the last frame.
    """
    judge = Judge(timing)
    for time, data in frames:
        judge.feed(time, data)
    return [judged(x, judge.now if until is None else until) for x in judge.exchanges]
