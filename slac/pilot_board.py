"""Pilots made by a board: the messages between a host and a board, on any transport, and the host's two ends.

The board makes levels and edges; the host sends wishes and receives reports. There are four wishes, each a key and a
value: ``duty=5`` (percent, 3 to 100; ends E and F) and ``fault=E`` at a charger's board, ``state=C`` at a vehicle's,
and, if a vehicle's board can open the line, ``plug=0`` and ``plug=1``.
A report holds everything that the board knows: ``state`` (a letter, or ``?``), ``duty`` in percent, ``high`` and
``low`` in volts; a board that only measures sends levels, from which the state is derived here.

A lost board reads as the safe state, F at a charger and A at a vehicle, both of which end a session.

`slac.pilot_serial` and `slac.pilot_mqtt` are the transports; docs/pilot.md is for those who build a board.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, NamedTuple, TypeAlias, TypeVar

from slac.pilot import DIGITAL, STEADY, Reading, State, state_of, until
from slac.pilots import Watched, check_duty, check_fault, check_vehicle

VERSION = 1
"""Of the protocol; a board says it in its greeting."""

OPEN_WITHIN = 6.0
"""s: a board answers by then, or there is none. One that is reset by opening its line needs two of them."""

CAN_E, CAN_F = "can_e", "can_f"
CAN_D = "can_d"
CAN_PLUG = "can_plug"  # opens and closes the line, as if the connector were pulled
CAN_DUTY = "can_duty"  # any duty of 3 to 100 %; without it 5 and 100

Notice: TypeAlias = Callable[[str], None]
Wish: TypeAlias = tuple[str, float | State]


class PilotError(ValueError):
    """Trouble with a board, its message, or a wish it cannot fulfil; one line that says what to do if possible."""


class Report(NamedTuple):
    """What a board measures; None is "not measured"."""

    state: State | None
    duty: float | None = None
    high: float | None = None
    low: float | None = None

    def said(self) -> dict[str, str | float]:
        """As keys and values, without what is not known."""
        numbers = {"duty": self.duty, "high": self.high, "low": self.low}
        return {"state": self.state.value if self.state else "?"} | {k: v for k, v in numbers.items() if v is not None}


def report_of(said: Mapping[str, object]) -> Report:
    """A board's report from its keys and values (text or numbers). Keys that are not known are passed over.

    Raises:
        PilotError: neither state nor level, or an invalid value.
    """
    if "state" not in said and "high" not in said:
        raise PilotError("a report needs state or high")
    name = said.get("state", "?")
    return Report(
        None if name == "?" else _letter(name),
        _number("duty", said["duty"], 0, 100) if "duty" in said else None,
        *(_number(key, said[key], -20, 20) if key in said else None for key in ("high", "low")),
    )


def wish_of(said: Mapping[str, object]) -> Wish:
    """What a host wants, from its one key and value; for boards.

    Raises:
        PilotError: another one, or a value out of range.
    """
    try:
        match list(said.items()):
            case [("duty", value)]:
                check_duty(duty := _number("duty", value, 0, 100))
                return "duty", duty
            case [("fault", value)]:
                check_fault(state := _letter(value))
                return "fault", state
            case [("state", value)]:
                check_vehicle(state := _letter(value))
                return "state", state
            case [("plug", value)]:
                return "plug", float(_number("plug", value, 0, 1) > 0)
    except PilotError:
        raise
    except ValueError as why:
        raise PilotError(str(why)) from None
    raise PilotError(f"unknown command {short(dict(said))}; choose from duty, fault, state, plug")


def abilities(words: Iterable[object]) -> frozenset[str]:
    """The words of a greeting that say what a board can; unknown ones are kept.

    Raises:
        PilotError: one is not a word.
    """
    found: list[str] = []
    for word in words:
        if not isinstance(word, str) or not word.isidentifier() or len(found) >= 20:
            raise PilotError(f"unknown board capability {short(word)}")
        found.append(word)
    return frozenset(found)


def short(value: object) -> str:
    """The value as text that fits into an error message."""
    text = value if isinstance(value, str) else repr(value)
    text = text if text.isprintable() else repr(text)
    return text if len(text) <= 60 else text[:57] + "..."


def _letter(name: object) -> State:
    try:
        return State(name)
    except ValueError:
        raise PilotError(f"unknown pilot state {short(name)}; use A to F") from None


def _number(key: str, value: object, low: float, high: float) -> float:
    try:
        number = float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else None
    except (ValueError, OverflowError):
        number = None
    if number is None or not low <= number <= high:  # the comparison is false for a NaN too
        raise PilotError(f"{key} {short(value)} is not a number from {low:g} to {high:g}")
    return number


# ---------------------------------------------------------------------------------------------------------------
# The host's ends


class BoardPilot(Watched):
    """What both ends have in common. State and duty are unknown until the first report.

    Attributes:
        can: what the board's greeting says it can.
        levels: high and low level in volts; None where not measured.
        problem: why the board is lost, one line; "" while it is there.
        transmit: carries a wish to the board; set by what connects it.
    """

    END: ClassVar[str]
    LOST: ClassVar[Reading]

    def __init__(self, notice: Notice | None = None) -> None:
        """``notice`` is called with one line for each new kind of trouble."""
        super().__init__()
        self.can: frozenset[str] = frozenset()
        self.levels: tuple[float | None, float | None] = (None, None)
        self.problem = "not connected yet"
        self.transmit: Callable[[str, float | State], None] = lambda key, value: None
        self._reading = Reading(None, None)
        self._notice = notice
        self._noticed: set[str] = set()

    @property
    def reading(self) -> Reading:
        """State and duty by the last report."""
        return self._reading

    @property
    def state(self) -> State | None:
        """State by the last report; None before the first."""
        return self._reading.state

    def shows(self, *states: State) -> bool:
        """Whether the state is one of these; False while it is not known."""
        return self.state in states

    async def wait(self, *states: State, within: float | None) -> bool:
        """As in `slac.pilot.Pilot`."""
        return await until(self, lambda reading: reading.state in states, within)

    # -- for what connects it ----------------------------------------------------------------------------------

    def found(self, can: frozenset[str]) -> None:
        """Notes that the board is present."""
        self.can, self.problem = can, ""

    def heard(self, report: Report) -> None:
        """The board reports."""
        state = report.state
        if state is None and report.high is not None:
            state = state_of(report.high, report.low, self.state)
        self.levels = (report.high, report.low)
        # E and F have no oscillator, whatever a board measures there.
        self._become(Reading(state, 0.0 if state in (State.E, State.F) else report.duty))

    def lose(self, why: str) -> None:
        """Notes that the board is lost."""
        if not self.problem:
            self.note(why)
            self.let_go(why)

    def let_go(self, why: str = "the pilot board was released") -> None:
        """Disconnects from the board on purpose, which is not reported as trouble."""
        if not self.problem:
            self.problem, self.levels = why, (None, None)
            self._become(self.LOST)

    def note(self, what: str) -> None:
        """Reports trouble once; a board may invent new texts forever."""
        if what not in self._noticed and len(self._noticed) < 100:
            self._noticed.add(what)
            if self._notice is not None:
                self._notice(what)

    def _become(self, now: Reading) -> None:
        if now != self._reading:
            self._reading = now
            self._tell(now)


class ChargerBoard(BoardPilot):
    """`ChargerPilot` made by a board. Wishes while the board is lost are not transmitted."""

    END = "evse"
    LOST = Reading(State.F, 0.0)

    def offer(self, duty: float) -> None:
        """Sets the duty in percent; it takes effect when the board reports it.

        Raises:
            ValueError: outside 3 to 100.
            PilotError: the board makes 5 and 100 % only.
        """
        check_duty(duty)
        if duty not in (DIGITAL, STEADY) and CAN_DUTY not in self.can and not self.problem:
            raise PilotError(f"this pilot board supports only 5 and 100 %, not {duty:g} %")
        self.transmit("duty", duty)

    def fault(self, state: State) -> None:
        """Takes the pilot to E or F. A board that cannot do that at least ends the PWM (steady, nothing offered).

        Raises:
            ValueError: another state.
        """
        check_fault(state)
        if f"can_{state.value.lower()}" in self.can:
            self.transmit("fault", state)
        else:
            self.note(f"this pilot board cannot show {state.value}; it offers nothing (100 %) instead")
            self.transmit("duty", STEADY)


class VehicleBoard(BoardPilot):
    """`VehiclePilot` made by a board. Wishes while the board is lost are not transmitted."""

    END = "ev"
    LOST = Reading(State.A, 0.0)

    def set(self, state: State) -> None:
        """Switches the resistors; the state takes effect when the board reports it.

        Raises:
            ValueError: not B, C or D.
            PilotError: the board has no resistor for D.
        """
        check_vehicle(state)
        if state is State.D and CAN_D not in self.can and not self.problem:
            raise PilotError("this pilot board can show B and C, but not D")
        self.transmit("state", state)

    def plug(self, plugged: bool = True) -> None:
        """Opens the line, as if the connector were pulled, or closes it again.

        Raises:
            PilotError: the board cannot.
        """
        if CAN_PLUG not in self.can:
            raise PilotError("this pilot board cannot unplug the connector")
        self.transmit("plug", float(plugged))


Board = TypeVar("Board", bound=BoardPilot)
