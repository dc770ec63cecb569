"""What a side of TLS offers, accepts and checks, and how it deviates: plain data that a configuration file can fill.

Profiles: ``iso2`` (TLS 1.2, server certificate only), ``iso20`` (TLS 1.3, both certificates), ``both`` (one handshake
that serves either), ``lab`` (like ``both``, plus the suites, curves and P-256 certificates that test equipment uses in
practice, and no client certificate required).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

import msgspec

from boundary.choices import unknown
from boundary.errors import InputError
from boundary.yaml_read import parse_yaml
from pki.path import Code
from v2g.errors import SetupError
from v2g.tls import tables


class Deviations(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Deliberate deviations. Everything is off by default.

    Attributes:
        chain: in the certificates sent: "reversed" (sub-CAs in the wrong order), "leaf-last", "leaf-only" (no sub-CAs),
            "with-root", "duplicate" (the leaf twice), "empty".
        staple: in the OCSP responses sent: "missing", "stale" (validity over), "wrong" (about another certificate),
            "revoked", "unknown", "forged" (signature broken), "garbage" (not an OCSP response), "leaf-only" (one
            although several were requested). "stale", "revoked" and "unknown" need the key of an OCSP responder.
        at: our handshake message -> what happens instead: "alert NAME", "warning NAME" (before it), "close", "stall"
            (silence), "delay SECONDS", "omit", "repeat", "corrupt" (last byte changed). ``Connected`` is the moment
            after the handshake.
        extensions: raw extensions of our hello, by name or number: hex, or None to omit the extension.
        select_suite, select_group, select_signature, select_version: a charger's choice, regardless of the offer.
        ignore_roots: a charger sends its first chain, regardless of the roots that the vehicle names.
        record_size: handshake messages are split into records of this many bytes.
        close_notify: False: the connection is closed without the alert.
    """

    chain: Literal["", "reversed", "leaf-last", "leaf-only", "with-root", "duplicate", "empty"] = ""
    staple: Literal["", "missing", "stale", "wrong", "revoked", "unknown", "forged", "garbage", "leaf-only"] = ""
    at: dict[str, str] = {}
    extensions: dict[str | int, str | None] = {}
    select_suite: str | int | None = None
    select_group: str | int | None = None
    select_signature: str | int | None = None
    select_version: str | int | None = None
    ignore_roots: bool = False
    record_size: int = 0
    close_notify: bool = True


class Options(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a side offers, accepts and checks.

    Attributes:
        versions: "1.2", "1.3", or both.
        suites, groups, signature_algorithms: offered or accepted, preferred first; names as IANA or OpenSSL write them,
            or numbers.
        key_shares: groups for which a vehicle sends a key in TLS 1.3; by default the first.
        trusted_ca_keys: how a vehicle names its roots with TLS 1.2 [V2G2-651]: "cert_sha1_hash", "key_sha1_hash",
            "x509_name", "pre_agreed", or "none".
        answer_trusted_ca_keys: a charger says in its ServerHello that it used trusted_ca_keys (RFC 6066 6). One known
            vehicle then ends the handshake; it continues without the answer, which other vehicles do not need.
        certificate_authorities: name the roots in TLS 1.3 [V2G20-1006, 2401].
        status_request: how a vehicle requests OCSP responses: "v1" (for the leaf), "v2" (for each certificate, TLS 1.2
            only), "both", "none". A charger answers the forms it supports.
        staple: how a vehicle treats OCSP responses: "ignore", "check" those that come, "require" them as well, except
            for the chain of a private operator's root [V2G2-872, 873].
        client_certificate: what a charger requests: "none", "request", "require", or "auto": require in TLS 1.3 only.
        tolerate: checks (:class:`pki.path.Code`) whose failure is reported but accepted: "curve", "expired" ...
        max_fragment_length: requested by a vehicle: 512, 1024, 2048 or 4096; 0: not requested.
        extended_master_secret: RFC 7627, TLS 1.2.
        server_name: sent by a vehicle; V2G does not use it.
        compatibility: send the ChangeCipherSpec and session id that make TLS 1.3 look like 1.2.
        timeout: seconds that each handshake message may take.
        deviate: deliberate deviations.
    """

    versions: tuple[str, ...] = ("1.2",)
    suites: tuple[str | int, ...] = (
        "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256",
        "TLS_ECDH_ECDSA_WITH_AES_128_CBC_SHA256",
    )
    groups: tuple[str | int, ...] = ("secp256r1",)
    signature_algorithms: tuple[str | int, ...] = ("ecdsa_secp256r1_sha256",)
    key_shares: tuple[str | int, ...] = ()
    trusted_ca_keys: Literal["cert_sha1_hash", "key_sha1_hash", "x509_name", "pre_agreed", "none"] = "cert_sha1_hash"
    answer_trusted_ca_keys: bool = True
    certificate_authorities: bool = True
    status_request: Literal["v1", "v2", "both", "none"] = "both"
    staple: Literal["ignore", "check", "require"] = "check"
    client_certificate: Literal["auto", "none", "request", "require"] = "auto"
    tolerate: tuple[str, ...] = ()
    max_fragment_length: int = 0
    extended_master_secret: bool = True
    server_name: str = ""
    compatibility: bool = True
    timeout: float = 20.0
    deviate: Deviations = Deviations()

    def __post_init__(self) -> None:
        try:
            for kind, names in (
                ("version", self.versions),
                ("suite", self.suites),
                ("group", (*self.groups, *self.key_shares)),
                ("signature algorithm", self.signature_algorithms),
                ("extension", tuple(self.deviate.extensions)),
            ):
                tables.numbers(kind, names)
            for kind, name in (
                ("suite", self.deviate.select_suite),
                ("group", self.deviate.select_group),
                ("signature algorithm", self.deviate.select_signature),
                ("version", self.deviate.select_version),
            ):
                if name is not None:
                    tables.number(kind, name)
            for message, action in self.deviate.at.items():
                _check_action(message, action)
            for value in self.deviate.extensions.values():
                bytes.fromhex(value or "")
            _check_tolerated(self.tolerate)
        except ValueError as why:
            raise SetupError(f"TLS options: {why}") from why

    def change(self, **changes: Any) -> Options:
        """A copy with other values."""
        return msgspec.structs.replace(self, **changes)

    def wrong(self, **deviations: Any) -> Options:
        """A copy with these deviations added."""
        return self.change(deviate=msgspec.structs.replace(self.deviate, **deviations))


ACTIONS = ("alert", "warning", "close", "stall", "delay", "omit", "repeat", "corrupt")
CONNECTED = "Connected"


def _check_action(message: str, action: str) -> None:
    if message not in (*tables.MESSAGES, "ChangeCipherSpec", CONNECTED):
        known = (*tables.MESSAGES, CONNECTED)
        raise ValueError(f"deviate.at: {unknown('handshake message', message, known)}")
    word, _, argument = action.partition(" ")
    if word not in ACTIONS:
        raise ValueError(f"deviate.at.{message}: {unknown('action', word, ACTIONS)}")
    if word in ("alert", "warning"):
        tables.number("alert", argument)
    if word == "delay":
        float(argument)


def _check_tolerated(names: tuple[str, ...]) -> None:
    if names:
        known = [str(code) for code in Code]
        for name in names:
            if name not in known:
                raise ValueError(f"tolerate: {unknown('check', name, known)}")


_FIELD_SUITES = ("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384")

ISO2 = Options()
ISO20 = Options(
    versions=("1.3",),
    suites=("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"),
    groups=("secp521r1", "x448"),
    signature_algorithms=("ecdsa_secp521r1_sha512", "ed448"),
    status_request="v1",
)
BOTH = Options(
    versions=("1.3", "1.2"),
    suites=(*ISO20.suites, *ISO2.suites),
    groups=(*ISO20.groups, *ISO2.groups),
    signature_algorithms=(*ISO20.signature_algorithms, *ISO2.signature_algorithms),
)
LAB = BOTH.change(
    suites=(*ISO20.suites, "TLS_AES_128_GCM_SHA256", *ISO2.suites, *_FIELD_SUITES),
    groups=("secp256r1", "secp521r1", "x448", "secp384r1", "x25519"),
    signature_algorithms=tuple(tables.SCHEMES.values()),
    client_certificate="request",
    tolerate=("curve", "algorithm", "purpose", "wrong-role", "size"),
)
PROFILES: Mapping[str, Options] = {"iso2": ISO2, "iso20": ISO20, "both": BOTH, "lab": LAB}


def options_of(values: Mapping[str, Any]) -> Options:
    """Options from plain data: keys are the attributes of :class:`Options`, and ``profile`` to start from.

    Raises:
        SetupError: an unknown key, profile or name, or a value of the wrong type; says which one.
    """
    values = dict(values)
    name = values.pop("profile", "iso2")
    if name not in PROFILES:
        raise SetupError(f"TLS options: {unknown('profile', name, PROFILES)}")
    start = msgspec.to_builtins(PROFILES[name])
    for key, value in values.items():
        if key == "deviate" and isinstance(value, Mapping):
            start[key] = {**start[key], **value}
        else:
            start[key] = value
    try:
        return msgspec.convert(start, Options)
    except msgspec.ValidationError as why:
        raise SetupError(f"TLS options: {why}") from why


def parse_changes(texts: list[str]) -> dict[str, Any]:
    """``["groups=[x448]", "deviate.staple=missing"]`` as the data that :func:`options_of` takes; values are YAML.

    Raises:
        SetupError: a text is not ``KEY=VALUE``.
    """
    values: dict[str, Any] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals:
            raise SetupError(f"TLS option {text!r}: use KEY=VALUE")
        try:
            parsed = parse_yaml(value, f"TLS option {key}")
        except InputError as why:
            raise SetupError(str(why)) from why
        place = values
        *path, last = key.strip().split(".")
        for part in path:
            place = place.setdefault(part, {})
        if last in ("suites", "groups", "signature_algorithms", "versions", "key_shares") and not isinstance(
            parsed, list
        ):
            parsed = [parsed]
        if last == "versions":
            parsed = [str(item) for item in parsed]
        place[last] = parsed
    return values
