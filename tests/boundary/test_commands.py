"""Every command on a full disk, with a closed reader, and what it leaves readable by whom."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sampling import sampled

from plugfest.traces import recording

ROOM = 100
"""kB of the small file system: less than any of these outputs needs."""


def plugfest(*arguments: str | Path, out: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Runs a command as its user does, with a umask that hides nothing."""
    with (out or Path(os.devnull)).open("w") as stdout:
        return subprocess.run(
            [sys.executable, "-m", "plugfest", *map(str, arguments)], stdout=stdout, stderr=subprocess.PIPE, text=True,
            umask=0, timeout=300, check=False,
        )  # fmt: skip


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A small file system."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={ROOM}k", "tmpfs", place]
    if os.geteuid() or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs root: a file system of its own")
    yield place
    subprocess.run(["umount", "-l", place], check=True)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of a session with TLS, written with umask 0 over files that everybody could read."""
    folder = tmp_path_factory.mktemp("session")
    for name in ("t.jsonl", "p.pcapng", "r.html", "keys.log"):
        (folder / name).touch()
        (folder / name).chmod(0o666)
    assert plugfest("pki", "init", folder / "pki").returncode == 0
    done = plugfest(
        "demo", "--fast", "--quiet", "--pnc", "--pki", folder / "pki", "--duration", "2", "--trace", folder / "t.jsonl",
        "--pcapng", folder / "p.pcapng", "--report", folder / "r.html", "--key-log", folder / "keys.log",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def test_only_the_owner_reads_what_a_session_leaves(recorded: Path, tmp_path: Path) -> None:
    """Trace, capture, report, key log and exports are 0600, whatever the umask and whatever was there before."""
    exports = [tmp_path / f"x.{form}" for form in ("pcapng", "jsonl", "csv", "json", "hex", "keylog")]
    for target in exports:
        assert plugfest("trace", "export", recorded / "t.jsonl", "-o", target).returncode == 0
    for path in (*(recorded / name for name in ("t.jsonl", "p.pcapng", "r.html", "keys.log")), *exports):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert (recorded / "keys.log").stat().st_size > 0
    modes = {p.suffix: stat.S_IMODE(p.stat().st_mode) for p in (recorded / "pki").rglob("*") if p.is_file()}
    assert modes[".key"] == modes[".p12"] == 0o600
    assert modes[".pem"] == modes[".json"] == 0o666


@pytest.mark.parametrize("option", sampled(["trace", "pcapng", "report", "key-log"], 2))
def test_a_session_on_a_full_disk_goes_on_and_says_so(small: Path, recorded: Path, option: str) -> None:
    """One line, also with --quiet, exit code 2; what is left can be read to its end, half a report is not there."""
    (small / "filler").write_bytes(bytes((ROOM - 8 if option == "key-log" else 20) * 1024))
    more = ["--pnc", "--pki", str(recorded / "pki"), "--duration", "2"] if option == "key-log" else []
    if option == "key-log":
        (small / "rest").write_bytes(bytes(8 * 1024))
    said = small.parent / "said"
    done = plugfest("demo", "--fast", "--quiet", *more, f"--{option}", small / "file", out=said)
    assert done.returncode == 2
    assert done.stderr.startswith("plugfest: ")
    assert done.stderr.count("\n") == 1
    assert "No space left on device" in done.stderr
    assert "vehicle: session completed" in said.read_text()
    left = small / "file"
    if option == "trace":
        assert "it ends at" in done.stderr
        assert len(recording.load(left).messages) > 50
        assert all(json.loads(line) for line in left.read_text().splitlines())
    elif option == "pcapng":
        assert not recording.load(left).remarks
    elif option == "report":
        assert [path.name for path in small.iterdir()] == ["filler"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("pki", "init", "{small}/pki"),
        ("pki", "init", "--profile", "both", "{small}/pki"),
        ("trace", "export", "{trace}", "-o", "{small}/x.pcapng"),
        ("trace", "export", "{trace}", "-o", "{small}/x.jsonl"),
        ("trace", "export", "{trace}", "-o", "{small}/x.json"),
        ("report", "{trace}", "-o", "{small}/x.html"),
        ("report", "{trace}", "-o", "{small}/x.html", "--junit", "{small}/x.xml"),
        ("demo", "--fast", "--pnc", "--pki", "{small}/pki", "--quiet"),
    ],
    ids=" ".join,
)
def test_a_command_on_a_full_disk_leaves_nothing_half_made(
    small: Path, recorded: Path, arguments: tuple[str, ...]
) -> None:
    """One line with the file's name, exit code 2, and the disk as it was."""
    (small / "filler").write_bytes(bytes((ROOM - 36) * 1024))
    done = plugfest(*(text.format(small=small, trace=recorded / "t.jsonl") for text in arguments))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("plugfest: ")
    assert "No space left on device" in done.stderr
    assert str(small) in done.stderr
    assert [path.name for path in small.iterdir()] == ["filler"]


@pytest.mark.parametrize("room", sampled(range(4, 60, 8), 3))
def test_a_campaign_on_a_full_disk_stops_between_its_runs(small: Path, room: int) -> None:
    """One line, exit code 2, wherever the space ends: no error gets into the session of a system under test."""
    (small / "filler").write_bytes(bytes((ROOM - room) * 1024))
    done = plugfest(
        "conformance", "run", "--sut", "secc", "-k", "SessionSetup_001", "--protocol", "iso2", "--out", small / "o"
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith("plugfest: cannot write ")
    assert "the same command continues from there" in done.stderr


@pytest.mark.parametrize("command", ["demo --fast --json", "demo --fast --all", "config schema", "conformance list"])
def test_standard_output_on_a_full_disk(command: str) -> None:
    """One line on standard error, exit code 2."""
    done = plugfest(*command.split(), out=Path("/dev/full"))
    assert (done.returncode, done.stderr) == (2, "plugfest: cannot write standard output: No space left on device\n")


@pytest.mark.parametrize("command", ["demo --fast --json", "demo --fast --all", "config schema", "conformance list"])
def test_a_reader_that_goes_ends_a_command_quietly(command: str) -> None:
    """As with `plugfest ... | head`."""
    line = f"{sys.executable} -m plugfest {command} | head -n 1 >/dev/null; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("command", ["conformance judge --sut evcc", "trace check"])
def test_a_verdict_does_not_depend_on_its_reader(command: str) -> None:
    """A reader that goes leaves the exit code of a verdict alone, whether it goes early or late."""
    recording = Path(__file__).parents[1] / "data/reports/start-timeout-10.pcap"
    for reader in ("cat", "head -n 1", "true"):
        line = f"{sys.executable} -m plugfest {command} {recording} | {reader} >/dev/null; exit ${{PIPESTATUS[0]}}"
        done = subprocess.run(["bash", "-c", line], stderr=subprocess.PIPE, text=True, check=False)
        assert (done.returncode, done.stderr) == (1, "")


def test_what_cannot_be_made_is_reported_before_the_session(tmp_path: Path) -> None:
    """A directory that is missing or none is one line and exit code 2, and no session starts."""
    (tmp_path / "file").touch()
    for option in ("trace", "pcapng", "report"):
        for target in (tmp_path / "none" / "x", tmp_path / "file" / "x", tmp_path):
            done = plugfest("demo", "--fast", f"--{option}", target)
            assert done.returncode == 2
            assert done.stderr.startswith(f"plugfest: cannot write {target}: ")
            assert done.stderr.count("\n") == 1
