"""What hellos must and must not contain (RFC 5246, 5746, 6066, 8422, 8446), and the alert for each violation.

Pure: each function takes what was sent, and raises :class:`v2g.tls.failure.Fatal`.
"""

from __future__ import annotations

from v2g.tls import extensions as ext
from v2g.tls import messages
from v2g.tls.extensions import Extensions
from v2g.tls.failure import Fatal
from v2g.tls.messages import ClientHello, ServerHello
from v2g.tls.tables import EXTENSIONS, TLS12, TLS13, group_name, version_name
from v2g.tls.wire import Reader

SSL3 = 0x0300
FALLBACK_SCSV = 0x5600
RENEGOTIATION_SCSV = 0x00FF
PRE_SHARED_KEY, EARLY_DATA, PADDING = 41, 42, 21


def _name(code: int) -> str:
    return EXTENSIONS.get(code, f"extension {code}")


# ---------------------------------------------------------------------------------------------------------------
# The vehicle's hello


def client_hello(hello: ClientHello, version: int, ours: list[int]) -> None:
    """Checks a vehicle's hello, once the version is chosen.

    Args:
        ours: the versions that this charger accepts.

    Raises:
        Fatal: it breaks a rule of that version.
    """
    codes = list(hello.extensions)
    if PRE_SHARED_KEY in codes[:-1]:
        raise Fatal("illegal_parameter", "pre_shared_key is not the last extension of the hello")
    if FALLBACK_SCSV in hello.suites and version < max(ours):
        text = (
            f"the vehicle fell back to {version_name(version)}, although this charger speaks {version_name(max(ours))}"
        )
        raise Fatal("inappropriate_fallback", text, check="fallback")
    for code, check in _CLIENT_BODIES.items():
        if code in hello.extensions:
            check(hello.extensions[code])
    if version == TLS13:
        _client_hello13(hello)
    else:
        _client_hello12(hello)


def _client_hello12(hello: ClientHello) -> None:
    if 0 not in hello.compression:
        raise Fatal(
            "illegal_parameter", "the hello does not offer the null compression method, which every hello must offer"
        )
    if ext.POINT_FORMATS in hello.extensions:
        ext.check_points(hello.extensions[ext.POINT_FORMATS])
    if ext.RENEGOTIATION_INFO in hello.extensions:
        ext.check_renegotiation(hello.extensions[ext.RENEGOTIATION_INFO])


def _client_hello13(hello: ClientHello) -> None:
    if hello.compression != b"\0":
        raise Fatal(
            "illegal_parameter", f"the hello offers compression ({hello.compression.hex()}), but TLS 1.3 has none"
        )
    needed = (ext.SUPPORTED_GROUPS, ext.KEY_SHARE, ext.SIGNATURE_ALGORITHMS)
    if missing := [_name(code) for code in needed if code not in hello.extensions]:
        raise Fatal("missing_extension", f"the hello lacks {', '.join(missing)}, without which TLS 1.3 does not work")
    groups = hello.numbers(ext.SUPPORTED_GROUPS)
    for group in ext.read_shares(hello.extensions[ext.KEY_SHARE]):
        if group not in groups:
            text = f"the hello has a key of {group_name(group)}, which is not among its groups"
            raise Fatal("illegal_parameter", text)


def _status_request(body: bytes) -> None:
    reader = Reader(body, "status_request")
    if reader.integer(1, "type") == 1:
        reader.vector(2, "responder_id_list")
        reader.vector(2, "request_extensions")
        reader.end()


def _server_name(body: bytes) -> None:
    reader = Reader(body, "server_name")
    inner = reader.inner(2, "list")
    reader.end()
    if not inner.more:
        raise Fatal("decode_error", "server_name: an empty list")
    while inner.more:
        inner.integer(1, "type")
        inner.vector(2, "name")


def _fragment_length(body: bytes) -> None:
    if len(body) != 1:
        raise Fatal("decode_error", f"max_fragment_length of {len(body)} bytes, expected 1")
    if body[0] not in ext.FRAGMENT_LENGTHS.values():
        raise Fatal("illegal_parameter", f"max_fragment_length {body[0]}, expected 1 to 4")


_CLIENT_BODIES = {
    ext.SERVER_NAME: _server_name,
    ext.MAX_FRAGMENT_LENGTH: _fragment_length,
    ext.TRUSTED_CA_KEYS: ext.read_roots,
    ext.STATUS_REQUEST: _status_request,
    ext.STATUS_REQUEST_V2: ext.asks_multi,
    ext.SUPPORTED_GROUPS: lambda body: ext.words(body, "supported_groups"),
    ext.SIGNATURE_ALGORITHMS: lambda body: ext.words(body, "signature_algorithms"),
    ext.EXTENDED_MASTER_SECRET: lambda body: ext.empty(body, "extended_master_secret"),
    ext.CERTIFICATE_AUTHORITIES: ext.read_names,
}
"""Extension -> the check of its form."""


def second_hello(first: ClientHello, second: ClientHello, group: int) -> None:
    """Checks that the hello after a HelloRetryRequest only differs in key, padding and early data (RFC 8446 4.1.2)."""
    for what, one, other in (
        ("version", first.version, second.version),
        ("random", first.random, second.random),
        ("session id", first.session_id, second.session_id),
        ("cipher suites", first.suites, second.suites),
        ("compression methods", first.compression, second.compression),
    ):
        if one != other:
            raise Fatal("illegal_parameter", f"the second ClientHello has a different {what} from the first")
    if EARLY_DATA in second.extensions:
        raise Fatal("illegal_parameter", "the second ClientHello offers early data")
    free = {ext.KEY_SHARE, ext.COOKIE, PRE_SHARED_KEY, EARLY_DATA, PADDING}
    for code in {*first.extensions, *second.extensions} - free:
        if first.extensions.get(code) != second.extensions.get(code):
            text = f"the second ClientHello has a different {_name(code)} from the first"
            raise Fatal("illegal_parameter", text)
    if ext.COOKIE in second.extensions:
        raise Fatal("illegal_parameter", "the second ClientHello has a cookie, but none was sent")
    if ext.KEY_SHARE not in second.extensions:
        raise Fatal("missing_extension", "the second ClientHello lacks key_share")
    shares = ext.read_shares(second.extensions[ext.KEY_SHARE])
    if list(shares) != [group]:
        sent = ", ".join(map(group_name, shares)) or "none"
        text = f"the second ClientHello has keys of {sent}, but one of {group_name(group)} was requested"
        raise Fatal("illegal_parameter", text)


# ---------------------------------------------------------------------------------------------------------------
# The charger's answers


def server_version(hello: ClientHello, answer: ServerHello, ours: list[int]) -> int:
    """The version that the charger chose.

    Raises:
        Fatal: it was not offered, or the hellos were altered on the way.
    """
    if answer.version == SSL3:
        raise Fatal("protocol_version", "the charger answers with SSL 3.0")
    if ext.SUPPORTED_VERSIONS in answer.extensions:
        if ext.SUPPORTED_VERSIONS not in hello.extensions:
            raise Fatal("unsupported_extension", "ServerHello has supported_versions, which was not requested")
        version = ext.number16(answer.extensions[ext.SUPPORTED_VERSIONS], "supported_versions")
        if version < TLS13 or version not in ours:
            text = f"the charger chooses {version_name(version)} in supported_versions, but we offered {_names(ours)}"
            raise Fatal("illegal_parameter", text, check="protocol_version")
        if answer.version != TLS12:
            text = f"ServerHello of TLS 1.3 says {version_name(answer.version)} at its beginning, expected TLS 1.2"
            raise Fatal("illegal_parameter", text)
        return version
    if answer.retry and TLS13 in ours:
        raise Fatal("missing_extension", "HelloRetryRequest without supported_versions")
    if answer.version not in ours or answer.version > TLS12:
        text = f"the charger answers with {version_name(answer.version)}, but we offered {_names(ours)}"
        raise Fatal("protocol_version", text)
    if TLS13 in ours and answer.random.endswith((messages.DOWNGRADE, messages.DOWNGRADE_11)):
        text = "the charger supports TLS 1.3 but chose 1.2: somebody altered the hello"
        raise Fatal("illegal_parameter", text, check="downgrade")
    return answer.version


def _names(versions: list[int]) -> str:
    return ", ".join(map(version_name, versions))


def server_hello(hello: ClientHello, answer: ServerHello, version: int, fragment: int) -> None:
    """Checks a ServerHello or HelloRetryRequest, once version and suite are known.

    Args:
        fragment: max_fragment_length requested; 0: none.

    Raises:
        Fatal: it contains something that was not requested or is not allowed there.
    """
    if version == TLS13:
        if answer.session_id != hello.session_id:
            raise Fatal("illegal_parameter", "ServerHello does not repeat the session id of the hello")
        what, allowed = ("HelloRetryRequest", _RETRY) if answer.retry else ("ServerHello", _HELLO13)
        _only(answer.extensions, allowed, hello, what, free=_RETRY if answer.retry else ())
        return
    if hello.session_id and answer.session_id == hello.session_id:
        raise Fatal("illegal_parameter", "the charger resumes a session that never existed: it repeats our session id")
    free = (ext.RENEGOTIATION_INFO,) if RENEGOTIATION_SCSV in hello.suites else ()
    _only(answer.extensions, _HELLO12, hello, "ServerHello", free=free)
    _bodies(answer.extensions, fragment)


def encrypted_extensions(hello: ClientHello, extensions: Extensions, fragment: int) -> None:
    """Checks EncryptedExtensions."""
    _only(extensions, _ENCRYPTED, hello, "EncryptedExtensions")
    _bodies(extensions, fragment)


_HELLO13 = (ext.SUPPORTED_VERSIONS, ext.KEY_SHARE, PRE_SHARED_KEY)
_RETRY = (ext.SUPPORTED_VERSIONS, ext.KEY_SHARE, ext.COOKIE)
_HELLO12 = (
    ext.SERVER_NAME, ext.MAX_FRAGMENT_LENGTH, ext.TRUSTED_CA_KEYS, ext.STATUS_REQUEST,
    ext.POINT_FORMATS, ext.STATUS_REQUEST_V2, ext.EXTENDED_MASTER_SECRET, ext.RENEGOTIATION_INFO,
    ext.SUPPORTED_GROUPS,  # not allowed, but some servers have always sent it (RFC 8446 4.2.7)
)  # fmt: skip
_ENCRYPTED = (ext.SERVER_NAME, ext.MAX_FRAGMENT_LENGTH, ext.SUPPORTED_GROUPS)


def _only(
    found: Extensions, allowed: tuple[int, ...], hello: ClientHello, what: str, free: tuple[int, ...] = ()
) -> None:
    for code in found:
        if code not in hello.extensions and code not in free:
            raise Fatal("unsupported_extension", f"{what} has the extension {_name(code)}, which was not requested")
        if code not in allowed:
            raise Fatal("illegal_parameter", f"{what} has the extension {_name(code)}, which does not belong there")


def _bodies(extensions: Extensions, fragment: int) -> None:
    for code, body in extensions.items():
        if code in _EMPTY:
            ext.empty(body, _name(code))
        elif code == ext.POINT_FORMATS:
            ext.check_points(body)
        elif code == ext.RENEGOTIATION_INFO:
            ext.check_renegotiation(body)
        elif code == ext.MAX_FRAGMENT_LENGTH and body != bytes((ext.FRAGMENT_LENGTHS.get(fragment, 0),)):
            text = f"max_fragment_length {body.hex() or 'empty'} where {fragment} bytes were requested"
            raise Fatal("illegal_parameter", text)


_EMPTY = (
    ext.SERVER_NAME, ext.TRUSTED_CA_KEYS, ext.STATUS_REQUEST, ext.STATUS_REQUEST_V2,
    ext.EXTENDED_MASTER_SECRET,
)  # fmt: skip
"""Extensions of the charger without content."""
