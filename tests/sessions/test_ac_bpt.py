"""AC of ISO 15118-20 in both directions, between both roles in virtual time."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest
from bench import Bench, iso20_bench, message_seen

from evcc.vehicle import OnboardCharger
from secc.plan import Plan, Slot
from v2g import energy, phases
from v2g.messages.iso20 import ac, common
from v2g.outcome import Cause
from v2g.physical import number

EFFICIENCY = 0.92
"""Of the onboard charger, either way."""


def blocks(bench: Bench, name: str = "AC_ChargeLoopRes") -> list[Any]:
    """What a side says in the loop."""
    which = "CLResControlMode" if name.endswith("Res") else "CLReqControlMode"
    return [getattr(message, which) for message in bench.messages(name)]


def giving(control: str, watts: float = -6_000.0, **options: Any) -> Bench:
    """A bench on which the one who decides wants energy out of the vehicle."""
    bench = iso20_bench("iso20-ac-bpt", control, **{"soc": 0.5, "duration": 60.0, **options})
    if control == "dynamic":
        bench.evse.target_power = watts
    else:
        bench.vehicle.settings.target_power = watts
    return bench


@pytest.mark.parametrize("control", ["scheduled", "dynamic"])
async def test_energy_comes_back_and_is_counted_the_same_on_both_sides(control: str) -> None:
    """The battery gives more than the outlet takes: the onboard charger loses some."""
    bench = giving(control)
    vehicle, charger = await bench.run()
    assert (vehicle.cause, charger.cause) == (Cause.COMPLETE, Cause.COMPLETE), (vehicle, charger)
    assert charger.discharged_wh == pytest.approx(6_000.0 / 60.0, rel=0.02)
    assert charger.discharged_wh == pytest.approx(vehicle.discharged_wh * EFFICIENCY, rel=0.005)
    assert vehicle.energy_wh == charger.energy_wh == 0.0
    assert vehicle.soc_end < vehicle.soc_start
    assert bench.messages("AC_ChargeLoopRes")[-1].MeterInfo.BPT_DischargedEnergyReadingWh >= 99
    assert bench.safe
    present = [phases.total(block, "EVPresentActivePower") for block in blocks(bench, "AC_ChargeLoopReq")]
    assert min(present) == pytest.approx(-6_000.0, abs=5.0)


@pytest.mark.parametrize("control", ["scheduled", "dynamic"])
async def test_power_out_is_never_beyond_the_lower_of_both_sides(control: str) -> None:
    """20 A the charger, 16 A the vehicle: whatever anybody wants."""
    bench = giving(control, -50_000.0)
    assert bench.supply is not None
    watts: list[float] = []

    async def during(bench: Bench) -> None:
        while True:
            watts.append(bench.evse.watts)
            await asyncio.sleep(0.03)

    vehicle, _ = await bench.run(during)
    assert vehicle.ok, vehicle
    assert min(watts) == pytest.approx(-230.0 * 3 * 16.0, rel=0.001)
    assert max(watts) == 0.0


@pytest.mark.parametrize("separated", [False, True])
async def test_charger_turns_the_direction_round(separated: bool) -> None:
    """In dynamic mode; with separated channels over no power and another PowerDelivery with the new direction."""
    bench = giving("dynamic", 5_000.0)
    bench.evse.separated = separated
    seen: list[float] = []

    async def during(bench: Bench) -> None:
        await message_seen(bench, "AC_ChargeLoopReq", 50)
        for watts in (-4_500.0, 7_000.0):
            seen.append(bench.evse.watts)
            bench.evse.target_power = watts
            await asyncio.sleep(10.0)
        seen.append(bench.evse.watts)

    vehicle, charger = await bench.run(during)
    assert vehicle.ok, vehicle
    assert charger.ok, charger
    assert seen == pytest.approx([5_000.0, -4_500.0, 7_000.0], abs=5.0)
    starts = [req.BPT_ChannelSelection for req in bench.messages("PowerDeliveryReq") if req.ChargeProgress == "Start"]
    assert starts == (["Charge", "Discharge", "Charge"] if separated else ["Charge"])
    assert vehicle.energy_wh == pytest.approx(charger.energy_wh * EFFICIENCY, rel=0.01)
    assert charger.discharged_wh == pytest.approx(vehicle.discharged_wh * EFFICIENCY, rel=0.01)


@pytest.mark.parametrize(
    ("wanted", "told"), [(3_000.0, 0.0), (-3_000.0, 0.0), (-4_140.0, -4_140.0), (4_200.0, 4_200.0)]
)
async def test_command_is_never_between_zero_and_the_vehicles_minimum(wanted: float, told: float) -> None:
    """6 A on three phases, both ways."""
    bench = giving("dynamic", wanted, duration=2.0)
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    assert {phases.total(block, "EVSETargetActivePower") for block in blocks(bench)} == {told}


async def test_schedules_bound_both_directions() -> None:
    """The vehicle gives back only while the discharging schedule lets it, and says so in its profile."""
    bench = giving("scheduled", -9_000.0)
    bench.evse.plans = (Plan(discharge=(Slot(0, 0.0), Slot(20, -7_000.0), Slot(40, -5_000.0))),)
    seen: list[tuple[float, float]] = []

    async def during(bench: Bench) -> None:
        await message_seen(bench, "ScheduleExchangeRes")
        began = asyncio.get_running_loop().time()
        while True:
            await asyncio.sleep(0.05)
            seen.append((asyncio.get_running_loop().time() - began, bench.evse.watts))

    vehicle, charger = await bench.run(during)
    assert vehicle.ok, vehicle
    assert charger.ok, charger
    assert all(watts == 0.0 for second, watts in seen if second < 19.5)
    assert min(watts for _, watts in seen) == pytest.approx(-7_000.0, abs=2.0)
    assert min(watts for second, watts in seen if second > 41.0) == pytest.approx(-5_000.0, abs=2.0)
    (start,) = (req for req in bench.messages("PowerDeliveryReq") if req.ChargeProgress == "Start")
    powers = [number(entry.Power) for entry in start.EVPowerProfile.EVPowerProfileEntries.EVPowerProfileEntry]
    assert powers == [0.0, -7_000.0, -5_000.0]
    assert start.BPT_ChannelSelection == "Charge"  # nothing flows out at first


async def test_session_that_only_charges_gives_nothing_back() -> None:
    """A vehicle that does it anyway is cut off as soon as it is seen."""
    bench = iso20_bench("iso20-ac", "dynamic", duration=20.0)
    assert bench.supply is not None
    bench.supply.load = lambda: -10.0 if len(bench.messages("AC_ChargeLoopReq")) > 20 else bench.vehicle.ac_current
    longest = [0.0]

    async def during(bench: Bench) -> None:
        while True:
            longest[0] = longest[0] + 0.01 if bench.evse.watts < 0.0 else 0.0
            await asyncio.sleep(0.01)

    vehicle, charger = await bench.run(during)
    assert charger.cause is Cause.PEER
    assert "gives back 10.0 A per phase; both sides declared at most 0.0 A" in charger.reason
    assert longest[0] < 0.5
    assert not vehicle.ok
    assert bench.safe


async def test_vehicle_that_gives_more_than_agreed_is_cut_off() -> None:
    """After as long as it may take to follow: 5 s; the wire's limit is another one, which both have declared."""
    bench = giving("dynamic", -5_000.0)
    assert bench.supply is not None
    bench.supply.load = lambda: -12.0 if bench.vehicle.ac_current else 0.0
    _, charger = await bench.run()
    assert "gives back 12.0 A per phase, but only 7.2 A was agreed" in charger.reason
    assert bench.safe


@pytest.mark.parametrize("per_phase", [False, True])
@pytest.mark.parametrize("phases_", [1, 3])
async def test_phases_are_said_apart_only_to_a_vehicle_that_did(per_phase: bool, phases_: int) -> None:
    """[messages 1.4]; the base element alone is the sum."""
    bench = giving("dynamic", -6_000.0 if phases_ == 3 else -2_000.0, duration=5.0)
    bench.vehicle.onboard.per_phase, bench.vehicle.onboard.phases = per_phase, phases_
    vehicle, charger = await bench.run()
    assert vehicle.ok, vehicle
    offer = bench.messages("AC_ChargeParameterDiscoveryRes")[0].AC_CPDResEnergyTransferMode
    apart = per_phase and phases_ == 3
    for block, name in (
        (offer, "EVSEMaximumChargePower"),
        (offer, "EVSEMaximumDischargePower"),
        (blocks(bench)[-1], "EVSETargetActivePower"),
        (blocks(bench)[-1], "EVSEPresentActivePower"),
    ):
        assert phases.per_phase(block, name) == apart, name
    assert phases.total(offer, "EVSEMaximumDischargePower") == pytest.approx(230.0 * 20.0 * phases_)
    assert phases.total(blocks(bench)[-1], "EVSETargetActivePower") == pytest.approx(-2_000.0 * phases_)
    assert charger.discharged_wh > 1.0


async def test_phase_that_can_do_less_is_told_less() -> None:
    """A vehicle whose second phase gives 2 kW: no phase is told more than its own limit."""
    bench = giving("dynamic", -9_000.0, duration=3.0)
    bench.vehicle.onboard.per_phase = True

    def uneven(message: Any) -> Any:
        block = getattr(message, "CLReqControlMode", None) or message.AC_CPDReqEnergyTransferMode
        block.EVMaximumDischargePower_L2 = phases.inward(2_000.0)
        return message

    bench.ev.rewrite[ac.AC_ChargeParameterDiscoveryReq] = bench.ev.rewrite[ac.AC_ChargeLoopReq] = uneven
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    told = phases.given(blocks(bench)[-1], "EVSETargetActivePower")
    assert told == (-3_000.0, -2_000.0, -3_000.0)


async def test_vehicle_takes_no_more_of_any_phase_than_it_is_told() -> None:
    """It has the same on each: a charger that wants 1.5 kW of one phase gets that of all."""
    bench = giving("dynamic", -9_000.0, duration=3.0)
    bench.vehicle.onboard.per_phase, bench.vehicle.onboard.min_discharge_current = True, 0.0

    def uneven(message: Any) -> Any:
        message.CLResControlMode.EVSETargetActivePower_L3 = phases.inward(-1_500.0)
        return message

    bench.se.rewrite[ac.AC_ChargeLoopRes] = uneven
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    assert phases.given(blocks(bench, "AC_ChargeLoopReq")[-1], "EVPresentActivePower") == (-1_500.0,) * 3


async def test_companions_of_phases_that_are_not_in_use_do_not_count() -> None:
    """A commercial charger sends L2 and L3 in a session on one phase: the vehicle takes what L1 has."""
    bench = iso20_bench("iso20-ac", "scheduled", duration=3.0)
    bench.vehicle.onboard.phases = 1

    def all_phases(message: Any) -> Any:
        block = message.AC_CPDResEnergyTransferMode
        block.EVSEMaximumChargePower = phases.inward(2_990.0)
        block.EVSEMaximumChargePower_L2 = block.EVSEMaximumChargePower_L3 = block.EVSEMaximumChargePower
        return message

    bench.se.rewrite[ac.AC_ChargeParameterDiscoveryRes] = all_phases
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    assert phases.total(blocks(bench, "AC_ChargeLoopReq")[-1], "EVPresentActivePower") == 2_990.0


async def test_sign_of_discharge_limits_does_not_matter() -> None:
    """Both sides send theirs as negative numbers, and mean the same."""
    bench = giving("dynamic", -9_000.0, duration=5.0)
    bench.ev.negative_discharge_limits = bench.evse.negative_discharge_limits = True
    vehicle, charger = await bench.run()
    assert vehicle.ok, vehicle
    assert (
        number(
            bench.messages("AC_ChargeParameterDiscoveryRes")[0].AC_CPDResEnergyTransferMode.EVSEMaximumDischargePower
        )
        < 0
    )
    assert charger.discharged_wh > 5.0


async def test_reactive_power_follows_the_charger() -> None:
    """Beside the active power, and within the current of each phase."""
    bench = giving("dynamic", -6_000.0, duration=5.0)
    bench.evse.reactive_power = 3_000.0
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    last = blocks(bench, "AC_ChargeLoopReq")[-1]
    assert phases.total(last, "EVPresentReactivePower") == 3_000.0
    assert phases.total(last, "EVPresentActivePower") == -6_000.0


@pytest.mark.parametrize(
    ("asked", "field"), [(3_000.0, "BPT_InductiveEnergyReadingVARh"), (-3_000.0, "CapacitiveEnergyReadingVARh")]
)
async def test_reactive_energy_is_metered(asked: float, field: str) -> None:
    """Some 17 VARh after 20 s of 3 kVAr, in the register of that sign alone."""
    bench = giving("dynamic", 6_000.0, duration=20.0)
    bench.evse.reactive_power = asked
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    shown = bench.messages("AC_ChargeLoopRes")[-1].MeterInfo
    assert getattr(shown, field) == pytest.approx(3_000.0 * 20.0 / 3600.0, abs=1.0)
    other = {"BPT_InductiveEnergyReadingVARh", "CapacitiveEnergyReadingVARh"} - {field}
    assert getattr(shown, other.pop()) is None


async def test_power_ramps_as_the_charger_limits_it() -> None:
    """30 % of 22 kW in a minute: 110 W in a second; the onboard charger begins at its least current."""
    bench = giving("dynamic", 11_000.0, duration=60.0)
    assert bench.supply is not None
    bench.supply.ramp = 30.0
    bench.supply.max_current = 32.0
    seen: list[float] = []

    async def during(bench: Bench) -> None:
        await message_seen(bench, "AC_ChargeLoopReq")
        while True:
            await asyncio.sleep(1.0)
            seen.append(bench.evse.watts)

    vehicle, _ = await bench.run(during)
    assert vehicle.ok, vehicle
    steps = [later - before for before, later in itertools.pairwise(seen) if before and later > before]
    assert max(steps) <= 230 * 3 * 32 * 0.3 / 60 * 1.2
    assert 4_140.0 <= max(seen) < 8_000.0


@pytest.mark.parametrize("control", ["scheduled", "dynamic"])
@pytest.mark.parametrize("sign", [1, -1])
async def test_ramp_delays_the_rise_of_power_and_not_its_fall(control: str, sign: int) -> None:
    """Whoever lowers it in mid-session: what is allowed is kept at once, and nobody is refused for a ramp."""
    bench = giving(control, sign * 11_000.0, duration=80.0)
    assert bench.supply is not None
    bench.supply.ramp = 100.0
    bench.evse.plans = [
        Plan(
            [Slot(0, 11_000.0), Slot(40, 6_000.0)], discharge=[Slot(0, -11_000.0), Slot(40, -6_000.0)], tolerance=500.0
        )
    ]
    seen: list[float] = []

    async def during(bench: Bench) -> None:
        await message_seen(bench, "AC_ChargeLoopReq")
        for second in itertools.count():
            if second == 40 and control == "dynamic":
                bench.evse.target_power = sign * 6_000.0
            seen.append(sign * bench.evse.watts)
            await asyncio.sleep(1.0)

    vehicle, charger = await bench.run(during)
    assert vehicle.ok, vehicle
    assert charger.ok, charger
    assert {res.ResponseCode for res in bench.messages("AC_ChargeLoopRes")} == {"OK"}
    assert seen[25] < 10_900.0 < seen[38]
    assert seen[43:75] == pytest.approx([6_000.0] * 32, abs=50.0)


async def test_vehicle_that_comes_down_as_slowly_as_the_ramp_says_is_not_refused() -> None:
    """Dynamic: the command is 9 kW lower, the ramp is 22 kW a minute; 25 s for that, and the contactor stays closed."""
    bench = giving("dynamic", 11_000.0, duration=45.0)
    assert bench.supply is not None
    bench.supply.ramp = 100.0
    fell = 0.0

    def load() -> float:
        watts = max(2_000.0, 11_000.0 - (asyncio.get_running_loop().time() - fell) * 22_080.0 / 60.0) if fell else 0.0
        return watts / 690.0 if fell else bench.vehicle.ac_current

    bench.supply.load = load

    async def during(bench: Bench) -> None:
        nonlocal fell
        await message_seen(bench, "AC_ChargeLoopReq", 250)
        bench.evse.target_power, fell = 2_000.0, asyncio.get_running_loop().time()
        await asyncio.sleep(15.0)
        assert bench.evse.watts > 5_000.0

    vehicle, charger = await bench.run(during)
    assert vehicle.ok, vehicle
    assert charger.ok, charger
    assert not [e.note for e in bench.events["se"] if "EVSETargetActivePower has been" in e.note]


@pytest.mark.parametrize(("told", "expected"), [(-2_000.0, -2_000.0), (3_000.0, 0.0), (0.0, 0.0), (None, -6_000.0)])
async def test_target_in_scheduled_mode_bounds_what_the_vehicle_gives_back(told: float | None, expected: float) -> None:
    """It supports the grid, and ends with the response that leaves it out."""
    bench = giving("scheduled", -6_000.0, duration=8.0)
    bench.vehicle.onboard.min_discharge_current = 0.0
    heard = 0

    def now_and_then(message: Any) -> Any:
        nonlocal heard
        heard += 1
        if told is not None or heard < 30:
            message.CLResControlMode.EVSETargetActivePower = phases.inward(-1_000.0 if told is None else told)
        return message

    bench.se.rewrite[ac.AC_ChargeLoopRes] = now_and_then
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    assert phases.total(blocks(bench, "AC_ChargeLoopReq")[-2], "EVPresentActivePower") == expected


async def test_one_phase_has_no_more_than_the_asymmetry_allows() -> None:
    bench = giving("dynamic", 7_000.0, duration=5.0)
    assert bench.supply is not None
    bench.supply.max_asymmetry = 3_000.0
    bench.vehicle.onboard.phases, bench.vehicle.onboard.max_current = 1, 32.0
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    offer = bench.messages("AC_ChargeParameterDiscoveryRes")[0].AC_CPDResEnergyTransferMode
    assert number(offer.MaximumPowerAsymmetry) == number(offer.EVSEMaximumChargePower) == 3_000.0
    assert number(blocks(bench)[-1].EVSETargetActivePower) == 3_000.0


async def test_pilot_that_leaves_c_opens_the_contactor_under_power_that_comes_back() -> None:
    bench = giving("dynamic", -6_000.0)

    async def during(bench: Bench) -> None:
        await message_seen(bench, "AC_ChargeLoopReq", 40)
        assert bench.evse.watts < 0.0
        bench.supply.load = lambda: -8.0  # type: ignore[union-attr]  # this bench has one
        bench.wire.ev.set(bench.wire.ev.state.B)
        assert bench.evse.watts == 0.0
        assert not bench.supply.closed  # type: ignore[union-attr]  # this bench has one

    await bench.run(during)
    assert bench.evse.trips == ["pilot B2 with -8.0 A flowing: switched off"]


REFUSALS: list[tuple[type[Any], Any, str]] = [
    (
        ac.AC_ChargeParameterDiscoveryReq,
        lambda m: setattr(m.AC_CPDReqEnergyTransferMode, "EVMinimumDischargePower", phases.inward(99_000.0)),
        "FAILED_WrongChargeParameter",
    ),
    (
        ac.AC_ChargeParameterDiscoveryReq,
        lambda m: setattr(m.AC_CPDReqEnergyTransferMode, "EVMinimumChargePower", phases.inward(-1.0)),
        "FAILED_WrongChargeParameter",
    ),
    (
        ac.AC_ChargeParameterDiscoveryReq,
        lambda m: setattr(
            m,
            "AC_CPDReqEnergyTransferMode",
            ac.AC_CPDReqEnergyTransferModeType(
                EVMaximumChargePower=phases.inward(11_000.0), EVMinimumChargePower=phases.inward(0.0)
            ),
        ),
        "FAILED_WrongChargeParameter",
    ),
    (
        ac.AC_ChargeLoopReq,
        lambda m: setattr(
            m, "CLReqControlMode", ac.Scheduled_AC_CLReqControlModeType(EVPresentActivePower=phases.inward(0.0))
        ),
        "FAILED",
    ),
    (
        ac.AC_ChargeLoopReq,
        lambda m: setattr(m.CLReqControlMode, "EVMaximumChargePower", phases.inward(-5.0)),
        "FAILED",
    ),
    (
        common.PowerDeliveryReq,
        lambda m: setattr(m.EVPowerProfile.EVPowerProfileEntries.EVPowerProfileEntry[0], "Power", phases.inward(-2e4)),
        "FAILED_EVPowerProfileInvalid",
    ),
    (
        common.PowerDeliveryReq,
        lambda m: setattr(m.EVPowerProfile.Scheduled_EVPPTControlMode, "SelectedScheduleTupleID", 9),
        "FAILED_ScheduleSelectionInvalid",
    ),
]


@pytest.mark.parametrize(("kind", "spoil", "code"), REFUSALS)
async def test_wrong_request_is_refused_by_its_code(kind: type[Any], spoil: Any, code: str) -> None:
    """In scheduled AC_BPT; and nothing stays live."""
    bench = giving("scheduled", duration=3.0)

    def wrong(message: Any) -> Any:
        spoil(message)
        return message

    bench.ev.rewrite[kind] = wrong
    vehicle, charger = await bench.run()
    assert charger.cause is Cause.PEER
    response = bench.messages(kind.__name__.removesuffix("Req") + "Res")[-1]
    assert response.ResponseCode == code
    # The charger switches its PWM off after a refusal; the vehicle notices one or the other first.
    assert vehicle.cause in (Cause.PEER, Cause.ABORTED)
    assert bench.safe


async def test_grid_forming_vehicle_is_told_the_frequency() -> None:
    """GeneratorMode 2: the vehicle makes an island grid."""
    bench = giving("dynamic", duration=2.0)
    bench.evse.generator = energy.GRID_FORMING
    vehicle, _ = await bench.run()
    assert vehicle.ok, vehicle
    assert number(bench.messages("AC_ChargeLoopRes")[-1].EVSETargetFrequency) == pytest.approx(50.0)


def on_two_phases(mode: str, amps: float) -> Bench:
    """A vehicle that uses two of the three phases, at a charger that sees what each carries."""
    bench = iso20_bench(mode, "scheduled", duration=30.0)
    bench.vehicle.onboard = OnboardCharger(phases=2, max_current=amps, max_discharge_current=amps)
    assert bench.supply is not None
    bench.supply.load_phases = lambda: bench.vehicle.ac_phases
    return bench


@pytest.mark.parametrize("mode", ["iso20-ac", "iso20-ac-bpt"])
async def test_a_vehicle_may_take_its_power_through_two_phases(mode: str) -> None:
    """ISO 15118-20 agrees on powers: 15 A on two phases are 10 A over three, and no overdraw."""
    bench = on_two_phases(mode, 15.0)
    vehicle, charger = await bench.run()
    assert (vehicle.cause, charger.cause) == (Cause.COMPLETE, Cause.COMPLETE), (vehicle, charger)
    assert charger.energy_wh == pytest.approx(230.0 * 15.0 * 2 / 120.0, rel=0.05)


async def test_a_phase_takes_no_more_back_than_its_rating_even_within_the_power() -> None:
    """13 A out of each of two phases at an outlet that takes 10 A back from each of three."""
    bench = on_two_phases("iso20-ac-bpt", 15.0)
    assert bench.supply is not None
    bench.supply.max_discharge_current = 10.0
    bench.vehicle.settings.target_power = -6_000.0
    bench.vehicle.battery.soc = 0.5
    _, charger = await bench.run()
    assert not charger.ok
    assert "gives back 13.0 A per phase; both sides declared at most 10.0 A" in charger.reason
    assert bench.safe


async def test_a_phase_is_not_loaded_beyond_its_rating_even_within_the_power() -> None:
    """40 A on two phases: the contactor opens, although three phases could give that power."""
    bench = on_two_phases("iso20-ac", 40.0)
    assert bench.supply is not None
    bench.supply.max_current = 32.0
    _, charger = await bench.run()
    assert not charger.ok
    assert "draws 40.0 A per phase" in charger.reason
    assert bench.safe
