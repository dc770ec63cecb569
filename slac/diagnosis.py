"""The verdict on a matching from its frames: whether it reached a link or where it stopped, whose turn it was, and why.

After each message, the next is due from one end within a timer. If it does not arrive, that end is to blame, unless it
was free to ignore every message that it had to act on (`slac.agreed`): then their sender is.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from slac import causes
from slac.causes import Cause
from slac.errors import Step
from slac.exchange import Answerer, Counted, Deviation, End, Exchange
from slac.frames import Validation, mac_text
from slac.symptoms import losses
from slac.timing import rule_of


@dataclass(frozen=True)
class Due:
    """The message or event due next.

    Attributes:
        end: the end that it is due from.
        message: its name, or a word for it (``link``).
        since: time in the recording at which it became due, s.
        timer: name in `slac.timing` of the time that the other end waits for it.
        limit: that time, s.
    """

    end: End
    message: str
    since: float
    timer: str
    limit: float


@dataclass(frozen=True)
class Verdict:
    """How a matching ended.

    Attributes:
        step: the step at which it stopped; MATCHED if it did not stop.
        text: one sentence.
        causes: likely causes, most likely first.
        open: whether it may still continue, or the recording ends before the outcome is clear.
        due: what was due and did not arrive; None if the link came up.
        blamed: the end at fault; None if the frames do not show it.
        deviation: the refused message, if that is the reason.
        undecided: whether what is due may still come in time, so nobody is to blame for what a recording no longer has.
    """

    step: Step
    text: str
    causes: tuple[Cause, ...] = ()
    open: bool = False
    due: Due | None = None
    blamed: End | None = None
    deviation: Deviation | None = None
    undecided: bool = False

    @property
    def ok(self) -> bool:
        """Whether it is matched, or still may be."""
        return self.step is Step.MATCHED or self.open


def over(x: Exchange, now: float) -> bool:
    """Whether a matching has ended, so that no more messages are expected."""
    return x.superseded or not verdict(x, now).open


def verdict(x: Exchange, now: float) -> Verdict:
    """Where a matching stopped, at a time of the recording."""
    found = _verdict(x, now)
    if found.ok:
        return found
    lost = losses(x)
    more = [causes.SAME_MAC] if x.same_mac else [causes.SAME_VEHICLE] if x.same_vehicle else []
    return _with(found, (*more, *([lost] if lost is not None else [])))


def _verdict(x: Exchange, now: float) -> Verdict:
    t = x.timing
    requests = (t.C_EV_match_retry + 1) * t.TT_match_response
    if one := x.matched:
        if x.link_at is None and x.key_asked is None and (why := x.refused("CM_SLAC_MATCH.CNF", one.mac)):
            due = Due(
                End.CHARGER, "CM_SLAC_MATCH.CNF", one.match_asked or 0.0, "TT_match_response", t.TT_match_response
            )
            return _refused(x, Step.MATCH, why, due, now, requests, "set no key")
        return _joined(x, one, now)
    if (one := x.chosen) is not None and one.attenuation_at is not None and one.answered_at is None:
        return _unacknowledged(x, [one], now)
    if one is not None:
        due = Due(End.CHARGER, "CM_SLAC_MATCH.CNF", one.match_asked or 0.0, "TT_match_response", t.TT_match_response)
        if why := x.refused("CM_SLAC_MATCH.REQ", one.mac) or x.refused("CM_ATTEN_CHAR.RSP", one.mac):
            return _refused(x, Step.MATCH, why, due, now, requests, "did not answer CM_SLAC_MATCH.REQ")
        text = f"the charger {mac_text(one.mac)} did not answer CM_SLAC_MATCH.REQ"
        why_not = [causes.ANSWER_LOST, causes.CHARGER_SILENT]
        reports = sum(move.name == "CM_ATTEN_CHAR.IND" and move.charger == one.mac for move in x.moves)
        if reports > x.timing.C_EV_match_retry:
            why_not.insert(0, causes.REPORT_REPEATED)
        return _stopped(x, Step.MATCH, text, due, now, requests, why_not)
    answered = [one for one in x.answerers.values() if one.answered_at is not None]
    if validating := [one for one in x.answerers.values() if one.validation_asked is not None or one.validations]:
        return _validating(x, max(validating, key=_validated_at), now)
    if answered:
        return _undecided(x, answered, now)
    if reported := [one for one in x.answerers.values() if one.attenuation_at is not None]:
        return _unacknowledged(x, reported, now)
    if x.started or x.sounded:
        return _unheard(x, now)
    if x.answerers:
        return _not_begun(x, now)
    return _unanswered(x, now)


def _waits(x: Exchange, now: float, limit: float) -> bool:
    return not x.superseded and now - x.last <= limit


def _stopped(x: Exchange, step: Step, text: str, due: Due, now: float, limit: float, why: Iterable[Cause]) -> Verdict:
    answered = step is not Step.PARM  # a recording in which no charger speaks at all shows that one is missing
    in_time = now - due.since <= due.limit and not x.superseded
    return Verdict(
        step,
        text,
        tuple(why),
        _waits(x, now, limit),
        due,
        due.end,
        None,
        answered and in_time,
    )


def _refused(x: Exchange, step: Step, why: Deviation, due: Due, now: float, limit: float, then: str) -> Verdict:
    """The verdict if the end whose turn it was had received only invalid messages."""
    blamed = why.move.end
    text = f"{_article(why)} {'' if why.late else 'had '}{why.what}, so the {blamed.other.value} {then}"
    owed = Due(blamed, why.move.name, due.since if due.end is blamed else why.move.time, due.timer, due.limit)
    return Verdict(step, text, (causes.deviating(why),), _waits(x, now, limit), owed, blamed, why)


def _article(why: Deviation) -> str:
    return f"{why.move.name} of the {why.move.end.value} {mac_text(why.mac)}"


def _with(found: Verdict, more: tuple[Cause, ...]) -> Verdict:
    return Verdict(found.step, found.text, (*more, *found.causes), found.open, found.due, found.blamed, found.deviation,
                   found.undecided)  # fmt: skip


# ---------------------------------------------------------------------------------------------------------------
# Steps


def _unanswered(x: Exchange, now: float) -> Verdict:
    """The verdict if no charger answered CM_SLAC_PARM.REQ."""
    t = x.timing
    due = Due(End.CHARGER, "CM_SLAC_PARM.CNF", x.asked[-1], "TT_match_response", t.TT_match_response)
    limit = (t.C_EV_match_retry + 1) * t.TT_match_response
    if why := x.refused("CM_SLAC_PARM.REQ"):
        return _refused(x, Step.PARM, why, due, now, limit, "did not answer")
    if x.lapsed is not None and x.lapsed[1] - x.lapsed[0] >= (rule_of("TT_EVSE_SLAC_init").low or 0.0):
        return _too_late(x, *x.lapsed, now)
    times = f" ({len(x.asked)} requests)" if len(x.asked) > 1 else ""
    text = f"no charger answered CM_SLAC_PARM.REQ{times}"
    return _stopped(x, Step.PARM, text, due, now, limit, causes.no_answer(x))


def _too_late(x: Exchange, offered: float, withdrawn: float, now: float) -> Verdict:
    """The vehicle asked only after the charger had given up waiting for it."""
    text = f"the vehicle asked {x.begun - offered:.0f} s after the charger had offered 5 %, which it withdrew after "
    text += f"{withdrawn - offered:.0f} s without a request"
    due = Due(End.VEHICLE, "CM_SLAC_PARM.REQ", offered, "TP_EV_SLAC_init", x.timing.TP_EV_SLAC_init)
    return _stopped(x, Step.PARM, text, due, now, 0.0, (causes.TOO_LATE,))


def _not_begun(x: Exchange, now: float) -> Verdict:
    """The verdict if a charger answered, but no START followed."""
    t = x.timing
    seen = [one for one in x.answerers.values() if one.cnf_seen]
    since = max((one.confirmed for one in seen), default=x.begun)
    due = Due(End.VEHICLE, "CM_START_ATTEN_CHAR.IND", since, "TT_match_sequence", t.TT_match_sequence)
    limit = 2 * t.TT_match_sequence
    refused = [why for one in seen if (why := x.refused("CM_SLAC_PARM.CNF", one.mac))]
    if refused and len(refused) == len(seen):
        return _refused(x, Step.SOUNDING, refused[-1], due, now, limit, "did not start sounding")
    text = f"{_names(seen)} answered, but the vehicle did not start sounding: no CM_START_ATTEN_CHAR.IND arrived"
    return _stopped(x, Step.SOUNDING, text, due, now, limit, causes.no_start(x))


def _unheard(x: Exchange, now: float) -> Verdict:
    """The verdict if STARTs or sounds were sent, but no attenuation was reported."""
    t = x.timing
    limit = t.TT_EV_atten_results + t.TT_match_response
    begun = x.started[0] if x.started else x.sounded[0]
    if not x.sounded:
        due = Due(End.VEHICLE, "CM_MNBC_SOUND.IND", x.started[-1], "TT_EVSE_match_MNBC", t.TT_EVSE_match_MNBC)
        text = "CM_START_ATTEN_CHAR.IND arrived, but the vehicle sent no sounds"
        return _stopped(x, Step.SOUNDING, text, due, now, limit, [causes.NO_SOUNDS])
    if not x.started and x.answerers and not x.begins_late:
        since = max(one.confirmed for one in x.answerers.values())
        due = Due(End.VEHICLE, "CM_START_ATTEN_CHAR.IND", since, "TT_match_sequence", t.TT_match_sequence)
        text = f"{_count(len(x.sounded), 'sound')} arrived, but no CM_START_ATTEN_CHAR.IND before them"
        return _stopped(x, Step.SOUNDING, text, due, now, limit, [causes.NO_START])
    due = Due(End.CHARGER, "CM_ATTEN_CHAR.IND", begun, "TT_EV_atten_results", t.TT_EV_atten_results)
    if not x.answerers and not x.begins_late:  # it sent sounds although no charger had answered
        due = Due(End.CHARGER, "CM_SLAC_PARM.CNF", x.asked[-1], "TT_match_response", t.TT_match_response)
        text = f"no charger answered CM_SLAC_PARM.REQ or reported an attenuation ({len(x.sounded)} sounds)"
        return _stopped(x, Step.ATTENUATION, text, due, now, limit, causes.no_report(x))
    for name in ("CM_START_ATTEN_CHAR.IND", "CM_MNBC_SOUND.IND"):
        if why := x.refused(name):
            return _refused(x, Step.ATTENUATION, why, due, now, limit, "reported no attenuation")
    text = f"the vehicle sent {_count(len(x.sounded), 'sound')}, but no charger reported an attenuation"
    return _stopped(x, Step.ATTENUATION, text, due, now, limit, causes.no_report(x))


def _unacknowledged(x: Exchange, reported: list[Answerer], now: float) -> Verdict:
    """The verdict if no CM_ATTEN_CHAR.RSP followed CM_ATTEN_CHAR.IND."""
    t = x.timing
    name = "CM_ATTEN_CHAR.IND"
    since = max(x.valid_since(name, one.mac) or one.attenuation_at or 0.0 for one in reported)
    due = Due(End.VEHICLE, "CM_ATTEN_CHAR.RSP", since, "TT_match_response", t.TT_match_response)
    limit = (t.C_EV_match_retry + 1) * t.TT_match_response
    refused = [why for one in reported if (why := x.refused(name, one.mac))]
    if refused and len(refused) == len(reported):
        return _refused(x, Step.ATTENUATION, refused[-1], due, now, limit, "did not answer it")
    text = f"the vehicle did not answer {name} of {_names(reported)}"
    if any(one.match_asked is not None for one in reported):
        text += ", but asked for the match anyway"
        return _stopped(x, Step.ATTENUATION, text, due, now, limit, [causes.REPLY_LOST])
    likely = [causes.START_UNSEEN, causes.UNLIKED]
    if not all(map(plausible, reported)):
        likely.reverse()
    return _stopped(x, Step.ATTENUATION, text, due, now, limit, likely)


def _undecided(x: Exchange, answered: list[Answerer], now: float) -> Verdict:
    """The verdict if the vehicle made no choice after CM_ATTEN_CHAR.RSP."""
    t = x.timing
    since = max(one.answered_at or 0.0 for one in answered)
    due = Due(End.VEHICLE, "CM_SLAC_MATCH.REQ", since, "TT_EVSE_match_session", t.TT_EVSE_match_session)
    refused = [why for one in answered if (why := x.refused("CM_ATTEN_CHAR.RSP", one.mac))]
    if refused and len(refused) == len(answered):
        return _refused(x, Step.ATTENUATION, refused[-1], due, now, t.TT_EVSE_match_session, "did not accept it")
    levels = ", ".join(f"{mac_text(one.mac)} {level(one)}" for one in answered)
    text = f"the vehicle received the attenuation of {levels}, but chose none"
    return _stopped(x, Step.DECISION, text, due, now, t.TT_EVSE_match_session, causes.no_choice(answered))


def _validated_at(one: Answerer) -> float:
    """When a charger was last asked to validate, or last answered, s."""
    asked = [one.validation_asked.time] if one.validation_asked is not None else []
    return max([*asked, *(counted.time for counted in one.validations[-1:])])


def _validating(x: Exchange, one: Answerer, now: float) -> Verdict:
    t, name = x.timing, mac_text(one.mac)
    asked, last = one.validation_asked, one.validations[-1] if one.validations else None
    ready = last is not None and last.result == Validation.READY
    if last is not None and (why := x.refused("CM_VALIDATE.CNF", one.mac)):
        due = _match_due(x, last)
        return _refused(x, Step.VALIDATION, why, due, now, t.TT_EVSE_match_session, "did not go on")
    if asked is not None and (last is None or asked.time > last.time):
        if last is not None and ready and asked.time - last.time > t.TT_match_sequence:
            return _not_toggling(x, last, name, now)
        due = Due(End.CHARGER, "CM_VALIDATE.CNF", asked.time, "TT_match_response", t.TT_match_response + asked.window)
        limit = t.TT_EVSE_vald_toggle + t.TT_match_sequence
        if why := x.refused("CM_VALIDATE.REQ", one.mac):
            return _refused(x, Step.VALIDATION, why, due, now, limit, "did not answer it")
        text = f"the charger {name} did not answer CM_VALIDATE.REQ"
        return _stopped(x, Step.VALIDATION, text, due, now, limit, [causes.NOT_VALIDATED, causes.CHARGER_SILENT])
    assert last is not None
    watches = asked is not None and asked.window > 0.0
    if ready and not watches:
        return _not_toggling(x, last, name, now)
    text = f"{name} answered CM_VALIDATE with {last.word}, but no CM_SLAC_MATCH.REQ followed"
    why_not = (causes.NOT_VALIDATED, causes.NEIGHBOUR)
    found = _stopped(x, Step.VALIDATION, text, _match_due(x, last), now, t.TT_EVSE_match_session, why_not)
    return replace(found, blamed=_of_result(x, one, last))


def _match_due(x: Exchange, last: Counted) -> Due:
    return Due(End.VEHICLE, "CM_SLAC_MATCH.REQ", last.time, "TT_EVSE_match_session", x.timing.TT_EVSE_match_session)


def _not_toggling(x: Exchange, last: Counted, name: str, now: float) -> Verdict:
    """The charger was ready to count, and the vehicle did not go on in time."""
    limit = x.timing.TT_match_sequence
    due = Due(End.VEHICLE, "CM_VALIDATE.REQ", last.time, "TT_match_sequence", limit)
    text = f"the charger {name} was ready to watch the pilot, but the second CM_VALIDATE.REQ did not follow in time"
    return _stopped(x, Step.VALIDATION, text, due, now, limit, (causes.NOT_VALIDATED,))


def _of_result(x: Exchange, one: Answerer, last: Counted) -> End | None:
    """The end at fault if a vehicle does not go on after a result; None: only the control pilot could show it."""
    match last.result:
        case Validation.NOT_REQUIRED:
            return End.VEHICLE
        case Validation.NOT_READY:
            again = sum(counted.result == Validation.NOT_READY for counted in one.validations)
            return End.CHARGER if again > 1 else None  # a vehicle may try another charger after the first
        case Validation.FAILURE if one.validation_asked is not None and one.validation_asked.window:
            return None
        case Validation.SUCCESS:
            possible = 1 <= last.toggles <= x.timing.C_EV_vald_nb_toggles
            return None if possible else End.CHARGER  # the vehicle compares the number with what it did
    return End.CHARGER  # it cannot count, or does not


# ---------------------------------------------------------------------------------------------------------------
# The link


def _joined(x: Exchange, one: Answerer, now: float) -> Verdict:
    t = x.timing
    name, at = mac_text(one.mac), one.match_at or 0.0
    key_due = Due(End.VEHICLE, "CM_SET_KEY.REQ", at, "TT_match_join", t.TT_match_join)
    if x.wrong_key:
        return Verdict(Step.SET_KEY, x.wrong_key, (causes.WRONG_KEY,), due=key_due, blamed=End.VEHICLE)
    if x.link_at is not None:
        text = f"matched with {name}, link after {x.link_at - at:.2f} s ({x.link_by})"
        return Verdict(Step.MATCHED, "; ".join(filter(None, (text, departure(x)))))
    if x.key_asked is not None and x.key_set is None and (x.superseded or now - x.key_asked > 1.5):
        why = [causes.KEY_UNANSWERED]
        return Verdict(Step.SET_KEY, "the vehicle's modem sent no CM_SET_KEY.CNF", tuple(why), due=key_due,
                       blamed=End.VEHICLE)  # fmt: skip
    ends = (x.superseded_at, x.new_key.time if x.new_key is not None else None)
    end = min([now, *(time for time in ends if time is not None)])
    waited = end - at
    if waited > t.TT_match_join or x.superseded or x.new_key is not None:
        text = f"matched with {name}, but no link was seen within {min(waited, t.TT_match_join):.1f} s"
        why, blamed = causes.no_link(x, x.new_key.time if x.new_key is not None else now)
        due = Due(blamed or End.VEHICLE, "link", at, "TT_match_join", t.TT_match_join)
        return Verdict(Step.LINK, text, tuple(why), due=due, blamed=blamed)
    text = f"matched with {name}; the link was not seen in the {waited:.1f} s since"
    return Verdict(Step.MATCHED, text, open=True)


def departure(x: Exchange) -> str:
    """How a link in use ended: by another key, or reported down by a modem; "" if it did not end."""
    new, lost = x.new_key, x.lost
    if x.link_at is None:
        return ""
    if lost is not None and lost.talking:
        after = f"{lost.time - x.link_at:.2f} s after the link came up"
        modem = "a modem" if lost.end is None else f"the {lost.end.value}'s modem"
        return f"{after} {modem} reported it down in the middle of a session ({lost.how})"
    if new is None or not (new.talking or new.giver):
        return ""
    giver = f", which {mac_text(new.giver)} had given to another vehicle" if new.giver else ""
    where = " in the middle of a session" if new.talking else ""
    key = f"the {new.end.value} set a different key (network {new.nid.hex()}{giver})"
    return f"{new.time - x.link_at:.2f} s after the link came up {key}{where}, which ends the link"


# ---------------------------------------------------------------------------------------------------------------
# Words


def plausible(one: Answerer) -> bool:
    """Whether the attenuation that a charger reported is plausible."""
    return (one.attenuation or 0.0) > causes.ALL_AT_ONCE


def level(one: Answerer) -> str:
    return "(no groups)" if one.attenuation is None else f"({one.attenuation:.1f} dB)"


def _names(answerers: Iterable[Answerer]) -> str:
    return ", ".join(mac_text(one.mac) for one in answerers)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


__all__ = ["Due", "Verdict", "departure", "level", "over", "plausible", "verdict"]
