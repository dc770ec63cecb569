"""The vehicle's power profile of ISO 15118-20: whether it is accepted, and what happens if the vehicle leaves it.

A profile must stay within the chosen schedule, between its discharging and its charging schedule, and cover it to its
end. The vehicle has to confirm an offered PowerTolerance; then it stays that close to its profile in both directions.
Without one, it takes (or feeds back) no more than its profile says. A vehicle that leaves its profile is warned in each
response, and refused if this lasts too long.
"""

from __future__ import annotations

import math
from itertools import accumulate

from secc import agreed
from secc.iso20_schedule import chosen
from secc.iso20_status import renegotiation_code
from secc.plan import Slot
from secc.terms import Step
from secc.visit import Refusal, Visit
from v2g import stamps
from v2g.messages.iso20 import common, types
from v2g.phases import total
from v2g.physical import ramp
from v2g.reading import stamp_of

SLACK = 1.001
"""Factor by which a profile may exceed its schedule: rounding to the 16 bits of a RationalNumber."""

ROUNDED = 2
"""Rounding of durations, s: they are whole seconds, and a profile begins some time after the offer."""

SETTLES = 1.0
"""Time for which a vehicle may leave its profile without a warning, s: it follows a step in its next messages."""

VIOLATION_LASTS = 5.0
"""Time outside its profile after which a vehicle is refused, s; as long as following a lower duty (IEC 61851-1)."""

MARGIN = 250.0
"""Deviation from a profile that still counts as following it, W: about 1 A on one phase, or half of that in DC."""

OVER = 1.05
"""Factor above a profile that still counts as following it."""

SETTLES_SHORT, SHORT_LASTS = 5.0, 15.0
"""The same two times for a vehicle that takes less than agreed: power ramps up, and less endangers nobody."""

METERS_APART = 0.05
"""Part of the available energy by which the vehicle's count of it may be ahead of the charger's meter."""

Codes = types.responseCodeType


def accept(visit: Visit, request: common.PowerDeliveryReq) -> Codes:
    """Accepts the profile of a PowerDelivery(Start); in dynamic mode it is only a forecast, without obligation.

    Returns:
        OK, OK_PowerToleranceConfirmed, or WARNING_PowerToleranceNotConfirmed, with which nothing is accepted.

    Raises:
        Refusal: the profile is missing, of the other control mode, for a schedule that was not offered, outside it, or
            too short; a direction is missing although each has its own path; or a tolerance that this charger insists
            on was not confirmed.
    """
    profile = request.EVPowerProfile
    if profile is None:
        raise Refusal("FAILED_EVPowerProfileInvalid", "Start without EVPowerProfile")
    if (profile.Dynamic_EVPPTControlMode is not None) != chosen(visit).dynamic:
        raise Refusal("FAILED_EVPowerProfileInvalid", "EVPowerProfile for the wrong control mode")
    channel, terms = selected_channel(visit, request), visit.terms
    if profile.Scheduled_EVPPTControlMode is None:
        terms.schedule, terms.discharge, terms.profile, terms.channel = {}, {}, (), channel
        return "OK"
    tuple_id = profile.Scheduled_EVPPTControlMode.SelectedScheduleTupleID
    if tuple_id not in terms.schedule:
        offered = ", ".join(map(str, terms.schedule))
        raise Refusal("FAILED_ScheduleSelectionInvalid", f"schedule {tuple_id} was not offered ({offered})")
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
    """The entries as steps from the offer on: the profile counts from now, the schedule from the offer.

    Args:
        sent: TimeStamp of the message; if the TimeAnchor is earlier, the profile began at the TimeAnchor.

    Raises:
        Refusal: an entry is outside the schedule at any moment, or the profile ends before the schedule.
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
    """The seconds of an entry at which its bounds may change: near its start, and at the beginning of each slot.

    Keeps a distance from its ends, because durations are rounded; the actual power is kept within both at any moment.
    """
    if end <= start:
        return []
    begin, last = min(start + ROUNDED, (start + end) // 2), max(end - ROUNDED, (start + end) // 2)
    slots = (*visit.terms.schedule[tuple_id], *visit.terms.discharge.get(tuple_id, ()))
    return [begin, *sorted({slot.start for slot in slots if begin < slot.start < last})]


def within(slots: tuple[Slot, ...], second: float) -> float:
    """Power in W that a schedule allows at a second after its beginning; zero without a schedule."""
    found = next((slot.watts for slot in reversed(slots) if slot.start <= second), None)
    return found if found is not None else slots[0].watts if slots else 0.0


def selected_channel(visit: Visit, request: common.PowerDeliveryReq) -> common.channelSelectionType | None:
    """The direction that a vehicle selects if each has its own path; otherwise the selection is ignored.

    Raises:
        Refusal: no direction is selected, or it changes while power flows.
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
            "FAILED_PowerDeliveryNotApplied", "Start without BPT_ChannelSelection, although the channels are separated"
        )
    flows = visit.evse.watts
    if visit.delivering and visit.terms.channel not in (None, channel) and abs(flows) > MARGIN:
        raise Refusal("FAILED_PowerDeliveryNotApplied", f"the direction changes while {flows:.0f} W flows")
    return channel


# ---------------------------------------------------------------------------------------------------------------
# The loop


def loop_code(visit: Visit) -> Codes:
    """WARNING_EVPowerProfileViolation while the vehicle is outside its profile, else the code that is otherwise due.

    Raises:
        Refusal: FAILED_EVPowerProfileViolation, after too long outside the profile.
    """
    beyond, short = deviation(visit)
    for phase, text, settles, lasts, slower in (
        ("beyond profile", beyond, SETTLES, VIOLATION_LASTS, 0.0),
        ("short of profile", short, SETTLES_SHORT, SHORT_LASTS, ramp_seconds(visit)),
    ):
        if not text:
            visit.over(phase)
            continue
        seconds = visit.since(phase)
        lasts, settles = lasts + slower, settles + slower
        if seconds >= lasts:
            raise Refusal("FAILED_EVPowerProfileViolation", f"{text}, for {seconds:.1f} s")
        if seconds >= settles:
            visit.tell(phase, text)
            return "WARNING_EVPowerProfileViolation"
    return renegotiation_code(visit)


def deviation(visit: Visit) -> tuple[str, str]:
    """How the vehicle leaves its profile now, in two texts, for too much and for too little power; "" if it does not.

    Too little counts only if the vehicle confirmed a tolerance: a profile alone is a maximum.
    """
    if not visit.terms.profile or visit.standby or visit.fault is not None:
        return "", ""
    flows, now = visit.evse.watts, agreed.now(visit)
    margin = MARGIN if visit.terms.tolerance is None else max(visit.terms.tolerance, MARGIN)
    if not now.least * OVER - margin <= flows <= now.watts * OVER + margin:
        return f"{flows:.0f} W flows, the profile allows {now.least:.0f} to {now.watts:.0f} W", ""
    if visit.terms.tolerance is None:
        return "", ""
    meant = now.watts if now.watts > 0.0 else now.least
    if meant > 0.0 and nearly_used_up(visit, meant):
        return "", ""
    if abs(flows - meant) > margin + abs(meant) * (OVER - 1.0):
        return "", f"{flows:.0f} W flows, the profile says {meant:.0f} W, the tolerance is {visit.terms.tolerance:g} W"
    return "", ""


def nearly_used_up(visit: Visit, watts: float) -> bool:
    """Whether so little of the available energy is left that a vehicle may stop already: it has a count of its own."""
    available = visit.terms.plans[visit.terms.tuple_id].available
    return available is not None and agreed.left(visit) <= max(available * METERS_APART, watts * SETTLES_SHORT / 3600.0)


def ramp_seconds(visit: Visit) -> float:
    """How long the rise to the profile's power takes at the ramp that the charger itself demands, s."""
    outlet, rate = visit.evse.ac, visit.ramp.rate
    if not visit.dc and outlet is not None:
        rate = ramp(outlet.ramp, outlet.most(outlet.in_use)[0])
    now = agreed.now(visit)
    return 0.0 if math.isinf(rate) else max(now.watts, -now.least) / rate
