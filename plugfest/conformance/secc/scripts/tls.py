"""TLS: handshakes with one thing offered at a time, and no handshake where one is due."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from plugfest.conformance.catalogue import Run
from plugfest.conformance.catalogue.durations import CLOSE
from plugfest.conformance.cause import Cause
from plugfest.conformance.secc.scripts.steps import entry
from plugfest.conformance.secc.scripts.table import SCRIPTS, SETUP
from plugfest.conformance.secc.tester import TesterEv
from plugfest.conformance.verdict import Failed, Result
from plugfest.conformance.wire import Wire
from v2g.errors import V2GError
from v2g.messages import appproto
from v2g.protocols import ISO2
from v2g.tls import Options, TlsFailure
from v2g.tls.options import BOTH

OLD_SUITES = (0xC009, 0xC004, 0x002F)
"""Suites that a charger with TLS 1.1 would choose from: ECDHE_ECDSA, ECDH_ECDSA, RSA with AES_128_CBC_SHA."""

RSA_SUITES = (0x003C, 0x002F)
"""TLS_RSA_WITH_AES_128_CBC_SHA256, TLS_RSA_WITH_AES_128_CBC_SHA."""

OLD = "1.1"
MODERN = "1.3 and 1.2"


OF_VERSION = ("versions", "suites", "groups", "signature_algorithms")
"""Options that belong to one TLS version."""


@dataclass(frozen=True)
class Offer:
    """What a client offers: the change to the tester's own options, and whether the charger must take it."""

    change: Callable[[Options], Options]
    accepted: bool = True
    contract_only: bool = False


OFFERS: Mapping[str, Offer] = {
    "1.2, TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256, secp256r1": Offer(
        lambda plain: plain.change(suites=plain.suites[:1])
    ),
    "1.2, TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA256": Offer(lambda plain: plain.change(suites=plain.suites[1:])),
    "1.2, RSA suites only": Offer(lambda plain: plain.change(suites=RSA_SUITES), accepted=False),
    OLD: Offer(lambda plain: plain.change(versions=("0x0302",), suites=(*plain.suites, *OLD_SUITES)), accepted=False),
    MODERN: Offer(lambda plain: plain.change(**{name: getattr(BOTH, name) for name in OF_VERSION})),
    "trusted_ca_keys extension": Offer(lambda plain: plain.change(trusted_ca_keys="cert_sha1_hash")),
    "status_request": Offer(lambda plain: plain.change(staple="require"), contract_only=True),
}
"""Variant -> what is offered."""

SILENT, PLAIN = "sends nothing", "plain supportedAppProtocolReq on the TLS port"
"""Variants without a handshake."""
SERVER_HELLO = "ServerHello"
"""The message in which a charger chooses the version, and whose random shows if it supports a later one."""


@SCRIPTS.on("PF_SECC_ISO2_TLS_Params")
async def tls_parameters(tester: TesterEv, run: Run, result: Result) -> None:
    """Handshakes with one thing offered at a time; and no handshake where one is due."""
    await tester.until("SDP")
    client = str(run.variant["client"])
    if client in (SILENT, PLAIN):
        await _without(tester, result, says=client == PLAIN)
    else:
        await _handshake(tester, result, OFFERS[client], old=client == OLD, modern=client == MODERN)


async def _without(tester: TesterEv, result: Result, *, says: bool) -> None:
    """No TLS on the TLS port: the charger closes, or closes at the setup timer if nothing is sent."""
    wire = Wire(await tester.open(None), tester.observe)
    if says:
        await wire.send_payload(wire.document(appproto.supportedAppProtocolReq(AppProtocol=[entry(ISO2, 1, 1)])))
    within = CLOSE if says else SETUP + 2.0
    closed = await wire.until_closed(within + tester.delay)
    result.saw(f"closed within {within:g} s", "closed" if closed else "open")
    await wire.close(reset=True)
    if not closed or wire.unread:
        what = "took data that is not TLS" if says else f"stayed open without a handshake for {within:g} s"
        raise Failed(f"the TLS port {what}", expected="closed", observed="open", cause=Cause.TLS_MISSING)


async def _handshake(tester: TesterEv, result: Result, offer: Offer, *, old: bool, modern: bool) -> None:
    """A handshake with an offer; ``old``: of a version unsupported by this tester; ``modern``: of two versions."""
    assert tester.tls is not None
    plain = tester.tls.options
    options = plain if offer.contract_only and not tester.pics.pnc else offer.change(plain)
    seen, why = "accepted", ""
    try:
        channel = await tester.open(replace(tester.tls, options=options))
    except V2GError as error:
        seen, why = "refused", str(error)
        # This tester does not support TLS 1.1. If the charger continues with it, the tester breaks off.
        if old and isinstance(error, TlsFailure) and error.sent:
            seen = "not refused"
        # A charger may choose TLS 1.3 and ask for a vehicle certificate: what it sends up to then is not judged here.
        if modern and isinstance(error, TlsFailure) and error.step != SERVER_HELLO:
            seen = "accepted"
    else:
        channel.abort()
    wanted = "accepted" if offer.accepted else "refused"
    result.saw(f"handshake {wanted}", f"{seen} {why}".strip())
    if seen != wanted:
        raise Failed(
            outcome(seen, why), expected=f"a handshake that is {wanted}", observed=seen, cause=Cause.TLS_FAILED
        )


def outcome(seen: str, why: str) -> str:
    """How a handshake went that should have gone otherwise; whoever broke it off says why."""
    return why if seen == "refused" and why else f"the handshake was {seen}"
