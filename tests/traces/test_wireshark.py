"""Wireshark's side: tshark takes the profile and its filters, and an extcap interface shows a growing trace."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from bench import Bench
from processes import CEILING
from tools import TSHARK, needs_tshark

from plugfest.cli import main
from plugfest.traces import wireshark
from plugfest.traces.errors import RecordingError
from plugfest.traces.follow import follow
from plugfest.traces.recording import load
from plugfest.virtual import run
from v2g.trace import JsonLines


async def _trace(path: Path) -> None:
    bench = Bench("iso2-dc")
    with path.open("w") as file:
        observe = JsonLines(file, role="evcc", epoch=1.7e9)
        bench.ev.observe = observe
        await bench.run()


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("wireshark") / "session.jsonl"
    run(_trace(path))
    return path


@needs_tshark
def test_tshark_takes_the_profile_and_each_filter(trace: Path, tmp_path: Path) -> None:
    """The column of messages shows them; the filters find requests and responses."""
    assert TSHARK is not None
    assert main(["trace", "wireshark-profile", str(tmp_path / "config/profiles/plugfest")]) == 0
    assert main(["trace", "export", str(trace), "-o", str(tmp_path / "s.pcapng")]) == 0
    environment = {**os.environ, "WIRESHARK_CONFIG_DIR": str(tmp_path / "config")}

    def shown(*words: str) -> str:
        command = [TSHARK or "", "-C", "plugfest", "-r", str(tmp_path / "s.pcapng"), *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True, timeout=CEILING)
        return done.stdout

    assert "CurrentDemandReq" in shown("-Y", "frame.comment contains CurrentDemandReq")
    counts = {one.name: shown("-Y", one.shows).count("\n") for one in wireshark.FILTERS}
    assert counts["From the vehicle"] >= counts["Charge loop"] // 2 > 0
    assert counts["From the charger"] > 0
    assert counts["SDP"] == 2
    assert counts["Refusals"] == 0
    assert counts["Without the loop"] > 10


def test_a_profile_overwrites_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "preferences").write_text("mine")
    assert main(["trace", "wireshark-profile", str(tmp_path / "mine")]) == 2
    assert "already exists" in capsys.readouterr().err
    assert (tmp_path / "mine" / "preferences").read_text() == "mine"


def test_a_growing_trace_is_followed(trace: Path, tmp_path: Path) -> None:
    """Line by line, half lines too; what comes out is what the whole trace has."""
    grown, target = tmp_path / "grown.jsonl", tmp_path / "out.pcapng"
    parts = [trace.read_bytes()[start : start + 7000] for start in range(0, trace.stat().st_size, 7000)]
    grown.write_bytes(parts.pop(0))

    def more(_: float) -> bool:
        if not parts:
            return False
        with grown.open("ab") as file:
            file.write(parts.pop(0))
        return True

    follow(grown, target, more)
    names = [entry.name for entry in load(target).messages]
    assert names == [entry.name for entry in load(trace).messages]
    assert names[-1] == "SessionStopRes"


@pytest.mark.parametrize("text", ["", "{}\n", '{"plugfest": "other"}\n', "nonsense\n"])
def test_what_is_not_a_trace_is_not_followed(text: str, tmp_path: Path) -> None:
    (tmp_path / "t").write_text(text)
    with pytest.raises(RecordingError):
        follow(tmp_path / "t", tmp_path / "out", lambda _: False)


def test_hostile_lines_are_passed_over(tmp_path: Path) -> None:
    head = {"plugfest": "trace", "epoch": "never", "role": 7}
    lines = [head, {"t": "x"}, {"t": 1, "layer": "message", "name": "A", "hex": "zz"}, {"t": 1, "layer": "message",
             "name": "A", "hex": "80", "schema": "nothing"}]  # fmt: skip
    (tmp_path / "t").write_text("".join(json.dumps(line) + "\n" for line in lines))
    follow(tmp_path / "t", tmp_path / "out", lambda _: False)
    assert load(tmp_path / "out").kind == "pcapng"


@pytest.mark.real_time
def test_the_extcap_protocol(trace: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Interfaces, link type, configuration, packets into the pipe; and the script that Wireshark starts."""
    assert main(["extcap", "--extcap-interfaces", "--extcap-version=4.2"]) == 0
    assert "interface {value=plugfest}" in capsys.readouterr().out
    assert main(["extcap", "--extcap-dlts", "--extcap-interface", "plugfest"]) == 0
    assert capsys.readouterr().out.startswith("dlt {number=1}")
    assert main(["extcap", "--extcap-config", "--extcap-interface", "plugfest"]) == 0
    assert "{call=--trace}" in capsys.readouterr().out
    assert main(["extcap"]) == 2
    assert "--install" in capsys.readouterr().err
    assert main(["extcap", "--install", str(tmp_path / "extcap")]) == 0
    script, pipe = tmp_path / "extcap" / "plugfest", tmp_path / "pipe"
    assert os.access(script, os.X_OK)
    os.mkfifo(pipe)
    words = [str(script), "--capture", "--extcap-interface", "plugfest", "--fifo", str(pipe), "--trace", str(trace)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True) as program:
        start: list[bytes] = []
        reader = threading.Thread(target=lambda: start.append(_head(pipe)))
        reader.start()
        reader.join(CEILING)
        program.terminate()
        assert "Traceback" not in program.communicate(timeout=CEILING)[1]
    assert start[0][:4] == b"\x0a\x0d\x0d\x0a"


@needs_tshark
@pytest.mark.real_time
def test_tshark_lists_the_interface_and_captures_from_it(trace: Path, tmp_path: Path) -> None:
    """As Wireshark does, with a file to follow and without; the end of a capture is not an error."""
    home = tmp_path / "home"
    for folder in (".config/wireshark/extcap", ".local/lib/wireshark/extcap"):  # before Wireshark 4.2, and from then on
        assert main(["extcap", "--install", str(home / folder)]) == 0
    environment = {**os.environ, "HOME": str(home), "PYTHONPATH": os.pathsep.join(sys.path)}
    environment.pop("XDG_CONFIG_HOME", None)

    def tshark(*words: str) -> subprocess.CompletedProcess[str]:
        command = [TSHARK or "", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=CEILING)

    assert "plugfest (plugfest: a running session, decoded)" in tshark("-D").stdout
    done = tshark("-i", "plugfest", "-o", f"extcap.plugfest.trace:{trace}", "-c", "20", "-T", "fields", "-e",
                  "frame.comment")  # fmt: skip
    assert "supportedAppProtocolReq" in done.stdout, done.stderr
    assert "SessionSetupRes" in done.stdout
    assert "plugfest:" not in done.stderr.replace("plugfest: a running", "")
    assert "choose the trace file to follow" in tshark("-i", "plugfest", "-c", "1").stderr


def _head(pipe: Path) -> bytes:
    with pipe.open("rb") as file:
        return file.read(4000)
