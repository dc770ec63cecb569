"""What the types of ISO 15118-20's substitution group members tell: energy, directions, control mode."""

from __future__ import annotations

from types import ModuleType
from typing import Any, NamedTuple

from v2g.messages.iso20 import ac, dc
from v2g.physical import number
from v2g.protocols import Energy


class Kind(NamedTuple):
    """A member of a substitution group.

    Attributes:
        energy: AC or DC.
        bidirectional: it is a BPT member.
        dynamic: its control mode; None in ChargeParameterDiscovery, where members have no mode.
    """

    energy: Energy
    bidirectional: bool
    dynamic: bool | None

    def __str__(self) -> str:
        mode = "" if self.dynamic is None else "dynamic " if self.dynamic else "scheduled "
        return f"{mode}{self.energy}{'_BPT' if self.bidirectional else ''}"


def _kinds(energy: Energy, module: ModuleType) -> dict[type[Any], Kind]:
    ends = ("CLReqControlModeType", "CLResControlModeType", "CPDReqEnergyTransferModeType",
            "CPDResEnergyTransferModeType")  # fmt: skip
    found = {}
    for name, member in vars(module).items():
        if name.endswith(ends):
            mode = True if "Dynamic_" in name else False if "Scheduled_" in name else None
            found[member] = Kind(energy, name.startswith("BPT_"), mode)
    return found


KINDS: dict[type[Any], Kind] = {**_kinds("AC", ac), **_kinds("DC", dc)}
"""The kinds by type of the member."""


def kind_of(member: Any) -> Kind | None:
    """The kind of a member; None if it is neither AC nor DC."""
    return KINDS.get(type(member))


PHASES = ("", "_L2", "_L3")
"""Name suffixes of powers in AC."""


def total(part: Any, name: str) -> float | None:
    """A power over all phases, W: the base element alone is the sum, with companions it is L1; None: absent."""
    base = getattr(part, name, None)
    if base is None:
        return None
    if not has_phases(part):
        return number(base)
    second, third = getattr(part, name + "_L2", None), getattr(part, name + "_L3", None)
    watts = number(base)
    if second is not None:
        watts += number(second)
    return watts if third is None else watts + number(third)


_OF_PHASES: dict[type[Any], tuple[str, ...]] = {
    kind: tuple(field for field in kind.__struct_fields__ if field.endswith(("_L2", "_L3"))) for kind in KINDS
}


def has_phases(part: Any) -> bool:
    """Whether a member has elements for each phase, given or not; anything else may have some."""
    return _OF_PHASES.get(type(part)) != ()


def per_phase(part: Any) -> bool:
    """Whether a member gives values for each phase."""
    return any(getattr(part, field) is not None for field in _OF_PHASES.get(type(part), ()))


def asked_watts(body: Any) -> float | None:
    """The power that a loop request reports (AC) or has as its target (DC), W; None if it has none."""
    part = body.CLReqControlMode
    if hasattr(body, "EVPresentVoltage"):
        amps = getattr(part, "EVTargetCurrent", None)
        return None if amps is None else number(amps) * number(body.EVPresentVoltage)
    return total(part, "EVPresentActivePower")
