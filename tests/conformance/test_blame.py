"""What a verdict on a vehicle blames: the message that was wrong, and the fault that was seen."""

from __future__ import annotations

import asyncio
import re
from types import SimpleNamespace
from typing import Any, cast

import pytest
from faults import FAULTS
from faults.fault import Fault
from faults.runs import RUNS, one

from plugfest.conformance.catalogue.phrases import SERVERS
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.scripts.tls import change_options
from plugfest.conformance.evcc.scripts.tls20 import speaks_less
from plugfest.conformance.sut.own import OwnVehicle
from plugfest.conformance.verdict import Failed, Verdict
from v2g.channel import Channel
from v2g.protocols import ISO20

HANDSHAKE, COMMON = 0x8001, 0x8002
"""Payload types of supportedAppProtocol, and of the messages that all services share."""

BY_NAME = {fault.name: fault for fault in FAULTS}


@pytest.mark.parametrize(
    ("run", "answered"),
    [("PF_EVCC_ISO2_Authorization_Failed#1", "AuthorizationRes"),
     ("PF_EVCC_DIN_ContractAuthentication_Failed#1", "ContractAuthenticationRes")],
)  # fmt: skip
def test_a_vehicle_that_goes_on_does_so_after_what_it_ignored(run: str, answered: str) -> None:
    """The tester goes on until the vehicle closes; what it sends meanwhile has nothing to do with the fault."""
    reason = one(RUNS[run], BY_NAME["ev-ignores-failed"]).reason
    found = re.search(r"the vehicle went on with \w+ \(([\d.]+) s after the tester's last message, (\w+)\)", reason)
    assert found is not None, reason
    assert found[2] == answered
    assert float(found[1]) < 0.5


def test_a_vehicle_that_ignores_a_warning_does_so_after_it() -> None:
    """Not after what the tester has answered since."""
    fault = BY_NAME["20-starts-warned"]
    result = one(RUNS[fault.caught_by[0]], fault)
    text = " ".join([result.reason, *(found.text for found in result.findings)])
    found = re.search(r"the vehicle goes on with (\w+)Req \([\d.]+ s after the tester's last message, (\w+)\)", text)
    assert found is not None, text
    assert found[2] == "PowerDeliveryRes"


def test_a_vehicle_that_waits_too_long_is_told_how_long() -> None:
    """Its verdict says how much time it had."""
    reason = one(RUNS["PF_EVCC_ISO20_PreCharge_Never"], Fault("x", "x", "evcc", (), _patient, (), False)).reason
    found = re.search(
        r"went on with DC_PreChargeReq after ([\d.]+) s \(.*no further request once ([\d.]+) s are", reason
    )
    assert found is not None, reason
    assert float(found[1]) > float(found[2])


def _patient(system: Any) -> None:
    system.options.timing = {"V2G_EVCC_PreCharge_Timeout": 100.0}


def test_a_vehicle_that_takes_what_it_must_not_read_has_not_given_up() -> None:
    """It goes on at once, long before the timer that it should have waited for."""
    right, greeted = Channel.read_frame, set[int]()

    async def read_frame(self: Channel) -> tuple[int, bytes]:
        kind, payload = await right(self)
        first = id(self) not in greeted
        greeted.add(id(self))
        return (kind if first or kind != HANDSHAKE else COMMON), payload

    reading = Fault("x", "x", "evcc", (), lambda system: None, ((Channel, "read_frame", read_frame),), False)
    reason = one(RUNS["PF_EVCC_ISO20_OldType_Common#2"], reading).reason
    assert "the vehicle went on with AuthorizationReq (" in reason


def test_a_vehicle_that_never_connected_has_refused_nothing() -> None:
    """A program that breaks off in its search would pass each case of a wrong certificate."""

    async def nobody(self: Any, search: Any) -> None:
        self.outcome = object()

    lost = Fault("x", "x", "evcc", (), lambda system: None, ((OwnVehicle, "_session", nobody),), False)
    for run in (
        "PF_EVCC_ISO20_TLS_ServerCert#3",
        "PF_EVCC_ISO2_TLS_ServerCert#2",
        "PF_EVCC_ISO2_SDP_BadContent#5",
        "PF_EVCC_ISO2_SDP_BadHeader#1",
        "PF_EVCC_ISO2_SDP_NoTls",
    ):
        result = one(RUNS[run], lost)
        assert (result.verdict, result.cause) == (Verdict.INCONC, Cause.NOT_CONNECTED), run


@pytest.mark.parametrize("run", ["PF_EVCC_ISO2_SDP_BadHeader#1", "PF_EVCC_ISO2_SDP_BadContent#5"])
def test_a_vehicle_may_take_time_to_start(run: str) -> None:
    """What it does is judged from its first request on, however late that comes."""
    right = OwnVehicle._session

    async def late(self: Any, search: Any) -> Any:
        await asyncio.sleep(20.0)
        return await right(self, search)

    result = one(RUNS[run], Fault("x", "x", "evcc", (), lambda system: None, ((OwnVehicle, "_session", late),), False))
    assert result.verdict is Verdict.PASS
    assert not result.observed[0].startswith("0 requests")


def test_a_vehicle_under_another_name_than_its_certificate_s_is_a_finding() -> None:
    """[V2G20-2598]; a charger may tolerate it."""
    run = RUNS["PF_EVCC_ISO20_SessionSetup_Request"]
    result = one(
        run, Fault("x", "x", "evcc", (), lambda system: setattr(system.vehicle, "evccid20", "WMIX1"), (), False)
    )
    assert result.verdict is Verdict.PASS
    assert [one for one in result.findings if "EVCCID WMIX" in one.text]
    assert [one for one in one(run).findings if "EVCCID" in one.text] == []


def test_a_vehicle_with_both_control_modes_may_take_the_one_on_offer() -> None:
    """The PICS file names one of them; that the other is undeclared is not a fault of the vehicle."""

    def other(system: Any) -> None:
        system.options.control = "dynamic"

    result = one(RUNS["PF_EVCC_ISO20_Content_NoSet_Scheduled#1"], Fault("x", "x", "evcc", (), other, (), False))
    assert (result.verdict, result.cause) == (Verdict.INCONC, Cause.NOT_DECLARED)


def _never_asks(system: Any) -> None:
    change_options(system.tls, system.tls.options.change(status_request="none", staple="ignore"))


@pytest.mark.parametrize(
    ("run", "rule"),
    [
        ("PF_EVCC_ISO20_TLS_ServerCert#2", "V2G20-2372"),
        ("PF_EVCC_ISO20_TLS_ServerCert#5", "V2G20-2372"),
        (next(run.id for run in RUNS.values() if run.variant.get("cert") == "revoked"), "V2G20-2372"),
        ("PF_EVCC_ISO2_TLS_ServerCert#7", "V2G2-873"),
    ],
)
def test_a_vehicle_that_asks_for_no_ocsp_response_is_blamed_for_that(run: str, rule: str) -> None:
    """It has not accepted one that says revoked: none was sent."""
    result = one(RUNS[run], Fault("x", "x", "evcc", (), _never_asks, (), False))
    assert result.verdict is Verdict.FAIL
    assert "without asking for OCSP responses" in result.reason
    assert f"({rule})" in result.reason


def test_a_second_schedule_that_is_not_agreed_on_says_how() -> None:
    """The vehicle stays in the loop here; another may close the connection."""
    reason = one(RUNS["PF_EVCC_ISO20_Renegotiation_Twice"], BY_NAME["20-ev-renegotiates-once"]).reason
    assert "the vehicle has not followed, within 60 s, the second ScheduleRenegotiation of a session" in reason


def test_a_danger_that_is_ignored_is_named_in_words() -> None:
    """What the charger reported, not the catalogue's short word."""
    fault = next(one for one in FAULTS if any("_Danger_DC#1" in name for name in one.caught_by))
    name = next(name for name in fault.caught_by if "_Danger_DC#1" in name)
    result = one(RUNS[name], fault)
    text = " ".join([result.reason, *(found.text for found in result.findings)])
    assert "the vehicle goes on charging although the charger reports more " in text
    fault = next(one for one in FAULTS if "PF_EVCC_ISO2_CurrentDemand_StatusCode#2" in one.caught_by)
    reason = one(RUNS["PF_EVCC_ISO2_CurrentDemand_StatusCode#2"], fault).reason
    assert "the vehicle goes on charging for 2 s with EVSEStatusCode EVSE_EmergencyShutdown" in reason


@pytest.mark.parametrize("words", ["TLS 1.2 only", "no client certificate requested"])
def test_an_offer_of_iso20_without_its_tls_names_both_sides(words: str) -> None:
    """The vehicle, what it offers, and what the charger's TLS lacks."""
    namespace = ISO20.offers[0].namespace
    entry = SimpleNamespace(ProtocolNamespace=namespace)
    asked = SimpleNamespace(message=SimpleNamespace(AppProtocol=[entry]), time=1.0)
    with pytest.raises(Failed) as why:
        speaks_less(cast(Any, SimpleNamespace(requests=[asked])), words)
    assert str(why.value) == f"the vehicle offers {namespace} to a charger {SERVERS[words]}"
    assert why.value.at == 1.0
