"""Capture files block by block: what others write is read, what we write is read back, what is broken is refused."""

from __future__ import annotations

import io
import struct

import pytest

from plugfest.traces.errors import RecordingError
from plugfest.traces.pcap import MAX_BLOCK, Item, Packet, Remark, Secrets, Writer, is_capture, read


def items(data: bytes) -> list[Item]:
    return list(read(io.BytesIO(data), "x.pcap"))


def pcap(order: str = "<", magic: int = 0xA1B2C3D4, link: int = 1) -> bytes:
    return struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, link)


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += b"\0" * (-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(options: bytes = b"", order: str = "<", link: int = 1) -> bytes:
    return block(1, struct.pack(order + "HHI", link, 0, 0) + options, order)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "unit"), [(0xA1B2C3D4, 1000), (0xA1B23C4D, 1)])
def test_pcap_of_either_byte_order_and_resolution_is_read(order: str, magic: int, unit: int) -> None:
    data = pcap(order, magic, link=113) + struct.pack(order + "IIII", 5, 7, 3, 9) + b"abc"
    assert items(data) == [Packet(1, 5 * 10**9 + 7 * unit, b"abc", 113, cut=6)]


@pytest.mark.parametrize("order", ["<", ">"])
def test_pcapng_of_either_byte_order_is_read_with_its_comments_and_time_resolution(order: str) -> None:
    resolution = struct.pack(order + "HH", 9, 1) + b"\x83\0\0\0"  # units of 2**-3 s
    options = struct.pack(order + "HH", 1, 5) + b"hello\0\0\0" + b"\0\0\0\0"
    packet = struct.pack(order + "IIIII", 0, 0, 12, 3, 3) + b"abc\0" + options
    data = section(order) + interface(resolution, order) + block(6, packet, order)
    assert items(data) == [Packet(1, 1_500_000_000, b"abc", 1, ("hello",))]


def test_simple_and_obsolete_packets_are_read_and_unknown_blocks_skipped() -> None:
    old = struct.pack("<HHIIII", 0, 0, 0, 1_000_000, 2, 2) + b"hi"
    data = (
        section() + interface() + block(0xBAD, b"whatever") + block(3, struct.pack("<I", 4) + b"abcd") + block(2, old)
    )
    assert items(data) == [Packet(1, 0, b"abcd"), Packet(2, 10**9, b"hi")]


def test_a_second_section_starts_again_with_its_own_byte_order() -> None:
    packet = struct.pack(">IIIII", 0, 0, 1, 1, 1) + b"x"
    data = section() + interface() + section(">") + interface(order=">", link=101) + block(6, packet, ">")
    assert items(data) == [Packet(1, 1000, b"x", 101)]


def test_what_is_written_is_read_back() -> None:
    file = io.BytesIO()
    writer = Writer(file, comment="a session", interface="eth1")
    writer.secrets(b"CLIENT_RANDOM 00 11\n")
    writer.packet(1_700_000_000_123_456_789, b"one", ["name: é", ""])
    writer.packet(5, b"two2", cut=3, link=113)
    written = file.getvalue()
    assert is_capture(written)
    assert items(written) == [
        Secrets(b"CLIENT_RANDOM 00 11\n"),
        Packet(1, 1_700_000_000_123_456_789, b"one", 1, ("name: é",)),
        Packet(2, 5, b"two2", 113, cut=3),
    ]


def test_a_comment_longer_than_the_format_allows_is_cut() -> None:
    file = io.BytesIO()
    Writer(file).packet(1, b"x", ["ä" * 70_000])
    (packet,) = items(file.getvalue())
    assert isinstance(packet, Packet)
    assert packet.comments[0].startswith("ääää")
    assert len(packet.comments[0].encode()) < 65536


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_file_that_ends_anywhere_gives_what_is_whole_and_a_remark(cut: int) -> None:
    file = io.BytesIO()
    writer = Writer(file)
    writer.packet(1, b"first")
    writer.packet(2, bytes(40))
    found = items(file.getvalue()[:-cut])
    assert found[0] == Packet(1, 1, b"first")
    assert isinstance(found[1], Remark)
    data = pcap() + struct.pack("<IIII", 0, 0, 60, 60) + bytes(60)
    assert [type(item) for item in items(data[:-cut])] == [Remark]


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "neither pcap nor pcapng"),
        (b"GIF89a..", "neither pcap nor pcapng"),
        (pcap()[:20], "pcap header of 20 bytes"),
        (pcap() + struct.pack("<IIII", 0, 0, MAX_BLOCK + 1, 0), "at most"),
        (b"\x0a\x0d\x0d\x0a" + b"\x1c\0\0\0" + b"nope" + bytes(20), "byte-order magic"),
        (section() + struct.pack("<II", 6, 4), "block of 4 bytes"),
        (section() + struct.pack("<II", 6, 0xFFFFFFFF), "block of 4294967295 bytes"),
        (section() + block(6, bytes(20)), "which is not described"),
        (section() + interface() + block(6, struct.pack("<IIIII", 0, 0, 0, 999, 999)), "has room for 0"),
        (section() + interface() + block(6, b"abc"), "pcapng block of type 6"),
        (section() + interface(struct.pack("<HH", 9, 1) + b"\x7f\0\0\0"), "time resolution"),
    ],
)
def test_a_broken_file_is_refused_with_one_line_that_says_where(data: bytes, text: str) -> None:
    with pytest.raises(RecordingError) as refused:
        items(data)
    assert text in str(refused.value)
    assert str(refused.value).startswith("x.pcap: ")
    assert "\n" not in str(refused.value)
