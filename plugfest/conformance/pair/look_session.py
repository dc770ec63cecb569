"""Looks at a session: how far it gets, and how it ends."""

from __future__ import annotations

from plugfest.conformance.cause import Cause
from plugfest.conformance.pair.frame import ANEW, CLOSES, PLAYED, Frame, Miss, at, furthest, seen
from plugfest.conformance.pair.scenario import Blamed
from plugfest.conformance.verdict import Inconclusive
from plugfest.traces.talks import code_of


def reach(frame: Frame) -> Miss | None:
    seen(frame)
    if frame.port.reached(frame.value, frame.since, frame.end) is not None:
        return None
    return Miss(Cause.UNFINISHED, furthest(frame), stalled=True)


def never(frame: Frame) -> Miss | None:
    entry = frame.port.reached(frame.value, frame.start, frame.end)
    if entry is not None:
        return Miss(Cause.WENT_ON, f"{entry.name} {at(entry.time)}")
    seen(frame)
    return None


def charges(frame: Frame) -> Miss | None:
    seen(frame)
    many = sum(
        frame.port.charged(max(frame.since, talk.start), min(frame.end, talk.end)) is not None for talk in frame.talks()
    )
    if many >= int(frame.value):
        return None
    flowed = "no current flowed" if not many else f"current flowed in {many} of {frame.value} sessions"
    return Miss(Cause.OUTPUT_OFF, f"{flowed}; {furthest(frame)}", stalled=True)


def tries(frame: Frame) -> Miss | None:
    seen(frame)
    many = len(frame.talks())
    if many >= int(frame.value):
        return None
    return Miss(Cause.NOT_CONNECTED, f"{many} tries", side="evcc")


def completes(frame: Frame) -> Miss | None:
    seen(frame)
    found = frame.talks()
    if found and found[-1].completed:
        return None
    return Miss(Cause.UNFINISHED, f"no SessionStopRes with OK; {furthest(frame)}", stalled=True)


def goes_on(frame: Frame) -> Miss | None:
    seen(frame)
    under_way = [talk for talk in frame.talks() if talk.start <= max(frame.since, frame.port.talks[0].start)]
    if not under_way:
        raise Inconclusive("no session was under way", cause=Cause.POINTLESS)
    talk = under_way[-1]
    if not talk.completed and talk.end >= frame.end - PLAYED:
        return None
    side: Blamed = "evcc" if talk.completed else ""
    return Miss(Cause.CLOSED, f"the session ended {at(talk.end)}", side, stalled=not side)


def ends(frame: Frame) -> Miss | None:
    seen(frame)
    limit = frame.since + float(frame.value)
    between = list(frame.port.messages(frame.since - PLAYED, limit))
    if frame.expected.after.startswith("plug"):
        between = [entry for entry in between if entry.time >= frame.since]
    if not between:
        raise Inconclusive(
            f"no session was under way at {frame.expected.after or 'the beginning'!r}", cause=Cause.POINTLESS
        )
    anew = (act.time - frame.port.recording.epoch for act in frame.port.acts if act.mark.split(" ")[0] in ANEW)
    end = min((time for time in anew if time > frame.since), default=frame.end)
    late = next(iter(frame.port.messages(limit + CLOSES, end)), None)
    if late is None and end < limit - CLOSES:
        raise Inconclusive(f"the recording ends before {frame.value:g} s were over", cause=Cause.NOT_RECORDED)
    if late is None:
        return None
    return Miss(Cause.WENT_ON, f"{late.name} {late.time - frame.since:.1f} s after it")


def silent(frame: Frame) -> Miss | None:
    for entry in frame.port.recording.entries:
        if frame.start <= entry.time <= frame.end and entry.layer in ("message", "sdp") and entry.sender:
            side: Blamed = "evcc" if entry.sender == "evcc" else "secc"
            return Miss(Cause.UNWANTED_MESSAGE, f"{entry.name} {at(entry.time)}", frame.expected.by or side)
    return None


def stops(frame: Frame) -> Miss | None:
    seen(frame)
    found = frame.responses("SessionStopReq")
    words = [str(getattr(entry.body, "ChargingSession", "")) for entry in found]
    if any(word.endswith(str(frame.value)) for word in words):
        return None
    return Miss(Cause.NO_REQUEST, f"SessionStopReq {words[0]}" if words else "no SessionStopReq", stalled=not words)


def code(frame: Frame) -> Miss | None:
    seen(frame)
    found = [code_of(entry) for entry in frame.responses(frame.expected.of)]
    if frame.value in found:
        return None
    if not found:
        return Miss(Cause.NO_ANSWER, f"no {frame.expected.of}", stalled=True)
    return Miss(Cause.WRONG_CODE, f"{frame.expected.of} {found[0]}", side="secc")
