"""The ready cars and stations of the bench as devices under test: most were made after recordings of real ones."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from faults.runs import RUNS

from plugfest import config, plants, session_options
from plugfest.config.model import Bench
from plugfest.conformance.catalogue import Run
from plugfest.conformance.catalogue.pics import Pics, excluded
from plugfest.conformance.sut.own_system import FAST
from plugfest.deviations import Deviations
from secc.envelope import LimitedOutput


@dataclass(frozen=True)
class Ready:
    """A ready car or station in one protocol, as its maker would declare it.

    Attributes:
        kind: car or station.
        name: of the ready car or station.
        pointless: runs that find nothing to judge, each with the reason.
        breaks: runs that fail, each with what the device does against the standard.
        declared: what the PICS file says, other than the defaults.
        keys: of the vehicle or charger in a bench file, instead of a ready one.
        top: other keys of the bench file.
    """

    kind: str
    name: str
    protocol: str
    ac: bool = False
    pointless: Mapping[str, str] = field(default_factory=dict)
    breaks: Mapping[str, str] = field(default_factory=dict)
    declared: Mapping[str, Any] = field(default_factory=dict)
    keys: Mapping[str, Any] = field(default_factory=dict)
    top: Mapping[str, Any] = field(default_factory=dict)

    @property
    def label(self) -> str:
        return f"{self.name}-{self.protocol}-{'ac' if self.ac else 'dc'}"

    @property
    def role(self) -> str:
        return "evcc" if self.kind == "car" else "secc"

    @cached_property
    def bench(self) -> Bench:
        part = "vehicle" if self.kind == "car" else "charger"
        keys = self.keys or {self.kind: self.name}
        return config.loads(json.dumps({"role": self.role, "interface": "lo", "ac": self.ac, **self.top, part: keys}))

    @cached_property
    def pics(self) -> Pics:
        mode = {"PICS_CMN_CMN_ChargingMode": "aC" if self.ac else "dC"}
        return Pics({**FAST, **mode, **self.declared})

    def adjust(self, system: Any) -> None:
        """Our role as the system under test becomes this device."""
        (self._car if self.kind == "car" else self._station)(system)

    def runs(self) -> list[Run]:
        """Those that a campaign with its PICS file has, except where it is known to differ."""
        return [
            run
            for run in RUNS.values()
            if run.case.sut == self.role
            and run.protocol == self.protocol
            and not run.with_session
            and not excluded(run, self.pics)
            and run.id not in {**self.pointless, **self.breaks}
        ]

    def _car(self, system: Any) -> None:
        """Our vehicle under test becomes this car; wallets and clock stay."""
        old = system.options
        system.vehicle = plants.make_vehicle(self.bench, system.wire.ev)
        options = session_options.vehicle(self.bench, old.now, lambda text: None)
        options.observe, options.protocols, options.tolerant = old.observe, old.protocols, old.tolerant
        options.wallet, options.wallet20 = old.wallet, old.wallet20
        Deviations(self.bench.deviations, "Req", lambda *_: None, {}).install(options)
        system.options = options

    def _station(self, system: Any) -> None:
        """Our charger under test becomes this station; its customers, and the battery at its terminals, stay."""
        evse, options = system.evse, system.options
        station = plants.make_charger(self.bench, system.wire.evse, random.Random(1))
        vars(evse).update(vars(station) | {"authorizer": evse.authorizer})
        if isinstance(evse.power, LimitedOutput):
            system.power = evse.power.driver
            system.power.load = lambda: None
        own = session_options.charger(self.bench, evse, options.now, options.rng)
        options.timing, options.stamps, options.any_transport = own.timing, own.stamps, own.any_transport
        Deviations(self.bench.deviations, "Res", lambda *_: None, self.bench.charger.delays).install(options)


DIN, ISO2, ISO20 = "din70121", "iso15118-2", "iso15118-20"
NO_SERVICES = {"PIXIT_EVCC_CMN_VAS": "none"}
BOTH_WAYS = {"PICS_CMN_ISO20_BPT": True}
ONE_SCHEDULE = "its schedule never allows less"
FULL_RANGE = {"PF_SECC_DIN_PowerDelivery_BadProfile": "it offers as much as DIN SPEC 70121 can say"}
NO_METER = "it leaves MeterInfo out although it is asked for"

READY = (
    Ready("car", "hyundai-ioniq", DIN),
    Ready("car", "audi-q4", DIN),
    Ready("car", "audi-q4", ISO2, declared=NO_SERVICES),
    Ready("car", "tester", ISO2, declared=NO_SERVICES),
    Ready("car", "vw-id-patient", ISO2, ac=True, declared=NO_SERVICES),
    Ready(
        "car", "simulator-20-ac", ISO20, ac=True, declared=BOTH_WAYS,
        breaks={"PF_EVCC_ISO20_TLS_Parameters#7": "it uses ISO 15118-20 over any transport"},
    ),
    Ready("station", "compleo-50", DIN, pointless=FULL_RANGE),
    Ready("station", "tester", DIN, pointless=FULL_RANGE),
    Ready(
        "station", "tester", ISO2,
        pointless={
            "PF_SECC_ISO2_PowerFlow#21": ONE_SCHEDULE,
            "PF_SECC_ISO2_ChargeParameter_Ranges#1": "it delivers from 0 V on",
        },
    ),
    Ready("station", "tester", ISO2, ac=True, pointless={"PF_SECC_ISO2_PowerFlow_AC#7": ONE_SCHEDULE}),
    Ready("station", "everest-dev", ISO2, pointless={"PF_SECC_ISO2_PowerFlow#21": ONE_SCHEDULE}),
    Ready("station", "everest-dev", ISO2, ac=True, pointless={"PF_SECC_ISO2_PowerFlow_AC#7": ONE_SCHEDULE}),
    Ready(
        "station", "tester-20", ISO20, declared={**BOTH_WAYS, "PIXIT_SECC_CMN_TLS": True},
        breaks={
            "PF_SECC_ISO20_PowerFlow_BPT#5": NO_METER,
            "PF_SECC_ISO20_PowerFlow_BPT#9": NO_METER,
            "PF_SECC_ISO20_Meter_DC_BPT_scheduled": NO_METER,
        },
    ),
    Ready(
        "station", "tester-20", ISO20, ac=True, declared={**BOTH_WAYS, "PIXIT_SECC_CMN_TLS": True},
        breaks={"PF_SECC_ISO20_Meter_AC_BPT_scheduled": NO_METER},
    ),
)  # fmt: skip
"""Not here are those that break the standard: pyplc, vw-id, and simulator-20-dc, whose energy requests jump."""
