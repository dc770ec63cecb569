"""What the frames of an attempt say: its steps against the limits, where it stopped, likely causes and what to try."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence

from slac.errors import Step
from slac.frames import NUM_SOUNDS, Validation, mac_text
from slac.judge import SETTLING, Answerer, Cause, Exchange, Mark, Row, Verdict

TOLERANCE = 0.005
"""s: what a recording's clock and queue may add."""
BATCH_GAP = 0.05
"""s: most between two messages of a batch, TP_EV_batch_msg_interval."""
ALL_AT_ONCE = 0.001
"""dB: below this, every group is zero."""
STATION, COORDINATOR = 0, 2

# ---------------------------------------------------------------------------------------------------------------
# Likely causes

ROLE_OF_VEHICLE = Cause(
    "wrong modem role: the vehicle's modem is configured as coordinator (charger)",
    "give it the vehicle's configuration (PIB: CCo selection 1, SLAC mode 1); see plugfest slac modem",
)
ROLE_OF_CHARGER = Cause(
    "wrong modem role: the charger's modem is configured as a station (vehicle)",
    "give it the charger's configuration (PIB: CCo selection 2, SLAC mode 2); see plugfest slac modem",
)
NO_BEACON = Cause(
    "no charger's modem is on the line: a vehicle's modem that hears no coordinator sends nothing",
    "check that the charger's modem is powered, and the coupling of both to control pilot and earth",
)
BOTH_ALIKE = Cause(
    "wrong modem role: each role lets only its own direction through",
    "look at both modems with plugfest slac modem: the charger's must be coordinator, the vehicle's must not",
)
NOT_LISTENING = Cause(
    "no charger listens yet: its SLAC starts with its own plug detection",
    "start the charger first, or check that it sees state B and shows 5 %",
)
START_UNSEEN = Cause(
    "the vehicle did not get the answer, or did not like it",
    "check at the vehicle's end; some accept only FORWARDING_STA = their address, 10 sounds, Time_Out 6",
)
NO_SOUNDS = Cause(
    "no sounds are heard: the vehicle's modem does not pass them, or they are lost",
    "check the vehicle's modem role, then level and coupling; other programs on the interface may also send",
)
NO_PROFILES = Cause(
    "the attenuation profile is missing: the charger's modem does not report what it hears",
    "the charger's modem needs SLAC mode EVSE (PIB 1653 = 2); AR7420 and QCA7420 report none or empty ones",
)
CHARGER_SILENT = Cause(
    "the charger has dropped the vehicle", "look at its log; some drop a first START later than 100 to 250 ms"
)
UNLIKED = Cause(
    "the vehicle refuses the attenuation: all zero, or beyond its limit",
    "check the groups below; a modem that reports none needs invented values, 9 to 25 dB do",
)
NEIGHBOUR = Cause(
    "a neighbour wins: the vehicle chose another charger that it hears better",
    "compare attenuations; lower the neighbour's level or raise the resistor of its coupling",
)
TOO_FAR = Cause(
    "the attenuation is above the vehicle's limit", "check coupling and level; 9 to 37 dB are seen with good charging"
)
NOT_VALIDATED = Cause(
    "validation: the charger did not see the toggles of the control pilot",
    "check its pilot measurement; a charger without one should answer 'not required'",
)
MATCH_REFUSED = Cause(
    "the charger does not accept the request: MVFLength, RunID or addresses differ",
    "compare CM_SLAC_MATCH.REQ with what was agreed before",
)
KEY_UNANSWERED = Cause(
    "no modem answers CM_SET_KEY: none at this end, or it restarts",
    "see plugfest slac modem; allow up to 8 s after a key, and repeat",
)
WRONG_KEY = Cause("wrong key: one modem has another NMK or NID", "take NMK and NID as CM_SLAC_MATCH.CNF has them")
SLOW_JOIN = Cause(
    "the modem restarts longer than allowed: QCA7420 takes 7 to 8 s after a key",
    "do not set the key again while joining; a smaller firmware or QCA7000 joins within 4 s",
)
REFUSED_KEY = Cause(
    "the modem did not take the key", "read it back with plugfest slac modem (NID); set it once more after 1 s"
)

NO_MODEM = (
    Cause(
        "no modem answer: it has no power, or the cable is in the wrong port", "look at its lights and at the port's"
    ),
    Cause("the modem restarts: after a key some are deaf for up to 8 s", "wait, and try again"),
    Cause("the interface leads elsewhere", "name the one that the modem is on with -i"),
)
NO_VEHICLE = (
    NO_BEACON._replace(cause="no vehicle asked: it is not plugged in, or its modem hears no coordinator"),
    ROLE_OF_CHARGER,
    Cause("the vehicle does not see 5 % at state B", "measure the pilot; some vehicles sleep and want E or F first"),
)
NO_REQUEST = (
    Cause("nobody asked: no vehicle is plugged in, or it waits for the 5 % duty", "plug in while this runs"),
    Cause(
        "wrong modem role: a vehicle's modem shows no requests, a charger's no answers",
        "watch on the host that takes part, or on both",
    ),
)
START_OF_PILOT = (
    Cause(
        "the charger's 5 % duty was not seen, so nothing was asked", "see the pilot board; --pilot assumed ignores it"
    ),
)
NO_LINK_LOCAL = Cause(
    "no IPv6 link-local address: another program manages the interface, or IPv6 is off on it",
    "sysctl net.ipv6.conf.IFACE.disable_ipv6=0 and addr_gen_mode=0; tell NetworkManager to leave it alone",
)
FIREWALL = Cause("a firewall drops SDP", "open UDP 15118 from ff02::1, the TCP ports, and ICMPv6 on the interface")


def _settling(seconds: float) -> Cause:
    return Cause(
        f"settle time: a modem was given a key {seconds:.1f} s before and may still have been deaf",
        f"wait until it answers again, up to {SETTLING:g} s, before asking",
    )


# ---------------------------------------------------------------------------------------------------------------
# Verdict


def over(x: Exchange, now: float) -> bool:
    """Whether nothing more is to be expected of an attempt."""
    return x.superseded or not verdict(x, now).open


def verdict(x: Exchange, now: float) -> Verdict:
    """Where an attempt stopped, at a time of the recording."""
    idle = now - x.last

    def waits(limit: float) -> bool:
        return not x.superseded and idle <= limit

    timing = x.timing
    if one := x.matched:
        return _joined(x, one, now)
    if one := x.chosen:
        open_ = waits((timing.C_EV_match_retry + 1) * timing.TT_match_response)
        return Verdict(
            Step.MATCH, f"{mac_text(one.mac)} did not answer CM_SLAC_MATCH.REQ", (MATCH_REFUSED, CHARGER_SILENT), open_
        )
    answered = [one for one in x.answerers.values() if one.answered_at is not None]
    if validated := [one for one in answered if one.validations]:
        result = validated[-1].validations[-1][1]
        word = Validation.WORDS[result] if result < len(Validation.WORDS) else f"result {result}"
        text = f"{mac_text(validated[-1].mac)} answered CM_VALIDATE with {word}, and no CM_SLAC_MATCH.REQ came"
        return Verdict(Step.VALIDATION, text, (NOT_VALIDATED, NEIGHBOUR), waits(timing.TT_EVSE_match_session))
    if answered:
        levels = ", ".join(f"{mac_text(one.mac)} {_level(one)}" for one in answered)
        open_ = waits(timing.TT_EVSE_match_session)
        causes = (NEIGHBOUR, TOO_FAR) if all(map(_plausible, answered)) else (UNLIKED, NEIGHBOUR)
        return Verdict(Step.DECISION, f"the vehicle got the attenuation of {levels}, and chose none", causes, open_)
    if reported := [one for one in x.answerers.values() if one.attenuation_at is not None]:
        names = ", ".join(mac_text(one.mac) for one in reported)
        causes = (START_UNSEEN, UNLIKED) if all(map(_plausible, reported)) else (UNLIKED, START_UNSEEN)
        text = f"the vehicle did not answer CM_ATTEN_CHAR.IND of {names}"
        return Verdict(Step.ATTENUATION, text, causes, waits(3 * timing.TT_match_response))
    if x.started or x.sounded:
        return _unheard(x, waits(timing.TT_EV_atten_results + timing.TT_match_response))
    if x.answerers:
        text = f"{_names(x.answerers.values())} answered, and no CM_START_ATTEN_CHAR.IND came"
        odd = tuple(
            Cause(f"the vehicle may have refused it: {text}", "send what the vehicle asked for")
            for text in x.odd
            if text.startswith("CM_SLAC_PARM.CNF")
        )
        return Verdict(Step.SOUNDING, text, (*odd, START_UNSEEN), waits(2 * timing.TT_match_sequence))
    return _unanswered(x, waits((timing.C_EV_match_retry + 1) * timing.TT_match_response))


def _joined(x: Exchange, one: Answerer, now: float) -> Verdict:
    name, at = mac_text(one.mac), one.match_at or 0.0
    if x.wrong_key:
        return Verdict(Step.SET_KEY, x.wrong_key, (WRONG_KEY,))
    if x.link_at is not None:
        return Verdict(Step.MATCHED, f"matched with {name}, link after {x.link_at - at:.2f} s ({x.link_by})")
    if x.key_asked is not None and x.key_set is None and now - x.key_asked > 1.5:
        return Verdict(Step.SET_KEY, "no CM_SET_KEY.CNF came", (KEY_UNANSWERED,))
    waited = now - at
    if waited > x.timing.TT_match_join or x.superseded:
        text = f"matched with {name}, and no link came up within {min(waited, x.timing.TT_match_join):.1f} s"
        causes = (SLOW_JOIN, WRONG_KEY, REFUSED_KEY, BOTH_ALIKE)
        return Verdict(Step.LINK, text, causes)
    text = f"matched with {name}; nothing of the link was seen in the {waited:.1f} s since"
    return Verdict(Step.MATCHED, text, open=True)


def _unheard(x: Exchange, waits: bool) -> Verdict:
    """Sounds and no attenuation."""
    if not x.sounded:
        return Verdict(Step.SOUNDING, "CM_START_ATTEN_CHAR.IND came, and no sounds", (NO_SOUNDS,), waits)
    if x.profiles and all(not aag for profiles in x.profiles.values() for aag in profiles):
        causes: tuple[Cause, ...] = (NO_PROFILES, CHARGER_SILENT)
    elif x.profiles:
        causes = (CHARGER_SILENT,)
    else:
        causes = (NO_PROFILES, CHARGER_SILENT, BOTH_ALIKE)
    if x.started and x.answerers:
        gap = x.started[0] - max(one.confirmed for one in x.answerers.values())
        if gap > x.timing.TP_match_sequence:
            causes = (
                Cause(f"the first START came {gap * 1e3:.0f} ms after the answer", "start within 100 ms"),
                *causes,
            )
    return Verdict(Step.ATTENUATION, f"{len(x.sounded)} sounds, and no CM_ATTEN_CHAR.IND", causes, waits)


def _unanswered(x: Exchange, waits: bool) -> Verdict:
    """Nobody answered CM_SLAC_PARM.REQ."""
    causes = []
    if x.key_before is not None and x.begun - x.key_before < SETTLING:
        causes.append(_settling(x.begun - x.key_before))
    role = x.roles.get(x.ev)
    others = [r for host, r in x.roles.items() if host != x.ev]
    if role == COORDINATOR:
        causes.append(ROLE_OF_VEHICLE)
    if STATION in others:
        causes.append(ROLE_OF_CHARGER)
    causes += [NOT_LISTENING, NO_BEACON] + ([] if role == COORDINATOR or others else [BOTH_ALIKE])
    n = len(x.asked)
    text = f"no charger answered {n} CM_SLAC_PARM.REQ" if n > 1 else "no charger answered CM_SLAC_PARM.REQ"
    return Verdict(Step.PARM, text, tuple(causes), waits)


def _plausible(one: Answerer) -> bool:
    return (one.attenuation or 0.0) > ALL_AT_ONCE


def _names(answerers: Iterable[Answerer]) -> str:
    return ", ".join(mac_text(one.mac) for one in answerers)


def _level(one: Answerer) -> str:
    return "(no groups)" if one.attenuation is None else f"({one.attenuation:.1f} dB)"


# ---------------------------------------------------------------------------------------------------------------
# Rows


def rows(x: Exchange) -> list[Row]:
    """The steps of an attempt that were seen, in order."""
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
                _mark(took, window) if one.num_sounds == NUM_SOUNDS and _plausible(one) else Mark.ODD,
                f"{_level(one).strip('()')}, {one.num_sounds} sounds",
            )
        )
        if one.answered_at is None:
            found.append(Row("CM_ATTEN_CHAR.RSP", mark=Mark.MISSING))
        else:
            found.append(_timed("CM_ATTEN_CHAR.RSP", one.answered_at - one.attenuation_at, "TP_match_response", x))
        for _, result in one.validations:
            word = Validation.WORDS[result] if result < len(Validation.WORDS) else f"result {result}"
            found.append(Row(f"CM_VALIDATE.CNF of {mac_text(one.mac)}", note=word))
    found += _end_rows(x, begun)
    return found


def _end_rows(x: Exchange, begun: float) -> list[Row]:
    """From the choice on."""
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
    return found


def _timed(what: str, took: float, timer: str, x: Exchange, note: str = "") -> Row:
    limit = float(getattr(x.timing, timer))
    return Row(what, took, limit, timer, _mark(took, limit), note)


def _mark(took: float, limit: float) -> Mark:
    return Mark.LATE if took > limit + TOLERANCE else Mark.OK


def _batch(name: str, times: Sequence[float], wanted: int) -> Row:
    """A batch of frames: how many, and the widest gap against TP_EV_batch_msg_interval."""
    gap = max((b - a for a, b in itertools.pairwise(times)), default=None)
    note = f"{len(times)} of {wanted}"
    mark = Mark.MISSING if not times else Mark.ODD if len(times) != wanted else Mark.OK
    if gap is None:
        return Row(name, mark=mark, note=note)
    late = _mark(gap, BATCH_GAP) if mark is Mark.OK else mark
    return Row(name, gap, BATCH_GAP, "TP_EV_batch_msg_interval", late, f"{note}, widest gap")
