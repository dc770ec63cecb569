"""Captures that begin or end anywhere, or miss packets: protocol and sides are found, and nobody is blamed."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
from bench import Bench
from made_to_fail import Way, failure, refused_with

from plugfest.cli import main
from plugfest.traces import packets as layers
from plugfest.traces import pcap
from plugfest.traces.capture import read
from plugfest.traces.checks import Finding, check, judge
from plugfest.traces.dialogue import Payload
from plugfest.traces.dialogue import read as dialogue
from plugfest.traces.entries import SECC, Recording
from plugfest.traces.frames import Broken, Frames, Skipped
from plugfest.traces.writer import PcapNg
from plugfest.virtual import run
from v2g import v2gtp
from v2g.reading import Kind

REPORTS = Path(__file__).parents[1] / "data" / "reports"
MODES = {"din": "din70121", "iso2-dc": "iso2", "iso2-ac": "iso2"}


async def session(mode: str) -> Bench:
    bench = Bench(mode, duration=1.0)
    await bench.run()
    return bench


@cache
def whole(mode: str) -> tuple[pcap.Packet, ...]:
    """The packets of a short session."""
    file = io.BytesIO()
    writer = PcapNg(file, epoch=1e9)
    for event in run(session(mode)).events["ev"]:
        writer(event)
    writer.close()
    file.seek(0)
    return tuple(item for item in pcap.read(file) if isinstance(item, pcap.Packet))


def recorded(path: Path, packets: list[pcap.Packet]) -> Recording:
    with path.open("wb") as file:
        out = pcap.Writer(file)
        for packet in packets:
            out.packet(packet.ns, packet.data, link=packet.link)
    return read(path)


def blamed(recording: Recording) -> list[Finding]:
    return [finding for finding in check(recording) if finding.severity == "violation"]


def carries(packet: pcap.Packet) -> bool:
    segment = layers.parse(packet.data, 1)
    return isinstance(segment, layers.Segment) and bool(segment.payload)


@pytest.mark.parametrize("mode", MODES)
def test_a_session_of_which_only_a_part_was_captured(mode: str, tmp_path: Path) -> None:
    """Wherever the part begins and ends: one protocol, who asks is the vehicle, a note at most."""
    packets = [packet for packet in whole(mode) if carries(packet)]
    rng = random.Random(mode)
    for start in [*range(1, 9), *sorted(rng.sample(range(9, len(packets) - 3), 12))]:
        end = rng.randint(start + 1, len(packets))
        found = recorded(tmp_path / "part.pcapng", packets[start:end])
        assert len(found.messages) == end - start
        later = [e for e in found.messages if e.schema != "appproto"]
        assert {e.schema for e in later} <= {MODES[mode]}
        assert all(e.sender == ("evcc" if e.name.endswith("Req") else "secc") for e in found.messages)
        assert blamed(found) == [], (start, end)
        assert any("which protocol was agreed" in remark for remark in found.remarks) == bool(later)


@pytest.mark.parametrize("mode", MODES)
def test_every_single_message_of_a_session_alone(mode: str, tmp_path: Path) -> None:
    for packet in whole(mode):
        if carries(packet):
            found = recorded(tmp_path / "one.pcapng", [packet])
            (message,) = found.messages
            assert message.schema in (MODES[mode], "appproto")
            assert message.sender == ("evcc" if message.name.endswith("Req") else "secc")
            assert blamed(found) == []


@pytest.mark.parametrize("mode", MODES)
def test_packets_that_the_capture_missed_are_gaps_and_nobodys_fault(mode: str, tmp_path: Path) -> None:
    packets = list(whole(mode))
    places = [place for place, packet in enumerate(packets) if carries(packet)]
    rng = random.Random(mode)
    for _ in range(15):
        missing = set(rng.sample(places[2:-2], rng.randint(1, 4)))
        found = recorded(tmp_path / "gap.pcapng", [p for place, p in enumerate(packets) if place not in missing])
        assert any(entry.name == "lost" for entry in found.entries)
        assert blamed(found) == [], missing


@pytest.mark.parametrize("mode", MODES)
def test_a_capture_that_begins_inside_a_message(mode: str, tmp_path: Path) -> None:
    """Segments of ten bytes, the first of which stands inside a message: that message is skipped, and said so."""
    small, numbers = list[pcap.Packet](), iter(range(10**6))
    for packet in whole(mode):
        segment = layers.parse(packet.data, 1)
        if not isinstance(segment, layers.Segment) or not segment.payload:
            continue
        for at in range(0, len(segment.payload), 10):
            part = layers.Segment(
                segment.source, segment.target, segment.sequence + at, segment.acknowledged, layers.ACK,
                segment.payload[at : at + 10],
            )  # fmt: skip
            frame = layers.ethernet(packet.data[:6], packet.data[6:12], layers.IPV6, layers.tcp(part))
            small.append(pcap.Packet(next(numbers), packet.ns, frame))
    for start in (1, 2, 7, 31, 95):
        found = recorded(tmp_path / "inside.pcapng", small[start:])
        assert len(found.messages) > 10
        assert all(entry.message is not None for entry in found.messages)
        assert blamed(found) == [], start


def test_bytes_before_the_first_header_are_skipped_and_counted() -> None:
    frame = v2gtp.pack(v2gtp.EXI, b"abc")
    frames = Frames(whole=False)
    assert list(frames.feed(b"rest of a mess", 0)) == []
    assert list(frames.feed(b"age\x01\xfe\x77" + frame[:1], 0)) == []
    assert list(frames.feed(frame[1:] + frame, 0)) == [
        Skipped(20), Payload(v2gtp.EXI, b"abc"), Payload(v2gtp.EXI, b"abc"),
    ]  # fmt: skip
    assert isinstance(next(iter(Frames().feed(b"rest of a message", 0))), Broken)


def test_a_message_of_another_protocol_is_foreign() -> None:
    """One connection is of one protocol; what is not of it is named, and is not a message of the session."""
    import exi
    from v2g.messages import din70121, iso2, schema

    def wrapped(module: object, body: object, name: str) -> Payload:
        header = module.MessageHeaderType(SessionID=b"\1" * 8)  # type: ignore[attr-defined]  # two modules, alike
        document = module.V2G_Message(Header=header, Body=module.BodyType(BodyElement=body))  # type: ignore[attr-defined]  # as above
        return Payload(v2gtp.EXI, exi.encode(schema(name), document))

    own = wrapped(iso2, iso2.ServiceDiscoveryReq(), "iso2")
    other = wrapped(din70121, din70121.SessionSetupReq(EVCCID=b"\1" * 6), "din70121")
    found = dialogue([own, other, own])
    assert [message.kind for message in found.messages] == [Kind.MESSAGE, Kind.FOREIGN, Kind.MESSAGE]
    assert found.messages[1].problem == "SessionSetupReq of DIN SPEC 70121 in a session of ISO 15118-2"
    assert found.remark == "the recording does not show which protocol was agreed; read as ISO 15118-2"


@pytest.mark.parametrize("name", ["din-without-handshake", "din-cablecheckres-alone"])
def test_a_din_message_alone_is_din(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["trace", "check", str(REPORTS / f"{name}.pcap")])
    said = capsys.readouterr().out
    assert "DIN SPEC 70121, not completed, 1 message" in said
    assert "violation" not in said


def test_a_capture_that_begins_with_a_response_blames_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["trace", "check", str(REPORTS / "mid-session-begins-with-response.pcap")]) == 0
    said = capsys.readouterr().out
    assert "note incomplete: begins mid-session with ChargingStatusReq" in said
    assert "violation" not in said


@pytest.mark.parametrize("side", ["vehicle", "charger"])
@pytest.mark.parametrize("mode", MODES)
def test_a_capture_of_one_direction_blames_nobody(mode: str, side: str, tmp_path: Path) -> None:
    """A mirror port that shows one direction alone: the side that is missing is named, and no rule is held to it."""
    first = layers.parse(next(p for p in whole(mode) if carries(p)).data, 1)
    assert isinstance(first, layers.Segment)
    vehicle = first.source
    kept = []
    for packet in whole(mode):
        segment = layers.parse(packet.data, 1)
        if isinstance(segment, layers.Segment) and (segment.source == vehicle) == (side == "vehicle"):
            kept.append(packet)
    found = recorded(tmp_path / "half.pcapng", kept)
    missing = "charger" if side == "vehicle" else "vehicle"
    assert len(found.messages) > 10
    assert blamed(found) == []
    assert f"nothing that the {missing} sent was captured" in judge(found).verdict.sentence


@pytest.mark.parametrize("seconds", [-3600, -1, 3600, 86400 * 365])
def test_a_clock_that_steps_in_a_session_changes_neither_its_length_nor_who_is_to_blame(
    seconds: int, tmp_path: Path
) -> None:
    """A laptop that gets its time by the network in mid-session: set back or forward, at any packet."""
    packets = [replace(packet, ns=packet.ns + 10**18) for packet in whole("iso2-dc")]
    right = judge(recorded(tmp_path / "right.pcapng", packets))
    for place in random.Random(seconds).sample(range(20, len(packets) - 2), 4):
        stepped = packets[:place] + [replace(p, ns=p.ns + seconds * 10**9) for p in packets[place:]]
        found = recorded(tmp_path / "stepped.pcapng", stepped)
        verdict = judge(found).verdict
        assert (verdict.result, verdict.details) == (right.verdict.result, right.verdict.details), place
        assert found.until == pytest.approx(recorded(tmp_path / "right.pcapng", packets).until, abs=1.5)
        assert any("times continue from there" in remark for remark in found.remarks)


def stamped(packets: list[pcap.Packet], rates: dict[bool, int]) -> list[pcap.Packet]:
    """The same with TCP's timestamps: the clock of each end, in ticks per second; False is the first sender's."""
    first: object = None
    made = []
    for packet in packets:
        segment = layers.parse(packet.data, 1)
        if isinstance(segment, layers.Segment):
            first = first or segment.source
            ticks = (packet.ns * rates[segment.source != first] // 10**9 + 2**32 - 500) % 2**32
            tcp = packet.data[54:]
            option = b"\x01\x01\x08\x0a" + ticks.to_bytes(4, "big") + bytes(4)
            tcp = tcp[:12] + bytes([tcp[12] + 0x30]) + tcp[13:20] + option + tcp[20:]
            length = (int.from_bytes(packet.data[18:20], "big") + len(option)).to_bytes(2, "big")
            packet = replace(packet, data=packet.data[:18] + length + packet.data[20:54] + tcp)
        made.append(packet)
    return made


@pytest.mark.parametrize("seconds", [0.8, 3, 61, 149])
@pytest.mark.parametrize("rates", [{False: 1000, True: 1000}, {False: 1000, True: 100}, {False: 250, True: 1024}])
def test_a_clock_that_steps_on_by_little_is_told_by_the_clocks_of_both_ends(
    seconds: float, rates: dict[bool, int], tmp_path: Path
) -> None:
    """Less than any silence that a session survives: TCP's timestamps say that both ends know nothing of it."""
    plain = [replace(packet, ns=packet.ns + 10**18) for packet in whole("iso2-dc")]
    packets = stamped(plain, rates)
    right = judge(recorded(tmp_path / "right.pcapng", packets))
    for place in random.Random(seconds).sample(range(20, len(packets) - 6), 4):
        stepped = packets[:place] + [replace(p, ns=p.ns + round(seconds * 10**9)) for p in packets[place:]]
        found = recorded(tmp_path / "stepped.pcapng", stepped)
        verdict = judge(found).verdict
        assert (verdict.result, verdict.details) == (right.verdict.result, right.verdict.details), place
        assert any("times continue from there" in remark for remark in found.remarks)


@pytest.mark.parametrize("liar", [None, False, True])
def test_a_silence_stays_one_unless_both_ends_deny_it(liar: bool | None, tmp_path: Path) -> None:
    """A side that is silent for long is blamed, even if its own timestamps hide it."""
    plain = [replace(packet, ns=packet.ns + 10**18) for packet in whole("iso2-dc")]
    place = next(n for n, packet in enumerate(plain) if n > len(plain) // 2 and carries(packet))
    late = plain[:place] + [replace(p, ns=p.ns + 50 * 10**9) for p in plain[place:]]
    honest = stamped(late, {False: 1000, True: 1000})
    lies = stamped(plain, {False: 1000, True: 1000})
    ends = [layers.parse(packet.data, 1) for packet in plain]
    first = next(end.source for end in ends if isinstance(end, layers.Segment))
    shown = [
        replace(true, data=lie.data) if isinstance(end, layers.Segment) and (end.source != first) is liar else true
        for true, lie, end in zip(honest, lies, ends, strict=True)
    ]
    found = recorded(tmp_path / "late.pcapng", shown)
    assert not any("times continue from there" in remark for remark in found.remarks)
    assert blamed(found)


def test_what_snaplen_cuts_off_is_neither_uncharged_nor_unasked(tmp_path: Path) -> None:
    """A capture that keeps the first bytes of each packet alone: what was cut off may have said otherwise."""
    for length in range(90, 200, 10):
        cut = [replace(p, data=p.data[:length], cut=max(len(p.data) - length, 0)) for p in whole("iso2-dc")]
        with (tmp_path / "cut.pcapng").open("wb") as file:
            out = pcap.Writer(file)
            for packet in cut:
                out.packet(packet.ns, packet.data, cut=packet.cut)
        found = read(tmp_path / "cut.pcapng")
        assert blamed(found) == [], length
        assert "othing was charged" not in judge(found).verdict.sentence


def test_homeplug_frames_alone_do_not_show_what_followed(tmp_path: Path) -> None:
    """A capture filter on EtherType 0x88e1: no link that did not come, and no vehicle that asked for nothing."""
    with (REPORTS / "sdp-unanswered-50.pcap").open("rb") as file:
        packets = [item for item in pcap.read(file) if isinstance(item, pcap.Packet)]
    assert judge(recorded(tmp_path / "all.pcapng", packets)).verdict.result == "failed"
    later = replace(packets[-1], ns=packets[-1].ns + 60 * 10**9, data=packets[0].data[:14] + b"\1\x00\xa0" + bytes(43))
    alone = recorded(tmp_path / "alone.pcapng", [p for p in [*packets, later] if p.data[12:14] == b"\x88\xe1"])
    verdict = judge(alone).verdict
    assert verdict.result == "warnings"
    assert "only HomePlug frames were recorded" in verdict.sentence
    assert blamed(alone) == []


def test_an_unanswered_vehicle_after_a_good_session_is_reported(tmp_path: Path) -> None:
    """It begins again by SDP, and the charger is silent: the session stays good, and the silence is named."""
    packets = list(whole("iso2-dc"))
    assert not any(f.rule == "sdp-unanswered" for f in check(recorded(tmp_path / "good.pcapng", packets)))
    asks = next(p for p in packets if isinstance(layers.parse(p.data, 1), layers.Datagram))
    end = packets[-1].ns
    again = [replace(asks, ns=end + 10**10 + number * 250_000_000) for number in range(12)]
    found = judge(recorded(tmp_path / "again.pcapng", [*packets, *again]))
    assert found.verdict.result == "warnings"
    assert "the session ended normally" in found.verdict.sentence
    (silent,) = [f for f in found.findings if f.rule == "sdp-unanswered"]
    assert (silent.severity, silent.side) == ("warning", "secc")
    assert silent.text.startswith("after the session no charger answered 12 SDP requests")


def test_a_recording_that_ends_in_the_matching_blames_nobody(tmp_path: Path) -> None:
    """Wherever it ends while the vehicle sounds, before the charger has to report."""
    with (REPORTS / "sdp-unanswered-50.pcap").open("rb") as file:
        packets = [item for item in pcap.read(file) if isinstance(item, pcap.Packet)]
    frames = [packet for packet in packets if packet.data[12:14] == b"\x88\xe1"]
    kinds = [int.from_bytes(frame.data[15:17], "little") for frame in frames]
    for end in [n + 1 for n, kind in enumerate(kinds) if kind in (0x606A, 0x6076)]:
        found = recorded(tmp_path / "head.pcapng", frames[:end])
        assert blamed(found) == [], end
        assert judge(found).diagnosis.side == "", end
    late = replace(frames[0], ns=frames[-2].ns + 60 * 10**9, data=frames[0].data[:14] + b"\1\x00\xa0" + bytes(43))
    sounds = kinds.index(0x6076)
    assert blamed(recorded(tmp_path / "middle.pcapng", frames[sounds + 1 : sounds + 4])) == [], "it begins late, too"
    assert blamed(recorded(tmp_path / "stopped.pcapng", [*frames[: sounds + 1], late])), "its time was over"


def shaken(mode: str) -> tuple[int, list[pcap.Packet]]:
    """The packets of a session, and the place of its SYN."""
    packets = list(whole(mode))
    for place, packet in enumerate(packets):
        segment = layers.parse(packet.data, 1)
        if isinstance(segment, layers.Segment) and segment.flags == layers.SYN:
            return place, packets
    raise AssertionError("no SYN")


def test_a_charger_that_remembers_an_earlier_connection_refuses_nothing(tmp_path: Path) -> None:
    """It answers the SYN as part of that; the vehicle resets it and sends the SYN again, as RFC 9293 has it."""
    place, packets = shaken("iso2-dc")
    syn = packets[place]
    opening = layers.parse(syn.data, 1)
    assert isinstance(opening, layers.Segment)

    def frame(segment: layers.Segment, back: bool) -> pcap.Packet:
        ends = syn.data[6:12] + syn.data[:6] if back else syn.data[:12]
        return replace(syn, data=ends + syn.data[12:14] + layers.tcp(segment))

    old = opening.sequence + 747_849
    remembers = layers.Segment(opening.target, opening.source, 77, old, layers.ACK, b"")
    resets = layers.Segment(opening.source, opening.target, old, 0, layers.RST, b"")
    right = judge(recorded(tmp_path / "right.pcapng", packets)).verdict
    found = recorded(
        tmp_path / "old.pcapng", [*packets[: place + 1], frame(remembers, True), frame(resets, False), *packets[place:]]
    )
    verdict = judge(found).verdict
    assert (verdict.result, verdict.sentence) == (right.result, right.sentence)
    assert not any(entry.name in ("lost", "refused") for entry in found.entries)
    cut = found.entries[len(found.entries) // 2].packet
    begun = recorded(
        tmp_path / "cut.pcapng",
        [*packets[: place + 1], frame(remembers, True), frame(resets, False), *packets[place:cut]],
    )
    assert blamed(begun) == []


@pytest.mark.parametrize("mode", MODES)
def test_a_missing_first_request_is_a_gap(mode: str, tmp_path: Path) -> None:
    """Neither the SYN nor the first requests were captured: the SYN's answer tells that they were sent."""
    place, packets = shaken(mode)
    client = layers.parse(packets[place].data, 1).source
    sent = [n for n, p in enumerate(packets) if carries(p) and layers.parse(p.data, 1).source == client]
    for count in (1, 2, 3):
        acks = {place, place + 2, *sent[:count]}
        found = recorded(tmp_path / "gap.pcapng", [p for n, p in enumerate(packets) if n not in acks])
        assert blamed(found) == [], count


@pytest.mark.parametrize("mode", MODES)
def test_a_refused_order_behind_a_gap_blames_nobody(mode: str, tmp_path: Path) -> None:
    """What was out of order may be what the capture misses; without a gap the charger was wrong."""
    way = Way("refuses the order", SECC, refused_with("FAILED_SequenceError"))
    path = tmp_path / "refused.pcapng"
    made = failure(mode, way, "SessionStopRes", 1, path)
    assert made is not None
    assert judge(made.capture).diagnosis.side == SECC
    with path.open("rb") as file:
        packets = [item for item in pcap.read(file) if isinstance(item, pcap.Packet)]
    told = [n for n, packet in enumerate(packets) if carries(packet)]
    for place in (-3, -5, -9):
        missed = {told[place], told[place - 1]}
        found = recorded(tmp_path / "gap.pcapng", [p for n, p in enumerate(packets) if n not in missed])
        assert blamed(found) == [], place
