"""Below the first message: the step that failed and who caused it are named, in captures made packet by packet."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address
from pathlib import Path

import pytest

from plugfest.traces import packets, pcap
from plugfest.traces.chain import Fault, Outcome, Step
from plugfest.traces.checks import Judgement, judge
from plugfest.traces.junit import junit
from plugfest.traces.recording import from_events, load
from plugfest.traces.writer import Station, link_local
from v2g import sdp, v2gtp
from v2g.trace import Event

VEHICLE = Station(bytes.fromhex("020000000001"), port=50000)
CHARGER = Station(bytes.fromhex("020000000002"), port=61000)
GROUP = IPv6Address(sdp.GROUP).packed
ANSWER = sdp.Response(IPv6Address(CHARGER.address), CHARGER.port, sdp.NO_TLS)


@dataclass
class Wire:
    """Packets one after the other, this many seconds apart."""

    time: float = 0.0
    file: io.BytesIO = field(default_factory=io.BytesIO)

    def __post_init__(self) -> None:
        self.out = pcap.Writer(self.file, comment="", interface="test")

    def put(self, source: Station, target: Station, packet: bytes, later: float = 0.1) -> None:
        self.time += later
        frame = packets.ethernet(target.mac, source.mac, packets.IPV6, packet)
        self.out.packet(round((1e9 + self.time) * 1e9), frame, [])

    def ask(self, count: int = 1, security: int = sdp.NO_TLS) -> Wire:
        for _ in range(count):
            data = sdp.Request(security).pack()
            packet = packets.udp((VEHICLE.address, 40000), (GROUP, sdp.PORT), data)
            self.put(VEHICLE, CHARGER, packet, 0.25)
        return self

    def answer(self, data: bytes | sdp.Response = ANSWER, *, to: tuple[bytes, int] | None = None) -> Wire:
        payload = data.pack() if isinstance(data, sdp.Response) else data
        packet = packets.udp((CHARGER.address, sdp.PORT), to or (VEHICLE.address, 40000), payload)
        self.put(CHARGER, VEHICLE, packet)
        return self

    def solicit(self, source: Station, target: Station, count: int = 3) -> Wire:
        body = bytes((135, 0, 0, 0, 0, 0, 0, 0)) + target.address
        for _ in range(count):
            self.put(source, target, packets.ipv6(source.address, target.address, 58, body), 1.0)
        return self

    def segment(self, source: Station, flags: int, payload: bytes = b"", sequence: int = 0, later: float = 0.1) -> Wire:
        target = CHARGER if source is VEHICLE else VEHICLE
        segment = packets.Segment(
            (source.address, source.port), (target.address, target.port), 1000 + sequence, 1001, flags, payload
        )
        self.put(source, target, packets.tcp(segment), later)
        return self

    def connect(self) -> Wire:
        self.segment(VEHICLE, packets.SYN).segment(CHARGER, packets.SYN | packets.ACK)
        return self.segment(VEHICLE, packets.ACK, sequence=1)

    def wait(self, seconds: float) -> Wire:
        """Something of no interest after a while: the capture goes on."""
        packet = packets.udp((VEHICLE.address, 5353), (GROUP, 5353), b"other")
        self.put(VEHICLE, CHARGER, packet, seconds)
        return self

    def judged(self, path: Path) -> Judgement:
        path.write_bytes(self.file.getvalue())
        return judge(load(path))


def tls(kind: int, body: bytes) -> bytes:
    return bytes((kind, 3, 3)) + len(body).to_bytes(2, "big") + body


HELLO = tls(22, b"\x01\x00\x00\x29\x03\x03" + bytes(32) + b"\x00\x00\x02\xc0\x23\x01\x00")
HANDSHAKE = v2gtp.pack(v2gtp.EXI, bytes.fromhex("8000dbab9371d3234b71d1b981899189d191818991d26b9b3a232b30020000040040"))
REFUSE, CLOSE = packets.RST | packets.ACK, packets.FIN | packets.ACK
ULA = sdp.Response(IPv6Address("fd00::5"), 61000, sdp.NO_TLS)


def connected() -> Wire:
    return Wire().ask().answer().connect()


def greeted() -> Wire:
    return connected().segment(VEHICLE, packets.ACK, HELLO, 1)


def alerted(code: int) -> Wire:
    return greeted().segment(CHARGER, packets.ACK, tls(21, bytes((2, code))), 1)


def unusable(response: sdp.Response | bytes) -> Callable[[Wire], Wire]:
    return lambda wire: wire.ask(2).answer(response).ask(3)


CASES: list[tuple[str, Callable[[Wire], Wire], Step, str, str]] = [
    ("one SDP request", lambda w: w.ask(), Step.DISCOVERY, "secc", "o charger answered an SDP request"),
    ("fifty", lambda w: w.ask(50), Step.DISCOVERY, "secc", "o charger answered 50 SDP requests"),
    ("ULA", unusable(ULA), Step.DISCOVERY, "secc", "fd00::5"),
    ("the address ::", unusable(sdp.Response(IPv6Address(0), 61000, sdp.NO_TLS)), Step.DISCOVERY, "secc", "::"),
    ("multicast", unusable(sdp.Response(IPv6Address("ff02::1"), 61000, sdp.NO_TLS)), Step.DISCOVERY, "secc", "ff02::1"),
    ("port 0", unusable(sdp.Response(ANSWER.address, 0, sdp.NO_TLS)), Step.DISCOVERY, "secc", "port 0"),
    ("reserved security", unusable(sdp.Response(ANSWER.address, 61000, 0x33)), Step.DISCOVERY, "secc", "0x33"),
    ("UDP", unusable(sdp.Response(ANSWER.address, 61000, sdp.NO_TLS, 0x10)), Step.DISCOVERY, "secc", "0x10"),
    ("24 bytes", unusable(v2gtp.pack(v2gtp.SDP_RESPONSE, bytes(24))), Step.DISCOVERY, "secc", "24 bytes"),
    ("to somebody else", lambda w: w.ask().answer(to=(link_local(b"\x02" * 6), 40000)).ask(), Step.DISCOVERY, "secc",
     "which had not requested it"),
    ("no way to the vehicle", lambda w: w.ask().solicit(CHARGER, VEHICLE), Step.NEIGHBOURS, "evcc", "did not answer"),
    ("no way to the charger", lambda w: w.ask().answer().solicit(VEHICLE, CHARGER), Step.NEIGHBOURS, "secc",
     "did not answer"),
    ("nobody connects", lambda w: w.ask().answer().wait(30), Step.CONNECTION, "evcc", "did not connect"),
    ("another security", lambda w: w.ask(security=sdp.TLS).answer().wait(30), Step.CONNECTION, "",
     "requested a connection with TLS"),
    ("SYN unanswered", lambda w: w.ask().answer().segment(VEHICLE, packets.SYN).segment(VEHICLE, packets.SYN, later=1),
     Step.CONNECTION, "secc", "did not answer the vehicle's SYN"),
    ("SYN unanswered, and no SDP", lambda w: w.segment(VEHICLE, packets.SYN), Step.CONNECTION, "secc", "SYN"),
    ("SYN refused", lambda w: w.ask().answer().segment(VEHICLE, packets.SYN).segment(CHARGER, REFUSE),
     Step.CONNECTION, "secc", "refused the TCP connection"),
    ("silent vehicle", lambda w: connected().wait(30), Step.HANDSHAKE, "evcc", "sent nothing"),
    ("vehicle closes", lambda w: connected().segment(VEHICLE, CLOSE, sequence=1), Step.HANDSHAKE, "evcc",
     "before the first message"),
    ("not V2GTP", lambda w: connected().segment(VEHICLE, packets.ACK, b"GET / HTTP/1.1", 1), Step.HANDSHAKE, "evcc",
     "neither V2GTP nor TLS"),
    ("ClientHello unanswered", lambda w: greeted().wait(9), Step.SECURITY, "secc", "the vehicle's ClientHello"),
    ("nothing in common", lambda w: alerted(40), Step.SECURITY, "", "the charger ended the handshake"),
    ("a charger's own error", lambda w: alerted(80), Step.SECURITY, "secc", "internal_error"),
    ("a hello that cannot be read", lambda w: alerted(50), Step.SECURITY, "evcc", "decode_error"),
    ("closed after ClientHello", lambda w: greeted().segment(CHARGER, CLOSE, sequence=1), Step.SECURITY, "secc",
     "during the handshake"),
]  # fmt: skip


@pytest.mark.parametrize(("make", "step", "side", "said"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_the_step_that_failed_is_named_with_its_side(
    make: Callable[[Wire], Wire], step: Step, side: str, said: str, tmp_path: Path
) -> None:
    judged = make(Wire()).judged(tmp_path / "x.pcapng")
    found = judged.diagnosis
    assert (found.outcome, found.step, found.side) == (Outcome.FAILED, step, side), judged.verdict.headline
    assert said in found.sentence
    assert judged.verdict.result == "failed"
    assert not judged.verdict.ok


def test_an_end_behind_what_the_capture_misses_is_nobodys_fault(tmp_path: Path) -> None:
    """The answer may have been there: who closed then may have had every reason."""
    wire = connected().segment(VEHICLE, packets.ACK, HANDSHAKE, 1).segment(CHARGER, packets.ACK, bytes(8), 40)
    judged = wire.segment(VEHICLE, CLOSE, sequence=1 + len(HANDSHAKE)).judged(tmp_path / "x.pcapng")
    found = judged.diagnosis
    assert (found.outcome, found.side) == (Outcome.OPEN, ""), judged.verdict.headline
    assert "39 bytes are missing in the capture" in found.sentence


SERVER_HELLO = tls(
    22, b"\x02\x00\x00\x2e\x03\x03" + bytes(32) + bytes.fromhex("00130200") + bytes.fromhex("0006002b00020304")
)
SECRET = tls(23, bytes(100))


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("cs" + "cs" * 3, "only TLS and the layers below can be judged"),
        ("", "does not show whether"),
        ("c", "does not show whether"),
    ],
    ids=["a session", "the charger's part of the handshake", "the vehicle's too"],
)
def test_a_session_whose_secrets_are_not_known_is_nobodys_fault(said: str, sentence: str, tmp_path: Path) -> None:
    """In TLS 1.3 the handshake is encrypted as well: that somebody closed the connection does not make it fail."""
    wire = greeted().segment(CHARGER, packets.ACK, SERVER_HELLO + SECRET, 1)
    places = {"c": 1 + len(HELLO), "s": 1 + len(SERVER_HELLO + SECRET)}
    for letter in said:
        wire.segment(VEHICLE if letter == "c" else CHARGER, packets.ACK, SECRET, places[letter])
        places[letter] += len(SECRET)
    judged = wire.segment(VEHICLE, CLOSE, sequence=places["c"]).judged(tmp_path / "x.pcapng")
    found = judged.diagnosis
    assert (found.outcome, found.side) == (Outcome.EMPTY, ""), judged.verdict.headline
    assert sentence in found.sentence


def test_an_attempt_that_worked_the_second_time_is_beside_the_session(tmp_path: Path) -> None:
    """A connection that was refused and made again says nothing of the session that came."""
    wire = Wire().ask().answer().segment(VEHICLE, packets.SYN).segment(CHARGER, packets.RST | packets.ACK)
    VEHICLE.port += 1
    try:
        wire.connect().segment(VEHICLE, packets.ACK, HANDSHAKE, 1).wait(9)
    finally:
        VEHICLE.port -= 1
    found = wire.judged(tmp_path / "x.pcapng").diagnosis
    assert (found.step, found.side, found.due) == (Step.HANDSHAKE, "secc", "supportedAppProtocolRes")


def test_a_link_that_is_lost_in_a_session_is_named_and_not_the_peer(tmp_path: Path) -> None:
    """What one side sends is repeated and never acknowledged, and the other one sends nothing."""
    wire = connected()
    for _ in range(4):
        wire.segment(VEHICLE, packets.ACK, HANDSHAKE, 1, later=0.3)
    wire.segment(VEHICLE, packets.RST, sequence=1 + len(HANDSHAKE), later=0.5)
    found = wire.judged(tmp_path / "x.pcapng").diagnosis
    assert (found.fault, found.side, found.step) == (Fault.LINK_LOST, "", Step.HANDSHAKE)
    assert "the charger sent nothing" in found.sentence


def test_a_pilot_that_ends_a_session_is_the_reason_in_a_trace() -> None:
    """The control pilot went first; the close only follows."""
    events = [
        Event(0.0, "tcp", "connected"),
        Event(0.0, "message", "supportedAppProtocolReq", "tx", HANDSHAKE[8:], None, "appproto"),
        Event(1.0, "pilot", "E"),
        Event(1.1, "tcp", "closing"),
    ]
    judged = judge(from_events(events))
    assert (judged.diagnosis.fault, judged.diagnosis.side) == (Fault.LINK_LOST, "secc")
    assert "control pilot went to E" in judged.diagnosis.sentence


def test_findings_that_repeat_are_one_with_a_count(tmp_path: Path) -> None:
    """In text, JSON and JUnit."""
    frames = [Event(i * 0.1, "tolerance", "something", note="odd") for i in range(50)]
    judged = judge(from_events(frames))
    (found,) = [f for f in judged.findings if f.rule == "tolerance"]
    assert (found.count, found.time, found.last) == (50, 0.0, 4.9)
    assert "50 times until 4.900 s" in str(found)
    assert "50 times" in junit(from_events(frames), judged.findings)


@pytest.mark.parametrize("tag", [b"", b"\x81\x00\x00\x07"], ids=["mirror", "VLAN"])
def test_datagrams_that_a_mirror_shows_twice_count_once(tag: bytes, tmp_path: Path) -> None:
    """40 SDP requests, each recorded twice: neither 80 nor too quick, and nobody else to blame."""
    right = Wire().ask(40).judged(tmp_path / "right.pcapng")
    path, file = tmp_path / "twice.pcapng", io.BytesIO()
    out = pcap.Writer(file)
    for packet in pcap.read(io.BytesIO((tmp_path / "right.pcapng").read_bytes())):
        if isinstance(packet, pcap.Packet):
            out.packet(packet.ns, packet.data)
            out.packet(packet.ns + 40_000, packet.data[:12] + tag + packet.data[12:])
    path.write_bytes(file.getvalue())
    found = judge(load(path))
    assert found.verdict == right.verdict
    assert [str(finding) for finding in found.findings] == [str(finding) for finding in right.findings]
