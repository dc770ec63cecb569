"""The table of content rules: it covers every value, never trips over a message, and its page is current."""

from __future__ import annotations

import typing
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instances import instances, roots, seeded

from secc.minimal import minimal
from v2g.messages import din70121, iso2
from v2g.physical import physical
from v2g.protocols import ISO2
from v2g.reading import body_of
from v2g.rules import parameters
from v2g.rules.facts import Facts
from v2g.rules.page import page
from v2g.rules.quantities import FIELDS, physical_values
from v2g.rules.rule import Live
from v2g.rules.schedule import read
from v2g.rules.table import RULES, hear

DOCS = Path(__file__).parents[3] / "docs" / "rules.md"


def test_the_page_of_the_docs_is_drawn_from_the_table() -> None:
    assert DOCS.read_text(encoding="utf-8") == page(), "python -m v2g.rules.page > docs/rules.md"


@pytest.mark.parametrize("module", [iso2, din70121], ids=lambda module: module.__name__)
def test_every_physical_value_has_its_unit_in_the_table(module: Any) -> None:
    """A parameter of a service, which can be anything, is the only one without."""
    kinds = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, msgspec.Struct)]
    names = {
        name
        for kind in kinds
        for name, hint in typing.get_type_hints(kind).items()
        if module.PhysicalValueType in (hint, *typing.get_args(hint))
    }
    assert names - {"physicalValue"} <= set(FIELDS)
    assert len(names) > 25


def test_physical_values_are_found_in_lists_and_in_parts_of_parts() -> None:
    value = iso2.PhysicalValueType(Multiplier=0, Unit="W", Value=7)
    entry = iso2.ProfileEntryType(ChargingProfileEntryStart=0, ChargingProfileEntryMaxPower=value)
    body = iso2.PowerDeliveryReq(
        ChargeProgress="Start",
        SAScheduleTupleID=1,
        ChargingProfile=iso2.ChargingProfileType(ProfileEntry=[entry, entry]),
    )
    assert [(found.path, found.amount) for found in physical_values(body)] == [
        ("ChargingProfile.ProfileEntry.1.ChargingProfileEntryMaxPower", 7.0),
        ("ChargingProfile.ProfileEntry.2.ChargingProfileEntryMaxPower", 7.0),
    ]


def test_rules_name_messages_of_their_own_side() -> None:
    for rule in RULES:
        for name in rule.messages:
            assert name.endswith("Req") is (rule.side == "evcc") or not rule.side, (rule.name, name)
        if rule.live is Live.PROTECTED:
            assert rule.messages in (("CurrentDemandRes",), ("DC_ChargeLoopRes",))


SETS = ["iso2", "din70121", "appproto", "iso20-common", "iso20-dc", "iso20-ac"]


@pytest.mark.parametrize("schema_set", SETS)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_no_message_trips_a_rule_whatever_came_before(schema_set: str, data: st.DataObject) -> None:
    """Random messages in random order: rules find something or nothing, and raise never."""
    facts = Facts(secure=False)
    for number in range(4):
        message = data.draw(instances(schema_set, fragment=False)).message
        if (body := body_of(message)) is not None:
            hear(facts, body, protocol=schema_set, now=float(number), session_id=b"12345678")


@pytest.mark.parametrize("schema_set", SETS)
def test_no_kind_of_message_trips_a_rule(schema_set: str) -> None:
    """Each message with all of its optional parts, and with none, after all the others."""
    for full in (True, False):
        facts = Facts(secure=True)
        for turn in range(2):
            for root in roots(schema_set, fragment=False):
                message = seeded(root, turn, full=full).message
                if (body := body_of(message)) is not None:
                    hear(facts, body, protocol=schema_set, now=float(turn), session_id=b"12345678")


def test_a_schedule_whose_entries_have_no_start_says_nothing() -> None:
    """The schema of DIN SPEC 70121 allows an abstract TimeInterval."""
    entry = din70121.PMaxScheduleEntryType(TimeInterval=din70121.IntervalType(), PMax=11)
    pmax = din70121.PMaxScheduleType(PMaxScheduleID=1, PMaxScheduleEntry=[entry])
    assert read(din70121.SAScheduleTupleType(SAScheduleTupleID=1, PMaxSchedule=pmax)).steps == ()


def _tariff(level: int, ends: int, number: int = 1) -> iso2.SAScheduleTupleType:
    entry = iso2.SalesTariffEntryType(
        TimeInterval=iso2.RelativeTimeIntervalType(start=0, duration=ends), EPriceLevel=level
    )
    pmax = iso2.PMaxScheduleEntryType(
        TimeInterval=iso2.RelativeTimeIntervalType(start=0, duration=3600), PMax=physical(iso2, 11_000.0, "W")
    )
    return iso2.SAScheduleTupleType(
        SAScheduleTupleID=number,
        PMaxSchedule=iso2.PMaxScheduleType(PMaxScheduleEntry=[pmax]),
        SalesTariff=iso2.SalesTariffType(SalesTariffID=1, NumEPriceLevels=3, SalesTariffEntry=[entry]),
    )


@pytest.mark.parametrize(
    ("schedules", "said"),
    [
        ([_tariff(1, 3600)], ""),
        ([_tariff(1, 1800)], ""),
        ([_tariff(1, 3600), _tariff(1, 3600, 2)], ""),
        ([_tariff(0, 3600)], "tariff 1 has level 0"),
        ([_tariff(1, 4800)], "tariff 1 lasts until 4800 s, and its schedule until 3600 s"),
        ([_tariff(1, 3600), _tariff(2, 3600, 2)], "tariff 1 is there twice, with other entries"),
    ],
)
def test_a_tariff_is_one_of_its_own_and_fits_its_schedule(schedules: list[Any], said: str) -> None:
    """A tariff may end sooner: the vehicle may read only so many entries."""
    offer = iso2.SAScheduleListType(SAScheduleTuple=schedules)
    body = minimal(ISO2.schema, iso2.ChargeParameterDiscoveryRes, dc=True, SASchedules=offer)
    assert parameters.tariff_other(Facts(), body) == said


@pytest.mark.parametrize(
    ("request_", "first", "payment", "found"),
    [
        (iso2.AuthorizationReq(Id="id1", GenChallenge=bytes(16)), False, "Contract", True),
        (iso2.AuthorizationReq(), False, "Contract", False),
        (iso2.AuthorizationReq(Id="id1", GenChallenge=bytes(16)), True, "Contract", False),
        (iso2.AuthorizationReq(Id="id1", GenChallenge=bytes(16)), False, "ExternalPayment", False),
    ],
)
def test_only_the_first_authorization_request_proves_who_pays(
    request_: iso2.AuthorizationReq, first: bool, payment: str, found: bool
) -> None:
    facts = Facts(payment=payment, contract_details=first)
    breaches = hear(facts, request_, protocol="iso2", now=0.0, session_id=bytes(8), signed=True)
    assert ("authorization-repeated" in {breach.rule.name for breach in breaches}) is found
