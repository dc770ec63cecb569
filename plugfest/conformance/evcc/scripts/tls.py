"""TLS: servers with a wrong certificate, version or suite."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import Any

from pki import variants
from pki.profiles import Role
from plugfest.conformance.catalogue import Run
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.scripts.shown import show
from plugfest.conformance.evcc.scripts.table import SCRIPTS
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from v2g import tls
from v2g.tls import extensions as ext
from v2g.tls.context import Credential, Numbers
from v2g.tls.messages import ClientHello
from v2g.tls.tables import numbers
from v2g.trace import Event

HEADER = 4
"""Bytes of type and length before the body of a handshake message."""
HANDSHAKE = 20.0
"""s that a vehicle has for its next handshake message."""


@SCRIPTS.on("PF_EVCC_ISO2_TLS_ServerCert", "PF_EVCC_ISO2_TLS_Defects", "PF_EVCC_ISO2_TLS_Params")
async def tls_server(tester: TesterEvse, run: Run, result: Result) -> None:
    """A server with a wrong certificate, version or suite: no message is sent over the connection."""
    context = tester.tls
    assert context is not None
    words = str(run.variant.get("cert") or run.variant.get("version"))
    _spoil_certificate(tester, context, words)
    plain = context.options
    options = {
        "chain incomplete": lambda: plain.wrong(chain="leaf-only"),
        "OCSP staple: revoked": lambda: plain.wrong(staple="revoked"),
        "no OCSP staple": lambda: plain.wrong(staple="missing"),
        "OCSP staple: forged": lambda: plain.wrong(staple="forged"),
        "OCSP staple: about another certificate": lambda: plain.wrong(staple="wrong"),
        "1.2 with TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256": lambda: plain.change(suites=plain.suites[:1]),
        "1.2 with TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA256": lambda: plain.change(suites=plain.suites[1:]),
        "1.2 with an RSA suite only": lambda: plain.change(suites=(0x003C, 0x002F)),
        "1.1 or below": lambda: plain.wrong(select_version=0x0302),
        "1.2 with a key exchange signed wrongly": lambda: plain.wrong(at={"ServerKeyExchange": "corrupt"}),
        "1.2 with a wrong Finished": lambda: plain.wrong(at={"Finished": "corrupt"}),
    }.get(words)
    if options is not None:
        change_options(context, options())
    wanted = str(run.variant["tls"])
    if words == "1.3":
        await _tls13(tester, context, result)
        return
    hellos = listen(context)
    await tester.plug()
    await tester.wait_for(lambda: tester.requests or tester.system.ended(), 30.0)
    seen = "accepted" if tester.requests else "refused"
    must_connect(hellos, context, seen)
    result.saw(f"{words}: {wanted}", seen)
    if (seen, wanted) == ("refused", "accepted") and hellos and _has_the_other(hellos[0], context.options):
        return  # of the two suites a charger supports both, a vehicle one at least
    if wanted in ("accepted", "refused") and seen != wanted:
        judge_unasked(hellos, words, seen, "V2G2-873")
        accepted = Cause.CERTIFICATE_ACCEPTED if "cert" in run.variant else Cause.ACCEPTED
        cause = accepted if seen == "accepted" else Cause.TLS_FAILED
        raise Failed(f"a server with {words}: the vehicle {seen} it", cause=cause, expected=wanted, observed=seen)


def judge_unasked(hellos: Sequence[ClientHello], words: str, seen: str, rule: str) -> None:
    """A wrong OCSP response is stapled only for a vehicle that asks for one.

    Raises:
        Failed: the vehicle connects, and it never asked.
    """
    if seen != "accepted" or not words.startswith(("OCSP", "revoked", "no staple")) or not hellos:
        return
    if not {ext.STATUS_REQUEST, ext.STATUS_REQUEST_V2} & set(hellos[-1].extensions):
        raise Failed(
            "the vehicle connects without asking for OCSP responses, so that no certificate is ever revoked for it",
            expected="status_request in its ClientHello", observed="none", rule=rule, cause=Cause.CERTIFICATE_ACCEPTED,
        )  # fmt: skip


def must_connect(hellos: Sequence[ClientHello], context: Any, seen: str) -> None:
    """A vehicle that ends without a connection has refused nothing.

    Raises:
        Inconclusive: it does.
    """
    if seen == "refused" and not hellos and not context.failures:
        raise Inconclusive("the vehicle ended without a connection to the tester", cause=Cause.NOT_CONNECTED)


def listen(context: Any) -> list[ClientHello]:
    """The vehicle's hellos, from now on."""
    hellos: list[ClientHello] = []
    before = context.observe

    def observe(event: Event) -> None:
        if event.layer == "tls" and event.name == "ClientHello" and event.direction == "rx":
            hellos.append(ClientHello.parse(event.data[HEADER:]))
        before(event)

    context.observe = observe
    return hellos


def _has_the_other(hello: ClientHello, options: Any) -> bool:
    """The vehicle offers a suite of ISO 15118-2, but none of these."""
    suites, taken = (set(numbers("suite", one.suites)) for one in (tls.ISO2, options))
    return bool(suites & set(hello.suites)) and not taken & set(hello.suites)


async def _tls13(tester: TesterEvse, context: Any, result: Result) -> None:
    """A charger with TLS 1.3 only: a vehicle that supports it connects, any other ends; neither hangs or skips TLS."""
    lab = tls.LAB
    change_options(context, lab.change(
        versions=("1.3",), suites=lab.suites, client_certificate="none", timeout=HANDSHAKE,
    ))  # fmt: skip
    told: list[str] = []
    shaken: list[Event] = []
    before = context.observe

    def observe(event: Event) -> None:
        if event.layer == "tls" and event.name in ("handshake", "handshake-failed"):
            told.append(f"{event.name}: {event.note}")
        if event.layer == "tls" and event.name == "handshake":
            shaken.append(event)
        before(event)

    context.observe = observe
    await tester.plug()
    await tester.wait_for(lambda: tester.requests or tester.system.ended(), HANDSHAKE + 10.0)
    seen = told[0] if told else "no handshake"
    result.saw("a session over TLS 1.3, or none", seen)
    if not tester.wires and not told:
        raise Inconclusive("the vehicle did not connect", cause=Cause.NOT_CONNECTED)
    failed = {failure.check for failure in context.failures}
    if "timeout" in failed:
        raise Failed(
            "the vehicle goes silent in the handshake",
            expected="Finished, an alert or the close",
            observed=seen,
            cause=Cause.NO_REQUEST,
        )
    if "no-tls" in failed:
        raise Failed("the vehicle connects without TLS", expected="a handshake", observed=seen, cause=Cause.TLS_MISSING)
    if shaken and not tester.requests:
        raise Failed(
            "the vehicle connected over TLS 1.3 and asked nothing",
            expected="a request",
            observed="nothing",
            cause=Cause.NO_REQUEST,
        )


def change_options(context: Any, options: Any) -> None:
    """Changes the options of a TLS side that is already in use; they apply to its next handshake."""
    context.options, context.numbers = options, Numbers.of(options)


def _spoil_certificate(tester: TesterEvse, context: Any, words: str) -> None:
    """Replaces the good certificate, if the variant asks for it."""
    bench = tester.certificates
    now, day = bench.now(), datetime.timedelta(days=1)
    contents: dict[str, dict[str, Any]] = {
        "expired": {"not_before": now - 100 * day, "not_after": now - day},
        "not yet valid": {"not_before": now + day, "not_after": now + 60 * day},
        "leaf without the CPO domain component": {"dc": "", "not_before": now - day, "not_after": now + 60 * day},
    }
    changes = contents.get(words)
    if words == "unknown root" or (words in variants.KINDS and changes is None):
        show(bench, context, words)
    elif changes is not None:
        good = context.credentials[0]
        entry = bench.issue(Role.SECC, bench.store[Role.CPO_SUB2], f"secc {words}", changes)
        context.credentials = [Credential([entry.certificate, *good.chain[1:]], entry.key, good.root)]
