"""What the tester vehicle has for each protocol: the course of a session, its steps, its requests, its contract."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.secc import din70121, iso2, iso20
from plugfest.conformance.secc.iso20_walk import WALK20
from plugfest.conformance.secc.iso20_ways import Kind20
from plugfest.conformance.secc.paying import Paying20
from plugfest.conformance.secc.tester import Generation, TesterEv
from plugfest.conformance.secc.walk import WALK
from plugfest.conformance.secc.ways import Kind
from plugfest.conformance.sut.systems import ChargerUnderTest
from v2g import protocols
from v2g.trace import Observe, ignore

if TYPE_CHECKING:
    from v2g.tls import Context as TlsContext


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


def new_tester(
    system: ChargerUnderTest,
    pics: Pics,
    protocol: protocols.Protocol = protocols.ISO2,
    observe: Observe = ignore,
    rng: random.Random | None = None,
    tls: TlsContext | None = None,
) -> TesterEv:
    """A tester vehicle that knows all protocols; arguments as for its fields."""
    return TesterEv(system, pics, protocol, observe, rng or random.Random(1), tls, generations=GENERATIONS)
