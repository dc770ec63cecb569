"""The observed steps of a matching, in order, each with its time and limit, as shown in a report."""

from __future__ import annotations

import enum
import itertools
from collections.abc import Sequence
from typing import NamedTuple

from slac.diagnosis import level, plausible
from slac.exchange import Exchange
from slac.frames import NUM_SOUNDS, mac_text

TOLERANCE = 0.005
"""Delay that the clock and queue of a recording may add, s."""
BATCH_GAP = 0.05
"""Longest interval between two messages of a batch, TP_EV_batch_msg_interval, s."""


class Mark(enum.Enum):
    """How a step went."""

    OK = "ok"
    LATE = "late"
    ODD = "odd"
    MISSING = "missing"


class Row(NamedTuple):
    """A step of an attempt.

    Attributes:
        what: the step.
        took: its duration, s; None if it has none.
        limit: the duration that the standard allows, s, or None.
        timer: name of that limit in `slac.timing`, or "".
        mark: the result of the step.
        note: details.
    """

    what: str
    took: float | None = None
    limit: float | None = None
    timer: str = ""
    mark: Mark = Mark.OK
    note: str = ""


def rows(x: Exchange) -> list[Row]:
    """The observed steps of an attempt, in order."""
    t = x.timing
    found: list[Row] = []
    if x.pilot_at is not None:
        found.append(_timed("pilot B with 5 % to CM_SLAC_PARM.REQ", x.begun - x.pilot_at, "TP_EV_SLAC_init", x))
    for one in sorted(x.answerers.values(), key=lambda one: one.confirmed):
        asked = max((at for at in x.asked if at <= one.confirmed), default=x.begun)
        note = f"answers request {x.asked.index(asked) + 1} of {len(x.asked)}" if len(x.asked) > 1 else ""
        found.append(
            _timed(f"CM_SLAC_PARM.CNF of {mac_text(one.mac)}", one.confirmed - asked, "TP_match_response", x, note)
        )
    if x.started:
        before = [one.confirmed for one in x.answerers.values() if one.confirmed <= x.started[0]]
        if before:
            gap = x.started[0] - max(before)
            note = f"chargers wait {t.TT_match_sequence * 1e3:.0f} ms, some less"
            found.append(
                _timed("first CM_START_ATTEN_CHAR.IND", gap, "TP_match_sequence", x, note if gap > 0.105 else "")
            )
        found.append(_batch("CM_START_ATTEN_CHAR.IND", x.started, t.C_EV_start_atten_char_inds))
    if x.sounded or x.started:
        found.append(_batch("CM_MNBC_SOUND.IND", x.sounded, NUM_SOUNDS))
    for modem, profiles in x.profiles.items():
        groups = len(profiles[0])
        few = len(profiles) < len(x.sounded)
        found.append(
            Row(
                f"attenuation profiles of modem {mac_text(modem)}",
                mark=Mark.ODD if few or not groups else Mark.OK,
                note=f"{len(profiles)} of {len(x.sounded)} sounds, {groups} groups",
            )
        )
    begun = x.started[0] if x.started else x.sounded[0] if x.sounded else x.begun
    for one in x.answerers.values():
        if one.attenuation_at is None:
            if x.sounded:
                found.append(Row(f"CM_ATTEN_CHAR.IND of {mac_text(one.mac)}", mark=Mark.MISSING))
            continue
        window = (x.start.time_out if x.start else 6) * 0.1 + t.TP_EVSE_avg_atten_calc
        took = one.attenuation_at - begun
        found.append(
            Row(
                f"CM_ATTEN_CHAR.IND of {mac_text(one.mac)}",
                took,
                window,
                "Time_Out + TP_EVSE_avg_atten_calc",
                _mark(took, window) if one.num_sounds == NUM_SOUNDS and plausible(one) else Mark.ODD,
                f"{level(one).strip('()')}, {one.num_sounds} sounds",
            )
        )
        if one.answered_at is None:
            found.append(Row("CM_ATTEN_CHAR.RSP", mark=Mark.MISSING))
        else:
            found.append(_timed("CM_ATTEN_CHAR.RSP", one.answered_at - one.attenuation_at, "TP_match_response", x))
        for counted in one.validations:
            found.append(Row(f"CM_VALIDATE.CNF of {mac_text(one.mac)}", note=counted.word))
    found += _end_rows(x, begun)
    return found


def _end_rows(x: Exchange, begun: float) -> list[Row]:
    """The steps from the vehicle's choice on."""
    found: list[Row] = []
    one = x.chosen
    if one is None or one.match_asked is None:
        return found
    t = x.timing
    if not any(a.validations for a in x.answerers.values()):
        limit = t.TT_EV_atten_results + t.TP_EV_match_session
        took = one.match_asked - begun
        name = f"CM_SLAC_MATCH.REQ to {mac_text(one.mac)}"
        better = [a for a in x.answerers.values() if a is not one and (a.attenuation or 1e9) < (one.attenuation or 0.0)]
        note = f"{mac_text(better[0].mac)} has less attenuation" if better else ""
        mark = Mark.ODD if better else _mark(took, limit)
        found.append(Row(name, took, limit, "TT_EV_atten_results + TP_EV_match_session", mark, note))
    if one.match_at is None:
        return [*found, Row("CM_SLAC_MATCH.CNF", mark=Mark.MISSING)]
    found.append(_timed("CM_SLAC_MATCH.CNF", one.match_at - one.match_asked, "TP_match_response", x))
    if x.key_asked is not None:
        if x.key_set is None:
            found.append(Row("CM_SET_KEY.CNF", mark=Mark.MISSING))
        else:
            mark = Mark.ODD if x.wrong_key else Mark.OK
            found.append(Row("vehicle's key set", x.key_set - one.match_at, mark=mark, note=x.wrong_key))
    if x.link_at is not None:
        found.append(_timed("link up", x.link_at - one.match_at, "TT_match_join", x, f"seen by {x.link_by}"))
    if x.new_key is not None:
        since = x.link_at if x.link_at is not None else one.match_at
        found.append(Row(f"{x.new_key.end.value}'s modem gets another key", x.new_key.time - since))
    return found


def _timed(what: str, took: float, timer: str, x: Exchange, note: str = "") -> Row:
    limit = float(getattr(x.timing, timer))
    return Row(what, took, limit, timer, _mark(took, limit), note)


def _mark(took: float, limit: float) -> Mark:
    return Mark.LATE if took > limit + TOLERANCE else Mark.OK


def _batch(name: str, times: Sequence[float], wanted: int) -> Row:
    """The row for a batch of frames: their number, and the widest gap, compared with TP_EV_batch_msg_interval."""
    gap = max((b - a for a, b in itertools.pairwise(times)), default=None)
    note = f"{len(times)} of {wanted}"
    mark = Mark.MISSING if not times else Mark.ODD if len(times) != wanted else Mark.OK
    if gap is None:
        return Row(name, mark=mark, note=note)
    late = _mark(gap, BATCH_GAP) if mark is Mark.OK else mark
    return Row(name, gap, BATCH_GAP, "TP_EV_batch_msg_interval", late, f"{note}, widest gap")
