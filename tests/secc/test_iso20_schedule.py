"""What a charger offers in ScheduleExchange, and which power profiles it accepts."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import accumulate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from visits import visit

from exi import decode, encode
from plugfest.virtual import run
from secc import agreed, iso20_profile, iso20_schedule
from secc.charger import MobilityNeeds
from secc.plan import Plan, Price, Slot
from secc.visit import Refusal, Visit
from v2g import energy, prices
from v2g.messages.iso20 import common
from v2g.physical import number, rational
from v2g.prices import Overstay, Rule, Stack, Tariff, Tax
from v2g.protocols import ISO20

HOUR = 3600
TARIFF = Tariff(
    (
        Stack(0, (Rule(0.40), Rule(0.55, above=7_000.0, renewable=60))),
        Stack(2 * HOUR, (Rule(0.25, parking=0.5, parking_period=900, carbon=120),)),
    ),
    least=1.0,
    most=80.0,
    taxes=(Tax(19.0, "VAT", included=False),),
    overstay=Overstay(((0, 0.1, 60, "blocking"),), after=600, below=100.0),
    services=(("valet", 3.0),),
    description="night",
)


def scheduled(departure: int | None = None, most: int = 1024) -> common.ScheduleExchangeReq:
    mode = common.Scheduled_SEReqControlModeType(DepartureTime=departure)
    return common.ScheduleExchangeReq(MaximumSupportingPoints=most, Scheduled_SEReqControlMode=mode)


def dynamic() -> common.ScheduleExchangeReq:
    zero = rational(0.0)
    mode = common.Dynamic_SEReqControlModeType(
        DepartureTime=HOUR, EVTargetEnergyRequest=zero, EVMaximumEnergyRequest=zero, EVMinimumEnergyRequest=zero
    )
    return common.ScheduleExchangeReq(MaximumSupportingPoints=12, Dynamic_SEReqControlMode=mode)


def tuples(response: common.ScheduleExchangeRes) -> list[common.ScheduleTupleType]:
    assert response.Scheduled_SEResControlMode is not None
    # What is offered can be sent.
    schema = ISO20.schema_of(type(response))
    assert decode(schema, encode(schema, response)) == response
    return response.Scheduled_SEResControlMode.ScheduleTuple


def powers(schedule: common.ChargingScheduleType | None) -> list[tuple[int, float]]:
    """Second and W of each entry."""
    assert schedule is not None
    entries = schedule.PowerSchedule.PowerScheduleEntries.PowerScheduleEntry
    starts = accumulate((entry.Duration for entry in entries), initial=0)
    return [(start, number(entry.Power)) for start, entry in zip(starts, entries, strict=False)]


def lasts(schedule: common.ChargingScheduleType) -> int:
    return sum(entry.Duration for entry in schedule.PowerSchedule.PowerScheduleEntries.PowerScheduleEntry)


# ---------------------------------------------------------------------------------------------------------------
# The offer


async def test_discharging_schedule_is_negative_and_within_what_the_outlet_takes() -> None:
    """Beside the charging one in bidirectional services, and as long."""
    plan = Plan((Slot(0, 11_000.0),), discharge=(Slot(0, 0.0), Slot(HOUR, -5_000.0), Slot(2 * HOUR, -99_000.0)))
    (one,) = tuples(iso20_schedule.exchange(await visit(plans=(plan,)), scheduled()))
    assert powers(one.DischargingSchedule) == [(0, 0.0), (HOUR, -5_000.0), (2 * HOUR, -11_040.0)]
    assert one.DischargingSchedule is not None
    assert lasts(one.DischargingSchedule) == lasts(one.ChargingSchedule) == 24 * HOUR


@pytest.mark.parametrize("service", ["AC", "DC"])
async def test_service_that_only_charges_has_no_discharging_schedule(service: str) -> None:
    (one,) = tuples(iso20_schedule.exchange(await visit(service), scheduled()))
    assert one.DischargingSchedule is None


@pytest.mark.parametrize("service", ["AC_BPT", "DC_BPT"])
async def test_outlet_without_plans_offers_all_it_can_take_back(service: str) -> None:
    made = await visit(service)
    (one,) = tuples(iso20_schedule.exchange(made, scheduled(30 * HOUR)))
    assert powers(one.DischargingSchedule) == [(0, -made.evse.max_discharge_power)]
    assert lasts(one.ChargingSchedule) >= 24 * HOUR


@pytest.mark.parametrize(
    ("plan", "pricing"),
    [
        (Plan(), energy.NO_PRICES),
        (Plan(prices=(Price(0, 2), Price(HOUR, 1))), energy.PRICE_LEVELS),
        (Plan(prices=(Price(0, 2),), tariff=TARIFF), energy.ABSOLUTE_PRICES),
    ],
)
async def test_prices_are_of_the_kind_that_the_parameter_set_says(plan: Plan, pricing: int) -> None:
    """One price schedule in each schedule, even an empty one."""
    made = await visit(plans=(plan,))
    assert iso20_schedule.chosen(made).chosen.pricing == pricing
    (one,) = tuples(iso20_schedule.exchange(made, scheduled()))
    absolute, levels = one.ChargingSchedule.AbsolutePriceSchedule, one.ChargingSchedule.PriceLevelSchedule
    assert (absolute is None) != (levels is None)
    if absolute is not None:
        assert prices.read(absolute) == TARIFF
    else:
        assert levels is not None
        said = levels.PriceLevelScheduleEntries.PriceLevelScheduleEntry
        assert [entry.PriceLevel for entry in said] == ([2, 1] if pricing else [1])
        assert levels.NumberOfPriceLevels == max(entry.PriceLevel for entry in said)


SLOTS = st.lists(st.tuples(st.integers(1, 90_000), st.floats(0.0, 40_000.0)), max_size=40)


@given(SLOTS, SLOTS, st.integers(12, 30), st.none() | st.integers(1, 200_000))
def test_no_list_is_longer_than_the_vehicle_takes(
    up: list[tuple[int, float]], down: list[tuple[int, float]], most: int, departure: int | None
) -> None:
    """And what is cut off allows no more than the plan did."""
    plan = Plan(
        [Slot(0, 1_000.0), *(Slot(start, watts) for start, watts in sorted(dict(up).items()))],
        [Price(0, 1), *(Price(start, 2) for start in sorted(dict(up)))],
        discharge=[Slot(start, -watts) for start, watts in sorted(dict(down).items())],
        discharge_tariff=replace(TARIFF, stacks=tuple(Stack(s, (Rule(0.1),)) for s in sorted({0, *dict(up)}))),
    )

    async def one() -> tuple[Visit, common.ScheduleTupleType]:
        made = await visit(plans=(plan,))
        return made, tuples(iso20_schedule.exchange(made, scheduled(departure, most)))[0]

    made, offered = run(one())
    charging, back = offered.ChargingSchedule, offered.DischargingSchedule
    assert back is not None
    assert back.AbsolutePriceSchedule is not None
    for length in (
        len(powers(charging)),
        len(powers(back)),
        len(back.AbsolutePriceSchedule.PriceRuleStacks.PriceRuleStack),
    ):
        assert 1 <= length <= most
    for start, watts in powers(back):
        asked = next((slot.watts for slot in reversed(plan.discharge) if slot.start <= start), 0.0)
        least = asked if plan.discharge else -made.evse.max_discharge_power
        assert max(least, -made.evse.max_discharge_power) - 1e-6 <= watts <= 0.0


@pytest.mark.parametrize(
    ("slots", "invited"), [((Slot(0, 0.0), Slot(HOUR, 5_000.0)), True), ((Slot(0, 0.0), Slot(60, 5_000.0)), None)]
)
async def test_vehicle_is_invited_to_pause_where_no_energy_comes_soon(slots: Any, invited: bool | None) -> None:
    """GoToPause; and then it may pause before any power flowed."""
    made = await visit("AC", plans=(Plan(slots),))
    assert iso20_schedule.exchange(made, scheduled()).GoToPause == invited
    assert iso20_schedule.may_pause(made)  # nothing may be drawn anyway


async def test_mobility_needs_are_said_where_the_charger_may_say_them() -> None:
    """In the mode in which it may change them; the departure counts from each message."""
    now = asyncio.get_running_loop().time()
    made = await visit("AC", dynamic=True, mobility_needs=MobilityNeeds(now + 3000.0, 30, 70))
    answer = iso20_schedule.exchange(made, dynamic()).Dynamic_SEResControlMode
    assert answer is not None
    assert (answer.DepartureTime, answer.MinimumSOC, answer.TargetSOC) == (3000, 30, 70)
    await asyncio.sleep(1000.0)
    assert iso20_schedule.needs(made).departure == 2000
    made.control = replace(iso20_schedule.chosen(made), chosen=energy.ParameterSet(1, dynamic=True))
    answer = iso20_schedule.exchange(made, dynamic()).Dynamic_SEResControlMode
    assert answer == common.Dynamic_SEResControlModeType()


@pytest.mark.parametrize("wrong", [{"minimum_soc": 80, "target_soc": 70}, {"target_soc": 101}])
def test_needs_that_cannot_be_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="%"):
        MobilityNeeds(**wrong)


# ---------------------------------------------------------------------------------------------------------------
# The profile


def start(
    *entries: tuple[int, float],
    tuple_id: int = 1,
    tolerance: common.powerToleranceAcceptanceType | None = None,
    channel: common.channelSelectionType | None = None,
) -> common.PowerDeliveryReq:
    """PowerDelivery(Start) with (duration, W)."""
    return common.PowerDeliveryReq(
        EVProcessing="Finished",
        ChargeProgress="Start",
        BPT_ChannelSelection=channel,
        EVPowerProfile=common.EVPowerProfileType(
            TimeAnchor=0,
            Scheduled_EVPPTControlMode=common.Scheduled_EVPPTControlModeType(
                SelectedScheduleTupleID=tuple_id, PowerToleranceAcceptance=tolerance
            ),
            EVPowerProfileEntries=common.EVPowerProfileEntryListType(
                EVPowerProfileEntry=[common.PowerScheduleEntryType(Duration=d, Power=rational(w)) for d, w in entries]
            ),
        ),
    )


PLAN = Plan((Slot(0, 7_000.0), Slot(HOUR, 3_000.0)), discharge=(Slot(0, 0.0), Slot(HOUR, -5_000.0)))


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (start((86_400, 3_000.0)), "OK"),
        (start((HOUR, 7_000.0), (23 * HOUR, -5_000.0)), "OK"),
        (start((HOUR, 7_000.0), (23 * HOUR, -5_100.0)), "FAILED_EVPowerProfileInvalid"),
        (start((HOUR, -100.0), (23 * HOUR, 0.0)), "FAILED_EVPowerProfileInvalid"),
        (start((86_400, 7_000.0)), "FAILED_EVPowerProfileInvalid"),  # too much in its middle
        (start((HOUR, 7_100.0), (23 * HOUR, 0.0)), "FAILED_EVPowerProfileInvalid"),
        (start((HOUR, 7_000.0)), "FAILED_EVPowerProfileInvalid"),  # ends too early
        (start((86_400, 3_000.0), tuple_id=2), "FAILED_ScheduleSelectionInvalid"),
        (
            common.PowerDeliveryReq(EVProcessing="Finished", ChargeProgress="Start"),
            "FAILED_EVPowerProfileInvalid",
        ),
    ],
)
async def test_profile_has_to_keep_the_schedule(request_: common.PowerDeliveryReq, code: str) -> None:
    made = await visit("DC_BPT", tolerant=False, plans=(PLAN,))
    iso20_schedule.exchange(made, scheduled())
    try:
        answered: str = iso20_profile.accept(made, request_)
    except Refusal as why:
        answered = why.response_code
    assert answered == code


@pytest.mark.parametrize(
    ("offered", "answer", "insists", "code"),
    [
        (None, None, False, "OK"),
        (None, "PowerToleranceConfirmed", False, "OK"),
        (None, "PowerToleranceNotConfirmed", True, "OK"),
        (500.0, "PowerToleranceConfirmed", True, "OK_PowerToleranceConfirmed"),
        (500.0, "PowerToleranceNotConfirmed", False, "WARNING_PowerToleranceNotConfirmed"),
        (500.0, None, False, "WARNING_PowerToleranceNotConfirmed"),
        (500.0, "PowerToleranceNotConfirmed", True, "FAILED_PowerToleranceNotConfirmed"),
    ],
)
async def test_tolerance_on_offer_has_to_be_confirmed(
    offered: float | None, answer: Any, insists: bool, code: str
) -> None:
    """Only a charger that insists on it refuses."""
    made = await visit("DC", plans=(Plan(tolerance=offered),), insists_on_tolerance=insists)
    iso20_schedule.exchange(made, scheduled())
    try:
        answered: str = iso20_profile.accept(made, start((86_400, 1_000.0), tolerance=answer))
    except Refusal as why:
        answered = why.response_code
    assert answered == code
    assert bool(made.terms.profile) == answered.startswith("OK")


async def test_agreed_bounds_follow_schedule_and_profile() -> None:
    """Neither above the charging schedule, nor below the discharging one, nor in the direction the profile excludes."""
    made = await visit("DC_BPT", plans=(PLAN,))
    iso20_schedule.exchange(made, scheduled())
    assert agreed.now(made)[::3] == (7_000.0, 0.0)
    iso20_profile.accept(made, start((HOUR, 6_000.0), (HOUR, -4_000.0), (22 * HOUR, 2_000.0)))
    seen = []
    for _ in range(3):
        seen.append(agreed.now(made)[::3])
        await asyncio.sleep(HOUR)
    assert seen == [(6_000.0, 0.0), (0.0, -4_000.0), (2_000.0, 0.0)]
    await asyncio.sleep(22 * HOUR)
    assert agreed.now(made).least == 0.0  # nothing is taken back after its end


async def test_separated_channels_need_a_direction() -> None:
    made = await visit("DC_BPT", separated=True, plans=(PLAN,))
    iso20_schedule.exchange(made, scheduled())
    with pytest.raises(Refusal, match="BPT_ChannelSelection"):
        iso20_profile.accept(made, start((86_400, 3_000.0)))
    iso20_profile.accept(made, start((HOUR, 0.0), (23 * HOUR, -5_000.0), channel="Charge"))
    await asyncio.sleep(2 * HOUR)
    assert agreed.now(made).least == 0.0  # the path out of the vehicle is not the selected one
    iso20_profile.accept(made, start((86_400, -5_000.0), channel="Discharge"))
    assert agreed.now(made)[::3] == (0.0, -5_000.0)


@pytest.mark.parametrize(("off", "settles", "lasts"), [(8_000.0, 1.0, 5.0), (4_000.0, 5.0, 15.0)])
async def test_deviation_is_warned_of_and_then_refused(off: float, settles: float, lasts: float) -> None:
    """Above sooner than below; as long as it lasts, and a vehicle that comes back in time goes on."""
    made = await visit("AC", plans=(Plan((Slot(0, 7_000.0),), tolerance=500.0),))
    iso20_schedule.exchange(made, scheduled())
    iso20_profile.accept(made, start((86_400, 6_000.0), tolerance="PowerToleranceConfirmed"))
    watts = 6_400.0
    made.evse._watts = lambda: watts  # type: ignore[method-assign]  # the test stands in for it
    assert iso20_profile.loop_code(made) == "OK"
    for _ in range(2):
        watts = off
        assert iso20_profile.loop_code(made) == "OK"
        await asyncio.sleep(settles + 0.01)
        assert iso20_profile.loop_code(made) == "WARNING_EVPowerProfileViolation"
        await asyncio.sleep(lasts - settles - 0.1)
        assert iso20_profile.loop_code(made) == "WARNING_EVPowerProfileViolation"
        watts = 6_000.0
        assert iso20_profile.loop_code(made) == "OK"
    watts = off
    iso20_profile.loop_code(made)
    await asyncio.sleep(lasts + 0.01)
    with pytest.raises(Refusal) as why:
        iso20_profile.loop_code(made)
    assert why.value.response_code == "FAILED_EVPowerProfileViolation"


async def test_less_than_the_profile_is_not_a_deviation_without_a_tolerance() -> None:
    made = await visit("AC", plans=(Plan((Slot(0, 7_000.0),)),))
    iso20_schedule.exchange(made, scheduled())
    iso20_profile.accept(made, start((86_400, 6_000.0)))
    made.evse._watts = lambda: 500.0  # type: ignore[method-assign]  # the test stands in for it
    for _ in range(30):
        assert iso20_profile.loop_code(made) == "OK"
        await asyncio.sleep(1.0)
