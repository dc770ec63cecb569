"""What two sides agree on, read from the messages of either role."""

from __future__ import annotations

from typing import Any

import pytest
from captures import SHARED, recording
from msgspec.structs import replace

from secc.minimal import minimal
from v2g import energy, prices
from v2g.messages.iso20 import ac, common, types
from v2g.physical import rational
from v2g.protocols import ISO20
from v2g.telling import words
from v2g.terms import Needs, Terms

CAPTURES = SHARED / "captures"
NEEDS_CAPTURES = pytest.mark.skipif(not CAPTURES.is_dir(), reason=f"no recordings in {CAPTURES}")


def entries(*steps: tuple[int, float]) -> common.PowerScheduleEntryListType:
    made = [common.PowerScheduleEntryType(Duration=seconds, Power=rational(watts)) for seconds, watts in steps]
    return common.PowerScheduleEntryListType(PowerScheduleEntry=made)


def schedule(*steps: tuple[int, float], tariff: prices.Tariff | None = None) -> common.ChargingScheduleType:
    return common.ChargingScheduleType(
        PowerSchedule=common.PowerScheduleType(TimeAnchor=0, PowerScheduleEntries=entries(*steps)),
        AbsolutePriceSchedule=None if tariff is None else prices.element(tariff, 0, 1, 100, 10),
    )


def selected(terms: Terms, service: energy.EnergyService, *, dynamic: bool) -> None:
    chosen = energy.ParameterSet(7, dynamic)
    detail = common.ServiceParameterListType(ParameterSet=[chosen.element()])
    terms.note(common.ServiceDetailRes(ResponseCode="OK", ServiceID=service.number, ServiceParameterList=detail), 1.0)
    pair = common.SelectedServiceType(ServiceID=service.number, ParameterSetID=7)
    terms.note(common.ServiceSelectionReq(SelectedEnergyTransferService=pair), 2.0)


@NEEDS_CAPTURES
def test_recorded_schedule_is_read_with_its_prices() -> None:
    found = recording(CAPTURES / "ISO-20_BPT_AC_DS5366_Josev.pcapng")
    terms = Terms()
    for entry in found.messages:
        terms.note(entry.body, entry.time)
    told = terms.digest(found.messages[-1].time)
    assert (told["service"], told["control"], told["schedule"]) == ("AC_BPT", "scheduled", 42)
    assert (told["scheduled_kw"], told["scheduled_back_kw"]) == (0.123, -0.123)
    assert (told["price"], told["price_unit"]) == (0.5, "EUR/kWh")
    assert 7190 < told["departure"] < 7200
    assert terms.offers[48].unit == "level"


@NEEDS_CAPTURES
def test_recorded_mobility_needs_are_read() -> None:
    found = recording(CAPTURES / "ISO-20_TLS13_DC_DS5366_Josev.pcapng")
    terms = Terms()
    for entry in found.messages:
        terms.note(entry.body, entry.time)
    told = terms.digest(found.messages[-1].time)
    assert (told["service"], told["control"]) == ("DC", "dynamic")
    assert (told["minimum_soc"], told["target_soc"], told["needs_by"]) == (30, 80, "vehicle")


def test_needs_belong_to_who_changed_them_last() -> None:
    """Seconds that count down are the same departure."""
    terms = Terms()
    zero = rational(0.0)
    for second, departure in ((10, 3600), (11, 3599), (12, 3598)):
        asked = ac.Dynamic_AC_CLReqControlModeType(
            DepartureTime=departure, EVTargetEnergyRequest=zero, EVMaximumEnergyRequest=zero,
            EVMinimumEnergyRequest=zero, EVMaximumChargePower=zero, EVMinimumChargePower=zero,
            EVPresentActivePower=zero, EVPresentReactivePower=zero,
        )  # fmt: skip
        shown = types.DisplayParametersType(PresentSOC=40, TargetSOC=80)
        terms.note(
            ac.AC_ChargeLoopReq(DisplayParameters=shown, MeterInfoRequested=False, CLReqControlMode=asked), second
        )
    assert terms.needs == Needs(3610.0, None, 80, "vehicle")
    answer = ac.Dynamic_AC_CLResControlModeType(
        DepartureTime=600,
        MinimumSOC=50,
        EVSETargetActivePower=rational(-3000.0),
        EVSETargetActivePower_L2=rational(-1.0),
    )
    terms.note(ac.AC_ChargeLoopRes(ResponseCode="OK", CLResControlMode=answer), 20.0)
    assert terms.needs == Needs(620.0, 50, 80, "charger")
    assert terms.target == -3001.0


def test_schedule_counts_from_when_it_came() -> None:
    """Both directions and the price of the first kWh, until each is over."""
    terms = Terms()
    selected(terms, energy.DC_BPT, dynamic=False)
    tariff = prices.Tariff(
        (prices.Stack(0, (prices.Rule(0.5, 5000.0), prices.Rule(0.4))), prices.Stack(30, (prices.Rule(-0.1),)))
    )
    tuples = [
        common.ScheduleTupleType(ScheduleTupleID=3, ChargingSchedule=schedule((100, 5_000.0))),
        common.ScheduleTupleType(
            ScheduleTupleID=9,
            ChargingSchedule=schedule((20, 11_000.0), (80, 0.0), tariff=tariff),
            DischargingSchedule=schedule((20, 0.0), (80, -7_000.0)),
        ),
    ]
    offered = common.Scheduled_SEResControlModeType(ScheduleTuple=tuples)
    ongoing = common.ScheduleExchangeRes(
        ResponseCode="OK", EVSEProcessing="Ongoing", Scheduled_SEResControlMode=offered
    )
    terms.note(ongoing, 5.0)
    assert terms.offer is None
    terms.note(
        common.ScheduleExchangeRes(ResponseCode="OK", EVSEProcessing="Finished", Scheduled_SEResControlMode=offered),
        10.0,
    )
    assert terms.digest(10.0)["scheduled_kw"] == 5.0  # nothing chosen yet
    profile = common.EVPowerProfileType(
        TimeAnchor=0,
        Scheduled_EVPPTControlMode=common.Scheduled_EVPPTControlModeType(SelectedScheduleTupleID=9),
        EVPowerProfileEntries=common.EVPowerProfileEntryListType(
            EVPowerProfileEntry=entries((50, 6_000.0)).PowerScheduleEntry
        ),
    )
    start = common.PowerDeliveryReq(EVProcessing="Finished", ChargeProgress="Start", EVPowerProfile=profile)
    terms.note(start, 12.0)

    def now(time: float) -> list[float | None]:
        told = terms.digest(time)
        return [told.get(name) for name in ("scheduled_kw", "scheduled_back_kw", "price")]

    assert now(9.0) == [None, None, None]
    assert now(10.0) == [11.0, 0.0, 0.4]
    assert now(30.0) == [0.0, -7.0, 0.4]
    assert now(40.0) == [0.0, -7.0, -0.1]
    assert now(110.0) == [None, None, None]
    assert terms.profile is not None
    assert terms.profile.points == ((12.0, 6_000.0),)


def test_standby_is_entered_and_left_with_the_charger_s_consent() -> None:
    terms = Terms()
    wish = types.EVSEStatusType(NotificationMaxDelay=0, EVSENotification="ExitStandby")

    def delivery(
        progress: common.chargeProgressType, code: types.responseCodeType, status: types.EVSEStatusType | None = None
    ) -> bool:
        terms.note(common.PowerDeliveryReq(EVProcessing="Finished", ChargeProgress=progress), 1.0)
        terms.note(common.PowerDeliveryRes(ResponseCode=code, EVSEStatus=status), 1.0)
        return terms.standby

    assert not delivery("Standby", "WARNING_StandbyNotAllowed")
    assert delivery("Standby", "OK", wish)
    assert terms.wish == "ExitStandby"
    assert not delivery("Start", "OK")
    assert terms.wish == ""


def test_nonsense_that_a_bench_sends_on_purpose_is_nobody_s_terms() -> None:
    terms = Terms()
    asked = common.Dynamic_SEReqControlModeType(
        DepartureTime="soon",  # type: ignore[arg-type]  # wrong on purpose
        EVTargetEnergyRequest=rational(0.0), EVMaximumEnergyRequest=rational(0.0), EVMinimumEnergyRequest=rational(0.0),
    )  # fmt: skip
    terms.note(common.ScheduleExchangeReq(MaximumSupportingPoints=12, Dynamic_SEReqControlMode=asked), 1.0)
    terms.note(None, 2.0)
    assert terms == Terms()


MESSAGES = [
    (name, kind)
    for module in ISO20.modules.values()
    for name, kind in sorted(vars(module).items())
    if name.endswith(("Req", "Res")) and isinstance(kind, type) and hasattr(kind, "__struct_fields__")
]


@pytest.mark.parametrize(("name", "kind"), MESSAGES, ids=lambda value: value if isinstance(value, str) else "")
def test_any_message_is_taken_and_told_even_the_smallest(name: str, kind: type[Any]) -> None:
    """And each with any one of its fields left out, or of another type, as a bench may send it."""
    message = minimal(ISO20.schema_of(kind), kind)
    for field in ("", *kind.__struct_fields__):
        for odd in (None, "odd", 7, []):
            sent = replace(message, **{field: odd}) if field else message
            terms = Terms()
            terms.note(sent, 1.0)
            terms.digest(2.0)
            assert all(isinstance(word, str) for word in words(sent))
