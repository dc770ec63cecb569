"""Which state leads to which in ISO 15118-20; :mod:`.ways` has the same for its predecessors.

Besides the states of a plain session there are: ``Paused`` (asleep, found again and connected), ``Resumed`` (joined),
``Standby``, ``AnotherService`` (stopped for another service), ``Metering`` (a confirmation is requested).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from plugfest.conformance.catalogue.pics import Pics

CONNECTED = ("SDP", "TCP", "SAP", "SessionSetup")
SERVICE = ("ServiceDiscovery", "ServiceDetail", "ServiceSelection")


@dataclass(frozen=True)
class Kind20:
    """What determines the course of a session of ISO 15118-20.

    Attributes:
        installs: whether a contract is installed first.
    """

    ac: bool
    contract: bool
    installs: bool = False

    @classmethod
    def of(cls, protocol: Any, pics: Pics, certificate_set: int | None = None) -> Kind20:
        return cls(pics.ac, pics.pnc, certificate_set is not None)

    @property
    def to_power(self) -> list[str]:
        """From charge parameters to PowerDelivery(Start)."""
        dc = [] if self.ac else ["DC_CableCheck", "DC_PreCharge"]
        return ["ChargeParameterDiscovery", "ScheduleExchange", *dc, "PowerDelivery.Start"]

    @property
    def line(self) -> list[str]:
        """A whole session."""
        installation = ["CertificateInstallation"] if self.installs else []
        opening = ["LINK", *CONNECTED, "AuthorizationSetup", *installation, "Authorization", *SERVICE]
        end = [*([] if self.ac else ["DC_WeldingDetection"]), "SessionStop"]
        return [*opening, *self.to_power, "ChargeLoop", "PowerDelivery.Stop", *end]

    def _until(self, state: str) -> list[str]:
        line = self.line
        if state not in line:
            raise KeyError(state)
        return line[: line.index(state) + 1]

    def way_to(self, state: str) -> list[str]:
        """The steps to a state.

        Raises:
            KeyError: there is no such state.
        """
        asleep = [*self._until("PowerDelivery.Stop")[:-1], "Invitation", "PowerDelivery.Stop", "Pause"]
        paused = ["Rest", *asleep, "WakeUp.EV", "SDP", "TCP", "SAP"]
        first, _, rest = state.partition(".")
        if state == "Asleep":
            return paused[:-3]
        if state == "Paused":
            return paused
        if first == "Resumed":
            resumed = [*paused, "SessionSetup"]
            return [*resumed, *self.to_power[: self.to_power.index(rest) + 1]] if rest in self.to_power else resumed
        if state in ("Standby", "Metering"):
            return [*self._until("ChargeLoop"), state]
        if first == "AnotherService":
            again = [*SERVICE, *self.to_power]
            way = [*self._until("PowerDelivery.Stop"), *([] if self.ac else ["DC_WeldingDetection"]), first]
            return [*way, *again[: again.index(rest) + 1]] if rest in again else way
        if state == "CertificateInstallation":
            return Kind20(self.ac, self.contract, True)._until(state)
        if self.ac and state == "DC_PreCharge":  # what comes before PowerDelivery in either energy
            return self._until("ScheduleExchange")
        return self._until(state)
