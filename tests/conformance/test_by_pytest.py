"""The catalogue through pytest: several processes and several benches fill one campaign."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import pytest
from netns import AVAILABLE, REASON, Link, link
from processes import CEILING

from plugfest.conformance.campaign.by_pytest import claim
from plugfest.conformance.campaign.storage import read_results
from plugfest.conformance.catalogue import runs
from plugfest.conformance.catalogue.pics import Pics, save
from plugfest.conformance.verdict import Verdict

pytest.importorskip("xdist", reason="needs pytest-xdist (extra test)")

SCRIPT = """
import pytest

@pytest.mark.catalogue({words})
def test_charger(catalogue_case):
    catalogue_case.check()
"""
DIN = "sut='secc', protocol='din', cases='SessionSetup'"
EXPECTED = {run.id for run in runs() if "SECC_DIN_SessionSetup" in run.id}


def run_pytest(folder: Path, *options: str, before: tuple[str, ...] = ()) -> tuple[int, str]:
    """pytest in its own process and folder, not as one of several workers."""
    command = [
        *before,
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        ".",
        "-c",
        os.devnull,
    ]
    own = "PYTEST_DEBUG_TEMPROOT"
    environment = {name: value for name, value in os.environ.items() if name == own or not name.startswith("PYTEST_")}
    done = subprocess.run(
        [*command, *options], cwd=folder, env=environment, capture_output=True, text=True, timeout=CEILING, check=False
    )
    return done.returncode, done.stdout + done.stderr


def script(folder: Path, words: str, name: str = "it") -> None:
    """A module with one test for what its marker chooses."""
    (folder / f"test_{name}.py").write_text(SCRIPT.format(words=words))


def lines(folder: Path) -> dict[str, int]:
    """Files of results, and how many results each holds."""
    return {path.name: len(path.read_text().splitlines()) for path in folder.glob("results*.jsonl")}


@pytest.mark.slow  # three processes, and a campaign that is run twice
def test_two_processes_fill_one_campaign(tmp_path: Path) -> None:
    """Each writes its own results; the report covers all of them; only what failed is run again."""
    script(tmp_path, DIN)
    code, output = run_pytest(tmp_path, "-n", "2", "--sut-campaign", "monday")
    folder = tmp_path / "monday"
    assert code == 0, output
    results = read_results(folder)
    assert {result.verdict for result in results.values()} == {Verdict.PASS}
    assert {name for name in results if "SECC_DIN_SessionSetup" in name} == EXPECTED
    written = lines(folder)
    assert (set(written), sum(written.values())) == ({"results-gw0.jsonl", "results-gw1.jsonl"}, len(results))
    assert f"{len(results)} runs: {len(results)} pass" in output
    assert len(ElementTree.parse(folder / "junit.xml").getroot().findall(".//testcase")) == len(results)
    for run in results:
        assert (folder / "cases" / run / "trace.pcapng").stat().st_size > 300
    assert (tmp_path / "monday.zip").exists()

    spoilt = folder / "results-gw1.jsonl"
    first, *others = [json.loads(line) for line in spoilt.read_text().splitlines()]
    first |= {"verdict": "fail", "reason": "as if"}
    spoilt.write_text("".join(json.dumps(line) + "\n" for line in (first, *others)))
    assert read_results(folder)[first["run"]].verdict is Verdict.FAIL
    code, output = run_pytest(tmp_path, "--sut-campaign", "monday")
    assert code == 0, output
    assert lines(folder) == {**written, "results.jsonl": 1}
    again = read_results(folder)[first["run"]]
    assert (again.verdict, again.attempts) == (Verdict.PASS, 2)


SILENT = """
from plugfest.conformance.sut import own

async def connect(self, *_):
    raise ConnectionRefusedError("nobody listens")

own.OwnCharger.connect = connect
"""


def test_a_system_that_is_not_there_fails_the_test(tmp_path: Path) -> None:
    """A case without a pass is not a passed test; its verdict and reason are one line."""
    (tmp_path / "conftest.py").write_text(SILENT)
    script(tmp_path, DIN)
    code, output = run_pytest(tmp_path, "-k", "SessionSetup_Silence")
    assert code == 1
    assert "\nerror: ConnectionRefusedError: nobody listens\n" in output
    assert "Traceback" not in output


MISTAKES = {
    "sut='charger'": "sut is secc or evcc",
    "protocol='iso3'": "protocol some of iso2, din",
    "case='SessionSetup'": "cases words",
    "cases='and'": "cases='and'",
}


def test_a_marker_with_mistakes(tmp_path: Path) -> None:
    """The error says what to write, and shows none of our frames."""
    for number, words in enumerate(MISTAKES):
        script(tmp_path, words, str(number))
    code, output = run_pytest(tmp_path)
    assert code == 2
    assert "4 errors" in output
    for text in MISTAKES.values():
        assert text in output
    assert "by_pytest.py" not in output


# ---------------------------------------------------------------------------------------------------------------
# Benches


@contextlib.contextmanager
def two_benches() -> Iterator[tuple[Link, list[str], list[subprocess.Popen[str]]]]:
    """A namespace with two interfaces, and one of our chargers behind each."""
    with link("pxa") as one, link("pxb") as other:
        move = ["ip", "-n", other.evcc, "link", "set", other.evcc_if, "netns", one.evcc]
        subprocess.run(move, check=True)
        subprocess.run(["ip", "-n", one.evcc, "link", "set", other.evcc_if, "up"], check=True)
        with contextlib.ExitStack() as stack:
            chargers = []
            for made in (one, other):
                words = ["secc", "-i", made.secc_if, "--no-slac", "--protocol", "din", "--plain"]
                command = made.command("secc", sys.executable, "-m", "plugfest", *words)
                charger = stack.enter_context(
                    subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
                )
                stack.callback(charger.kill)
                chargers.append(charger)
            yield one, [one.evcc_if, other.evcc_if], chargers


@pytest.mark.slow
@pytest.mark.netns
@pytest.mark.skipif(not AVAILABLE, reason=REASON)
def test_each_process_works_at_a_bench_of_its_own(tmp_path: Path) -> None:
    """Two interfaces, two processes: both chargers are tested, each by one process; a third finds no bench."""
    save(Pics({"par_waitForNextTC": 0.5, "PIXIT_SECC_CMN_PaymentOption": "externalPayment"}), tmp_path / "pics.yaml")
    with two_benches() as (made, names, chargers):
        script(tmp_path, "sut='secc', protocol='din', cases='V2GTPSessionSetup'")
        before = tuple(made.command("evcc"))
        options = ["--sut-pics", "pics.yaml", "--sut-interface", ",".join(names), "--sut-campaign", "out"]
        code, output = run_pytest(tmp_path, *options, "-n", "3", before=before)
        assert code == 4
        assert "-n 3 needs as many benches" in output
        code, output = run_pytest(tmp_path, *options, "-n", "2", before=before)
        assert code == 0, output
        said = []
        for charger in chargers:
            charger.kill()
            said.append(charger.communicate()[0])
    assert [(" messages" in text) for text in said] == [True, True], said  # sessions
    written = lines(tmp_path / "out")
    assert set(written) == {"results-gw0.jsonl", "results-gw1.jsonl"}
    assert len(read_results(tmp_path / "out")) == sum(written.values()) >= 5


def test_an_interface_has_one_tester_at_a_time() -> None:
    """Until the process ends, or gives it back."""
    name = f"bench{os.getpid()}"
    held = claim(name)
    assert held is not None
    assert claim(name) is None
    held.close()
    again = claim(name)
    assert again is not None
    again.close()
