"""The keys of the bench file about TLS: what a side offers, accepts and checks, and what it does wrong on purpose.

The values are those of :class:`v2g.tls.options.Options`; a key that is not given has the profile's value.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from plugfest.config.actions import Seconds, Section

Names = list[str | int]


class TlsDeviations(Section, kw_only=True, frozen=True):
    """What TLS does wrong on purpose."""

    chain: Annotated[
        Literal["reversed", "leaf-last", "leaf-only", "with-root", "duplicate", "empty"] | None,
        Meta(description="order and completeness of the certificates sent"),
    ] = None
    staple: Annotated[
        Literal["missing", "stale", "wrong", "revoked", "unknown", "forged", "garbage", "leaf-only"] | None,
        Meta(description="OCSP responses sent; stale, revoked and unknown need pki"),
    ] = None
    at: Annotated[
        dict[str, str],
        Meta(
            description="handshake message of ours, or Connected -> alert NAME, warning NAME, close, stall, delay S, "
            "omit, repeat or corrupt"
        ),
    ] = {}
    extensions: Annotated[
        dict[str, str | None],
        Meta(description="of our hello, by name or number: hex, or null to leave it out"),
    ] = {}
    select_suite: Annotated[
        str | int | None, Meta(description="secc: select this suite, even if it was not offered")
    ] = None
    select_group: Annotated[
        str | int | None, Meta(description="secc: select this curve, even if it was not offered")
    ] = None
    select_signature: Annotated[str | int | None, Meta(description="secc: this signature algorithm")] = None
    select_version: Annotated[str | None, Meta(description="secc: this version, 1.2 or 1.3")] = None
    ignore_roots: Annotated[bool, Meta(description="secc: the first chain, whichever roots the vehicle names")] = False
    record_size: Annotated[int, Meta(ge=0, description="split handshake messages into records of this many bytes")] = 0
    close_notify: Annotated[bool, Meta(description="false: close without the alert")] = True


class TlsOptions(Section, kw_only=True, frozen=True):
    """How a side speaks TLS."""

    profile: Annotated[
        Literal["iso2", "iso20", "both", "lab"] | None,
        Meta(
            description="where the other values come from: TLS 1.2, TLS 1.3, both, or what test benches do; by default "
            "what the protocols require"
        ),
    ] = None
    versions: Annotated[list[str] | None, Meta(description="1.2, 1.3")] = None
    suites: Annotated[Names | None, Meta(description="cipher suites, preferred first: names or numbers")] = None
    groups: Annotated[Names | None, Meta(description="curves, preferred first")] = None
    signature_algorithms: Annotated[Names | None, Meta(description="preferred first")] = None
    key_shares: Annotated[Names | None, Meta(description="evcc: curves with a key in the TLS 1.3 hello")] = None
    trusted_ca_keys: Annotated[
        Literal["cert_sha1_hash", "key_sha1_hash", "x509_name", "pre_agreed", "none"] | None,
        Meta(description="evcc: how it names its roots with TLS 1.2"),
    ] = None
    answer_trusted_ca_keys: Annotated[
        bool | None,
        Meta(
            description="secc: confirm in ServerHello that the named roots were used; false for vehicles that"
            " abort on it"
        ),
    ] = None
    certificate_authorities: Annotated[bool | None, Meta(description="name the roots with TLS 1.3")] = None
    status_request: Annotated[
        Literal["v1", "v2", "both", "none"] | None, Meta(description="evcc: how it asks for OCSP responses")
    ] = None
    staple: Annotated[
        Literal["ignore", "check", "require"] | None, Meta(description="evcc: how it treats OCSP responses")
    ] = None
    client_certificate: Annotated[
        Literal["auto", "none", "request", "require"] | None,
        Meta(description="secc: the vehicle's certificate; auto: required with TLS 1.3"),
    ] = None
    tolerate: Annotated[list[str] | None, Meta(description="checks of the peer's certificates to report only")] = None
    max_fragment_length: Annotated[Literal[0, 512, 1024, 2048, 4096] | None, Meta(description="evcc: requested")] = None
    extended_master_secret: Annotated[bool | None, Meta(description="RFC 7627, TLS 1.2")] = None
    server_name: Annotated[str | None, Meta(description="evcc: sent as the server name")] = None
    compatibility: Annotated[
        bool | None, Meta(description="TLS 1.3 looks like 1.2 on the wire (middlebox compatibility)")
    ] = None
    timeout: Annotated[Seconds | None, Meta(description="time limit for each handshake message, s")] = None
    deviate: Annotated[TlsDeviations, Meta(description="deliberately wrong")] = TlsDeviations()


def plain(section: TlsOptions) -> dict[str, Any]:
    """The values that are given, under the names of :class:`v2g.tls.options.Options`."""

    def names(part: Section) -> dict[str, Any]:
        given: dict[str, Any] = msgspec.to_builtins(part)
        return {key.replace("-", "_"): value for key, value in given.items() if value is not None}

    values = names(section)
    if "deviate" in values:
        values["deviate"] = names(section.deviate)
    return values
