"""The tester's side of a bench: what a run has available besides the system under test."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from plugfest.conformance.catalogue.pics import Pics
from v2g.trace import Observe, ignore

if TYPE_CHECKING:
    from plugfest.conformance.sut.certificates import Certificates
    from v2g.tls import Context as TlsContext


@dataclass
class Bench:
    """What a run has available besides the system.

    Attributes:
        pics: what is declared.
        observe: receives the tester's events.
        seed: for session ids and the like.
        tls: the tester's TLS context.
        certificates: for contract payment, and wrong ones; None: the tester has none.
    """

    pics: Pics
    observe: Observe = ignore
    seed: int = 1
    tls: TlsContext | None = None
    certificates: Certificates | None = None
