"""Which states lead to which: the way of a session from the link to any state, per protocol and way of payment.

A state is the name of what has just been answered well (``SessionSetup``, ``PowerDelivery.Start``): the preconditions
of the catalogue without their prefix.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from v2g.protocols import DIN

if TYPE_CHECKING:
    from conformance.secc.tester import TesterEv


_COMMON = ["LINK", "SDP", "TCP", "SAP", "SessionSetup", "ServiceDiscovery"]
_SETUP = ["SDP", "TCP", "SAP", "SessionSetup", "ServiceDiscovery"]


def selection(tester: TesterEv) -> list[str]:
    """From ServiceDiscovery to the selection of payment."""
    return ["ServicePaymentSelection"] if tester.protocol is DIN else ["ServiceDetail", "PaymentServiceSelection"]


def authorization(tester: TesterEv) -> list[str]:
    """From the selection of payment to Authorization."""
    if tester.protocol is DIN:
        return ["ContractAuthentication"]
    return [*(_contract(tester) if tester.pics.pnc else []), "Authorization"]


def _contract(tester: TesterEv) -> list[str]:
    """What contract payment puts between selection and Authorization."""
    exchange = {1: ["CertificateInstallation"], 2: ["CertificateUpdate"]}.get(tester.certificate_set or 0, [])
    return [*exchange, "PaymentDetails"]


def _power(tester: TesterEv) -> list[str]:
    """From charge parameters to PowerDelivery(Start)."""
    return [*([] if tester.pics.ac else ["CableCheck", "PreCharge"]), "PowerDelivery.Start"]


def _line(tester: TesterEv) -> list[str]:
    """A whole session."""
    return [
        *_COMMON, *selection(tester), *authorization(tester), "ChargeParameterDiscovery", *_power(tester),
        "ChargingLoop", "ChargingLoop.Stop", "PowerDelivery.Stop", *([] if tester.pics.ac else ["WeldingDetection"]),
        "SessionStop",
    ]  # fmt: skip


ALIASES: Mapping[str, str] = {
    "PaymentServiceSelection.EIM": "PaymentServiceSelection",
    "PaymentServiceSelection.PnC": "PaymentServiceSelection",
    "PowerDelivery.On": "PowerDelivery.Start",
    "PowerDelivery.Off": "PowerDelivery.Stop",
    "FullSession": "SessionStop",
}
"""States under another name."""


def way_to(state: str, tester: TesterEv) -> list[str]:
    """The steps to a state.

    Raises:
        KeyError: there is no such state.
    """
    line = _line(tester)
    kind, _, rest = state.partition(".")
    if kind == "Resumed":
        who, _, goal = rest.partition(".")
        first = line[: line.index("PowerDelivery.Stop") + 1]
        again = [*_SETUP, *selection(tester), *authorization(tester)]
        after = again[: again.index(goal or "SAP") + 1]
        return [*first, "Pause", f"WakeUp.{who}", *after]
    if kind == "Renegotiation":
        way = [*line[: line.index("ChargingLoop") + 1], "ChargingLoop.Renegotiate", "Renegotiation"]
        again = ["ChargeParameterDiscovery", *_power(tester)]
        return [*way, *again[: again.index(rest) + 1]] if rest else way
    if rest == "ReceiptRequired":
        return [*line[: line.index("PowerDelivery.Start") + 1], "ReceiptRequired"]
    if state == "ChargingLoop.Renegotiate":
        return [*line[: line.index("ChargingLoop") + 1], state]
    name = ALIASES.get(state, state)
    if name in ("CertificateInstallation", "CertificateUpdate") and name not in line:
        tester.certificate_set = 1 if name == "CertificateInstallation" else 2
        line = _line(tester)
    if name in ("ServiceDetail", "PaymentDetails") and name not in line:
        name = line[line.index("ServiceDiscovery") if name == "ServiceDetail" else line.index("Authorization") - 1]
    try:
        return line[: line.index(name) + 1]
    except ValueError:
        raise KeyError(state) from None
