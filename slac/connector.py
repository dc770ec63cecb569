"""Connectors as data: CCS1, CCS2, NACS, MCS, Type 1, Type 2; proximity coding; power classes of chargers.

The limits are those of deployed hardware or of the connector's standard. They only serve plausibility checks:
`implausible` warns, and nothing here refuses a value.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from boundary.choices import unknown
from boundary.text import counted


class Scheme(enum.Enum):
    """How the proximity contact is read."""

    CODED = "coded"  # resistor gives the cable's current (IEC 61851-1, Type 2)
    LATCH = "latch"  # resistor shows the latch button (SAE J1772, also J3400)
    INSERTION = "insertion"  # a separate contact detects the plug (MCS); no resistor to read


@dataclass(frozen=True, slots=True)
class Connector:
    """A connector profile.

    Attributes:
        name: as written in configuration files.
        contacts: names of the contacts.
        ac_phases: largest number of AC phases.
        ac_max_a: maximum AC current per phase, A.
        ac_v_range: lowest and highest AC voltage, V: line to neutral, or line to line with three phases.
        dc_v_range: DC voltages of deployed chargers, V; None without DC contacts.
        dc_standard_v: highest DC voltage in the standard, V.
        dc_max_a, dc_max_kw: DC current and power of deployed hardware.
        dc_claimed: higher values of these two that the maker claims for the future, if any.
        scheme, pp_ohms: proximity coding, and the resistance of an inserted plug; 0 if none is read.
        modes: energy transfer modes it supports, by their names in ISO 15118-2, preferred first; empty if it supports
            only ISO 15118-20.
        din_mode: energy transfer mode that a vehicle requests in DIN SPEC 70121, or None.
        codes_20: the Connector parameter of ISO 15118-20, by service.
    """

    name: str
    contacts: tuple[str, ...]
    ac_phases: int
    ac_max_a: float
    ac_v_range: tuple[float, float]
    scheme: Scheme
    pp_ohms: float
    modes: tuple[str, ...]
    dc_v_range: tuple[float, float] | None = None
    dc_standard_v: float = 0.0
    dc_max_a: float = 0.0
    dc_max_kw: float = 0.0
    dc_claimed: tuple[float, float] | None = None
    din_mode: str | None = None
    codes_20: Mapping[str, int] = field(default_factory=dict)

    @property
    def dc(self) -> bool:
        """Whether it has DC contacts."""
        return self.dc_v_range is not None

    @property
    def megawatt(self) -> bool:
        """Whether it is a megawatt coupler, whose services differ from those of DC."""
        return "MCS" in self.codes_20


TYPE1 = Connector(
    name="Type1",
    contacts=("L1", "N", "PE", "CP", "PP"),
    ac_phases=1,
    ac_max_a=80.0,
    ac_v_range=(120.0, 240.0),
    scheme=Scheme.LATCH,
    pp_ohms=150.0,
    modes=("AC_single_phase_core",),
    codes_20={"AC": 1},
)
TYPE2 = Connector(
    name="Type2",
    contacts=("L1", "L2", "L3", "N", "PE", "CP", "PP"),
    ac_phases=3,
    ac_max_a=63.0,  # 70 A on one phase
    ac_v_range=(230.0, 400.0),
    scheme=Scheme.CODED,
    pp_ohms=220.0,
    modes=("AC_three_phase_core", "AC_single_phase_core"),
    codes_20={"AC": 2},
)
CCS1 = Connector(
    name="CCS1",
    contacts=("L1", "N", "PE", "CP", "PP", "DC+", "DC-"),
    ac_phases=1,
    ac_max_a=80.0,
    ac_v_range=(120.0, 240.0),
    scheme=Scheme.LATCH,
    pp_ohms=150.0,
    modes=("DC_extended", "AC_single_phase_core"),
    dc_v_range=(200.0, 920.0),
    dc_standard_v=1000.0,
    dc_max_a=500.0,
    dc_max_kw=350.0,
    din_mode="DC_extended",
    codes_20={"AC": 1, "DC": 2},
)
CCS2 = Connector(
    name="CCS2",
    contacts=("L1", "L2", "L3", "N", "PE", "CP", "PP", "DC+", "DC-"),
    ac_phases=3,
    ac_max_a=63.0,
    ac_v_range=(230.0, 400.0),
    scheme=Scheme.CODED,
    pp_ohms=1500.0,  # in a DC plug, where it sets no limit
    modes=("DC_extended", "AC_three_phase_core", "AC_single_phase_core"),
    dc_v_range=(200.0, 920.0),
    dc_standard_v=1000.0,
    dc_max_a=500.0,
    dc_max_kw=350.0,
    din_mode="DC_extended",
    codes_20={"AC": 2, "DC": 2},
)
NACS = Connector(
    name="NACS",
    contacts=("DC+/L1", "DC-/L2", "PE", "CP", "PP"),
    ac_phases=1,
    ac_max_a=80.0,
    ac_v_range=(100.0, 277.0),
    scheme=Scheme.LATCH,
    pp_ohms=150.0,
    modes=("DC_extended", "AC_single_phase_core"),  # DC as in CCS: NACS has no code of its own
    dc_v_range=(0.0, 1000.0),
    dc_standard_v=1000.0,
    dc_max_a=500.0,
    dc_max_kw=500.0,
    dc_claimed=(900.0, 900.0),
    din_mode="DC_extended",
    codes_20={"AC": 1, "DC": 2},
)

# Its data link is Ethernet and its basic signalling uses a CE contact; on a bench the pilot stands in for both.
MCS = Connector(
    name="MCS",
    contacts=("DC+", "DC-", "PE", "CE", "ID", "COM+", "COM-"),
    ac_phases=0,
    ac_max_a=0.0,
    ac_v_range=(0.0, 0.0),
    scheme=Scheme.INSERTION,
    pp_ohms=0.0,
    modes=(),
    dc_v_range=(200.0, 1250.0),
    dc_standard_v=1250.0,
    dc_max_a=3000.0,
    dc_max_kw=3750.0,
    codes_20={"MCS": 1},
)

CONNECTORS: Mapping[str, Connector] = {c.name: c for c in (CCS1, CCS2, NACS, MCS, TYPE1, TYPE2)}
_BY_KEY = {name.lower(): c for name, c in CONNECTORS.items()} | {"j1772": TYPE1, "j3400": NACS}


def connector(name: str) -> Connector:
    """The profile with this name; case, blanks and hyphens are ignored ("ccs-2", "Type 2").

    Raises:
        ValueError: one line that names the known connectors.
    """
    found = _BY_KEY.get("".join(c for c in name.lower() if c.isalnum()))
    if found is None:
        raise ValueError(unknown("connector", name, CONNECTORS))
    return found


# ---------------------------------------------------------------------------------------------------------------
# Proximity


@dataclass(frozen=True, slots=True)
class Coding:
    """One resistor of the coded scheme: nominal value, accepted range (ohms), limit (A) on three and one phase."""

    ohms: float
    low: float
    high: float
    amperes: float
    amperes_single: float


# IEC 61851-1 Annex B. The accepted ranges are contiguous, so every value within them has a meaning.
CODINGS = (
    Coding(1500.0, 1000.0, 2700.0, 13.0, 13.0),
    Coding(680.0, 330.0, 1000.0, 20.0, 20.0),
    Coding(220.0, 150.0, 330.0, 32.0, 32.0),
    Coding(100.0, 50.0, 150.0, 63.0, 70.0),
)
OPEN_OHMS = 4500.0  # above: no plug


def cable_limit(ohms: float, phases: int = 3) -> float:
    """Current in amperes that a coded (Type 2) plug with this resistance allows; 0 without a plug.

    Raises:
        ValueError: a short circuit, or a value between the coded ranges and "no plug": a broken resistor.
    """
    if ohms > OPEN_OHMS:
        return 0.0
    for coding in CODINGS:
        if coding.low <= ohms < coding.high:
            return coding.amperes if phases > 1 else coding.amperes_single
    raise ValueError(f"proximity resistance of {ohms:g} ohm does not match any cable rating")


class Latch(enum.Enum):
    """What a vehicle reads on the proximity contact of a latched plug (SAE J1772, J3400)."""

    ABSENT = "absent"
    PRESSED = "pressed"  # button pressed or half plugged: ramp down at once
    LATCHED = "latched"
    FAULT = "fault"


LATCHED_OHMS = 150.0
PRESSED_OHMS = 480.0
_PULL_UP, _PULL_DOWN, _SUPPLY = 330.0, 2700.0, 5.0
# Voltage at the vehicle, V, including the tolerances of its supply and resistors.
LATCH_WINDOWS: Mapping[Latch, tuple[float, float]] = {
    Latch.ABSENT: (4.13, 4.78),
    Latch.PRESSED: (2.38, 3.16),
    Latch.LATCHED: (1.23, 1.82),
}


def latch_voltage(ohms: float) -> float:
    """Voltage at the vehicle's proximity contact, V, for a plug resistance in ohms (``math.inf``: no plug)."""
    to_earth = 1.0 / (1.0 / ohms + 1.0 / _PULL_DOWN) if ohms > 0.0 else 0.0
    return _SUPPLY * to_earth / (to_earth + _PULL_UP)


def latch(ohms: float) -> Latch:
    """How the vehicle interprets a plug resistance in ohms."""
    volts = latch_voltage(ohms)
    return next((state for state, (low, high) in LATCH_WINDOWS.items() if low <= volts <= high), Latch.FAULT)


# ---------------------------------------------------------------------------------------------------------------
# Power classes


@dataclass(frozen=True, slots=True)
class PowerClass:
    """Ratings of a DC charger: power in kW, highest voltage in V, highest current in A, lowest voltage in V."""

    kw: float
    max_v: float
    max_a: float
    min_v: float = 150.0

    @property
    def watts(self) -> float:
        """Rated power in W."""
        return self.kw * 1000.0


# Typical data-sheet values of chargers sold with this power; no standard defines them.
POWER_CLASSES: Mapping[int, PowerClass] = {
    int(c.kw): c
    for c in (
        PowerClass(50.0, 500.0, 125.0),
        PowerClass(75.0, 920.0, 200.0),
        PowerClass(100.0, 920.0, 250.0),
        PowerClass(150.0, 920.0, 350.0),
        PowerClass(180.0, 920.0, 400.0),
        PowerClass(200.0, 920.0, 500.0),
        PowerClass(250.0, 920.0, 500.0),
        PowerClass(300.0, 920.0, 500.0),
        PowerClass(350.0, 920.0, 500.0),
        PowerClass(400.0, 1000.0, 500.0),
        PowerClass(500.0, 1000.0, 500.0),
        PowerClass(600.0, 1000.0, 600.0),
        PowerClass(900.0, 1000.0, 900.0),  # claimed for NACS; nothing deployed
        PowerClass(1000.0, 1250.0, 1000.0),  # this and the following: MCS
        PowerClass(1200.0, 1250.0, 1500.0),
        PowerClass(3750.0, 1250.0, 3000.0),
    )
}


def power_class(kw: float) -> PowerClass:
    """The ratings of the power class with this number of kW.

    Raises:
        ValueError: one line that names the known classes.
    """
    found = POWER_CLASSES.get(int(kw)) if kw == int(kw) else None
    if found is None:
        raise ValueError(f"no power class of {kw:g} kW; choose from {', '.join(map(str, POWER_CLASSES))} kW")
    return found


def implausible(
    plug: Connector, *, volts: float | None = None, amperes: float | None = None, kw: float | None = None
) -> list[str]:
    """Warnings, one line each, about DC values not found in hardware with this connector; empty if none."""
    if plug.dc_v_range is None:
        return [f"{plug.name} has no DC contacts"]
    warnings = []
    if volts is not None and volts > plug.dc_standard_v:
        warnings.append(f"{volts:g} V is above the {plug.dc_standard_v:g} V of {plug.name}")
    elif volts is not None and volts > plug.dc_v_range[1]:
        warnings.append(f"{volts:g} V is above the {plug.dc_v_range[1]:g} V of deployed {plug.name} chargers")
    claimed_a, claimed_kw = plug.dc_claimed or (0.0, 0.0)
    for value, unit, deployed, claimed in (
        (amperes, "A", plug.dc_max_a, claimed_a),
        (kw, "kW", plug.dc_max_kw, claimed_kw),
    ):
        if value is not None and value > deployed:
            only = f", only claimed up to {claimed:g} {unit}" if value <= claimed else ""
            warnings.append(f"{value:g} {unit} is above the {deployed:g} {unit} of deployed {plug.name}{only}")
    return warnings


def implausible_ac(plug: Connector, *, phases: int, amperes: float) -> list[str]:
    """Warnings, one line each, about AC values not found in hardware with this connector; empty if none."""
    warnings = []
    if phases > plug.ac_phases:
        warnings.append(f"{plug.name} carries at most {counted(plug.ac_phases, 'phase')}, not {phases}")
    limit = 70.0 if plug.ac_phases == 3 and phases == 1 else plug.ac_max_a
    if amperes > limit:
        warnings.append(f"{amperes:g} A per phase is above the {limit:g} A of {plug.name}")
    return warnings
