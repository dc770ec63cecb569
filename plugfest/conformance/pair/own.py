"""Both of our roles as a pair, in memory: they are prepared as a scenario says, and do what a person would.

The vehicle tries again after an error where the scenario wants a vehicle that does: not after a proximity fault, nor
without a pilot, nor when its time for trying is over.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from evcc import charge as evcc
from evcc.battery import PACKS, Battery
from evcc.stay import Stay, Woken, sleep, wake_charger
from evcc.vehicle import Vehicle
from plugfest.conformance.fields import found, replaced
from plugfest.conformance.pair.prepare import Prepared
from plugfest.conformance.pair.scenario import PHASES
from plugfest.conformance.sut.own import OwnCharger, OwnVehicle
from plugfest.traces.chain.steps import Step, step_of
from secc.authorizer import CardReader, Immediate
from secc.charger import Fault
from secc.plan import Slot
from secc.power import Limits
from slac.pilot import DIGITAL, State, until_digital
from slac.pilots import SimulatedPilot
from v2g import sdp
from v2g.memory import VEHICLE
from v2g.messages import appproto, din70121, iso2
from v2g.outcome import Outcome
from v2g.physical import number, physical
from v2g.reading import body_of
from v2g.status import refuses
from v2g.trace import Event, Observe, fan_out

CARD_PATIENCE = 120.0
"""s for which our charger waits for a card, or with a card for a vehicle."""
RETRY_EVERY = 5.0
"""s between two tries of a vehicle that tries again."""
LOOKS_EVERY = 0.5
"""s between two readings of the outlet."""
LINGERS = 5.0
"""s for which E and F stand, when the charger goes through them."""
LOOP_DELAY = 0.5
"""s between two requests of our vehicle's charge loop: scenarios last minutes."""
FLOWS = 0.5
"""A: a current counts as charging from here on."""


def policy(setting: Prepared) -> sdp.TlsPolicy:
    """Whether our vehicle wants TLS."""
    return sdp.TlsPolicy.REQUIRED if setting.client is not None else sdp.TlsPolicy.NONE


@dataclass
class OwnPair:
    """A vehicle and a charger of ours at one port.

    Attributes:
        setting: what the scenario prepares.
        observe: gets the vehicle's events, and readings of the outlet.
        adjust: called with the pair before it starts: faults and other seams.
        deaf: acts that the side at which they are done does not heed: a fault to inject.
        wire: the pilot between both.
        search: where the vehicle looks for its charger; None: in memory.
    """

    setting: Prepared
    observe: Observe
    seed: int = 1
    adjust: Callable[[OwnPair], None] = lambda pair: None
    outcomes: list[Outcome] = field(default_factory=list)
    deaf: set[str] = field(default_factory=set)
    wire: SimulatedPilot = field(default_factory=SimulatedPilot)
    search: evcc.Search | None = None
    _seen: list[tuple[float, Step]] = field(default_factory=list)
    _driving: asyncio.Task[None] | None = None
    _retries: bool = True
    _renew: bool = False

    def __post_init__(self) -> None:
        setting = self.setting
        self.charger = OwnCharger(setting.pics, setting.charger, tls=setting.server, seed=self.seed, wire=self.wire)
        wire, network = self.wire, self.charger.network
        observe = fan_out(self.observe, self._note)
        self.car = OwnVehicle(
            setting.pics, setting.vehicle, observe, tls=setting.client, wire=wire, network=network, seed=self.seed
        )
        self.options = self.car.options
        self.reader = CardReader(patience=CARD_PATIENCE)
        self.charger.evse.authorizer = self.reader if setting.card else Immediate()
        self._dress()
        self.adjust(self)

    @property
    def vehicle(self) -> Vehicle:
        return self.car.vehicle

    @property
    def evse(self) -> Any:
        return self.charger.evse

    def _dress(self) -> None:
        """What the roles are beyond what a PICS file declares."""
        setting, evse, vehicle = self.setting, self.evse, self.vehicle
        pack = PACKS[setting.battery]
        pack = pack if setting.amperes is None else replace(pack, max_current=setting.amperes)
        vehicle.battery = Battery(pack, soc=setting.soc / 100.0, target_soc=setting.target / 100.0)
        if setting.schedule:
            evse.schedule = tuple(Slot(int(start), float(watts)) for start, watts in setting.schedule)
        vehicle.settings.departure = setting.departure
        if setting.leaves:
            evse.schedule_seconds = 1  # beyond the departure
        if not setting.iso20:  # whose loop is quicker
            vehicle.settings.loop_delay = LOOP_DELAY
        if setting.energy is not None and setting.energy <= vehicle.battery.pack.capacity_wh:
            vehicle.battery.target_soc = vehicle.battery.soc + setting.energy / vehicle.battery.pack.capacity_wh
        else:
            vehicle.settings.energy_request_wh = setting.energy
        if setting.wallet is not None:
            self.options.wallet = setting.wallet
        if setting.contracts is not None:
            self.charger.options.contracts = setting.contracts
        self.car.couple(evse)
        if setting.dc_open:
            vehicle.sense = lambda: (0.0, 0.0)
            self.charger.power.load = lambda: None  # type: ignore[union-attr]  # an own charger has one
        if setting.error:
            self._err(setting.error)

    def _err(self, kind: str) -> None:
        """The charger makes an error in its first session, or ``always``."""
        rewrite = self.charger.options.rewrite
        done: list[int] = []

        def once(change: Callable[[Any], Any]) -> Callable[[Any], Any]:
            def changed(message: Any) -> Any:
                if done and kind != "always":
                    return message
                done.append(1)
                return None if self._good and kind == "timeout" else message if self._good else change(message)

            return changed

        self._good = False
        match kind:
            case "handshake":
                failed = appproto.supportedAppProtocolRes(ResponseCode="Failed_NoNegotiation")
                rewrite[appproto.supportedAppProtocolRes] = once(lambda message: failed)
            case "timeout":
                for module in (iso2, din70121):
                    rewrite[module.ServiceDiscoveryRes] = once(lambda message: None)
            case _:
                for module in (iso2, din70121):
                    rewrite[module.ChargeParameterDiscoveryRes] = once(
                        lambda message: replaced(message, "ResponseCode", "FAILED")
                    )

    # -- what is seen ---------------------------------------------------------------------------------------------

    def _note(self, event: Event) -> None:
        if event.layer == "message" and event.direction == "rx":
            body = body_of(event.message) if event.message is not None else None
            code = str(getattr(body, "ResponseCode", "") or "")
            step = step_of(event.name)
            if step is None or refuses(code):
                return
            if step is Step.CHARGING and not _says_current(body):
                return
            self._seen.append((event.time, step))
        elif event.layer == "tcp" and event.name in ("closing", "closed", "reset"):
            self._seen.append((event.time, Step.END))

    async def until(self, phase: str, within: float, since: float) -> bool:
        """Waits until a phase is reached after ``since`` (loop time), at most this many seconds."""
        wanted = PHASES[phase]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while not self._reached(wanted, since):  # noqa: ASYNC110 - plain in virtual time
                    await asyncio.sleep(0.02)
                return True
        return False

    def _reached(self, wanted: Step, since: float) -> bool:
        steps = [step for time, step in self._seen if time >= since]
        if wanted in (Step.CHARGING, Step.END):
            return wanted in steps
        return any(wanted <= step < Step.END for step in steps)

    def _measured(self) -> tuple[float, float]:
        power = self.charger.power
        return power.measure() if power is not None else (0.0, 0.0)

    async def _look(self) -> None:
        """Readings of the outlet, for the evidence."""
        now = asyncio.get_running_loop().time
        while True:
            volts, amps = self._measured()
            note = json.dumps({"volts": round(volts, 1), "amps": round(amps, 2), "watts": round(volts * amps, 1)})
            self.observe(Event(now(), "plant", "telemetry", note=note))
            await asyncio.sleep(LOOKS_EVERY)

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[OwnPair]:
        """While the context is open, both are there, not plugged in."""
        self.wire.unplug()
        looking = asyncio.create_task(self._look())
        try:
            async with self.charger.open():
                yield self
                await self._stop_driving()
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)

    # -- the vehicle, as long as it is plugged in -----------------------------------------------------------------

    async def _drive(self) -> None:
        setting, vehicle = self.setting, self.vehicle
        search = self.search or evcc.Search(
            VEHICLE,
            tls=policy(setting),
            context=setting.client,
            discover=self.charger.network.discover,
            connect=self.charger.network.connect,
        )
        loop = asyncio.get_running_loop()
        gives_up = loop.time() + (setting.retries or 0.0)
        while True:
            outcome = await evcc.find_and_charge(search, vehicle, self.options)
            self.outcomes.append(outcome)
            self.options.resume = None
            if outcome.paused:
                if await self._pause(outcome) in (Woken.UNPLUGGED, Woken.STOPPED):
                    return
                gives_up = loop.time() + (setting.retries or 0.0)
                continue
            if outcome.ok:
                return
            await asyncio.sleep(RETRY_EVERY)
            if not self._retries or vehicle.pilot.state in (State.A, State.E):
                return
            if setting.retries is None or loop.time() >= gives_up:
                return
            await until_digital(vehicle.pilot, gives_up - loop.time())
            vehicle.show(State.B)

    async def _pause(self, outcome: evcc.Outcome) -> Woken:
        how = Stay(observe=self.observe)
        woken = await sleep(self.vehicle, outcome.resume, how)
        if woken is Woken.ITSELF:
            await wake_charger(self.vehicle, how)
        elif woken is Woken.ANEW:
            await until_digital(self.vehicle.pilot, None)
        self.options.resume = None if self._renew else outcome.resume
        self._renew = False
        return woken

    async def _stop_driving(self) -> None:
        if self._driving is not None:
            self._driving.cancel()
            await asyncio.gather(self._driving, return_exceptions=True)
            self._driving = None

    # -- acts -----------------------------------------------------------------------------------------------------

    async def do(self, act: str, value: Any) -> None:
        """Does an act of :data:`OWN_ACTS`."""
        if act not in self.deaf:
            await OWN_ACTS[act](self, value)

    async def plug(self, value: Any) -> None:
        wire = self.wire
        wire.ev.set(State.B)
        wire.plug()
        if self.evse.pilot.state is State.B:
            self.evse.pilot.offer(DIGITAL)
        self._retries = True
        await self._stop_driving()
        self._driving = asyncio.create_task(self._drive())

    async def unplug(self, value: Any) -> None:
        self.wire.unplug()
        await asyncio.sleep(1.0)
        await self._stop_driving()
        self.reader.left()
        self.evse.clear()
        self.evse.forget()

    async def present_card(self, value: Any) -> None:
        self.reader.accept()

    async def press_stop_charger(self, value: Any) -> None:
        self.evse.fail(Fault.SHUTDOWN)

    async def press_stop_vehicle(self, value: Any) -> None:
        self.vehicle.stop.set()

    async def press_emergency_stop(self, value: Any) -> None:
        self.evse.fail(Fault.EMERGENCY)

    async def break_contactor(self, value: Any) -> None:
        self.evse.fail(Fault.MALFUNCTION)

    async def press_latch(self, value: Any) -> None:
        self._retries = False
        await self.vehicle.emergency("the latch of the connector was pressed")

    async def proximity_fault(self, value: Any) -> None:
        self._retries = False
        await self.vehicle.emergency("the proximity circuit is open")

    async def open_pilot(self, value: Any) -> None:
        self.wire.unplug()

    async def short_pilot(self, value: Any) -> None:
        self.wire.short()

    async def pilot_fault(self, value: Any) -> None:
        self.evse.pilot.fault(State.F)

    async def pilot_good(self, value: Any) -> None:
        self.evse.pilot.offer(DIGITAL)

    async def charger_power_off(self, value: Any) -> None:
        self.charger.network.up = lambda: False
        self.evse.off()
        self.evse.pilot.fault(State.E)
        await self.charger.outlet.hang_up("the mains supply is off")

    async def charger_good(self, value: Any) -> None:
        self._good = True

    async def charge_level(self, value: Any) -> None:
        battery = self.vehicle.battery
        battery.soc, battery.target_soc = value[0] / 100.0, value[1] / 100.0

    async def request_negative(self, value: Any) -> None:
        for module in (iso2, din70121):
            backwards = physical(module, -10.0, "A")

            def change(message: Any, backwards: Any = backwards) -> Any:
                return replaced(message, "EVTargetCurrent", backwards)

            self.options.rewrite[module.CurrentDemandReq] = change

    async def pause_vehicle(self, value: Any) -> None:
        self.vehicle.pause.set()

    async def resume_vehicle(self, value: Any) -> None:
        self.vehicle.wake.set()

    async def new_session(self, value: Any) -> None:
        self._renew = True
        self.vehicle.wake.set()

    async def wake_vehicle(self, value: Any) -> None:
        self.charger.outlet.wake("the charger")

    async def state_e(self, value: Any) -> None:
        await self._through(State.E)

    async def state_f(self, value: Any) -> None:
        await self._through(State.F)

    async def _through(self, state: State) -> None:
        self.evse.pilot.fault(state)
        await asyncio.sleep(LINGERS)
        self.evse.pilot.offer(DIGITAL)

    async def limit_charger(self, value: Any) -> None:
        power = self.charger.power
        assert power is not None
        if not value:
            power.derate(0.0)
        else:
            power.derate(1.0)
            self._rated = power.rated
            power.rate(replace(power.rated, max_power=float(value)))

    async def lift_limit(self, value: Any) -> None:
        power = self.charger.power
        assert power is not None
        power.derate(1.0)
        rated: Limits | None = getattr(self, "_rated", None)
        if rated is not None:
            power.rate(rated)

    async def feed_back(self, value: Any) -> None:
        self.vehicle.settings.target_power = -float(value)

    async def target_power(self, value: Any) -> None:
        self.evse.target_power = float(value)

    @property
    def card_forgotten(self) -> bool:
        """Whether no card is valid any longer."""
        return self.reader.decide() is not self.reader.decide().ACCEPTED


def _says_current(body: Any) -> bool:
    """Whether a response of the charge loop says that a current flows."""
    try:
        return abs(number(found(body, "EVSEPresentCurrent"))) >= FLOWS
    except KeyError:
        return True


OWN_ACTS: Mapping[str, Callable[[OwnPair, Any], Awaitable[None]]] = {
    function.__name__: function
    for function in (
        OwnPair.plug, OwnPair.unplug, OwnPair.present_card, OwnPair.press_stop_charger, OwnPair.press_stop_vehicle,
        OwnPair.press_emergency_stop, OwnPair.break_contactor, OwnPair.press_latch, OwnPair.proximity_fault,
        OwnPair.open_pilot, OwnPair.short_pilot, OwnPair.pilot_fault, OwnPair.pilot_good, OwnPair.charger_power_off,
        OwnPair.charger_good, OwnPair.charge_level, OwnPair.request_negative, OwnPair.pause_vehicle,
        OwnPair.resume_vehicle, OwnPair.new_session, OwnPair.wake_vehicle, OwnPair.state_e, OwnPair.state_f,
        OwnPair.limit_charger, OwnPair.lift_limit, OwnPair.feed_back, OwnPair.target_power,
    )
} | {"earth_fault": OwnPair.open_pilot}  # fmt: skip
"""What our own roles can do."""

OWN_ANSWERS: Mapping[str, Callable[[OwnPair], bool]] = {"card_forgotten": lambda pair: pair.card_forgotten}
"""What a person would see at our own roles."""
