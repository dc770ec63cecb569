"""Campaigns survive what happens on a bench: an interruption, a system that dies, one that hangs; shards merge."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import io
import itertools
import json
import signal
import time
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from browser import chromium, needs_browser
from pkis import good
from processes import until

from pki import export
from pki.profiles import Role
from plugfest.cli import main
from plugfest.conformance.campaign import ask, campaign, report, setup, storage
from plugfest.conformance.campaign.campaign import Campaign, Interrupted, Progress, Shard
from plugfest.conformance.catalogue import Run, runs
from plugfest.conformance.catalogue.pics import Pics, PicsError, load, save
from plugfest.conformance.cause import Cause
from plugfest.conformance.evcc.scripts.tls import change_options
from plugfest.conformance.sut.certificates import vehicle_role
from plugfest.conformance.sut.network import Reach
from plugfest.conformance.sut.own_system import FAST, bench_for, own_system
from plugfest.conformance.sut.program import Program
from plugfest.conformance.verdict import Result, Verdict
from plugfest.progress import Show
from slac.pilots import AssumedVehiclePilot
from v2g import tls

RUNS = [run for run in runs() if "SECC_DIN_Se" in run.id and not campaign.executable(run)][:6]


def own(folder: Path, **options: Any) -> Campaign:
    """A campaign against our own charger."""

    @contextlib.asynccontextmanager
    async def opener(run: Run, pics: Pics, observe: Any) -> AsyncIterator[Any]:
        async with own_system(run, pics) as system:
            yield system

    return Campaign(folder, options.pop("opener", opener), base=Pics(FAST), virtual=True, bench=bench_for, **options)


def test_an_interrupted_campaign_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the third run: two results are on disk; the next start runs the others only."""
    stopping = own(tmp_path)
    one = stopping.one
    started: list[str] = []

    def third_is_interrupted(run: Run) -> Any:
        started.append(run.id)
        if len(started) == 3:
            signal.raise_signal(signal.SIGINT)
        return one(run)

    stopping.one = third_is_interrupted  # type: ignore[method-assign]  # the test stands in for it
    monkeypatch.setattr(signal, "SIGINT", signal.SIGUSR1)  # a runner in the background may be deaf to the real one
    before = signal.signal(signal.SIGUSR1, signal.default_int_handler)
    with pytest.raises(Interrupted, match=r"2 of \d+ done"):
        stopping.run(RUNS)
    signal.signal(signal.SIGUSR1, before)
    assert list(storage.read_results(tmp_path)) == started[:2]
    ran: list[str] = []
    results = own(tmp_path, tell=lambda p: ran.append(p.run.id) if p.result else None).run(RUNS)
    assert ran == [run.id for run in RUNS[2:]]
    assert {result.verdict for result in results.values()} == {Verdict.PASS}


@pytest.mark.parametrize("after", [2, len(RUNS)])
def test_a_campaign_is_interrupted_between_two_runs_as_in_one(after: int, tmp_path: Path) -> None:
    """Ctrl-C when a verdict has just been told, also the last one."""

    def stop(progress: Progress) -> None:
        if progress.result is not None and progress.done == after:
            raise KeyboardInterrupt

    with pytest.raises(Interrupted) as why:
        own(tmp_path, tell=stop).run(RUNS)
    where = f"in {RUNS[after].id}" if after < len(RUNS) else "after the last run"
    assert str(why.value) == f"stopped {where}; {after} of {len(RUNS)} done"
    assert list(storage.read_results(tmp_path)) == [run.id for run in RUNS[:after]]


def test_a_line_cut_off_by_a_crash_is_run_again(tmp_path: Path) -> None:
    """Power was lost while the last result was written."""
    own(tmp_path).run(RUNS[:2])
    path = tmp_path / "results.jsonl"
    path.write_text(path.read_text()[:-40])
    assert list(storage.read_results(tmp_path)) == [RUNS[0].id]
    assert set(own(tmp_path).run(RUNS[:2])) == {RUNS[0].id, RUNS[1].id}
    assert set(storage.read_results(tmp_path)) == {RUNS[0].id, RUNS[1].id}


def test_what_failed_is_run_again(tmp_path: Path) -> None:
    """--rerun-failed: the same results, with the number of attempts; what passed is left alone."""
    own(tmp_path).run(RUNS[:3])
    path = tmp_path / "results.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    lines[1]["verdict"], lines[1]["reason"] = "fail", "as if"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    ran: list[str] = []
    results = own(tmp_path, tell=lambda p: ran.append(p.run.id) if p.result else None).run(RUNS[:3], rerun_failed=True)
    assert ran == [RUNS[1].id]
    assert (results[RUNS[1].id].verdict, results[RUNS[1].id].attempts) == (Verdict.PASS, 2)


def test_shards_are_disjoint_and_merge(tmp_path: Path) -> None:
    """Two halves in two folders make the whole; the report covers both."""
    for number in (1, 2):
        own(tmp_path / str(number), shard=Shard(number, 2)).run(RUNS)
    assert not set(storage.read_results(tmp_path / "1")) & set(storage.read_results(tmp_path / "2"))
    assert (
        main(["conformance", "report", str(tmp_path / "1"), str(tmp_path / "2"), "--out", str(tmp_path / "all")]) == 0
    )
    assert set(storage.read_results(tmp_path / "all")) == {run.id for run in RUNS}
    suite = ElementTree.parse(tmp_path / "all" / "junit.xml").getroot()
    assert len(suite.findall(".//testcase")) == len(RUNS)


def test_the_latest_result_counts_whoever_wrote_it(tmp_path: Path) -> None:
    """A shard's later result replaces that of the whole campaign, and counts as its second attempt."""
    for part, started, verdict in (("-1-of-2", "2026-03-02T10:00:00+00:00", "pass"),
                                   ("", "2026-03-01T10:00:00+00:00", "fail")):  # fmt: skip
        line = {"run": "X", "verdict": verdict, "started": started}
        (tmp_path / f"results{part}.jsonl").write_text(json.dumps(line) + "\n")
    assert (storage.read_results(tmp_path)["X"].verdict, storage.read_results(tmp_path)["X"].attempts) == (
        Verdict.PASS,
        2,
    )


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0"])
def test_no_shard(text: str) -> None:
    """Text that does not name a shard."""
    with pytest.raises(ValueError, match="a shard is I/N"):
        Shard.parse(text)


def test_evidence(tmp_path: Path) -> None:
    """Trace, capture, page, JUnit and an archive with all of it."""
    own(tmp_path).run(RUNS[:1])
    page, junit, packed = report.write(tmp_path)
    place = tmp_path / "cases" / storage.safe(RUNS[0].id)
    assert (place / "trace.pcapng").stat().st_size > 500
    events = [json.loads(line) for line in (place / "trace.jsonl").read_text().splitlines()]
    assert any(event.get("name") == "SessionSetupRes" for event in events)
    text = page.read_text()
    assert RUNS[0].case.id in text
    assert "Passed: 1 run<" in text
    assert f'href="cases/{storage.safe(RUNS[0].id)}/trace.pcapng"' in text
    (suite,) = ElementTree.parse(junit).getroot()
    assert (suite.get("tests"), suite.get("failures")) == ("1", "0")
    assert suite.find("properties/property[@name='plugfest']") is not None
    names = zipfile.ZipFile(packed).namelist()
    assert {"trace.pcapng", "results.jsonl"} <= {name.rpartition("/")[2] for name in names}


@needs_browser
def test_a_report_fits_the_width_of_a_phone(tmp_path: Path) -> None:
    """Its tables scroll on their own, and a count of zero has no colour."""
    own(tmp_path).run(RUNS[:1])
    page, _, _ = report.write(tmp_path)
    with chromium() as browser:
        shown = browser.new_page(viewport={"width": 390, "height": 800})
        shown.goto(page.as_uri())
        assert shown.evaluate("document.documentElement.scrollWidth") == 390
        assert shown.locator("td.n.fail", has_text="0").count() == 0


@contextlib.asynccontextmanager
async def _dead(run: Run, pics: Pics, observe: Any) -> AsyncIterator[Any]:
    raise OSError("the system is gone")
    yield


def test_a_report_tells_the_verdict_of_the_whole_and_what_is_missing(tmp_path: Path) -> None:
    """The sentence on top counts failures first, then what was not run; each run can be found in the table."""
    runs = list(RUNS[:3])
    own(tmp_path).run(runs[:1])
    bad = Result(
        runs[1].id, case=runs[1].case.id, verdict=Verdict.FAIL, reason="no <answer>", expected=["x"], observed=["y"],
        requirements=["V2G2-1"], started="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    with (tmp_path / "results.jsonl").open("a") as file:
        file.write(json.dumps(bad.to_json()) + "\n")
    report.plan(tmp_path, runs)
    page, junit, _ = report.write(tmp_path)
    text = page.read_text()
    assert "Not passed: of 3 runs, 1 fail, 1 not run yet" in text
    assert text.index("no &lt;answer&gt;") < text.index(f'id="{runs[0].id}"')
    assert "V2G2-1" in text
    assert f"<code>{runs[2].id}</code>" in text
    failure = ElementTree.parse(junit).find(".//failure")
    assert failure is not None
    assert failure.get("message") == "no <answer>"
    assert "expected: x; observed: y" in junit.read_text()


def test_merged_folders_know_what_is_missing(tmp_path: Path) -> None:
    """Plans and reasons of all shards are united; of two results of a run the later one counts."""
    for number, verdict in (("a", Verdict.FAIL), ("b", Verdict.PASS)):
        folder = tmp_path / number
        folder.mkdir()
        one = Result("X", case="X", verdict=verdict, started="2026-01-02" if number == "a" else "2026-01-01")
        (folder / "results.jsonl").write_text(json.dumps(one.to_json()) + "\n")
        (folder / storage.PLAN).write_text(json.dumps(["X", number]))
        (folder / storage.LEFT_OUT).write_text(json.dumps({number: {"title": "", "reason": f"why {number}"}}))
    storage.merge([tmp_path / "a", tmp_path / "b"], tmp_path / "all")
    assert storage.read_results(tmp_path / "all")["X"].verdict is Verdict.FAIL
    assert report.planned(tmp_path / "all") == ["X", "a", "b"]
    text = report.write(tmp_path / "all")[0].read_text()
    assert "why a" in text
    assert "why b" in text


def test_a_system_that_cannot_be_opened_is_an_error_of_each_run(tmp_path: Path) -> None:
    """The campaign runs to its end, and says why."""
    results = own(tmp_path, opener=_dead).run(RUNS)
    assert {(r.verdict, r.reason) for r in results.values()} == {(Verdict.ERROR, "OSError: the system is gone")}


def test_a_hanging_system_is_ended_by_force(tmp_path: Path) -> None:
    """Code that blocks the loop: the watchdog ends the run, the next one runs."""
    blocked = []

    @contextlib.asynccontextmanager
    async def opener(run: Run, pics: Pics, observe: Any) -> AsyncIterator[Any]:
        if not blocked:
            blocked.append(run.id)
            time.sleep(60)  # noqa: ASYNC251 - blocks the loop on purpose
        raise OSError("the second one")
        yield

    hanging = own(tmp_path, opener=opener, longest=0.5)
    hanging.virtual = False
    results = list(hanging.run(RUNS[:2]).values())
    assert [(r.verdict, r.reason) for r in results] == [
        (Verdict.ERROR, "there was no progress for 0.5 s"),
        (Verdict.ERROR, "OSError: the second one"),
    ]


def test_a_charger_that_falls_silent_is_reset(tmp_path: Path) -> None:
    """It dies in the third run and answers nothing; the reset brings it back, and the report says so."""
    state = {"dead": False, "count": 0}

    @contextlib.asynccontextmanager
    async def opener(run: Run, pics: Pics, observe: Any) -> AsyncIterator[Any]:
        state["count"] += 1
        if state["count"] == 3:
            state["dead"] = True
        async with own_system(run, pics) as system:
            if state["dead"]:
                system.connect = _nobody  # type: ignore[assignment, union-attr]  # this bench has one
                system.sdp = _silence  # type: ignore[assignment, union-attr]  # this bench has one
            yield system

    def reset() -> str:
        state["dead"] = False
        return "switched off and on"

    own(tmp_path, opener=opener, reset=reset).run(RUNS)
    results = list(storage.read_results(tmp_path).values())
    assert [r.verdict for r in results] == [Verdict.PASS] * 2 + [Verdict.INCONC] * 2 + [Verdict.PASS] * 2
    assert "the charger is off" in results[2].look
    assert "the system was reset: switched off and on" in [one.text for one in results[3].findings]


async def _nobody(*_: Any) -> Any:
    raise ConnectionRefusedError("nobody listens")


@contextlib.contextmanager
def _silence() -> Any:
    yield (lambda data: None), asyncio.Queue()


def test_a_program_that_dies_is_noticed(tmp_path: Path) -> None:
    """A simulator that ends at once, one that takes its time, and one that has to be killed."""

    async def check() -> None:
        dying = Program("exit 3")
        await dying.start()
        await until(lambda: dying.ended, "the program ends")
        await dying.stop()
        talking = Program("sleep 0.2; echo ready; sleep 60", ready_when="ready", log=tmp_path / "log")
        await talking.start()
        assert talking.running
        await talking.stop()
        stubborn = Program("trap '' TERM; while true; do sleep 0.1; done")
        await stubborn.start()
        await stubborn.stop()
        assert not stubborn.running

    asyncio.run(check())


def test_command_line_against_our_own_charger(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without an interface: our own role in memory; a second start has nothing to do."""
    words = ["conformance", "run", "--sut", "secc", "--protocol", "din", "-k", "SessionSetup", "--out", str(tmp_path)]
    assert main(words) == 0
    assert "left)" in capsys.readouterr().out
    assert main(words) == 0
    assert "[   1/" not in capsys.readouterr().out


def test_fresh_deletes_a_campaign_and_nothing_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder with other files is refused, and files beside a campaign stay."""
    words = ["conformance", "run", "--sut", "secc", "-k", "SECC_DIN_SessionSetup_OK", "--fresh", "--out", str(tmp_path)]
    (tmp_path / "thesis.txt").write_text("mine")
    assert main(words) == 2
    assert "contains no campaign, so --fresh deletes nothing there" in capsys.readouterr().err
    (tmp_path / "results.jsonl").write_text("")
    (tmp_path / "cases" / "old").mkdir(parents=True)
    assert main(words) == 0
    assert (tmp_path / "thesis.txt").read_text() == "mine"
    assert not (tmp_path / "cases" / "old").exists()
    (tmp_path / "file").write_text("")
    assert main([*words[:-1], str(tmp_path / "file")]) == 2
    assert "cannot write" in capsys.readouterr().err


def test_two_campaigns_in_one_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The second one is refused, unless it runs another shard."""
    words = ["conformance", "run", "--sut", "secc", "-k", "SECC_DIN_SessionSetup_OK", "--out", str(tmp_path)]
    with storage.alone(tmp_path):
        assert main(words) == 2
        assert "another campaign is writing into" in capsys.readouterr().err
        assert main([*words, "--shard", "1/2"]) == 0
    assert main(words) == 0


def test_exit_codes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A campaign in which nothing reached its point does not succeed."""
    words = ["conformance", "run", "--sut", "secc", "-k", "SECC_DIN_SessionSetup", "--out", str(tmp_path), "--fresh"]
    for verdicts, code in (
        ([Verdict.INCONC], 3),
        ([Verdict.PASS], 0),
        ([Verdict.INCONC, Verdict.PASS], 0),
        ([Verdict.PASS, Verdict.FAIL], 1),
        ([Verdict.INCONC, Verdict.ERROR], 1),
    ):
        turns = itertools.cycle(verdicts)
        one = functools.partial(lambda turns, self, run: Result(run.id, case=run.case.id, verdict=next(turns)), turns)
        monkeypatch.setattr(Campaign, "one", lambda self, run, one=one: one(self, run))
        assert main(words) == code


def test_progress_on_a_terminal_and_in_a_pipe() -> None:
    """A pipe gets whole lines; a terminal gets colours, and a last line that fits its width."""

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    result = Result("X" * 100, case="X", verdict=Verdict.FAIL, reason="no answer", seconds=1.0)
    begun = campaign.Progress(9, 10, dataclasses.replace(RUNS[0], id="X" * 100), None, 240.0, 60.0)
    ended = dataclasses.replace(begun, done=10, result=result, left=0.0, note="is it there?")
    pipe, terminal = io.StringIO(), Terminal()
    for file in (pipe, terminal):
        show = Show(file)
        show(begun)
        show(ended)
    assert pipe.getvalue().splitlines() == [
        f"[10/10] fail         {'X' * 100}  1.0 s  no answer  (0 s left)", "note: is it there?",
    ]  # fmt: skip
    first, second, _ = terminal.getvalue().removeprefix("\r\x1b[K").split("\r\x1b[K")
    assert first.startswith("[10/10] XXX")
    assert len(first) < 80
    assert "\x1b[1;31mfail" in second


@pytest.mark.parametrize("sut", ["secc", "evcc"])
def test_a_pki_on_p256_from_elsewhere_is_taken_for_iso20(tmp_path: Path, sut: str) -> None:
    """Its keys say what it is: TLS as in a lab, and a vehicle without a certificate shows its provisioning one."""
    export.josev(good(), tmp_path, "12345")
    context, held = setup.certificates(tmp_path / "iso15118_2", sut, "iso20")
    assert context is not None
    assert held is not None
    assert context.options == tls.LAB
    shown = Role.OEM_PROVISIONING if sut == "secc" else Role.SECC
    assert [one.chain[0] for one in context.credentials] == [held.store[shown].certificate]


def test_a_bench_without_vehicle_certificates_makes_other_ones(tmp_path: Path) -> None:
    """A stranger shows what the tester shows: a provisioning certificate, by another authority."""
    export.josev(good(), tmp_path, "12345")
    store = setup.certificates(tmp_path / "iso15118_2", "secc", "iso20")[1]
    assert store is not None
    assert vehicle_role(store.store) is Role.OEM_PROVISIONING
    assert store.other[vehicle_role(store.store)].certificate != store.store[Role.OEM_PROVISIONING].certificate


def test_each_run_of_a_campaign_has_tls_of_its_own(tmp_path: Path) -> None:
    """Certificates and options that one run spoils are restored for the next one."""
    export.josev(good(), tmp_path / "pki", "12345")
    reach = Reach(address="::1", port=50000)
    made = setup.campaign(tmp_path / "out", "secc", Pics(), reach=reach, pki=tmp_path / "pki")
    run = next(run for run in runs() if run.protocol == "iso15118-20")
    first, second = (made.bench(run, Pics(), lambda event: None).tls for _ in range(2))
    assert first is not None
    assert second is not None
    change_options(first, tls.ISO2)
    first.credentials.clear()
    assert second.options == tls.LAB
    assert second.credentials
    third = made.bench(run, Pics(), lambda event: None).tls
    assert third is not None
    assert (third.options, len(third.credentials)) == (tls.LAB, 1)


def told_by_pilot(run: Run) -> bool:
    """A run in which the vehicle's pilot goes to A or B where that state is not allowed, and no request says so."""
    stimulus, expect = run.steps
    return any(str(step.get("cp"))[0] in "AB" for step in stimulus) and any(
        step.get("code") == ["FAILED"] or "energy_stop" in step or "then" in step for step in expect
    )


def test_an_assumed_pilot_makes_no_findings(tmp_path: Path) -> None:
    """A charger that cannot see the tester's pilot is not judged by what it should have seen there."""

    @contextlib.asynccontextmanager
    async def opener(run: Run, pics: Pics, observe: Any) -> AsyncIterator[Any]:
        async with own_system(run, pics) as system:
            system.pilot = AssumedVehiclePilot()
            yield system

    stays = ("PF_SECC_DIN_SessionStop_CpC", "PF_SECC_DIN_WeldingDetection_CpC")
    wanted = [
        run
        for run in runs()
        if run.id in stays or (run.case.sut == "secc" and run.protocol != "slac" and told_by_pilot(run))
    ]
    assert len(wanted) > len(stays) + 9
    for result in own(tmp_path, opener=opener).run(wanted).values():
        assert (result.verdict, result.findings) == (Verdict.INCONC, [])
        assert "pilot hardware is needed" in result.reason
        assert "--pilot" in result.look


def test_a_silent_system_is_reported_while_the_campaign_runs(tmp_path: Path) -> None:
    """Once, after some cases, while somebody may still be watching."""
    notes: list[str] = []
    made = own(tmp_path, tell=lambda progress: notes.append(progress.note))
    made.one = lambda run: Result(  # type: ignore[method-assign]  # the test stands in for it
        run.id, case=run.case.id, verdict=Verdict.INCONC, cause=Cause.NOT_DISCOVERED
    )
    made.run(RUNS)
    (note,) = filter(None, notes)
    assert "has sent nothing in 5 cases" in note


def test_mistakes_on_the_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each is named."""
    run = ["conformance", "run", "--out", str(tmp_path / "x")]
    for words, text in (
        (run, "--sut secc"),
        ([*run, "--sut", "secc", "-i", "nothing0"], "no interface nothing0"),
        ([*run, "--sut", "secc", "--address", "::1", "--port", "1"], "--pics FILE is needed"),
        ([*run, "--sut", "secc", "--address", "::1"], "needs a port"),
        ([*run, "--sut", "secc", "--address", "fe80::1", "--port", "1"], "name its interface"),
        ([*run, "--sut", "secc", "--slac"], "give -i IFACE"),
        ([*run, "--sut", "secc", "-k", "NothingLikeThis"], "no case matches"),
        ([*run, "--sut", "secc", "--shard", "3/2"], "a shard is I/N"),
        ([*run, "--sut", "secc", "--action", "stop"], "NAME=COMMAND"),
        ([*run, "--sut", "secc", "--pics", str(tmp_path / "none")], "none"),
        (["conformance", "report", str(tmp_path)], "holds no results"),
        (["conformance", "show", "TC_nothing"], "unknown case 'TC_nothing'"),
    ):
        assert main(words) != 0
        assert text in capsys.readouterr().err


def test_pics_by_questions(tmp_path: Path) -> None:
    """Answers are kept; an empty one takes the default; nonsense is asked again; the file reads back."""
    answers = iter(["nonsense", "aC"])
    said: list[str] = []
    pics = ask.ask("secc", lambda prompt: next(answers, ""), said.append)
    assert pics["PICS_CMN_CMN_ChargingMode"] == "aC"
    save(pics, tmp_path / "pics.yaml")
    assert load(tmp_path / "pics.yaml").declared == pics.declared


@pytest.mark.parametrize("text", ["[1, 2]", "a: [", "PICS_CMN_CMN_NoSuchThing: 3\n"])
def test_a_pics_file_with_mistakes(tmp_path: Path, text: str) -> None:
    """Each is an error that names the file."""
    (tmp_path / "pics.yaml").write_text(text)
    with pytest.raises(PicsError, match=r"pics\.yaml"):
        load(tmp_path / "pics.yaml")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("PIXIT_SECC_CMN_TSL: true", "did you mean PIXIT_SECC_CMN_TLS?"),
        ("PIXIT_SECC_CMN_TLS: maybe", "PIXIT_SECC_CMN_TLS is true or false, not 'maybe'"),
        ("PICS_CMN_CMN_ChargingMode: DC", "PICS_CMN_CMN_ChargingMode is one of aC, dC, not 'DC'"),
        ("par_waitForNextTC: soon", "par_waitForNextTC is a number, not 'soon'"),
    ],
)
def test_what_cannot_be_declared(tmp_path: Path, text: str, sentence: str) -> None:
    """A value of the wrong kind would silently select other cases."""
    (tmp_path / "pics.yaml").write_text(text)
    with pytest.raises(PicsError) as why:
        load(tmp_path / "pics.yaml")
    assert sentence in str(why.value)


def test_text_of_a_peer_attaches_no_file_to_a_junit_report() -> None:
    """Only the campaign's own evidence is named there."""
    theirs = "[[ATTACHMENT|/etc/passwd]]\n[[[ATTACHMENT|/etc/shadow]]"
    result = Result("R", "C", Verdict.FAIL, theirs, expected=["x"], observed=[theirs], look=theirs, title=theirs)
    made = report.junit_xml([result], {"system": theirs}, {"R": "cases/R/"}).decode()
    assert made.count("[[ATTACHMENT|") == made.count("[[ATTACHMENT|cases/R/trace.") == 2
