"""The vehicle's handshake: TLS 1.2 (RFC 5246, 8422) and TLS 1.3 (RFC 8446), in message order."""

from __future__ import annotations

import os

from v2g.tls import crypto, messages, rules
from v2g.tls import extensions as ext
from v2g.tls import secrets as schedule
from v2g.tls.checks import check_peer
from v2g.tls.endpoint import Endpoint
from v2g.tls.failure import Fatal
from v2g.tls.messages import CertificateRequest, Certificates, ClientHello, ServerHello
from v2g.tls.records import keys12
from v2g.tls.tables import (
    SUITES,
    TLS12,
    TLS13,
    Suite,
    group_name,
    number,
    scheme_name,
    suite_name,
    version_name,
)
from v2g.tls.wire import Reader, u16s, vector


def hello(c: Endpoint) -> tuple[ClientHello, dict[int, crypto.KeyShare]]:
    """The ClientHello that the options describe, and the private keys of its key shares."""
    options, offer, trust = c.options, c.context.numbers, c.context.trust
    tls12, tls13 = TLS12 in offer.versions, TLS13 in offer.versions
    shares: dict[int, crypto.KeyShare] = {}
    extensions: ext.Extensions = {}
    if options.server_name:
        extensions[ext.SERVER_NAME] = vector(2, b"\0" + vector(2, options.server_name.encode()))
    if options.max_fragment_length:
        extensions[ext.MAX_FRAGMENT_LENGTH] = bytes((ext.FRAGMENT_LENGTHS[options.max_fragment_length],))
    if tls12 and trust is not None and options.trusted_ca_keys != "none":
        extensions[ext.TRUSTED_CA_KEYS] = ext.pack_roots(trust.identifiers(options.trusted_ca_keys))
    if options.status_request in ("v1", "both"):
        extensions[ext.STATUS_REQUEST] = ext.STATUS_REQUEST_BODY
    extensions[ext.SUPPORTED_GROUPS] = u16s(offer.groups)
    if tls12:
        extensions[ext.POINT_FORMATS] = b"\x01\0"
    extensions[ext.SIGNATURE_ALGORITHMS] = u16s(offer.schemes)
    if tls12 and options.status_request in ("v2", "both"):
        extensions[ext.STATUS_REQUEST_V2] = ext.STATUS_REQUEST_V2_BODY
    if tls12 and options.extended_master_secret:
        extensions[ext.EXTENDED_MASTER_SECRET] = b""
    if tls13:
        extensions[ext.SUPPORTED_VERSIONS] = vector(1, b"".join(v.to_bytes(2, "big") for v in offer.versions))
        if trust is not None and options.certificate_authorities and trust.roots:
            extensions[ext.CERTIFICATE_AUTHORITIES] = ext.names(trust.names())
        shares = {group: crypto.KeyShare(group) for group in offer.key_shares}
        extensions[ext.KEY_SHARE] = ext.pack_shares((g, s.public) for g, s in shares.items())
    if tls12:
        extensions[ext.RENEGOTIATION_INFO] = b"\0"
    session_id = os.urandom(32) if tls13 and options.compatibility else b""
    change_extensions(c, extensions)
    version = min(TLS12, max(offer.versions))  # TLS 1.3 is only named in an extension
    return ClientHello(os.urandom(32), offer.suites, extensions, session_id, version=version), shares


def change_extensions(c: Endpoint, extensions: ext.Extensions) -> None:
    """Applies the deviations of the hello's extensions."""
    for name, value in c.options.deviate.extensions.items():
        code = number("extension", name)
        if value is None:
            extensions.pop(code, None)
        else:
            extensions[code] = bytes.fromhex(value)


async def handshake(c: Endpoint) -> None:
    """From ClientHello to Finished.

    Raises:
        Fatal, PeerAlert, PeerClosed, Deliberate: it failed.
    """
    offered, shares = hello(c)
    c.hello, c.client_random = offered, offered.random
    await c.send("ClientHello", offered.pack())
    await c.flush()
    _, body = await c.receive("ServerHello")
    answer = ServerHello.parse(body)
    suite = _accept(c, offered, answer)
    if c.version == TLS13:
        if answer.retry:
            answer = await _retry(c, offered, shares, answer, suite)
        await _tls13(c, offered, shares, answer, suite)
    else:
        await _tls12(c, offered, answer, suite)


def _accept(c: Endpoint, offered: ClientHello, answer: ServerHello) -> Suite:
    """Checks version, suite and extensions of a ServerHello or HelloRetryRequest; returns the suite."""
    version = rules.server_version(offered, answer, c.context.numbers.versions)
    c.agree(version)
    suite = SUITES.get(answer.suite)
    if answer.suite not in offered.suites or suite is None or suite.version != version:
        text = f"the charger chose {suite_name(answer.suite)} with {version_name(version)}, which was not offered"
        raise Fatal("illegal_parameter", text, check="suite-not-offered")
    rules.server_hello(offered, answer, version, c.options.max_fragment_length)
    return suite


# ---------------------------------------------------------------------------------------------------------------
# TLS 1.2


async def _tls12(c: Endpoint, offered: ClientHello, answer: ServerHello, suite: Suite) -> None:
    c.suite = suite
    context = c.context
    if ext.MAX_FRAGMENT_LENGTH in answer.extensions:
        c.limit(c.options.max_fragment_length)
    _, body = await c.receive("Certificate")
    c.peer_chain = Certificates.parse12(body).chain
    stapled = {ext.STATUS_REQUEST, ext.STATUS_REQUEST_V2} & answer.extensions.keys()
    following = ["CertificateRequest", "ServerHelloDone"] if suite.static else ["ServerKeyExchange"]
    name, body = await c.receive(*(["CertificateStatus"] if stapled else []), *following)
    if name == "CertificateStatus":
        c.peer_staples = messages.parse_status(body)
        name, body = await c.receive(*following)
    leaf = check_peer(c)
    if suite.static:
        share = crypto.KeyShare(_certified_group(c, leaf))
        secret = share.secret(crypto.point(leaf))
    else:
        share, secret = _server_key_exchange(c, leaf, offered, answer, body)
        name, body = await c.receive("CertificateRequest", "ServerHelloDone")
    c.group = share.group
    requested = None
    if name == "CertificateRequest":
        requested = CertificateRequest.parse12(body)
        _, body = await c.receive("ServerHelloDone")
    ext.empty(body, "ServerHelloDone")
    if requested is not None:
        c.credential = context.choose_vehicle(requested, TLS12)
        c.own_chain = c.credential.sent(c.options) if c.credential else []
        await c.send("Certificate", Certificates(c.own_chain).pack12())
    await c.send("ClientKeyExchange", vector(1, share.public))
    extended = ext.EXTENDED_MASTER_SECRET in answer.extensions
    master = schedule.master12(c, suite, secret, offered.random, answer.random, extended)
    if requested is not None and c.credential is not None and c.own_chain:
        scheme = context.scheme(c.credential, requested.algorithms, TLS12)
        signature = crypto.sign(c.credential.key, scheme, bytes(c.transcript))
        await c.send("CertificateVerify", scheme.to_bytes(2, "big") + vector(2, signature))
    sealing, opening = keys12(suite, master, offered.random, answer.random)
    await c.send_change()
    c.seal_with(sealing)
    await c.send("Finished", schedule.finished12(c, suite, master, "client"))
    await c.flush()
    await c.receive_change()
    c.open_with(opening)
    expected = schedule.finished12(c, suite, master, "server")
    _, body = await c.receive("Finished")
    schedule.check_finished(body, expected)
    c.finish()


def _certified_group(c: Endpoint, leaf: object) -> int:
    group = crypto.group_of(leaf)
    if group not in c.context.numbers.groups:
        ours = ", ".join(map(group_name, c.context.numbers.groups))
        text = f"static ECDH with a {crypto.key_name(leaf)} key, but we offered {ours}"
        raise Fatal("illegal_parameter", text, check="group-not-offered")
    return group


def _server_key_exchange(
    c: Endpoint, leaf: object, offered: ClientHello, answer: ServerHello, body: bytes
) -> tuple[crypto.KeyShare, bytes]:
    """Our key share, and the secret shared with the charger's signed key share."""
    reader = Reader(body, "ServerKeyExchange")
    kind, group, public = reader.integer(1, "curve_type"), reader.integer(2, "group"), reader.vector(1, "public")
    scheme, signature = reader.integer(2, "algorithm"), reader.vector(2, "signature")
    reader.end()
    if kind != 3 or group not in c.context.numbers.groups:
        ours = ", ".join(map(group_name, c.context.numbers.groups))
        raise Fatal(
            "illegal_parameter",
            f"the charger chose {group_name(group)}, but we offered {ours}",
            check="group-not-offered",
        )
    if scheme not in c.context.numbers.schemes:
        text = f"the charger signs with {scheme_name(scheme)}, which was not offered"
        raise Fatal("illegal_parameter", text, check="signature-not-offered")
    signed = offered.random + answer.random + body[: 4 + len(public)]
    crypto.verify(leaf, scheme, signature, signed, "ServerKeyExchange", TLS12)
    share = crypto.KeyShare(group)
    return share, share.secret(public)


# ---------------------------------------------------------------------------------------------------------------
# TLS 1.3


async def _retry(
    c: Endpoint, offered: ClientHello, shares: dict[int, crypto.KeyShare], answer: ServerHello, suite: Suite
) -> ServerHello:
    """Sends a second hello, with a key for the group that the charger requests."""
    schedule.retry_transcript(c, suite)
    if not {ext.KEY_SHARE, ext.COOKIE} & answer.extensions.keys():
        raise Fatal("illegal_parameter", "HelloRetryRequest asks for nothing that would change the hello")
    if ext.KEY_SHARE in answer.extensions:
        group = ext.number16(answer.extensions[ext.KEY_SHARE], "key_share")
        if group not in c.context.numbers.groups or group in shares:
            text = f"HelloRetryRequest asks for a key of {group_name(group)}, which was not offered or was already sent"
            raise Fatal("illegal_parameter", text, check="group-not-offered")
        shares.clear()
        shares[group] = crypto.KeyShare(group)
        offered.extensions[ext.KEY_SHARE] = ext.pack_shares([(group, shares[group].public)])
    if ext.COOKIE in answer.extensions:
        reader = Reader(answer.extensions[ext.COOKIE], "cookie")
        if not reader.vector(2, "cookie"):
            raise Fatal("decode_error", "HelloRetryRequest: an empty cookie")
        reader.end()
        offered.extensions[ext.COOKIE] = answer.extensions[ext.COOKIE]
    if c.options.compatibility:
        await c.send_change()
    await c.send("ClientHello", offered.pack())
    await c.flush()
    _, body = await c.receive("ServerHello")
    again = ServerHello.parse(body)
    if again.retry:
        raise Fatal("unexpected_message", "a second HelloRetryRequest")
    if _accept(c, offered, again) is not suite:
        raise Fatal("illegal_parameter", "the ServerHello has a different suite from the HelloRetryRequest before it")
    return again


async def _tls13(
    c: Endpoint, offered: ClientHello, shares: dict[int, crypto.KeyShare], answer: ServerHello, suite: Suite
) -> None:
    c.suite = suite
    context = c.context
    if ext.KEY_SHARE not in answer.extensions:
        raise Fatal("missing_extension", "ServerHello without key_share")
    c.group, public = ext.read_share(answer.extensions[ext.KEY_SHARE])
    if c.group not in shares:
        text = f"the charger chose {group_name(c.group)}, for which no key was sent"
        raise Fatal("illegal_parameter", text, check="group-not-offered")
    keys = schedule.Schedule13(c, suite, shares[c.group].secret(public))
    keys.handshake(opens="server")
    _, body = await c.receive("EncryptedExtensions")
    reader = Reader(body, "EncryptedExtensions")
    extensions = ext.read_extensions(reader)
    reader.end()
    rules.encrypted_extensions(offered, extensions, c.options.max_fragment_length)
    if ext.MAX_FRAGMENT_LENGTH in extensions:
        c.limit(c.options.max_fragment_length)
    name, body = await c.receive("CertificateRequest", "Certificate")
    requested = None
    if name == "CertificateRequest":
        requested = CertificateRequest.parse13(body)
        if requested.context:
            raise Fatal("illegal_parameter", "CertificateRequest with a context, which only later requests have")
        c.roots_named = context.name_roots(requested.authorities)
        _, body = await c.receive("Certificate")
    presented = Certificates.parse13(body, ext.STATUS_REQUEST in offered.extensions)
    if presented.context:
        raise Fatal("illegal_parameter", "the charger's Certificate has a context")
    c.peer_chain, c.peer_staples = presented.chain, presented.staples
    leaf = check_peer(c)
    await keys.receive_verify("server", leaf)
    await keys.receive_finished("server")
    c.finish()
    if c.options.compatibility:
        await c.send_change()
    application = keys.application()
    keys.seal_handshake("client")
    if requested is not None:
        c.credential = context.choose_vehicle(requested, TLS13)
        c.own_chain = c.credential.sent(c.options) if c.credential else []
        await c.send("Certificate", Certificates(c.own_chain, context=requested.context).pack13())
        if c.credential is not None and c.own_chain:
            await keys.send_verify(
                c.credential.key, context.scheme(c.credential, requested.algorithms, TLS13), "client"
            )
    await keys.send_finished("client")
    await c.flush()
    c.seal_with(application["client"])
    c.open_with(application["server"])


__all__ = ["change_extensions", "handshake", "hello"]
