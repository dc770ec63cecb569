"""Control pilot, proximity contact, duty and connectors: what is on the line, with volts, ohms and amperes."""

from __future__ import annotations

import math

from plugfest.errors import UserError
from plugfest.explain.page import Page, table
from slac.connector import (
    CODINGS,
    CONNECTORS,
    LATCH_WINDOWS,
    LATCHED_OHMS,
    OPEN_OHMS,
    PRESSED_OHMS,
    Connector,
    Latch,
    Scheme,
    connector,
    latch_voltage,
)
from slac.pilot import (
    BCB_PULSE,
    CONTACTOR_CLOSE,
    DUTY_CHANGE,
    STEP_EF,
    STEP_X1,
    SWITCH_OFF,
    VOLTAGES,
    WAKE_UP,
    Offer,
    State,
    current_of,
    duty_of,
    read_duty,
)  # fmt: skip

MEANINGS = {
    State.A: "no vehicle",
    State.B: "vehicle connected, not ready",
    State.C: "ready to take energy",
    State.D: "ready, and wants ventilation",
    State.E: "fault: short to earth, no supply, or pulled down by the charger",
    State.F: "charger not available",
}
RESISTORS = {State.B: 2740, State.C: 882, State.D: 246}
"""Of the vehicle between pilot and earth, behind its diode; nominal, ohm."""

TIMES = (
    ("C with PWM to AC contactors closed", CONTACTOR_CLOSE, "at most"),
    ("C left to supply off", SWITCH_OFF, "at most"),
    ("between two changes of the duty", DUTY_CHANGE, "at least"),
    ("X1 before PWM comes back, or 5 % and nominal are changed (T_step_X1)", STEP_X1, "at least"),
    ("E or F (T_step_EF)", STEP_EF, "at least"),
    ("each state of a B-C-B toggle", BCB_PULSE, "about"),
    ("wake-up to link (T_conn_resume)", WAKE_UP, "at most"),
)
_PERIOD = 16
"""Columns of a millisecond."""


def cp() -> Page:
    """The states with their levels, drawn, and the times of their changes."""
    rows = [
        (state.value, _level(state), f"{w.low:g} to {w.high:g} V", str(RESISTORS.get(state, "")), MEANINGS[state])
        for state, w in VOLTAGES.items()
    ]
    lines = [
        *table(("state", "level", "charger reads", "vehicle, ohm", "meaning"), rows), "",
        "Behind the letter: 1 is a steady level, 2 is PWM of 1 kHz between the level and -12 V.",
        "", *wave(State.C, 25.0), "",
        *table(("", "s", "time"), [(bound, f"{seconds:g}", what) for what, seconds, bound in TIMES]),
    ]  # fmt: skip
    data = {
        "states": [
            {
                "state": state.value, "volts": w.nominal, "low": w.low, "high": w.high,
                "ohms": RESISTORS.get(state), "meaning": MEANINGS[state],
            }
            for state, w in VOLTAGES.items()
        ],
        "times": [{"what": what, "bound": bound, "seconds": seconds} for what, seconds, bound in TIMES],
    }  # fmt: skip
    return Page("Control pilot (IEC 61851-1, SAE J1772, ISO 15118-3)", tuple(lines), data)


def _level(state: State) -> str:
    nominal = VOLTAGES[state].nominal
    return f"{nominal:+g} V" if nominal else "0 V"


def wave(state: State, duty: float) -> list[str]:
    """PWM of a state, two periods, drawn."""
    high = max(1, min(_PERIOD - 1, round(_PERIOD * duty / 100.0)))
    low = _PERIOD - high
    top = _level(state).rjust(6)
    drawn = [
        f"{top} ┤ {('┌' + '─' * high + '┐' + ' ' * low) * 2}",
        f"       │ {('│' + ' ' * high + '│' + ' ' * low) * 2}",
        f" -12 V ┤─{('┘' + ' ' * high + '└' + '─' * low) * 2}   {state.value}2 at {duty:g} %",
    ]
    return [line.rstrip() for line in drawn]


EXAMPLES = (5.0, 10.0, 16.0, 20.0, duty_of(13), duty_of(16), duty_of(20), duty_of(32), 80.0, 85.0, 90.0, 96.0, 100.0)
"""Duties that people meet."""


def duty(value: str | None = None) -> Page:
    """What duties say; one alone, or that of a current: ``53.3``, ``32A``.

    Raises:
        UserError: neither a percentage nor a current that can be coded.
    """
    shown = EXAMPLES if value is None else (_duty(value),)
    rows = [(f"{round(one, 1):g}", _says(one)) for one in shown]
    lines = table(("duty, %", "meaning for the vehicle"), rows)
    if value is None:
        lines += [
            "", "10 to 85 %: duty × 0.6 A; 85 to 96 %: (duty - 64) × 2.5 A; for each phase.",
            "3 to 7 % is read as 5 %, 8 to 10 % as 6 A, up to 97 % as 80 A; any other duty offers no current.",
        ]  # fmt: skip
    offers = [read_duty(one) for one in shown]
    data = [
        {"duty": round(one, 2), "offer": offer.value, "amperes": round(amps, 2)}
        for one, (offer, amps) in zip(shown, offers, strict=True)
    ]
    return Page("Duty of the control pilot (IEC 61851-1 Annex A)", tuple(lines), data)


def _duty(value: str) -> float:
    text = value.strip().lower().removesuffix("%").strip()
    try:
        number = float(text.removesuffix("a"))
    except ValueError as why:
        raise UserError(f"duty {value}: use a percentage (53.3) or a current (32A)") from why
    if text.endswith("a"):
        try:
            return duty_of(number)
        except ValueError as why:
            raise UserError(f"duty {value}: {why}") from why
    if not 0.0 <= number <= 100.0:
        raise UserError(f"duty {value}: a duty is 0 to 100 %")
    return number


def _says(one: float) -> str:
    offer, amps = read_duty(one)
    if one >= 100.0:
        return "steady: no current is offered"
    if offer is Offer.DIGITAL:
        return "charging only as agreed by messages (DC always)"
    if offer is Offer.NOTHING:
        return "no current"
    exact = current_of(one) if 10.0 <= one <= 96.0 else amps
    return f"up to {round(exact, 1):g} A for each phase"


# ---------------------------------------------------------------------------------------------------------------
# Proximity


def pp() -> Page:
    """Resistors of the proximity contact, in both schemes."""
    coded = [(f"{c.ohms:g}", f"{c.low:g} to {c.high:g}", f"{c.amperes:g}", f"{c.amperes_single:g}") for c in CODINGS]
    latched = [
        (latch.value, "" if math.isinf(ohms) else f"{ohms:g}", f"{latch_voltage(ohms):.2f}", f"{low:g} to {high:g}")
        for latch, ohms in ((Latch.ABSENT, math.inf), (Latch.PRESSED, PRESSED_OHMS), (Latch.LATCHED, LATCHED_OHMS))
        for low, high in (LATCH_WINDOWS[latch],)
    ]
    schemes = {scheme: [c.name for c in CONNECTORS.values() if c.scheme is scheme] for scheme in Scheme}
    lines = [
        f"Coded ({', '.join(schemes[Scheme.CODED])}): the resistor in the plug states the current that the"
        " cable carries.", "",
        *table(("ohm", "accepted, ohm", "A, 3 phases", "A, 1 phase"), coded),
        f"below {CODINGS[-1].low:g}: short circuit; above {OPEN_OHMS:g}: no plug", "",
        f"Latch ({', '.join(schemes[Scheme.LATCH])}): the resistor says whether the latch is closed, and nothing about"
        " the current.", "",
        *table(("plug", "ohm", "V at the car", "window, V"), latched),
        "pressed: the car reduces its current to 0 at once",
    ]  # fmt: skip
    data = {
        "coded": [
            {"ohms": c.ohms, "low": c.low, "high": c.high, "amperes": c.amperes, "amperes_single": c.amperes_single}
            for c in CODINGS
        ],
        "latch": [{"plug": row[0], "ohms": row[1], "volts": row[2], "window": row[3]} for row in latched],
        "schemes": {scheme.value: names for scheme, names in schemes.items()},
    }
    return Page("Proximity contact", tuple(lines), data)


# ---------------------------------------------------------------------------------------------------------------
# Connectors

NOTES = {
    "NACS": (
        "SAE J3400: the same two contacts carry AC and DC, and the car switches between them",
        "one phase of up to 277 V: three phases need another inlet",
        "proximity is that of SAE J1772 (150 and 480 ohm); other tables in circulation are wrong",
        "messages are those of CCS: DC_extended, and Connector 2 in ISO 15118-20, as it has no code of its own",
    ),
    "CCS1": ("a DC plug has no L1 and N",),
    "CCS2": ("a DC plug has PE, CP, PP, DC+ and DC- alone; its proximity resistor limits nothing",),
    "Type2": ("up to 70 A on one phase",),
    "MCS": ("data over Ethernet, ISO 15118-20 alone; the contact CE does what the pilot does elsewhere",),
}
"""What is particular, by connector."""


def connectors(name: str | None = None) -> Page:
    """One connector, or all beside each other.

    Raises:
        UserError: it is not known.
    """
    try:
        chosen = list(CONNECTORS.values()) if name is None else [connector(name)]
    except ValueError as why:
        raise UserError(str(why)) from why
    lines: list[str] = []
    for one in chosen:
        lines += [*([""] if lines else []), *_connector(one)]
    return Page("Connectors" if name is None else "Connector", tuple(lines), [_data(one) for one in chosen])


def _connector(one: Connector) -> list[str]:
    faces = " ".join(f"({contact})" for contact in one.contacts)
    ac = ""
    if one.ac_phases:
        ac = f"{one.ac_phases} × {one.ac_max_a:g} A, {one.ac_v_range[0]:g} to {one.ac_v_range[1]:g} V, "
        ac += f"{ac_kilowatts(one):g} kW"
    dc = ""
    if one.dc_v_range is not None:
        dc = f"{one.dc_v_range[0]:g} to {one.dc_v_range[1]:g} V (standard: {one.dc_standard_v:g} V)"
        dc += f", {one.dc_max_a:g} A, {one.dc_max_kw:g} kW"
        dc += f"; claimed: {one.dc_claimed[0]:g} A, {one.dc_claimed[1]:g} kW" if one.dc_claimed else ""
    proximity = {
        Scheme.CODED: "coded", Scheme.LATCH: "latch", Scheme.INSERTION: "a separate contact, nothing to read",
    }[one.scheme]  # fmt: skip
    if one.pp_ohms:
        proximity += f", {one.pp_ohms:g} ohm in place"
    rows = [
        ("contacts", faces), ("AC", ac or "none"), ("DC", dc or "none"), ("proximity", proximity),
        ("ISO 15118-2", ", ".join(one.modes) or "not used"), ("DIN SPEC 70121", one.din_mode or "not used"),
        ("ISO 15118-20", ", ".join(f"{service}: Connector {code}" for service, code in one.codes_20.items())),
        *(("", note) for note in NOTES.get(one.name, ())),
    ]  # fmt: skip
    return [one.name, *(f"  {label:<15} {text}".rstrip() for label, text in rows)]


def ac_kilowatts(one: Connector) -> float:
    """The most AC power; the upper voltage of three phases is that between two of them."""
    phases = math.sqrt(3) if one.ac_phases == 3 else one.ac_phases
    return round(phases * one.ac_max_a * one.ac_v_range[1] / 1000.0, 1)


def _data(one: Connector) -> dict[str, object]:
    return {
        "name": one.name, "contacts": list(one.contacts), "ac_phases": one.ac_phases, "ac_amperes": one.ac_max_a,
        "ac_volts": list(one.ac_v_range), "ac_kilowatts": ac_kilowatts(one), "dc_volts": list(one.dc_v_range or ()),
        "dc_standard_volts": one.dc_standard_v,
        "dc_amperes": one.dc_max_a, "dc_kilowatts": one.dc_max_kw, "dc_claimed": list(one.dc_claimed or ()),
        "proximity": one.scheme.value, "proximity_ohms": one.pp_ohms,
        "modes": list(one.modes), "din_mode": one.din_mode,
        "codes_20": dict(one.codes_20), "notes": list(NOTES.get(one.name, ())),
    }  # fmt: skip
