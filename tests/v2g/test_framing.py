"""V2GTP and SDP: bytes seen on real wires, both ways, and everything that must be refused."""

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from v2g import sdp, v2gtp
from v2g.errors import RemoteError


def test_sdp_request_has_the_bytes_of_real_vehicles() -> None:
    assert sdp.Request(sdp.NO_TLS).pack().hex() == "01fe9000000000021000"
    assert sdp.Request(sdp.TLS).pack().hex() == "01fe9000000000020000"


def test_sdp_response_has_the_bytes_of_a_real_charger() -> None:
    octets = bytes.fromhex("01fe900100000014fe80000000000000664d70fffe0103bfd74f1000")
    response = sdp.parse_response(octets)
    assert response == sdp.Response(IPv6Address("fe80::664d:70ff:fe01:3bf"), 0xD74F, sdp.NO_TLS)
    assert response.pack() == octets
    assert response.unsuitable() is None


@pytest.mark.parametrize(
    ("security", "policy", "expected"),
    [
        (sdp.TLS, sdp.TlsPolicy.NONE, sdp.NO_TLS),
        (sdp.TLS, sdp.TlsPolicy.OPTIONAL, sdp.TLS),
        (sdp.TLS, sdp.TlsPolicy.REQUIRED, sdp.TLS),
        (sdp.NO_TLS, sdp.TlsPolicy.NONE, sdp.NO_TLS),
        (sdp.NO_TLS, sdp.TlsPolicy.OPTIONAL, sdp.NO_TLS),
        (sdp.NO_TLS, sdp.TlsPolicy.REQUIRED, sdp.TLS),
        (0x01, sdp.TlsPolicy.OPTIONAL, None),
        (0xFF, sdp.TlsPolicy.REQUIRED, None),
    ],
)
def test_charger_answers_security_by_its_policy(security: int, policy: sdp.TlsPolicy, expected: int | None) -> None:
    assert sdp.answer(sdp.Request(security), policy) == expected


def test_no_answer_to_udp_transport() -> None:
    assert sdp.answer(sdp.Request(sdp.NO_TLS, transport=0x10), sdp.TlsPolicy.NONE) is None


@pytest.mark.parametrize(
    ("address", "port", "security", "word"),
    [
        ("2001:db8::1", 50000, 0x10, "link-local"),
        ("::", 50000, 0x10, "link-local"),
        ("ff02::1", 50000, 0x10, "link-local"),
        ("fe80::1", 0, 0x10, "port"),
        ("fe80::1", 50000, 0x42, "security"),
    ],
)
def test_vehicle_says_why_a_response_is_unsuitable(address: str, port: int, security: int, word: str) -> None:
    assert word in (sdp.Response(IPv6Address(address), port, security).unsuitable() or "")


@pytest.mark.parametrize(
    ("octets", "word"),
    [
        ("", "0 bytes"),
        ("01fe9000", "4 bytes"),
        ("02fd9000000000021000", "version"),
        ("01ff9000000000021000", "version"),
        ("01fe9000000000031000", "length 3"),
        ("01fe90000000000110", "1 bytes"),
        ("01fe8001000000021000", "8001"),
    ],
)
def test_malformed_requests_are_refused_with_the_reason(octets: str, word: str) -> None:
    with pytest.raises(RemoteError, match=word):
        sdp.parse_request(bytes.fromhex(octets))


@pytest.mark.parametrize("length", [61, 62])
def test_wireless_requests_of_both_known_lengths_are_read(length: int) -> None:
    body = bytes((0x00, 0x00)) + bytes(length - 2)
    assert sdp.parse_request(v2gtp.pack(v2gtp.SDP_WIRELESS_REQUEST, body)) == sdp.Request(sdp.TLS)


@given(st.binary(max_size=80))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    for parse in (sdp.parse_request, sdp.parse_response):
        try:
            parse(data)
        except RemoteError:
            continue
        assert v2gtp.parse(data)


@given(st.integers(0, 0xFFFF), st.binary(max_size=300))
def test_frames_round_trip(kind: int, payload: bytes) -> None:
    assert v2gtp.parse(v2gtp.pack(kind, payload)) == (kind, payload)
