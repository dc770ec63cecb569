"""Services, schedules with tariffs, charging profiles: what the charger offers and what becomes of the choice."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from bench import Bench, message_seen
from pnc import PncBench, store

from pki.profiles import Role
from plugfest import pnc
from secc import services
from secc.plan import Plan, Price, Slot, cheap_at_night
from secc.services import INTERNET, Byte, Service, Short
from slac.pilot import State
from v2g import signature
from v2g.messages import iso2
from v2g.outcome import Cause
from v2g.physical import number, physical

HOUR = 3600
BATTERY_DATA = Service(
    61000,
    "Battery data",
    sets={
        31000: {"Protocol": "TCP Socket", "Port": 61000, "Interval": Short(3), "Version": Byte(1), "Live": True},
        31001: {"Power": physical(iso2, 11000.0, "W")},
    },
)


# ---------------------------------------------------------------------------------------------------------------
# Services


async def test_a_service_is_offered_described_and_selected() -> None:
    """Over TCP too, where it needs no TLS; Internet access is offered over TLS alone."""
    bench = Bench()
    bench.se.services = (BATTERY_DATA, INTERNET)
    bench.ev.services = {61000: 31000, 3: 1}
    assert all(outcome.ok for outcome in await bench.run())
    (found,) = bench.messages("ServiceDiscoveryRes")
    assert [(s.ServiceID, s.ServiceCategory, s.FreeService) for s in found.ServiceList.Service] == [
        (61000, "OtherCustom", True)
    ]
    (detail,) = bench.messages("ServiceDetailRes")
    sets = {s.ParameterSetID: s.Parameter for s in detail.ServiceParameterList.ParameterSet}
    assert [p.Name for p in sets[31000]] == ["Protocol", "Port", "Interval", "Version", "Live"]
    protocol, port, interval, version, live = sets[31000]
    assert (protocol.stringValue, port.intValue, interval.shortValue) == ("TCP Socket", 61000, 3)
    assert (version.byteValue, live.boolValue) == (1, True)
    assert number(sets[31001][0].physicalValue) == 11000
    chosen = bench.messages("PaymentServiceSelectionReq")[0].SelectedServiceList.SelectedService
    assert [(s.ServiceID, s.ParameterSetID) for s in chosen] == [(1, None), (61000, 31000)]


async def test_over_tls_the_certificate_service_and_internet_are_offered() -> None:
    bench = PncBench()
    bench.se.services = (INTERNET,)
    bench.ev.services = {3: 4}
    assert all(outcome.ok for outcome in await bench.run())
    found = bench.messages("ServiceDiscoveryRes")[0].ServiceList.Service
    assert [(s.ServiceID, s.ServiceName) for s in found] == [(2, "Certificate"), (3, "InternetAccess")]
    (detail,) = bench.messages("ServiceDetailRes")
    last = detail.ServiceParameterList.ParameterSet[-1]
    assert [(p.Name, p.stringValue, p.intValue) for p in last.Parameter] == [
        ("Protocol", "https", None), ("Port", None, 443),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("category", "scope", "numbers"),
    [
        (None, None, [61000, 3]),
        ("Internet", None, [3]),
        ("OtherCustom", None, [61000]),
        ("ContractCertificate", None, []),
        (None, "somewhere", [61000, 3]),
    ],
)
async def test_category_and_scope_filter_the_list(category: Any, scope: str | None, numbers: list[int]) -> None:
    bench = Bench()
    bench.se.services = (BATTERY_DATA, Service(3, "InternetAccess", "Internet"))
    bench.ev.rewrite[iso2.ServiceDiscoveryReq] = lambda _: iso2.ServiceDiscoveryReq(
        ServiceScope=scope, ServiceCategory=category
    )
    await bench.run()
    found = bench.messages("ServiceDiscoveryRes")[0].ServiceList
    assert [service.ServiceID for service in found.Service] == numbers if numbers else found is None


def chosen(*pairs: tuple[int, int | None]) -> Any:
    entries = [iso2.SelectedServiceType(ServiceID=service, ParameterSetID=number) for service, number in pairs]
    return lambda m: msgspec.structs.replace(
        m, SelectedServiceList=iso2.SelectedServiceListType(SelectedService=entries)
    )


@pytest.mark.parametrize(
    ("pairs", "code"),
    [
        ([(1, None), (61000, None)], "OK"),
        ([(61000, 31000)], "FAILED_NoChargeServiceSelected"),
        ([(1, None), (61000, 7)], "FAILED_ServiceSelectionInvalid"),
        ([(1, None), (4711, None)], "FAILED_ServiceSelectionInvalid"),
        ([(1, None), (2, 1)], "FAILED_ServiceSelectionInvalid"),
        ([(1, 1)], "FAILED_ServiceSelectionInvalid"),
    ],
)
async def test_a_wrong_selection_is_refused(pairs: list[tuple[int, int | None]], code: str) -> None:
    bench = Bench(tolerant=False)
    bench.se.services = (BATTERY_DATA,)
    bench.ev.rewrite[iso2.PaymentServiceSelectionReq] = chosen(*pairs)
    await bench.run()
    assert bench.messages("PaymentServiceSelectionRes")[0].ResponseCode == code


async def test_details_of_an_unknown_service_are_refused() -> None:
    bench = Bench()
    bench.se.services = (BATTERY_DATA,)
    bench.ev.services = {61000: None}
    bench.ev.rewrite[iso2.ServiceDetailReq] = lambda _: iso2.ServiceDetailReq(ServiceID=2)
    vehicle, _ = await bench.run()
    assert bench.messages("ServiceDetailRes")[0].ResponseCode == "FAILED_ServiceIDInvalid"
    assert vehicle.cause is Cause.PEER


def test_services_by_name() -> None:
    assert services.KNOWN["internet"] is INTERNET


# ---------------------------------------------------------------------------------------------------------------
# Tariffs

NIGHT = Plan((), (Price(0, 2, 100), Price(2 * HOUR, 1, 60, 80, 120), Price(10 * HOUR, 3, 150)), "night")
DAY = Plan((Slot(0, 50_000.0),), (Price(0, 3, 150),), "day")


def tariffed(mode: str = "iso2-dc") -> PncBench:
    bench = PncBench(mode, duration=2.0)
    bench.evse.plans = (DAY, NIGHT)
    bench.vehicle.settings.departure = 12 * HOUR
    return bench


async def test_signed_tariffs_are_verified_and_the_cheapest_is_chosen() -> None:
    bench = tariffed()
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert vehicle.notes == []
    document = next(e.message for e in bench.events["ev"] if e.name == "ChargeParameterDiscoveryRes")
    references = [reference.URI for reference in document.Header.Signature.SignedInfo.Reference]
    assert references == ["#id1", "#id2"]
    issuer = store()[Role.MO_SUB2].der
    assert signature.verify_message(document.Body.BodyElement, document.Header.Signature, issuer) == []
    tuples = document.Body.BodyElement.SASchedules.SAScheduleTuple
    assert [entry.SAScheduleTupleID for entry in tuples] == [1, 2]
    tariff = tuples[1].SalesTariff
    assert (tariff.SalesTariffID, tariff.NumEPriceLevels, tariff.SalesTariffDescription) == (2, 3, "night")
    assert [e.EPriceLevel for e in tariff.SalesTariffEntry] == [2, 1, 3]
    kinds = [cost.costKind for cost in tariff.SalesTariffEntry[1].ConsumptionCost[0].Cost]
    assert kinds == ["relativePricePercentage", "RenewableGenerationPercentage", "CarbonDioxideEmission"]
    assert tariff.SalesTariffEntry[-1].TimeInterval.duration == 14 * HOUR
    start = bench.messages("PowerDeliveryReq")[0]
    assert start.SAScheduleTupleID == 2
    profile = [
        (e.ChargingProfileEntryStart, number(e.ChargingProfileEntryMaxPower))
        for e in start.ChargingProfile.ProfileEntry
    ]
    assert profile == [(0, 0), (2 * HOUR, 125_000), (10 * HOUR, 0)]


async def test_the_vehicle_waits_and_then_charges_at_the_cheap_time() -> None:
    """Nothing flows before the cheap interval begins, and the battery is full at departure."""
    bench = tariffed()
    bench.ev.duration = None
    bench.vehicle.battery.soc = 0.7

    async def slowly(bench: PncBench) -> None:
        await message_seen(bench, "CurrentDemandRes")
        bench.vehicle.settings.loop_delay = 20.0

    vehicle, _ = await bench.run(slowly)
    assert vehicle.ok
    assert bench.vehicle.battery.soc >= 0.79
    loop = [(e.time, e.message.Body.BodyElement) for e in bench.events["ev"] if e.name == "CurrentDemandRes"]
    began = next(time for time, res in loop if number(res.EVSEPresentCurrent) > 1.0)
    base = next(e.time for e in bench.events["ev"] if e.name == "ChargeParameterDiscoveryRes")
    assert began - base == pytest.approx(2 * HOUR, abs=60)


@pytest.mark.parametrize("fault", ["other key", "altered", "absent", "unsigned id"])
async def test_invalid_tariffs_are_ignored(fault: str) -> None:
    """The vehicle goes on charging without them [V2G2-905]."""
    bench = tariffed()
    seen = bench.se.rewrite_signature
    if fault == "other key":
        bench.contracts.tariff_key = pnc.credential(store("other")[Role.MO_SUB2])
    elif fault == "absent":
        seen[iso2.ChargeParameterDiscoveryRes] = lambda _: None
    elif fault == "unsigned id":

        def forget(given: Any) -> Any:
            del given.SignedInfo.Reference[1]
            return given

        seen[iso2.ChargeParameterDiscoveryRes] = forget
    else:

        def cheaper(res: iso2.ChargeParameterDiscoveryRes) -> iso2.ChargeParameterDiscoveryRes:
            schedules: Any = res.SASchedules
            schedules.SAScheduleTuple[0].SalesTariff.SalesTariffEntry[0].EPriceLevel = 1
            return res

        bench.se.rewrite[iso2.ChargeParameterDiscoveryRes] = cheaper
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert vehicle.notes[0].startswith("tariffs ignored: ")
    start = bench.messages("PowerDeliveryReq")[0]
    assert start.SAScheduleTupleID == 2  # the one that allows most power
    assert number(start.ChargingProfile.ProfileEntry[0].ChargingProfileEntryMaxPower) == 125_000


async def test_a_charger_without_the_operators_key_sends_no_tariffs_to_contracts() -> None:
    bench = tariffed()
    bench.contracts.tariff_key = None
    assert (await bench.run())[0].ok
    (res,) = bench.messages("ChargeParameterDiscoveryRes")
    assert all(entry.SalesTariff is None for entry in res.SASchedules.SAScheduleTuple)


async def test_unsigned_tariffs_guide_a_vehicle_that_pays_outside() -> None:
    bench = Bench("iso2-ac", duration=1.0)
    bench.evse.plans = (DAY, cheap_at_night(HOUR, watts=22_000.0))
    bench.vehicle.settings.departure = 12 * HOUR
    vehicle, _ = await bench.run()
    assert vehicle.ok
    assert vehicle.notes == []
    assert bench.messages("PowerDeliveryReq")[0].SAScheduleTupleID == 2


async def test_a_tariff_keeps_to_the_vehicles_number_of_entries() -> None:
    bench = tariffed()
    bench.ev.max_schedule_entries = 2
    assert (await bench.run())[0].ok
    (res,) = bench.messages("ChargeParameterDiscoveryRes")
    entries = res.SASchedules.SAScheduleTuple[1].SalesTariff.SalesTariffEntry
    assert [entry.TimeInterval.duration for entry in entries] == [None, 8 * HOUR]


@pytest.mark.parametrize("mode", ["iso2-dc", "iso2-ac"])
async def test_a_resumed_session_keeps_its_schedule(mode: str) -> None:
    async def pause(bench: PncBench) -> None:
        await message_seen(bench, "PowerDeliveryRes")
        await asyncio.sleep(1.0)
        bench.vehicle.pause.set()

    bench = tariffed(mode)
    bench.ev.duration = 600.0
    vehicle, _ = await bench.run(pause)
    assert vehicle.paused
    bench.ev.resume, bench.ev.duration = vehicle.resume, 1.0  # type: ignore[attr-defined]  # kept by the session before
    assert (await bench.run())[0].ok
    tuples = bench.messages("ChargeParameterDiscoveryRes")[-1].SASchedules.SAScheduleTuple
    assert [entry.SAScheduleTupleID for entry in tuples] == [2]


# ---------------------------------------------------------------------------------------------------------------
# Charging profiles


def profile(*entries: tuple[int, float, int | None]) -> iso2.ChargingProfileType:
    return iso2.ChargingProfileType(
        ProfileEntry=[
            iso2.ProfileEntryType(
                ChargingProfileEntryStart=start,
                ChargingProfileEntryMaxPower=physical(iso2, watts, "W", finest=0),
                ChargingProfileEntryMaxNumberOfPhasesInUse=phases,
            )
            for start, watts, phases in entries
        ]
    )


@pytest.mark.parametrize(
    ("entries", "code"),
    [
        ([(0, 10_000, None)], "OK"),
        ([(0, 20_000, None), (HOUR, 10_000, None)], "OK"),
        ([(0, 20_001, None)], "FAILED_ChargingProfileInvalid"),
        # From the second hour on only 10 kW are allowed, and the last entry runs on.
        ([(HOUR // 2, 20_000, None)], "FAILED_ChargingProfileInvalid"),
        ([(0, 10_000, None), (HOUR, 10_001, None)], "FAILED_ChargingProfileInvalid"),
        ([(0, 10_000, 2)], "FAILED_ChargingProfileInvalid"),
        ([(HOUR, 10_000, None), (0, 10_000, None)], "FAILED_ChargingProfileInvalid"),
        # Behind the end of the schedule nothing is limited.
        ([(0, 10_000, None), (90_000, 150_000, None)], "OK"),
    ],
)
async def test_profiles_are_held_against_pmax(entries: list[tuple[int, float, int | None]], code: str) -> None:
    bench = Bench(tolerant=False)
    bench.evse.schedule = (Slot(0, 20_000.0), Slot(HOUR, 10_000.0))
    bench.ev.rewrite[iso2.PowerDeliveryReq] = lambda m: (
        msgspec.structs.replace(m, ChargingProfile=profile(*entries)) if m.ChargeProgress == "Start" else m
    )
    await bench.run()
    assert bench.messages("PowerDeliveryRes")[0].ResponseCode == code
    assert bench.safe


async def test_a_tuple_that_was_not_offered_is_refused() -> None:
    bench = tariffed()
    bench.ev.rewrite[iso2.PowerDeliveryReq] = lambda m: msgspec.structs.replace(m, SAScheduleTupleID=3)
    await bench.run()
    assert bench.code("PowerDeliveryRes") == "FAILED_TariffSelectionInvalid"


# ---------------------------------------------------------------------------------------------------------------
# Renegotiation, stops and welding detection with a contract


@pytest.mark.parametrize("mode", ["iso2-dc", "iso2-ac"])
async def test_a_wish_in_a_receipt_is_followed(mode: str) -> None:
    """MeteringReceiptRes carries EVSENotification too: the vehicle renegotiates after it."""
    bench = PncBench(mode, duration=4.0)
    bench.contracts.receipt_every = 1.0
    status = "DC_EVSEStatus" if mode == "iso2-dc" else "AC_EVSEStatus"
    loop = iso2.CurrentDemandRes if mode == "iso2-dc" else iso2.ChargingStatusRes

    def quiet(res: Any) -> Any:
        calm = msgspec.structs.replace(getattr(res, status), EVSENotification="None", NotificationMaxDelay=0)
        return msgspec.structs.replace(res, **{status: calm})

    bench.se.rewrite[loop] = quiet

    async def wish(bench: PncBench) -> None:
        await message_seen(bench, loop.__name__, 3)
        bench.evse.request_renegotiation(max_delay=5)

    vehicle, _ = await bench.run(wish)
    assert vehicle.ok
    progress = [message.ChargeProgress for message in bench.messages("PowerDeliveryReq")]
    assert progress == ["Start", "Renegotiate", "Start", "Stop"]
    names = bench.names()
    assert names[names.index("MeteringReceiptRes") + 1] in ("CurrentDemandReq", "PowerDeliveryReq")
    assert bench.safe


async def test_a_welded_contactor_is_noticed() -> None:
    """The inlet stays live after charging: WeldingDetection goes on for its time, and the outcome says so."""
    bench = PncBench()
    bench.vehicle.contactors.welded = True
    vehicle, charger = await bench.run()
    assert any("is a contactor welded" in note for note in vehicle.notes)
    assert bench.messages("WeldingDetectionRes")
    assert charger.ok
    assert bench.wire.ev.state is State.B
