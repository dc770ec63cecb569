"""One capture reader: every command that takes a capture reads every kind of file, and says the same of each."""

from __future__ import annotations

import ast
import gzip
import io
import itertools
import struct
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from bench import Bench
from sampling import slow

from plugfest.cli import main
from plugfest.traces import packets as layers
from plugfest.traces import pcap
from plugfest.traces.checks import judge
from plugfest.traces.recording import load
from plugfest.traces.writer import PcapNg
from plugfest.virtual import run

ROOT = Path(__file__).parents[2]
COOKED = ROOT / "tests" / "data" / "reports" / "cooked-capture.pcap"
Capture = pytest.CaptureFixture[str]
Frames = list[tuple[int, bytes]]
"""Time in ns and Ethernet frame."""


async def session() -> Bench:
    bench = Bench("iso2-dc", duration=1.0)
    await bench.run()
    return bench


@cache
def frames() -> tuple[tuple[int, bytes], ...]:
    """A matching, and a session behind it, as Ethernet frames."""
    with COOKED.open("rb") as file:
        matching = [item for item in pcap.read(file) if isinstance(item, pcap.Packet)]
    found = []
    for packet in matching:
        content = layers.parse(packet.data, packet.link)
        assert isinstance(content, layers.Homeplug)
        if packet.ns - matching[0].ns < 50 * 10**9:
            found.append((packet.ns - matching[0].ns + 10**18, content.frame))
    file = io.BytesIO()
    writer = PcapNg(file, epoch=1e9 + 20)
    for event in run(session()).events["ev"]:
        writer(event)
    writer.close()
    file.seek(0)
    return (*found, *((p.ns, p.data) for p in pcap.read(file) if isinstance(p, pcap.Packet)))


def tagged(frame: bytes, *tags: bytes) -> bytes:
    return frame[:12] + b"".join(tags) + frame[12:]


def cooked(frame: bytes, unicast: int = 0) -> bytes:
    kind = 1 if frame[:6] == b"\xff" * 6 else unicast
    return struct.pack("!HHH6sxx", kind, 1, 6, frame[6:12]) + frame[12:]


def cooked2(frame: bytes) -> bytes:
    kind = 1 if frame[:6] == b"\xff" * 6 else 0
    return struct.pack("!2sHIHBB6sxx", frame[12:14], 0, 3, 1, kind, 6, frame[6:12]) + frame[14:]


LAYERS: dict[str, tuple[int, Callable[[bytes], bytes]]] = {
    "ethernet": (1, lambda frame: frame),
    "vlan": (1, lambda frame: tagged(frame, b"\x81\x00\x00\x64")),
    "q-in-q": (1, lambda frame: tagged(frame, b"\x88\xa8\x00\x01", b"\x81\x00\x00\x64")),
    "cooked": (113, cooked),
    "cooked-vlan": (113, lambda frame: cooked(tagged(frame, b"\x81\x00\x00\x64"))),
    "cooked2": (276, cooked2),
    "raw": (101, lambda frame: frame[14:]),
    "raw-bsd": (12, lambda frame: frame[14:]),
    "raw-ipv6": (229, lambda frame: frame[14:]),
    "null": (0, lambda frame: b"\x1e\0\0\0" + frame[14:]),
    "loop": (108, lambda frame: b"\0\0\0\x18" + frame[14:]),
}
"""Link layer -> link type, and an Ethernet frame in it. What has no Ethernet cannot hold HomePlug frames."""

NO_HOMEPLUG = {"raw", "raw-bsd", "raw-ipv6", "null", "loop"}


def classic(order: str, magic: int, unit: int, more: int = 0) -> Callable[[list[tuple[int, int, bytes]]], bytes]:
    def write(found: list[tuple[int, int, bytes]]) -> bytes:
        made = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 262144, found[0][1])
        for ns, _, data in found:
            head = struct.pack(order + "IIII", ns // 10**9, ns % 10**9 // unit, len(data), len(data))
            made += head + bytes(more) + data
        return made

    return write


def blocks(order: str, *, split: bool) -> Callable[[list[tuple[int, int, bytes]]], bytes]:
    """pcapng; with ``split`` every second packet is of a second interface, of another link type and time resolution."""

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        length = struct.pack(order + "I", len(body) + 12)
        return struct.pack(order + "I", kind) + length + body + length

    def write(found: list[tuple[int, int, bytes]]) -> bytes:
        made = block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1))
        made += block(1, struct.pack(order + "HHIHHB3x", found[0][1], 0, 0, 9, 1, 9) + bytes(4))
        made += block(1, struct.pack(order + "HHI", 113 if split else found[0][1], 0, 0))
        for number, (ns, _, data) in enumerate(found):
            second = split and number % 2
            ticks = ns // 1000 if second else ns
            data = cooked(data) if second else data
            head = struct.pack(
                order + "IIIII", int(bool(second)), ticks >> 32, ticks & 0xFFFFFFFF, len(data), len(data)
            )
            made += block(6, head + data)
        return made

    return write


FILES: dict[str, Callable[[list[tuple[int, int, bytes]]], bytes]] = {
    "pcap": classic("<", 0xA1B2C3D4, 1000),
    "pcap-big": classic(">", 0xA1B2C3D4, 1000),
    "pcap-ns": classic("<", 0xA1B23C4D, 1),
    "pcap-ns-big": classic(">", 0xA1B23C4D, 1),
    "pcap-modified": classic("<", 0xA1B2CD34, 1000, more=8),
    "pcapng": blocks("<", split=False),
    "pcapng-big": blocks(">", split=False),
    "pcapng-two-interfaces": blocks("<", split=True),
}
KINDS = [*((file, "ethernet") for file in FILES), *(("pcap", layer) for layer in LAYERS if layer != "ethernet"),
         ("pcapng", "cooked2"), ("pcap-ns-big", "cooked")]  # fmt: skip


def capture(path: Path, file: str, layer: str, *, packed: bool) -> Path:
    link, wrap = LAYERS[layer]
    chosen = [
        (ns, link, wrap(frame)) for ns, frame in frames() if layer not in NO_HOMEPLUG or frame[12:14] == b"\x86\xdd"
    ]
    made = FILES[file](chosen)
    path.write_bytes(gzip.compress(made) if packed else made)
    return path


def commands(path: Path, target: Path) -> dict[str, list[str]]:
    exports = {f"export {form}": ["trace", "export", str(path), "-o", str(target), "--format", form]
               for form in ("pcapng", "jsonl", "csv", "xml", "json", "hex", "keylog")}  # fmt: skip
    return {
        "show": ["trace", "show", str(path)], "decode": ["trace", "decode", str(path)],
        "check": ["trace", "check", str(path)], "stats": ["trace", "stats", str(path)],
        "diff": ["trace", "diff", str(path), str(path)], "report": ["report", str(path), "-o", str(target)],
        "watch": ["slac", "watch", str(path)], **exports,
    }  # fmt: skip


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
@pytest.mark.parametrize(("file", "layer"), KINDS)
def test_every_kind_of_file_holds_the_same(file: str, layer: str, packed: bool, tmp_path: Path) -> None:
    """The same messages at the same times from the same side, whatever wraps them."""
    plain = load(capture(tmp_path / "plain", "pcap-ns", "ethernet", packed=False))
    found = load(capture(tmp_path / "other", file, layer, packed=packed))
    names = [(e.name, e.sender, e.data) for e in plain.entries if e.layer in ("message", "tcp", "sdp")]
    assert len(names) > 50
    assert [(e.name, e.sender, e.data) for e in found.entries if e.layer in ("message", "tcp", "sdp")] == names
    slac = [e.name for e in plain.layer("slac")]
    assert len(slac) > 15
    assert [e.name for e in found.layer("slac")] == ([] if layer in NO_HOMEPLUG else slac)
    assert found.remarks == plain.remarks


KINDS = [
    kind if (row + column) % 3 == 0 else slow(kind)
    for row, layer in enumerate(("ethernet", "cooked", "cooked2", "vlan", "raw"))
    for column, (packed, file) in enumerate(
        itertools.product((False, True), ("pcap", "pcap-big", "pcapng-two-interfaces"))
    )
    for kind in [pytest.param(layer, packed, file, id=f"{layer}-{'gzip' if packed else 'plain'}-{file}")]
]
"""Each layer, file and packing is in every suite, and all of their combinations in ``make slow``."""


@pytest.mark.parametrize(("layer", "packed", "file"), KINDS)
def test_every_command_reads_every_kind_of_file(
    file: str, layer: str, packed: bool, tmp_path: Path, capsys: Capture
) -> None:
    if file == "pcapng-two-interfaces" and layer != "ethernet":
        return  # it mixes link types already
    expected = dict[str, int]()
    for name, arguments in commands(
        capture(tmp_path / "a", "pcap-ns", "ethernet", packed=False), tmp_path / "x"
    ).items():
        expected[name] = main(arguments)
    path = capture(tmp_path / "b.pcap.gz", file, layer, packed=packed)
    for name, arguments in commands(path, tmp_path / "y").items():
        capsys.readouterr()
        code = main(arguments)
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        if layer in NO_HOMEPLUG and name == "watch":
            assert code == 3
        elif layer not in NO_HOMEPLUG:
            assert code == expected[name], (name, said)
        if name in ("show", "decode", "stats"):
            assert "SessionSetupReq" in said.out


def test_the_capture_of_the_any_interface_from_the_field(capsys: Capture) -> None:
    for arguments in (["trace", "show"], ["trace", "check"], ["trace", "stats"], ["slac", "watch"]):
        main([*arguments, str(COOKED)])
        said = capsys.readouterr()
        assert "link type" not in said.out + said.err
    assert main(["slac", "watch", "--brief", str(COOKED)]) in (0, 1)
    assert "2 attempts" in capsys.readouterr().out


@pytest.mark.parametrize("wrap", [cooked, lambda frame: cooked(frame, 3), lambda frame: cooked(frame, 4), cooked2])
@pytest.mark.parametrize("name", sorted(path.name for path in COOKED.parent.glob("*.pcap")))
def test_a_verdict_is_the_same_where_the_capture_has_no_destinations(
    name: str, wrap: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    with (COOKED.parent / name).open("rb") as file:
        found = [item for item in pcap.read(file) if isinstance(item, pcap.Packet)]
    plain = judge(load(COOKED.parent / name)).verdict
    link = 276 if wrap is cooked2 else 113
    rows = [(p.ns, p.link if p.link != 1 else link, wrap(p.data) if p.link == 1 else p.data) for p in found]
    path = tmp_path / "cooked.pcap"
    path.write_bytes(classic("<", 0xA1B23C4D, 1)(rows))
    assert judge(load(path)).verdict == plain


def test_a_link_type_that_is_not_read_is_reported(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "wlan.pcap"
    path.write_bytes(classic("<", 0xA1B2C3D4, 1000)([(10**18, 105, bytes(60))] * 3))
    main(["trace", "show", str(path)])
    assert "not read: 3 packets of link type 105;" in capsys.readouterr().out


def test_gzip_that_breaks_off_or_is_broken(tmp_path: Path) -> None:
    """What is whole is read; what is not gzip is one line; members in a row are one file."""
    from plugfest.traces.errors import RecordingError

    whole = capture(tmp_path / "whole", "pcap", "ethernet", packed=True)
    octets = whole.read_bytes()
    cut = tmp_path / "cut"
    cut.write_bytes(octets[: len(octets) // 2])
    assert 0 < len(load(cut).messages) < len(load(whole).messages)
    broken = tmp_path / "broken"
    broken.write_bytes(octets[:200] + bytes(50) + octets[250:])
    with pytest.raises(RecordingError, match="broken gzip data"):
        load(broken)
    plain = gzip.decompress(octets)
    broken.write_bytes(gzip.compress(plain[:5000]) + gzip.compress(plain[5000:]) + bytes(20))
    assert len(load(broken).messages) == len(load(whole).messages)


def test_nobody_else_reads_capture_files() -> None:
    """scapy reads none: it is there for layers, and for sockets off Linux."""
    found = []
    for package in ("plugfest", "traces", "slac", "v2g", "evcc", "secc", "conformance", "pki"):
        for path in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else []
                module = getattr(node, "module", "") or ""
                if module == "scapy.utils" or {"RawPcapReader", "PcapReader", "rdpcap", "scapy.utils"} & set(names):
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}")
    assert found == []
