"""The guide of a person at a real pair: the dialogue on a terminal, the file of answers, recordings handed in."""

from __future__ import annotations

import fcntl
import json
import os
import pty
import struct
import subprocess
import termios
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from processes import PLUGFEST

from plugfest.cli import main
from plugfest.conformance import virtual
from plugfest.conformance.campaign.evidence import evidence
from plugfest.conformance.catalogue import case, cases
from plugfest.conformance.pair.answers import Answered, load, save
from plugfest.conformance.pair.line import SLACK
from plugfest.conformance.pair.scenario import scenario
from plugfest.conformance.pair.unattended import carry_out
from plugfest.conformance.sut.own import EPOCH

RUN = ["conformance", "run", "--sut", "pair"]


def recorded(folder: Path, name: str, epoch: float = EPOCH) -> Answered:
    """What a person would have done in a scenario, with what a recorder would have seen of it."""
    made = scenario(case(name))
    folder.mkdir(parents=True, exist_ok=True)
    with evidence(folder, epoch, "both") as observe:
        found = virtual.run(carry_out(made, [observe]))
    port = found.ports[0]
    shift = epoch - EPOCH
    done: dict[str, Any] = {act.mark: act.time + shift for act in port.acts}
    asked = {one.value: True for one in made.expected if one.verb == "asked"}
    return Answered(True, done, asked, [folder / "trace.pcapng"], port.until + shift)


def result(out: Path) -> dict[str, Any]:
    """Of the one run of a campaign."""
    found: dict[str, Any] = json.loads((out / "results.jsonl").read_text())
    return found


def test_answers_are_read_as_they_were_written(tmp_path: Path) -> None:
    """Times, yes and no, and files relative to the file of answers."""
    given = {
        "ITP-01-01-005": Answered(
            True,
            {"present_card": 1_700_000_000.25},
            {"card_forgotten": False},
            [tmp_path / "a.pcapng"],
            1_700_000_130.0,
        ),
        "ITP-01-01-002": Answered(True, {"plug": True, "present_card": False}),
    }
    save(tmp_path / "answers.yaml", given)
    assert load(tmp_path / "answers.yaml") == given


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("TC_nothing: {}", "unknown scenario of a pair"),
        ("ITP-01-01-001: {done: {dance: yes}}", "unknown act 'dance'; choose from plug"),
        ("ITP-01-01-001: {done: {plug: soon}}", "plug is yes, no, or a time"),
        ("ITP-01-01-001: {asked: {why: yes}}", "unknown question 'why'; choose from "),
        ("ITP-01-01-001: {prepared: perhaps}", "prepared is yes or no"),
        ("ITP-01-01-001: {capture: x}", "unknown key 'capture'; did you mean captures?"),
        ("ITP-01-01-001: {captures: x}", "captures is a list of files"),
        ("[1]", "a mapping from scenarios to answers is needed"),
    ],
)
def test_a_mistake_in_the_answers_is_one_line(
    text: str, said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """It names the file and what is right."""
    path = tmp_path / "answers.yaml"
    path.write_text(text + "\n")
    assert main([*RUN, "--answers", str(path), "--out", str(tmp_path / "out")]) == 2
    error = capsys.readouterr().err
    assert said in error
    assert error.count("\n") == 1


def empty(folder: Path) -> Path:
    """A file without answers."""
    path = folder / "empty.yaml"
    path.write_text("{}\n")
    return path


def test_without_terminal_and_answers_it_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In one line."""
    assert main([*RUN, "--guide", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == (
        "plugfest: this needs a person at a terminal, or --answers FILE (docs/pairs.md)\n"
    )
    assert main([*RUN, "--play", "evcc", "--answers", str(empty(tmp_path))]) == 2
    assert capsys.readouterr().err == "plugfest: --play needs -i IFACE: the interface to the other end\n"
    assert main(["conformance", "run", "--sut", "secc", "--guide"]) == 2
    assert capsys.readouterr().err == "plugfest: --guide works only with --sut pair\n"
    assert main([*RUN, "-i", "nothing0", "--answers", str(empty(tmp_path))]) == 2
    assert "nothing0 cannot be recorded" in capsys.readouterr().err
    assert main([*RUN, "--write-answers", "x"]) == 2
    assert "needs a real pair" in capsys.readouterr().err


OVER = [one.id for one in cases() if one.sut == "pair" and one.fit == "emulator" and not one.id.startswith("ITP-03")
        and scenario(one).ports == 1][::6]  # fmt: skip
"""A part of the scenarios of one port whose handshake is not all that there is to see."""


@pytest.mark.parametrize("name", OVER)
def test_a_recording_that_is_handed_in_gets_the_verdict_of_the_run(name: str, tmp_path: Path) -> None:
    """The packets alone, with when each act was, pass as the run did; they are kept beside the report."""
    save(tmp_path / "answers.yaml", {name: recorded(tmp_path / "line", name)})
    out = tmp_path / "out"
    assert main([*RUN, "--answers", str(tmp_path / "answers.yaml"), "--out", str(out)]) == 0
    assert (result(out)["verdict"], result(out)["run"]) == ("pass", name)
    assert (out / "cases" / name / "line.pcapng").stat().st_size > 0


def test_what_nothing_measures_is_reported(tmp_path: Path) -> None:
    """If only the line is recorded, it is the charger that says that no current flows."""
    save(tmp_path / "answers.yaml", {"ITP-01-04-019": recorded(tmp_path / "line", "ITP-01-04-019")})
    assert main([*RUN, "--answers", str(tmp_path / "answers.yaml"), "--out", str(tmp_path / "out")]) == 0
    (told,) = result(tmp_path / "out")["not_observed"]
    assert "nothing measures the outlet" in told


def test_the_same_recording_fails_under_another_scenario(tmp_path: Path) -> None:
    """The card was never presented: a charger that starts the session without it is blamed."""
    answered = recorded(tmp_path / "line", "ITP-01-04-008")
    answered.ended = answered.done["plug"] + 150.0
    save(tmp_path / "answers.yaml", {"ITP-01-01-004": answered})
    assert main([*RUN, "--answers", str(tmp_path / "answers.yaml"), "--out", str(tmp_path / "out")]) == 1
    assert (result(tmp_path / "out")["verdict"], result(tmp_path / "out")["blamed"]) == ("fail", "secc")


def test_a_no_of_the_person_fails(tmp_path: Path) -> None:
    """What only a person sees counts as much as what is recorded."""
    answered = recorded(tmp_path / "line", "ITP-01-01-005")
    answered.asked["card_forgotten"] = False
    save(tmp_path / "answers.yaml", {"ITP-01-01-005": answered})
    assert main([*RUN, "--answers", str(tmp_path / "answers.yaml"), "--out", str(tmp_path / "out")]) == 1
    assert result(tmp_path / "out")["cause"] == "answered no"


def test_a_recording_of_another_day_is_not_judged(tmp_path: Path) -> None:
    """Neither pass nor fail: the recorder's clock is wrong, or the file."""
    answered = recorded(tmp_path / "line", "ITP-01-01-001")
    answered.done = {"plug": EPOCH + 2 * SLACK}
    answered.ended = EPOCH + 2 * SLACK + 10.0
    save(tmp_path / "answers.yaml", {"ITP-01-01-001": answered})
    assert main([*RUN, "--answers", str(tmp_path / "answers.yaml"), "--out", str(tmp_path / "out")]) == 3
    assert "was recorded at another time" in result(tmp_path / "out")["reason"]


def dialogue(words: Sequence[str], answers: Sequence[tuple[str, str]]) -> tuple[int, str]:
    """A command on a terminal: waits for each text and types the answer; gives exit code and what was said."""
    mine, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
    process = subprocess.Popen([*PLUGFEST, *words], stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    said, heard = "", ""

    def more() -> bool:
        nonlocal said, heard
        try:
            data = os.read(mine, 65536).decode(errors="replace")
        except OSError:  # the other end is closed
            return False
        said, heard = said + data, heard + data
        return bool(data)

    for text, typed in answers:
        while text not in heard:
            assert more(), said
        heard = heard.partition(text)[2]
        os.write(mine, f"{typed}\n".encode())
    while more():
        pass
    os.close(mine)
    return process.wait(), said


def test_a_person_is_led_through_a_scenario(tmp_path: Path) -> None:
    """What to prepare, to do and to hand in; a wrong file is asked for again; the answers are kept."""
    recorded(tmp_path / "line", "ITP-01-01-001", time.time())
    out, kept = tmp_path / "out", tmp_path / "kept.yaml"
    code, said = dialogue(
        [*RUN, "--guide", "-k", "ITP-01-01-001", "--out", str(out), "--write-answers", str(kept)],
        [
            ("ready?", ""),
            ("now: plug the connector", ""),
            ("can no longer come", ""),
            ("file of the recording", str(tmp_path / "nothing")),
            ("file of the recording", str(tmp_path / "line" / "trace.pcapng")),
        ],
    )
    assert code == 0, said
    for text in ("No authorisation needed", "the session gets to charge parameter discovery", "No such file", "1 pass"):
        assert text in said
    assert load(kept)["ITP-01-01-001"].captures == [tmp_path / "line" / "trace.pcapng"]
    assert main([*RUN, "--answers", str(kept), "--out", str(tmp_path / "again")]) == 0


def test_a_person_may_skip_and_stop(tmp_path: Path) -> None:
    """A skipped scenario is inconclusive; a stopped one is continued later."""
    words = [*RUN, "--guide", "-k", "ITP-01-01-001 or ITP-01-01-002", "--out", str(tmp_path / "out")]
    code, said = dialogue(words, [("ready?", "s"), ("is all of this prepared?", "q")])
    assert code == 7, said
    assert (result(tmp_path / "out")["verdict"], result(tmp_path / "out")["run"]) == ("inconc", "ITP-01-01-001")
    assert "run the same command again to continue" in said
