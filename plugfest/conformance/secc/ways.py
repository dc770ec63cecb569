"""Which state leads to which: the path of a session from the link to any state, per protocol and payment method.

A state is named after what has just been answered successfully (``SessionSetup``, ``PowerDelivery.Start``): the
preconditions of the catalogue without their prefix.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from plugfest.conformance.catalogue.pics import Pics
from v2g.protocols import Protocol

CONNECTED = ("SDP", "TCP", "SAP", "SessionSetup", "ServiceDiscovery")
"""From discovery to ServiceDiscovery, where the paths diverge."""

CERTIFICATE_SETS: Mapping[str, int] = {"CertificateInstallation": 1, "CertificateUpdate": 2}
"""States of the certificate service -> its parameter set."""

ALIASES: Mapping[str, str] = {
    "PaymentServiceSelection.EIM": "PaymentServiceSelection",
    "PaymentServiceSelection.PnC": "PaymentServiceSelection",
    "PowerDelivery.On": "PowerDelivery.Start",
    "PowerDelivery.Off": "PowerDelivery.Stop",
    "FullSession": "SessionStop",
}
"""States with a second name."""


@dataclass(frozen=True)
class Kind:
    """What determines the course of a session.

    Attributes:
        certificate_set: 1: a contract is installed; 2: it is updated; None: neither.
    """

    din: bool
    ac: bool
    contract: bool
    certificate_set: int | None = None

    @classmethod
    def of(cls, protocol: Protocol, pics: Pics, certificate_set: int | None = None) -> Kind:
        return cls(not protocol.abilities.contract, pics.ac, pics.pnc, certificate_set)

    @property
    def to_authorization(self) -> list[str]:
        """From ServiceDiscovery to Authorization."""
        if self.din:
            return ["ServicePaymentSelection", "ContractAuthentication"]
        exchange = [state for state, number in CERTIFICATE_SETS.items() if number == self.certificate_set]
        paying = [*exchange, "PaymentDetails"] if self.contract else []
        return ["ServiceDetail", "PaymentServiceSelection", *paying, "Authorization"]

    @property
    def to_power(self) -> list[str]:
        """From charge parameters to PowerDelivery(Start)."""
        return ["ChargeParameterDiscovery", *([] if self.ac else ["CableCheck", "PreCharge"]), "PowerDelivery.Start"]

    @property
    def line(self) -> list[str]:
        """A whole session."""
        end = [*([] if self.ac else ["WeldingDetection"]), "SessionStop"]
        loop = ["ChargingLoop", "ChargingLoop.Stop", "PowerDelivery.Stop"]
        return ["LINK", *CONNECTED, *self.to_authorization, *self.to_power, *loop, *end]

    def _until(self, state: str) -> list[str]:
        line = self.line
        return line[: line.index(state) + 1]

    def way_to(self, state: str) -> list[str]:
        """The steps to a state.

        Raises:
            KeyError: there is no such state.
        """
        first, _, rest = state.partition(".")
        if first == "Resumed":
            who, _, goal = rest.partition(".")
            again = [*CONNECTED, *self.to_authorization]
            return [
                *self._until("PowerDelivery.Stop"), "Pause", f"WakeUp.{who}", *again[: again.index(goal or "SAP") + 1],
            ]  # fmt: skip
        if first == "Renegotiation":
            way = [*self._until("ChargingLoop"), "ChargingLoop.Renegotiate", "Renegotiation"]
            return [*way, *self.to_power[: self.to_power.index(rest) + 1]] if rest else way
        if rest == "ReceiptRequired":
            return [*self._until("PowerDelivery.Start"), "ReceiptRequired"]
        if state == "ChargingLoop.Renegotiate":
            return [*self._until("ChargingLoop"), state]
        name = ALIASES.get(state, state)
        if name in CERTIFICATE_SETS:
            return replace(self, certificate_set=CERTIFICATE_SETS[name])._to(name)
        return self._to(name)

    def _to(self, name: str) -> list[str]:
        """The steps to a state on the path; if this kind of session skips the state, they end just before it."""
        if name not in self.line and name == "ServiceDetail":
            name = "ServiceDiscovery"
        try:
            return self._until("Authorization")[:-1] if name == "PaymentDetails" else self._until(name)
        except ValueError:
            raise KeyError(name) from None
