"""The numbers of TLS and their names, and what an alert means in a charger or a vehicle.

Suites, groups and signature schemes are those of ISO 15118-2 (TLS 1.2: ECDHE or static ECDH with ECDSA, AES-128-CBC,
SHA-256, P-256) and ISO 15118-20 (TLS 1.3: AES-256-GCM, ChaCha20; secp521r1, x448; ECDSA P-521, Ed448), and those that
test equipment uses instead in practice. A name may be spelled as by IANA or OpenSSL, or given as a number: numbers that
are not in the tables can be offered, but not used.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from boundary.choices import unknown

TLS12, TLS13 = 0x0303, 0x0304
VERSIONS: Mapping[str, int] = {"1.2": TLS12, "1.3": TLS13}


@dataclass(frozen=True, slots=True)
class Suite:
    """A cipher suite.

    Attributes:
        static: static ECDH: the certificate's own key takes part in the key exchange.
        key, iv, mac: lengths in bytes; ``iv`` is the implicit part of the nonce, 0 for CBC.
    """

    code: int
    name: str
    openssl: str
    version: int
    cipher: str
    key: int
    iv: int
    mac: int
    hash: str
    static: bool = False


_E = "TLS_ECDHE_ECDSA_WITH_AES_"
SUITES: Mapping[int, Suite] = {
    suite.code: suite
    for suite in (
        Suite(0xC023, _E + "128_CBC_SHA256", "ECDHE-ECDSA-AES128-SHA256", TLS12, "cbc", 16, 0, 32, "sha256"),
        Suite(0xC025, "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA256", "ECDH-ECDSA-AES128-SHA256", TLS12, "cbc", 16, 0, 32,
              "sha256", static=True),
        Suite(0xC02B, _E + "128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256", TLS12, "gcm", 16, 4, 0, "sha256"),
        Suite(0xC02C, _E + "256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384", TLS12, "gcm", 32, 4, 0, "sha384"),
        Suite(0x1301, *("TLS_AES_128_GCM_SHA256",) * 2, TLS13, "gcm", 16, 12, 0, "sha256"),
        Suite(0x1302, *("TLS_AES_256_GCM_SHA384",) * 2, TLS13, "gcm", 32, 12, 0, "sha384"),
        Suite(0x1303, *("TLS_CHACHA20_POLY1305_SHA256",) * 2, TLS13, "chacha", 32, 12, 0, "sha256"),
    )
}  # fmt: skip

GROUPS: Mapping[int, str] = {23: "secp256r1", 24: "secp384r1", 25: "secp521r1", 29: "x25519", 30: "x448"}

SCHEMES: Mapping[int, str] = {
    0x0403: "ecdsa_secp256r1_sha256",
    0x0503: "ecdsa_secp384r1_sha384",
    0x0603: "ecdsa_secp521r1_sha512",
    0x0807: "ed25519",
    0x0808: "ed448",
}

EXTENSIONS: Mapping[int, str] = {
    0: "server_name",
    1: "max_fragment_length",
    3: "trusted_ca_keys",
    5: "status_request",
    10: "supported_groups",
    11: "ec_point_formats",
    13: "signature_algorithms",
    16: "application_layer_protocol_negotiation",
    17: "status_request_v2",
    22: "encrypt_then_mac",
    23: "extended_master_secret",
    35: "session_ticket",
    41: "pre_shared_key",
    42: "early_data",
    43: "supported_versions",
    44: "cookie",
    45: "psk_key_exchange_modes",
    47: "certificate_authorities",
    50: "signature_algorithms_cert",
    51: "key_share",
    0xFF01: "renegotiation_info",
}

HANDSHAKE: Mapping[int, str] = {
    0: "HelloRequest",
    1: "ClientHello",
    2: "ServerHello",
    4: "NewSessionTicket",
    8: "EncryptedExtensions",
    11: "Certificate",
    12: "ServerKeyExchange",
    13: "CertificateRequest",
    14: "ServerHelloDone",
    15: "CertificateVerify",
    16: "ClientKeyExchange",
    20: "Finished",
    22: "CertificateStatus",
    24: "KeyUpdate",
    254: "message_hash",
}
MESSAGES: Mapping[str, int] = {name: code for code, name in HANDSHAKE.items()}


@dataclass(frozen=True, slots=True)
class Alert:
    """An alert, and its usual causes between a vehicle and a charger."""

    code: int
    name: str
    meaning: str


ALERTS: Mapping[int, Alert] = {
    alert.code: alert
    for alert in (
        Alert(0, "close_notify", "it ended the connection normally"),
        Alert(10, "unexpected_message", "it did not expect the message it got at this point"),
        Alert(20, "bad_record_mac", "it could not decrypt what we sent: other keys, or a damaged record"),
        Alert(22, "record_overflow", "a record was longer than it accepts"),
        Alert(40, "handshake_failure", "it accepts none of the suites, curves or signature algorithms offered"),
        Alert(42, "bad_certificate", "it could not read a certificate, or its signature does not verify"),
        Alert(43, "unsupported_certificate", "it cannot use this kind of certificate: key type, curve or key usage"),
        Alert(44, "certificate_revoked", "a certificate of our chain is revoked, by its OCSP response or CRL"),
        Alert(45, "certificate_expired", "a certificate of our chain is not valid now by its clock"),
        Alert(46, "certificate_unknown", "it refused our certificate for a reason it does not give"),
        Alert(47, "illegal_parameter", "a field of our message contradicts another or the standard"),
        Alert(48, "unknown_ca", "it does not have the root of our chain, or a sub-CA was missing"),
        Alert(49, "access_denied", "the certificate is valid, but its owner is not allowed access"),
        Alert(50, "decode_error", "it could not parse a message of ours"),
        Alert(51, "decrypt_error", "a signature or Finished of ours did not verify: key of another certificate?"),
        Alert(70, "protocol_version", "it does not speak our TLS version: ISO 15118-2 has 1.2, ISO 15118-20 has 1.3"),
        Alert(71, "insufficient_security", "it insists on stronger suites or curves than we offer"),
        Alert(80, "internal_error", "something went wrong inside it that has nothing to do with us"),
        Alert(86, "inappropriate_fallback", "it suspects a downgrade of the version"),
        Alert(90, "user_canceled", "it gave up for a reason outside the protocol"),
        Alert(100, "no_renegotiation", "it does not renegotiate"),
        Alert(109, "missing_extension", "an extension that it requires is missing"),
        Alert(110, "unsupported_extension", "we sent an extension that it did not ask for"),
        Alert(112, "unrecognized_name", "it does not know the server name we sent"),
        Alert(113, "bad_certificate_status_response", "it did not accept the stapled OCSP response, or there was none"),
        Alert(115, "unknown_psk_identity", "it does not know the session to resume"),
        Alert(116, "certificate_required", "it insists on a vehicle certificate, as ISO 15118-20 does"),
        Alert(120, "no_application_protocol", "it supports none of the application protocols offered"),
    )
}  # fmt: skip
ALERT_CODES: Mapping[str, int] = {alert.name: code for code, alert in ALERTS.items()}

# Names as users write them -> numbers.
_OTHER_NAMES: Mapping[str, Mapping[str, int]] = {
    "suite": {n: s.code for s in SUITES.values() for n in (s.name.lower(), s.openssl.lower())},
    "group": {
        **{name: code for code, name in GROUPS.items()},
        "prime256v1": 23,
        "p-256": 23,
        "p-384": 24,
        "p-521": 25,
    },
    "signature algorithm": {
        **{name: code for code, name in SCHEMES.items()},
        "ecdsa+sha256": 0x0403,
        "ecdsa+sha384": 0x0503,
        "ecdsa+sha512": 0x0603,
    },
    "extension": {name: code for code, name in EXTENSIONS.items()},
    "alert": ALERT_CODES,
    "version": {**VERSIONS, "tlsv1.2": TLS12, "tlsv1.3": TLS13},
}


def number(kind: str, name: str | int) -> int:
    """The number of a suite, group, signature algorithm, extension, alert or version.

    Args:
        name: in any spelling, or the number itself, also as text ("0xC023").

    Raises:
        ValueError: there is none with that name.
    """
    if isinstance(name, int):
        return name
    found = _OTHER_NAMES[kind].get(name.lower())
    if found is not None:
        return found
    try:
        return int(name, 0)
    except ValueError:
        raise ValueError(unknown(kind, name, _OTHER_NAMES[kind])) from None


def numbers(kind: str, names: Iterable[str | int]) -> list[int]:
    """The :func:`number` of several names."""
    return [number(kind, name) for name in names]


def suite_name(code: int) -> str:
    return SUITES[code].name if code in SUITES else f"0x{code:04X}"


def group_name(code: int) -> str:
    return GROUPS.get(code, f"0x{code:04X}")


def scheme_name(code: int) -> str:
    return SCHEMES.get(code, f"0x{code:04X}")


def version_name(code: int) -> str:
    return {0x0300: "SSL 3.0", 0x0301: "TLS 1.0", 0x0302: "TLS 1.1", TLS12: "TLS 1.2", TLS13: "TLS 1.3"}.get(
        code, f"0x{code:04X}"
    )


def alert_text(code: int) -> str:
    """``unknown_ca (48): it does not hold ...``"""
    alert = ALERTS.get(code)
    return f"{alert.name} ({code}): {alert.meaning}" if alert else f"alert {code}, which no standard defines"
