"""Messages out of order: what a state forbids, and that each kind comes for every seed."""

from __future__ import annotations

import pytest

from plugfest.conformance.catalogue import case
from plugfest.conformance.orders import forbidden, requests, rotation
from v2g.protocols import DIN, ISO2, Protocol


@pytest.mark.parametrize(
    ("state", "allowed"),
    [
        ("SAP", {"SessionSetupReq"}),
        ("PreCharge", {"PreChargeReq", "PowerDeliveryReq", "SessionStopReq"}),
        ("PowerDelivery.Start", {"CurrentDemandReq", "PowerDeliveryReq", "SessionStopReq"}),
        ("PowerDelivery.Stop", {"WeldingDetectionReq", "SessionStopReq"}),
        ("ChargingLoop", {"CurrentDemandReq", "PowerDeliveryReq", "SessionStopReq"}),
    ],
)
def test_what_a_state_forbids(state: str, allowed: set[str]) -> None:
    """Everything but what the table has, legal or tolerated."""
    assert set(forbidden(ISO2, state)) == set(requests(ISO2)) - allowed


def test_payment_and_energy_matter() -> None:
    """A contract needs its details first, and in AC there is no cable check."""
    assert "AuthorizationReq" not in forbidden(ISO2, "PaymentServiceSelection")
    assert "AuthorizationReq" in forbidden(ISO2, "PaymentServiceSelection", contract=True)
    assert "CableCheckReq" in forbidden(ISO2, "ChargeParameterDiscovery", ac=True)


@pytest.mark.parametrize("seed", range(30))
@pytest.mark.parametrize(
    ("name", "protocol"), [("PF_SECC_ISO2_WrongRequest_DC", ISO2), ("PF_SECC_DIN_WrongRequest", DIN)]
)
def test_over_all_states_each_request_comes(name: str, protocol: Protocol, seed: int) -> None:
    """For every seed; never one that the state allows, and none twice in a state."""
    variants = case(name).variants
    places = max(int(variant["place"]) for variant in variants)
    choices = {str(variant["state"]): forbidden(protocol, str(variant["state"])) for variant in variants}
    drawn = rotation(choices, places, seed)
    assert all(set(names) <= set(choices[state]) for state, names in drawn.items())
    assert all(len(set(names)) == len(names) == places for names in drawn.values())
    coming = {request for few in choices.values() for request in few}
    assert {request for names in drawn.values() for request in names} == coming
    assert rotation(choices, places, seed) == drawn


def test_seeds_differ() -> None:
    """Another seed sends other requests in the same state."""
    choices = {"Authorization": forbidden(ISO2, "Authorization")}
    assert len({tuple(rotation(choices, 3, seed)["Authorization"]) for seed in range(20)}) > 10
