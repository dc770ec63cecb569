"""Control pilot: the states A to F and the duty cycle by which vehicle and charger see each other.

Rules (IEC 61851-1 Annex A, SAE J1772, ISO 15118-3):

- The charger owns the generator: +12 V, a 1 kHz square wave, or -12 V. The vehicle pulls the high level down to
  9, 6 or 3 V. Both ends see one `State`, and a duty cycle in percent.
- A duty of 100 is the steady level (states "x1": nothing offered), 5 requests digital communication, 0 stands for
  "no oscillator" (E and F, or, at the vehicle, no cable).
- A `Pilot` call that sets something returns at once, so that shutdown code may use it in a ``finally``; `wait` shows
  its effect.

`slac.pilots` implements the two protocols: simulated, and assumed if there is no pilot hardware. Hardware drivers
implement the same protocols.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol


class State(enum.Enum):
    """Pilot states of IEC 61851-1; the value is the letter."""

    A = "A"  # no vehicle
    B = "B"  # vehicle connected, not ready
    C = "C"  # ready
    D = "D"  # ready, needs ventilation
    E = "E"  # short to earth, no supply, or pulled down by the charger
    F = "F"  # charger not available


READY = frozenset({State.C, State.D})
CONNECTED = frozenset({State.B, State.C, State.D})  # set by the vehicle's resistors

# ---------------------------------------------------------------------------------------------------------------
# Times, seconds

STEP_X1 = 3.0  # ISO 15118-3 T_step_X1: shortest X1 before PWM returns or changes between 5 % and nominal
STEP_EF = 4.0  # ISO 15118-3 T_step_EF: shortest E or F
BCB_PULSE = 0.3  # TP_EV_vald_state_duration is 0.2 to 0.4
BCB_SEEN = 0.15, 0.45  # TP_EV_vald_state_duration, and 50 ms on either side for the detection of edges
BCB_WINDOW = 3.5  # TT_EVSE_vald_toggle
WAKE_UP = 6.0  # T_conn_resume
CONTACTOR_CLOSE = 3.0  # IEC 61851-1: C2 to AC contactors closed
SWITCH_OFF = 0.1  # IEC 61851-1: C left to supply off
DUTY_CHANGE = 5.0  # IEC 61851-1: vehicle follows a changed duty; charger does not change more often

# ---------------------------------------------------------------------------------------------------------------
# Voltage windows


class Window(NamedTuple):
    """Positive level in volts, measured at the charger's terminal."""

    low: float
    nominal: float
    high: float


VOLTAGES: Mapping[State, Window] = {
    State.A: Window(11.0, 12.0, 13.0),
    State.B: Window(8.0, 9.0, 10.0),
    State.C: Window(5.0, 6.0, 7.0),
    State.D: Window(2.0, 3.0, 4.0),
    State.E: Window(-1.0, 0.0, 2.0),
    State.F: Window(-13.0, -12.0, -11.0),
}
NEGATIVE = Window(-13.0, -12.0, -11.0)  # low level of the PWM; any other means that the vehicle's diode is missing


def state_of(high: float, low: float | None = None, previous: State | None = None) -> State | None:
    """State for the measured levels.

    Args:
        high: positive level of the pilot in volts (the only level if it is steady).
        low: negative level in volts while PWM is on, else None.
        previous: previous state, which is kept between the windows (hysteresis).

    Returns:
        The state; E if PWM has no -12 V half (diode failure); None if no window matches and no previous state is given.
    """
    if low is not None and not NEGATIVE.low <= low <= NEGATIVE.high:
        return State.E
    for state, window in VOLTAGES.items():
        if window.low <= high <= window.high:
            return state
    return previous


# ---------------------------------------------------------------------------------------------------------------
# Duty cycle

STEADY = 100.0
DIGITAL = 5.0


class Offer(enum.Enum):
    """Meaning of a duty cycle for the vehicle."""

    NOTHING = "nothing"  # no charging
    DIGITAL = "digital"  # charging only as agreed by messages
    CURRENT = "current"  # up to a current per phase


def current_of(duty: float) -> float:
    """Nominal AC current per phase in amperes for a duty of 10 to 96 percent.

    Raises:
        ValueError: outside that range, the duty does not stand for a current.
    """
    if 10.0 <= duty <= 85.0:
        return duty * 0.6
    if 85.0 < duty <= 96.0:
        return (duty - 64.0) * 2.5
    raise ValueError(f"a duty of {duty:g} % does not encode a current; use 10 to 96 %")


def duty_of(amperes: float) -> float:
    """Duty in percent that offers an AC current of 6 to 80 A per phase.

    Raises:
        ValueError: outside that range.
    """
    if not 6.0 <= amperes <= 80.0:
        raise ValueError(f"the pilot cannot offer {amperes:g} A, only 6 to 80 A")
    return amperes / 0.6 if amperes <= 51.0 else amperes / 2.5 + 64.0


def read_duty(duty: float) -> tuple[Offer, float]:
    """How a vehicle interprets a measured duty (percent) with the tolerances of IEC 61851-1; the second is amperes."""
    if 3.0 <= duty <= 7.0:
        return Offer.DIGITAL, 0.0
    if 8.0 <= duty < 10.0:
        return Offer.CURRENT, 6.0
    if 10.0 <= duty <= 96.0:
        return Offer.CURRENT, current_of(duty)
    if 96.0 < duty <= 97.0:
        return Offer.CURRENT, 80.0
    return Offer.NOTHING, 0.0


def told(duty: float) -> str:
    """Readable text of a duty (percent) with its meaning: ``53.3 % (32 A)``, ``5 % (by messages)``."""
    if duty >= STEADY:
        return "steady"
    offer, amperes = read_duty(duty)
    says = {Offer.NOTHING: "no current", Offer.DIGITAL: "by messages", Offer.CURRENT: f"{round(amperes, 1):g} A"}
    return f"{round(duty, 1):g} % ({says[offer]})"


def duty_told(text: str) -> float | None:
    """The duty in a text of :func:`told`, percent; None if it contains none."""
    number, percent, _ = text.partition(" %")
    try:
        return float(number) if percent else STEADY if text == "steady" else None
    except ValueError:
        return None


def volts(state: State) -> str:
    """The nominal level of a state, as ``9 V``."""
    return f"{VOLTAGES[state].nominal:g} V"


def with_volts(label: str) -> str:
    """A :attr:`Reading.label` with its level, as ``C2 (6 V)``; anything else as it is."""
    letter = label[:1]
    if letter == "?" and len(label) <= 2:
        return f"{label} (level unknown)"
    return f"{label} ({volts(State(letter))})" if letter in State.__members__ and len(label) <= 2 else label


PAUSE = {"asleep": "vehicle asleep", "awake": "vehicle awake", "wake-up": "wake-up"}
"""Pilot events of a pause that are not readings, in words."""


def event_told(name: str, note: str = "") -> str:
    """What a pilot event says: a reading as ``pilot B2 (9 V) 5 % (by messages)``, or what happens in a pause."""
    if name in PAUSE:
        return f"{PAUSE[name]}{': ' if note and not note.startswith('for ') else ' '}{note}".rstrip()
    return f"pilot {with_volts(name)} {note}".rstrip()


LEGEND = ", ".join(
    f"{state.value} {level.nominal:g} V {words}"
    for (state, level), words in zip(
        VOLTAGES.items(), ("no vehicle", "connected", "ready", "ready with ventilation", "fault", "not available"),
        strict=True,
    )
) + "; 1 steady, 2 PWM"  # fmt: skip
"""Explanation of the states, in one line."""


# ---------------------------------------------------------------------------------------------------------------
# Functions of both ends


class Reading(NamedTuple):
    """State and duty seen at one end. None means "not known here", which is neither right nor wrong."""

    state: State | None
    duty: float | None

    @property
    def label(self) -> str:
        """Text such as ``B1`` (steady), ``C2`` (PWM on), ``F``; ``?`` for unknown parts."""
        letter = self.state.value if self.state else "?"
        if self.state in (State.E, State.F):
            return letter
        if self.duty is None:
            return f"{letter}?"
        return letter + ("2" if 0.0 < self.duty < STEADY else "1")

    @property
    def offer(self) -> tuple[Offer, float] | None:
        """`read_duty` of the duty; None if the duty is not known."""
        return None if self.duty is None else read_duty(self.duty)


Unsubscribe = Callable[[], None]


class Pilot(Protocol):
    """Interface common to both ends."""

    @property
    def reading(self) -> Reading:
        """Present state and duty."""

    @property
    def state(self) -> State | None:
        """Present state; None if this end cannot know it."""

    def shows(self, *states: State) -> bool:
        """Whether the state is one of these. Also True if it cannot be known and the protocol requires it."""

    async def wait(self, *states: State, within: float | None) -> bool:
        """Waits up to ``within`` seconds (None: forever) for one of the states; False if it did not occur.

        Also True for a state that occurred only briefly, like the pulse of a BCB toggle.
        """

    def subscribe(self, changed: Callable[[Reading], None]) -> Unsubscribe:
        """Calls ``changed`` after each change of state or duty, until the returned function is called."""


class VehiclePilot(Pilot, Protocol):
    """The vehicle's end."""

    def set(self, state: State) -> None:
        """Switches the resistors: B, C or D. Raises ValueError for others."""


class ChargerPilot(Pilot, Protocol):
    """The charger's end."""

    def offer(self, duty: float) -> None:
        """Sets the duty, percent: 5 digital, 10 to 96 a current, 100 steady; ends E or F. ValueError outside 3…100."""

    def fault(self, state: State) -> None:
        """Sets the pilot to E or F until `offer` is called. Raises ValueError for other states."""


async def until(pilot: Pilot, right: Callable[[Reading], bool], within: float | None) -> bool:
    """Waits up to ``within`` seconds (None: forever) until ``right(reading)``; False if that did not occur."""
    if right(pilot.reading):
        return True
    seen = asyncio.Event()
    unsubscribe = pilot.subscribe(lambda reading: seen.set() if right(reading) else None)
    try:
        async with asyncio.timeout(within):
            await seen.wait()
    except TimeoutError:
        return False
    finally:
        unsubscribe()
    return True


async def until_digital(pilot: Pilot, within: float | None) -> bool:
    """Waits for the 5 % duty. True at once if the duty cannot be known."""
    return await until(pilot, lambda r: r.offer is None or r.offer[0] is Offer.DIGITAL, within)


async def toggle(pilot: VehiclePilot, times: int = 1, pulse: float = BCB_PULSE) -> None:
    """BCB toggle: B → C → B, ``times`` times, each state for ``pulse`` seconds (0.2 to 0.4 in ISO 15118-3)."""
    try:
        for _ in range(times):
            pilot.set(State.C)
            await asyncio.sleep(pulse)
            pilot.set(State.B)
            await asyncio.sleep(pulse)
    finally:
        pilot.set(State.B)


class ToggleCounter:
    """Counts the BCB pulses that the charger sees: C left for B within `BCB_SEEN`. Use in a ``with`` block.

    Attributes:
        count: pulses so far.
    """

    def __init__(self, pilot: Pilot) -> None:
        self.count = 0
        self._loop = asyncio.get_running_loop()
        self._rise: float | None = None
        self._stop = pilot.subscribe(self._changed)

    def _changed(self, reading: Reading) -> None:
        if reading.state is State.C:
            self._rise = self._loop.time()
        elif reading.state is State.B and self._rise is not None:
            shortest, longest = BCB_SEEN
            self.count += shortest <= self._loop.time() - self._rise <= longest
            self._rise = None

    def __enter__(self) -> ToggleCounter:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()


async def count_toggles(pilot: Pilot, window: float = BCB_WINDOW) -> int:
    """Number of BCB pulses that the charger sees within ``window`` seconds."""
    with ToggleCounter(pilot) as toggles:
        await asyncio.sleep(window)
    return toggles.count
