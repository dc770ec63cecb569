"""Captures of every kind become entries: recordings of real sessions, and damaged copies of one we make."""

from __future__ import annotations

import contextlib
import io
import random
from dataclasses import replace
from pathlib import Path

import pytest
from bench import Bench
from captures import SHARED, files, recording
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sampling import sampled
from tools import needs_tshark, tshark

from plugfest.traces import packets as layers
from plugfest.traces import pcap
from plugfest.traces.annotate import annotate
from plugfest.traces.capture import read
from plugfest.traces.checks import judge
from plugfest.traces.errors import RecordingError
from plugfest.traces.recording import load
from plugfest.traces.writer import PcapNg
from plugfest.virtual import run

# File -> what its description counts: HomePlug frames, SDP datagrams, messages.
COUNTS = {
    "DIN_DC_DS5366_Josev.pcapng": (115, 2, 200),
    "ISO-20_BPT_AC_DS5366_Josev.pcapng": (94, 2, 46),
    "ISO-20_TLS13_DC_DS5366_Josev.pcapng": (113, 2, 112),
    "ISO-2_AC_DS5366.pcapng": (81, 2, 510),
    "ISO-2_DC_DS5366.pcapng": (128, 2, 974),
    "ISO-2_DC_PnC_TLS_CertInstallation_DS5366_RiseV2G.pcapng": (113, 2, 194),
    "audi-dc-iso2.pcap": (35, 2, 1492),
    "vw-ac-iso2.pcap": (35, 2, 18),
    "2022-12-13_compleo_with_bulb.pcapng": (83, 3, 98),
    "2023-04-16_at_home_Ioniq_in_currentDemandLoop.pcapng": (41, 2, 1466),
}
recorded = pytest.mark.parametrize("path", files(), ids=lambda path: path.name)


@pytest.mark.skipif(not files(), reason=f"no recordings in {SHARED / 'captures'}")
def test_there_are_counts_for_the_recordings() -> None:
    assert {path.name for path in files()} <= set(COUNTS)


@recorded
def test_every_frame_datagram_and_message_of_a_recording_is_found(path: Path) -> None:
    found = recording(path)
    counts = tuple(len(found.layer(name)) for name in ("slac", "sdp", "message"))
    assert counts == COUNTS[path.name]
    assert all(entry.message is not None for entry in found.messages)
    assert found.plain
    assert [e.time for e in found.entries] == sorted(e.time for e in found.entries)
    for messages in found.connections():
        assert all(e.sender == ("evcc" if e.name.endswith("Req") else "secc") for e in messages)


@needs_tshark
@pytest.mark.parametrize("path", sampled(files(), 3), ids=lambda path: path.name)
def test_an_annotated_copy_has_the_same_messages_and_tshark_finds_them(path: Path, tmp_path: Path) -> None:
    """Packet numbers, times and payload agree with tshark's, which opens TLS with the secrets inside the copy."""
    copy = tmp_path / "copy.pcapng"
    annotate(path, copy)
    found = recording(path)
    assert [e.data for e in load(copy).messages] == [e.data for e in found.messages]
    secure = any(e.layer == "tls" for e in found.entries)
    options = ["-Y", "tls.app_data && data.data" if secure else "tcp.payload && !tcp.analysis.retransmission"]
    field = "data.data" if secure else "tcp.payload"
    seen: dict[int, str] = {}
    for line in tshark(copy, *options, "-T", "fields", "-e", "frame.number", "-e", field).splitlines():
        number, _, data = line.partition("\t")
        seen[int(number)] = data.replace(",", "").replace(":", "")
    for entry in found.messages:
        assert entry.data.hex() in seen[entry.packet]
    commented = tshark(copy, "-Y", "frame.comment", "-T", "fields", "-e", "frame.number", "-e", "frame.comment")
    comments = dict(line.split("\t", 1) for line in commented.splitlines())
    assert all(entry.name in comments[str(entry.packet)] for entry in found.messages)


# ---------------------------------------------------------------------------------------------------------------
# A capture of our own, damaged


async def session(mode: str) -> Bench:
    bench = Bench(mode, duration=1.0)
    await bench.run()
    return bench


@pytest.fixture(scope="module")
def whole() -> list[pcap.Packet]:
    """The packets of a short session."""
    file = io.BytesIO()
    writer = PcapNg(file, epoch=1e9)
    for event in run(session("iso2-ac")).events["ev"]:
        writer(event)
    writer.close()
    file.seek(0)
    return [item for item in pcap.read(file) if isinstance(item, pcap.Packet)]


def written(path: Path, packets: list[pcap.Packet]) -> Path:
    with path.open("wb") as file:
        out = pcap.Writer(file)
        for packet in packets:
            out.packet(packet.ns, packet.data, link=packet.link)
    return path


def payload(packet: pcap.Packet) -> bytes:
    segment = layers.parse(packet.data, 1)
    return segment.payload if isinstance(segment, layers.Segment) else b""


def names(path: Path) -> list[str]:
    return [entry.name for entry in load(path).messages]


def test_retransmitted_and_reordered_segments_change_nothing(whole: list[pcap.Packet], tmp_path: Path) -> None:
    expected = names(written(tmp_path / "whole.pcapng", whole))
    assert len(expected) > 30
    packets = list(whole)
    carriers = [i for i, packet in enumerate(packets) if payload(packet)]
    for index in carriers[4:20:4]:
        packets[index], packets[index + 1] = packets[index + 1], packets[index]
    packets[carriers[-1] : carriers[-1]] = packets[carriers[3] : carriers[9]]
    assert sorted(names(written(tmp_path / "shuffled.pcapng", packets))) == sorted(expected)


def test_an_answer_captured_before_its_request_is_read_behind_it(whole: list[pcap.Packet], tmp_path: Path) -> None:
    """As in captures of several queues: packets and times alternate, and the acknowledgements show the order."""
    expected = names(written(tmp_path / "whole.pcapng", whole))
    packets = list(whole)
    first = next(i for i, packet in enumerate(packets) if isinstance(layers.parse(packet.data, 1), layers.Segment))
    for index in range(first, len(packets) - 1, 2):
        one, other = packets[index : index + 2]
        packets[index : index + 2] = [replace(other, ns=one.ns), replace(one, ns=other.ns)]
    found = load(written(tmp_path / "turned.pcapng", packets))
    assert [e.name for e in found.messages] == expected
    assert all(e.sender == ("evcc" if e.name.endswith("Req") else "secc") for e in found.messages)


@pytest.mark.parametrize("start", [10, 20, 31])
def test_a_clock_that_is_set_back_does_not_stir_the_messages(
    whole: list[pcap.Packet], tmp_path: Path, start: int
) -> None:
    """Time counts on from there, and a remark says so."""
    expected = names(written(tmp_path / "whole.pcapng", whole))
    packets = [replace(p, ns=p.ns - 5_000_000_000 * (i >= start)) for i, p in enumerate(whole)]
    found = load(written(tmp_path / "back.pcapng", packets))
    assert [e.name for e in found.messages] == expected
    assert found.until < 20
    (remark,) = [remark for remark in found.remarks if "the clock of the recording jumps back" in remark]
    assert f"at packet {start + 1};" in remark


def test_a_lost_segment_costs_its_message_and_is_reported(whole: list[pcap.Packet], tmp_path: Path) -> None:
    expected = names(written(tmp_path / "whole.pcapng", whole))
    carriers = [i for i, packet in enumerate(whole) if payload(packet)]
    packets = [packet for i, packet in enumerate(whole) if i != carriers[10]]
    found = load(written(tmp_path / "lost.pcapng", packets))
    assert [e.name for e in found.messages] == expected[:10] + expected[11:]
    (lost,) = [e for e in found.entries if e.name == "lost"]
    assert lost.note == f"{len(payload(whole[carriers[10]]))} bytes are missing in the capture"


@pytest.mark.parametrize("start", [6, 7])
def test_a_capture_that_begins_within_a_session_knows_who_is_who(
    whole: list[pcap.Packet], tmp_path: Path, start: int
) -> None:
    """Whichever side is seen first: who asks is the vehicle."""
    found = load(written(tmp_path / "late.pcapng", whole[start:]))
    assert len(found.messages) > 20
    assert all(e.sender == ("evcc" if e.name.endswith("Req") else "secc") for e in found.messages)


# Without shrinking: what failed says its draws.
LOSSES = settings(max_examples=20, phases=[Phase.generate], deadline=None, suppress_health_check=list(HealthCheck))


def lossy(whole: list[pcap.Packet], rng: random.Random, path: Path) -> Path:
    """Packets lost, packets cut, and a capture that began late."""
    carriers = [i for i, packet in enumerate(whole) if payload(packet)]
    start, packets = rng.choice([0, 0, 0, rng.choice(carriers)]), list(whole)
    length = rng.choice([None, None, 60, 80, 96, 110])
    lost = set(rng.sample(carriers, rng.randint(0, 4)))
    first = rng.choice(carriers)
    lost |= set(range(first, first + rng.choice([0, 0, 5])))
    with path.open("wb") as file:
        out = pcap.Writer(file)
        for index, packet in enumerate(packets):
            if index >= start and index not in lost:
                data = packet.data[:length]
                out.packet(packet.ns, data, link=packet.link, cut=len(packet.data) - len(data))
    return path


def test_nobody_is_blamed_for_what_the_capture_misses(whole: list[pcap.Packet], tmp_path: Path) -> None:
    """Of a session in order."""

    @LOSSES
    @given(st.integers(0, 2**32))
    def holds(seed: int) -> None:
        judged = judge(load(lossy(whole, random.Random(seed), tmp_path / "lossy.pcapng")))
        assert judged.verdict.result != "failed", judged.verdict.headline

    holds()


def test_frames_cut_into_single_bytes_are_put_together(whole: list[pcap.Packet], tmp_path: Path) -> None:
    small = []
    for packet in whole:
        segment = layers.parse(packet.data, 1)
        if not isinstance(segment, layers.Segment) or not segment.payload:
            small.append(packet)
            continue
        for place in range(len(segment.payload)):
            piece = replace(segment, sequence=segment.sequence + place, payload=segment.payload[place : place + 1])
            small.append(replace(packet, data=packet.data[:14] + layers.tcp(piece)))
    expected = names(written(tmp_path / "whole.pcapng", whole))
    assert names(written(tmp_path / "small.pcapng", small)) == expected


def test_any_damage_gives_entries_or_one_error_of_ours(whole: list[pcap.Packet], tmp_path: Path) -> None:
    """A byte in every part of the packets is damaged; nothing else is ever raised."""
    for place in range(120):
        damaged = [
            replace(packet, data=packet.data[:place] + b"\x5a" + packet.data[place + 1 :]) if number % 3 else packet
            for number, packet in enumerate(whole[:30])
        ]
        with contextlib.suppress(RecordingError):
            read(written(tmp_path / "damaged.pcapng", damaged))


def test_a_hostile_length_ends_the_direction_and_is_reported(whole: list[pcap.Packet], tmp_path: Path) -> None:
    first = next(i for i, packet in enumerate(whole) if payload(packet))
    data = whole[first].data
    huge = replace(whole[first], data=data[:78] + b"\x7f\xff\xff\xff" + data[82:])
    found = load(written(tmp_path / "huge.pcapng", [*whole[:first], huge, *whole[first + 1 :]]))
    (broken,) = [e for e in found.entries if e.name == "broken"]
    assert "V2GTP payload of 2147483647 bytes" in broken.note


def test_a_file_that_is_not_a_recording_is_refused_in_one_line(tmp_path: Path) -> None:
    for text in (
        "",
        "nonsense",
        '{"a": 1}\n',
        '{"plugfest": "trace"}\nnot json\n',
        '{"plugfest": "trace"}\n{"t": 1}\n',
    ):
        path = tmp_path / "file"
        path.write_text(text)
        with pytest.raises(RecordingError) as refused:
            load(path)
        assert str(path) in str(refused.value)
    with pytest.raises(RecordingError, match="No such file"):
        load(tmp_path / "missing")
