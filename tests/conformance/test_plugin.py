"""The pytest plugin: its examples run, a wrong system fails them, and whoever does not use it pays nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples" / "conformance"


def run_pytest(folder: Path, *options: str) -> tuple[int, str]:
    """pytest in a process and a folder of its own."""
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
    done = subprocess.run([*words, *options], cwd=folder, capture_output=True, text=True, timeout=300)
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


def test_what_cannot_be_reached_is_inconclusive(tmp_path: Path) -> None:
    """A system that does not get to the point is no pass: the test fails, and says that it is inconclusive."""
    text = HEAD + (
        "async def test_it(secc_sut):\n"
        "    secc_sut.adjust(lambda charger: setattr(charger.options, 'protocols', ()))\n"
        "    await secc_sut.until(iso2.AuthorizationReq)\n"
    )
    code, output = run_pytest(script(tmp_path, text))
    assert code == 1
    assert "inconclusive: PaymentServiceSelection was not reached: SAP: supportedAppProtocolRes Failed" in output


def test_parametrised_over_protocol_and_profile(tmp_path: Path) -> None:
    """The command line multiplies scripts; what a marker fixes stays."""
    text = HEAD + (
        "import pytest\n\n\n"
        "async def test_any(secc_sut):\n"
        "    await secc_sut.until('SessionSetup')\n"
        "    assert any(secc_sut.session_id)\n\n\n"
        "@pytest.mark.sut(protocol='din')\n"
        "async def test_din(secc_sut):\n"
        "    assert secc_sut.setting.protocol.name == 'din70121'\n"
    )
    options = ("--sut-protocols", "iso2,din", "--sut-profiles", "strict,tolerant", "-vv")
    code, output = run_pytest(script(tmp_path, text), *options)
    assert code == 0, output
    assert output.count("test_any[") == 4
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
        "import sys\nimport conformance.plugin\n"
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
