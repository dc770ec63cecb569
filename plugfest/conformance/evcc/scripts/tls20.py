"""TLS 1.3 of ISO 15118-20: what a vehicle offers, and chargers with wrong certificates or parameters.

Defects of certificates are those of :mod:`pki.variants`; a good OCSP response is stapled to each, so that only the
defect can be the reason to refuse. A chain in the wrong order may be sorted by whoever reads it (RFC 8446).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pki import variants
from pki.profiles import Role
from plugfest.conformance.catalogue import Run
from plugfest.conformance.catalogue.phrases import SERVERS
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.scripts.shown import TWINS, show
from plugfest.conformance.evcc.scripts.steps import hold
from plugfest.conformance.evcc.scripts.table import SCRIPTS
from plugfest.conformance.evcc.scripts.tls import change_options, judge_unasked, listen, must_connect
from plugfest.conformance.evcc.tester import TesterEvse
from plugfest.conformance.sut.certificates import chain_problem
from plugfest.conformance.verdict import Failed, Inconclusive, Result
from v2g import tls
from v2g.protocols import ISO20
from v2g.tls import extensions as ext
from v2g.tls import tables
from v2g.tls.messages import ClientHello
from v2g.tls.options import Options

NOT_OFFERED: Mapping[str, tuple[str, str]] = {
    "suite not offered": ("suite", "TLS_AES_128_GCM_SHA256"),
    "group not offered": ("group", "secp256r1"),
    "signature algorithm not offered": ("signature algorithm", "ecdsa_secp256r1_sha256"),
}
"""Words of the catalogue -> what is selected, and of which kind; no vehicle that follows ISO 15118-20 offers it."""

OPTIONS: Mapping[str, Callable[[Options], Options]] = {
    "valid, stapled OCSP good": lambda plain: plain,
    "OCSP revoked": lambda plain: plain.wrong(staple="revoked"),
    "OCSP unknown": lambda plain: plain.wrong(staple="unknown"),
    "OCSP stale": lambda plain: plain.wrong(staple="stale"),
    "OCSP about another certificate": lambda plain: plain.wrong(staple="wrong"),
    "OCSP signature broken": lambda plain: plain.wrong(staple="forged"),
    "OCSP garbage": lambda plain: plain.wrong(staple="garbage"),
    "no staple": lambda plain: plain.wrong(staple="missing"),
    "no sub-CAs": lambda plain: plain.wrong(chain="leaf-only"),
    "sub-CAs in reverse": lambda plain: plain.wrong(chain="reversed"),
    "no certificate": lambda plain: plain.wrong(chain="empty"),
    "TLS 1.2 only": lambda plain: tls.ISO2,
    "TLS 1.1 chosen": lambda plain: plain.wrong(select_version=0x0302),
    "suite not offered": lambda plain: plain.wrong(select_suite=NOT_OFFERED["suite not offered"][1]),
    "suite of TLS 1.2 in 1.3": lambda plain: plain.wrong(select_suite=0xC023),
    "group not offered": lambda plain: plain.wrong(select_group=NOT_OFFERED["group not offered"][1]),
    "signature algorithm not offered": lambda plain: plain.wrong(
        select_signature=NOT_OFFERED["signature algorithm not offered"][1]
    ),
    "no client certificate requested": lambda plain: plain.change(client_certificate="none"),
    "Finished corrupt": lambda plain: plain.wrong(at={"Finished": "corrupt"}),
    "CertificateVerify corrupt": lambda plain: plain.wrong(at={"CertificateVerify": "corrupt"}),
    "CertificateVerify left out": lambda plain: plain.wrong(at={"CertificateVerify": "omit"}),
    "Certificate left out": lambda plain: plain.wrong(at={"Certificate": "omit"}),
    "ServerHello twice": lambda plain: plain.wrong(at={"ServerHello": "repeat"}),
    "alert in place of ServerHello": lambda plain: plain.wrong(at={"ServerHello": "alert handshake_failure"}),
    "close in place of Finished": lambda plain: plain.wrong(at={"Finished": "close"}),
    "records of 64 bytes": lambda plain: plain.change().wrong(record_size=64),
}
"""Words of the catalogue -> the options of the tester's side."""


@SCRIPTS.on("PF_EVCC_ISO20_TLS_ServerCert", "PF_EVCC_ISO20_TLS_Defects", "PF_EVCC_ISO20_TLS_Parameters")
async def server(tester: TesterEvse, run: Run, result: Result) -> None:
    """A charger with a wrong certificate, staple or parameters: no message is sent over the connection."""
    context, words = tester.tls, str(run.variant["cert"])
    if context is None:
        raise Inconclusive("the tester has no TLS; give it certificates with --pki", cause=Cause.NO_CERTIFICATES)
    if words in OPTIONS:
        change_options(context, OPTIONS[words](context.options))
    else:
        show(tester.certificates, context, words)
    wanted = str(run.variant["tls"])
    hellos = listen(context)
    await tester.plug()
    came = await tester.wait_for(lambda: tester.requests or tester.system.ended(), 60.0)
    seen = "accepted" if tester.requests else "refused"
    if came:
        must_connect(hellos, context, seen)
    result.saw(f"{words}: {wanted}", seen)
    if not came:
        raise Failed(
            f"{words}: the vehicle neither connects nor gives up",
            expected=wanted,
            observed="silence",
            cause=Cause.NOT_CONNECTED,
        )
    if wanted == "no -20":
        speaks_less(tester, words)
    elif wanted.startswith("EV asks"):
        judge_unasked(hellos, words, seen, "V2G20-2372")
        if seen == "accepted":
            text = "without a staple the vehicle connects, but it was not seen asking the responder"
            raise Failed(text, cause=Cause.CERTIFICATE_ACCEPTED, expected=wanted, observed=seen)
    elif seen not in wanted.split(" or "):
        if seen == "accepted" and words in NOT_OFFERED and _offered(hellos, *NOT_OFFERED[words]):
            text = f"the vehicle itself offers {NOT_OFFERED[words][1]}"  # the case about its offer judges that
            raise Inconclusive(text, cause=Cause.POINTLESS)
        judge_unasked(hellos, words, seen, "V2G20-2372")
        cause = Cause.ACCEPTED if seen == "accepted" else Cause.TLS_FAILED
        raise Failed(f"the vehicle {seen} a server {_named(words)}", cause=cause, expected=wanted, observed=seen)


def _named(words: str) -> str:
    """What is special about the tester's server."""
    kind = variants.KINDS.get(TWINS.get(words, words))
    return f"with {words}" if kind is None else f"whose certificate is wrong: {kind.text}"


def _offered(hellos: Sequence[ClientHello], kind: str, name: str) -> bool:
    """Whether one of the vehicle's hellos contains it."""
    number = tables.number(kind, name)
    listed = {"group": ext.SUPPORTED_GROUPS, "signature algorithm": ext.SIGNATURE_ALGORITHMS}
    return any(number in (hello.suites if kind == "suite" else hello.numbers(listed[kind])) for hello in hellos)


def speaks_less(tester: TesterEvse, words: str) -> None:
    """Without TLS 1.3 and both certificates, ISO 15118-20 is not offered.

    Raises:
        Failed: it is.
    """
    namespaces = {offer.namespace for offer in ISO20.offers}
    for arrival in tester.requests:
        for entry in getattr(arrival.message, "AppProtocol", ()):
            if entry.ProtocolNamespace in namespaces:
                seen = entry.ProtocolNamespace
                raise Failed(
                    f"the vehicle offers {seen} to a charger {SERVERS[words]}",
                    cause=Cause.ACCEPTED, expected="no offer of ISO 15118-20", observed=seen, at=arrival.time,
                )  # fmt: skip


@SCRIPTS.on("PF_EVCC_ISO20_SAP_NoTls13")
async def without_tls13(tester: TesterEvse, run: Run, result: Result) -> None:
    """A vehicle does not offer ISO 15118-20 to a charger with TLS 1.2 only."""
    assert tester.tls is not None
    change_options(tester.tls, tls.ISO2)
    await tester.plug()
    await tester.wait_for(lambda: tester.requests or tester.system.ended(), 60.0)
    offered = [entry.ProtocolNamespace for one in tester.requests for entry in getattr(one.message, "AppProtocol", ())]
    result.saw("no offer of ISO 15118-20 without TLS 1.3", ", ".join(offered) or "nothing offered")
    speaks_less(tester, "TLS 1.2 only")


@SCRIPTS.on("PF_EVCC_ISO20_TLS_Offer")
async def offer(tester: TesterEvse, run: Run, result: Result) -> None:
    """The vehicle's hello, and its certificate [V2G20-2365, 2459, 2372, 1006, 1264]."""
    await hold(tester, "supportedAppProtocolReq")
    connection = tester.wire.channel.tls
    if connection is None:
        raise Failed("the vehicle connected without TLS", expected="TLS 1.3", observed="TCP", cause=Cause.TLS_MISSING)
    hello, problems = connection.hello, []
    wanted = [tables.number("suite", name) for name in tls.ISO20.suites]
    if [suite for suite in hello.suites if suite in wanted] != wanted:
        problems.append(f"suites {[hex(suite) for suite in hello.suites]}: not both of ISO 15118-20, in order")
    groups = {tables.number("group", name) for name in tls.ISO20.groups}
    if not groups & set(hello.numbers(ext.SUPPORTED_GROUPS)):
        problems.append("none of the groups secp521r1 and x448")
    for code, name in ((ext.STATUS_REQUEST, "status_request"),
                       (ext.CERTIFICATE_AUTHORITIES, "certificate_authorities")):  # fmt: skip
        if code not in hello.extensions:
            problems.append(f"no {name}")
    if not connection.peer_chain:
        problems.append("no vehicle certificate")
    elif tester.taken is not None:
        roots = [entry.der for entry in tester.taken.store.of_role(Role.OEM_ROOT, Role.V2G_ROOT)]
        if problem := chain_problem(tester.taken, connection.peer_chain, Role.VEHICLE, roots):
            problems.append(f"a vehicle certificate that is wrong: {problem}")
    result.saw("TLS 1.3 as ISO 15118-20 requires", "; ".join(problems) or "as expected")
    if problems:
        text = f"the vehicle's handshake has {'; '.join(problems)}"
        raise Failed(text, cause=Cause.WRONG_FIELD, expected="an offer as the standard requires")
