"""The life of an ISO 15118-20 session between both roles: renegotiation, standby, services, pauses, authorization."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import dataclass
from typing import Any

import pytest
from bench import COMBINATIONS, Bench, iso20_bench, message_seen
from hypothesis import given, settings, strategies
from iso20_alone import Alone, course
from iso20_wishes import WISHES, wishing
from tls_world import charger as charger_tls
from tls_world import store
from tls_world import vehicle as vehicle_tls

from evcc import charge as evcc
from plugfest.virtual import run
from secc import serve as secc
from secc.authorizer import Decision, Never
from secc.charger import Wish
from secc.pauses import Pauses
from secc.plan import Slot
from secc.services import INTERNET, PARKING, Service
from v2g import stamps, tls
from v2g.memory_link import memory_pair
from v2g.messages.base import Request
from v2g.messages.iso20 import common
from v2g.outcome import Cause
from v2g.protocols import ISO20
from v2g.protocols import iso20 as streams
from v2g.sequence import Sequence

SCHEDULED = [mode for mode, control in COMBINATIONS if control == "scheduled"]


def loop_of(mode: str) -> str:
    return "AC_ChargeLoopReq" if "-ac" in mode else "DC_ChargeLoopReq"


def watts(bench: Bench) -> float:
    return bench.evse.watts


async def in_loop(bench: Bench, rounds: int = 20) -> None:
    await message_seen(bench, loop_of(bench.mode), rounds + bench.names().count(loop_of(bench.mode)))


async def charged(bench: Bench, during: Any = None) -> tuple[Any, Any]:
    """A session that goes well, and leaves nothing behind."""
    before = asyncio.all_tasks()
    vehicle, charger = await bench.run(during)
    assert vehicle.ok, vehicle
    assert charger.ok, charger
    assert bench.safe
    assert not bench.vehicle.contactors.mishaps
    await asyncio.sleep(0)
    assert asyncio.all_tasks() <= before
    return vehicle, charger


# ---------------------------------------------------------------------------------------------------------------
# Schedules


@pytest.mark.parametrize("who", ["charger", "driver"])
@pytest.mark.parametrize("mode", SCHEDULED)
async def test_schedule_is_renegotiated_alongside_the_loop(mode: str, who: str) -> None:
    """Power goes on by the old schedule, and by the new one from the next message on; the loop keeps its pace."""
    bench = iso20_bench(mode, "scheduled", duration=60.0)
    seen: list[float] = []

    async def during(bench: Bench) -> None:
        await in_loop(bench, 50)
        seen.append(watts(bench))
        bench.evse.schedule = (Slot(0, 4_500.0),)
        bench.evse.planning_seconds = 5.0
        if who == "charger":
            bench.evse.request_renegotiation(30)
        else:
            bench.vehicle.renegotiate.set()
        await asyncio.sleep(4.0)
        seen.append(watts(bench))
        await asyncio.sleep(8.0)
        seen.append(watts(bench))

    await charged(bench, during)
    assert seen[0] > 6_000.0
    assert seen[1] > 6_000.0, "the old schedule holds until the new one is agreed"
    assert 4_000.0 < seen[2] <= 4_500.0 * 1.02
    side = [e.name for e in bench.events["ev"] if e.layer == "message" and e.stream == streams.RENEGOTIATION]
    assert side[-2:] == ["PowerDeliveryReq", "PowerDeliveryRes"]
    assert len([name for name in side if name.endswith("ChargeParameterDiscoveryReq")]) == 1
    times = [e.time for e in bench.events["ev"] if e.layer == "message" and e.name == loop_of(mode)]
    assert max(later - earlier for earlier, later in itertools.pairwise(times)) < 0.25


async def test_ongoing_schedule_requests_are_the_same() -> None:
    """While the charger is at work the request is repeated unchanged; the battery fills meanwhile."""
    bench = iso20_bench("iso20-dc", "scheduled", duration=30.0)

    async def during(bench: Bench) -> None:
        await in_loop(bench)
        bench.evse.planning_seconds = 8.0
        bench.vehicle.renegotiate.set()

    await charged(bench, during)
    bodies = {
        str(m.Scheduled_SEReqControlMode) for m in bench.messages("ScheduleExchangeReq", stream=streams.RENEGOTIATION)
    }
    assert len(bench.messages("ScheduleExchangeReq", stream=streams.RENEGOTIATION)) > 10
    assert len(bodies) == 1


async def test_charger_reports_a_repeated_request_that_changed() -> None:
    """It harms nothing."""
    bench = iso20_bench("iso20-dc", "scheduled", duration=2.0)
    bench.evse.planning_seconds = 3.0
    departures = itertools.count(3600)

    def changed(message: common.ScheduleExchangeReq) -> common.ScheduleExchangeReq:
        mode = common.Scheduled_SEReqControlModeType(DepartureTime=next(departures))
        return common.ScheduleExchangeReq(MaximumSupportingPoints=1024, Scheduled_SEReqControlMode=mode)

    bench.ev.rewrite[common.ScheduleExchangeReq] = changed
    await charged(bench)
    notes = [e.note for e in bench.events["se"] if e.name == "note"]
    assert sum("was repeated with a different Scheduled_SEReqControlMode" in note for note in notes) == 1


async def test_dynamic_vehicle_has_no_schedule_to_renegotiate() -> None:
    """Neither does the charger ask for it, nor does the vehicle try."""
    bench = iso20_bench("iso20-dc", "dynamic", duration=10.0)

    async def during(bench: Bench) -> None:
        await in_loop(bench)
        bench.evse.request_renegotiation(10)
        bench.vehicle.renegotiate.set()

    await charged(bench, during)
    assert not bench.messages("ScheduleExchangeReq", stream=streams.RENEGOTIATION)


@pytest.mark.parametrize("name", ["DC_ChargeParameterDiscoveryRes", "ScheduleExchangeRes", "PowerDeliveryRes"])
async def test_charger_that_is_silent_alongside_the_loop_does_not_disturb_it(name: str) -> None:
    """The vehicle's side request times out alone; it tries again, and goes on charging."""
    bench = iso20_bench("iso20-dc", "scheduled", duration=30.0)
    kind = next(getattr(module, name) for module in (common, _dc()) if hasattr(module, name))
    lost = 0

    def silent(message: Any) -> Any:
        nonlocal lost
        if bench.names().count("DC_ChargeLoopReq") > 20 and lost < 1:
            lost += 1
            return None
        return message

    bench.se.rewrite[kind] = silent

    async def during(bench: Bench) -> None:
        await in_loop(bench, 40)
        bench.evse.request_renegotiation(10)

    vehicle, _ = await charged(bench, during)
    assert lost == 1
    assert any("was not renegotiated" in note for note in vehicle.notes)
    assert len(bench.messages("DC_ChargeParameterDiscoveryReq", stream=streams.RENEGOTIATION)) == 2


def _dc() -> Any:
    from v2g.messages.iso20 import dc

    return dc


@pytest.mark.parametrize("way", ["refused", "another", "garbage"])
@pytest.mark.parametrize("name", ["DC_ChargeParameterDiscoveryRes", "ScheduleExchangeRes", "PowerDeliveryRes"])
async def test_failure_on_a_side_stream_ends_the_session(name: str, way: str) -> None:
    """Any FAILED ends the session, whatever its stream; so does what cannot be read, or is not an answer."""
    bench = iso20_bench("iso20-dc", "scheduled", duration=30.0)
    kind = next(getattr(module, name) for module in (common, _dc()) if hasattr(module, name))

    def spoiled(message: Any) -> Any:
        if bench.names().count("DC_ChargeLoopReq") <= 20:
            return message
        if way == "garbage":
            return bytes.fromhex("80ffffff")
        if way == "another":
            return common.SessionStopRes(ResponseCode="OK")
        message.ResponseCode = "FAILED"
        return message

    bench.se.rewrite[kind] = spoiled

    async def during(bench: Bench) -> None:
        await in_loop(bench, 40)
        bench.vehicle.renegotiate.set()

    vehicle, _ = await bench.run(during)
    assert vehicle.cause is Cause.PEER, vehicle
    assert bench.safe
    assert not bench.vehicle.contactors.mishaps
    sent = [e.name for e in bench.events["ev"] if e.layer == "message" and e.direction == "tx" and not e.stream]
    assert sent[-1] == "DC_ChargeLoopReq", "the session was over: nothing may be said any more"


async def test_warning_to_a_new_profile_leaves_the_old_schedule() -> None:
    """The charger does not take it over; the session goes on."""
    bench = iso20_bench("iso20-dc", "scheduled", duration=20.0)

    def warned(message: common.PowerDeliveryRes) -> common.PowerDeliveryRes:
        if bench.names().count("DC_ChargeLoopReq") > 20 and bench.names()[-1] == "PowerDeliveryReq":
            message.ResponseCode = "WARNING_PowerToleranceNotConfirmed"
        return message

    bench.se.rewrite[common.PowerDeliveryRes] = warned

    async def during(bench: Bench) -> None:
        await in_loop(bench, 40)
        bench.vehicle.renegotiate.set()

    vehicle, _ = await bench.run(during)
    assert vehicle.ok, vehicle
    assert bench.safe
    assert any("was not renegotiated" in note for note in vehicle.notes)


async def test_stop_in_the_middle_of_a_renegotiation_drops_it() -> None:
    """The session ends well, without a message beside the main stream after its stop."""
    bench = iso20_bench("iso20-dc", "scheduled", duration=None)

    async def during(bench: Bench) -> None:
        await in_loop(bench)
        bench.evse.planning_seconds = 20.0
        bench.vehicle.renegotiate.set()
        await asyncio.sleep(3.0)
        bench.vehicle.stop.set()

    await charged(bench, during)
    names = [(e.name, e.stream) for e in bench.events["ev"] if e.layer == "message" and e.direction == "tx"]
    last = max(n for n, (_, stream) in enumerate(names) if stream)
    assert last < names.index(("SessionStopReq", 0))


async def test_vehicle_that_declines_to_renegotiate_is_refused_in_the_end() -> None:
    """Warned after its time, and then FAILED_ScheduleRenegotiation."""
    bench = iso20_bench("iso20-dc", "scheduled", duration=None)
    bench.ev.renegotiates = False

    async def during(bench: Bench) -> None:
        await in_loop(bench)
        bench.evse.request_renegotiation(10)

    vehicle, charger = await bench.run(during)
    assert any("WARNING_ScheduleRenegotiationFailed" in note for note in vehicle.notes)
    assert "FAILED_ScheduleRenegotiation" in vehicle.reason
    assert charger.cause is Cause.PEER
    assert bench.safe


# ---------------------------------------------------------------------------------------------------------------
# Standby


@pytest.mark.parametrize(("mode", "control"), COMBINATIONS)
async def test_vehicle_goes_to_standby_and_comes_back(mode: str, control: str) -> None:
    """The loop goes on without power, contactors closed."""
    bench = iso20_bench(mode, control, duration=60.0)
    seen: list[float] = []

    async def during(bench: Bench) -> None:
        await in_loop(bench)
        bench.vehicle.standby.set()
        await in_loop(bench, 40)
        seen.append(abs(watts(bench)))
        assert bench.evse.ac.closed if bench.evse.ac is not None else bench.vehicle.contactors.closed
        bench.vehicle.standby.clear()
        await in_loop(bench, 60)
        seen.append(watts(bench))

    await charged(bench, during)
    assert seen[0] < 200.0
    assert seen[1] > 4_000.0
    steps = [m.ChargeProgress for m in bench.messages("PowerDeliveryReq")]
    assert steps == ["Start", "Standby", "Start", "Stop"]


async def test_charger_that_wants_the_end_of_standby_is_obeyed() -> None:
    bench = iso20_bench("iso20-dc", "dynamic", duration=30.0)

    async def during(bench: Bench) -> None:
        await in_loop(bench)
        bench.vehicle.standby.set()
        await in_loop(bench, 20)
        bench.evse.request(Wish.EXIT_STANDBY, 10)
        await in_loop(bench, 20)
        assert not bench.vehicle.standby.is_set()

    await charged(bench, during)
    notifications = {
        r.EVSEStatus.EVSENotification for r in bench.messages("DC_ChargeLoopRes") if r.EVSEStatus is not None
    }
    assert notifications == {"ExitStandby"}
    assert [m.ChargeProgress for m in bench.messages("PowerDeliveryReq")] == ["Start", "Standby", "Start", "Stop"]


@pytest.mark.parametrize("mode", SCHEDULED)
async def test_standby_that_is_not_allowed_leaves_the_loop_as_it_is(mode: str) -> None:
    """WARNING_StandbyNotAllowed: power flows again, without another PowerDelivery."""
    bench = iso20_bench(mode, "scheduled", duration=20.0)
    bench.se.standby = False
    seen: list[float] = []

    async def during(bench: Bench) -> None:
        await in_loop(bench)
        bench.vehicle.standby.set()
        await in_loop(bench, 60)
        seen.append(watts(bench))

    vehicle, _ = await charged(bench, during)
    assert any("WARNING_StandbyNotAllowed" in note for note in vehicle.notes)
    assert seen[0] > 4_000.0
    assert [m.ChargeProgress for m in bench.messages("PowerDeliveryReq")] == ["Start", "Standby", "Stop"]


async def test_schedule_is_renegotiated_out_of_standby() -> None:
    """PowerDelivery(ScheduleRenegotiation) without a profile leaves it, the new profile comes alongside the loop."""
    bench = iso20_bench("iso20-dc", "scheduled", duration=30.0)

    async def during(bench: Bench) -> None:
        await in_loop(bench)
        bench.vehicle.standby.set()
        await in_loop(bench, 30)
        bench.evse.schedule = (Slot(0, 5_000.0),)
        bench.evse.request_renegotiation(10)
        await in_loop(bench, 60)
        assert 4_500.0 < watts(bench) <= 5_100.0

    await charged(bench, during)
    main = bench.messages("PowerDeliveryReq", stream=0)
    assert [m.ChargeProgress for m in main] == ["Start", "Standby", "ScheduleRenegotiation", "Stop"]
    assert main[2].EVPowerProfile is None


async def test_vehicle_stops_out_of_standby() -> None:
    bench = iso20_bench("iso20-dc", "scheduled", duration=None)

    async def during(bench: Bench) -> None:
        await in_loop(bench)
        bench.vehicle.standby.set()
        await in_loop(bench, 30)
        bench.vehicle.stop.set()

    await charged(bench, during)
    assert [m.ChargeProgress for m in bench.messages("PowerDeliveryReq")] == ["Start", "Standby", "Stop"]


async def test_vehicle_may_prefer_standby_to_a_pause() -> None:
    """The charger asks for a pause; the session stays."""
    bench = iso20_bench("iso20-dc", "dynamic", duration=20.0)
    bench.vehicle.settings.prefers_standby = True

    async def during(bench: Bench) -> None:
        await in_loop(bench)
        bench.evse.request(Wish.PAUSE, 60)

    vehicle, _ = await charged(bench, during)
    assert not vehicle.paused
    assert "Standby" in [m.ChargeProgress for m in bench.messages("PowerDeliveryReq")]


# ---------------------------------------------------------------------------------------------------------------
# Services


@pytest.mark.parametrize("who", ["charger", "driver"])
@pytest.mark.parametrize("mode", ["iso20-dc", "iso20-ac"])
async def test_service_is_changed_on_the_same_connection(mode: str, who: str) -> None:
    """From scheduled to dynamic: discovery again, neither session setup nor authorization."""
    bench = iso20_bench(mode, "scheduled", duration=None)

    async def during(bench: Bench) -> None:
        await in_loop(bench)
        bench.ev.control = "dynamic"
        if who == "charger":
            bench.evse.request(Wish.OTHER_SERVICE, 30)
        else:
            bench.vehicle.another_service.set()
        await in_loop(bench, 40)
        bench.vehicle.stop.set()

    vehicle, _ = await charged(bench, during)
    names = bench.names()
    assert names.count("SessionSetupReq") == names.count("AuthorizationReq") == 1
    assert names.count("ServiceDiscoveryReq") == names.count("ServiceSelectionReq") == 2
    assert [m.ChargingSession for m in bench.messages("SessionStopReq")] == ["ServiceRenegotiation", "Terminate"]
    chosen = [m.SelectedEnergyTransferService.ParameterSetID for m in bench.messages("ServiceSelectionReq")]
    assert len(set(chosen)) == 2
    assert vehicle.energy_wh > 0.0


async def test_charger_without_service_renegotiation_says_so_and_refuses_it() -> None:
    """The vehicle does not try; one that does gets FAILED_NoServiceRenegotiationSupported."""
    bench = iso20_bench("iso20-dc", "dynamic", duration=10.0)
    bench.se.service_renegotiation = False

    async def during(bench: Bench) -> None:
        await in_loop(bench)
        bench.evse.request(Wish.OTHER_SERVICE, 30)
        bench.vehicle.another_service.set()

    vehicle, _ = await charged(bench, during)
    assert any("does not let the vehicle change" in note for note in vehicle.notes)
    assert all(r.EVSEStatus is None for r in bench.messages("DC_ChargeLoopRes"))

    again = iso20_bench("iso20-dc", "dynamic", duration=5.0)
    again.se.service_renegotiation = False
    again.ev.rewrite[common.SessionStopReq] = lambda m: common.SessionStopReq(ChargingSession="ServiceRenegotiation")
    vehicle, _ = await again.run()
    assert "FAILED_NoServiceRenegotiationSupported" in vehicle.reason
    assert again.safe


@pytest.mark.parametrize("who", ["charger", "driver"])
@pytest.mark.parametrize(
    ("wanted", "reason"),
    [
        ("AC", "service AC transfers AC, and DC was agreed in supportedAppProtocol"),
        ("DC_BPT", "the charger does not offer DC_BPT"),
        ("another", "unknown service 'another'"),
    ],
)
async def test_vehicle_keeps_a_service_that_it_cannot_leave(wanted: str, reason: str, who: str) -> None:
    """The namespace agreed ties the session to its energy: power is not switched off for what cannot be selected."""
    bench = iso20_bench("iso20-dc", "scheduled", duration=10.0)

    async def during(bench: Bench) -> None:
        await in_loop(bench)
        bench.ev.service = wanted
        if who == "charger":
            bench.evse.request(Wish.OTHER_SERVICE, 30)
        else:
            bench.vehicle.another_service.set()

    vehicle, _ = await charged(bench, during)
    assert [m.ChargingSession for m in bench.messages("SessionStopReq")] == ["Terminate"]
    assert any(reason in note for note in vehicle.notes), vehicle.notes


@pytest.mark.parametrize(
    ("mode", "wish", "notification"),
    [
        ("scheduled", Wish.PAUSE, "Pause"),
        ("dynamic", Wish.RENEGOTIATE, "ScheduleRenegotiation"),
        ("dynamic", Wish.OTHER_SERVICE, "ServiceRenegotiation"),
    ],
)
async def test_charger_says_why_it_does_not_notify_a_wish(mode: str, wish: Wish, notification: str) -> None:
    """What the standard does not let it ask for in this session is in its trace, once, and not in EVSEStatus."""
    bench = iso20_bench("iso20-dc", mode, duration=10.0)
    bench.se.service_renegotiation = False

    async def during(bench: Bench) -> None:
        await in_loop(bench)
        bench.evse.request(wish, 30)

    await charged(bench, during)
    notes = [e.note for e in bench.events["se"] if e.name == "note"]
    assert sum(f"{notification} is not sent: " in note for note in notes) == 1
    assert all(response.EVSEStatus is None for response in bench.messages("DC_ChargeLoopRes"))


async def test_value_added_services_are_chosen_as_the_driver_says() -> None:
    """Internet with a set of its own, parking with one of each kind, a charger's own service with its first set."""
    bench = iso20_bench("iso20-ac", "dynamic", duration=5.0)
    bench.se.services = (INTERNET, PARKING, Service(60001, sets={7: {"Level": 3}}))
    bench.ev.services = {65: 3, 66: None, 60001: None, 60002: None}
    await charged(bench)
    (found,) = bench.messages("ServiceDiscoveryRes")
    assert [service.ServiceID for service in found.VASList.Service] == [65, 66, 60001]
    internet = next(d for d in bench.messages("ServiceDetailRes") if d.ServiceID == 65)
    sets = {
        one.ParameterSetID: {p.Name: p.intValue if p.intValue is not None else p.finiteString for p in one.Parameter}
        for one in internet.ServiceParameterList.ParameterSet
    }
    assert sets == {
        1: {"Protocol": "ftp", "Port": 20},
        2: {"Protocol": "ftp", "Port": 21},
        3: {"Protocol": "http", "Port": 80},
        4: {"Protocol": "https", "Port": 443},
    }
    (selection,) = bench.messages("ServiceSelectionReq")
    chosen = [(one.ServiceID, one.ParameterSetID) for one in selection.SelectedVASList.SelectedService]
    assert chosen == [(65, 3), (66, 1), (66, 2), (60001, 7)]


async def test_list_of_value_added_services_is_absent_when_empty_and_filtered_when_asked() -> None:
    bench = iso20_bench("iso20-ac", "dynamic", duration=2.0)
    await charged(bench)
    assert bench.messages("ServiceDiscoveryRes")[0].VASList is None
    bench = iso20_bench("iso20-ac", "dynamic", duration=2.0)
    bench.se.services = (INTERNET, PARKING)
    bench.ev.rewrite[common.ServiceDiscoveryReq] = lambda m: common.ServiceDiscoveryReq(
        SupportedServiceIDs=common.ServiceIDListType(ServiceID=[1, 66])
    )
    await charged(bench)
    listed = bench.messages("ServiceDiscoveryRes")[0].VASList.Service
    assert [service.ServiceID for service in listed] == [66]


async def test_vehicle_parks_beside_its_session() -> None:
    """Check-in while the session is set up, check-out before it ends; both on their own stream."""
    bench = iso20_bench("iso20-dc", "dynamic", duration=5.0)
    bench.se.services, bench.ev.services = (PARKING,), {66: None}
    await charged(bench)
    beside = [(e.name, e.direction) for e in bench.events["ev"] if e.layer == "message" and e.stream]
    assert {e.stream for e in bench.events["ev"] if e.layer == "message"} == {0, streams.PARKING}
    assert beside.count(("VehicleCheckInReq", "tx")) == beside.count(("VehicleCheckInRes", "rx")) == 3
    assert [m.EVSECheckOutStatus for m in bench.messages("VehicleCheckOutRes")][-1] == "Completed"


@pytest.mark.parametrize("kind", [common.VehicleCheckInRes, common.VehicleCheckOutRes])
async def test_charger_that_is_silent_about_parking_does_not_end_the_session(kind: type[Any]) -> None:
    bench = iso20_bench("iso20-dc", "dynamic", duration=5.0)
    bench.se.services, bench.ev.services = (PARKING,), {66: None}
    bench.se.rewrite[kind] = lambda message: None
    vehicle, _ = await charged(bench)
    assert any("did not check the vehicle" in note for note in vehicle.notes)


@pytest.mark.parametrize("kind", [common.VehicleCheckInRes, common.VehicleCheckOutRes])
async def test_refused_parking_ends_the_session(kind: type[Any]) -> None:
    """FAILED on any stream ends it, and nothing is said after that."""
    bench = iso20_bench("iso20-dc", "dynamic", duration=5.0)
    bench.se.services, bench.ev.services = (PARKING,), {66: None}

    def refused(message: Any) -> Any:
        message.ResponseCode = "FAILED"
        return message

    bench.se.rewrite[kind] = refused
    vehicle, _ = await bench.run()
    assert vehicle.cause is Cause.PEER
    assert f"{kind.__name__} FAILED" in vehicle.reason
    assert bench.safe
    after = bench.names()[bench.names().index(kind.__name__) + 1 :]
    assert "SessionStopReq" not in after
    assert "PowerDeliveryReq" not in after


# ---------------------------------------------------------------------------------------------------------------
# Authorization


class Moody:
    """Refuses the first times, then accepts; the customer has to come each time."""

    def __init__(self, refusals: int) -> None:
        self.refusals, self.asked = refusals, 0

    def begin(self, who: str | None = None) -> None:
        self.asked = 0

    def decide(self) -> Decision:
        self.asked += 1
        if self.asked < 4:
            return Decision.WAITING_FOR_CUSTOMER
        if self.refusals:
            self.refusals -= 1
            return Decision.REJECTED
        return Decision.ACCEPTED


@pytest.mark.parametrize(("refusals", "retries", "good"), [(1, 1, True), (2, 1, False), (1, 0, False), (0, 0, True)])
async def test_refused_vehicle_asks_again_as_often_as_it_is_told(refusals: int, retries: int, good: bool) -> None:
    """WARNING_EIMAuthorizationFailure leaves the session where it is."""
    bench = iso20_bench("iso20-dc", "dynamic", duration=2.0, authorizer=Moody(refusals))
    bench.ev.authorization_retries = retries
    vehicle, _ = await bench.run()
    assert vehicle.ok is good, vehicle
    codes = [r.ResponseCode for r in bench.messages("AuthorizationRes") if r.EVSEProcessing == "Finished"]
    assert codes == ["WARNING_EIMAuthorizationFailure"] * min(refusals, retries + 1) + (["OK"] if good else [])
    waiting = {r.EVSEProcessing for r in bench.messages("AuthorizationRes")}
    assert "Ongoing_WaitingForCustomerInteraction" in waiting
    assert bench.safe


async def test_method_that_is_not_offered_is_a_warning_and_the_session_stays() -> None:
    """WARNING_AuthorizationSelectionInvalid; this vehicle has no other method, and says goodbye."""
    bench = iso20_bench("iso20-dc", "dynamic", duration=2.0)
    bench.ev.authorization_retries = 3
    challenge = common.PnC_AReqAuthorizationModeType(
        Id="id1",
        GenChallenge=bytes(16),
        ContractCertificateChain=common.ContractCertificateChainType(
            Certificate=b"x", SubCertificates=common.SubCertificatesType(Certificate=[b"y"])
        ),
    )
    bench.ev.rewrite[common.AuthorizationReq] = lambda m: common.AuthorizationReq(
        SelectedAuthorizationService="PnC", PnC_AReqAuthorizationMode=challenge
    )
    vehicle, charger = await bench.run()
    assert "WARNING_AuthorizationSelectionInvalid" in vehicle.reason
    assert len(bench.messages("AuthorizationReq")) == 1
    assert charger.ok


async def test_rejected_for_good_ends_after_the_retries() -> None:
    bench = iso20_bench("iso20-ac", "dynamic", authorizer=Never())
    bench.ev.authorization_retries = 2
    vehicle, _ = await bench.run()
    assert vehicle.cause is Cause.PEER
    assert len([r for r in bench.messages("AuthorizationRes") if r.ResponseCode.startswith("WARNING")]) == 3


# ---------------------------------------------------------------------------------------------------------------
# Pauses


@dataclass
class Stay:
    """Sessions of one stay over TLS: the charger remembers, the vehicle comes back, or another one."""

    bench: Bench

    async def session(self, vehicle_pki: str = "one", charger_pki: str = "one", during: Any = None) -> tuple[Any, Any]:
        self.bench.evse.pilot.offer(5.0)
        self.bench.ev.any_transport = self.bench.se.any_transport = False
        charger_end, vehicle_end = await memory_pair(
            server=charger_tls(tls.PROFILES["iso20"], store("iso20", charger_pki), store("iso20", vehicle_pki)),
            client=vehicle_tls(tls.PROFILES["iso20"], store("iso20", vehicle_pki), store("iso20", charger_pki)),
        )
        charger = asyncio.create_task(secc.serve(charger_end, self.bench.evse, self.bench.se, paused=self.bench.paused))
        side = asyncio.create_task(during(self.bench)) if during else None
        vehicle = await evcc.charge(vehicle_end, self.bench.vehicle, self.bench.ev)
        outcome = await charger
        if side is not None:
            await side
        assert self.bench.safe
        return vehicle, outcome


async def asks_for_pause(bench: Bench) -> None:
    await in_loop(bench, 40)
    bench.evse.request(Wish.PAUSE, 60)


def readings(bench: Bench) -> list[int]:
    return [r.MeterInfo.ChargedEnergyReadingWh for r in bench.messages(loop_of(bench.mode)[:-3] + "Res") if r.MeterInfo]


async def test_same_vehicle_joins_its_session_and_the_meter_counts_on() -> None:
    """Known by its certificate; nothing is asked again, not even who pays."""
    bench = iso20_bench("iso20-dc", "dynamic", duration=None)
    stay = Stay(bench)
    vehicle, charger = await stay.session(during=asks_for_pause)
    assert vehicle.paused, vehicle
    before, first = readings(bench)[-1], charger.energy_wh
    assert before > 10
    bench.ev.resume, bench.ev.duration = vehicle.resume, 10.0
    names = len(bench.names())
    vehicle, charger = await stay.session()
    assert vehicle.ok, vehicle
    assert bench.messages("SessionSetupRes")[-1].ResponseCode == "OK_OldSessionJoined"
    assert "AuthorizationReq" not in bench.names()[names:]
    assert "ServiceSelectionReq" not in bench.names()[names:]
    assert readings(bench) == sorted(readings(bench))
    assert readings(bench)[-1] == pytest.approx(first + charger.energy_wh, abs=5.0)


async def test_another_vehicle_with_the_id_of_a_paused_session_gets_a_new_one() -> None:
    """Its certificate is another; there is no hint why, and the paused session stays."""
    bench = iso20_bench("iso20-dc", "dynamic", duration=None)
    stay = Stay(bench)
    vehicle, _ = await stay.session(during=asks_for_pause)
    bench.ev.resume, bench.ev.duration = vehicle.resume, 5.0
    other, _ = await stay.session(vehicle_pki="two")
    assert other.ok, other
    assert bench.messages("SessionSetupRes")[-1].ResponseCode == "OK_NewSessionEstablished"
    assert "AuthorizationReq" in bench.names()
    bench.ev.resume = vehicle.resume
    again, _ = await stay.session()
    assert again.ok, again
    assert bench.messages("SessionSetupRes")[-1].ResponseCode == "OK_OldSessionJoined"


async def test_another_charger_is_not_asked_for_the_paused_session() -> None:
    """The vehicle knows its charger by the certificate, and starts over at another one."""
    bench = iso20_bench("iso20-dc", "dynamic", duration=None)
    stay = Stay(bench)
    vehicle, _ = await stay.session(during=asks_for_pause)
    bench.ev.resume, bench.ev.duration = vehicle.resume, 5.0
    vehicle, _ = await stay.session(charger_pki="two")
    assert vehicle.ok, vehicle
    assert any("not the charger of the paused session" in note for note in vehicle.notes)
    assert bench.messages("SessionSetupReq")[-1].Header.SessionID == bytes(8)
    assert bench.messages("SessionSetupRes")[-1].ResponseCode == "OK_NewSessionEstablished"


async def test_charger_that_has_forgotten_starts_over() -> None:
    """After three days."""
    bench = iso20_bench("iso20-dc", "dynamic", duration=None)
    bench.paused = Pauses()  # type: ignore[assignment]  # a stand-in of the test
    stay = Stay(bench)
    vehicle, _ = await stay.session(during=asks_for_pause)
    count = len(readings(bench))
    await asyncio.sleep(80 * 3600.0)
    bench.ev.resume, bench.ev.duration = vehicle.resume, 5.0
    vehicle, _ = await stay.session()
    assert vehicle.ok, vehicle
    assert bench.messages("SessionSetupRes")[-1].ResponseCode == "OK_NewSessionEstablished"
    assert readings(bench)[count] == 0, "a new session counts from nothing"


@pytest.mark.parametrize("mode", ["iso20-dc", "iso20-ac"])
async def test_vehicle_pauses_where_its_schedule_allows_no_power(mode: str) -> None:
    """Scheduled mode: the profile is at 0 kW, so that the pause is allowed; later it comes back."""
    bench = iso20_bench(mode, "scheduled", duration=None)
    bench.evse.schedule = (Slot(0, 10_000.0), Slot(20, 0.0), Slot(600, 10_000.0))
    bench.vehicle.settings.sleeps = 60.0
    vehicle, charger = await charged(bench)
    assert vehicle.paused, vehicle
    assert charger.paused
    assert vehicle.resume.until is not None
    await asyncio.sleep(vehicle.resume.until - asyncio.get_running_loop().time())
    bench.evse.schedule = (Slot(0, 10_000.0),)
    bench.ev.resume, bench.ev.duration = vehicle.resume, 5.0
    vehicle, _ = await charged(bench)
    assert bench.messages("SessionSetupRes")[-1].ResponseCode == "OK_OldSessionJoined"


RESUMED_WITH_ANOTHER = [(True, "OK"), (False, "FAILED_NoServiceRenegotiationSupported")]


@pytest.mark.parametrize(("allowed", "code"), RESUMED_WITH_ANOTHER)
async def test_resumed_session_may_select_another_service_where_the_charger_allows_it(allowed: bool, code: str) -> None:
    """By going back to the discovery of services, which the charger tolerates."""
    way = [r for r in await course("iso20-ac", "dynamic") if not isinstance(r, common.SessionStopReq)]
    alone = Alone("iso20-ac")
    alone.bench.se.service_renegotiation = allowed
    await alone.connect()
    for request in way:
        if "ChargeLoop" in type(request).__name__:
            alone.bench.evse.request(Wish.PAUSE, 60)
        await alone.ask(request)
    await alone.ask(common.SessionStopReq(ChargingSession="Pause"))
    kept = alone.session.id
    alone.session.channel.abort()
    assert (await alone.task).paused
    await alone.connect()
    alone.order = type(alone.order)(alone.order.table, dc=False)
    alone.session.id = kept
    assert (await alone.ask(way[0])).ResponseCode == "OK_OldSessionJoined"
    for request in way:
        if isinstance(request, common.ServiceDiscoveryReq | common.ServiceDetailReq):
            await alone.ask(request)
    other = common.ServiceSelectionReq(
        SelectedEnergyTransferService=common.SelectedServiceType(ServiceID=1, ParameterSetID=1)
    )
    response = await alone.ask(other)
    assert response.ResponseCode == code
    alone.session.channel.abort()
    await alone.task


@pytest.mark.parametrize(("mode", "control"), COMBINATIONS)
async def test_strict_sides_do_all_of_it_over_tls_without_a_tolerance(mode: str, control: str) -> None:
    """Schedules, standby, another service, parking and a pause: nothing of it is more than the standard allows."""
    bench = iso20_bench(mode, control, duration=None, tolerant=False)
    bench.se.services, bench.ev.services = (PARKING, INTERNET), {66: None, 65: None}
    stay = Stay(bench)

    async def during(bench: Bench) -> None:
        await in_loop(bench)
        bench.evse.request_renegotiation(10)
        await in_loop(bench)
        bench.vehicle.standby.set()
        await in_loop(bench, 50)
        bench.evse.request(Wish.EXIT_STANDBY, 10)
        await in_loop(bench)
        bench.ev.control = "dynamic"
        bench.evse.request(Wish.OTHER_SERVICE, 10)
        await in_loop(bench)
        bench.evse.request(Wish.PAUSE, 60)

    vehicle, charger = await stay.session(during=during)
    assert vehicle.paused, vehicle
    bench.ev.resume, bench.ev.duration = vehicle.resume, 5.0
    again = await stay.session()
    for outcome in (vehicle, charger, *again):
        assert outcome.ok, outcome
        assert outcome.tolerances == []
    assert bench.messages("SessionSetupRes")[-1].ResponseCode == "OK_OldSessionJoined"


# ---------------------------------------------------------------------------------------------------------------
# Time


@pytest.mark.parametrize(("ev", "se"), [("s", "s"), ("us", "s"), ("s", "us"), ("us", "us")])
async def test_sides_may_send_different_units_of_time(ev: Any, se: Any) -> None:
    """Each sends its own, and reads any by its size."""
    bench = iso20_bench("iso20-ac", "scheduled", duration=5.0)
    bench.ev.stamps, bench.se.stamps = ev, se
    bench.ev.now = bench.se.now
    await charged(bench)
    sent = [e.message for e in bench.events["ev"] if e.layer == "message" and e.direction == "rx"][1:]
    stamp = sent[-1].Header.TimeStamp
    assert (stamp > 10**14) is (se == "us")
    assert stamps.seconds(stamp) == pytest.approx(1_700_000_000, abs=60)
    anchors = [m.EVPowerProfile.TimeAnchor for m in bench.messages("PowerDeliveryReq") if m.EVPowerProfile is not None]
    assert all((anchor > 10**14) is (ev == "us") for anchor in anchors)


async def test_schedule_that_began_before_its_message_is_followed_from_then() -> None:
    """TimeAnchor ten seconds before the TimeStamp: the first entry is that much shorter."""
    bench = iso20_bench("iso20-dc", "scheduled", duration=None)
    bench.evse.schedule = (Slot(0, 12_000.0), Slot(30, 5_000.0))

    def older(message: common.ScheduleExchangeRes) -> common.ScheduleExchangeRes:
        mode = message.Scheduled_SEResControlMode
        assert mode is not None
        mode.ScheduleTuple[0].ChargingSchedule.PowerSchedule.TimeAnchor -= 10
        return message

    bench.se.rewrite[common.ScheduleExchangeRes] = older
    seen: list[float] = []

    async def during(bench: Bench) -> None:
        await message_seen(bench, "ScheduleExchangeRes")
        told = asyncio.get_running_loop().time()
        await asyncio.sleep(18.0)
        seen.append(watts(bench))
        await asyncio.sleep(told + 23.0 - asyncio.get_running_loop().time())
        seen.append(watts(bench))
        bench.vehicle.stop.set()

    await charged(bench, during)
    assert seen[0] > 11_000.0
    assert seen[1] < 5_200.0


@given(strategies.integers(min_value=1_000_000_000, max_value=9_999_999_999), strategies.sampled_from(["s", "us"]))
def test_time_stamps_are_read_in_the_unit_in_which_they_were_sent(unix: int, unit: Any) -> None:
    assert stamps.seconds(stamps.stamp(float(unix), unit)) == pytest.approx(unix, abs=1.0)
    assert stamps.seconds(unix * 1000) == pytest.approx(unix)


@given(strategies.integers(min_value=0, max_value=2**64 - 1), strategies.integers(min_value=0, max_value=2**64 - 1))
def test_any_time_stamp_is_read(anchor: int, header: int) -> None:
    """0 is now, and nothing that can be sent is an error."""
    assert 0.0 <= stamps.age(anchor, header) <= stamps.OLDEST
    assert stamps.text(anchor)
    assert stamps.age(0, header) == 0.0


# ---------------------------------------------------------------------------------------------------------------
# Anything at any time


@settings(max_examples=25, deadline=None)
@given(
    strategies.sampled_from(COMBINATIONS),
    WISHES,
)
def test_sessions_end_well_whatever_is_wished_and_when(
    combination: tuple[str, str], actions: list[tuple[float, str]]
) -> None:
    """Driver and charger wish for anything at any time: in order on each stream, safe, and nothing left running."""

    async def one() -> None:
        bench = iso20_bench(*combination, duration=None)
        bench.se.services, bench.ev.services = (PARKING,), {66: None}
        await charged(bench, wishing(actions))
        for stream in {e.stream for e in bench.events["ev"] if e.layer == "message"}:
            order = Sequence(ISO20.side[stream].order if stream else ISO20.order, dc="-dc" in combination[0])
            said = [e.message for e in bench.events["ev"] if e.layer == "message" and e.stream == stream]
            pending = None
            for message in said if stream else said[2:]:
                if isinstance(message, Request):
                    assert order.verdict(message) != "illegal", (stream, type(message).__name__, order.last)
                    pending = message
                elif pending is not None:
                    order.advance(pending, message)
                    pending = None

    run(one())
