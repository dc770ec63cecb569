"""Faults of a bench: each can be there, be injected, and be repaired.

A fault that is there already is not injected again, and one that is not there is not repaired: `NotPossible` says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from plugfest import plants
from plugfest.config.actions import Inject
from plugfest.parts import NotPossible, Parts
from secc.charger import Fault
from slac.pilot import State

LEAKY = 5e3
"""ohm: an insulation fault at any test voltage (below 100 ohm/V from 50 V on)."""
DAMP = 120e3
"""ohm: a warning (100 to 500 ohm/V) at test voltages of 240 V to 1200 V."""


class Kind(NamedTuple):
    """A kind of fault.

    Attributes:
        there: whether the bench has it now. break_, repair: what happens to the plant.
    """

    there: Callable[[Breakages], bool]
    break_: Callable[[Breakages, Inject], object]
    repair: Callable[[Breakages], object]


@dataclass
class Breakages:
    """The faults of a bench with these parts."""

    parts: Parts
    before: dict[str, Any] = field(default_factory=dict)

    def inject(self, step: Inject) -> None:
        """Breaks something. Raises NotPossible: it is broken already, or is not on this bench."""
        kind = KINDS[step.fault]
        if kind.there(self) and (step.fault != "error" or self.parts.car.settings.error_code == step.code):
            raise NotPossible(f"the fault {step.fault} is there already")
        kind.break_(self, step)

    def repair(self, name: str | None) -> None:
        """Repairs one fault, or all. Raises NotPossible: there is none."""
        if name is not None:
            if not KINDS[name].there(self):
                raise NotPossible(f"there is no fault {name} to repair")
            KINDS[name].repair(self)
            return
        found = [kind for kind in KINDS.values() if self._there(kind)]
        if not found:
            raise NotPossible("nothing is broken")
        for kind in found:
            kind.repair(self)

    def _there(self, kind: Kind) -> bool:
        try:
            return kind.there(self)
        except NotPossible:  # what the bench does not have is not broken
            return False

    # -- kinds of one part ----------------------------------------------------------------------------------------

    def insulate(self, ohms: float) -> None:
        """Sets the insulation resistance of the output."""
        self.before.setdefault("insulation", self.parts.output.insulation_ohms)
        self.parts.output.insulation_ohms = ohms

    def report(self, code: str) -> None:
        """Lets the vehicle report an error."""
        self.before.setdefault("error", self.parts.car.settings.error_code)
        self.parts.car.settings.error_code = code

    def pull(self, state: State) -> None:
        """Pulls the pilot to E or F."""
        self.parts.station.pilot.fault(state)
        self.before["pilot"] = state

    def release(self) -> None:
        """Lets the pilot go, with the duty of a charger that is ready."""
        del self.before["pilot"]
        self.parts.station.pilot.offer(plants.DIGITAL)

    def pulled(self, state: State) -> bool:
        """Whether it was pulled there, and still is."""
        return self.before.get("pilot") is state and self.parts.station.pilot.state is state


def _of_charger(fault: Fault) -> Kind:
    return Kind(
        lambda b: b.parts.station.fault is fault,
        lambda b, step: b.parts.station.fail(fault),
        lambda b: b.parts.station.clear(),
    )


def _insulation(ohms: float) -> Kind:
    return Kind(
        lambda b: "insulation" in b.before and b.parts.output.insulation_ohms == ohms,
        lambda b, step: b.insulate(ohms),
        lambda b: setattr(b.parts.output, "insulation_ohms", b.before.pop("insulation")),
    )


def _pilot(state: State) -> Kind:
    return Kind(
        lambda b: b.pulled(state),
        lambda b, step: b.pull(state),
        lambda b: b.release(),
    )


def _flag(part: Callable[[Breakages], Any], name: str, broken: Any = True, good: Any = False) -> Kind:
    """An attribute of a part that has one value when it is broken, and another when it is not."""
    return Kind(
        lambda b: bool(getattr(part(b), name) != good),
        lambda b, step: setattr(part(b), name, broken),
        lambda b: setattr(part(b), name, good),
    )


KINDS: Mapping[str, Kind] = {
    "emergency": _of_charger(Fault.EMERGENCY),
    "malfunction": _of_charger(Fault.MALFUNCTION),
    "shutdown": _of_charger(Fault.SHUTDOWN),
    "utility-interrupt": _of_charger(Fault.UTILITY_INTERRUPT),
    "insulation": _insulation(LEAKY),
    "insulation-warning": _insulation(DAMP),
    "output": Kind(
        lambda b: b.parts.output.fault is not None,
        lambda b, step: b.parts.output.break_down("injected"),
        lambda b: b.parts.output.repair(),
    ),
    "rcd": _flag(lambda b: b.parts.supply, "rcd_tripped"),
    "contactor": _flag(lambda b: b.parts.supply, "sticks"),
    "meter": _flag(lambda b: b.parts.station.meter, "fault", "injected", None),
    "pilot-e": _pilot(State.E),
    "pilot-f": _pilot(State.F),
    "pilot-short": Kind(
        lambda b: b.parts.cable.shorted,
        lambda b, step: b.parts.cable.short(),
        lambda b: b.parts.cable.short(False),
    ),
    "welded": _flag(lambda b: b.parts.car.contactors, "welded"),
    "error": Kind(
        lambda b: "error" in b.before and b.parts.car is not None,
        lambda b, step: b.report(step.code),
        lambda b: setattr(b.parts.car.settings, "error_code", b.before.pop("error")),
    ),
}
"""By the name in a bench file."""
