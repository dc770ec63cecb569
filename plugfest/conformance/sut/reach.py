"""How to reach a system under test: interface or address, control pilot, and whether modems are matched first."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv6Address
from typing import Any

from slac.pilot_open import NAMES, open_charger_pilot, open_vehicle_pilot
from v2g import interfaces
from v2g.errors import SetupError
from v2g.interfaces import Interface

PILOTS = ("assumed", "sim", "serial:", "tcp:", "mqtt:", "mqtts:")
"""Prefixes of pilot names."""


@dataclass(frozen=True)
class Reach:
    """Where a system under test is.

    Attributes:
        interface: network interface that leads to it; "" if its address is enough.
        address, port: a charger's, used instead of SDP; for a vehicle, ``port`` is the one the tester listens on.
        pilot: the tester's end of the control pilot, as `slac.pilot_open` takes it.
        slac: match the modems at the beginning of each case.
        modem: False: SLAC on a plain cable, where there are no modems.
    """

    interface: str = ""
    address: str = ""
    port: int = 0
    pilot: str = "assumed"
    slac: bool = False
    modem: bool = True

    def check(self) -> Interface | None:
        """The interface, if there is one.

        Raises:
            SetupError: it, the address or the pilot cannot be used; says what to do.
        """
        if self.address and not self.port:
            raise SetupError("an address also needs a port, since SDP, which would announce it, is skipped")
        if not self.pilot.startswith(PILOTS):
            raise SetupError(f"no pilot {self.pilot!r}; write {NAMES}")
        if self.slac and not self.interface:
            raise SetupError("SLAC needs the interface with the modem")
        if not self.interface:
            if not self.address:
                raise SetupError("an interface or an address is needed")
            if IPv6Address(self.address).is_link_local if ":" in self.address else False:
                raise SetupError(f"{self.address} is link-local: name its interface as well")
            return None
        return interfaces.find(self.interface)


async def try_pilot(reach: Reach, sut: str) -> None:
    """Opens a pilot board and closes it again, so that a wrong one is reported once and not in each case.

    Raises:
        PilotError: there is no such board; says what to do.
    """
    if reach.pilot == "assumed" or reach.pilot.startswith("sim"):
        return
    pilot: Any = open_vehicle_pilot(reach.pilot) if sut == "secc" else open_charger_pilot(reach.pilot)
    async with pilot:
        pass
