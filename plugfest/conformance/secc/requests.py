"""The tester vehicle's requests in the good case: made by name, from the declarations and the charger's answers.

Each maker returns a complete, valid message (:mod:`.iso2`, :mod:`.din70121`, :mod:`.iso20`); deviations
are applied to it afterwards (:mod:`.deviations`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from plugfest.conformance.secc.generations import GENERATIONS
from secc.minimal import minimal

if TYPE_CHECKING:
    from .tester import TesterEv

Maker = Callable[["TesterEv"], Any]

OF_CONTRACTS = ("PaymentDetailsReq", "CertificateInstallationReq", "CertificateUpdateReq")
"""Requests that a tester without certificates can only send in their smallest form."""


def make(tester: TesterEv, name: str) -> Any:
    """The good-case request of that name.

    Raises:
        KeyError: the protocol has no such request.
    """
    maker = GENERATIONS[tester.protocol.name].requests.get(name)
    if maker is not None and (tester.paying is not None or name not in OF_CONTRACTS):
        return maker(tester)
    kind = tester.protocol.message(name)
    if kind is None:
        raise KeyError(name)
    return minimal(tester.protocol.schema_of(kind), kind, dc=not tester.pics.ac)
