"""What the two sides of an ISO 15118-20 session agree on, read from the passing messages of both roles.

The caller decides on the clock: a recording's seconds, or a loop's. A schedule counts from its reception, because peers
use different units and unsynchronised clocks for its anchor.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import Any

from v2g import energy, prices
from v2g.messages.iso20 import ac, common, types
from v2g.physical import number

NOTIFICATIONS = {
    "Pause": "wants a pause",
    "ExitStandby": "wants standby to end",
    "Terminate": "wants to stop",
    "ScheduleRenegotiation": "wants another schedule",
    "ServiceRenegotiation": "wants another service",
    "MeteringConfirmation": "wants the meter reading confirmed",
}
"""EVSENotification in words."""


@dataclass(frozen=True, slots=True)
class Needs:
    """Mobility needs; None if not given.

    Attributes:
        departure: time of departure, on the caller's clock.
        minimum, target: SoC in percent.
        by: ``vehicle`` or ``charger``: the side that last named them.
    """

    departure: float | None = None
    minimum: int | None = None
    target: int | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Steps:
    """A value over time.

    Attributes:
        points: (time, value): each value applies from its time.
        until: time at which the last value ends.
    """

    points: tuple[tuple[float, float], ...]
    until: float

    def at(self, time: float) -> float | None:
        """The value at a time; None outside of the steps."""
        if not self.points or not self.points[0][0] <= time < self.until:
            return None
        return next(value for start, value in reversed(self.points) if start <= time)


@dataclass(frozen=True, slots=True)
class Offer:
    """A schedule tuple, in W; prices per kWh in a currency, or price levels.

    Attributes:
        number: ScheduleTupleID; 0 if only prices were sent (dynamic mode).
        charging, discharging: power limits, the second not above zero; None: there is none.
        prices, discharge_prices: prices, or None.
        unit: ``EUR/kWh``, ``level``, or "".
    """

    number: int
    charging: Steps | None = None
    discharging: Steps | None = None
    prices: Steps | None = None
    discharge_prices: Steps | None = None
    unit: str = ""


@dataclass
class Terms:
    """The terms in force.

    Attributes:
        service: title of the energy transfer service; "" before it is selected.
        chosen: its parameter set, or None.
        needs: mobility needs.
        target: power that the charger told the vehicle to take (AC), W; None: no target.
        offers: the schedules last offered, by number.
        selected: number of the schedule that the vehicle chose; 0 before that.
        profile: the vehicle's power profile in scheduled mode, W.
        standby: power is suspended.
        wish: EVSENotification of the last response that could carry one; "" if it had none.
        charged, discharged: MeterInfo's readings for the session, Wh, or None.
        since: time at which the charge loop began, or None.
    """

    service: str = ""
    chosen: energy.ParameterSet | None = None
    needs: Needs = Needs()
    target: float | None = None
    offers: dict[int, Offer] = field(default_factory=dict)
    selected: int = 0
    profile: Steps | None = None
    standby: bool = False
    wish: str = ""
    charged: int | None = None
    discharged: int | None = None
    since: float | None = None
    _sets: dict[tuple[int, int], energy.ParameterSet] = field(default_factory=dict)
    _asked: Any = None
    _said: dict[str, Needs] = field(default_factory=dict)

    @property
    def control(self) -> str:
        """``scheduled``, ``dynamic``, or "" if unknown."""
        return "" if self.chosen is None else "dynamic" if self.chosen.dynamic else "scheduled"

    @property
    def offer(self) -> Offer | None:
        """The schedule in force: the vehicle's choice; before that the first one; in dynamic mode the prices."""
        return self.offers.get(self.selected) or next(iter(self.offers.values()), None)

    def note(self, body: Any, time: float) -> None:
        """Takes a request or response into account; one with deliberately nonsensical content is ignored."""
        with contextlib.suppress(AttributeError, TypeError, ValueError, OverflowError):
            self._note(body, time)

    def digest(self, time: float) -> dict[str, Any]:
        """What is known now, for programs: times in s after ``time``, powers in kW; unknown values are omitted."""
        needs, offer = self.needs, self.offer
        found: dict[str, Any] = {
            "service": self.service or None,
            "control": self.control or None,
            "standby": self.standby or None,
            "wish": self.wish or None,
            "departure": None if needs.departure is None else max(0, round(needs.departure - time)),
            "minimum_soc": needs.minimum,
            "target_soc": needs.target,
            "needs_by": needs.by or None,
            "schedule": self.selected or None,
            "scheduled_kw": None if offer is None else _kilowatts(offer.charging, time),
            "scheduled_back_kw": None if offer is None else _kilowatts(offer.discharging, time),
            "price": None if offer is None or offer.prices is None else offer.prices.at(time),
            "price_unit": None if offer is None else offer.unit or None,
        }
        return {name: value for name, value in found.items() if value is not None}

    def _note(self, body: Any, time: float) -> None:
        match body:
            case common.ServiceDetailRes():
                for element in body.ServiceParameterList.ParameterSet:
                    if (found := energy.read(element)) is not None:
                        self._sets[body.ServiceID, element.ParameterSetID] = found
            case common.ServiceSelectionReq():
                wanted = body.SelectedEnergyTransferService
                known = energy.SERVICES.get(wanted.ServiceID)
                self.service = known.title if known is not None else f"service {wanted.ServiceID}"
                self.chosen = self._sets.get((wanted.ServiceID, wanted.ParameterSetID))
            case common.ScheduleExchangeReq():
                self._needed(body.Dynamic_SEReqControlMode or body.Scheduled_SEReqControlMode, "vehicle", time)
            case common.ScheduleExchangeRes() if body.EVSEProcessing == "Finished":
                self._offered(body, time)
            case common.PowerDeliveryReq():
                self._delivered(body, time)
            case common.PowerDeliveryRes():
                self._answered(body)
            case types.ChargeLoopReqType():
                self._looped(body, time)
            case types.ChargeLoopResType():
                self._loop_answered(body, time)

    # ------------------------------------------------------------------------------------------ inside

    def _needed(self, said: Any, by: str, time: float) -> None:
        """DepartureTime, MinimumSOC and TargetSOC of any message that has them."""
        departure, minimum, target = (
            getattr(said, name, None) for name in ("DepartureTime", "MinimumSOC", "TargetSOC")
        )
        departure = None if departure is not None and departure >= NOT_KNOWN else departure
        if departure is None and minimum is None and target is None:
            return
        before = self._said.get(by, Needs())
        at = before.departure if departure is None else time + departure
        if at is not None and before.departure is not None and abs(at - max(before.departure, time)) < _SAME:
            at = before.departure  # whole seconds that count down to 0
        now = self._said[by] = Needs(
            at, before.minimum if minimum is None else minimum, before.target if target is None else target, by
        )
        # A mere repetition by one side does not undo a later change by the other.
        changed = {
            name: getattr(now, name)
            for name in ("departure", "minimum", "target")
            if getattr(now, name) != getattr(before, name)
        }
        if any(not self._same(name, value) for name, value in changed.items()):
            self.needs = replace(self.needs, **changed, by=by)

    def _same(self, name: str, value: float) -> bool:
        """Whether one of the mobility needs already has that value."""
        known = getattr(self.needs, name)
        return known is not None and abs(known - value) < (_SAME if name == "departure" else 0.5)

    def _offered(self, body: common.ScheduleExchangeRes, time: float) -> None:
        scheduled, dynamic = body.Scheduled_SEResControlMode, body.Dynamic_SEResControlMode
        if scheduled is not None:
            self.offers = {one.ScheduleTupleID: _offer(one, time) for one in scheduled.ScheduleTuple}
        elif dynamic is not None:
            self._needed(dynamic, "charger", time)
            steps, unit = _prices(dynamic, time)
            self.offers = {} if steps is None else {0: Offer(0, prices=steps, unit=unit)}

    def _delivered(self, body: common.PowerDeliveryReq, time: float) -> None:
        self._asked = body.ChargeProgress
        profile = body.EVPowerProfile
        if profile is None:
            return
        if profile.Scheduled_EVPPTControlMode is None:
            return  # in dynamic mode it is the vehicle's non-binding estimate
        self.selected = profile.Scheduled_EVPPTControlMode.SelectedScheduleTupleID
        self.profile = _powers(profile.EVPowerProfileEntries.EVPowerProfileEntry, time)

    def _answered(self, body: common.PowerDeliveryRes) -> None:
        self.wish = body.EVSEStatus.EVSENotification if body.EVSEStatus is not None else ""
        if not body.ResponseCode.startswith("OK"):
            return
        if self._asked == "Standby":
            self.standby = True
        elif self._asked is not None:
            self.standby = False

    def _looped(self, body: types.ChargeLoopReqType, time: float) -> None:
        if self.since is None:
            self.since = time
        mode = getattr(body, "CLReqControlMode", None)
        if isinstance(mode, types.Dynamic_CLReqControlModeType):
            self._needed(mode, "vehicle", time)
        shown = body.DisplayParameters
        if shown is not None and (shown.MinimumSOC is not None or shown.TargetSOC is not None):
            self._needed(shown, "vehicle", time)

    def _loop_answered(self, body: types.ChargeLoopResType, time: float) -> None:
        self.wish = body.EVSEStatus.EVSENotification if body.EVSEStatus is not None else ""
        if body.MeterInfo is not None:
            self.charged = body.MeterInfo.ChargedEnergyReadingWh
            self.discharged = body.MeterInfo.BPT_DischargedEnergyReadingWh
        mode = getattr(body, "CLResControlMode", None)
        if isinstance(mode, types.Dynamic_CLResControlModeType):
            self._needed(mode, "charger", time)
        if isinstance(mode, ac.Dynamic_AC_CLResControlModeType | ac.Scheduled_AC_CLResControlModeType):
            self.target = total(mode, "EVSETargetActivePower")


NOT_KNOWN = 86400
"""s: a departure this late or later is the usual way to say that it is unknown."""
_SAME = 1.5
"""s: departures closer together than this are the same one, repeated."""


def total(block: Any, name: str) -> float | None:
    """Power over all phases, W: the base element and its companions; None without the base element."""
    if getattr(block, name, None) is None:
        return None
    values = (getattr(block, f"{name}{phase}", None) for phase in ("", "_L2", "_L3"))
    return sum(number(value) for value in values if value is not None)


def _kilowatts(steps: Steps | None, time: float) -> float | None:
    watts = None if steps is None else steps.at(time)
    return None if watts is None else round(watts / 1000.0, 3)


def _offer(one: common.ScheduleTupleType, time: float) -> Offer:
    charging, discharging = one.ChargingSchedule, one.DischargingSchedule
    steps, unit = _prices(charging, time)
    back, back_unit = (None, "") if discharging is None else _prices(discharging, time)
    entries = charging.PowerSchedule.PowerScheduleEntries.PowerScheduleEntry
    return Offer(
        one.ScheduleTupleID,
        _powers(entries, time),
        None
        if discharging is None
        else _powers(discharging.PowerSchedule.PowerScheduleEntries.PowerScheduleEntry, time),
        steps,
        back if back_unit == unit else None,
        unit,
    )


def _powers(entries: list[common.PowerScheduleEntryType], time: float) -> Steps:
    return _steps([(entry.Duration, total(entry, "Power") or 0.0) for entry in entries], time)


def _prices(part: Any, time: float) -> tuple[Steps | None, str]:
    """The price of the first kWh over time, and its unit."""
    absolute, levels = part.AbsolutePriceSchedule, part.PriceLevelSchedule
    if absolute is not None:
        tariff = prices.read(absolute)
        stacks = [
            (stack.Duration, min(rules, key=lambda rule: rule.above).fee)
            for stack, rules in zip(
                absolute.PriceRuleStacks.PriceRuleStack, (stack.rules for stack in tariff.stacks), strict=True
            )
        ]
        return _steps(stacks, time), f"{tariff.currency}/kWh"
    if levels is not None:
        entries = levels.PriceLevelScheduleEntries.PriceLevelScheduleEntry
        return _steps([(entry.Duration, float(entry.PriceLevel)) for entry in entries], time), "level"
    return None, ""


def _steps(values: list[tuple[int, float]], time: float) -> Steps:
    starts = list(accumulate((seconds for seconds, _ in values), initial=0))
    points = tuple((time + start, value) for start, (_, value) in zip(starts, values, strict=False))
    return Steps(points, time + starts[-1])
