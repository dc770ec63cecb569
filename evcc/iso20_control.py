"""Control of power in ISO 15118-20 from the vehicle's side: the choice of a mode, and what it reports in both.

Numbers are sent rounded down, so that none of the vehicle's limits is exceeded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from boundary.choices import unknown
from evcc.drive import Drive, Ending, NeedsTold, Unsuitable
from v2g import energy
from v2g.energy import Control, EnergyService
from v2g.errors import LocalError
from v2g.messages.iso20 import common, types
from v2g.outcome import Cause
from v2g.physical import percent, rational

LEAVES_LATER = 86400
"""s: DepartureTime in dynamic mode if the driver named none."""


def wanted_service(drive: Drive) -> EnergyService:
    """The service that the driver named, or the one that fits the vehicle's task.

    Raises:
        LocalError: there is no service of that name, or it transfers another kind of energy than agreed.
    """
    options = drive.options
    kind = "AC" if options.ac else "DC"
    plain = "MCS" if drive.vehicle.inlet.megawatt and not options.ac else kind
    name = options.service or (f"{plain}_BPT" if options.bpt else plain)
    service = energy.BY_TITLE.get(name)
    if service is None:
        raise LocalError(unknown("service", name, energy.BY_TITLE))
    if service.energy != kind:
        text = f"service {name} transfers {service.energy}, and {kind} was agreed in supportedAppProtocol"
        raise LocalError(f"{text}; only a new session can change that")
    return service


def unchangeable(drive: Drive) -> str:
    """Why the vehicle cannot change to the service that the driver wants in this session, or ""."""
    if not drive.other_services:
        return "the charger does not let the vehicle change its service"
    try:
        service = wanted_service(drive)
    except LocalError as why:
        return str(why)
    return "" if service.number in drive.offered_services else f"the charger does not offer {service.title}"


def choose(drive: Drive, service: EnergyService, offered: Sequence[common.ParameterSetType]) -> Control:
    """The parameter set to select: the first in the control mode that the driver wants, with a matching connector.

    Raises:
        Unsuitable: none fits.
    """
    known = [found for element in offered if (found := energy.read(element)) is not None]
    wanted = [one for one in known if drive.options.control in ("any", "dynamic" if one.dynamic else "scheduled")]
    if service.energy == "AC":  # as many phases as the onboard charger has, or whatever there is
        wanted.sort(key=lambda one: one.phases != drive.vehicle.onboard.phases)
    else:  # the plug of the vehicle's inlet, or whatever there is
        codes = drive.vehicle.inlet.codes_20
        wanted.sort(key=lambda one: one.connector != (codes.get("MCS") or codes.get("DC")))
    if not wanted:
        text = f"the charger offers no {drive.options.control} parameter set for service {service.title}"
        raise Unsuitable(text, misfit=True)
    return Control(service, wanted[0])


# ---------------------------------------------------------------------------------------------------------------
# What the vehicle reports about itself


def volt(amount: float) -> types.RationalNumberType:
    return rational(amount, -1, down=True)


def ampere(amount: float) -> types.RationalNumberType:
    return rational(amount, -1, down=True)


def watt(amount: float) -> types.RationalNumberType:
    return rational(amount, down=True)


@dataclass(frozen=True, slots=True)
class Energies:
    """EVTargetEnergyRequest, EVMaximumEnergyRequest and EVMinimumEnergyRequest, counted from the present charge.

    In a bidirectional service they are negative if the battery holds more than that, and ``band_most`` and
    ``band_least`` are EVMaximumV2XEnergyRequest and EVMinimumV2XEnergyRequest: the band in which energy may flow both
    ways.
    """

    target: types.RationalNumberType
    most: types.RationalNumberType
    least: types.RationalNumberType
    band_most: types.RationalNumberType | None = None
    band_least: types.RationalNumberType | None = None


def energies(drive: Drive) -> Energies:
    """Energy to the target, to a full battery, and the least that suffices: none, or up to the minimum SoC."""
    battery = drive.vehicle.battery
    room = battery.wh_to(1.0)
    if not drive.bidirectional:
        return Energies(watt(min(drive.energy_request, room)), watt(room), watt(0.0))
    asked = drive.vehicle.settings.energy_request_wh is not None
    target = drive.energy_request if asked else battery.wh_to(battery.target_soc)
    least = battery.wh_to(battery.min_soc)
    return Energies(
        watt(max(min(target, room), least)),
        watt(room),
        watt(least),
        watt(max(battery.wh_to(battery.target_soc), 0.0)),
        watt(least),
    )


def display(drive: Drive) -> types.DisplayParametersType:
    """Present and target state of charge. Some chargers want to know whether charging is complete."""
    battery = drive.vehicle.battery
    return types.DisplayParametersType(
        PresentSOC=percent(battery.soc),
        MinimumSOC=minimum_soc(drive),
        TargetSOC=percent(battery.target_soc),
        ChargingComplete=battery.full,
    )


SAME_TIME = 1.5
"""s: departures closer together than this are the same one, counted down in whole seconds."""


def adopt(drive: Drive, said: Any) -> None:
    """Adopts mobility needs set at the charger, if the charger may send them and the driver agrees.

    Each need applies when it has changed there; a later change by the driver takes precedence again.

    Args:
        said: the block of a response in dynamic mode, with DepartureTime, MinimumSOC and TargetSOC.
    """
    leaves = None if said.DepartureTime is None else drive.now + said.DepartureTime
    before = drive.needs_told
    if leaves is not None and before.leaves is not None:
        # A departure in the past is sent as 0 s from then on.
        leaves = before.leaves if abs(leaves - max(before.leaves, drive.now)) <= SAME_TIME else leaves
    told = drive.needs_told = NeedsTold(leaves, said.MinimumSOC, said.TargetSOC)
    if told in (before, NeedsTold()):
        return
    settings, battery, adopted = drive.vehicle.settings, drive.vehicle.battery, []
    if drive.control is None or not drive.control.chosen.by_charger:
        drive.note(
            "the charger sets mobility needs, but MobilityNeedsMode 1 leaves them to the vehicle",
            once="needs-not-asked",
        )
        return
    if not settings.follows_needs:
        drive.note("the charger's mobility needs are ignored", once="needs-ignored")
        return
    if leaves is not None and leaves != before.leaves:
        settings.leaves_at = leaves
        adopted.append(f"departure in {said.DepartureTime} s")
    if told.target is not None and told.target != before.target:
        battery.target_soc = told.target / 100.0
        adopted.append(f"target {told.target} %")
    if told.minimum is not None and told.minimum != before.minimum:
        settings.minimum_soc, battery.min_soc = told.minimum, told.minimum / 100.0
        adopted.append(f"at least {told.minimum} %")
    if adopted:
        drive.session.tell("state", "needs", f"adopted from the charger: {', '.join(adopted)}")


def minimum_soc(drive: Drive) -> int | None:
    """The least state of charge wanted at departure, percent, or None; never above the target."""
    battery, asked = drive.vehicle.battery, drive.vehicle.settings.minimum_soc
    if asked is None:
        asked = percent(battery.min_soc) if drive.bidirectional else None
    return None if asked is None else min(asked, percent(battery.target_soc))


def wishes(drive: Drive, notification: str | None) -> Ending | None:
    """Why the loop ends after a response although nothing is wrong: requests of the charger, then of the driver."""
    vehicle = drive.vehicle
    match notification:
        case "Terminate":
            return Ending("stop", "the charger asked to stop")
        case "Pause" if vehicle.settings.prefers_standby:
            vehicle.standby.set()
        case "Pause":
            return Ending("pause", "the charger asked to pause")
        case "ServiceRenegotiation":
            obstacle = unchangeable(drive) if drive.options.renegotiates else "it does not renegotiate"
            if not obstacle:
                return Ending("service", "the charger asked for another service")
            drive.note(f"the charger asked for another service; the vehicle keeps this one: {obstacle}")
    if vehicle.stop.is_set():
        vehicle.stop.clear()
        return Ending("stop", "stopped by the driver")
    if vehicle.another_service.is_set():
        vehicle.another_service.clear()
        if not (obstacle := unchangeable(drive)):
            return Ending("service", "the driver wants another service")
        drive.note(f"the vehicle keeps its service: {obstacle}")
    if vehicle.battery.full and wants_full(drive):
        return Ending("stop", "charging complete")
    if vehicle.battery.drained and vehicle.settings.target_power < 0.0 and not controlled(drive):
        return Ending("stop", "discharged to the minimum")
    if drive.over_time:
        return Ending("stop", "charging time is over")
    return None


def controlled(drive: Drive) -> bool:
    """Whether the charger decides on power."""
    return drive.control is not None and drive.control.dynamic


def wants_full(drive: Drive) -> bool:
    """Whether a full battery ends the session: not if the charger or the driver may want to discharge it again."""
    if not drive.bidirectional:
        return True
    settings = drive.vehicle.settings
    return not controlled(drive) and settings.target_power >= 0.0 and settings.sells_at is None


def warned(drive: Drive, code: str) -> None:
    """Notes a WARNING in the loop, which continues."""
    if code.startswith("WARNING"):
        drive.note(f"the charger warns: {code}")


def protects(drive: Drive, text: str) -> Ending:
    """The vehicle disconnects to protect its battery."""
    return Ending("stop", f"the charger delivers {text}", Cause.ABORTED, hurry=0.0, alarm=True)
