"""Identifiers of requirements by subject and protocol, for findings; content rules have their own."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

DIN, ISO2, ISO20 = "din70121", "iso2", "iso20"
LOOP = "loop"
"""Suffix of a timer's name for its value in the charge loop."""


class Topic(Enum):
    """What is required."""

    ORDER = "requests follow the protocol's order"
    RESPONSE = "a response has the type of its request"
    SEQUENCE_ERROR = "a request in order is not refused as out of order"
    TOLERATED = "a request that is out of order is refused"
    REFUSAL = "a refusal ends the session"
    SESSION_ID = "both sides use the id that the charger gave"
    ZERO_ID = "the id is not zero"
    TRANSPORT = "the protocol uses the transport that it requires"
    PILOT = "the vehicle shows the pilot state that a request presupposes"
    PILOT_AC = "the vehicle goes to C or D at the start of AC charging"


_IDS: Mapping[Topic, Mapping[str, str]] = {
    Topic.ORDER: {DIN: "V2G-DC-390 to 401", ISO20: "V2G20-459", ISO2: "V2G2-538"},
    Topic.RESPONSE: {ISO2: "V2G2-538"},
    Topic.SEQUENCE_ERROR: {ISO2: "V2G2-538", ISO20: "V2G20-459"},
    Topic.TOLERATED: {ISO2: "V2G2-459", ISO20: "V2G20-459"},
    Topic.REFUSAL: {ISO2: "V2G2-539", DIN: "V2G-DC-665"},
    Topic.SESSION_ID: {ISO2: "V2G2-460", ISO20: "V2G20-460"},
    Topic.ZERO_ID: {ISO2: "V2G2-750"},
    Topic.PILOT: {DIN: "V2G-DC-547"},
    Topic.PILOT_AC: {ISO2: "V2G2-847", ISO20: "V2G20-847"},
    Topic.TRANSPORT: {ISO2: "V2G2-635", ISO20: "V2G20-1237"},
}

_TIMERS: Mapping[str, Mapping[str, str]] = {
    "V2G_SECC_Sequence_Timeout": {ISO2: "V2G2-443"},
    f"V2G_EVCC_Sequence_Performance_Time {LOOP}": {ISO20: "V2G20-1499"},
    f"V2G_SECC_Sequence_Timeout {LOOP}": {ISO20: "V2G20-1500"},
    "V2G_SECC_Ongoing_Performance_Time": {ISO2: "V2G2-712"},
    "V2G_EVCC_Ongoing_Timeout": {ISO2: "V2G2-710"},
    "V2G_SECC_CommunicationSetup_Performance_Time": {ISO2: "V2G2-716"},
    "V2G_EVCC_CommunicationSetup_Timeout": {ISO2: "V2G2-714"},
}
"""By the name in :class:`v2g.timing.Timing`."""


def requirement(topic: Topic, protocol: str) -> str:
    """The identifier of a requirement in a protocol; "" if none is known."""
    return _IDS[topic].get(protocol, "")


def of_timer(name: str, protocol: str, *, in_loop: bool = False) -> str:
    """The same for the value of a timer."""
    return _TIMERS.get(f"{name} {LOOP}" if in_loop else name, {}).get(protocol, "")
