"""Breaches of the rules of TLS, by table: state and stimulus -> alert, and the end after it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tls_attacker import (
    GROUPS,
    KEY_SHARE,
    SCHEMES,
    Attack,
    Attacker,
    afterwards,
    answer,
    extension,
    hello,
    meet,
    raw,
    record,
    second,
    times,
)

from v2g.tls import Deviations, messages
from v2g.tls import extensions as ext
from v2g.tls.messages import ClientHello, ServerHello
from v2g.tls.wire import vector

UNEXPECTED, ILLEGAL, DECODE = "unexpected_message", "illegal_parameter", "decode_error"
CHARGER, VEHICLE = Attack("charger"), Attack("vehicle")
CHARGER13, VEHICLE13 = Attack("charger", "iso20"), Attack("vehicle", "iso20")
# the vehicle's first key is of a group that this charger does not take, so that it is asked for another
RETRY = {"key_shares": ("x448",), "groups": ("x448", "secp521r1")}
RETRIED = CHARGER13(options=RETRY, others={"groups": ("secp521r1",)})
RETRYING = VEHICLE13(options={"groups": ("secp521r1",)}, others=RETRY)


def _set(name: str, value: Any) -> Any:
    return hello(lambda parsed: setattr(parsed, name, value))


def _sets(name: str, value: Any) -> Any:
    return answer(lambda parsed: setattr(parsed, name, value))


def _ext(code: int, body: bytes | None) -> Any:
    return hello(extension(code, body))


def _exts(code: int, body: bytes | None) -> Any:
    return answer(extension(code, body))


def _twice(parsed: bytes) -> bytes:
    """The last extension of a hello once more."""
    found = ClientHello.parse(parsed)
    packed = ext.pack_extensions(found.extensions)[2:] + b"\x00\x17\x00\x00"
    packed += b"" if 0x17 in found.extensions else b"\x00\x17\x00\x00"
    whole = found.pack()
    return whole[: -len(ext.pack_extensions(found.extensions))] + vector(2, packed)


def _fill(size: int) -> bytes:
    return bytes(size)


def _updates(count: int) -> Any:
    """KeyUpdates of the attacker that ask for none in return, each under new keys."""

    def send(attacker: Attacker) -> None:
        for _ in range(count):
            attacker.send_record(22, b"\x18\x00\x00\x01\x00")
            attacker._sealing.update()

    return send


def _damaged(attacker: Attacker) -> None:
    attacker.send_record(23, b"hello")
    attacker._out[-1] ^= 1


def _padded(attacker: Attacker) -> None:
    """A record in which the padding of CBC is wrong."""
    attacker.send_record(23, b"hello")
    attacker._out[-20] ^= 1


# ---------------------------------------------------------------------------------------------------------------
# In the handshake

HANDSHAKE: list[tuple[str, Attack, str]] = [
    # --- records
    ("unknown record type", CHARGER(before={"ClientKeyExchange": raw(b"\x63\x03\x03\x00\x01\x00")}), UNEXPECTED),
    ("record version", CHARGER(before={"ClientKeyExchange": raw(b"\x16\x03\x01\x00\x01\x10")}), "protocol_version"),
    ("record of SSL 2", CHARGER(before={"ClientKeyExchange": raw(b"\x16\x02\x00\x00\x01\x10")}), "protocol_version"),
    ("empty handshake record", CHARGER(before={"ClientKeyExchange": record(22, b"")}), UNEXPECTED),
    ("empty handshake record 1.3", CHARGER13(before={"Finished": record(22, b"")}), UNEXPECTED),
    ("record too long", CHARGER(
        before={"ClientKeyExchange": raw(b"\x16\x03\x03\x40\x01" + bytes(16385))}), "record_overflow"),
    ("encrypted record too long 1.3", CHARGER13(before={"Finished": raw(b"\x17\x03\x03\x41\x01")}), "record_overflow"),
    ("plain text too long 1.3", CHARGER13(before={"Finished": record(22, _fill(16385))}), "record_overflow"),
    ("fragment longer than agreed", VEHICLE(
        others={"max_fragment_length": 512}, before={"ServerHelloDone": record(22, b"\x0e\x00\x03\x00" + bytes(600))},
    ), "record_overflow"),
    ("data in the handshake", CHARGER(before={"ClientKeyExchange": record(23, b"x")}), UNEXPECTED),
    ("plain text where it is encrypted", CHARGER13(
        before={"Finished": raw(b"\x16\x03\x03\x00\x04\x14\0\0\0")}), UNEXPECTED),
    ("unknown type inside 1.3", CHARGER13(before={"Finished": record(99, b"x")}), UNEXPECTED),
    ("encrypted ChangeCipherSpec 1.3", CHARGER13(before={"Finished": record(20, b"\x01")}), UNEXPECTED),
    ("bad MAC in the handshake", CHARGER(change={}, before={"Finished": _damaged}), "bad_record_mac"),
    ("bad tag in the handshake", CHARGER13(before={"Finished": _damaged}), "bad_record_mac"),
    ("record of padding alone 1.3", CHARGER13(before={"Finished": record(0, b"")}), UNEXPECTED),
    # --- alerts
    ("alert of one byte", CHARGER(before={"ClientKeyExchange": record(21, b"\x01")}), DECODE),
    ("alert of three bytes", CHARGER(before={"ClientKeyExchange": record(21, b"\x01\x5a\x00")}), DECODE),
    ("empty alert", CHARGER(before={"ClientKeyExchange": record(21, b"")}), UNEXPECTED),
    ("unknown alert level", CHARGER(before={"ClientKeyExchange": record(21, b"\x07\x5a")}), ILLEGAL),
    ("too many warnings", CHARGER(before={"ClientKeyExchange": times(6, record(21, b"\x01\x5a"))}), UNEXPECTED),
    ("too many warnings 1.3", CHARGER13(before={"Finished": times(6, record(21, b"\x01\x5a"))}), UNEXPECTED),
    ("alert inside a message", CHARGER(before={"ClientKeyExchange": lambda a: (
        a.send_record(22, b"\x10\x00"), a.send_record(21, b"\x01\x5a")
    )}), UNEXPECTED),
    # --- ChangeCipherSpec
    ("ChangeCipherSpec too early", CHARGER(before={"ClientKeyExchange": record(20, b"\x01")}), UNEXPECTED),
    ("ChangeCipherSpec twice", CHARGER(after={"ChangeCipherSpec": record(20, b"\x01")}), UNEXPECTED),
    ("ChangeCipherSpec of 2", CHARGER(change={"ChangeCipherSpec": lambda b: b"\x02"}), ILLEGAL),
    ("ChangeCipherSpec of two bytes", CHARGER(change={"ChangeCipherSpec": lambda b: b"\x01\x01"}), DECODE),
    ("empty ChangeCipherSpec", CHARGER(change={"ChangeCipherSpec": lambda b: b""}), UNEXPECTED),
    ("ChangeCipherSpec before the hello", CHARGER13(
        before={"ClientHello": raw(b"\x14\x03\x03\x00\x01\x01")}), UNEXPECTED),
    ("ChangeCipherSpec of 2 in 1.3", CHARGER13(before={"Finished": raw(b"\x14\x03\x03\x00\x01\x02")}), UNEXPECTED),
    ("ChangeCipherSpec of two bytes 1.3", CHARGER13(
        before={"Finished": raw(b"\x14\x03\x03\x00\x02\x01\x01")}), UNEXPECTED),
    ("endless ChangeCipherSpecs 1.3", CHARGER13(
        before={"Finished": times(40, raw(b"\x14\x03\x03\x00\x01\x01"))}), UNEXPECTED),
    ("ChangeCipherSpec before a hello of 1.2", Attack(
        "vehicle", "both", before={"ServerHello": record(20, b"\x01")}, options={"versions": ("1.2",)}
    ), UNEXPECTED),
    # --- the vehicle's hello
    ("SSL 3.0", CHARGER(change={"ClientHello": _set("version", 0x0300)}), "protocol_version"),
    ("TLS 1.1", CHARGER(change={"ClientHello": _set("version", 0x0302)}), "protocol_version"),
    ("session id of 33 bytes", CHARGER(change={"ClientHello": _set("session_id", bytes(33))}), DECODE),
    ("no suites", CHARGER(change={"ClientHello": _set("suites", [])}), DECODE),
    ("no compression methods", CHARGER(change={"ClientHello": _set("compression", b"")}), DECODE),
    ("compression alone", CHARGER(change={"ClientHello": _set("compression", b"\x01")}), ILLEGAL),
    ("compression too 1.3", CHARGER13(change={"ClientHello": _set("compression", b"\x01\x00")}), ILLEGAL),
    ("octets behind the hello", CHARGER(change={"ClientHello": lambda b: b + b"\0"}), DECODE),
    ("hello cut short", CHARGER(change={"ClientHello": lambda b: b[:-1]}), DECODE),
    ("empty hello", CHARGER(change={"ClientHello": lambda b: b""}), DECODE),
    ("an extension twice", CHARGER(change={"ClientHello": _twice}), ILLEGAL),
    ("too many extensions", CHARGER(change={"ClientHello": hello(
        lambda p: p.extensions.update({40000 + n: b"" for n in range(80)})
    )}), DECODE),
    ("no curves", CHARGER(change={"ClientHello": _ext(GROUPS, b"\0\0")}), DECODE),
    ("odd length of curves", CHARGER(change={"ClientHello": _ext(GROUPS, b"\0\x03\0\x17\0")}), DECODE),
    ("no signature algorithms", CHARGER(change={"ClientHello": _ext(SCHEMES, b"\0\0")}), DECODE),
    ("no uncompressed points", CHARGER(change={"ClientHello": _ext(ext.POINT_FORMATS, b"\x01\x01")}), ILLEGAL),
    ("no point formats", CHARGER(change={"ClientHello": _ext(ext.POINT_FORMATS, b"\0")}), DECODE),
    ("extended_master_secret with content", CHARGER(
        change={"ClientHello": _ext(ext.EXTENDED_MASTER_SECRET, b"\0")}), DECODE),
    ("renegotiation_info with content", CHARGER(
        change={"ClientHello": _ext(ext.RENEGOTIATION_INFO, b"\x01\0")}), "handshake_failure"),
    ("max_fragment_length 9", CHARGER(change={"ClientHello": _ext(ext.MAX_FRAGMENT_LENGTH, b"\x09")}), ILLEGAL),
    ("malformed status_request", CHARGER(change={"ClientHello": _ext(ext.STATUS_REQUEST, b"\x01\0")}), DECODE),
    ("malformed server_name", CHARGER(change={"ClientHello": _ext(ext.SERVER_NAME, b"\0\x05\0")}), DECODE),
    ("fallback", Attack("charger", "both", change={"ClientHello": hello(lambda p: p.suites.append(0x5600))},
                        options={"versions": ("1.2",)}), "inappropriate_fallback"),
    ("no key_share", CHARGER13(change={"ClientHello": _ext(KEY_SHARE, None)}), "missing_extension"),
    ("no supported_groups", CHARGER13(change={"ClientHello": _ext(GROUPS, None)}), "missing_extension"),
    ("no signature_algorithms", CHARGER13(change={"ClientHello": _ext(SCHEMES, None)}), "missing_extension"),
    ("a key of a group not offered", CHARGER13(
        change={"ClientHello": _ext(KEY_SHARE, ext.pack_shares([(29, bytes(32))]))}), ILLEGAL),
    ("two keys of a group", CHARGER13(change={"ClientHello": hello(lambda p: p.extensions.update(
        {KEY_SHARE: vector(2, 2 * p.extensions[KEY_SHARE][2:])}))}), ILLEGAL),
    ("an empty key", CHARGER13(change={"ClientHello": _ext(KEY_SHARE, ext.pack_shares([(25, b"")]))}), DECODE),
    ("no point of the curve", CHARGER13(
        change={"ClientHello": _ext(KEY_SHARE, ext.pack_shares([(25, b"\x04" + bytes(132))]))}), ILLEGAL),
    ("no versions", CHARGER13(change={"ClientHello": _ext(ext.SUPPORTED_VERSIONS, b"\0")}), DECODE),
    ("pre_shared_key not last", CHARGER13(change={"ClientHello": hello(lambda p: setattr(
        p, "extensions", {41: b"", **p.extensions}))}), ILLEGAL),
    # --- the second hello
    ("second hello: random", RETRIED(change={"ClientHello": second(_set("random", bytes(32)))}), ILLEGAL),
    ("second hello: session id", RETRIED(change={"ClientHello": second(_set("session_id", bytes(32)))}), ILLEGAL),
    ("second hello: suites", RETRIED(change={"ClientHello": second(hello(lambda p: p.suites.append(1)))}), ILLEGAL),
    ("second hello: extension more", RETRIED(change={"ClientHello": second(_ext(4660, b"x"))}), ILLEGAL),
    ("second hello: extension less", RETRIED(
        change={"ClientHello": second(_ext(ext.STATUS_REQUEST, None))}), ILLEGAL),
    ("second hello: no key_share", RETRIED(change={"ClientHello": second(_ext(KEY_SHARE, None))}), "missing_extension"),
    ("second hello: another group", RETRIED(
        change={"ClientHello": second(_ext(KEY_SHARE, ext.pack_shares([(30, bytes(56))])))}), ILLEGAL),
    ("second hello: cookie", RETRIED(change={"ClientHello": second(_ext(ext.COOKIE, b"\0\x01x"))}), ILLEGAL),
    # --- the vehicle's other messages
    ("empty key", CHARGER(change={"ClientKeyExchange": lambda b: b"\0"}), DECODE),
    ("no point", CHARGER(change={"ClientKeyExchange": lambda b: b"\x41\x04" + bytes(64)}), ILLEGAL),
    ("compressed point", CHARGER(change={"ClientKeyExchange": lambda b: b"\x21\x02" + b[2:34]}), ILLEGAL),
    ("octets behind the key", CHARGER(change={"ClientKeyExchange": lambda b: b + b"\0"}), DECODE),
    ("Finished of 11 bytes", CHARGER(change={"Finished": lambda b: b[:-1]}), DECODE),
    ("wrong Finished", CHARGER(change={"Finished": lambda b: bytes(12)}), "decrypt_error"),
    ("wrong Finished 1.3", CHARGER13(change={"Finished": lambda b: bytes(len(b))}), "decrypt_error"),
    ("Certificate with a context", CHARGER13(change={"Certificate": lambda b: b"\x01x" + b[1:]}), ILLEGAL),
    ("an empty certificate", CHARGER13(change={"Certificate": lambda b: b"\0" + vector(3, bytes(5))}), DECODE),
    ("too many certificates", CHARGER13(
        change={"Certificate": lambda b: b"\0" + vector(3, 40 * (vector(3, b"x") + b"\0\0"))}), "bad_certificate"),
    ("a certificate too large", CHARGER13(
        change={"Certificate": lambda b: b"\0" + vector(3, vector(3, bytes(20000)) + b"\0\0")}), "bad_certificate"),
    ("a staple nobody asked for", CHARGER13(change={"Certificate": lambda b: b"\0" + vector(
        3, vector(3, b"x") + ext.pack_extensions({5: b"\x01\0\0\x01x"}))}), "unsupported_extension"),
    ("octets behind CertificateVerify", CHARGER13(change={"CertificateVerify": lambda b: b + b"\0"}), DECODE),
    ("signature algorithm not offered", CHARGER13(
        change={"CertificateVerify": lambda b: b"\x04\x03" + b[2:]}), ILLEGAL),
    ("KeyUpdate in the handshake", CHARGER13(before={"Finished": record(22, b"\x18\0\0\x01\0")}), UNEXPECTED),
    ("HelloRequest from the vehicle", CHARGER(before={"ClientKeyExchange": record(22, bytes(4))}), UNEXPECTED),
    ("unknown message", CHARGER(before={"ClientKeyExchange": record(22, b"\x63\0\0\0")}), UNEXPECTED),
    ("message too long", CHARGER(before={"ClientKeyExchange": record(22, b"\x10\x7f\xff\xff")}), DECODE),
    ("hello together with more", CHARGER13(
        change={"ClientHello": lambda b: b}, after={"ClientHello": lambda a: a._out.__setitem__(
            slice(0, len(a._out)), b"\x16\x03\x01" + vector(2, bytes(a._out[5:]) + b"\x14\0\0\0"))}), UNEXPECTED),
    # --- the charger's hello
    ("answer of SSL 3.0", VEHICLE(change={"ServerHello": _sets("version", 0x0300)}), "protocol_version"),
    ("answer of TLS 1.1", VEHICLE(change={"ServerHello": _sets("version", 0x0302)}), "protocol_version"),
    ("answer of 1.3 in the old field", VEHICLE13(change={"ServerHello": _sets("version", 0x0304)}), ILLEGAL),
    ("supported_versions names 1.2", VEHICLE13(
        change={"ServerHello": _exts(ext.SUPPORTED_VERSIONS, b"\x03\x03")}), ILLEGAL),
    ("supported_versions nobody asked for", VEHICLE(
        change={"ServerHello": _exts(ext.SUPPORTED_VERSIONS, b"\x03\x03")}), "unsupported_extension"),
    ("another session id", VEHICLE13(change={"ServerHello": _sets("session_id", bytes(32))}), ILLEGAL),
    ("session id of 40 bytes", VEHICLE(change={"ServerHello": _sets("session_id", bytes(40))}), DECODE),
    ("compression", VEHICLE(change={"ServerHello": lambda b: b[:37] + b"\x01" + b[38:]}), ILLEGAL),
    ("suite not offered", VEHICLE(change={"ServerHello": _sets("suite", 0xC02B)}), ILLEGAL),
    ("suite of the other version", Attack("vehicle", "both", change={"ServerHello": _sets("suite", 0xC023)}), ILLEGAL),
    ("answer with an extension nobody asked for", VEHICLE(
        change={"ServerHello": _exts(16, b"")}), "unsupported_extension"),
    ("answer with signature_algorithms", VEHICLE(change={"ServerHello": _exts(SCHEMES, b"\0\x02\x04\x03")}), ILLEGAL),
    ("answer 1.3 with status_request", VEHICLE13(
        change={"ServerHello": _exts(ext.STATUS_REQUEST, b"")}), ILLEGAL),
    ("cookie in ServerHello", VEHICLE13(
        change={"ServerHello": _exts(ext.COOKIE, b"\0\x01x")}), "unsupported_extension"),
    ("answer without uncompressed points", VEHICLE(
        change={"ServerHello": _exts(ext.POINT_FORMATS, b"\x01\x01")}), ILLEGAL),
    ("answered renegotiation_info", VEHICLE(
        change={"ServerHello": _exts(ext.RENEGOTIATION_INFO, b"\x01\0")}), "handshake_failure"),
    ("answered status_request with content", VEHICLE(
        change={"ServerHello": _exts(ext.STATUS_REQUEST_V2, b"\0")}), DECODE),
    ("another max_fragment_length", VEHICLE(
        others={"max_fragment_length": 1024}, change={"ServerHello": _exts(ext.MAX_FRAGMENT_LENGTH, b"\x04")}
    ), ILLEGAL),
    ("downgrade", Attack("vehicle", "both", options={"versions": ("1.2",)}, change={
        "ServerHello": _sets("random", bytes(24) + messages.DOWNGRADE)}), ILLEGAL),
    ("downgrade to 1.1", Attack("vehicle", "both", options={"versions": ("1.2",)}, change={
        "ServerHello": _sets("random", bytes(24) + messages.DOWNGRADE_11)}), ILLEGAL),
    ("resumption of nothing", Attack("vehicle", "both", options={"versions": ("1.2",)}, change={
        "ServerHello": lambda b: b}, before={"ServerHello": lambda a: a.change.update(
            ServerHello=_sets("session_id", a.hello.session_id))}), ILLEGAL),
    ("no key in the answer", VEHICLE13(change={"ServerHello": _exts(KEY_SHARE, None)}), "missing_extension"),
    ("an empty key in the answer", VEHICLE13(change={"ServerHello": _exts(KEY_SHARE, b"\0\x19\0\0")}), DECODE),
    ("a key of another group", VEHICLE13(
        change={"ServerHello": _exts(KEY_SHARE, b"\0\x1e\0\x38" + bytes(56))}), ILLEGAL),
    # --- HelloRetryRequest
    ("retry without a version", RETRYING(
        change={"ServerHello": _exts(ext.SUPPORTED_VERSIONS, None)}), "missing_extension"),
    ("retry for nothing", RETRYING(change={"ServerHello": _exts(KEY_SHARE, None)}), ILLEGAL),
    ("retry for a group not offered", RETRYING(change={"ServerHello": _exts(KEY_SHARE, b"\0\x18")}), ILLEGAL),
    ("retry for the group that was there", RETRYING(change={"ServerHello": _exts(KEY_SHARE, b"\0\x1e")}), ILLEGAL),
    ("retry twice", RETRYING(
        change={"ServerHello": second(lambda b: b[:2] + messages.RETRY_RANDOM + b[34:])}), UNEXPECTED),
    ("another suite after the retry", RETRYING(change={"ServerHello": second(_sets("suite", 0x1303))}), ILLEGAL),
    ("retry with an extension more", RETRYING(change={"ServerHello": _exts(16, b"")}), "unsupported_extension"),
    ("an empty cookie", RETRYING(change={"ServerHello": _exts(ext.COOKIE, b"\0\0")}), DECODE),
    # --- the charger's other messages
    ("ServerHelloDone with content", VEHICLE(change={"ServerHelloDone": lambda b: b"x"}), DECODE),
    ("HelloRequest with content", VEHICLE(before={"Certificate": record(22, b"\0\0\0\x01x")}), DECODE),
    ("too many HelloRequests", VEHICLE(before={"Certificate": times(6, record(22, bytes(4)))}), UNEXPECTED),
    ("HelloRequest in 1.3", VEHICLE13(before={"Certificate": record(22, bytes(4))}), UNEXPECTED),
    ("curve not offered", VEHICLE(change={"ServerKeyExchange": lambda b: b"\x03\0\x18" + b[3:]}), ILLEGAL),
    ("explicit curve", VEHICLE(change={"ServerKeyExchange": lambda b: b"\x01" + b[1:]}), ILLEGAL),
    ("octets behind ServerKeyExchange", VEHICLE(change={"ServerKeyExchange": lambda b: b + b"\0"}), DECODE),
    ("no certificate", VEHICLE(change={"Certificate": lambda b: bytes(3)}), DECODE),
    ("garbage instead of a certificate", VEHICLE(
        change={"Certificate": lambda b: vector(3, vector(3, b"x"))}), "bad_certificate"),
    ("octets behind EncryptedExtensions", VEHICLE13(change={"EncryptedExtensions": lambda b: b + b"\0"}), DECODE),
    ("EncryptedExtensions nobody asked for", VEHICLE13(
        change={"EncryptedExtensions": lambda b: ext.pack_extensions({16: b""})}), "unsupported_extension"),
    ("key_share in EncryptedExtensions", VEHICLE13(
        change={"EncryptedExtensions": lambda b: ext.pack_extensions({51: b""})}), ILLEGAL),
    ("status_request in EncryptedExtensions", VEHICLE13(
        change={"EncryptedExtensions": lambda b: ext.pack_extensions({5: b""})}), ILLEGAL),
    ("CertificateRequest with a context", VEHICLE13(
        change={"CertificateRequest": lambda b: b"\x01x" + b[1:]}), ILLEGAL),
    ("CertificateRequest without algorithms", VEHICLE13(
        change={"CertificateRequest": lambda b: b"\0\0\0"}), "missing_extension"),
    ("the charger's Certificate with a context", VEHICLE13(
        change={"Certificate": lambda b: b"\x01x" + b[1:]}), ILLEGAL),
    ("an extension of a certificate nobody asked for", VEHICLE13(change={"Certificate": lambda b: b"\0" + vector(
        3, vector(3, b"x") + ext.pack_extensions({18: b""}))}), "unsupported_extension"),
    ("Finished before its time", VEHICLE13(
        before={"CertificateVerify": record(22, b"\x14\0\0\x30" + bytes(48))}), UNEXPECTED),
]  # fmt: skip


@pytest.mark.parametrize(("attack", "alert"), [row[1:] for row in HANDSHAKE], ids=[row[0] for row in HANDSHAKE])
async def test_a_breach_in_the_handshake_is_answered_with_its_alert(attack: Attack, alert: str) -> None:
    met = await meet(attack)
    assert met.failure is not None, "the victim took it"
    assert met.failure.sent == alert, met.failure


@pytest.mark.parametrize("attack", [CHARGER, VEHICLE, CHARGER13, VEHICLE13, RETRIED, RETRYING])
async def test_without_a_breach_the_same_end_is_taken(attack: Attack) -> None:
    """Or nothing of the table above would prove anything."""
    met = await meet(attack)
    assert met.failure is None
    assert met.channel is not None
    assert await afterwards(met, lambda attacker: None) == ("", ["close_notify"])


@pytest.mark.parametrize(
    ("name", "attack"),
    [
        ("two warnings", CHARGER(before={"ClientKeyExchange": times(2, record(21, b"\x01\x5a"))})),
        ("unknown extension", CHARGER(change={"ClientHello": _ext(0x0A0A, b"\x00")})),
        ("more curves", CHARGER(change={"ClientHello": _ext(GROUPS, b"\0\x06\x0a\x0a\0\x1d\0\x17")})),
        ("fallback to the best there is", CHARGER(change={"ClientHello": hello(lambda p: p.suites.append(0x5600))})),
        ("HelloRequest", VEHICLE(before={"Certificate": record(22, bytes(4))})),
        ("supported_groups in the answer", VEHICLE(change={"ServerHello": _exts(GROUPS, b"\0\x02\0\x17")})),
        ("two ChangeCipherSpecs in 1.3", CHARGER13(before={"Finished": times(2, raw(b"\x14\x03\x03\x00\x01\x01"))})),
        ("messages in pieces", CHARGER13(options={"deviate": Deviations(record_size=1)})),
    ],
)  # fmt: skip
async def test_what_is_allowed_is_taken(name: str, attack: Attack) -> None:
    met = await meet(attack)
    assert met.failure is None, met.failure


# ---------------------------------------------------------------------------------------------------------------
# After the handshake

TICKET = b"\x04\0\0\x0f" + bytes(8) + b"\0" + b"\0\x02xx" + b"\0\0"
LATER: list[tuple[str, Attack, Any, str]] = [
    ("KeyUpdate of 2", CHARGER13, record(22, b"\x18\0\0\x01\x02"), ILLEGAL),
    ("KeyUpdate of 255", VEHICLE13, record(22, b"\x18\0\0\x01\xff"), ILLEGAL),
    ("empty KeyUpdate", CHARGER13, record(22, b"\x18\0\0\0"), DECODE),
    ("KeyUpdate of two bytes", CHARGER13, record(22, b"\x18\0\0\x02\0\0"), DECODE),
    ("KeyUpdate and more in one record", CHARGER13, record(22, b"\x18\0\0\x01\0\x18"), UNEXPECTED),
    ("too many KeyUpdates", CHARGER13, _updates(6), UNEXPECTED),
    ("KeyUpdate in 1.2", CHARGER, record(22, b"\x18\0\0\x01\0"), UNEXPECTED),
    ("ticket to a charger", CHARGER13, record(22, TICKET), UNEXPECTED),
    ("malformed ticket", VEHICLE13, record(22, b"\x04\0\0\x01x"), DECODE),
    ("endless tickets", VEHICLE13, times(6, record(22, TICKET)), UNEXPECTED),
    ("CertificateRequest later", VEHICLE13, record(22, b"\x0d\0\0\x03\0\0\0"), UNEXPECTED),
    ("ClientHello in 1.3", CHARGER13, record(22, b"\x01\0\0\0"), UNEXPECTED),
    ("HelloRequest in 1.3", VEHICLE13, record(22, bytes(4)), UNEXPECTED),
    ("Finished again", CHARGER, record(22, b"\x14\0\0\x0c" + bytes(12)), UNEXPECTED),
    ("ClientHello to a vehicle", VEHICLE, record(22, b"\x01\0\0\0"), UNEXPECTED),
    ("HelloRequest with content", VEHICLE, record(22, b"\0\0\0\x01x"), DECODE),
    ("endless HelloRequests", VEHICLE, times(6, record(22, bytes(4))), UNEXPECTED),
    ("empty handshake record", CHARGER, record(22, b""), UNEXPECTED),
    ("late ChangeCipherSpec", CHARGER, record(20, b"\x01"), UNEXPECTED),
    ("late ChangeCipherSpec 1.3", CHARGER13, raw(b"\x14\x03\x03\0\x01\x01"), UNEXPECTED),
    ("late ChangeCipherSpec to a vehicle", VEHICLE13, raw(b"\x14\x03\x03\0\x01\x01"), UNEXPECTED),
    ("endless empty records", CHARGER, times(6, record(23, b"")), UNEXPECTED),
    ("bad MAC", CHARGER, _damaged, "bad_record_mac"),
    ("bad padding", CHARGER, _padded, "bad_record_mac"),
    ("bad tag", CHARGER13, _damaged, "bad_record_mac"),
    ("record too short for CBC", CHARGER, raw(b"\x17\x03\x03\0\x10" + bytes(16)), "bad_record_mac"),
    ("record not of whole blocks", CHARGER, raw(b"\x17\x03\x03\0\x51" + bytes(81)), "bad_record_mac"),
    ("record too short for a tag", CHARGER13, raw(b"\x17\x03\x03\0\x05" + bytes(5)), "bad_record_mac"),
    ("record too long", CHARGER, raw(b"\x17\x03\x03\x48\x01"), "record_overflow"),
    ("record too long 1.3", CHARGER13, raw(b"\x17\x03\x03\x41\x01"), "record_overflow"),
    ("plain text too long", CHARGER, record(23, bytes(16385)), "record_overflow"),
    ("data inside a message", CHARGER, lambda a: (a.send_record(22, b"\x01"), a.send_record(23, b"x")), UNEXPECTED),
    ("endless message", CHARGER, record(22, b"\x01\x7f\xff\xff"), DECODE),
    ("alert of three bytes", CHARGER, record(21, b"\x01\x5a\0"), DECODE),
    ("unknown level", CHARGER, record(21, b"\x03\x5a"), ILLEGAL),
    ("unknown record type", CHARGER, raw(b"\x63\x03\x03\0\x01x"), UNEXPECTED),
]  # fmt: skip


@pytest.mark.parametrize(("attack", "send", "alert"), [row[1:] for row in LATER], ids=[row[0] for row in LATER])
async def test_a_breach_after_the_handshake_is_answered_with_its_alert(attack: Attack, send: Any, alert: str) -> None:
    """And the alert is the last word: no close_notify follows a fatal one."""
    met = await meet(attack)
    got, read = await afterwards(met, send)
    assert got == alert
    assert read[-1] == alert


@pytest.mark.parametrize("attack", [CHARGER, VEHICLE, CHARGER13, VEHICLE13])
async def test_nothing_is_said_after_a_fatal_alert_of_the_peer(attack: Attack) -> None:
    met = await meet(attack)
    assert await afterwards(met, record(21, b"\x02\x50")) == ("", [])


@pytest.mark.parametrize("attack", [CHARGER, VEHICLE, CHARGER13, VEHICLE13])
async def test_close_notify_is_answered_with_close_notify(attack: Attack) -> None:
    met = await meet(attack)
    assert await afterwards(met, record(21, b"\x01\x00")) == ("", ["close_notify"])


async def test_renegotiation_is_declined_with_a_warning_and_the_session_goes_on() -> None:
    met = await meet(VEHICLE)
    assert (await afterwards(met, record(22, bytes(4))))[1] == ["no_renegotiation", "close_notify"]


async def test_new_keys_are_answered_where_asked_for() -> None:
    met = await meet(CHARGER13)
    assert (await afterwards(met, record(22, b"\x18\0\0\x01\x01")))[1][0] == "22:18"


def test_an_altered_hello_is_another() -> None:
    """The table's tools do what they say."""
    body = ClientHello(bytes(32), [1], {23: b""}).pack()
    assert ClientHello.parse(_set("random", bytes([1]) * 32)(body)).random == bytes([1]) * 32
    assert ServerHello.parse(_sets("suite", 7)(ServerHello(bytes(32), 1).pack())).suite == 7
    assert asyncio.iscoroutinefunction(meet)
