"""What the tester vehicle has for each protocol: the course of a session, its steps, its requests, its contract."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.secc import din70121, iso2, iso20
from plugfest.conformance.secc.contract import Paying
from plugfest.conformance.secc.iso20_contract import Paying20
from plugfest.conformance.secc.iso20_walk import WALK20
from plugfest.conformance.secc.iso20_ways import Kind20
from plugfest.conformance.secc.walk import WALK, Step
from plugfest.conformance.secc.ways import Kind
from plugfest.conformance.sut.certificates import Certificates
from v2g import protocols
from v2g.credentials import Credential

if TYPE_CHECKING:
    from plugfest.conformance.secc.requests import Maker
    from plugfest.conformance.secc.tester import TesterEv
    from plugfest.conformance.wire import Arrival


class Way(Protocol):
    """The path of a session to any of its states."""

    @property
    def line(self) -> list[str]:
        """A whole session."""

    def way_to(self, state: str) -> list[str]:
        """The steps to a state; KeyError: there is no such state."""


@dataclass(frozen=True)
class Generation:
    """What a protocol needs.

    Attributes:
        way: built from the protocol, the declarations, and the parameter set of the certificate service in use.
        walk: steps by the state they reach.
        requests: makers of good-case requests, by name.
        paying: built from certificates, contract and provisioning certificate.
        schedules: the offered schedules, taken from the latest responses by name.
        note: processes a response of the right type.
    """

    way: Callable[[protocols.Protocol, Pics, int | None], Way]
    walk: Mapping[str, Step]
    requests: Mapping[str, Maker]
    paying: Callable[[Certificates, Credential, Credential], Paying | Paying20] = Paying
    schedules: Callable[[Mapping[str, Any]], list[Any]] = lambda responses: []
    note: Callable[[TesterEv, Arrival], None] = lambda tester, arrival: None


def _sa_schedules(responses: Mapping[str, Any]) -> list[Any]:
    found = responses.get("ChargeParameterDiscoveryRes")
    return list(getattr(getattr(found, "SASchedules", None), "SAScheduleTuple", None) or ())


GENERATIONS: Mapping[str, Generation] = {
    protocols.DIN.name: Generation(Kind.of, WALK, din70121.REQUESTS, schedules=_sa_schedules),
    protocols.ISO2.name: Generation(Kind.of, WALK, iso2.REQUESTS, schedules=_sa_schedules),
    protocols.ISO20.name: Generation(
        Kind20.of, WALK20, iso20.REQUESTS, paying=Paying20, schedules=iso20.schedules, note=iso20.note
    ),
}
"""By protocol name."""
