"""Sessions written as pcapng: read back by us, and by tshark, which knows nothing of us."""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path

import pytest
from bench import Bench
from netns import AVAILABLE, REASON, link
from processes import CEILING
from tools import needs_tshark, tshark

from plugfest.cli import main
from plugfest.traces import pcap
from plugfest.traces.checks import check
from plugfest.traces.export import export
from plugfest.traces.recording import from_events, load
from plugfest.traces.talks import talks
from plugfest.traces.writer import MADE_UP, File, PcapNg
from plugfest.virtual import run
from v2g import sdp
from v2g.trace import Event


async def session(mode: str = "iso2-dc") -> Bench:
    bench = Bench(mode)
    await bench.run()
    return bench


@pytest.fixture(scope="module")
def bench() -> Bench:
    return run(session())


@pytest.mark.parametrize(("side", "role"), [("ev", "evcc"), ("se", "secc")])
def test_messages_without_link_bytes_become_a_stream(bench: Bench, tmp_path: Path, side: str, role: str) -> None:
    """Either role's events give the same connection, from SYN to FIN."""
    path = tmp_path / "session.pcapng"
    with File(path, epoch=1.7e9, role=role) as file:
        for event in bench.events[side]:
            file(event)
    found = load(path)
    expected = from_events(bench.events[side], role=role)
    assert [(e.name, e.sender, e.data) for e in found.messages] == [
        (e.name, e.sender, e.data) for e in expected.messages
    ]
    assert [e.name for e in found.layer("tcp")] == ["connected", "closing"]
    assert [e.name for e in found.layer("sdp")] == ["SDPRequest", "SDPResponse"]
    assert found.layer("tcp")[0].note.endswith(found.layer("sdp")[1].note.partition(",")[0])
    assert found.epoch == 1.7e9


def test_what_was_sent_in_place_of_a_message_is_what_the_file_has() -> None:
    """The link's bytes count where it shows them, not what the message would have been."""
    file = io.BytesIO()
    writer = PcapNg(file)
    writer(Event(0.0, "message", "SessionSetupReq", "tx", b"meant", None, "iso2"))
    writer(Event(0.0, "tcp", "data", "tx", b"\x01\xfe\x80\x01\0\0\0\x01!"))
    writer(Event(0.1, "tcp", "closed", "tx"))
    writer.close()
    file.seek(0)
    packets = [item for item in pcap.read(file) if isinstance(item, pcap.Packet)]
    assert [p.comments for p in packets[:2]] == [(MADE_UP,)] * 2
    assert packets[5].data[74:] == b"\x01\xfe\x80\x01\0\0\0\x01!"
    assert [p.comments for p in packets[2:] if p.comments] == [("SessionSetupReq",)]


def test_frames_discovery_and_remarks_are_in_the_file() -> None:
    from ipaddress import IPv6Address

    frame = bytes.fromhex("ffffffffffff 0200000000a1 88e1 01 6460 0000 0000 0102030405060708".replace(" ", ""))
    answer = sdp.Response(IPv6Address("fe80::5"), 51000, sdp.NO_TLS)
    file = io.BytesIO()
    writer = PcapNg(file)
    writer(Event(0.0, "slac", "CM_SLAC_PARM.REQ", "tx", frame))
    writer(Event(0.1, "sdp", "SDPRequest", "tx", sdp.Request(sdp.NO_TLS).pack()))
    writer(Event(0.2, "sdp", "SDPResponse", "rx", answer.pack()))
    writer(Event(0.3, "tolerance", "something", note="that was odd"))
    writer(Event(0.4, "message", "X", "tx", b"\x80\x00", None, "iso2"))
    writer.close()
    file.seek(0)
    packets = [item for item in pcap.read(file) if isinstance(item, pcap.Packet)]
    assert packets[0].data == frame
    assert packets[3].comments == ("tolerance: something that was odd",)
    # The connection goes to the address and port that were announced.
    assert packets[3].data[38:54] == IPv6Address("fe80::5").packed
    assert int.from_bytes(packets[3].data[56:58], "big") == 51000


@needs_tshark
@pytest.mark.parametrize("options", [[], ["--ac"], ["--protocol", "din"], ["--tls"]], ids=["dc", "ac", "din", "tls"])
def test_tshark_follows_a_session_in_memory_and_finds_its_messages(tmp_path: Path, options: list[str]) -> None:
    """Checksums and sequence numbers are right, TLS opens with the secrets inside, every message has its comment."""
    trace, capture = tmp_path / "s.jsonl", tmp_path / "s.pcapng"
    arguments = ["demo", "--fast", "--duration", "1", "--trace", str(trace), "--pcapng", str(capture), *options]
    with contextlib.redirect_stdout(io.StringIO()):
        assert main(arguments) == 0
    messages = load(trace).messages
    assert [e.data for e in load(capture).messages] == [e.data for e in messages]
    strict = ["-o", "tcp.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE"]
    bad = tshark(capture, *strict, "-Y", "tcp.checksum.status != 1 || tcp.analysis.flags || _ws.malformed")
    assert bad == ""
    comments = tshark(capture, "-Y", "frame.comment", "-T", "fields", "-e", "frame.comment").splitlines()
    assert sum(any(f"{e.name}\\n" in line for e in messages) for line in comments) == len(messages)
    kind = "tls" if "--tls" in options else "tcp"
    followed = tshark(capture, "-q", "-z", f"follow,{kind},raw,0")
    stream = "".join(line.strip() for line in followed.splitlines() if set(line.strip()) <= set("0123456789abcdef"))
    position = 0
    for entry in messages:
        position = stream.index("01fe8001" + f"{len(entry.data):08x}" + entry.data.hex(), position)


@pytest.mark.netns
@pytest.mark.real_time
@pytest.mark.skipif(not AVAILABLE, reason=REASON)
def test_on_an_interface_the_real_packets_are_recorded(tmp_path: Path) -> None:
    """Neighbour discovery, SDP, TCP of a real session, with its messages as comments; both ends record the same."""
    import subprocess
    import sys

    with link("plftrc") as made:

        def start(side: str, *words: str) -> subprocess.Popen[str]:
            role_if = made.secc_if if side == "secc" else made.evcc_if
            command = [sys.executable, "-m", "plugfest", side, "-i", role_if, "--no-slac", "--protocol", "din", *words]
            command += ["--trace", str(tmp_path / f"{side}.jsonl"), "--pcapng", str(tmp_path / f"{side}.pcapng")]
            return subprocess.Popen(made.command(side, *command), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                    text=True)  # fmt: skip

        charger = start("secc", "--sessions", "1")
        assert charger.stdout is not None
        while "charger ready" not in (line := charger.stdout.readline()):
            assert line, "the charger ended early"
        vehicle = start("evcc", "--duration", "0.5", "--timer", "V2G_EVCC_Msg_Timeout.CurrentDemandReq=5")
        said = vehicle.communicate(timeout=CEILING)[0]
        assert vehicle.returncode == 0, said
        charger.communicate(timeout=CEILING)
    for side in ("secc", "evcc"):
        trace, capture = load(tmp_path / f"{side}.jsonl"), load(tmp_path / f"{side}.pcapng")
        assert [e.data for e in capture.messages] == [e.data for e in trace.messages]
        assert [e.name for e in capture.layer("sdp")][-2:] == ["SDPRequest", "SDPResponse"]
        assert abs(capture.messages[0].time + capture.epoch - trace.messages[0].time - trace.epoch) < 0.5
    with (tmp_path / "evcc.jsonl").open() as file:
        assert json.loads(file.readline())["configuration"]["protocol"] == "din"


async def test_a_session_over_tls_that_is_written_plain_says_so(tmp_path: Path) -> None:
    """Nobody is blamed for TLS that only the file lacks."""
    bench = Bench("iso20-dc")
    await bench.run()
    agreed = "TLS 1.3, TLS_AES_256_GCM_SHA384"
    first = bench.events["ev"][0]
    recording = from_events([Event(first.time, "tls", "handshake", note=agreed), *bench.events["ev"]])
    recording.kind = "trace"
    path = tmp_path / "session.pcapng"
    export(recording, Path("session.jsonl"), path)
    found = load(path)
    assert [e.note for e in found.layer("tls")] == [agreed]
    assert talks(found)[0].secure
    assert [f.text for f in check(found) if f.rule in ("tls", "tls-version", "tls-suite")] == []
    assert found.layer("sdp")[1].note.endswith("security 0x00")
