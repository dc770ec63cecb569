"""How each judgement of a campaign's watch counts in a recording, where nobody has declared and measured anything.

Three things differ from a campaign. There is no tester at the other end, so what depends on it, or on what a maker
declares, is a finding at most. Pilot and plant are not seen. And much is said by another row already.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from plugfest.conformance.watch.judgement import Side
from plugfest.conformance.watch.messages import Said
from v2g.status import ENDINGS, STOPS

About = Callable[[Said], bool]

PLANT = "nothing was measured between vehicle and charger"
PILOT = "the control pilot is not in the recording"
REASONS = "what happened at the charger is not in the recording"
DECLARED = "only its manufacturer can declare that"


@dataclass(frozen=True)
class How:
    """How one judgement counts.

    Attributes:
        same: rows that say the same; it gets no row of its own.
        unseen: why no recording shows it.
        doubted: it is a finding at most: it depends on the other end, or on what is declared in a campaign.
        about: what a message of either side has, so that it is judged.
        lacks: what is missing otherwise, in words.
        classic: it judges DIN SPEC 70121 and ISO 15118-2 only.
        sessions: how many a recording has to hold.
    """

    same: tuple[str, ...] = ()
    unseen: str = ""
    doubted: bool = False
    about: About | None = None
    lacks: str = ""
    classic: bool = False
    sessions: int = 1


def same(*rows: str) -> How:
    return How(same=rows)


def unseen(why: str) -> How:
    return How(unseen=why)


def about(has: About, lacks: str, *, doubted: bool = False) -> How:
    return How(about=has, lacks=lacks, doubted=doubted)


PLAIN = How()
DOUBTED = How(doubted=True)
TIMED = same("times")
"""Each measured timer has its own row."""


def _stops(said: Said) -> bool:
    return said.wish in STOPS or said.status in ENDINGS


_ALARM = about(lambda said: bool(said.alarm), "no alarm or isolation fault")
_PHASES = about(lambda said: bool(said.phases), "no power of AC")
_SOC = about(lambda said: said.soc is not None, "no state of charge", doubted=True)
_REMAINING = about(lambda said: said.to_full is not None or said.to_bulk is not None, "no remaining time", doubted=True)
_BACK = about(
    lambda said: said.back.amps is not None or (said.target_amps or 0.0) < 0.0, "no current out of the vehicle"
)
_ISOLATION = about(lambda said: bool(said.isolation), "no EVSEIsolationStatus")
_METER = How(about=lambda said: said.wh is not None, lacks="no meter reading", classic=True)

SESSION: Mapping[tuple[Side, str], How] = {
    # A charger's output, as it reports it
    ("secc", "current-asked"): PLAIN,
    ("secc", "current-limit"): PLAIN,
    ("secc", "voltage-limit"): PLAIN,
    ("secc", "voltage-asked"): PLAIN,
    ("secc", "precharge-target"): PLAIN,
    ("secc", "power-limit"): about(lambda said: said.most.watts is not None, "no limit of power"),
    ("secc", "current-follows"): unseen(DECLARED),
    ("secc", "current-back"): _BACK,
    ("secc", "power-back"): _BACK,
    ("secc", "current-back-follows"): unseen(DECLARED),
    ("secc", "alarm-flows"): _ALARM,
    ("secc", "isolation-untested"): _ISOLATION,
    ("secc", "voltage-after-stop"): unseen(PLANT),
    # What it says of itself
    ("secc", "status-phase"): about(lambda said: bool(said.status), "no EVSEStatusCode", doubted=True),
    ("secc", "wish-unasked"): unseen(REASONS),
    ("secc", "renegotiation-unasked"): unseen(REASONS),
    ("secc", "notification-unasked"): unseen(REASONS),
    ("secc", "change-unasked"): unseen(REASONS),
    ("secc", "limit-untold"): PLAIN,
    ("secc", "isolation-phase"): _ISOLATION,
    ("secc", "isolation-kept"): _ISOLATION,
    ("secc", "limit-claimed"): about(lambda said: said.limited, "no limit is reported as reached"),
    # Its answers
    ("secc", "answer-other"): same("response-type"),
    ("secc", "session-id-kept"): same("session-id"),
    ("secc", "session-id-fresh"): PLAIN,
    ("secc", "challenge-fresh"): How(sessions=2),
    ("secc", "evse-id-one"): same("evse-id"),
    ("secc", "meter-continues"): replace(_METER, sessions=2),
    ("secc", "meter-one"): _METER,
    ("secc", "meter-clock"): _METER,
    ("secc", "clock-steady"): PLAIN,
    ("secc", "clock"): _METER,
    ("secc", "answer-time"): TIMED,
    ("secc", "answer-late"): TIMED,
    ("secc", "meter-backwards"): same("meter"),
    ("secc", "meter-power"): about(lambda said: said.wh is not None, "no meter reading", doubted=True),
    ("secc", "present-values"): unseen(PLANT),
    ("secc", "cable-check-voltage"): unseen(PLANT),
    ("secc", "target-own-power"): _PHASES,
    ("secc", "target-vehicle-power"): _PHASES,
    ("secc", "present-echo"): unseen(DECLARED),
    # What a vehicle asks for
    ("evcc", "phase-power"): _PHASES,
    ("evcc", "phase-power-back"): _PHASES,
    ("evcc", "request-overdue"): TIMED,
    ("evcc", "request-late"): TIMED,
    ("evcc", "target-own-limit"): same("target-own-limit"),
    ("evcc", "target-charger-limit"): same("target-current", "target-voltage"),
    ("evcc", "target-clipped"): same("target-current", "target-voltage"),
    ("evcc", "precharge-current"): same("precharge-current"),
    ("evcc", "start-unmatched"): same("precharge-voltage"),
    ("evcc", "alarm-ignored"): _ALARM,
    ("evcc", "stop-ignored"): about(_stops, "no wish to stop"),
    ("evcc", "stop-under-load"): unseen(DECLARED),
    ("evcc", "soc-falls"): _SOC,
    ("evcc", "soc-stands"): unseen(PLANT),
    ("evcc", "soc-jumps"): _SOC,
    ("evcc", "power-own-limit"): about(lambda said: said.most.watts is not None, "no limit of power", doubted=True),
    ("evcc", "remaining-impossible"): _REMAINING,
    ("evcc", "remaining-stands"): _REMAINING,
    ("evcc", "error-goes-on"): about(lambda said: bool(said.error), "no error of the vehicle"),
    ("evcc", "ready-in-loop"): about(lambda said: said.ready is not None, "no EVReady"),
    ("evcc", "voltage-limit-moves"): about(lambda said: said.most.volts is not None, "no limit", doubted=True),
    ("evcc", "complete-goes-on"): about(lambda said: said.complete is True, "nothing was complete", doubted=True),
    ("evcc", "pilot-not-ready"): unseen(PILOT),
    ("evcc", "pilot-ready-early"): unseen(PILOT),
    ("evcc", "pilot-ready-ac"): unseen(PILOT),
    ("evcc", "pilot-ready-late"): unseen(PILOT),
}
"""Judgements of :data:`.watch.table.JUDGEMENTS`, by side and name; the others are findings at most.

Those of measurements are never judged, whatever is here.
"""

MATCHING: Mapping[tuple[Side, str], How] = {
    ("evcc", "repeats"): PLAIN,
    ("secc", "validation-first"): PLAIN,
    ("secc", "report-repeats"): PLAIN,
    ("secc", "destination"): PLAIN,
    ("secc", "key-weak"): PLAIN,
    ("evcc", "matching-repetition"): unseen(PILOT),
    ("evcc", "slac-init"): unseen(PILOT),
    ("evcc", "matching-early"): unseen(PILOT),
    ("evcc", "start-time"): TIMED,
    ("evcc", "pace"): TIMED,
    ("evcc", "starts"): same("slac-count"),
    ("evcc", "response-time"): TIMED,
    ("secc", "answer-time"): TIMED,
    ("secc", "key-renewed"): unseen(PILOT),
}
"""The same of those of :data:`.watch.line_watch.RULES`; those of the pilot are never judged.

The others are in doubt, since a recorder elsewhere on the line does not hear each answer, and since vehicles that use
the same RunID forever are on the road.
"""
