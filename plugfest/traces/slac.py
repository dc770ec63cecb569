"""HomePlug management frames in recordings: name, sender, the few fields a person looks for, and the rounds.

Frames may have VLAN tags. `slac.rounds` judges the outcome of matchings, for files and interfaces alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from slac import frames
from slac.copies import untagged
from slac.judge import Judge
from slac.pilot import STEADY, State, duty_told, told, volts
from slac.rounds import End, Round, judged

if TYPE_CHECKING:
    from plugfest.traces.entries import Entry, Recording

_FROM_VEHICLE = {"CM_SLAC_PARM.REQ", "CM_START_ATTEN_CHAR.IND", "CM_MNBC_SOUND.IND", "CM_ATTEN_CHAR.RSP",
                 "CM_VALIDATE.REQ", "CM_SLAC_MATCH.REQ"}  # fmt: skip
_FROM_CHARGER = {"CM_SLAC_PARM.CNF", "CM_ATTEN_CHAR.IND", "CM_VALIDATE.CNF", "CM_SLAC_MATCH.CNF"}

MATCHING = _FROM_VEHICLE | _FROM_CHARGER
"""Messages between the two hosts."""

SIDES = {End.VEHICLE: "evcc", End.CHARGER: "secc"}


def parse(data: bytes) -> frames.Frame | None:
    """The frame in captured bytes, or None if it is broken."""
    try:
        return frames.parse(untagged(data).data)
    except frames.FrameError:
        return None


def pilot_reading(entry: Entry) -> tuple[State, float | None] | None:
    """State and duty in percent that an entry reports; None if it reports none."""
    if entry.layer == "pilot":
        letter = entry.name[:1]
        if len(entry.name) > 2 or letter not in State.__members__:
            return None
        steady = entry.name.endswith("1")  # the oscillator is off
        return State(letter), STEADY if steady else duty_told(entry.note)
    if entry.layer == "slac" and entry.name == "CP_STATE.IND":
        frame = parse(entry.data)
        message = frame.message if frame is not None else None
        return message.reading if isinstance(message, frames.CP_STATE_IND) else None
    return None


def judge(recording: Recording) -> Judge:
    """A judge that has seen the whole recording; the places it keeps are indexes of entries."""
    found = Judge()
    ordinary = iter(recording.passed)
    following = next(ordinary, None)
    for entry in recording.entries:
        while following is not None and following[0] < entry.time:
            found.traffic(*following)
            following = next(ordinary, None)
        if entry.layer == "slac":
            if entry.data:
                found.feed(entry.time, entry.data, entry.index)
        elif (pilot := pilot_reading(entry)) is not None:
            found.pilot(entry.time, *pilot)
        elif recording.kind == "trace" and (entry.name in ("SDPResponse", "connected") or entry.layer == "message"):
            found.session(entry.time)
    while following is not None:
        found.traffic(*following)
        following = next(ordinary, None)
    found.now = max(found.now, recording.seconds)
    for exchange in found.exchanges:
        if (new := exchange.new_key) is not None and _running(recording, new.time):
            exchange.new_key = new._replace(talking=True)
        if (lost := exchange.lost) is not None and _running(recording, lost.time):
            exchange.lost = lost._replace(talking=True)
    return found


def _running(recording: Recording, time: float) -> bool:
    """Whether a session was running at a time."""
    running = False
    for entry in recording.entries:
        if entry.time > time:
            break
        if entry.layer == "tcp" and entry.name in ("closing", "closed", "reset"):
            running = False
        elif entry.layer == "message":
            running = entry.name != "SessionStopRes"
    return running


def rounds(recording: Recording) -> list[Round]:
    """The SLAC rounds of a recording, judged at its end."""
    found = judge(recording)
    return [judged(x, found.now) for x in found.exchanges]


def name(data: bytes) -> str:
    """The name of the message in an Ethernet frame, e.g. ``CM_SLAC_PARM.REQ``; ``broken`` if it cannot be read."""
    frame = parse(data)
    return frame.name if frame is not None else "broken"


def sender(frame_name: str) -> str:
    """``evcc`` or ``secc``, for messages between the two hosts; "" for others."""
    return "evcc" if frame_name in _FROM_VEHICLE else "secc" if frame_name in _FROM_CHARGER else ""


@dataclass(frozen=True, slots=True)
class Attenuation:
    """An attenuation profile: dB per carrier group, and the number of sounds averaged (0: it is of one sound)."""

    groups: tuple[int, ...]
    sounds: int = 0

    @property
    def mean(self) -> float:
        return sum(self.groups) / len(self.groups)


def attenuation(data: bytes) -> Attenuation | None:
    """The profile in a CM_ATTEN_CHAR.IND or CM_ATTEN_PROFILE.IND; None for other frames or an empty profile."""
    frame = parse(data)
    match frame.message if frame is not None else None:
        case frames.CM_ATTEN_CHAR_IND(aag=aag, num_sounds=sounds) if aag:
            return Attenuation(tuple(aag), sounds)
        case frames.CM_ATTEN_PROFILE_IND(aag=aag) if aag:
            return Attenuation(tuple(aag))
    return None


def _pilot(letter: str, duty: float) -> str:
    """A reading of the control pilot: its letter and level, and the meaning of the duty cycle."""
    level = f" ({volts(State(letter))})" if letter in State.__members__ else ""
    return f"{letter}{level} {told(duty)}"


def describe(data: bytes) -> str:
    """Sender, receiver, and what a person would look for in it."""
    frame = parse(data)
    if frame is None:
        return f"{len(data)} bytes"
    note = frames.mac_text(frame.source)
    if any(frame.destination):  # missing in captures of the interface "any"
        note += f" > {frames.mac_text(frame.destination)}"
    match frame.message:
        case frames.CM_SLAC_PARM_REQ(run_id=run):
            note += f", run {run.hex()}"
        case frames.CM_MNBC_SOUND_IND(cnt=count):
            note += f", {count} more"
        case frames.CM_ATTEN_CHAR_IND(num_sounds=sounds):
            note += f", {sounds} sounds"
        case frames.CM_SLAC_MATCH_CNF(nid=nid):
            note += f", NID {nid.hex()}"
        case frames.CP_STATE_IND(duty=duty) as state:
            note += f", pilot {_pilot(state.letter, duty)}"
    profile = attenuation(data)
    if profile is not None:
        note += f", mean {profile.mean:.1f} dB over {len(profile.groups)} groups"
    return note
