"""What a vehicle announces, against what it does: power profiles, and steps and directions of ISO 15118-20."""

from __future__ import annotations

from plugfest.conformance.cause import Cause
from plugfest.conformance.watch.flow import Flow, Measured
from plugfest.conformance.watch.judgement import SPOKEN, Book, Side, Weight
from plugfest.conformance.watch.messages import Said, Stage
from plugfest.conformance.watch.terms import SMALL_CURRENT
from v2g.physical import SAFE_VOLTAGE
from v2g.rules.rule import CLASSIC, DIN
from v2g.rules.schedule import DIN_LARGEST

BOOK = Book()
EVCC: Side = "evcc"
STEPS = {Stage.DELIVERY: Stage.PRECHARGE, Stage.END: Stage.WELDING}
"""A stage -> the one before, which the vehicle ends with Finished."""
LATE = 0.5
"""s: an answer that took longer does not show the present."""
GIVES_UP = 10.0
"""s after which a vehicle may give up waiting for the voltage to go."""
TIMES, OFTEN = 3, 15.0
"""Renegotiations, and s within which a vehicle that has so many does it endlessly."""
LASTS, FEW_WATTS, BACK = 5.0, 500.0, 1.0
"""s for which power has to flow the other way; W in AC that count as none, and Wh that have gone back."""
FOLLOWS = 10.0
"""s that a vehicle may take to follow its profile."""
ABOVE, ABOVE_WATTS = 1.1, 700.0
"""By how much power may be above a limit: factor, and at least this many W; regulation and meters are no better."""


@BOOK.on("step-open", "precharge and welding detection end with EVProcessing Finished", "ISO 15118-20, EVProcessing",
         EVCC, *STEPS, weight=Weight.NOTED)  # fmt: skip
def step_open(flow: Flow, said: Said) -> str:
    """A finding: chargers take what comes. A vehicle that gives up does not finish anything."""
    before = flow.request
    if before is None or before.stage is not STEPS[said.stage] or not before.name.startswith("DC_"):
        return ""
    gives_up = flow.startled or flow.steps.failed_at is not None or flow.ending.wish_at is not None
    if before.processed or gives_up or said.progress not in ("", "Start"):
        return ""
    return f"{said.name} comes after {before.name} with EVProcessing Ongoing"


@BOOK.on("welding-live", "welding detection goes on until the voltage is gone", SPOKEN, EVCC, Stage.END,
         weight=Weight.NOTED)  # fmt: skip
def welding_live(flow: Flow, said: Said) -> str:
    """A finding: a vehicle may leave it out, but one that begins it wants to know whether its contactors are welded.

    It has a meter of its own: what an answer says that came late is over by then.
    """
    before, shown, stopped = flow.request, flow.shown, flow.steps.stopped_at
    if before is None or before.stage is not Stage.WELDING or shown is None or shown.stage is not Stage.WELDING:
        return ""
    gives_up = flow.startled or flow.ending.alarmed or flow.steps.failed_at is not None
    volts, lasted = shown.volts or 0.0, flow.now - (flow.now if stopped is None else stopped)
    if gives_up or volts < SAFE_VOLTAGE or lasted >= GIVES_UP or flow.took > LATE:
        return ""
    return f"{said.name} comes {lasted:.1f} s after the end of power, at {volts:.0f} V: welding was not detected"


@BOOK.on("standby-under-load", "standby begins without power", "ISO 15118-20, standby", EVCC, Stage.DELIVERY,
         cause=Cause.LIMIT_EXCEEDED)  # fmt: skip
def standby_under_load(flow: Flow, said: Said) -> str:
    amps = abs(flow.plant.samples[-1].amps) if flow.plant.samples else 0.0
    if said.progress != "Standby" or flow.startled or amps <= SMALL_CURRENT:
        return ""
    return f"{said.name}(Standby) comes while {amps:.1f} A flows"


@BOOK.on("renegotiates-endlessly", "a vehicle renegotiates when it has a reason", "ISO 15118-20, renegotiation", EVCC,
         Stage.LOOP, weight=Weight.NOTED)  # fmt: skip
def renegotiates_endlessly(flow: Flow, said: Said) -> str:
    """A finding: how often it may, nobody says."""
    if len(flow.renegotiated) < TIMES or flow.startled:
        return ""
    seconds = flow.now - flow.renegotiated[0]
    if seconds > OFTEN:
        return ""
    return f"the vehicle has renegotiated its schedule {len(flow.renegotiated)} times in {seconds:.0f} s"


def _other_way(flow: Flow, said: Said) -> str:
    """A sentence, where the vehicle wants power against the direction that it selected with the start.

    By its target in DC, and its report in AC, since the charger's output may keep to the channel. Where it has no
    target, the charger decides.
    """
    channel = flow.start.channel if flow.start is not None else ""
    value, least, text = (
        (sum(said.phases), FEW_WATTS, "reports {:.0f} W") if flow.ac
        else (said.target_amps or 0.0, SMALL_CURRENT, "asks for {:.0f} A")
    )  # fmt: skip
    wrong = abs(value) > least and channel not in ("", "Charge" if value > 0.0 else "Discharge")
    seconds = flow.lasts(f"other-way {said.name}", wrong and flow.flowing and not flow.startled)
    if seconds <= LASTS:
        return ""
    return f"{said.name} {text.format(value)} for {seconds:.1f} s, but BPT_ChannelSelection was {channel}"


def _separated(flow: Flow) -> bool:
    chosen = flow.facts.iso20.chosen
    return chosen is not None and chosen.separated


@BOOK.on("channel-other", "power flows through the channel that was selected", "ISO 15118-20, BPT_ChannelSelection",
         EVCC, Stage.LOOP)  # fmt: skip
def channel_other(flow: Flow, said: Said) -> str:
    return _other_way(flow, said) if _separated(flow) else ""


@BOOK.on("channel-unified", "power flows in the direction that was selected", "ISO 15118-20, BPT_ChannelSelection",
         EVCC, Stage.LOOP, weight=Weight.NOTED)  # fmt: skip
def channel_unified(flow: Flow, said: Said) -> str:
    """A finding: where there is one channel, the direction may change at any time, but from the start on it is odd."""
    return "" if _separated(flow) or flow.energy.back.drawn > BACK else _other_way(flow, said)


def _granted(flow: Flow) -> float | None:
    """The most that schedule and profile allowed of late, W; None: nothing, or with a tolerance around it."""
    if flow.facts.protocol in CLASSIC:
        most = flow.facts.granted(FOLLOWS) if flow.flowing and not flow.startled else None
        unlimited = flow.facts.protocol == DIN and most is not None and most >= DIN_LARGEST
        return None if unlimited else most
    own = flow.facts.iso20
    most = own.granted(flow.now, FOLLOWS) if own.delivering and not flow.startled else None
    plan = (own.plans or {}).get(own.tuple_id or 0)
    return None if plan is not None and plan.tolerance else most


def _above(granted: float) -> float:
    """W above which more is taken than was granted."""
    return max(granted * ABOVE, granted + ABOVE_WATTS)


def _allows(granted: float) -> str:
    return f"profile and schedule allow {granted:.0f} W ({_above(granted):.0f} W with tolerance)"


@BOOK.measured(
    "profile-overdrawn", "a vehicle draws no more than schedule and profile allow", "V2G2-224", EVCC,
    cause=Cause.LIMIT_EXCEEDED,
)  # fmt: skip
def profile_overdrawn(flow: Flow, seen: Measured) -> str:
    """In AC of ISO 15118-2, where no request says how much it is."""
    granted = _granted(flow) if flow.ac and flow.facts.protocol in CLASSIC else None
    watts = seen.volts * seen.amps * seen.phases
    seconds = flow.lasts("profile-overdrawn", granted is not None and watts > _above(granted))
    if seconds <= LASTS:
        return ""
    return f"the vehicle draws {watts:.0f} W for {seconds:.1f} s, but {_allows(granted or 0.0)}"


@BOOK.on("profile-exceeded", "a vehicle stays within its own power profile", "ISO 15118-20, EVPowerProfile", EVCC,
         Stage.LOOP,
         cause=Cause.LIMIT_EXCEEDED)  # fmt: skip
def profile_exceeded(flow: Flow, said: Said) -> str:
    """In AC, where nobody but the vehicle regulates."""
    granted, watts = _granted(flow), sum(said.phases)
    seconds = flow.lasts("profile-exceeded", flow.ac and granted is not None and watts > _above(granted))
    if seconds <= FOLLOWS:
        return ""
    return f"{said.name} reports {watts:.0f} W for {seconds:.1f} s, but {_allows(granted or 0.0)}"


@BOOK.on("profile-asked-more", "a vehicle stays within its own power profile", SPOKEN, EVCC, Stage.LOOP,
         weight=Weight.NOTED)  # fmt: skip
def profile_asked_more(flow: Flow, said: Said) -> str:
    """A finding: in DC, targets are wishes, and the charger clips them."""
    granted = _granted(flow)
    watts = (said.target_amps or 0.0) * (flow.level or 0.0)
    seconds = flow.lasts("profile-asked-more", granted is not None and watts > _above(granted))
    if seconds <= FOLLOWS:
        return ""
    return f"{said.name} asks for {watts:.0f} W for {seconds:.1f} s, but {_allows(granted or 0.0)}"


@BOOK.on(
    "reactive-implausible",
    "a vehicle reports no more reactive power than it can take",
    "V2G20 AC loop",
    EVCC,
    Stage.LOOP,
)
def reactive_implausible(flow: Flow, said: Said) -> str:
    most = flow.facts.iso20.declared["EV"].get("MaximumChargePower")
    reactive = sum(map(abs, said.reactive))
    if most is None or flow.startled or reactive <= max(most * ABOVE, most + ABOVE_WATTS):
        return ""
    return f"{said.name} has EVPresentReactivePower {reactive:g} VAr, but EVMaximumChargePower is {most:.9g} W"
