"""The report as a file: complete, self-contained, harmless, and looked at by a browser."""

from __future__ import annotations

import re
import struct
import subprocess
import zlib
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from browser import chromium, needs_browser
from captures import files, recording
from processes import CEILING
from sampling import sampled
from tools import CHROMIUM, needs_chromium

from plugfest.cli import main
from plugfest.traces.chart import lines, rows
from plugfest.traces.entries import Entry, Recording
from plugfest.traces.recording import from_events
from plugfest.traces.report import render
from plugfest.traces.report.svg import Curve, plot, thinned, ticks
from v2g.messages import iso2
from v2g.trace import Event

SECTIONS = ["Findings", "Steps", "Timeline", "Voltage, current, power, state of charge", "Sequence",
            "Times and their limits", "Signal attenuation", "Certificates and signatures", "Certificates", "Messages",
            "Configuration"]  # fmt: skip


class Page(HTMLParser):
    """What a page consists of."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.headings: list[str] = []
        self._heading = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        self._heading = tag == "h2"

    def handle_data(self, data: str) -> None:
        if self._heading:
            self.headings.append(data)
            self._heading = False


def drawings(text: str) -> list[ElementTree.Element]:
    """The SVG of a page, which has to be well-formed."""
    return [ElementTree.fromstring(svg) for svg in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of a whole session over TLS."""
    directory = tmp_path_factory.mktemp("report")
    trace = directory / "session.jsonl"
    assert main(["demo", "--fast", "--tls", "--duration", "3", "--trace", str(trace)]) == 0
    assert main(["report", str(trace), "--check", "--junit", str(directory / "junit.xml")]) == 0
    return directory / "session.html"


def test_a_session_writes_its_report_itself(tmp_path: Path) -> None:
    """The same as from its trace; also when the session ends with an error."""
    trace, path = tmp_path / "s.jsonl", tmp_path / "s.html"
    arguments = ["demo", "--fast", "--duration", "1", "--trace", str(trace), "--report", str(path)]
    assert main([*arguments, "--timer", "V2G_EVCC_CableCheck_Timeout=1"]) == 6
    text = path.read_text()
    assert "Failed" in text
    assert main(["report", str(trace)]) == 0  # over the first
    assert Page(path.read_text()).tags.count("details") == Page(text).tags.count("details") > 10


def test_a_report_has_all_its_parts_in_one_file(report: Path) -> None:
    text = report.read_text()
    page = Page(text)
    assert page.headings == SECTIONS
    assert len(drawings(text)) == 7  # timeline, four plots, sequence, attenuation
    assert page.tags.count("details") == text.count("<details id=") > 100
    assert "ECDHE_ECDSA_WITH_AES_128_CBC_SHA256" in text
    assert "DEPLFE00001" in text
    assert ElementTree.parse(report.with_name("junit.xml")).getroot().tag == "testsuites"


def test_nothing_is_loaded_from_anywhere(report: Path) -> None:
    page = Page(report.read_text())
    loading = {"src", "srcset", "action", "data", "poster", "background"}
    assert not [pair for pair in page.attributes if pair[0] in loading]
    assert all(value.startswith("#") for name, value in page.attributes if name in ("href", "xlink:href"))
    assert not {"link", "img", "iframe", "object", "embed", "base", "form"} & set(page.tags)
    text = report.read_text()
    assert "@import" not in text
    assert "url(" not in text


HOSTILE = "</pre></style></script><script>alert(1)</script><img src=x onerror=alert(2)>\"'&\x1b[31m\x00\u202e"


def hostile() -> Recording:
    """A session in which every text that a peer can choose is markup."""
    header = iso2.MessageHeaderType(SessionID=b"\x01" * 8)
    body = iso2.SessionSetupRes(ResponseCode=HOSTILE, EVSEID=HOSTILE)  # type: ignore[arg-type]  # wrong on purpose
    message = iso2.V2G_Message(Header=header, Body=iso2.BodyType(BodyElement=body))
    made = from_events(
        [
            Event(0.0, "slac", HOSTILE, "tx", bytes(60), note=HOSTILE),
            Event(0.1, "sdp", HOSTILE, "rx", b"x", note=HOSTILE),
            Event(0.2, "tls", "ServerHello", "rx", b"x", note=HOSTILE),
            Event(0.2, "tls", "certificates", "rx", b"\x30\x03abc", note=HOSTILE),
            Event(0.2, "tls", "certificate-deviation", "", note=HOSTILE),
            Event(0.3, "message", HOSTILE, "tx", b"\x80", None, "iso2", HOSTILE),
            Event(0.4, "message", "SessionSetupRes", "rx", b"\x80\x98", message, "iso2"),
            Event(0.5, "error", HOSTILE, note=HOSTILE),
            Event(0.5, "tolerance", HOSTILE, note=HOSTILE),
            Event(0.5, "plant", "telemetry", note='{"soc": 1e400, "volts": "x", "amps": [1]}'),
            Event(0.6, "plant", "telemetry", note="no json"),
        ],
        name=HOSTILE,
    )
    made.configuration = {HOSTILE: {HOSTILE: [HOSTILE]}}
    made.remarks = [HOSTILE]
    return made


def test_text_of_a_peer_stays_text() -> None:
    text = render(hostile(), title=HOSTILE)
    page = Page(text)
    assert page.tags.count("script") == 1
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert "img" not in page.tags
    assert "\x1b" not in text
    assert "\x00" not in text
    assert "\u202e" not in text
    drawings(text)


def test_a_terminal_gets_no_control_characters() -> None:
    shown = "\n".join(lines(rows(hostile(), everything=True)))
    assert not [c for c in shown if not c.isprintable() and c != "\n"]


@pytest.mark.parametrize("path", sampled(files(), 3), ids=lambda path: path.name)
def test_every_recording_gets_a_report(path: Path, tmp_path: Path) -> None:
    assert main(["report", str(path), "-o", str(tmp_path / "x.html")]) == 0
    text = (tmp_path / "x.html").read_text()
    page = Page(text)
    expected = {"Findings", "Timeline", "Sequence", "Times and their limits", "Messages", "Signal attenuation"}
    assert expected <= set(page.headings)
    assert page.tags.count("details") == len(recording(path).messages)
    drawings(text)


def test_an_empty_recording_gets_a_report_that_says_so(tmp_path: Path) -> None:
    assert "no charging session" in render(Recording("x", "pcap", entries=[Entry(0, 0.0, "tcp", "connected")]))
    path = tmp_path / "empty.jsonl"
    path.write_text('{"plugfest": "trace"}\n')
    assert main(["report", str(path), "--check"]) == 1


def test_mistakes_get_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", str(tmp_path / "missing.pcap")]) == 2
    path = tmp_path / "t.jsonl"
    path.write_text('{"plugfest": "trace"}\n')
    assert main(["report", str(path), "-o", "/nowhere/x.html"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 2
    assert "cannot write /nowhere/x.html" in said


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 0.003), (-5, 460), (12.5, 13), (0, 1e7), (3, 3)])
def test_ticks_are_few_round_and_around_the_values(low: float, high: float) -> None:
    found = ticks(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert 2 <= len(found) <= 12


def test_thinning_keeps_peaks() -> None:
    points = [(float(t), 1000.0 if t == 7777 else 0.0) for t in range(20_000)]
    found = thinned(points)
    assert len(found) <= 1300
    assert (7777.0, 1000.0) in found
    assert ElementTree.fromstring(plot([Curve("a", points, "secc")], "V", (0.0, 20_000.0))).tag == "svg"


def pixels(png: bytes) -> tuple[int, int, bytes]:
    """Width, height and the filtered bytes of a picture."""
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width, height = struct.unpack(">II", png[16:24])
    place, data = 8, b""
    while place < len(png):
        length = int.from_bytes(png[place : place + 4], "big")
        if png[place + 4 : place + 8] == b"IDAT":
            data += png[place + 8 : place + 8 + length]
        place += length + 12
    return width, height, zlib.decompress(data)


@needs_chromium
@pytest.mark.parametrize("width", [1160, 420])
def test_a_browser_shows_it_and_complains_about_nothing(report: Path, tmp_path: Path, width: int) -> None:
    """The script runs under the page's own policy, and the picture has text and colours from top to bottom."""
    picture = tmp_path / "page.png"
    command = [
        str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars",
        f"--user-data-dir={tmp_path / 'profile'}", "--enable-logging=stderr", f"--window-size={width},3000",
    ]  # fmt: skip
    done = subprocess.run([*command, f"--screenshot={picture}", report.as_uri()], capture_output=True, text=True,
                          timeout=CEILING, check=True)  # fmt: skip
    assert "CONSOLE" not in done.stderr, done.stderr
    shown_width, height, data = pixels(picture.read_bytes())
    assert height == 3000
    band = len(data) // 6
    assert all(len(set(data[start : start + band])) > 40 for start in range(0, band * 6, band))
    assert shown_width >= width
    dom = subprocess.run([*command, "--dump-dom", f"{report.as_uri()}#m40"], capture_output=True, text=True,
                         timeout=CEILING, check=True).stdout  # fmt: skip
    field = re.search(r'<input class="filter"[^>]*>', dom)
    assert field is not None
    assert "hidden" not in field[0]


@needs_browser
def test_only_tables_are_wider_than_a_phone(report: Path) -> None:
    """They scroll by themselves; the page does not move sideways."""
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 390, "height": 800})
        page.goto(report.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert page.evaluate("[...document.querySelectorAll('table')].every(one => one.closest('.scroll'))")


def test_a_report_has_the_chain_of_steps_and_marks_the_one_that_failed(tmp_path: Path) -> None:
    path = tmp_path / "s.html"
    main(["demo", "--fast", "--duration", "1", "--report", str(path), "--timer", "V2G_EVCC_CableCheck_Timeout=1"])
    section = path.read_text().partition("<h2>Steps</h2>")[2].partition("</section>")[0]
    rows = section.split("<tr>")[2:]
    failed = [row for row in rows if ">failed</span>" in row]
    assert [row.partition("</td>")[0] for row in failed] == ["<td>cable check"]
    names = [row.partition("</td>")[0].removeprefix("<td>") for row in rows]
    assert names[0] == "matching (SLAC)"
    assert names[-4:] == ["authorization", "charge parameter discovery", "cable check", "end of the session"]
