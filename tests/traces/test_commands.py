"""``plugfest trace`` as users run it: on our traces, on captures, on what is neither."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from captures import files
from sampling import sampled

from plugfest.cli import main
from plugfest.traces.recording import load

each = pytest.mark.parametrize("path", sampled(files(), 3), ids=lambda path: path.name)
Capture = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def trace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short session between both roles."""
    path = tmp_path_factory.mktemp("trace") / "session.jsonl"
    assert main(["demo", "--fast", "--duration", "1", "--trace", str(path)]) == 0
    return path


def run(capsys: Capture, *arguments: object) -> tuple[int, str]:
    """Exit code and what was printed."""
    capsys.readouterr()
    code = main(["trace", *map(str, arguments)])
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    return code, said.out + said.err


def test_show_draws_the_session_and_folds_its_loops(trace: Path, capsys: Capture) -> None:
    code, said = run(capsys, "show", trace)
    assert code == 0
    assert "ISO 15118-2, DC over TCP" in said
    assert "│── SessionSetupReq ─" in said
    assert "─ SessionSetupRes ──│" in said
    assert "more …" in said
    shown = sum("CableCheckReq" in line for line in said.splitlines())
    assert 2 <= shown <= 6
    _, everything = run(capsys, "show", "--all", trace)
    assert sum("CableCheckReq ──" in line for line in everything.splitlines()) > 20
    start = next(e.time for e in load(trace).messages if e.name == "PowerDeliveryReq")
    _, part = run(capsys, "show", "--all", "--from", start, "--to", start + 0.5, trace)
    assert "PowerDeliveryReq" in part
    assert "SessionSetupReq" not in part


def test_decode_prints_chosen_messages_in_every_form(trace: Path, capsys: Capture) -> None:
    _, plain = run(capsys, "decode", trace, "--name", "PowerDelivery*")
    assert "ChargeProgress: Start" in plain
    assert "CurrentDemand" not in plain
    _, xml = run(capsys, "decode", trace, "--name", "SessionStopReq", "--xml")
    assert "ChargingSession" in xml
    _, line = run(capsys, "decode", trace, "--at", "3", "--json")
    assert json.loads(line)["name"] == "SessionSetupReq"
    _, octets = run(capsys, "decode", trace, "--hex")
    assert [bytes.fromhex(word) for word in octets.split()] == [e.data for e in load(trace).messages]
    code, said = run(capsys, "decode", trace, "--name", "Nothing")
    assert code == 2
    assert "unknown message 'Nothing'" in said


def test_a_range_of_times_that_ends_before_it_begins_is_refused(trace: Path, capsys: Capture) -> None:
    assert run(capsys, "show", trace, "--from", 2, "--to", 1) == (2, "plugfest: --to 1 is before --from 2\n")
    assert run(capsys, "show", trace, "--from", 1, "--to", 2)[0] == 0


def test_check_says_how_it_went_with_its_exit_code(trace: Path, tmp_path: Path, capsys: Capture) -> None:
    assert run(capsys, "check", trace)[0] == 0
    lines = trace.read_text().splitlines()
    broken = tmp_path / "broken.jsonl"
    broken.write_text("\n".join(line for line in lines if '"PaymentServiceSelection' not in line) + "\n")
    code, said = run(capsys, "check", broken, "--junit", tmp_path / "junit.xml")
    assert code == 1
    assert "violation evcc order: AuthorizationReq after ServiceDiscoveryReq" in said
    assert "[V2G2-545]" in said
    assert said.splitlines()[-1].startswith("failed: ISO 15118-2, completed")
    assert "<failure" in (tmp_path / "junit.xml").read_text()
    _, found = run(capsys, "check", broken, "--json")
    assert [json.loads(line)["rule"] for line in found.splitlines()] == ["order", "sequence-tolerated"]


def test_a_line_that_was_cut_off_ends_the_trace(trace: Path, tmp_path: Path, capsys: Capture) -> None:
    """The writer was killed; what it wrote can be used."""
    cut = tmp_path / "cut.jsonl"
    whole = trace.read_text()
    cut.write_text(whole[: len(whole) // 2])
    code, said = run(capsys, "check", cut)
    assert code == 0
    assert "without SessionStop" in said
    assert run(capsys, "check", cut, "--strict")[0] == 1


def test_stats_count_and_measure(trace: Path, capsys: Capture) -> None:
    code, said = run(capsys, "stats", trace)
    assert code == 0
    assert "first CableCheckReq to the last answer" in said
    told = json.loads(run(capsys, "stats", trace, "--json")[1])
    counts = {row["name"]: row["count"] for row in told["messages"]}
    assert counts["CableCheckReq"] == counts["CableCheckRes"] > 10
    assert {"V2G_SECC_Msg_Performance_Time", "V2G_SECC_Sequence_Timeout"} <= {row["timer"] for row in told["times"]}


def test_diff_tells_what_two_sessions_mean_differently(trace: Path, tmp_path: Path, capsys: Capture) -> None:
    """The same session again differs in nothing but ids and noise; another car and another end are told."""
    again, other = tmp_path / "again.jsonl", tmp_path / "other.jsonl"
    main(["demo", "--fast", "--duration", "1", "--seed", "7", "--trace", str(again)])
    main(["demo", "--fast", "--duration", "1", "--soc", "60", "--power", "50", "--trace", str(other)])
    code, said = run(capsys, "diff", trace, again)
    assert (code, said) == (0, "the two sessions do not differ in meaning\n")
    code, said = run(capsys, "diff", trace, other)
    assert code == 1
    assert "EVRESSSOC: 20 | 60" in said
    assert "EVSEMaximumPowerLimit: 150000 W | 50000 W" in said
    main(["demo", "--fast", "--duration", "1", "--protocol", "din", "--trace", str(other)])
    code, said = run(capsys, "diff", trace, other)
    assert "protocol: ISO 15118-2 | DIN SPEC 70121" in said
    assert "phases" in said


def test_export_writes_every_form(trace: Path, tmp_path: Path, capsys: Capture) -> None:
    for form in ("pcapng", "jsonl"):
        assert run(capsys, "export", trace, "-o", tmp_path / f"x.{form}")[0] == 0
        assert [e.data for e in load(tmp_path / f"x.{form}").messages] == [e.data for e in load(trace).messages]
    assert run(capsys, "diff", trace, tmp_path / "x.pcapng")[0] == 0
    for form in ("xml", "json", "hex", "keylog", "csv"):
        assert run(capsys, "export", trace, "-o", tmp_path / "y", "--format", form)[0] == 0
    with (tmp_path / "y").open() as file:
        table = list(csv.DictReader(file))
    assert max(float(row["present_voltage_V"] or 0) for row in table) > 300
    code, said = run(capsys, "export", trace, "-o", tmp_path / "x.docx")
    assert code == 2
    assert "unknown format 'docx'" in said


@each
def test_every_recording_is_shown_checked_and_measured(path: Path, capsys: Capture) -> None:
    code, said = run(capsys, "show", path)
    assert code == 0
    assert "supportedAppProtocolReq" in said
    code, said = run(capsys, "check", path)
    assert code in (0, 1)
    assert said.splitlines()[-1].partition(":")[0] in ("passed", "passed with warnings", "failed")
    assert run(capsys, "stats", path)[0] == 0
    code, said = run(capsys, "diff", path, path)
    assert (code, said) == (0, "the two sessions do not differ in meaning\n")


@pytest.mark.parametrize("command", ["show", "decode", "check", "stats"])
def test_a_file_that_is_nothing_gets_one_line(command: str, tmp_path: Path, capsys: Capture) -> None:
    for content in (b"", b"hello", b"\xa1\xb2\xc3\xd4"):
        path = tmp_path / "file"
        path.write_bytes(content)
        code, said = run(capsys, command, path)
        assert code == 2
        assert said.startswith("plugfest: ")
        assert said.count("\n") == 1
    assert run(capsys, command, tmp_path / "missing")[0] == 2
