"""Checks each field of each matching message against what was agreed, by one table of rules.

A rule gives the field by its standard name, its sender, and its required value, given the matching so far
(`slac.exchange.Exchange`). Any other value is a deviation of the sender; if the rule says so, a receiver may treat the
message as if it had not arrived (ISO 15118-3 A.9). Values known to vary in deployed cars and chargers are only
warnings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from slac.exchange import Answerer, Deviation, End, Exchange, Move, Weight
from slac.frames import (
    BROADCAST,
    CM_ATTEN_CHAR_IND,
    CM_ATTEN_CHAR_RSP,
    CM_MNBC_SOUND_IND,
    CM_SET_KEY_REQ,
    CM_SLAC_MATCH_CNF,
    CM_SLAC_MATCH_REQ,
    CM_SLAC_PARM_CNF,
    CM_SLAC_PARM_REQ,
    CM_START_ATTEN_CHAR_IND,
    CM_VALIDATE_CNF,
    CM_VALIDATE_REQ,
    MVF_CNF,
    MVF_REQ,
    NUM_GROUPS,
    NUM_SOUNDS,
    TIME_OUT,
    ZERO_ID,
    Frame,
    Message,
    Validation,
    mac_text,
)
from slac.keys import nid_of

SLACK = 0.005
"""Delay that the clock and queue of a recording may add, s."""
UNKNOWN_MAC = bytes(6)
"""Destination in captures of the "any" interface, which do not record it."""


@dataclass(frozen=True)
class Context:
    """A message to be checked, with what it is compared with.

    Attributes:
        x: the matching.
        frame: the message with its addresses.
        charger: the charger that sent or is to receive it; None for broadcasts.
        time: arrival time of the message.
    """

    x: Exchange
    frame: Frame
    charger: Answerer | None
    time: float


Wanted = Callable[[Context], object]
"""The correct value, or several correct values (tuple); None if there is nothing to compare with."""


@dataclass(frozen=True)
class Rule:
    """The rule for one field.

    Attributes:
        field: its name in the standard.
        value: attribute of the message, or a function of the context.
        wanted: the correct value.
        weight: weight of a deviation.
        refusable: whether a receiver may ignore a message with a deviation.
    """

    field: str
    value: str | Callable[[Context], object]
    wanted: Wanted
    weight: Weight = Weight.VIOLATION
    refusable: bool = True

    def check(self, c: Context) -> tuple[object, object] | None:
        """The actual and the correct value if they differ, else None."""
        value = self.value(c) if callable(self.value) else getattr(c.frame.message, self.value)
        wanted = self.wanted(c)
        right = wanted if isinstance(wanted, tuple) else (wanted,)
        return None if wanted is None or value is None or value in right else (value, wanted)


def _fixed(
    field: str, attribute: str, value: object, weight: Weight = Weight.VIOLATION, refusable: bool = True
) -> Rule:
    return Rule(field, attribute, lambda _: value, weight, refusable)


_TYPES = (_fixed("APPLICATION_TYPE", "application_type", 0), _fixed("SECURITY_TYPE", "security_type", 0))
_RESERVED = _fixed("reserved", "reserved", bytes(8), Weight.WARNING, False)
_RUN = Rule("RunID", "run_id", lambda c: c.x.run_id)
_TO_EV = Rule("destination", lambda c: _address(c.frame.destination), lambda c: c.x.ev)
_TO_ALL = Rule("destination", lambda c: _address(c.frame.destination), lambda _: BROADCAST, Weight.WARNING, False)
_IDS = tuple(_fixed(name, attribute, ZERO_ID, Weight.VIOLATION, False)
             for name, attribute in (("SOURCE_ID", "source_id"), ("RESP_ID", "resp_id")))  # fmt: skip
_PAIR_IDS = (_fixed("PEV ID", "pev_id", ZERO_ID), _fixed("EVSE ID", "evse_id", ZERO_ID))


def _address(mac: bytes) -> bytes | None:
    return None if mac == UNKNOWN_MAC else mac


def _offered(attribute: str, standard: int) -> Wanted:
    """The chargers' values in CM_SLAC_PARM.CNF, and the standard's value if theirs differ from it."""

    def wanted(c: Context) -> object:
        values = {int(getattr(a.cnf, attribute)) for a in c.x.answerers.values() if a.cnf_seen}
        return tuple(sorted(values | {standard})) if values != {standard} else standard

    return wanted


def _swapped(value: int) -> int:
    return int.from_bytes(value.to_bytes(2, "big"), "little")


def _sounds(c: Context) -> int:
    return int(getattr(c.frame.message, "num_sounds", 0))


def _groups(c: Context) -> int:
    return len(getattr(c.frame.message, "aag", b""))


def _wanted_sounds(c: Context) -> int:
    return c.x.start.num_sounds if c.x.start is not None else NUM_SOUNDS


def _next_count(c: Context) -> object:
    """The allowed next Cnt, which counts down to 0; a lost sound leaves a gap, for which neither end is to blame."""
    message = c.frame.message
    assert isinstance(message, CM_MNBC_SOUND_IND)
    if not c.x.counts:
        most = _wanted_sounds(c)  # `_first_count` judges this one
    elif message.cnt == c.x.counts[-1] and not c.x.same_count:
        return None  # some vehicles, and mirror ports, send each frame twice
    else:
        most = max(c.x.counts[-1] - 1, 0)
    return None if message.cnt <= most and (message.cnt or not c.x.same_count) else most


def _first_count(c: Context) -> object:
    """The first Cnt: some vehicles count 10 down to 1, and no charger minds."""
    message, wanted = c.frame.message, _wanted_sounds(c)
    assert isinstance(message, CM_MNBC_SOUND_IND)
    return None if c.x.counts or message.cnt < wanted else wanted - 1


def _late_rule(timer: str, since: Callable[[Context], float | None]) -> Rule:
    """The rule for a message that arrives after its receiver may have stopped waiting."""

    def value(c: Context) -> object:
        start = since(c)
        limit = float(getattr(c.x.timing, timer))
        # Only the first START counts: if it is late, so are the others.
        at = c.x.started[0] if c.x.started and isinstance(c.frame.message, CM_START_ATTEN_CHAR_IND) else c.time
        if start is None or at - start <= limit * 1.01 + SLACK:
            return None
        return f"{_ms(at - start)} after {_SINCE[timer]}"

    def wanted(c: Context) -> object:
        return f"at most {_ms(float(getattr(c.x.timing, timer)))} ({timer})"

    return Rule("time", value, wanted)


_SINCE = {
    "TT_match_response": "its request",
    "TT_match_sequence": "CM_SLAC_PARM.CNF",
    "TT_EV_atten_results": "the first START",
    "TT_EVSE_match_session": "CM_ATTEN_CHAR.RSP",
}


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms" if seconds < 2 else f"{seconds:.2f} s"


def _first_start(c: Context) -> float | None:
    """Time of the last CM_SLAC_PARM.CNF before the first START."""
    first = c.x.started[0] if c.x.started else c.time
    return max((a.confirmed for a in c.x.answerers.values() if a.cnf_seen and a.confirmed <= first), default=None)


def _own_request(c: Context) -> float | None:
    """Time of the last request before a charger's first CM_SLAC_PARM.CNF."""
    return None if c.charger is not None or not c.x.asked else c.x.asked[-1]


def _first_report(c: Context) -> float | None:
    if c.charger is not None and c.charger.attenuation_at is not None:
        return None
    return c.x.started[0] if c.x.started else None


def _choice(c: Context) -> float | None:
    one = c.charger
    return None if one is None or one.match_asked is not None or one.validations else one.answered_at


def _first_match(attribute: str) -> Wanted:
    """A repeated CM_SLAC_MATCH.CNF must have the network and key of the first."""

    def wanted(c: Context) -> object:
        one = c.charger
        return getattr(one.match, attribute) if one is not None and one.match and one.match_seen else None

    return wanted


def _given(attribute: str) -> Wanted:
    def wanted(c: Context) -> object:
        one = c.x.matched
        return getattr(one.match, attribute) if one is not None and one.match is not None else None

    return wanted


def _charger_mac(c: Context) -> object:
    return _address(c.frame.destination)


RULES: dict[type[Message], tuple[Rule, ...]] = {
    CM_SLAC_PARM_REQ: (*_TYPES, _TO_ALL),
    CM_SLAC_PARM_CNF: (
        _RUN,
        _fixed("M-SOUND_TARGET", "m_sound_target", BROADCAST),
        _fixed("NUM_SOUNDS", "num_sounds", NUM_SOUNDS),
        _fixed("Time_Out", "time_out", TIME_OUT),
        _fixed("RESP_TYPE", "resp_type", 1),
        Rule("FORWARDING_STA", "forwarding_sta", lambda c: c.x.ev),
        _TO_EV,
        *_TYPES,
        _late_rule("TT_match_response", _own_request),
    ),
    CM_START_ATTEN_CHAR_IND: (
        _RUN,
        Rule("NUM_SOUNDS", "num_sounds", _offered("num_sounds", NUM_SOUNDS)),
        Rule("Time_Out", "time_out", _offered("time_out", TIME_OUT)),
        _fixed("RESP_TYPE", "resp_type", 1),
        Rule("FORWARDING_STA", "forwarding_sta", lambda c: c.x.ev),
        _TO_ALL,
        *_TYPES,
        _late_rule("TT_match_sequence", _first_start),
    ),
    CM_MNBC_SOUND_IND: (
        _RUN,
        _fixed("SenderID", "sender_id", ZERO_ID, Weight.VIOLATION, False),
        Rule("Cnt", "cnt", _next_count, Weight.VIOLATION, False),
        Rule("Cnt", "cnt", _first_count, Weight.WARNING, False),
        _RESERVED,
        _TO_ALL,
        *_TYPES,
    ),
    CM_ATTEN_CHAR_IND: (
        _RUN,
        Rule("SOURCE_ADDRESS", "source_address", lambda c: c.x.ev),
        *_IDS,
        Rule("NumSounds", "num_sounds", lambda c: None if _sounds(c) else "1 or more"),
        Rule("NumSounds", "num_sounds", lambda c: tuple(range(1, _wanted_sounds(c) + 1)), Weight.WARNING, False),
        Rule("NumGroups", _groups, lambda _: NUM_GROUPS, Weight.WARNING),
        _TO_EV,
        *_TYPES,
        _late_rule("TT_EV_atten_results", _first_report),
    ),
    CM_ATTEN_CHAR_RSP: (
        _RUN,
        Rule("SOURCE_ADDRESS", "source_address", lambda c: c.x.ev),
        _fixed("Result", "result", 0),
        *_IDS,
        *_TYPES,
    ),
    CM_VALIDATE_REQ: (_fixed("SignalType", "signal_type", 0), _fixed("Result", "result", Validation.READY)),
    CM_VALIDATE_CNF: (
        _fixed("SignalType", "signal_type", 0),
        Rule("Result", "result", lambda _: tuple(range(len(Validation.WORDS)))),
    ),
    CM_SLAC_MATCH_REQ: (
        _RUN,
        Rule("PEV MAC", "pev_mac", lambda c: c.x.ev),
        Rule("EVSE MAC", "evse_mac", _charger_mac),
        Rule("MVFLength", "mvf_length", lambda _: (MVF_REQ, _swapped(MVF_REQ))),
        _fixed("MVFLength", "mvf_length", MVF_REQ, Weight.WARNING, False),  # some vehicles swap its bytes
        *_PAIR_IDS,
        _RESERVED,
        *_TYPES,
        _late_rule("TT_EVSE_match_session", _choice),
    ),
    CM_SLAC_MATCH_CNF: (
        _RUN,
        Rule("PEV MAC", "pev_mac", lambda c: c.x.ev),
        Rule("EVSE MAC", "evse_mac", lambda c: c.frame.source),
        _fixed("MVFLength", "mvf_length", MVF_CNF),
        *_PAIR_IDS,
        _RESERVED,
        _fixed("reserved", "reserved2", bytes(1), Weight.WARNING, False),
        _TO_EV,
        Rule("NID", "nid", _first_match("nid")),
        Rule("NMK", "nmk", _first_match("nmk")),
        *_TYPES,
    ),
    CM_SET_KEY_REQ: (
        Rule("NID", "nid", _given("nid")),
        Rule("NewKey", "new_key", _given("nmk")),
        _fixed("KeyType", "key_type", 1),
        _fixed("NewEKS", "new_eks", 1),
    ),
}
"""Message -> rules to check, most telling first."""

_SECRET = {"NMK", "NewKey"}


def deviations(c: Context, move: Move) -> Iterator[Deviation]:
    """The deviations of a message."""
    seen: set[str] = set()
    for rule in RULES.get(type(c.frame.message), ()):
        if rule.field in seen or (found := rule.check(c)) is None:
            continue
        seen.add(rule.field)
        value, wanted = found
        if rule.field in _SECRET:
            was, expected = (
                "a different one",
                "that of CM_SLAC_MATCH.CNF" if move.end is End.VEHICLE else "that of the first",
            )
        else:
            was, expected = _shown(value), _shown(wanted)
        yield Deviation(move, c.frame.source, rule.field, was, expected, rule.weight, rule.refusable)


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return " or ".join(map(_shown, value[:4]))
    if isinstance(value, bytes):
        return mac_text(value) if len(value) == 6 else value.hex()
    return str(value)


def follows(message: CM_SLAC_MATCH_CNF) -> bool:
    """Whether the NID is derived from the NMK; vehicles accept any NID."""
    return message.nid == nid_of(message.nmk)
