"""Control pilot as testers and some modems report it on the wire; of use when reading recordings."""

from __future__ import annotations

from slac.layout import raw, u8, u16
from slac.mme import Message, message
from slac.pilot import State

STM = bytes.fromhex("0080e1")
IOTECHA = bytes.fromhex("0013d7")
CP_LETTERS = {1: "A", 3: "B", 5: "C", 7: "D", 9: "E"}


@message
class CP_STATE_IND(Message):
    """Pilot state: duty in percent, frequency in Hz, positive peak in mV."""

    CODE = 0xA22E
    OUI = STM
    LAYOUT = (raw("reserved", 5), u8("state"), u8("duty"), u16("frequency"), u16("millivolts"))

    state: int
    duty: int
    frequency: int
    millivolts: int
    reserved: bytes = bytes(5)

    @property
    def letter(self) -> str:
        """A to E (E stands for F too), or ``?``."""
        return CP_LETTERS.get(self.state, "?")

    @property
    def reading(self) -> tuple[State, float] | None:
        """State and duty in percent; None for an unknown state."""
        return (State(self.letter), float(self.duty)) if self.letter in State.__members__ else None


@message
class CP_MEASURED_IND(Message):
    """The same of another maker: duty in tenths of a percent."""

    CODE = 0xA10E
    OUI = IOTECHA
    LAYOUT = (u8("result"), u16("frequency"), u16("duty_tenths"), u16("millivolts"))

    result: int
    frequency: int
    duty_tenths: int
    millivolts: int
