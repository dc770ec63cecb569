"""A charger in matching: order, times, repeats and contents of its answers, its keys, and its end of the pilot."""

from __future__ import annotations

from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.line import ON_THE_WAY, Line, LineBook, Shown, last, moves
from plugfest.conformance.watch.offered import DIGITAL_RANGE, FAULTS, HELD
from slac.exchange import End, Exchange
from slac.frames import (
    CM_ATTEN_CHAR_IND,
    CM_SLAC_MATCH_CNF,
    CM_SLAC_PARM_CNF,
    CM_VALIDATE_CNF,
    Frame,
    Validation,
)
from slac.keys import nmk_of
from slac.pilot import CONNECTED, Offer
from slac.timing import STANDARD as T

BOOK = LineBook("secc")
on = BOOK.on

KNOWN = {nmk_of(phrase) for phrase in ("HomePlugAV", "HomePlugAV0123")}
"""Keys that everybody has."""


@on("answer-time", "a request is answered in TP_match_response", "ISO 15118-3 A.9.1", CM_SLAC_PARM_CNF,
    CM_SLAC_MATCH_CNF, cause=Cause.TOO_LATE)  # fmt: skip
def answer_time(line: Line, exchange: Exchange, frame: Frame) -> str:
    parm = isinstance(frame.message, CM_SLAC_PARM_CNF)
    asked = last(exchange, End.VEHICLE, "CM_SLAC_PARM.REQ" if parm else "CM_SLAC_MATCH.REQ")
    if asked is None:
        return "" if exchange.begins_late else f"{frame.name} comes without a request"
    late = line.now - asked.time
    if late <= T.TP_match_response + ON_THE_WAY:
        return ""
    return f"{frame.name} comes {late:.2f} s after the request; the limit is {T.TP_match_response:g} s"


@on("validation-time", "a step of a validation is answered in time", "ISO 15118-3 A.9.4", CM_VALIDATE_CNF,
    cause=Cause.TOO_LATE)  # fmt: skip
def validation_time(line: Line, exchange: Exchange, frame: Frame) -> str:
    asked = last(exchange, End.VEHICLE, "CM_VALIDATE.REQ")
    answers = [one for one in moves(exchange, "CM_VALIDATE.CNF", frame.source) if asked and one.time >= asked.time]
    if asked is None or len(answers) != 1:
        return ""
    counting = min(line.toggles_until - asked.time, T.TT_EVSE_vald_toggle) if line.toggled_from == asked.time else 0.0
    late = line.now - asked.time
    if late < counting - 2 * ON_THE_WAY:
        return f"CM_VALIDATE.CNF comes {late:.2f} s after the request; {counting:.1f} s was announced for toggles"
    if late <= counting + T.TP_match_response + ON_THE_WAY:
        return ""
    return f"CM_VALIDATE.CNF comes {late:.2f} s after the request"


@on("validation-first", "the first step of a validation counts no toggles", "ISO 15118-3 A.9.4", CM_VALIDATE_CNF,
    cause=Cause.WRONG_FIELD)  # fmt: skip
def validation_first(line: Line, exchange: Exchange, frame: Frame) -> str:
    message = frame.message
    assert isinstance(message, CM_VALIDATE_CNF)
    counted = message.result in (Validation.SUCCESS, Validation.FAILURE) and line.toggled_from < line.now
    if counted or not message.toggle_num:
        return ""
    return f"CM_VALIDATE.CNF reports {message.toggle_num} toggles with {Validation.WORDS[message.result]}"


@on("report-time", "the report comes once all sounds are in or TT_EVSE_match_MNBC has expired", "ISO 15118-3 A.9.2",
    CM_ATTEN_CHAR_IND, cause=Cause.TOO_LATE)  # fmt: skip
def report_time(line: Line, exchange: Exchange, frame: Frame) -> str:
    if not exchange.started or len(moves(exchange, frame.name, frame.source)) > 1:
        return ""
    longest = T.TT_EVSE_match_MNBC + T.TP_EVSE_avg_atten_calc
    late = line.now - exchange.started[-1]
    if late > longest + ON_THE_WAY:
        return f"CM_ATTEN_CHAR.IND comes {late:.2f} s after the last START; the limit is {longest:g} s"
    wanted = exchange.start.num_sounds if exchange.start is not None else T.C_EV_match_MNBC
    early = line.now - exchange.started[0]
    over = exchange.counts[-1:] == [0]
    if not over and len(exchange.sounded) < wanted and early < T.TT_EVSE_match_MNBC - ON_THE_WAY:
        return (
            f"CM_ATTEN_CHAR.IND comes {early:.2f} s after the first START, after {len(exchange.sounded)} of {wanted} "
            f"sounds"
        )
    return ""


@on("report-sounds", "a report states the number of sounds it is based on", "ISO 15118-3 A.9.2", CM_ATTEN_CHAR_IND,
    cause=Cause.WRONG_FIELD)  # fmt: skip
def report_sounds(line: Line, exchange: Exchange, frame: Frame) -> str:
    message = frame.message
    assert isinstance(message, CM_ATTEN_CHAR_IND)
    sent = len(exchange.sounded)
    if not exchange.started or sent / 2 <= message.num_sounds <= sent:
        return ""
    return f"CM_ATTEN_CHAR.IND states {message.num_sounds} sounds, but {sent} were sent"


@on("report-repeats", "a report is repeated unchanged, each time after TT_match_response", "ISO 15118-3 A.9.2",
    CM_ATTEN_CHAR_IND)  # fmt: skip
def report_repeats(line: Line, exchange: Exchange, frame: Frame) -> str:
    message, sent = frame.message, moves(exchange, frame.name, frame.source)
    assert isinstance(message, CM_ATTEN_CHAR_IND)
    if len(sent) < 2:
        return ""
    if len(sent) > 1 + T.C_EV_match_retry:
        return f"CM_ATTEN_CHAR.IND is sent {len(sent)} times in one matching"
    if sent[-1].time - sent[-2].time < T.TT_match_response - ON_THE_WAY:
        return f"CM_ATTEN_CHAR.IND is repeated after {sent[-1].time - sent[-2].time:.2f} s; an answer may take 0.2 s"
    first = exchange.answerers[frame.source]
    if message.aag != first.aag or message.num_sounds != first.num_sounds:
        return "CM_ATTEN_CHAR.IND is repeated with other attenuations"
    return ""


@on("report-answered", "a report is not repeated once it has been answered", "ISO 15118-3 A.9.2", CM_ATTEN_CHAR_IND)
def report_answered(line: Line, exchange: Exchange, frame: Frame) -> str:
    answered = last(exchange, End.VEHICLE, "CM_ATTEN_CHAR.RSP", frame.source)
    proper = all(one.move.name != "CM_ATTEN_CHAR.RSP" for one in exchange.deviations)
    if answered is None or not proper or line.now - answered.time < ON_THE_WAY:
        return ""
    return f"CM_ATTEN_CHAR.IND is repeated {line.now - answered.time:.2f} s after its CM_ATTEN_CHAR.RSP"


@on("destination", "answers go to the vehicle that asked", "ISO 15118-3 A.9", CM_VALIDATE_CNF, CM_SLAC_PARM_CNF,
    CM_ATTEN_CHAR_IND, CM_SLAC_MATCH_CNF, cause=Cause.WRONG_FIELD)  # fmt: skip
def destination(line: Line, exchange: Exchange, frame: Frame) -> str:
    return "" if frame.destination == exchange.ev else f"{frame.name} does not go to the vehicle that asked"


# ---------------------------------------------------------------------------------------------------------------
# Keys


@on("key-weak", "the key of a network is secret", "ISO 15118-3 A.9.5", CM_SLAC_MATCH_CNF,
    cause=Cause.WRONG_FIELD)  # fmt: skip
def key_weak(line: Line, exchange: Exchange, frame: Frame) -> str:
    message = frame.message
    assert isinstance(message, CM_SLAC_MATCH_CNF)
    if len(set(message.nmk)) > 1 and message.nmk not in KNOWN:
        return ""
    return "CM_SLAC_MATCH.CNF uses a key that is not secret: all octets equal, or the modems' default"


@on("key-renewed", "each vehicle gets its own key", "ISO 15118-3 A.9.5", CM_SLAC_MATCH_CNF,
    cause=Cause.WRONG_FIELD)  # fmt: skip
def key_renewed(line: Line, exchange: Exchange, frame: Frame) -> str:
    message = frame.message
    assert isinstance(message, CM_SLAC_MATCH_CNF)
    for one in line.judge.exchanges:
        given = one.answerers.get(frame.source)
        if one is exchange or given is None or given.match is None or given.match_at is None or not given.match_seen:
            continue
        if given.match.nmk == message.nmk and given.match_at < line.restarted_at:
            return (
                f"CM_SLAC_MATCH.CNF gives the key of {line.now - given.match_at:.0f} s before, although the vehicle "
                f"was unplugged since then, or the pilot was in E or F"
            )
    return ""


# ---------------------------------------------------------------------------------------------------------------
# The pilot


def _held(line: Line) -> tuple[Shown, float] | None:
    """What was shown before the last change, and for how long."""
    if len(line.shown) < 2:
        return None
    *_, held, new = line.shown
    return held, new.time - held.time


@BOOK.pilot("duty", "a duty is 5 % or states a current", "IEC 61851-1 Annex A", cause=Cause.PILOT_DUTY)
def duty(line: Line) -> str:
    held = _held(line)
    if held is None or held[0].state not in CONNECTED or held[1] < HELD:
        return ""
    shown, seconds = held
    percent = shown.duty
    if percent is None or percent >= 99.0:
        return ""
    if shown.offer is Offer.DIGITAL and not DIGITAL_RANGE[0] <= percent <= DIGITAL_RANGE[1]:
        return f"the duty was {percent:.1f} % for {seconds:.1f} s, but digital communication is 5 %"
    if shown.offer is Offer.NOTHING:
        return f"the duty was {percent:.1f} % for {seconds:.1f} s, which has no defined meaning"
    if shown.offer is Offer.CURRENT and not line.pics.ac:
        return f"the duty was {percent:.1f} % for {seconds:.1f} s, but in DC only 5 % is allowed"
    return ""


@BOOK.pilot("step-ef", "E and F are held for T_step_EF", "ISO 15118-3 T_step_EF")
def step_ef(line: Line) -> str:
    held = _held(line)
    if held is None or held[0].state not in FAULTS or line.pilot.state not in CONNECTED:
        return ""
    if held[1] >= T.T_step_EF - 0.1:
        return ""
    return f"the pilot was in {held[0].state.value if held[0].state else '?'} for {held[1]:.1f} s"


@BOOK.pilot("step-x1", "X1 is held for T_step_X1 between two duties", "ISO 15118-3 T_step_X1", cause=Cause.PILOT_DUTY)
def step_x1(line: Line) -> str:
    offers = (Offer.DIGITAL, Offer.CURRENT)
    if len(line.shown) < 2:
        return ""
    *_, held, new = line.shown
    if held.offer in offers and new.offer in offers and held.offer is not new.offer:
        return "the duty changes between 5 % and a current without X1, E or F"
    if len(line.shown) < 3 or held.offer is not Offer.NOTHING or held.state not in CONNECTED:
        return ""
    before, seconds = line.shown[-3], new.time - held.time
    if before.state not in CONNECTED or before.offer not in offers or seconds >= T.T_step_X1 - 0.1:
        return ""
    if new.state in FAULTS and line.bare:  # the answer to a lost link; elsewhere a charger may have another fault
        return f"X1 took {seconds:.1f} s before {new.state.value if new.state else '?'}"
    if new.state in CONNECTED and new.offer in offers and seconds > HELD:
        return f"X1 took {seconds:.1f} s between two duties; the minimum is {T.T_step_X1:g} s"
    return ""
