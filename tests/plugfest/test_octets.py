"""Octets as people paste them: every spelling, V2GTP headers that do not fit, several frames, captured packets."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boundary.errors import InputError
from boundary.octets import spelled
from plugfest.cli import main
from plugfest.octets import pieces, read
from plugfest.traces import packets, pcap
from v2g import v2gtp

EXI = "809a02000000000000000011d01808000000000400"
"""A SessionSetupReq of DIN SPEC 70121."""
RES = "80400040"
SAYS = "the V2GTP header says payload type 0x8001 (EXI message) and"
REPORTS = Path(__file__).parents[1] / "data" / "reports"
Capture = pytest.CaptureFixture[str]


def decode(capsys: Capture, given_: str, *options: str) -> tuple[int, str, str]:
    code = main(["exi", "decode", *options, given_])
    said = capsys.readouterr()
    return code, said.out, said.err


def dump(data: bytes, form: str) -> str:
    lines = []
    for at in range(0, len(data), 16):
        part = data[at : at + 16]
        text = "".join(chr(c) if 32 < c < 127 else "." for c in part)
        if form == "wireshark":
            lines.append(f"{at:04x}   {part.hex(' '):<47}   {text}")
        elif form == "xxd":
            lines.append(f"{at:08x}: {part.hex(' ', -2):<39}  {text}")
        else:
            lines.append(f"\t0x{at:04x}:  {part.hex(' ', -2)}")
    return "\n".join(lines)


@given(st.binary(min_size=1, max_size=70))
def test_every_spelling_of_any_octets_is_read(data: bytes) -> None:
    spellings = [
        data.hex(), data.hex().upper(), data.hex(" "), data.hex(":"), "0x" + data.hex(), data.hex("-"),
        ", ".join(f"0x{octet:02x}" for octet in data), "".join(f"\\x{octet:02x}" for octet in data),
        "{ " + ", ".join(f"0x{octet:x}" for octet in data) + " };" if len(data) > 1 else data.hex(),
        *(dump(data, form) for form in ("wireshark", "xxd", "tcpdump")),
    ]  # fmt: skip
    for text in spellings:
        assert spelled(text) == data, text


def test_base64_is_read_too_and_anything_else_refused() -> None:
    assert spelled(base64.b64encode(bytes.fromhex(EXI)).decode()) == bytes.fromhex(EXI)
    with pytest.raises(InputError, match="'what is this' is neither hex nor base64$"):
        spelled("what is this")
    with pytest.raises(InputError, match="7 hexadecimal digits do not make whole octets$"):
        spelled("80 9a 02 0")


@pytest.mark.parametrize(
    ("given_", "note"),
    [
        ("01fe80010000002b" + EXI, SAYS + " 43 bytes, 21 are there"),
        ("01fe800100000009" + EXI, SAYS + " 9 bytes, 21 are there"),
        ("02fd800100000015" + EXI, "V2GTP version 02 fd, expected 01 fe"),
        ("01fe800400000015" + EXI, "payload type 0x8004 (ISO 15118-20 DC), which is not for din70121"),
        ("01fea00000000015" + EXI, ""),
        ("01fe800100000015" + EXI, ""),
    ],
)  # fmt: skip
def test_a_header_that_does_not_fit_is_reported_and_the_message_read(given_: str, note: str, capsys: Capture) -> None:
    code, said, notes = decode(capsys, given_)
    assert code == 0
    assert "SessionSetupReq" in said
    assert notes == (f"note: {note}\n" if note else "")
    assert main(["exi", "explain", given_]) == 0
    assert "SE(SessionSetupReq)" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("given_", "error"),
    [
        ("01fe80010000002b809a0200000000000000", "payload type 0x8001 (EXI message) and 43 bytes, 10 are there;"
         " V2G_Message of DIN SPEC 70121, cut off"),
        ("01fe8001", "a V2GTP header of 4 bytes, expected 8"),
        ("01fe800100000000", "payload type 0x8001 (EXI message) without a payload"),
        ("01fe9000000000021000", "payload type 0x9000 (SDP request) holds no EXI"),
        ("80980210", "V2G_Message of ISO 15118-2, cut off"),
        ("800c04790c8adceeee09688d6cac3a6062000200", "AuthorizationSetupRes of ISO 15118-20, broken"),
        ("80980100000000000000000000af0185054585c60650", "V2G_Message of ISO 15118-2, broken"),
        ("ff", "no protocol can decode it"),
    ],
)  # fmt: skip
def test_unreadable_data_is_described(given_: str, error: str, capsys: Capture) -> None:
    code, said, notes = decode(capsys, given_)
    assert code == 1
    assert said == ""
    assert error in notes
    assert notes.startswith("error: ")
    assert notes.count("\n") == 1
    assert "header byte 01" not in notes


def test_several_frames_one_after_another(capsys: Capture) -> None:
    """Each is read; a broken one does not hide the others."""
    frames = f"01fe800100000015{EXI} 01fe800100000003804000 01fe800100000004{RES}"
    code, said, notes = decode(capsys, frames)
    assert code == 1
    assert [word in said for word in ("SessionSetupReq", "supportedAppProtocolRes")] == [True, True]
    assert notes.startswith("error: supportedAppProtocolRes, cut off")
    assert [piece.type for piece in pieces(spelled(frames))] == [0x8001] * 3


def test_a_whole_captured_packet_is_taken_off() -> None:
    with (REPORTS / "din-without-handshake.pcap").open("rb") as file:
        (packet,) = [item for item in pcap.read(file) if isinstance(item, pcap.Packet)]
    for data in (packet.data, packet.data[14:]):
        assert [piece.data.hex() for piece in pieces(data)] == [EXI]
    datagram = packets.udp((bytes(16), 1), (bytes(16), 15118), v2gtp.pack(v2gtp.SDP_REQUEST, b"\x10\x00"))
    assert [piece.type for piece in pieces(datagram)] == [v2gtp.SDP_REQUEST]


@given(st.binary(max_size=40))
def test_any_octets_are_pieces(data: bytes) -> None:
    for octets in (data, b"\x01\xfe" + data, b"\x01\xfe\x80\x01\0\0\0" + data):
        assert pieces(octets) or not octets


def test_what_else_it_could_be_is_reported(capsys: Capture) -> None:
    code, said, notes = decode(capsys, "800004032da5ff9631f04b88080808080808010200")
    assert code == 0
    assert "AuthorizationReq" in said
    assert notes == "note: could also be ACDP_ConnectReq of ISO 15118-20 ACDP\n"


@pytest.mark.parametrize(
    "label",
    [
        "responding (29bytes) = ", "[SNIFFER] EXI from 50094 to 15118 (21bytes) = ", "ED ", "Dh ", "DD ",
        "2026-01-01 12:00:00,123 DEBUG EXI-encoded message (ns=urn:din:70121:2012:MsgDef): ", "payload: ", "rx=",
    ],
)  # fmt: skip
@pytest.mark.parametrize("octets", [EXI, EXI.upper(), RES, f"01fe800100000004{RES}"])
def test_the_octets_of_a_line_of_a_log(label: str, octets: str) -> None:
    """As other programs write them: with words before them."""
    assert read(f"{label}{octets}\n") == bytes.fromhex(octets)
    if len(label) > 3:
        assert read(label + bytes.fromhex(octets).hex(" ")) == bytes.fromhex(octets)


@pytest.mark.parametrize("text", ["ed 80 40 00 40", "12 34 80 40", "0x12, 0x80", "0102:80:40"])
def test_octets_before_an_exi_header_are_no_label(text: str) -> None:
    assert read(text) == spelled(text)


@given(st.binary(min_size=1, max_size=60))
def test_octets_alone_are_read_whole(data: bytes) -> None:
    for text in (data.hex(), data.hex(" "), data.hex(":"), base64.b64encode(data).decode()):
        assert read(text) == spelled(text)
