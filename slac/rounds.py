"""SLAC rounds: each matching of a recording or an interface as one value, judged.

    for one in rounds(frames):                       # (seconds, Ethernet frame), in order
        print(one.reached, one.verdict.text)
        if one.due:                                  # what did not come, from whom, since when
            print(one.due.end, one.due.message, one.due.since, one.due.timer)

This is the one judgement of SLAC: ``plugfest slac watch``, ``slac doctor``, ``trace check`` and the chain of steps all
take it from here. `slac.judge` sorts frames into rounds, `slac.agreed` has the rules of content, `slac.diagnosis` says
where a round stopped, and `slac.causes` why.
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
        evse: the charger that it was matched with or asked to; the only one that answered; else b"".
        begun, ended: when its first and its last message came, seconds of the recording.
        reached: the step it came to: MATCHED where it has a link, else where it stopped or still is.
        last: who moved last.
        verdict: one sentence, causes, whether it may still go on (``open``), and whose doing it is (``blamed``).
        new_key: a key that an end set after the link was up, and left the network with.
        seen: all that was seen of it.
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
        """Matched, or on the way there."""
        return self.verdict.ok

    @property
    def linked(self) -> bool:
        """The power line link was proven."""
        return self.seen.link_at is not None

    @property
    def lost(self) -> Loss | None:
        """When a modem told that the link is down again."""
        return self.seen.lost

    @property
    def matched(self) -> bool:
        """The charger gave the vehicle a key, whether a link was seen or not."""
        return self.seen.matched is not None

    @property
    def due(self) -> Due | None:
        """What was due and did not come; None where there is a link, or where it may still come."""
        return self.verdict.due

    @property
    def cause(self) -> Cause | None:
        """The most likely cause."""
        return self.verdict.causes[0] if self.verdict.causes else None

    @property
    def deviations(self) -> tuple[Deviation, ...]:
        """Fields and times that are not as agreed, by whose doing."""
        return tuple(self.seen.deviations)


def judged(x: Exchange, now: float) -> Round:
    """A round as it stands at a time of the recording."""
    found = verdict(x, now)
    one = x.matched or x.chosen or (next(iter(x.answerers.values())) if len(x.answerers) == 1 else None)
    last = x.moves[-1] if x.moves else None
    return Round(x.ev, x.run_id, one.mac if one is not None else b"", x.begun, x.last, found.step, last, found,
                 x.new_key, x)  # fmt: skip


def rounds(
    frames: Iterable[tuple[float, bytes]], *, until: float | None = None, timing: Timing = STANDARD
) -> list[Round]:
    """The rounds in a stream of frames, in the order of their beginning.

    Args:
        frames: time (seconds) and bytes of each frame, from the destination address on, in order of time. Frames other
            than management messages may be among them: they prove links.
        until: when the recording ends, for what was still to come then; None: with the last frame.
    """
    judge = Judge(timing)
    for time, data in frames:
        judge.feed(time, data)
    return [judged(x, judge.now if until is None else until) for x in judge.exchanges]
