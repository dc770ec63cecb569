"""How a side checks the peer's certificates: chain (:mod:`pki.path`) and OCSP responses (:mod:`pki.ocsp`)."""

from __future__ import annotations

from typing import Any

from cryptography import x509

from pki import loading, ocsp
from pki.path import fatal, validate
from pki.profiles import Role
from pki.roles import domains
from pki.store import issued
from v2g.tls import crypto
from v2g.tls.context import subject
from v2g.tls.endpoint import Endpoint
from v2g.tls.failure import PEER, Fatal
from v2g.tls.tables import TLS12, TLS13

# Code of pki.path -> alert to send; others: bad_certificate.
_ALERT_OF = {
    "expired": "certificate_expired",
    "not-yet-valid": "certificate_expired",
    "revoked": "certificate_revoked",
    "unknown-root": "unknown_ca",
    "twin-root": "unknown_ca",
    "missing-intermediate": "unknown_ca",
    "wrong-role": "unsupported_certificate",
    "key-usage": "unsupported_certificate",
    "purpose": "unsupported_certificate",
    "curve": "unsupported_certificate",
    "algorithm": "unsupported_certificate",
}


def check_peer(c: Endpoint) -> Any:
    """Checks the chain and its OCSP responses; returns the public key of the leaf.

    Raises:
        Fatal: a certificate cannot be used; names it, the check and what was expected.
    """
    c.tell("certificates", "rx", b"".join(c.peer_chain), c.context.describe(c.peer_chain))
    if not c.peer_chain:
        raise Fatal("decode_error", "the charger sent no certificate", check="no-certificate")
    try:
        chain = loading.chain(c.peer_chain, PEER[c.role])
    except loading.Unreadable as why:
        which = f"certificate {why.place}" if why.place else "the certificate"
        raise Fatal("bad_certificate", str(why), check="malformed", certificate=which) from why
    key: Any = chain[0].public_key()
    if c.context.trust is None:
        return key
    _path(c, chain, key)
    if c.role == "client" and c.options.staple != "ignore":
        _staples(c, chain)
    return key


def _path(c: Endpoint, chain: list[x509.Certificate], key: Any) -> None:
    assert c.context.trust is not None
    role = Role.SECC if c.role == "client" else Role.VEHICLE
    suite = "iso2"
    if c.version == TLS13:
        suite = "iso20-ed448" if crypto.key_name(key).lower() == "ed448" else "iso20"
    trust = c.context.trust
    found = validate(chain, trust.roots, role, c.context.now(), suite=suite, revoked=trust.revoked)
    refused = [one for one in found if one.fatal and str(one.code) not in c.options.tolerate]
    refused.sort(key=lambda one: str(one.code) == "order")  # last, because another error usually causes it
    for one in found:
        if one not in refused:
            c.tell("certificate-deviation", note=f"{one.code}: {one}")
    if refused:
        first = refused[0]
        others = f"; also: {'; '.join(map(str, refused[1:]))}" if len(refused) > 1 else ""
        whose = "the charger's" if c.role == "client" else "the vehicle's"
        where = f"; roots trusted: {c.context.trust.file}" if first.code in ("unknown-root", "twin-root") else ""
        text = f"{whose} certificate was refused: {first}{others}{where}"
        alert = _ALERT_OF.get(str(first.code), "bad_certificate")
        raise Fatal(alert, text, check=str(first.code), certificate=first.subject)


_STAPLES = {TLS12: "V2G2-873", TLS13: "V2G20-2388"}
_STAPLES_ASKED = {TLS12: "V2G2-871", TLS13: "V2G20-2388"}
"""Requirements for OCSP responses, by the version of TLS that each standard uses."""


def _staples(c: Endpoint, chain: list[x509.Certificate]) -> None:
    assert c.context.trust is not None
    roots = c.context.trust.roots
    # Without status_request_v2 only the leaf's response can arrive; some chargers support no more than that.
    several = c.version == TLS13 or len(c.peer_staples) > 1
    asked = several or c.options.status_request in ("v2", "both")
    required = c.options.staple == "require" and "ocsp-missing" not in c.options.tolerate and not _private(chain, roots)
    missing: list[str] = []
    for index, certificate in enumerate(chain):
        if certificate in roots or (index and certificate.subject == certificate.issuer):
            continue
        who = subject(certificate)
        staple = c.peer_staples[index] if index < len(c.peer_staples) else b""
        if not staple:
            text = f"the charger stapled no OCSP response for {who} [{_STAPLES[c.version]}]"
            if required and (index == 0 or several):
                raise Fatal("bad_certificate_status_response", text, check="ocsp-missing", certificate=who)
            if index == 0 or asked:
                missing.append(who)
            continue
        issuer = next((one for one in (*chain[1:], *roots) if issued(one, certificate)), None)
        if issuer is None:  # only possible if path errors are tolerated
            c.tell("certificate-deviation", note=f"the OCSP response for {who} cannot be checked without its issuer")
            continue
        found = ocsp.check(staple, certificate, issuer, c.context.now(), index=index)
        wrong = [one for one in fatal(found) if str(one.code) not in c.options.tolerate]
        for one in found:
            if one not in wrong:
                c.tell("certificate-deviation", note=f"{one.code}: {one}")
        if wrong:
            alert = "certificate_revoked" if wrong[0].code == "revoked" else "bad_certificate_status_response"
            raise Fatal(alert, f"{wrong[0]}, as stapled by the charger", check=str(wrong[0].code), certificate=who)
        c.tell("staple", "rx", staple, f"{who}: {'tolerated' if fatal(found) else 'good'}")
    if missing and c.options.status_request != "none" and not _private(chain, roots):
        text = f"the charger stapled no OCSP response for {', '.join(missing)}, although it was asked to"
        text += f" [{_STAPLES_ASKED[c.version]}]"
        c.tell("certificate-deviation", note=f"ocsp-missing: {text}")


def _private(chain: list[x509.Certificate], roots: list[x509.Certificate]) -> bool:
    """Whether a private operator's root issued the leaf itself: no OCSP response is due then [V2G2-868, 872, 927]."""
    root = next((one for one in roots if issued(one, chain[0])), None)
    return root is not None and "V2G" not in domains(root)
