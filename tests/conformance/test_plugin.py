"""The pytest plugin: its examples run, a wrong system fails them, and it costs nothing if it is not used."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from processes import CEILING

EXAMPLES = Path(__file__).parents[2] / "examples" / "conformance"


def run_pytest(folder: Path, *options: str) -> tuple[int, str]:
    """pytest in its own process and folder."""
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(folder),
        "-c",
        "/dev/null",
    ]
    done = subprocess.run([*words, *options], cwd=folder, capture_output=True, text=True, timeout=CEILING)
    return done.returncode, done.stdout + done.stderr


def script(folder: Path, text: str) -> Path:
    (folder / "test_it.py").write_text(text)
    return folder


HEAD = "from v2g.messages import iso2\n\n\n"


@pytest.mark.skipif(not EXAMPLES.is_dir(), reason="examples are not installed")
def test_the_examples_pass() -> None:
    """A dozen scripts, against our own roles in memory."""
    code, output = run_pytest(EXAMPLES)
    assert code == 0, output
    assert len(list(EXAMPLES.glob("test_*.py"))) >= 12


def test_a_script_can_fail(tmp_path: Path) -> None:
    """A charger that does what it must not is a failed test, with one line of reason."""
    text = HEAD + (
        "async def test_it(secc_sut):\n"
        "    await secc_sut.until(iso2.AuthorizationReq)\n"
        "    await secc_sut.refused(iso2.AuthorizationReq, 'FAILED_UnknownSession')\n"
    )
    code, output = run_pytest(script(tmp_path, text))
    assert code == 1
    assert "AuthorizationRes OK, expected FAILED_UnknownSession" in output


def test_a_script_runs_beside_plugins_that_wrap_async_tests(tmp_path: Path) -> None:
    """As pytest-asyncio in auto mode: a plain function is around the script. Folders of the user are named as ours."""
    for name in ("conformance", "traces"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").touch()
    (tmp_path / "conftest.py").write_text(
        "import asyncio, functools\n\n\n"
        "def pytest_collection_modifyitems(items):\n"
        "    for item in items:\n"
        "        def plain(*args, _inner=item.obj, **named):\n"
        "            asyncio.run(_inner(*args, **named))\n"
        "        item.obj = functools.wraps(item.obj)(plain)\n"
    )
    text = HEAD + (
        "async def test_it(secc_sut):\n"
        "    await secc_sut.until(iso2.CableCheckReq)\n"
        "    await secc_sut.refused(iso2.ServiceDiscoveryReq(), 'FAILED_SequenceError')\n"
    )
    code, output = run_pytest(script(tmp_path, text))
    assert code == 0, output
    assert "1 passed" in output


def test_a_slac_script_can_fail(tmp_path: Path) -> None:
    """A charger answers what the script says it must not: one line, the last frames, and a capture with them."""
    text = (
        "from slac.frames import CM_ATTEN_CHAR_IND\n\n\n"
        "async def test_it(slac_secc_sut):\n"
        "    await slac_secc_sut.ev.reach('PARM')\n"
        "    await slac_secc_sut.ev.sound()\n"
        "    await slac_secc_sut.ev.quiet(1.2, CM_ATTEN_CHAR_IND)\n"
    )
    code, output = run_pytest(script(tmp_path, text))
    assert code == 1
    assert "CM_ATTEN_CHAR.IND came" in output
    assert "> CM_MNBC_SOUND.IND" in output
    (capture,) = tmp_path.glob("sut-traces/*/trace.pcapng")
    assert capture.stat().st_size > 1000


def test_what_cannot_be_reached_is_inconclusive(tmp_path: Path) -> None:
    """A system that does not get to the point is not a pass: the test fails, and says that it is inconclusive."""
    text = HEAD + (
        "async def test_it(secc_sut):\n"
        "    secc_sut.adjust(lambda charger: setattr(charger.options, 'protocols', ()))\n"
        "    await secc_sut.until(iso2.AuthorizationReq)\n"
    )
    code, output = run_pytest(script(tmp_path, text))
    assert code == 1
    assert (
        "inconclusive: PaymentServiceSelection was not reached: SAP: supportedAppProtocolRes came with Failed" in output
    )


def test_parametrised_over_protocol_and_profile(tmp_path: Path) -> None:
    """The command line multiplies scripts; what a marker fixes stays; DIN with a contract does not exist."""
    text = HEAD + (
        "import pytest\n\n\n"
        "async def test_any(secc_sut):\n"
        "    await secc_sut.until('SessionSetup')\n"
        "    assert any(secc_sut.session_id)\n\n\n"
        "@pytest.mark.sut(protocol='din')\n"
        "async def test_din(secc_sut):\n"
        "    assert secc_sut.setting.protocol.name == 'din70121'\n"
    )
    options = (
        "--sut-protocols",
        "iso2,din",
        "--sut-profiles",
        "strict,tolerant",
        "--sut-payments",
        "external,contract",
    )
    code, output = run_pytest(script(tmp_path, text), *options, "-vv")
    assert code == 0, output
    assert output.count("test_any[") == 6
    assert output.count("test_din[") == 2


def test_traces_are_written(tmp_path: Path) -> None:
    """--sut-trace leaves a trace and packets per script."""
    text = HEAD + "async def test_it(evcc_sut):\n    await evcc_sut.until(iso2.AuthorizationReq)\n"
    code, output = run_pytest(script(tmp_path, text), "--sut-trace", str(tmp_path / "traces"))
    assert code == 0, output
    (folder,) = (tmp_path / "traces").iterdir()
    assert (folder / "trace.pcapng").stat().st_size > 1000
    assert "AuthorizationReq" in (folder / "trace.jsonl").read_text()


def test_it_costs_nothing_where_it_is_not_used(tmp_path: Path) -> None:
    """Loading the plugin imports none of the project's packages; ordinary async tests are left alone."""
    check = (
        "import sys\nimport plugfest.conformance.plugin\n"
        "heavy = {'v2g', 'exi', 'secc', 'evcc', 'slac', 'pki', 'yaml', 'lxml', 'msgspec', 'cryptography'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
    text = "async def test_it():\n    assert True\n\n\ndef test_plain():\n    assert True\n"
    code, output = run_pytest(script(tmp_path, text))
    assert "1 passed" in output
    assert code != 0
    assert "async def functions are not natively supported" in output


MISTAKES = [
    ("await secc_sut.until('CabelCheckReq')", "did you mean CableCheckReq?"),
    ("await secc_sut.until('PowerDelivery.Stopp')", "did you mean PowerDelivery.Stop?"),
    ("secc_sut.make(iso2.PreChargeReq, EVTargetVoltag=5)", "no field EVTargetVoltag; did you mean EVTargetVoltage?"),
    (
        "await secc_sut.until('SAP'); await secc_sut.post(iso2.SessionSetupReq, header={'verson': 1})",
        "header 'verson'; did you mean",
    ),
    (
        "import v2g.messages.din70121 as d; await secc_sut.until('SAP'); await secc_sut.send(d.SessionStopReq())",
        "din70121.SessionStopReq is not a message of ISO 15118-2",
    ),
    ("await secc_sut.until('TCP'); await secc_sut.closed(1)", "TCP is still open after 1 s"),
    ("await secc_sut.until('SAP'); secc_sut.trace.last('SessionSetupRes')", "there was no SessionSetupRes"),
    ("secc_sut.until('TCP')", "until(...) was not awaited"),
    ("secc_sut.pilot('Q')", "a vehicle's pilot is A, B, C or D"),
    ("await evcc_sut.until('CabelCheckReq')", "has no request CabelCheckReq; did you mean CableCheckReq?"),
    ("await evcc_sut.reply()", "no request is held"),
    ("await evcc_sut.until('CableCheckReq'); await evcc_sut.reply(EVSEProcesing='x')", "did you mean EVSEProcessing?"),
]
MARKERS = [
    ("protcol='din'", "did you mean protocol?"),
    ("profile='stict'", "profile is strict or tolerant"),
    ("protocol='din', payment='contract'", "does not have payment by contract"),
    ("pics={'PICS_X': 1}", "unknown PICS, PIXIT or parameter 'PICS_X'"),
]


def test_mistakes_of_a_script_are_told_in_its_own_lines(tmp_path: Path) -> None:
    """One sentence that says what to write, and no frame of ours in between; nothing wrong is passed over."""
    scripts = [
        f"async def test_{number}({line.partition('_sut')[0].split()[-1]}_sut):\n    {line}\n"
        for number, (line, _) in enumerate(MISTAKES)
    ]
    marked = [
        f"@pytest.mark.sut({marker})\nasync def test_m{number}(secc_sut):\n    pass\n"
        for number, (marker, _) in enumerate(MARKERS)
    ]
    text = "import pytest\n" + HEAD + "\n\n".join([*scripts, *marked, "def test_plain(secc_sut):\n    pass\n"])
    code, output = run_pytest(script(tmp_path, text))
    assert code == 1
    assert f"{len(MISTAKES) + 1} failed, {len(MARKERS)} errors" in output
    for _, sentence in (*MISTAKES, *MARKERS, ("", "write async def")):
        assert sentence in output
    for trace in ("conformance/", "asyncio/", "During handling", "direct cause", "assert False"):
        assert trace not in output


def test_what_happened_is_kept_of_a_script_that_fails(tmp_path: Path) -> None:
    """The last messages in the output, the trace and the packets in a folder; nothing of one that passes."""
    text = HEAD + (
        "async def test_bad(secc_sut):\n"
        "    await secc_sut.until(iso2.PreChargeReq)\n"
        "    assert (await secc_sut.send(iso2.PreChargeReq)).ResponseCode == 'FAILED'\n\n\n"
        "async def test_good(secc_sut):\n"
        "    await secc_sut.until('SAP')\n"
    )
    code, output = run_pytest(script(tmp_path, text))
    assert code == 1
    for line in ("> PreChargeReq", "< PreChargeRes OK", "rounds before that"):
        assert line in output
    (kept,) = (tmp_path / "sut-traces").iterdir()
    assert kept.name == "test_it.py__test_bad"
    assert str(kept.relative_to(tmp_path) / "trace.pcapng") in output
    from plugfest.traces.recording import load

    recording = load(kept / "trace.pcapng")
    assert "PreChargeRes" in [entry.name for entry in recording.messages]


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--sut-interface", "nosuch0"), "no interface nosuch0"),
        (("--sut-pics", "nosuch.yaml"), "cannot read nosuch.yaml"),
    ],
)
def test_options_are_looked_at_once(tmp_path: Path, options: tuple[str, str], sentence: str) -> None:
    """A wrong interface or file ends pytest with one line, before any script."""
    code, output = run_pytest(script(tmp_path, "async def test_it(secc_sut):\n    pass\n"), *options)
    assert code == 4
    assert output.startswith(f"ERROR: {sentence}")


BOASTFUL = HEAD.replace("from v2g", "import msgspec\nimport pytest\nfrom v2g") + (
    "def boastful(charger):\n"
    "    def more(message):\n"
    "        value = msgspec.structs.replace(message.EVSEPresentCurrent, Value=30000)\n"
    "        return msgspec.structs.replace(message, EVSEPresentCurrent=value)\n"
    "    charger.options.rewrite[iso2.CurrentDemandRes] = more\n\n\n"
)
"""A charger that reports far more current than flows."""


def test_what_a_script_is_not_about_is_judged_too(tmp_path: Path) -> None:
    """A rule of power that is broken meanwhile fails the script, in a sentence that names rule and value."""
    text = BOASTFUL + (
        "async def test_it(secc_sut):\n"
        "    secc_sut.adjust(boastful)\n"
        "    await secc_sut.until('PowerDelivery.Stop')\n"
        "    assert 'present-values' in [one.name for one in secc_sut.violations]\n"
    )
    code, output = run_pytest(script(tmp_path, text))
    assert code == 1
    assert "expected: present values match what is measured at the output (ISO 15118-2)" in output
    assert list(tmp_path.glob("sut-traces/*/trace.pcapng"))
    code, output = run_pytest(tmp_path, "--sut-no-watch")
    assert "AssertionError" in output, "without the watch nothing is found, and the script says so"


def test_a_script_may_switch_the_watch_off(tmp_path: Path) -> None:
    """With watch=False the script fails for nothing but what it asserts; another value is a mistake."""
    text = BOASTFUL + (
        "@pytest.mark.sut(watch=False)\n"
        "async def test_it(secc_sut):\n"
        "    secc_sut.adjust(boastful)\n"
        "    await secc_sut.until('PowerDelivery.Stop')\n"
        "    assert not secc_sut.violations\n"
    )
    code, output = run_pytest(script(tmp_path, text))
    assert code == 0, output
    code, output = run_pytest(script(tmp_path, text.replace("watch=False", "watch='off'")))
    assert code == 1
    assert "watch is True or False, not 'off'" in output


def test_the_power_line_is_watched_in_a_slac_script(tmp_path: Path) -> None:
    """A charger whose report is of fewer sounds than it heard fails a script that does not look at it."""
    text = (
        "import dataclasses\n"
        "from slac.frames import CM_ATTEN_CHAR_IND\n\n\n"
        "def fewer(frame):\n"
        "    return dataclasses.replace(frame, message=dataclasses.replace(frame.message, num_sounds=3))\n\n\n"
        "async def test_it(slac_secc_sut):\n"
        "    slac_secc_sut.adjust(lambda charger: charger.rewrite.__setitem__(CM_ATTEN_CHAR_IND, fewer))\n"
        "    await slac_secc_sut.ev.reach('PARM')\n"
        "    await slac_secc_sut.ev.sound()\n"
        "    await slac_secc_sut.ev.any(1.2)\n"
    )
    code, output = run_pytest(script(tmp_path, text))
    assert code == 1
    assert "expected: a report states the number of sounds it is based on (ISO 15118-3 A.9.2)" in output
