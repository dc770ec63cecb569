"""Faults of both roles in TLS, and of a charger that is discovered twice."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import v2g.discovery
import v2g.sdp
import v2g.tls
import v2g.tls.charger
from faults.fault import charger, vehicle
from plugfest.conformance.evcc.scripts.tls import change_options


async def _serving_once(send: Any, requests: Any, interface: Any, answer: Any, observe: Any) -> None:
    data, sender = await requests.get()
    response = answer(v2g.sdp.parse_request(data))
    if response is not None:
        send(response.pack(), sender)


def _stalling() -> Any:

    return v2g.tls.LAB.wrong(at={"Finished": "stall"})


def tls_unchecked(system: Any) -> None:
    """Whoever answers is believed."""
    system.tls.trust = None


def tls_no_revocation(system: Any) -> None:
    """OCSP responses are not read."""
    change_options(system.tls, system.tls.options.change(staple="ignore"))


vehicle(
    "tls-anybody",
    "the charger's certificate is not checked",
    "PF_EVCC_ISO2_TLS_ServerCert#4",
    "PF_EVCC_ISO2_TLS_ServerCert#2",
    adjust=tls_unchecked,
)
vehicle("tls-revoked", "OCSP responses are not looked at", "PF_EVCC_ISO2_TLS_ServerCert#7", adjust=tls_no_revocation)

vehicle(
    "tls-stalls",
    "TLS 1.3 is started but not finished",
    "PF_EVCC_ISO2_TLS_Params#5",
    adjust=lambda system: change_options(system.tls, _stalling()),
)
charger(
    "tls-any-version",
    "whatever version is offered, the handshake goes on with 1.2",
    "PF_SECC_ISO2_TLS_Params#4",
    patches=[(v2g.tls.charger, "_version", lambda *_: 0x0303)],
)
charger(
    "sdp-once",
    "one SDP request is answered, no other one",
    "PF_SECC_ISO2_SDP_Variants#4",
    "PF_SECC_ISO2_SDP_Variants#6",
    patches=[(v2g.discovery, "serve", _serving_once)],
)


def _marked(size: int, right: Any = v2g.tls.charger.os.urandom) -> bytes:
    """A random of a ServerHello that ends as if somebody had taken TLS 1.3 out of the hello."""
    return right(size - 8) + v2g.tls.charger.messages.DOWNGRADE if size == 32 else right(size)


charger(
    "tls-downgrade-marked",
    "a charger without TLS 1.3 signals a downgrade",
    "PF_SECC_ISO2_TLS_Params#9",
    patches=[(v2g.tls.charger, "os", SimpleNamespace(urandom=_marked))],
)


def _tolerates(*codes: str) -> Any:
    """Deviations of these kinds in a charger's chain do not count."""
    return lambda system: change_options(system.tls, system.tls.options.change(tolerate=codes))


DEFECTS = "PF_EVCC_ISO2_TLS_Defects"
vehicle("tls-any-path", "the length of a charger's path is not looked at", f"{DEFECTS}#6",
        adjust=_tolerates("path-length", "too-long"))  # fmt: skip
vehicle("tls-any-signature", "signatures in a charger's chain are not verified", f"{DEFECTS}#4",
        adjust=_tolerates("broken-signature"))  # fmt: skip
vehicle("tls-root-by-name", "a root is recognised by its name", f"{DEFECTS}#3",
        adjust=_tolerates("twin-root"))  # fmt: skip
vehicle("tls-leaf-dates", "the dates of a charger's sub-CAs are not looked at", f"{DEFECTS}#1",
        adjust=_tolerates("expired"))  # fmt: skip
