"""The vehicle's power profile of ISO 15118-20: whether it is accepted, and what happens where the vehicle leaves it.

A profile stays within the schedule chosen, from the discharging schedule up to the charging one, and covers it to its
end. A PowerTolerance on offer has to be confirmed; then the vehicle stays that near to its profile in both directions.
Without one, it takes (or gives back) no more than its profile says. A vehicle that leaves its profile is warned in each
response, and refused when that has lasted.
"""

from __future__ import annotations

from itertools import accumulate

from secc import agreed
from secc.charger import Slot
from secc.iso20_schedule import chosen
from secc.iso20_status import renegotiation_code
from secc.terms import Step
from secc.visit import Refusal, Visit
from v2g import stamps
from v2g.messages.iso20 import common, types
from v2g.phases import total
from v2g.reading import stamp_of

SLACK = 1.001
"""Factor by which a profile may exceed its schedule: rounding to the 16 bits of a RationalNumber."""

ROUNDED = 2
"""s: durations are whole seconds, and a profile begins some time after the offer."""

SETTLES = 1.0
"""s for which a vehicle may be outside its profile without a warning: it follows a step in its next messages."""

VIOLATION_LASTS = 5.0
"""s outside its profile, after which a vehicle is refused; as long as a lower duty may take (IEC 61851-1)."""

MARGIN = 250.0
"""W beside a profile that count as following it: about an ampere of one phase, or half of one in DC."""

OVER = 1.05
"""Factor that counts as following it."""

SETTLES_SHORT, SHORT_LASTS = 5.0, 15.0
"""The same for a vehicle that takes less than it undertook to: power ramps up, and less endangers nobody."""

Codes = types.responseCodeType


def accept(visit: Visit, request: common.PowerDeliveryReq) -> Codes:
    """Takes over the profile of a PowerDelivery(Start); in dynamic mode it is an expectation and binds nobody.

    Returns:
        OK, OK_PowerToleranceConfirmed, or WARNING_PowerToleranceNotConfirmed: then nothing was taken over.

    Raises:
        Refusal: no profile at all, one of the other control mode, for a schedule that was not offered, outside it, or
            too short; no direction where each has a path of its own; a tolerance that this charger insists on.
    """
    profile = request.EVPowerProfile
    if profile is None:
        raise Refusal("FAILED_EVPowerProfileInvalid", "Start without EVPowerProfile")
    if (profile.Dynamic_EVPPTControlMode is not None) != chosen(visit).dynamic:
        raise Refusal("FAILED_EVPowerProfileInvalid", "EVPowerProfile of the other control mode")
    channel, terms = selected_channel(visit, request), visit.terms
    if profile.Scheduled_EVPPTControlMode is None:
        terms.schedule, terms.discharge, terms.profile, terms.channel = {}, {}, (), channel
        return "OK"
    tuple_id = profile.Scheduled_EVPPTControlMode.SelectedScheduleTupleID
    if tuple_id not in terms.schedule:
        offered = ", ".join(map(str, terms.schedule))
        raise Refusal("FAILED_ScheduleSelectionInvalid", f"schedule {tuple_id}, offered: {offered}")
    steps = steps_of(visit, profile, tuple_id, stamp_of(request))
    answer = profile.Scheduled_EVPPTControlMode.PowerToleranceAcceptance
    tolerance = terms.plans[tuple_id].tolerance
    if tolerance is not None and answer != "PowerToleranceConfirmed":
        text = f"a tolerance of {tolerance:g} W is not confirmed"
        if visit.evse.insists_on_tolerance:
            raise Refusal("FAILED_PowerToleranceNotConfirmed", text)
        visit.session.tell("error", "tolerance", text)
        return "WARNING_PowerToleranceNotConfirmed"
    terms.tuple_id, terms.profile, terms.tolerance, terms.channel = tuple_id, steps, tolerance, channel
    visit.over("beyond profile", "short of profile")
    return "OK" if tolerance is None else "OK_PowerToleranceConfirmed"


def steps_of(visit: Visit, profile: common.EVPowerProfileType, tuple_id: int, sent: int = 0) -> tuple[Step, ...]:
    """The entries as steps from the moment of the offer on: the profile counts from now, the schedule from then.

    Args:
        sent: TimeStamp of the message; a TimeAnchor before it is when the profile began.

    Raises:
        Refusal: an entry is outside the schedule at some moment, or the profile ends before the schedule.
    """
    entries = profile.EVPowerProfileEntries.EVPowerProfileEntry
    terms = visit.terms
    since = visit.session.now - terms.offered_at - stamps.age(profile.TimeAnchor, sent)
    begins = list(accumulate((entry.Duration for entry in entries), initial=since))
    steps = tuple(Step(start, total(entry, "Power")) for start, entry in zip(begins, entries, strict=False))
    end = terms.coverages[tuple_id]
    for step, until in zip(steps, begins[1:], strict=True):
        for moment in _moments(visit, tuple_id, step.start, min(until, end)):
            most = within(terms.schedule[tuple_id], moment)
            least = within(terms.discharge.get(tuple_id, ()), moment)
            if not least * SLACK <= step.watts <= most * SLACK:
                text = f"{step.watts:g} W at {moment:g} s, the schedule allows {least:g} to {most:g} W"
                raise Refusal("FAILED_EVPowerProfileInvalid", text)
    if begins[-1] < end - 1:
        text = f"the profile ends after {begins[-1]:.0f} s, the schedule after {end} s"
        if not visit.session.tolerant:
            raise Refusal("FAILED_EVPowerProfileInvalid", text)
        visit.session.tolerate("short-profile", text)
    return steps


def _moments(visit: Visit, tuple_id: int, start: float, end: float) -> list[float]:
    """The seconds of an entry at which its bounds may be others: near its start, and where a slot begins.

    Not nearer to its ends than the rounding of durations; what flows is held within both at any moment.
    """
    if end <= start:
        return []
    begin, last = min(start + ROUNDED, (start + end) // 2), max(end - ROUNDED, (start + end) // 2)
    slots = (*visit.terms.schedule[tuple_id], *visit.terms.discharge.get(tuple_id, ()))
    return [begin, *sorted({slot.start for slot in slots if begin < slot.start < last})]


def within(slots: tuple[Slot, ...], second: float) -> float:
    """Power in W that a schedule allows at a second after it began; without one, none."""
    found = next((slot.watts for slot in reversed(slots) if slot.start <= second), None)
    return found if found is not None else slots[0].watts if slots else 0.0


def selected_channel(visit: Visit, request: common.PowerDeliveryReq) -> common.channelSelectionType | None:
    """The direction that a vehicle selects, where each has a path of its own; it counts in no other case.

    Raises:
        Refusal: none is selected, or another than before while power flows.
    """
    channel = request.BPT_ChannelSelection
    if not chosen(visit).bidirectional:
        if channel is not None:
            visit.tell("channel", f"BPT_ChannelSelection {channel} in a service that only charges")
        return None
    if not chosen(visit).chosen.separated:
        return None
    if channel is None:
        raise Refusal(
            "FAILED_PowerDeliveryNotApplied", "Start without BPT_ChannelSelection, the channels are separated"
        )
    flows = visit.evse.watts
    if visit.delivering and visit.terms.channel not in (None, channel) and abs(flows) > MARGIN:
        raise Refusal("FAILED_PowerDeliveryNotApplied", f"the direction changes with {flows:.0f} W flowing")
    return channel


# ---------------------------------------------------------------------------------------------------------------
# The loop


def loop_code(visit: Visit) -> Codes:
    """OK, or WARNING_EVPowerProfileViolation as long as the vehicle is outside its profile; else what is due otherwise.

    Raises:
        Refusal: FAILED_EVPowerProfileViolation, it has been for too long.
    """
    beyond, short = deviation(visit)
    for phase, text, settles, lasts in (
        ("beyond profile", beyond, SETTLES, VIOLATION_LASTS),
        ("short of profile", short, SETTLES_SHORT, SHORT_LASTS),
    ):
        if not text:
            visit.over(phase)
            continue
        seconds = visit.since(phase)
        if seconds >= lasts:
            raise Refusal("FAILED_EVPowerProfileViolation", f"{text}, for {seconds:.1f} s")
        if seconds >= settles:
            visit.tell(phase, text)
            return "WARNING_EVPowerProfileViolation"
    return renegotiation_code(visit)


def deviation(visit: Visit) -> tuple[str, str]:
    """How the vehicle leaves its profile now: more flows than it says, and less; "" where it does not.

    Less counts only where a vehicle confirmed a tolerance: a profile alone is what it takes at the most.
    """
    if not visit.terms.profile or visit.standby or visit.fault is not None:
        return "", ""
    flows, now = visit.evse.watts, agreed.now(visit)
    margin = MARGIN if visit.terms.tolerance is None else max(visit.terms.tolerance, MARGIN)
    if not now.least * OVER - margin <= flows <= now.watts * OVER + margin:
        return f"{flows:.0f} W flow, the profile allows {now.least:.0f} to {now.watts:.0f} W", ""
    if visit.terms.tolerance is None:
        return "", ""
    meant = now.watts if now.watts > 0.0 else now.least
    if abs(flows - meant) > margin + abs(meant) * (OVER - 1.0):
        return "", f"{flows:.0f} W flow, the profile says {meant:.0f} W, the tolerance is {visit.terms.tolerance:g} W"
    return "", ""
