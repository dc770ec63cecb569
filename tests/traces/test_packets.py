"""Packets, compared with what scapy makes of them."""

from __future__ import annotations

from typing import Any

import pytest

from plugfest.traces import packets
from plugfest.traces.packets import ACK, PSH, SYN, Datagram, Homeplug, Segment

A, B = bytes.fromhex("fe80000000000000000000fffe000001"), bytes.fromhex("fe80000000000000000000fffe000002")
MACS = (bytes.fromhex("020000000002"), bytes.fromhex("020000000001"))


def scapy_ether(data: bytes) -> Any:
    from scapy.layers.inet import TCP, UDP  # noqa: F401 - so that IPv6 knows them
    from scapy.layers.inet6 import IPv6  # noqa: F401
    from scapy.layers.l2 import Ether

    return Ether(data)


@pytest.mark.parametrize("payload", [b"", b"x", b"even", bytes(1440)])
def test_a_segment_has_the_checksum_that_scapy_computes_and_is_parsed_back(payload: bytes) -> None:
    from scapy.layers.inet import TCP

    segment = Segment((A, 50000), (B, 61000), 4_294_967_295, 77, ACK | PSH, payload)
    frame = packets.ethernet(*MACS, packets.IPV6, packets.tcp(segment))
    assert packets.parse(frame, 1) == segment
    ours = scapy_ether(frame)
    expected = ours[TCP].chksum
    del ours[TCP].chksum
    assert scapy_ether(bytes(ours))[TCP].chksum == expected
    assert ours[TCP].sport == 50000


def test_a_syn_carries_the_segment_size() -> None:
    from scapy.layers.inet import TCP

    frame = packets.ethernet(*MACS, packets.IPV6, packets.tcp(Segment((A, 1), (B, 2), 5, 0, SYN, b"")))
    assert scapy_ether(frame)[TCP].options == [("MSS", 1440)]


def test_a_datagram_has_the_checksum_that_scapy_computes_and_is_parsed_back() -> None:
    from scapy.layers.inet import UDP

    frame = packets.ethernet(*MACS, packets.IPV6, packets.udp((A, 50000), (B, 15118), b"odd"))
    assert packets.parse(frame, 1) == Datagram((A, 50000), (B, 15118), b"odd")
    ours = scapy_ether(frame)
    expected = ours[UDP].chksum
    del ours[UDP].chksum
    assert scapy_ether(bytes(ours))[UDP].chksum == expected


def test_vlan_tags_extension_headers_and_other_link_types_are_read() -> None:
    datagram = Datagram((A, 50000), (B, 15118), b"data")
    packet = packets.udp(datagram.source, datagram.target, b"data")
    hop_by_hop = packet[:4] + (len(packet) - 32).to_bytes(2, "big") + b"\0\xff" + packet[8:40]
    hop_by_hop += b"\x11\0" + bytes(6) + packet[40:]
    ether = packets.ethernet(*MACS, packets.IPV6, packet)
    tagged = ether[:12] + bytes.fromhex("8100000a") + ether[12:]
    assert packets.parse(tagged, 1) == datagram
    assert packets.parse(packets.ethernet(*MACS, packets.IPV6, hop_by_hop), 1) == datagram
    assert packets.parse(bytes(14) + b"\x86\xdd" + packet, 113) == datagram
    assert packets.parse(b"\x86\xdd" + bytes(18) + packet, 276) == datagram
    assert packets.parse(packet, 101) == datagram
    assert packets.parse(bytes(4) + packet, 0) == datagram


def test_a_tagged_homeplug_frame_loses_its_tag() -> None:
    frame = packets.ethernet(*MACS, packets.SLAC, b"\x01\x64\x60")
    tagged = frame[:12] + bytes.fromhex("8100000a") + frame[12:]
    assert packets.parse(frame, 1) == Homeplug(frame)
    assert packets.parse(tagged, 1) == Homeplug(tagged)  # the tag tells copies apart; `traces.slac` reads through it


@pytest.mark.parametrize("link", [0, 1, 101, 113, 276, 4711])
def test_packets_cut_anywhere_are_nothing_or_something_but_no_error(link: int) -> None:
    frame = packets.ethernet(*MACS, packets.IPV6, packets.tcp(Segment((A, 1), (B, 2), 5, 0, SYN, b"abc")))
    for end in range(len(frame)):
        packets.parse(frame[:end], link)
        packets.parse(frame[14:end], link)
