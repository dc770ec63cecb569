"""PowerDelivery: the power profile within the chosen schedule, and starting and stopping."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Any

from v2g.physical import number
from v2g.rules.facts import Facts
from v2g.rules.iso20.planned import Planned, steps
from v2g.rules.iso20.schedules import DAY, ahead
from v2g.rules.parameters import PRECHARGE_DIFFERENCE
from v2g.rules.rule import COMMON20, DC20, EVCC, SECC, Book, Live
from v2g.rules.schedule import Steps

BOOK = Book()
rule = BOOK.rule

COMMON = (COMMON20,)
INVALID = "FAILED_EVPowerProfileInvalid"
SLACK = 1.001
"""Factor by which a profile may exceed its schedule: rounding to the 16 bits of a RationalNumber."""
ALIGNED = 2.0
"""s by which steps of a profile may be offset from those of its schedule, because durations are whole seconds."""


def _starts(body: Any) -> bool:
    """Whether power is to flow now: a vehicle that is still working on its profile says so."""
    return bool(body.ChargeProgress == "Start" and body.EVProcessing == "Finished")


@rule("profile-missing", "a vehicle that starts says how much it will take", EVCC, "PowerDeliveryReq", code=INVALID,
      only=COMMON)  # fmt: skip
def profile_missing(facts: Facts, body: Any) -> str:
    return "Start without EVPowerProfile" if _starts(body) and body.EVPowerProfile is None else ""


@rule("profile-unasked", "a power profile comes with a start", EVCC, "PowerDeliveryReq", severity="warning",
      live=Live.TOLD, only=COMMON)  # fmt: skip
def profile_unasked(facts: Facts, body: Any) -> str:
    if body.EVPowerProfile is None or body.ChargeProgress == "Start":
        return ""
    return f"PowerDeliveryReq({body.ChargeProgress}) with EVPowerProfile"


@rule("profile-empty", "a power profile covers some time", EVCC, "PowerDeliveryReq", severity="warning",
      live=Live.TOLD, only=COMMON)  # fmt: skip
def profile_empty(facts: Facts, body: Any) -> str:
    if body.EVPowerProfile is None:
        return ""
    seconds = sum(entry.Duration for entry in body.EVPowerProfile.EVPowerProfileEntries.EVPowerProfileEntry)
    return "" if seconds else "EVPowerProfile covers 0 s"


@rule("profile-short", "a power profile reaches to the end of its schedule", EVCC, "PowerDeliveryReq",
      severity="warning", live=Live.UNSEEN, only=COMMON)  # fmt: skip
def profile_short(facts: Facts, body: Any) -> str:
    """Where nobody knows when the schedule began, its first day counts. A charger judges this by its own schedule."""
    found = _chosen(facts, body)
    if found is None or found[1] is None or not _starts(body):
        return ""
    plan = found[1]
    left = min(plan.charging.end - plan.age, DAY) - (facts.now - facts.iso20.planned)
    covers = steps(body.EVPowerProfile.EVPowerProfileEntries.EVPowerProfileEntry).end
    if covers >= left - ALIGNED:
        return ""
    return f"the profile covers {covers:.0f} s, but schedule {found[0]} goes on for {left:.0f} s"


@rule("profile-mode", "a power profile is for the control mode selected", EVCC, "PowerDeliveryReq", code=INVALID,
      only=COMMON)  # fmt: skip
def profile_mode(facts: Facts, body: Any) -> str:
    selected, profile = facts.iso20.mode, body.EVPowerProfile
    if not selected or profile is None or body.ChargeProgress != "Start":
        return ""
    given = "dynamic" if profile.Dynamic_EVPPTControlMode is not None else "scheduled"
    return f"EVPowerProfile is {given}, but {selected} was selected" if given != selected else ""


def _chosen(facts: Facts, body: Any) -> tuple[int, Planned | None] | None:
    """The schedule that a start names, and what it allows; None if none is named or nothing is known."""
    mode = getattr(body.EVPowerProfile, "Scheduled_EVPPTControlMode", None)
    if mode is None or body.ChargeProgress != "Start" or facts.iso20.plans is None:
        return None
    return mode.SelectedScheduleTupleID, facts.iso20.plans.get(mode.SelectedScheduleTupleID)


@rule("schedule-not-offered", "the schedule chosen was offered", EVCC, "PowerDeliveryReq",
      code="FAILED_ScheduleSelectionInvalid", only=COMMON)  # fmt: skip
def schedule_not_offered(facts: Facts, body: Any) -> str:
    found = _chosen(facts, body)
    if found is None or found[1] is not None:
        return ""
    offered = ", ".join(map(str, facts.iso20.plans or ())) or "nothing"
    return f"the vehicle chooses schedule {found[0]}, but the charger offered {offered}"


@rule("profile-above-schedule", "a power profile stays within its schedule", EVCC, "PowerDeliveryReq", code=INVALID,
      only=COMMON)  # fmt: skip
def profile_above_schedule(facts: Facts, body: Any) -> str:
    found = _chosen(facts, body)
    tuple_id, plan = found if found is not None else (0, None)
    if plan is None or not _starts(body):
        return ""
    profile = steps(body.EVPowerProfile.EVPowerProfileEntries.EVPowerProfileEntry)
    since = facts.now - facts.iso20.planned + plan.age  # the profile counts from now, the schedule from its anchor
    wanted, charging, discharging = _Lookup(profile), _Lookup(plan.charging), _Lookup(plan.discharging)
    for second in sorted({s.start for s in profile.steps} | {max(0.0, s.start - since) for s in plan.charging.steps}):
        asked = wanted.at(second)
        if asked is None:
            continue
        most, least = charging.around(second + since, max), discharging.around(second + since, min)
        if most is not None and asked > most * SLACK:
            return f"the profile asks for {asked:g} W from {second:.0f} s on, but schedule {tuple_id} allows {most:g} W"
        if asked < 0.0 and plan.discharging is None:
            return f"the profile gives {-asked:g} W back, but schedule {tuple_id} has no DischargingSchedule"
        if least is not None and asked < -abs(least) * SLACK:
            return (f"the profile gives {-asked:g} W back from {second:.0f} s on, but schedule {tuple_id} allows"
                    f" {abs(least):g} W")  # fmt: skip
    return ""


class _Lookup:
    """Steps with fast lookup by time: schedules may have a thousand entries."""

    def __init__(self, given: Steps | None) -> None:
        self._steps = () if given is None else given.steps
        self._starts = [step.start for step in self._steps]

    def at(self, second: float) -> float | None:
        """W at a time; None if there is no value."""
        place = bisect_right(self._starts, second) - 1
        step = self._steps[place] if place >= 0 else None
        if step is None or step.milliwatts is None or second >= step.end:
            return None
        return step.milliwatts / 1000.0

    def around(self, second: float, best: Callable[[list[float]], float]) -> float | None:
        """The ``best`` of the powers around a second, W; None if there is no value."""
        near = (self.at(second + by) for by in (-ALIGNED, 0.0, ALIGNED))
        known = [watts for watts in near if watts is not None]
        return best(known) if known else None


@rule("profile-points", "a power profile has no more entries than the charger may send", EVCC, "PowerDeliveryReq",
      severity="note", live=Live.UNSEEN, only=COMMON)  # fmt: skip
def profile_points(facts: Facts, body: Any) -> str:
    profile, most = body.EVPowerProfile, facts.iso20.points
    count = len(profile.EVPowerProfileEntries.EVPowerProfileEntry) if profile is not None else 0
    return f"the profile has {count} entries, but MaximumSupportingPoints is {most}" if most and count > most else ""


@rule("time-anchor", "what is planned begins now or has begun", EVCC, "PowerDeliveryReq", severity="warning",
      live=Live.TOLD, only=COMMON)  # fmt: skip
def anchor_of_profile(facts: Facts, body: Any) -> str:
    text = ahead(body, body.EVPowerProfile.TimeAnchor) if body.EVPowerProfile is not None else ""
    return f"the profile {text}" if text else ""


@rule("tolerance-unanswered", "a vehicle says whether it keeps the tolerance of its schedule", EVCC,
      "PowerDeliveryReq", severity="warning", live=Live.TOLD, only=COMMON)  # fmt: skip
def tolerance_unanswered(facts: Facts, body: Any) -> str:
    found = _chosen(facts, body)
    if found is None or found[1] is None or not found[1].tolerance or not _starts(body):
        return ""
    if body.EVPowerProfile.Scheduled_EVPPTControlMode.PowerToleranceAcceptance is not None:
        return ""
    return f"schedule {found[0]} has PowerTolerance, but the vehicle does not say whether it keeps it"


@rule("tolerance-unasked", "a vehicle keeps a tolerance that was offered", EVCC, "PowerDeliveryReq", severity="note",
      live=Live.UNSEEN, only=COMMON)  # fmt: skip
def tolerance_unasked(facts: Facts, body: Any) -> str:
    found = _chosen(facts, body)
    if found is None or found[1] is None or found[1].tolerance:
        return ""
    given = body.EVPowerProfile.Scheduled_EVPPTControlMode.PowerToleranceAcceptance
    return f"{given}, but schedule {found[0]} has no PowerTolerance" if given is not None else ""


CONFIRMED = "PowerToleranceConfirmed"


@rule("tolerance-answer", "the charger confirms a tolerance that the vehicle confirmed", SECC, "PowerDeliveryRes",
      severity="warning", live=Live.TOLD, only=COMMON)  # fmt: skip
def tolerance_answer(facts: Facts, body: Any) -> str:
    mode = getattr(getattr(facts.request, "EVPowerProfile", None), "Scheduled_EVPPTControlMode", None)
    said, code = getattr(mode, "PowerToleranceAcceptance", None), str(body.ResponseCode)
    if code == "OK_PowerToleranceConfirmed" and said != CONFIRMED:
        return f"{code}, but the vehicle confirmed no tolerance"
    if code == "WARNING_PowerToleranceNotConfirmed" and said == CONFIRMED:
        return f"{code}, but the vehicle confirmed it"
    return ""


@rule("channel", "a direction is selected in services of both directions", EVCC, "PowerDeliveryReq",
      severity="warning", live=Live.TOLD, only=COMMON)  # fmt: skip
def channel(facts: Facts, body: Any) -> str:
    service = facts.iso20.service
    if service is None or service.bidirectional or body.BPT_ChannelSelection is None:
        return ""
    return f"BPT_ChannelSelection {body.BPT_ChannelSelection}, but service {service.title} was selected"


@rule("standby-before-start", "standby comes after a start", EVCC, "PowerDeliveryReq", only=COMMON)
def standby_before_start(facts: Facts, body: Any) -> str:
    if body.ChargeProgress == "Standby" and facts.iso20.begun and not facts.iso20.delivering:
        return "standby before any Start"
    return ""


@rule("no-cable-check", "DC starts only after a cable check", EVCC, "PowerDeliveryReq",
      code="FAILED_PowerDeliveryNotApplied", only=COMMON)  # fmt: skip
def no_cable_check(facts: Facts, body: Any) -> str:
    own = facts.iso20
    dc = own.kind is not None and own.kind.energy == "DC"
    if _starts(body) and dc and own.begun and not own.checked:
        return "Start without a cable check in this session"
    return ""


@rule("precharge-voltage", "contactors close within 20 V", EVCC, "PowerDeliveryReq", severity="warning",
      live=Live.UNSEEN, only=COMMON)  # fmt: skip
def precharge_voltage(facts: Facts, body: Any) -> str:
    wanted, there = facts.iso20.precharge_volts, facts.iso20.present_volts
    if not _starts(body) or wanted is None or there is None or abs(there - wanted) <= PRECHARGE_DIFFERENCE:
        return ""
    return (f"power is requested at {there:g} V instead of {wanted:g} V: the difference is more than"
            f" {PRECHARGE_DIFFERENCE:g} V")  # fmt: skip


STEP = 0.1
"""V: the steps in which voltages are sent."""


@rule("target-voltage", "precharge keeps the limits of both sides", EVCC, "DC_PreChargeReq", only=(DC20,))
def precharge_target(facts: Facts, body: Any) -> str:
    value = number(body.EVTargetVoltage)
    for whose, side in (("charger", "EVSE"), ("vehicle", "EV")):
        limit = facts.iso20.declared[side].get("MaximumVoltage")
        if limit is not None and value > limit + STEP:
            return f"precharge to {value:g} V, the limit of the {whose} is {limit:g} V"
    return f"precharge to {value:g} V" if value < 0.0 else ""


@rule("pause-too-early", "a pause comes after PowerDelivery(Stop)", EVCC, "SessionStopReq",
      code="FAILED_PauseNotAllowed", only=COMMON)  # fmt: skip
def pause_too_early(facts: Facts, body: Any) -> str:
    if body.ChargingSession == "Pause" and facts.iso20.delivering:
        return "a pause before PowerDelivery(Stop)"
    return ""


@rule("pause-unallowed", "a pause comes with a profile of 0 W, or when the charger asks for it", EVCC,
      "SessionStopReq", code="FAILED_PauseNotAllowed", live=Live.UNSEEN, only=COMMON)  # fmt: skip
def pause_unallowed(facts: Facts, body: Any) -> str:
    own = facts.iso20
    if body.ChargingSession != "Pause" or own.chosen is None or own.delivering:
        return ""
    if own.chosen.dynamic:
        return "" if own.pause_asked else "a pause in dynamic mode, but the charger did not ask for one"
    watts = own.profile.at(facts.now - own.profiled) if own.profile is not None else None
    return f"a pause while the power profile says {watts:g} W" if watts and not own.invited else ""


@rule("renegotiation-unsupported", "another service is requested only if the charger supports it", EVCC,
      "SessionStopReq", code="FAILED_NoServiceRenegotiationSupported", only=COMMON)  # fmt: skip
def renegotiation_unsupported(facts: Facts, body: Any) -> str:
    if body.ChargingSession == "ServiceRenegotiation" and facts.iso20.renegotiable is False:
        return "another service is requested, but ServiceRenegotiationSupported was false"
    return ""
