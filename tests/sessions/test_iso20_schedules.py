"""Schedules of ISO 15118-20 between both roles: the vehicle's choice, costs, pauses, mobility needs, tolerance."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import msgspec
import pytest
from bench import ISO20_MODES, Bench, iso20_bench, message_seen

from secc.charger import MobilityNeeds
from secc.plan import Plan, Price, Slot
from v2g import prices
from v2g.messages.iso20 import common
from v2g.outcome import Cause
from v2g.physical import number, rational
from v2g.prices import Rule, Stack, Tariff, flat
from v2g.protocols.iso20 import RENEGOTIATION

HOUR = 3600


def chosen(bench: Bench) -> int:
    """SelectedScheduleTupleID of the profile."""
    profile = bench.messages("PowerDeliveryReq")[0].EVPowerProfile
    number_: int = profile.Scheduled_EVPPTControlMode.SelectedScheduleTupleID
    return number_


def profile(bench: Bench) -> list[float]:
    entries = bench.messages("PowerDeliveryReq")[0].EVPowerProfile.EVPowerProfileEntries.EVPowerProfileEntry
    return [number(entry.Power) for entry in entries]


DEAR_AT_FIRST = Tariff((Stack(0, (Rule(0.60),)), Stack(2 * HOUR, (Rule(0.10),))))


@pytest.mark.parametrize("mode", ["iso20-ac", "iso20-dc"])
async def test_vehicle_takes_the_schedule_that_costs_least(mode: str) -> None:
    """In money; and waits in it until energy is cheap, because it has time."""
    bench = iso20_bench(mode, "scheduled", soc=0.75, duration=5.0)
    bench.vehicle.settings.departure = 8 * HOUR
    bench.evse.plans = [Plan(tariff=flat(0.40)), Plan(tariff=DEAR_AT_FIRST), Plan(tariff=flat(0.20))]
    vehicle, charger = await bench.run()
    assert vehicle.ok, vehicle
    assert charger.ok, charger
    assert chosen(bench) == 2
    assert profile(bench)[0] == 0.0 < max(profile(bench))


async def test_price_that_depends_on_power_is_that_of_the_vehicles_power() -> None:
    """11 kW are dear in the first one."""
    bench = iso20_bench("iso20-ac", "scheduled", duration=2.0)
    by_power = Tariff((Stack(0, (Rule(0.10), Rule(0.90, above=10_000.0))),))
    bench.evse.plans = [Plan(tariff=by_power), Plan(tariff=flat(0.50))]
    await bench.run()
    assert chosen(bench) == 2
    bench = iso20_bench("iso20-ac", "scheduled", duration=2.0)
    bench.vehicle.onboard.max_current = 10.0
    bench.evse.plans = [Plan(tariff=by_power), Plan(tariff=flat(0.50))]
    await bench.run()
    assert chosen(bench) == 1


async def test_prices_by_another_algorithm_are_named_and_do_not_decide() -> None:
    """The schedule that gives most energy is taken instead."""
    bench = iso20_bench("iso20-ac", "scheduled", duration=2.0)
    stacked = Tariff((Stack(0, (Rule(0.01),)),), algorithm=prices.STACKED_ENERGY)
    bench.evse.plans = [Plan([Slot(0, 5_000.0)], tariff=stacked), Plan(tariff=flat(0.90))]
    vehicle, _ = await bench.run()
    assert chosen(bench) == 2
    assert "prices by 3-StackedEnergy are not calculated" in vehicle.notes


async def test_vehicle_gives_back_while_it_is_paid_for() -> None:
    """And charges in the rest of the time; it offers its energy with its price."""
    bench = iso20_bench("iso20-ac-bpt", "scheduled", soc=0.5, duration=60.0)
    bench.vehicle.settings.sells_at = 0.30
    back = Tariff((Stack(0, (Rule(0.10),)), Stack(20, (Rule(0.35),)), Stack(40, (Rule(0.20),))))
    bench.evse.plans = [Plan(tariff=flat(0.25), discharge_tariff=back)]
    vehicle, charger = await bench.run()
    assert vehicle.ok, vehicle
    assert charger.ok, charger
    watts = 230.0 * 3 * 16.0
    assert profile(bench) == pytest.approx([watts, -watts, watts])
    assert charger.discharged_wh == pytest.approx(watts * 20.0 / 3600.0, rel=0.02)
    offer = bench.messages("ScheduleExchangeReq")[0].Scheduled_SEReqControlMode.EVEnergyOffer
    (power,) = offer.EVPowerSchedule.EVPowerScheduleEntries.EVPowerScheduleEntry
    assert number(power.Power) == -watts
    (stack,) = offer.EVAbsolutePriceSchedule.EVPriceRuleStacks.EVPriceRuleStack
    assert number(stack.EVPriceRule[0].EnergyFee) == pytest.approx(0.30)
    # What the loop's receipts come to: charged at 0.25, given back at 0.35.
    costs = bench.messages("AC_ChargeLoopRes")[-1].Receipt.EnergyCosts
    expected = charger.energy_wh / 1000.0 * 0.25 - charger.discharged_wh / 1000.0 * 0.35
    assert number(costs.Amount) * number(costs.CostPerUnit) == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize("mode", ["iso20-ac", "iso20-dc"])
async def test_receipt_runs_with_the_meter(mode: str) -> None:
    """In each response, and never falls."""
    bench = iso20_bench(mode, "dynamic", duration=30.0)
    bench.evse.target_power = 9_000.0
    bench.evse.plans = [Plan(tariff=Tariff((Stack(0, (Rule(0.5, parking=1.0, parking_period=10),)),)))]
    _, charger = await bench.run()
    receipts = [res.Receipt for res in bench.messages(f"{mode[-2:].upper()}_ChargeLoopRes")]
    sums = [number(r.EnergyCosts.Amount) * number(r.EnergyCosts.CostPerUnit) for r in receipts]
    assert sums[-1] == pytest.approx(charger.energy_wh / 1000.0 * 0.5, abs=0.005)
    assert all(after >= before - 0.001 for before, after in itertools.pairwise(sums))
    assert number(receipts[-1].OccupancyCosts.CostPerUnit) >= 3.0


async def test_levels_have_no_receipt() -> None:
    bench = iso20_bench("iso20-ac", "scheduled", duration=2.0)
    bench.evse.plans = [Plan(prices=[Price(0, 1)])]
    await bench.run()
    assert bench.messages("AC_ChargeLoopRes")[-1].Receipt is None


# ---------------------------------------------------------------------------------------------------------------
# Pauses, needs, tolerance, energy


@pytest.mark.parametrize("mode", ["iso20-ac", "iso20-dc"])
@pytest.mark.parametrize("sleeps", [None, 60.0])
async def test_invitation_to_pause_is_followed_where_the_driver_lets_it(mode: str, sleeps: float | None) -> None:
    """Before any power, or cable check; else the vehicle waits for its schedule."""
    bench = iso20_bench(mode, "scheduled", duration=5.0)
    bench.evse.plans = [Plan([Slot(0, 0.0), Slot(2 * HOUR, 9_000.0)])]
    bench.vehicle.settings.sleeps = sleeps
    vehicle, charger = await bench.run()
    assert vehicle.ok, vehicle
    assert charger.ok, charger
    assert bench.messages("ScheduleExchangeRes")[-1].GoToPause is True
    assert vehicle.paused == charger.paused == (sleeps is not None)
    assert ("PowerDeliveryReq" in bench.names()) == (sleeps is None)
    if sleeps is not None:
        assert vehicle.resume is not None
        assert vehicle.resume.until == pytest.approx(asyncio.get_running_loop().time() + 2 * HOUR, abs=10.0)
    assert bench.safe


async def test_vehicle_pauses_in_a_gap_of_its_schedule() -> None:
    """Scheduled mode: the profile takes nothing there, so the charger agrees."""
    bench = iso20_bench("iso20-ac", "scheduled", duration=None)
    bench.evse.plans = [Plan([Slot(0, 9_000.0), Slot(20, 0.0), Slot(HOUR, 9_000.0)])]
    bench.vehicle.settings.sleeps = 60.0
    vehicle, charger = await bench.run()
    assert vehicle.paused, vehicle
    assert charger.paused, charger
    assert charger.energy_wh == pytest.approx(9_000.0 * 20 / HOUR, rel=0.1)


@pytest.mark.parametrize("mode", ["iso20-ac", "iso20-dc"])
@pytest.mark.parametrize("follows", [True, False])
async def test_needs_set_at_the_charger_count_where_the_driver_lets_them(mode: str, follows: bool) -> None:
    """In ScheduleExchange and in mid-session; the vehicle says in its display parameters what it goes for."""
    bench = iso20_bench(mode, "dynamic", duration=20.0)
    bench.vehicle.settings.follows_needs = follows
    bench.evse.mobility_needs = MobilityNeeds(target_soc=70)

    async def during(bench: Bench) -> None:
        await message_seen(bench, f"{mode[-2:].upper()}_ChargeLoopReq", 50)
        now = asyncio.get_running_loop().time()
        bench.evse.mobility_needs = MobilityNeeds(now + HOUR, 30, 60)

    vehicle, _ = await bench.run(during)
    assert vehicle.ok, vehicle
    shown = [req.DisplayParameters for req in bench.messages(f"{mode[-2:].upper()}_ChargeLoopReq")]
    if follows:
        assert (shown[0].TargetSOC, shown[-1].TargetSOC, shown[-1].MinimumSOC) == (70, 60, 30)
        last = bench.messages(f"{mode[-2:].upper()}_ChargeLoopReq")[-1].CLReqControlMode.DepartureTime
        assert HOUR - 30 < last < HOUR
    else:
        assert {one.TargetSOC for one in shown} == {80}
    assert bench.battery.target_soc == 0.8  # the driver's own is as it was


@pytest.mark.parametrize("mode", ["iso20-ac", "iso20-dc"])
@pytest.mark.parametrize("insists", [True, False])
async def test_vehicle_that_does_not_confirm_the_tolerance_ends_safe(mode: str, insists: bool) -> None:
    """A warning, where the charger does not insist: nothing begins, and the vehicle says goodbye."""
    bench = iso20_bench(mode, "scheduled")
    bench.evse.plans = [Plan(tolerance=500.0)]
    bench.evse.insists_on_tolerance = insists
    bench.vehicle.settings.confirms_tolerance = False
    vehicle, charger = await bench.run()
    response = bench.messages("PowerDeliveryRes")[0]
    assert response.ResponseCode == f"{'FAILED' if insists else 'WARNING'}_PowerToleranceNotConfirmed"
    if not insists:
        assert response.EVSEStatus.EVSENotification == "ScheduleRenegotiation"
        assert charger.cause is Cause.COMPLETE
    assert not vehicle.ok
    assert charger.energy_wh == 0.0
    assert bench.safe


@pytest.mark.parametrize("mode", ["iso20-ac", "iso20-dc"])
async def test_vehicle_that_confirms_no_tolerance_takes_a_schedule_without(mode: str) -> None:
    """Though the other one would be cheaper."""
    bench = iso20_bench(mode, "scheduled", duration=2.0)
    bench.evse.plans = [Plan(tolerance=500.0, tariff=flat(0.1)), Plan(tariff=flat(0.5))]
    bench.vehicle.settings.confirms_tolerance = False
    vehicle, charger = await bench.run()
    assert (vehicle.ok, charger.ok) == (True, True), (vehicle, charger)
    (request,) = [one for one in bench.messages("PowerDeliveryReq") if one.ChargeProgress == "Start"]
    control = request.EVPowerProfile.Scheduled_EVPPTControlMode
    assert (control.SelectedScheduleTupleID, control.PowerToleranceAcceptance) == (2, None)


@pytest.mark.parametrize("soc", [0.2, 0.7, 0.795])
@pytest.mark.parametrize("mode", ["iso20-dc", "iso20-ac"])
async def test_vehicle_keeps_the_tolerance_that_it_confirms(mode: str, soc: float) -> None:
    """Its profile foresees that the battery takes less near full; and the schedule falls in mid-session."""
    bench = iso20_bench(mode, "scheduled", duration=180.0, soc=soc)
    bench.evse.plans = [Plan([Slot(0, 90_000.0), Slot(120, 8_000.0)], tolerance=1_000.0)]
    vehicle, charger = await bench.run()
    assert vehicle.ok, vehicle
    assert charger.ok, charger
    codes = {res.ResponseCode for res in bench.messages(f"{mode[-2:].upper()}_ChargeLoopRes")}
    assert codes == {"OK"}
    assert bench.messages("PowerDeliveryRes")[0].ResponseCode == "OK_PowerToleranceConfirmed"


async def test_vehicle_that_leaves_its_profile_is_warned_and_refused() -> None:
    """Its load is stuck at 10 kW where its schedule falls to 6 kW."""
    bench = iso20_bench("iso20-ac", "scheduled", duration=None)
    bench.evse.plans = [Plan([Slot(0, 11_000.0), Slot(20, 6_000.0)])]
    assert bench.supply is not None
    bench.supply.load = lambda: 14.5 if bench.vehicle.ac_current else 0.0
    vehicle, charger = await bench.run()
    codes = [res.ResponseCode for res in bench.messages("AC_ChargeLoopRes")]
    assert codes.count("WARNING_EVPowerProfileViolation") > 10
    assert codes[-1] == "FAILED_EVPowerProfileViolation"
    assert charger.cause is Cause.PEER
    assert not vehicle.ok
    assert bench.safe


@pytest.mark.parametrize("tolerance", [None, 500.0])
@pytest.mark.parametrize("mode", ISO20_MODES)
async def test_no_more_energy_flows_than_is_available(mode: str, tolerance: float | None) -> None:
    """The vehicle stops by its own count, which a charger does not take for leaving the profile that it confirmed."""
    bench = iso20_bench(mode, "scheduled", duration=120.0)
    bench.evse.plans = [Plan(available=100.0, tolerance=tolerance)]
    vehicle, charger = await bench.run()
    assert vehicle.ok, vehicle
    assert charger.ok, charger
    assert 90.0 < charger.energy_wh <= 100.0  # an AC vehicle stops at its smallest power
    assert {res.ResponseCode for res in bench.messages(f"{mode[6:8].upper()}_ChargeLoopRes")} == {"OK"}


@pytest.mark.parametrize("mode", ["iso20-dc", "iso20-dc-bpt"])
async def test_vehicle_keeps_available_energy_that_its_charger_forgets(mode: str) -> None:
    """In DC a charger may limit its output instead; this one does not."""
    bench = iso20_bench(mode, "scheduled", duration=60.0)

    def capped(message: common.ScheduleExchangeRes) -> common.ScheduleExchangeRes:
        block = message.Scheduled_SEResControlMode
        if block is not None:
            block.ScheduleTuple[0].ChargingSchedule.PowerSchedule.AvailableEnergy = rational(100.0)
        return message

    bench.se.rewrite[common.ScheduleExchangeRes] = capped
    vehicle, charger = await bench.run()
    assert vehicle.ok, vehicle
    assert 90.0 < charger.energy_wh <= 100.0
    last = bench.messages("DC_ChargeLoopReq")[-30]  # before the end, at which any vehicle asks for nothing
    assert number(last.CLReqControlMode.EVTargetCurrent) == 0.0


@pytest.mark.parametrize("mode", ["iso20-ac", "iso20-dc", "iso20-dc-bpt"])
async def test_a_tolerance_that_is_not_confirmed_is_renegotiated_away(mode: str) -> None:
    """The warning asks to renegotiate: on its stream, before the loop; a schedule without a tolerance begins."""
    bench = iso20_bench(mode, "scheduled")
    bench.evse.plans = [Plan(tolerance=500.0)]
    bench.vehicle.settings.confirms_tolerance = False
    seen = bench.se.observe

    def gives_in(event: Any) -> None:
        seen(event)
        if event.name == "tolerance":
            bench.evse.plans = [Plan()]

    bench.se.observe = gives_in
    vehicle, charger = await bench.run()
    assert vehicle.ok, vehicle.reason
    assert charger.ok, charger.reason
    assert charger.energy_wh > 0.0
    sent = [(e.name, e.stream) for e in bench.events["ev"] if e.layer == "message" and e.direction == "tx"]
    loop = next(n for n, (name, _) in enumerate(sent) if "ChargeLoop" in name)
    beside = [name for name, stream in sent[:loop] if stream == RENEGOTIATION]
    assert [name.partition("_")[2] or name for name in beside][-2:] == ["ScheduleExchangeReq", "PowerDeliveryReq"]
    assert [name for name, stream in sent[:loop] if not stream][-2:] == ["PowerDeliveryReq", "PowerDeliveryReq"]
    assert bench.safe


async def test_no_power_flows_before_a_warning_is_settled() -> None:
    """A vehicle that goes into the loop after the warning is refused, and the output stays off."""
    bench = iso20_bench("iso20-dc", "scheduled")
    bench.evse.plans = [Plan(tolerance=500.0)]
    bench.vehicle.settings.confirms_tolerance = False

    def unheard(message: common.PowerDeliveryRes) -> common.PowerDeliveryRes:
        return msgspec.structs.replace(message, ResponseCode="OK", EVSEStatus=None)

    bench.se.rewrite[common.PowerDeliveryRes] = unheard
    vehicle, charger = await bench.run()
    assert "FAILED_SequenceError" in vehicle.reason
    assert charger.energy_wh == pytest.approx(0.0, abs=0.1)
    assert bench.safe
