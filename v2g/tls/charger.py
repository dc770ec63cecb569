"""The charger's handshake: TLS 1.2 and TLS 1.3, in message order.

The charger chooses version, suite, group and signature algorithm by its own preference, and the chain whose root the
vehicle names [V2G2-871, V2G20-2379].
"""

from __future__ import annotations

import os
from typing import Any, NoReturn

from v2g.tls import crypto, messages, rules
from v2g.tls import extensions as ext
from v2g.tls import secrets as schedule
from v2g.tls.checks import check_peer
from v2g.tls.context import Credential
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
from v2g.tls.vehicle import change_extensions
from v2g.tls.wire import Reader, vector


async def handshake(c: Endpoint) -> None:
    """From ClientHello to Finished.

    Raises:
        Fatal, PeerAlert, PeerClosed, Deliberate: it failed.
    """
    _, body = await c.receive("ClientHello")
    offered = ClientHello.parse(body)
    c.hello, c.client_random = offered, offered.random
    c.agree(_version(c, offered))
    if c.options.deviate.select_version is None:
        rules.client_hello(offered, c.version, c.context.numbers.versions)
    c.roots_named = c.context.named(offered)
    if c.version == TLS13:
        await _tls13(c, offered)
    else:
        await _tls12(c, offered)


def _none(what: str, theirs: str, ours: str, check: str) -> NoReturn:
    text = f"no {what} in common: the vehicle offers {theirs or 'none'}; this charger accepts {ours}"
    raise Fatal("handshake_failure", text, check=check)


def _version(c: Endpoint, offered: ClientHello) -> int:
    if offered.version <= rules.SSL3:
        text = f"the vehicle's hello says {version_name(offered.version)}"
        raise Fatal("protocol_version", text, check="no-common-version")
    forced = c.options.deviate.select_version
    if forced is not None:
        return number("version", forced)
    ours = c.context.numbers.versions
    theirs = offered.numbers(ext.SUPPORTED_VERSIONS, 1) or [offered.version]
    for version in ours:
        if version in theirs or (version == TLS12 and theirs == [offered.version] and offered.version > TLS12):
            return version
    text = f"the vehicle offers {', '.join(map(version_name, theirs))}; this charger accepts "
    raise Fatal("protocol_version", text + ", ".join(map(version_name, ours)), check="no-common-version")


def _suites(c: Endpoint, offered: ClientHello) -> list[Suite]:
    """The suites in common, ours first."""
    forced = c.options.deviate.select_suite
    if forced is not None:
        found = SUITES.get(number("suite", forced))
        if found is None:
            raise Fatal("internal_error", f"deviate.select_suite: {forced} can only be offered, not used")
        return [found]
    known = [SUITES[code] for code in c.context.numbers.suites if code in SUITES and SUITES[code].version == c.version]
    common = [suite for suite in known if suite.code in offered.suites]
    if not common:
        _none(
            f"suite for {version_name(c.version)}",
            ", ".join(map(suite_name, offered.suites)),
            ", ".join(suite.name for suite in known),
            "no-common-suite",
        )
    return common


def _groups(c: Endpoint, offered: ClientHello) -> list[int]:
    """The groups in common, ours first."""
    forced = c.options.deviate.select_group
    if forced is not None:
        return [number("group", forced)]
    theirs = offered.numbers(ext.SUPPORTED_GROUPS) or ([23] if c.version == TLS12 else [])
    common = [group for group in c.context.numbers.groups if group in theirs]
    if not common:
        ours = c.context.numbers.groups
        _none("curve", ", ".join(map(group_name, theirs)), ", ".join(map(group_name, ours)), "no-common-group")
    return common


def _chain(c: Endpoint, offered: ClientHello) -> Credential:
    """The chain to send: one with a key that the vehicle can verify, and a root that it names."""
    theirs = offered.numbers(ext.SIGNATURE_ALGORITHMS) or [0x0403]
    allowed = [scheme for scheme in theirs if scheme in c.context.numbers.schemes]
    fitting = [one for one in c.context.credentials if crypto.schemes_for(one.key.public_key(), c.version, allowed)]
    if c.version == TLS12:  # in TLS 1.2 the curves apply to the certificate too (RFC 8422 5.1.1)
        curves = set(offered.numbers(ext.SUPPORTED_GROUPS) or [23]) & set(c.context.numbers.groups)
        fitting = [one for one in fitting if crypto.group_of(one.key) in curves] or fitting
    if c.options.deviate.select_signature is not None:
        fitting = c.context.credentials
    if not fitting:
        kinds = ", ".join(f"{one.file or 'certificate'} ({crypto.key_name(one.key)})" for one in c.context.credentials)
        ours = f"{', '.join(map(scheme_name, c.context.numbers.schemes))}, and has {kinds}"
        _none("signature algorithm", ", ".join(map(scheme_name, theirs)), ours, "no-common-signature")
    chosen = c.context.choose(offered, fitting, c.options.deviate.ignore_roots)
    c.tell("chain-chosen", note=chosen.note)
    c.credential = chosen.credential
    c.own_chain = chosen.credential.sent(c.options)
    return chosen.credential


def _scheme(c: Endpoint, credential: Credential, offered: ClientHello) -> int:
    forced = c.options.deviate.select_signature
    if forced is not None:
        return number("signature algorithm", forced)
    return c.context.scheme(credential, offered.numbers(ext.SIGNATURE_ALGORITHMS) or [0x0403], c.version)


def _fragment_length(c: Endpoint, offered: ClientHello) -> bytes:
    asked = offered.extensions.get(ext.MAX_FRAGMENT_LENGTH, b"")
    for length, code in ext.FRAGMENT_LENGTHS.items():
        if asked == bytes((code,)):
            c.limit(length)
            return asked
    return b""


def _wants_client(c: Endpoint) -> str:
    wanted = c.options.client_certificate
    if wanted == "auto":
        return "require" if c.version == TLS13 else "none"
    return wanted


def _check_client(c: Endpoint, sent: Certificates) -> Any:
    """The key of the vehicle's certificate, or None if it sent none."""
    c.peer_chain = sent.chain
    if sent.context:
        raise Fatal("illegal_parameter", "the vehicle's Certificate has a different context from the request")
    if sent.chain:
        return check_peer(c)
    if _wants_client(c) == "require":
        alert = "certificate_required" if c.version == TLS13 else "handshake_failure"
        raise Fatal(
            alert, "the vehicle has no certificate, and this charger requires one", check="no-client-certificate"
        )
    return None


# ---------------------------------------------------------------------------------------------------------------
# TLS 1.2


async def _tls12(c: Endpoint, offered: ClientHello) -> None:
    suite, credential = _choose12(c, offered)
    random = os.urandom(32)
    if TLS13 in c.context.numbers.versions and c.options.deviate.select_version is None:
        random = random[:24] + messages.DOWNGRADE
    extended = ext.EXTENDED_MASTER_SECRET in offered.extensions and c.options.extended_master_secret
    await _hello12(c, offered, suite, credential, random, extended)
    share = await _offer_share12(c, offered, suite, credential, random)
    wanted = _wants_client(c) != "none"
    if wanted:
        request = CertificateRequest(c.context.numbers.schemes, c.context.trust.names() if c.context.trust else [])
        await c.send("CertificateRequest", request.pack12())
    await c.send("ServerHelloDone", b"")
    await c.flush()
    client_key = None
    if wanted:
        _, body = await c.receive("Certificate")
        client_key = _check_client(c, Certificates.parse12(body))
    _, body = await c.receive("ClientKeyExchange")
    reader = Reader(body, "ClientKeyExchange")
    public = reader.vector(1, "public")
    reader.end()
    if not public:
        raise Fatal("decode_error", "ClientKeyExchange: an empty key")
    master = schedule.master12(c, suite, share.secret(public), offered.random, random, extended)
    if client_key is not None:
        await _verify12(c, client_key)
    opening, sealing = keys12(suite, master, offered.random, random)
    await c.receive_change()
    c.open_with(opening)
    expected = schedule.finished12(c, suite, master, "client")
    _, body = await c.receive("Finished")
    schedule.check_finished(body, expected)
    c.finish()
    await c.send_change()
    c.seal_with(sealing)
    await c.send("Finished", schedule.finished12(c, suite, master, "server"))
    await c.flush()


def _choose12(c: Endpoint, offered: ClientHello) -> tuple[Suite, Credential]:
    """Chooses suite and chain, and notes them with the group that belongs to them."""
    suites, groups = _suites(c, offered), _groups(c, offered)
    credential = _chain(c, offered)
    certified = crypto.group_of(credential.key)
    usable = [suite for suite in suites if not suite.static or certified in groups]
    if not usable:
        ours = f"static ECDH with the certificate's {crypto.key_name(credential.key)}"
        _none("curve", ", ".join(map(group_name, groups)), ours, "no-common-group")
    c.suite = suite = usable[0]
    c.group = certified if suite.static else groups[0]
    return suite, credential


async def _hello12(
    c: Endpoint, offered: ClientHello, suite: Suite, credential: Credential, random: bytes, extended: bool
) -> None:
    """Sends ServerHello with the answers to extensions, Certificate, CertificateStatus."""
    answer = ServerHello(random, suite.code)
    extensions = answer.extensions
    if ext.RENEGOTIATION_INFO in offered.extensions or rules.RENEGOTIATION_SCSV in offered.suites:
        extensions[ext.RENEGOTIATION_INFO] = b"\0"
    fragment = _fragment_length(c, offered)
    if fragment:
        extensions[ext.MAX_FRAGMENT_LENGTH] = fragment
    if ext.TRUSTED_CA_KEYS in offered.extensions and c.options.answer_trusted_ca_keys:
        extensions[ext.TRUSTED_CA_KEYS] = b""
    if ext.POINT_FORMATS in offered.extensions:
        extensions[ext.POINT_FORMATS] = b"\x01\0"
    if extended:
        extensions[ext.EXTENDED_MASTER_SECRET] = b""
    # If both forms are requested, the second is the standard's [V2G2-871].
    multi = ext.asks_multi(offered.extensions.get(ext.STATUS_REQUEST_V2, b"\0\0"))
    asked = ext.STATUS_REQUEST_V2 if multi else ext.STATUS_REQUEST
    staples = credential.staples(c.options, multi, c.context.now()) if asked in offered.extensions else []
    if staples:
        extensions[asked] = b""
    change_extensions(c, extensions)
    await c.send("ServerHello", answer.pack())
    await c.send("Certificate", Certificates(c.own_chain).pack12())
    if staples:
        await c.send("CertificateStatus", messages.pack_status(staples, multi))


async def _offer_share12(
    c: Endpoint, offered: ClientHello, suite: Suite, credential: Credential, random: bytes
) -> crypto.KeyShare:
    """Our part of the key exchange: the certificate's key, or a new one in a signed ServerKeyExchange."""
    if suite.static:
        return crypto.KeyShare(c.group, credential.key)
    share = crypto.KeyShare(c.group)
    parameters = b"\x03" + share.group.to_bytes(2, "big") + vector(1, share.public)
    scheme = _scheme(c, credential, offered)
    signature = crypto.sign(credential.key, scheme, offered.random + random + parameters)
    await c.send("ServerKeyExchange", parameters + scheme.to_bytes(2, "big") + vector(2, signature))
    return share


async def _verify12(c: Endpoint, key: object) -> None:
    signed = bytes(c.transcript)
    _, body = await c.receive("CertificateVerify")
    reader = Reader(body, "CertificateVerify")
    scheme, signature = reader.integer(2, "algorithm"), reader.vector(2, "signature")
    reader.end()
    if scheme not in c.context.numbers.schemes:
        text = f"the vehicle signs with {scheme_name(scheme)}, which was not offered"
        raise Fatal("illegal_parameter", text, check="signature-not-offered")
    crypto.verify(key, scheme, signature, signed, "CertificateVerify", TLS12)


# ---------------------------------------------------------------------------------------------------------------
# TLS 1.3


async def _tls13(c: Endpoint, offered: ClientHello) -> None:
    c.suite = suite = _suites(c, offered)[0]
    groups = _groups(c, offered)
    shares = ext.read_shares(offered.extensions.get(ext.KEY_SHARE, b"\0\0"))
    sent = [group for group in groups if group in shares]
    if not sent:
        offered = await _retry(c, offered, suite, groups[0])
        shares = ext.read_shares(offered.extensions[ext.KEY_SHARE])
        sent = [groups[0]]
    credential = _chain(c, offered)
    share = crypto.KeyShare(sent[0])
    c.group = share.group
    secret = share.secret(shares[share.group])
    answer = ServerHello(os.urandom(32), suite.code, session_id=offered.session_id)
    answer.extensions = {
        ext.SUPPORTED_VERSIONS: TLS13.to_bytes(2, "big"),
        ext.KEY_SHARE: share.group.to_bytes(2, "big") + vector(2, share.public),
    }
    change_extensions(c, answer.extensions)
    await c.send("ServerHello", answer.pack())
    if c.options.compatibility and offered.session_id:
        await c.send_change()
    keys = schedule.Schedule13(c, suite, secret)
    keys.seal_handshake("server")
    keys.handshake(opens="client")
    fragment = _fragment_length(c, offered)
    encrypted = {ext.MAX_FRAGMENT_LENGTH: fragment} if fragment else {}
    await c.send("EncryptedExtensions", ext.pack_extensions(encrypted))
    wanted = _wants_client(c) != "none"
    if wanted:
        trust, named = c.context.trust, c.options.certificate_authorities
        request = CertificateRequest(c.context.numbers.schemes, trust.names() if trust and named else [])
        await c.send("CertificateRequest", request.pack13())
    asked = ext.STATUS_REQUEST in offered.extensions
    staples = credential.staples(c.options, True, c.context.now()) if asked else []
    await c.send("Certificate", Certificates(c.own_chain, staples).pack13())
    await keys.send_verify(credential.key, _scheme(c, credential, offered), "server")
    await keys.send_finished("server")
    await c.flush()
    application = keys.application()
    c.seal_with(application["server"])
    if wanted:
        _, body = await c.receive("Certificate")
        key = _check_client(c, Certificates.parse13(body, asked=False))
        if key is not None:
            await keys.receive_verify("client", key)
    await keys.receive_finished("client")
    c.finish()
    c.open_with(application["client"])


async def _retry(c: Endpoint, offered: ClientHello, suite: Suite, group: int) -> ClientHello:
    """Sends HelloRetryRequest: the vehicle sent no key for a common group."""
    schedule.retry_transcript(c, suite)
    request = ServerHello(messages.RETRY_RANDOM, suite.code, session_id=offered.session_id)
    request.extensions = {
        ext.SUPPORTED_VERSIONS: TLS13.to_bytes(2, "big"),
        ext.KEY_SHARE: group.to_bytes(2, "big"),
    }
    await c.send("ServerHello", request.pack())
    if c.options.compatibility and offered.session_id:
        await c.send_change()
    await c.flush()
    _, body = await c.receive("ClientHello")
    c.hello = second = ClientHello.parse(body)
    rules.second_hello(offered, second, group)
    return second
