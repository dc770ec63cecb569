"""A vehicle in matching: order, times, repeats and choice of what it sends, and its end of the pilot."""

from __future__ import annotations

import itertools

from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.line import ON_THE_WAY, Line, LineBook, Shown, last, moves
from plugfest.conformance.watch.offered import FAULTS
from slac.exchange import Answerer, End, Exchange
from slac.frames import (
    BROADCAST,
    CM_ATTEN_CHAR_RSP,
    CM_MNBC_SOUND_IND,
    CM_SLAC_MATCH_REQ,
    CM_SLAC_PARM_REQ,
    CM_START_ATTEN_CHAR_IND,
    CM_VALIDATE_REQ,
    Frame,
    mac_text,
)
from slac.pilot import Offer, State
from slac.timing import STANDARD as T

BOOK = LineBook("evcc")
on = BOOK.on

PAIRS = 0.05
"""s: some vehicles send each request twice in quick succession, which counts as one."""
PACE_SLACK = 0.005
"""s by which the mean distance of sounds may differ: clocks."""
EDGE = 0.03
"""s by which the length of a toggle may differ at our end."""
NEARER = 1.0
"""dB by which a charger has to be nearer to count as that."""
CHOICES = ("CM_VALIDATE.REQ", "CM_SLAC_MATCH.REQ")
REQUESTS = ("CM_SLAC_PARM.REQ", *CHOICES)


@on("run-id", "each matching has its own RunID", "ISO 15118-3 A.9.1", CM_SLAC_PARM_REQ, cause=Cause.WRONG_FIELD)
def run_id(line: Line, exchange: Exchange, frame: Frame) -> str:
    for one in line.judge.exchanges:
        if one is not exchange and one.ev == exchange.ev and one.run_id == exchange.run_id:
            seconds = exchange.begun - one.begun
            return f"CM_SLAC_PARM.REQ starts a matching with RunID {exchange.run_id.hex()}, used {seconds:.1f} s before"
    return ""


@on("matching-rate", "a failed matching is followed by the next after TT_matching_rate", "ISO 15118-3 A.9.1",
    CM_SLAC_PARM_REQ, cause=Cause.TOO_EARLY)  # fmt: skip
def matching_rate(line: Line, exchange: Exchange, frame: Frame) -> str:
    before = line.before(exchange)
    if before is None or len(exchange.asked) > 1 or before.agreed is not None or line.restarted_at > before.begun:
        return ""
    own = last(before, End.VEHICLE)
    if own is None:
        return ""
    heard = last(before, End.CHARGER)
    waits = own.name in REQUESTS and (heard is None or heard.time < own.time)
    failed = own.time + (T.TT_match_response if waits else 0.0)
    rate = float(line.pics["PIXIT_EVCC_CMN_TTMatchingRate"])
    waited = exchange.begun - failed
    if waited >= rate - ON_THE_WAY:
        return ""
    return f"CM_SLAC_PARM.REQ starts the next matching {waited:.2f} s after the previous one failed, not {rate:g} s"


@on("matching-repetition", "no matching starts after TT_matching_repetition", "ISO 15118-3 A.9.1", CM_SLAC_PARM_REQ,
    cause=Cause.TOO_LATE)  # fmt: skip
def matching_repetition(line: Line, exchange: Exchange, frame: Frame) -> str:
    if line.pilot.state is None:
        return ""
    row = [one for one in line.judge.exchanges if one.ev == exchange.ev and one.begun >= line.restarted_at]
    if not row or any(one.agreed is not None for one in row):
        return ""
    longest = float(line.pics["PIXIT_EVCC_CMN_TTMatchingRepetition"])
    seconds = exchange.begun - row[0].begun
    if seconds <= longest + ON_THE_WAY:
        return ""
    return f"CM_SLAC_PARM.REQ starts a matching {seconds:.1f} s after the first one; the limit is {longest:g} s"


def _apart(times: list[float]) -> list[float]:
    """The times without the second ones of pairs."""
    found: list[float] = []
    for time in times:
        if not found or time - found[-1] > PAIRS:
            found.append(time)
    return found


@on("repeats", "a request is repeated C_EV_match_retry times, each after TT_match_response", "ISO 15118-3 A.9",
    CM_SLAC_PARM_REQ, CM_SLAC_MATCH_REQ)  # fmt: skip
def repeats(line: Line, exchange: Exchange, frame: Frame) -> str:
    charger = None if isinstance(frame.message, CM_SLAC_PARM_REQ) else frame.destination
    sent = _apart([one.time for one in moves(exchange, frame.name, charger)])
    if len(sent) > 1 + T.C_EV_match_retry:
        return f"{frame.name} is sent {len(sent)} times in one matching; the limit is {1 + T.C_EV_match_retry}"
    if len(sent) > 1 and sent[-1] - sent[-2] < T.TT_match_response - ON_THE_WAY:
        return (
            f"{frame.name} is repeated after {sent[-1] - sent[-2]:.2f} s; an answer may take {T.TT_match_response:g} s"
        )
    return ""


@on("slac-init", "matching starts within TP_EV_SLAC_init of the duty", "ISO 15118-3 A.9.1", CM_SLAC_PARM_REQ,
    cause=Cause.TOO_LATE)  # fmt: skip
def slac_init(line: Line, exchange: Exchange, frame: Frame) -> str:
    if line.pilot.offer is not Offer.DIGITAL or len(line.judge.exchanges) > 1 or len(exchange.asked) > 1:
        return ""
    waited = line.now - line.pilot.time
    if line.pilot.state is not State.B or waited <= T.TP_EV_SLAC_init + 10 * ON_THE_WAY:
        return ""
    return f"CM_SLAC_PARM.REQ comes {waited:.1f} s after 5 % in state B; the limit is {T.TP_EV_SLAC_init:g} s"


@on("matching-early", "matching starts once the charger offers a duty; in DC, 5 %", "ISO 15118-3 A.9.1",
    CM_SLAC_PARM_REQ, cause=Cause.TOO_EARLY)  # fmt: skip
def matching_early(line: Line, exchange: Exchange, frame: Frame) -> str:
    shown = line.pilot
    if shown.state is None or line.now - shown.time <= ON_THE_WAY:
        return ""
    if shown.state in FAULTS:
        return f"CM_SLAC_PARM.REQ comes {line.now - shown.time:.1f} s after the pilot went to {shown.state.value}"
    if line.pics.ac or shown.duty is None or shown.offer is Offer.DIGITAL:
        return ""
    return f"CM_SLAC_PARM.REQ comes at a duty of {shown.duty:g} %; in DC a vehicle waits for 5 %"


@on("start-time", "the first START comes within TP_match_sequence of the last CM_SLAC_PARM.CNF", "ISO 15118-3 A.9.2",
    CM_START_ATTEN_CHAR_IND, cause=Cause.TOO_LATE, fails=False)  # fmt: skip
def start_time(line: Line, exchange: Exchange, frame: Frame) -> str:
    """A finding: cars that take 0.24 s are on the road, and chargers wait for TT_match_sequence."""
    answered = [one.time for one in moves(exchange, "CM_SLAC_PARM.CNF")]
    if len(exchange.started) != 1 or not answered:
        return ""
    late = exchange.started[0] - answered[-1]
    if late <= T.TP_match_sequence + ON_THE_WAY:
        return ""
    return f"the first START comes {late:.2f} s after CM_SLAC_PARM.CNF; the limit is {T.TP_match_sequence:g} s"


@on("start-unasked", "sounding starts after a CM_SLAC_PARM.CNF", "ISO 15118-3 A.9.2", CM_START_ATTEN_CHAR_IND,
    CM_MNBC_SOUND_IND)  # fmt: skip
def start_unasked(line: Line, exchange: Exchange, frame: Frame) -> str:
    if not exchange.answerers:
        return f"{frame.name} comes although no charger has answered CM_SLAC_PARM.REQ"
    if isinstance(frame.message, CM_MNBC_SOUND_IND) and not exchange.started:
        return "CM_MNBC_SOUND.IND comes before any CM_START_ATTEN_CHAR.IND"
    return ""


@on("pace", "STARTs and sounds are TP_EV_batch_msg_interval apart, 20 to 50 ms", "ISO 15118-3 A.9.2",
    CM_MNBC_SOUND_IND, cause=Cause.TOO_EARLY)  # fmt: skip
def pace(line: Line, exchange: Exchange, frame: Frame) -> str:
    times = [*exchange.started, *exchange.sounded]
    wanted = exchange.start.num_sounds if exchange.start is not None else T.C_EV_match_MNBC
    if len(exchange.sounded) != wanted or not exchange.started:
        return ""
    mean = (times[-1] - times[0]) / (len(times) - 1)
    if 0.02 - PACE_SLACK <= mean <= 0.05 + PACE_SLACK:
        widest = max(later - time for time, later in itertools.pairwise(times))
        if widest <= 0.05 + 2 * ON_THE_WAY:
            return ""
        return f"STARTs and sounds are up to {widest * 1000:.0f} ms apart"
    return f"STARTs and sounds are {mean * 1000:.0f} ms apart on average"


@on("starts", "three STARTs come before the sounds", "ISO 15118-3 A.9.2", CM_MNBC_SOUND_IND)
def starts(line: Line, exchange: Exchange, frame: Frame) -> str:
    if len(exchange.sounded) != 1 or not exchange.started or len(exchange.started) == T.C_EV_start_atten_char_inds:
        return ""
    return f"{len(exchange.started)} CM_START_ATTEN_CHAR.IND come before the first sound"


def _report(exchange: Exchange, charger: bytes) -> Answerer | None:
    one = exchange.answerers.get(charger)
    return one if one is not None and one.attenuation_at is not None else None


@on("response-time", "a report is answered in TP_match_response", "ISO 15118-3 A.9.2", CM_ATTEN_CHAR_RSP,
    cause=Cause.TOO_LATE)  # fmt: skip
def response_time(line: Line, exchange: Exchange, frame: Frame) -> str:
    if frame.destination == BROADCAST:
        return "CM_ATTEN_CHAR.RSP is broadcast instead of sent to the charger that reported"
    report = last(exchange, End.CHARGER, "CM_ATTEN_CHAR.IND", frame.destination)
    if report is None:
        return f"CM_ATTEN_CHAR.RSP goes to {mac_text(frame.destination)}, which has not reported"
    late = line.now - report.time
    if late <= T.TP_match_response + ON_THE_WAY:
        return ""
    return f"CM_ATTEN_CHAR.RSP comes {late:.2f} s after the report; the limit is {T.TP_match_response:g} s"


@on("choice-unreported", "a vehicle chooses a charger whose report it has answered", "ISO 15118-3 A.9.3",
    CM_SLAC_MATCH_REQ, CM_VALIDATE_REQ)  # fmt: skip
def choice_unreported(line: Line, exchange: Exchange, frame: Frame) -> str:
    if frame.destination == BROADCAST:
        return f"{frame.name} is broadcast instead of sent to one charger"
    one = _report(exchange, frame.destination)
    if one is None:
        return f"{frame.name} goes to {mac_text(frame.destination)}, which has not reported an attenuation"
    if one.answered_at is None:
        return f"{frame.name} goes to {mac_text(frame.destination)}, whose report was not answered"
    return ""


def _first_choice(exchange: Exchange) -> bool:
    return sum(one.name in CHOICES for one in exchange.moves) == 1


@on("choice-time", "a vehicle asks its charger within TP_EV_match_session of being able to decide", "ISO 15118-3 A.9.3",
    CM_SLAC_MATCH_REQ, CM_VALIDATE_REQ, cause=Cause.TOO_LATE)  # fmt: skip
def choice_time(line: Line, exchange: Exchange, frame: Frame) -> str:
    one = _report(exchange, frame.destination)
    if one is None or one.answered_at is None or not exchange.started or not _first_choice(exchange):
        return ""
    since = max(one.answered_at, exchange.started[0] + T.TT_EV_atten_results)
    late = line.now - since
    if late <= T.TP_EV_match_session + ON_THE_WAY:
        return ""
    return (
        f"{frame.name} comes {late:.2f} s after the last report could come and was answered; "
        f"the limit is {T.TP_EV_match_session:g} s"
    )


@on("choice-nearest", "the charger with the lowest attenuation is tried first", "ISO 15118-3 A.9.3", CM_SLAC_MATCH_REQ,
    CM_VALIDATE_REQ)  # fmt: skip
def choice_nearest(line: Line, exchange: Exchange, frame: Frame) -> str:
    chosen = _report(exchange, frame.destination)
    if chosen is None or not _first_choice(exchange) or chosen.attenuation is None:
        return ""
    for one in exchange.answerers.values():
        if one.attenuation is None or one.answered_at is None or not one.num_sounds:
            continue
        if exchange.refused("CM_ATTEN_CHAR.IND", one.mac) is None and one.attenuation < chosen.attenuation - NEARER:
            return (
                f"{frame.name} goes to the charger that reported {chosen.attenuation:.1f} dB, but "
                f"another reported {one.attenuation:.1f} dB"
            )
    return ""


# ---------------------------------------------------------------------------------------------------------------
# The pilot


def _matching(line: Line) -> Exchange | None:
    """The matching that is going on."""
    exchange = line.judge.exchanges[-1] if line.judge.exchanges else None
    return None if exchange is None or exchange.agreed is not None else exchange


@BOOK.pilot(
    "state-b", "a vehicle stays in B while it matches, except for the toggles of a validation", "ISO 15118-3 A.9"
)
def state_b(line: Line) -> str:
    new = line.pilot
    if new.state not in (State.C, State.D) or new.offer is not Offer.DIGITAL:
        return ""
    if _matching(line) is None or line.toggled_from <= line.now <= line.toggles_until + EDGE:
        return ""
    return f"the pilot goes to {new.state.value} during matching, but no toggle was announced"


@BOOK.pilot("toggle-length", "each state of a toggle takes 0.2 to 0.4 s", "ISO 15118-3 TP_EV_vald_state_duration")
def toggle_length(line: Line) -> str:
    if len(line.shown) < 3 or not line.toggled_from <= line.now <= line.toggles_until + 1.0:
        return ""
    *_, before, held, new = line.shown
    if new.state not in (State.B, State.C) or held.state not in (State.B, State.C) or held.state is new.state:
        return ""
    toggled = held.state is State.C or (before.state is State.C and _in_toggling(line, before))
    seconds = new.time - held.time
    if not toggled or 0.2 - EDGE <= seconds <= 0.4 + EDGE:
        return ""
    return f"a toggle holds state {held.state.value} for {seconds:.2f} s"


def _in_toggling(line: Line, shown: Shown) -> bool:
    return shown.time >= line.toggled_from
