"""Properties of the judge: whatever falls silent, deviates, is lost or copied, the right end and step are named."""

from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st
from rounds import EV, EV_MODEM, EVSE, EVSE_MODEM, LINKED, OTHER, RUN, Sent, sounds

from slac.agreed import RULES
from slac.errors import Step
from slac.exchange import End, Weight
from slac.frames import (
    BROADCAST,
    CM_ATTEN_CHAR_IND,
    CM_ATTEN_CHAR_RSP,
    CM_ATTEN_PROFILE_IND,
    CM_MNBC_SOUND_IND,
    CM_SET_KEY_REQ,
    CM_SLAC_MATCH_CNF,
    CM_SLAC_MATCH_REQ,
    CM_SLAC_PARM_CNF,
    CM_SLAC_PARM_REQ,
    CM_START_ATTEN_CHAR_IND,
    CM_VALIDATE_CNF,
    CM_VALIDATE_REQ,
    LOCAL_MODEM,
    Frame,
    Message,
    Validation,
    build,
)
from slac.rounds import Round, rounds

AGREED_BY_TOGGLES: list[Sent] = [
    (1.75, EV, EVSE, CM_VALIDATE_REQ(timer=0)),
    (1.77, EVSE, EV, CM_VALIDATE_CNF(0, Validation.READY)),
    (1.80, EV, EVSE, CM_VALIDATE_REQ(timer=4)),
    (2.25, EVSE, EV, CM_VALIDATE_CNF(2, Validation.SUCCESS)),
]

SILENCES: list[tuple[type[Message], End, Step, str, type[Message] | None]] = [
    (CM_SLAC_PARM_CNF, End.CHARGER, Step.PARM, "CM_SLAC_PARM.CNF", CM_SLAC_PARM_REQ),
    (CM_START_ATTEN_CHAR_IND, End.VEHICLE, Step.SOUNDING, "CM_START_ATTEN_CHAR.IND", None),
    (CM_MNBC_SOUND_IND, End.VEHICLE, Step.SOUNDING, "CM_MNBC_SOUND.IND", None),
    (CM_ATTEN_CHAR_IND, End.CHARGER, Step.ATTENUATION, "CM_ATTEN_CHAR.IND", None),
    (CM_ATTEN_CHAR_RSP, End.VEHICLE, Step.ATTENUATION, "CM_ATTEN_CHAR.RSP", CM_ATTEN_CHAR_IND),
    (CM_VALIDATE_CNF, End.CHARGER, Step.VALIDATION, "CM_VALIDATE.CNF", CM_VALIDATE_REQ),
    (CM_SLAC_MATCH_REQ, End.VEHICLE, Step.DECISION, "CM_SLAC_MATCH.REQ", None),
    (CM_SLAC_MATCH_CNF, End.CHARGER, Step.MATCH, "CM_SLAC_MATCH.CNF", CM_SLAC_MATCH_REQ),
]
"""First message that does not come, who owes it, the step, its name, and what the other end repeats meanwhile."""

TRIGGERS: dict[type[Message], type[Message]] = {
    CM_SLAC_PARM_REQ: CM_SLAC_PARM_CNF,
    CM_SLAC_PARM_CNF: CM_START_ATTEN_CHAR_IND,
    CM_START_ATTEN_CHAR_IND: CM_ATTEN_CHAR_IND,
    CM_MNBC_SOUND_IND: CM_ATTEN_CHAR_IND,
    CM_ATTEN_CHAR_IND: CM_ATTEN_CHAR_RSP,
    CM_ATTEN_CHAR_RSP: CM_SLAC_MATCH_CNF,
    CM_VALIDATE_REQ: CM_VALIDATE_CNF,
    CM_SLAC_MATCH_REQ: CM_SLAC_MATCH_CNF,
    CM_SLAC_MATCH_CNF: CM_SET_KEY_REQ,
}
"""Message -> the first one that its receiver does not send any more, where it takes it for none."""

FIELDS = [
    (kind, rule.field, rule.value)
    for kind in TRIGGERS
    for rule in RULES[kind]
    if isinstance(rule.value, str) and rule.refusable and rule.weight is Weight.VIOLATION
    and (kind, rule.value) not in {(CM_ATTEN_CHAR_IND, "num_sounds"), (CM_SLAC_MATCH_CNF, "nid"),
                                   (CM_SLAC_MATCH_CNF, "nmk"), (CM_SLAC_PARM_REQ, "run_id")}
]  # fmt: skip

VEHICLES = {CM_SLAC_PARM_REQ, CM_START_ATTEN_CHAR_IND, CM_MNBC_SOUND_IND, CM_ATTEN_CHAR_RSP, CM_VALIDATE_REQ,
            CM_SLAC_MATCH_REQ}  # fmt: skip


@st.composite
def matchings(draw: st.DrawFn, validated: bool | None = None) -> list[Sent]:
    """A good matching, as recorded at one end or both, with or without validation, repeats and another charger."""
    sent = list(LINKED)
    if draw(st.booleans()):
        sent = [one for one in sent if one[1] != EVSE_MODEM and not isinstance(one[3], CM_ATTEN_PROFILE_IND)]
    if draw(st.booleans()):
        sent = [(at, s, to, m) for at, s, to, m in sent if at < 2.315 or EV_MODEM in (s, to) or to == LOCAL_MODEM]
    if draw(st.booleans()) if validated is None else validated:
        sent += AGREED_BY_TOGGLES
    if draw(st.booleans()):  # the first request was lost
        sent.append((0.8, EV, BROADCAST, CM_SLAC_PARM_REQ(RUN)))
    if draw(st.booleans()):
        sent += [
            (1.03, OTHER, EV, CM_SLAC_PARM_CNF(RUN, EV)),
            (1.69, OTHER, EV, CM_ATTEN_CHAR_IND(EV, RUN, bytes([33] * 58))),
            (1.72, EV, OTHER, CM_ATTEN_CHAR_RSP(EV, RUN)),
        ]
    shift = draw(st.floats(0, 1000))
    return sorted(((at + shift, s, to, m) for at, s, to, m in sent), key=lambda one: one[0])


def framed(sent: list[Sent], *, vlan: int | None = None, later: float = 0.0) -> list[tuple[float, bytes]]:
    tag = b"" if vlan is None else b"\x81\x00" + vlan.to_bytes(2, "big")
    made = [(time, build(Frame(to, source, message))) for time, source, to, message in sent]
    return [(time + later, data[:12] + tag + data[12:]) for time, data in made]


def judged(sent: list[Sent]) -> Round:
    end = max(time for time, *_ in sent) + 60.0
    (one,) = rounds(framed(sent), until=end)
    return one


def stopped_before(sent: list[Sent], kind: type[Message], repeats: type[Message] | None) -> list[Sent]:
    """The matching up to the first message of a kind; the end that waits repeats its last one twice."""
    first = next(time for time, _, _, message in sent if isinstance(message, kind))
    kept = [one for one in sent if one[0] < first]
    if repeats is not None:
        time, source, to, message = [one for one in kept if isinstance(one[3], repeats)][-1]
        kept += [(time + 0.2, source, to, message), (time + 0.4, source, to, message)]
    return kept


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(SILENCES))
def test_the_end_that_falls_silent_is_blamed_at_its_step(
    data: st.DataObject, silence: tuple[type[Message], End, Step, str, type[Message] | None]
) -> None:
    """Whatever came before, the first message that is missing names end, step and what was due."""
    kind, end, step, name, repeats = silence
    sent = data.draw(matchings(validated=kind is CM_VALIDATE_CNF))
    # Another charger goes on where one falls silent: it is left out of those that are about chargers.
    if end is End.CHARGER or kind is CM_ATTEN_CHAR_RSP:
        sent = [one for one in sent if OTHER not in one[1:3]]
    one = judged(stopped_before(sent, kind, repeats))
    assert one.due is not None
    assert (one.reached, one.verdict.blamed, one.due.end, one.due.message) == (step, end, end, name)
    assert not one.ok
    assert one.verdict.causes


@settings(max_examples=300, deadline=None)
@given(st.data(), st.sampled_from(FIELDS))
def test_the_end_that_deviates_is_blamed_where_the_other_stops(
    data: st.DataObject, field: tuple[type[Message], str, str]
) -> None:
    """One wrong field in all messages of a kind; the receiver takes them for none, and goes no further."""
    kind, name, attribute = field
    sent = data.draw(matchings(validated=kind is CM_VALIDATE_REQ))
    sent = [one for one in sent if OTHER not in one[1:3]]
    sent = spoiled(stopped_before(sent, TRIGGERS[kind], None), kind, attribute)
    one = judged(sent)
    end = End.VEHICLE if kind in VEHICLES else End.CHARGER
    assert one.verdict.blamed is end, one.verdict
    assert one.verdict.deviation is not None
    assert one.verdict.deviation.field == name
    assert one.due is not None
    assert one.due.end is end
    assert name in one.verdict.text


@settings(max_examples=150, deadline=None)
@given(st.data(), st.sampled_from(FIELDS))
def test_a_deviation_that_is_tolerated_is_named_and_stops_nothing(
    data: st.DataObject, field: tuple[type[Message], str, str]
) -> None:
    kind, name, attribute = field
    sent = spoiled(data.draw(matchings(validated=kind is CM_VALIDATE_REQ)), kind, attribute)
    one = judged(sent)
    assert one.ok
    assert one.linked
    end = End.VEHICLE if kind in VEHICLES else End.CHARGER
    assert (end, name) in {(found.move.end, found.field) for found in one.deviations}
    assert all(found.move.end is end for found in one.deviations)


def spoiled(sent: list[Sent], kind: type[Message], attribute: str) -> list[Sent]:
    """Another value in a field of all messages of a kind."""
    changed: list[Sent] = []
    for time, source, to, message in sent:
        if isinstance(message, kind):
            value = getattr(message, attribute)
            wrong = bytes([value[0] ^ 0x5A]) + value[1:] if isinstance(value, bytes) else (value + 3) % 256
            message = dataclasses.replace(message, **{attribute: wrong})  # type: ignore[type-var]  # every message is a dataclass
        changed.append((time, source, to, message))
    return changed


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_frame_that_the_recording_lacks_is_nobodys_fault(data: st.DataObject) -> None:
    """One frame was not recorded; the matching went on, so nobody deviates and nothing stopped."""
    sent = data.draw(matchings())
    gone = data.draw(st.integers(0, len(sent) - 1))
    if isinstance(sent[gone][3], CM_SLAC_PARM_REQ) or sent[gone][0] == sent[-1][0]:
        return  # begins in the middle, or nothing proves the link
    one = judged([*sent[:gone], *sent[gone + 1 :]])
    assert one.ok, one.verdict
    assert not [found for found in one.deviations if found.weight is Weight.VIOLATION], one.deviations


@settings(max_examples=60, deadline=None)
@given(matchings(), st.sampled_from([None, 5, 4094]), st.floats(0, 0.011))
def test_mirrored_and_tagged_copies_give_the_same_round(sent: list[Sent], vlan: int | None, later: float) -> None:
    end = max(time for time, *_ in sent) + 60.0
    (plain,) = rounds(framed(sent), until=end)
    (one,) = rounds(sorted([*framed(sent), *framed(sent, vlan=vlan, later=later)]), until=end)
    assert (one.reached, one.verdict, one.deviations) == (plain.reached, plain.verdict, plain.deviations)
    assert [move.name for move in one.seen.moves] == [move.name for move in plain.seen.moves]


def moved(sent: list[Sent], number: int, later: float, run_id: bytes) -> list[Sent]:
    """The same matching of another pair, with addresses of its own."""
    from slac.frames import parse

    names = {mac: mac[:4] + bytes([number]) + mac[5:] for mac in (EV, EVSE, OTHER, EV_MODEM, EVSE_MODEM)}
    changed: list[Sent] = []
    for time, source, to, message in sent:
        data = build(Frame(names.get(to, to), names.get(source, source), message))
        body = data[12:].replace(RUN, run_id)
        for old, new in names.items():
            body = body.replace(old, new)
        changed.append((time + later, names.get(source, source), names.get(to, to), parse(data[:12] + body).message))
    return changed


@settings(max_examples=60, deadline=None)
@given(matchings(), matchings(), st.floats(0, 3), st.booleans())
def test_pairs_on_one_line_are_judged_as_if_alone(
    first: list[Sent], second: list[Sent], later: float, same_run: bool
) -> None:
    """Interleaved in any way, with the same RunID or another."""
    begin = first[0][0] - second[0][0]
    second = moved(second, 9, begin + later, RUN if same_run else b"\7" * 8)
    end = max(time for time, *_ in [*first, *second]) + 60.0
    both = rounds(sorted([*framed(first), *framed(second)], key=lambda one: one[0]), until=end)
    alone = [*rounds(framed(first), until=end), *rounds(framed(second), until=end)]
    assert len(both) == 2
    for one in both:
        (other,) = [found for found in alone if found.ev == one.ev]
        assert (one.reached, one.verdict, one.deviations) == (other.reached, other.verdict, other.deviations)


def test_the_helpers_make_what_they_say() -> None:
    """The matching that everything above begins with is good, and has its sounds."""
    assert judged(list(LINKED)).ok
    assert len(sounds()) == 23
