"""Our own roles as systems under test, in memory: chargers and vehicles that behave as a PICS file declares.

Scripts can be written against them without hardware, and every executable case is tested against them.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from ipaddress import IPv6Address
from typing import TYPE_CHECKING, Any

from evcc import charge as evcc
from evcc.battery import PACKS, Battery
from evcc.vehicle import OnboardCharger, Settings, Vehicle
from plugfest.conformance.catalogue.pics import Pics
from plugfest.conformance.sut import certificates, contracts, own_iso20
from plugfest.conformance.watch.flow import Measured
from secc import serve as secc
from secc.authorizer import Authorizer, Customer, Delayed, Immediate
from secc.charger import Evse, Fault, Wish, simulated
from secc.outlet import Outlet
from secc.plan import Plan, Price, Slot
from secc.services import FIRST_OWN, INTERNET, Service
from secc.simulated import Dynamics
from slac.connector import CCS2, MCS
from slac.pilot import State
from slac.pilots import SimulatedPilot
from v2g import sdp
from v2g.channel import Channel
from v2g.energy import PARKING
from v2g.memory import CHARGER, VEHICLE, MemoryNetwork
from v2g.outcome import Outcome
from v2g.protocols import DIN, ISO2, ISO20, Protocol
from v2g.trace import Observe, ignore

if TYPE_CHECKING:
    from v2g.tls import Context as TlsContext

EPOCH = 1_700_000_000.0
"""Wall clock at loop time 0, Unix seconds."""


BAD_OHMS = 20_000.0
"""Insulation of a cable that is wet: less than 100 ohm/V at any test voltage."""
OUTPUT = replace(own_iso20.LARGE_OUTPUT, max_current=300.0)
"""Ratings with which current and power run out at different voltages of usual batteries."""
SMALL_OUTPUT = replace(OUTPUT, max_current=60.0, max_power=30_000.0)
"""The same for DIN SPEC 70121, which cannot say more than 32767 W, so that no profile could exceed that."""
FALLS, RISES, PART = 25, 35, 0.75
"""s after which its schedules allow less, or more; and the part of its power that is less."""
DRAWN = 10.0
"""A per phase that a load draws from an AC outlet."""


def _now() -> float:
    return EPOCH + asyncio.get_running_loop().time()


@dataclass
class OwnCharger:
    """Our charger with its SDP server and ports, on a network in memory. Use `open`.

    Attributes:
        options: the role's options; their ``rewrite`` and ``answers`` are seams.
        evse: the plant.
        outlet: the role on the network.
        tls: the charger's TLS context; with one, the charger requires TLS.
        wire: the pilot to its vehicle.
    """

    pics: Pics
    protocols: tuple[Protocol, ...] = (ISO2, DIN)
    observe: Observe = ignore
    seed: int = 1
    tls: TlsContext | None = None
    tolerant: bool = False
    adjust: Callable[[OwnCharger], None] = lambda charger: None
    outcomes: list[Outcome] = field(default_factory=list)
    name: str = "plugfest charger, in memory"
    wire: SimulatedPilot = field(default_factory=SimulatedPilot)

    def __post_init__(self) -> None:
        pics, rng = self.pics, random.Random(self.seed)
        self._battery = False
        self.pilot = self.wire.ev
        self.network = MemoryNetwork()
        self.customer: Customer | None = None
        supply = own_iso20.supply(pics) if pics.ac else None
        # A cable check must take a moment for Ongoing to be seen.
        test = 1.0 if pics["PIXIT_SECC_DC_CableCheckOngoing"] == "ongoing" else 0.2
        rating = own_iso20.LARGE_OUTPUT
        if ISO20 not in self.protocols:
            rating = SMALL_OUTPUT if self.protocols == (DIN,) else OUTPUT
        self.power = None if pics.ac else own_iso20.output(pics, Dynamics(test_seconds=test), rng, rating)
        self.evse = Evse(
            self.wire.evse,
            connector=own_iso20.connector(pics),
            power=self.power,
            ac=supply,
            authorizer=self._authorizer(),
        )
        if pics["PIXIT_SECC_CMN_ChargeParameterDiscoveryOngoing"] == "ongoing":
            self.evse.planning_seconds = 1000.0
        if ISO20 not in self.protocols:
            self._plan(rng)
        if pics["PIXIT_SECC_CMN_SalesTariff"] == "salesTariff":
            self.evse.plans = [Plan(prices=[Price(0, 1), Price(3600, 2)])]
            if ISO20 not in self.protocols:
                self.evse.plans.append(Plan(prices=[Price(0, 2), Price(1800, 1)]))
        if self.power is not None:
            self.power.load = lambda: None
        self.options = secc.Options(
            protocols=self.protocols, tolerant=self.tolerant, observe=self.observe, now=_now, rng=rng
        )
        if ISO20 in self.protocols:
            own_iso20.dress(self.evse, pics)
            own_iso20.configure(self.options, pics)
            if pics.pnc:
                self.options.contracts = own_iso20.contracts(certificates.in_memory(ISO20), pics)
        elif pics.pnc:
            self.options.contracts = contracts.charger_contracts(certificates.in_memory(), pics)
            self.options.contracts.external = False
        if pics["PIXIT_SECC_CMN_VAS"] == "serviceDetail":
            internet = pics["PIXIT_SECC_CMN_InternetAccess"] == "internetAccess"
            self.options.services = (INTERNET,) if internet else (Service(60001, sets={1: {"Level": 1}}),)
        policy = sdp.TlsPolicy.REQUIRED if self.tls is not None else sdp.TlsPolicy.NONE
        self.outlet = Outlet(
            CHARGER,
            self.evse,
            self.options,
            policy=policy,
            context=self.tls,
            on_end=self.outcomes.append,
            wakes_after=float(pics["PIXIT_CMN_CMN_WakeUp"]),
            listen=self.network.listening,
            answer_on=self.network.answering,
        )

    def _plan(self, rng: random.Random) -> None:
        """Two schedules that change while power flows, under ids of their own: a constant is found out."""
        evse, most = self.evse, self.evse.schedule[0].watts
        evse.tuple_ids = rng.sample(range(2, 256), 3)
        evse.schedule = (Slot(0, most), Slot(FALLS, most * PART))
        evse.plans = [Plan(), Plan((Slot(0, most * PART), Slot(RISES, most)))]

    def _authorizer(self) -> Authorizer:
        pics = self.pics
        if pics["PICS_SECC_CMN_EIMDone"] == "v2gAuthorization" and not pics.pnc:
            self.customer = Customer()
            return self.customer
        return Delayed(2.0) if pics["PIXIT_SECC_CMN_AuthorizationOngoing"] == "ongoing" else Immediate()

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[OwnCharger]:
        """The charger runs while the context is open."""
        self.adjust(self)
        async with self.outlet.open():
            yield self

    # -- as ChargerUnderTest --------------------------------------------------------------------------------------

    @property
    def address(self) -> IPv6Address:
        return VEHICLE.address

    def sdp(self, to: IPv6Address | None = None) -> Any:
        return self.network.client(to)

    async def connect(self, address: IPv6Address, port: int, tls: TlsContext | None) -> Channel:
        return await self.network.connect(str(address), port, None, tls)

    async def plug(self) -> None:
        self.wire.plug()
        self.evse.pilot.offer(5.0)
        self.outlet.link_is_up()
        if self.customer is not None:  # a card counts once, so each session needs another customer
            self.evse.authorizer = self.customer = Customer()
            self.customer.accept()

    async def leave(self) -> None:
        self.load(None)
        self.wire.unplug()
        self.wire.ev.set(State.B)
        await asyncio.sleep(float(self.pics["par_waitForNextTC"]))
        self.evse.clear()

    def energised(self) -> bool | None:
        if self.evse.ac is not None:
            return self.evse.ac.closed
        assert self.power is not None
        return self.power.on

    def load(self, voltage: float | None) -> None:
        self._battery = voltage is not None
        if self.power is not None:
            self.power.load = (lambda: (voltage, 0.05)) if voltage is not None else lambda: None
        if (ac := self.evse.ac) is not None:
            ac.load = (lambda: min(DRAWN, ac.offered)) if voltage is not None else lambda: 0.0

    def measured(self) -> Measured | None:
        if self.power is not None:
            return Measured(*self.power.measure(), self.power.on, self._battery)
        ac = self.evse.ac
        assert ac is not None
        return Measured(ac.nominal_voltage if ac.closed else 0.0, ac.current, ac.closed, phases=ac.in_use)

    async def do(self, action: str) -> bool:
        customer, evse = self.customer, self.evse
        match action:
            case "authorise" if customer is not None:
                customer.accept()
            case "refuse" if customer is not None:
                customer.reject()
            case "never authorise":
                self.evse.authorizer = self.customer = Customer()
            case "stop":
                evse.request_stop(10)
            case "emergency stop":
                evse.fail(Fault.EMERGENCY)
            case "trip rcd" if evse.ac is not None:
                evse.ac.rcd_tripped = True
            case "renegotiate":
                evse.request_renegotiation(10)
            case "pause":
                evse.request(Wish.PAUSE, 60)
            case "another service":
                evse.request(Wish.OTHER_SERVICE, 10)
            case "leave standby":
                evse.request(Wish.EXIT_STANDBY, 10)
            case "overdraw" if evse.ac is not None:
                evse.ac.load = lambda: DRAWN
            case "stick contactor" if evse.ac is not None:
                evse.ac.sticks = True
            case "lower insulation" if self.power is not None:
                self.power.insulation_ohms = BAD_OHMS
            case "no contract" | "slow back end" | "silent back end":
                return own_iso20.disturb(self.options.contracts, action)
            case "refuse contract" if self.options.contracts is not None:
                emaid = certificates.in_memory().contract().emaid
                self.options.contracts.verdicts = {emaid: "FAILED_ContractCanceled"}
            case "revoke contract" if self.options.contracts is not None:
                self.options.contracts.revoked = lambda certificate, *_: True
            case _:
                return False
        return True

    def unplug(self) -> bool:
        self.wire.unplug()
        return True

    def fault(self, name: str) -> bool:
        match name:
            case "short_cp_pe" | "diode_lost":  # without its diode a vehicle shows no negative half: state E
                self.wire.short()
            case "open_pe":  # the pilot has no return path: the charger sees no vehicle
                self.wire.unplug()
            case _:
                return False
        return True


@dataclass
class OwnVehicle:
    """Our vehicle on a network in memory, plugged into the tester's charger. Use `open`.

    Attributes:
        options: the role's options. vehicle: the plant.
        outcome: set once its session is over. task: its session.
        wire, network: the pilot and the link to its charger.
    """

    pics: Pics
    protocols: tuple[Protocol, ...] = (ISO2,)
    observe: Observe = ignore
    seed: int = 1
    tls: TlsContext | None = None
    tolerant: bool = False
    adjust: Callable[[OwnVehicle], None] = lambda vehicle: None
    outcome: evcc.Outcome | None = None
    task: asyncio.Task[evcc.Outcome] | None = None
    name: str = "plugfest vehicle, in memory"
    wire: SimulatedPilot = field(default_factory=SimulatedPilot)
    network: MemoryNetwork = field(default_factory=MemoryNetwork)

    def __post_init__(self) -> None:
        pics = self.pics
        self.pilot = self.wire.evse
        departure = 3600 if pics["PIXIT_EVCC_CMN_DepartureTime"] == "departureTime" else None
        iso20 = ISO20 in self.protocols
        # The charging loop of ISO 15118-20 is due every 0.25 s.
        settings = Settings(departure=departure, loop_delay=0.1 if iso20 else 0.2)
        battery = Battery(PACKS["1200V"], soc=0.3) if pics.energy_service.startswith("MCS") else Battery(soc=0.3)
        onboard = (
            OnboardCharger(max_discharge_current=16.0, min_discharge_current=6.0)
            if pics["PICS_CMN_ISO20_BPT"]
            else None
        )
        inlet = MCS if pics.energy_service.startswith("MCS") else CCS2
        self.vehicle = Vehicle(self.wire.ev, battery, settings=settings, onboard=onboard, inlet=inlet)
        if iso20 and self.tls is not None:  # the strict reading: no trust without a staple or a responder
            self.tls.options = self.tls.options.change(staple="require")
        self.options = evcc.Options(
            protocols=self.protocols,
            ac=pics.ac,
            bpt=pics["PICS_CMN_ISO20_BPT"],
            control="dynamic" if pics.dynamic else "scheduled",
            tolerant=self.tolerant,
            observe=self.observe,
            now=_now,
            wallet20=contracts.vehicle_wallet20(certificates.in_memory(ISO20), pics) if pics.pnc and iso20 else None,
            wallet=contracts.vehicle_wallet(certificates.in_memory(), pics) if pics.pnc and not iso20 else None,
            services=self._services(iso20=iso20),
        )

    def _services(self, *, iso20: bool) -> dict[int, int | None]:
        """The value added services that it uses where they are offered, as declared."""
        if iso20:
            return {PARKING: None} if self.pics["PIXIT_EVCC_ISO20_ParkingStatus"] else {}
        return {} if self.pics["PIXIT_EVCC_CMN_VAS"] == "none" else dict.fromkeys(range(FIRST_OWN, 1 << 16))

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[OwnVehicle]:
        """The vehicle runs while the context is open."""
        self.adjust(self)
        try:
            yield self
        finally:
            await self._end()

    async def _end(self) -> None:
        if self.task is not None:
            self.task.cancel()
            await asyncio.gather(self.task, return_exceptions=True)
            self.task = None

    # -- as VehicleUnderTest --------------------------------------------------------------------------------------

    @property
    def address(self) -> IPv6Address:
        return CHARGER.address

    def answering(self) -> Any:
        return self.network.server()

    def listening(
        self, on_connect: Callable[[Channel], Awaitable[None]], tls: TlsContext | None, port: int | None = None
    ) -> Any:
        return self.network.listening(CHARGER, on_connect, context=tls, rng=random.Random(self.seed), port=port)

    async def plug(self) -> None:
        self.wire.plug()
        await self._start()

    async def _start(self) -> None:
        await self._end()
        search = evcc.Search(
            VEHICLE,
            tls=sdp.TlsPolicy.REQUIRED if self.tls is not None else sdp.TlsPolicy.NONE,
            context=self.tls,
            discover=self.network.discover,
            connect=self.network.connect,
        )
        self.task = asyncio.create_task(self._session(search))

    async def _session(self, search: evcc.Search) -> evcc.Outcome:
        self.outcome = None
        self.outcome = await evcc.find_and_charge(search, self.vehicle, self.options)
        return self.outcome

    async def leave(self) -> None:
        self.wire.unplug()
        await self._end()

    async def do(self, action: str) -> bool:
        match action:
            case "stop":
                self.vehicle.stop.set()
            case "pause":
                self.vehicle.pause.set()
            case "renegotiate":
                self.vehicle.renegotiate.set()
            case "standby":
                self.vehicle.standby.set()
            case "resume" if self.outcome is not None:
                self.options.resume = self.outcome.resume
                await self._start()
            case _:
                return False
        return True

    def couple(self, evse: Evse) -> None:
        power, supply = simulated(evse), evse.ac
        if power is not None:
            power.load = self.vehicle.load
            self.vehicle.sense = power.measure
        if supply is not None:
            supply.load, supply.load_phases = lambda: self.vehicle.ac_current, lambda: self.vehicle.ac_phases
            supply.load_reactive = lambda: self.vehicle.ac_reactive

    def measured(self) -> Measured | None:
        """None, because the tester's plant is coupled to this vehicle."""
        return None

    def contactors(self) -> bool | None:
        return self.vehicle.contactors.closed

    def ended(self) -> bool | None:
        return self.outcome is not None
