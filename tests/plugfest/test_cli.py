"""The command line as its users meet it: filters, files, guesses, exit codes, and one line for each mistake."""

from __future__ import annotations

import argparse
import base64
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from processes import CEILING
from sampling import sampled

import exi
from plugfest import cli
from plugfest.cli import main
from v2g.messages import schema
from v2g.messages.iso20 import common
from v2g.protocols import ISO20

CABLE_CHECK = "809802275de64d834b5d1f1031000a00"
XML = (
    '<d:V2G_Message xmlns:b="urn:iso:15118:2:2013:MsgBody" xmlns:d="urn:iso:15118:2:2013:MsgDef"'
    ' xmlns:h="urn:iso:15118:2:2013:MsgHeader" xmlns:t="urn:iso:15118:2:2013:MsgDataTypes"><d:Header>'
    "<h:SessionID>9D7799360D2D747C</h:SessionID></d:Header><d:Body><b:CableCheckReq><b:DC_EVStatus>"
    "<t:EVReady>true</t:EVReady><t:EVErrorCode>NO_ERROR</t:EVErrorCode><t:EVRESSSOC>20</t:EVRESSSOC>"
    "</b:DC_EVStatus></b:CableCheckReq></d:Body></d:V2G_Message>"
)


def run(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "plugfest", *arguments]
    return subprocess.run(words, input=stdin, capture_output=True, text=True, timeout=CEILING)


def test_help_imports_nothing_heavy() -> None:
    """What keeps `plugfest --help` quick: the command's own modules load when it is called."""
    heavy = ("asyncio", "msgspec", "lxml", "cryptography", "exi", "v2g", "ssl", "rich", "yaml", "scapy", "subprocess")
    code = (
        "import atexit, sys, plugfest.cli as c\n"
        f"atexit.register(lambda: print([m for m in {heavy} if m in sys.modules], file=sys.stderr))\n"
        "c.main(['--help'])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "exit codes of evcc" in found.stdout
    assert found.stderr.strip() == "[]"


def test_a_charger_starts_with_what_it_needs() -> None:
    """What keeps the first SDP answer quick: no other command, no SLAC on a plain cable, nothing of TLS or reports."""
    heavy = (
        "plugfest.commands.evcc", "plugfest.commands.slac_line", "plugfest.tasks.evcc", "evcc.drive", "slac.frames",
        "slac.evse", "scapy", "plugfest.traces", "plugfest.conformance", "lxml", "cryptography", "aiomqtt",
        "hypothesis", "pytest",
    )  # fmt: skip
    code = (
        "import sys, plugfest.cli as c; code = c.main(['secc', '-i', 'nosuch0', '--no-slac', '--plain'])\n"
        f"print(code, 'secc.outlet' in sys.modules, [m for m in {heavy} if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "2 True []", found.stderr


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("plugfest ")
    assert main([]) == 2
    assert "exit codes" in capsys.readouterr().out


@pytest.mark.parametrize(
    "given",
    [
        CABLE_CHECK,
        CABLE_CHECK.upper(),
        "80 98 02 27 5d:e6:4d:83:4b:5d 1f1031000a00",
        "0x" + CABLE_CHECK,
        base64.b64encode(bytes.fromhex(CABLE_CHECK)).decode(),
        "01fe800100000010" + CABLE_CHECK,
    ],
    ids=["hex", "upper", "spaced", "0x", "base64", "v2gtp"],
)
@pytest.mark.parametrize("protocol", [[], ["--protocol", "iso2"]], ids=["guessed", "given"])
def test_decode_takes_every_spelling(given: str, protocol: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exi", "decode", "--json", *protocol, given]) == 0
    decoded = json.loads(capsys.readouterr().out)
    assert decoded["V2G_Message"]["Header"] == {"SessionID": "9D7799360D2D747C"}
    assert decoded["V2G_Message"]["Body"]["CableCheckReq"]["DC_EVStatus"]["EVRESSSOC"] == 20


@pytest.mark.parametrize("binary", [True, False])
def test_files_are_read(binary: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "message"
    path.write_bytes(bytes.fromhex(CABLE_CHECK) if binary else CABLE_CHECK.encode() + b"\n")
    assert main(["exi", "decode", str(path)]) == 0
    assert "CableCheckReq" in capsys.readouterr().out
    path.write_text(XML)
    assert main(["exi", "encode", str(path)]) == 0
    assert capsys.readouterr().out.strip() == CABLE_CHECK


def test_xml_and_json_are_encoded_alike(capsys: pytest.CaptureFixture[str]) -> None:
    main(["exi", "decode", "--json", CABLE_CHECK])
    as_json = capsys.readouterr().out
    for text in (XML, as_json):
        assert main(["exi", "encode", "--protocol", "iso2", text]) == 0
        assert capsys.readouterr().out.strip() == CABLE_CHECK
    assert main(["exi", "encode", "--v2gtp", XML]) == 0
    assert capsys.readouterr().out.strip() == "01fe800100000010" + CABLE_CHECK


def test_the_filter_writes_exactly_one_line_for_each_line() -> None:
    lines = [CABLE_CHECK, "", "nonsense", CABLE_CHECK[:-6], "80400040", CABLE_CHECK]
    done = run("exi", "decode", stdin="\n".join(lines) + "\n")
    found = done.stdout.split("\n")
    assert found.pop() == ""
    assert len(found) == len(lines)
    assert [line.startswith("error:") for line in found] == [False, True, True, True, False, False]
    assert "supportedAppProtocolRes" in found[4]
    assert done.returncode == 1
    back = run("exi", "encode", "-", stdin="\n".join([found[0], "<broken", found[4]]) + "\n")
    assert back.stdout.split("\n")[::2] == [CABLE_CHECK, "80400040"]
    assert back.stdout.split("\n")[1].startswith("error:")


def test_the_filter_answers_before_its_input_ends() -> None:
    words = [sys.executable, "-m", "plugfest", "exi", "decode", "--protocol", "iso2"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for _ in range(3):
            process.stdin.write(CABLE_CHECK + "\n")
            process.stdin.flush()
            assert "CableCheckReq" in process.stdout.readline()
        process.stdin.close()
        assert process.wait() == 0


def test_line_breaks_inside_values_stay_on_one_line() -> None:
    text = (
        '<r:V2G_Message xmlns:r="urn:din:70121:2012:MsgDef" xmlns:h="urn:din:70121:2012:MsgHeader"'
        ' xmlns:t="urn:din:70121:2012:MsgDataTypes"><r:Header><h:SessionID>01</h:SessionID><h:Notification>'
        "<t:FaultCode>UnknownError</t:FaultCode><t:FaultMsg>two&#10;lines</t:FaultMsg></h:Notification></r:Header>"
        "<r:Body/></r:V2G_Message>"
    )
    octets = run("exi", "encode", "--protocol", "din70121", stdin=text + "\n").stdout
    decoded = run("exi", "decode", "--protocol", "din70121", stdin=octets).stdout
    assert decoded.count("\n") == 1
    assert run("exi", "encode", "--protocol", "din70121", stdin=decoded).stdout == octets


def test_explain_names_every_event_with_its_bit(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exi", "explain", "80400040"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("appproto, 4 bytes")
    assert [line.split()[0] for line in lines[2:]] == [
        "0", "8", "10", "11", "12", "14", "15", "17", "18", "26", "27", "28",
    ]  # fmt: skip
    assert "= OK_SuccessfulNegotiation" in lines[6]
    main(["exi", "explain", "--protocol", "iso2", CABLE_CHECK[:26]])
    assert capsys.readouterr().out.splitlines()[-1].startswith("error: V2G_Message/Body")


def test_what_is_odd_about_a_stream_is_noted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["exi", "decode", "809a02202c9fff3e37b3d3d0b800"]) == 0
    captured = capsys.readouterr()
    assert "ContractAuthenticationReq" in captured.out
    assert "note: din70121: 1 bytes after the end: 00" in captured.err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["exi", "decode", "--protocol", "iso3", "80"], "unknown protocol 'iso3'; did you mean iso2?"),
        (
            ["conformance", "pics", "/etc/passwd", "--defaults"],
            "/etc/passwd exists already; give another",
        ),
        (["conformance", "show", "TC_SECC_CMN_VTB_SessionSetup_00"], "unknown case .*did you mean TC_SECC_CMN_VTB_Ses"),
        (["conformance", "list", "-k", "NothingLikeThis"], "no case matches"),
        (["slac", "line", "lo", "lo"], "lo cannot be both ends of a line"),
        (["exi", "decode", "nosuch.bin"], "nosuch.bin: no such file"),
        (["trace", "check", "/dev/null"], "/dev/null is empty"),
        (["exi", "encode", "nosuch"], "nosuch: no such file, and neither XML nor JSON"),
        (["config"], "^plugfest config: missing: check.show"),
        (["pki", "import", "nosuch", "made"], "nosuch: no such directory; give the one with the certificates"),
        (["exi", "decode", "--protocol", "iso2", "--dialect", "french", "80"], "unknown dialect 'french'"),
        (["exi", "decode", "--xsd", "/nowhere", "--protocol", "iso2", "80"], "/nowhere is not a directory"),
        (["demo", "--protocol", "chademo"], "unknown protocol 'chademo'"),
        (["demo", "--ac", "--protocol", "din"], "DIN SPEC 70121 has no AC"),
        (["demo", "--connector", "schuko"], "schuko"),
        (["demo", "--connector", "type2"], "no DC contacts"),
        (["demo", "--battery", "12V"], "12V"),
        (["demo", "--power", "77"], "no power class of 77 kW"),
        (["demo", "--soc", "140"], "soc"),
        (["demo", "--timer", "V2G_Nonsense=3"], "unknown timer 'V2G_Nonsense'"),
        (["demo", "--timer", "V2G_SECC_Sequence_Timeout"], "NAME=SECONDS"),
        (["demo", "--fast", "--trace", "/nowhere/t.jsonl"], "cannot write /nowhere/t.jsonl"),
        (["demo", "--fast", "--pki", "/etc/passwd"], "/etc/passwd is a file; give the directory of a PKI"),
        (["demo", "--web", "192.0.2.1:80"], "--web: cannot listen on 192.0.2.1 port 80"),
        (["lab", "--web", "192.0.2.1:80"], "--web: cannot listen on 192.0.2.1 port 80"),
        (["evcc", "-i", "nosuch0"], "no interface nosuch0; choose from"),
        (["secc", "-i", "nosuch0"], "no interface nosuch0; choose from"),
        (["evcc", "-i", "lo", "--no-slac"], "lo is the loopback interface.*give an Ethernet interface"),
        (["evcc", "-i", "lo"], "lo is not an Ethernet interface"),
        (["evcc", "-i", "lo", "--pilot", "imagined"], "unknown pilot imagined; write assumed, sim, serial:DEVICE"),
        (["secc", "-i", "lo", "--pilot", "serial:/dev/none"], "/dev/none does not exist; is the board plugged in"),
        (["evcc", "-i", "lo", "--slac-timer", "TT_match_jion=3"], "unknown SLAC timer 'TT_match_jion'.*TT_match_join"),
        (
            ["secc", "-i", "lo", "--tls", "required", "--cert", "/nowhere.pem", "--key", "/nowhere.key"],
            "nowhere|lo has",
        ),
        (["secc", "-i", "lo", "--cert", "/nowhere.pem"], "give both --cert and --key"),
        (["demo", "--mqtt", "mqtt://[x"], r"mqtt://\[x: use mqtt://.*HOST"),
        (["pki", "init", "/tmp/none", "--responder", "http://ü/"], "HOST.* in ASCII"),
        (["pki", "init", "/tmp/none", "--responder", "http://[x"], "HOST.* in ASCII"),
    ],
)
def test_mistakes_get_one_line_and_no_traceback(arguments: list[str], text: str) -> None:
    import re

    done = run(*arguments)
    assert done.returncode == 2
    assert done.stdout == ""  # not even a heading: nothing began
    assert done.stderr.count("\n") == 1
    assert re.match("plugfest( config)?: ", done.stderr)
    assert re.search(text, done.stderr)
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("iso15118-2", CABLE_CHECK),
        ("din", "809a02202c9fff3e37b3d3d0b8"),
        ("iso20", ""),
        ("iso15118-20", ""),
    ],
)
def test_exi_takes_the_names_of_the_other_commands(name: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    if not message:
        body = common.SessionStopRes(ResponseCode="OK")
        message = exi.encode(schema("iso20-common"), ISO20.wrap(body, bytes(8), None, 1)).hex()
    assert main(["exi", "decode", "--json", "--protocol", name, message]) == 0
    assert main(["exi", "explain", "--protocol", name, message]) == 0
    assert "error" not in capsys.readouterr().err


WINDOWS = """\
import importlib.abc, runpy, signal, socket, sys

class Absent(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name in ("fcntl", "termios", "resource", "pwd", "grp"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

for name in ("fcntl", "termios", "resource", "pwd", "grp"):
    sys.modules.pop(name, None)
sys.meta_path.insert(0, Absent())
del signal.SIGHUP, socket.AF_PACKET
runpy.run_module("plugfest", run_name="__main__")
"""
"""What Windows lacks of the standard library is not there."""


@pytest.mark.parametrize(
    ("arguments", "runs"),
    [
        (f"exi decode {CABLE_CHECK}", True),
        ("trace show t.jsonl", True),
        ("report t.jsonl", True),
        ("pki init pki", True),
        ("conformance list", True),
        ("conformance judge t.jsonl --sut secc", None),
        ("config keys", True),
        ("demo", False),
        ("evcc -i eth0", False),
        ("secc -i eth0", False),
        ("slac doctor -i eth0", False),
        ("conformance run --out out", False),
    ],
)
def test_without_what_only_linux_has(arguments: str, runs: bool | None, tmp_path: Path) -> None:
    """Files are worked with anywhere; the rest says in one line that it needs Linux. None: nothing to judge."""
    (tmp_path / "t.jsonl").write_text(
        '{"plugfest": "trace", "version": 1, "epoch": 1.0, "role": "evcc"}\n{"t": 1.0, "layer": "pilot", "name": "B"}\n'
    )
    words = [sys.executable, "-c", WINDOWS, *arguments.split()]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, timeout=CEILING)
    assert "Traceback" not in done.stderr
    assert done.returncode == {True: 0, None: 1, False: 2}[runs], done.stderr
    if runs is False:
        assert done.stderr.startswith(f"plugfest: {arguments.split(' -')[0]} needs Linux")
        assert done.stderr.count("\n") == 1


def test_the_demo_offers_no_option_that_it_refuses() -> None:
    assert "--basic" not in run("demo", "--help").stdout
    assert "--basic" in run("evcc", "--help").stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("demo --basic", "plugfest demo: unknown option --basic; see plugfest demo --help"),
        ("demo --durration 3", "plugfest demo: unknown option --durration; did you mean --duration?"),
        ("demo --duration abc", "plugfest demo: --duration: 'abc' is not a number"),
        ("demo --power 50kW", "plugfest demo: --power: '50kW' is not a number; leave the unit out (kW)"),
        ("demo --seed 1.5", "plugfest demo: --seed: '1.5' is not a whole number"),
        ("demo --payment cash", "plugfest demo: --payment: unknown value 'cash'; choose from auto, contract, external"),
        ("dmo", "plugfest: unknown command 'dmo'; did you mean demo?"),
        ("trace shw", "plugfest trace: unknown command 'shw'; did you mean show?"),
        ("trace show a b", "plugfest trace show: unexpected argument 'b'; see plugfest trace show --help"),
        ("evcc", "plugfest evcc: missing: -i/--interface"),
        ("pki ocsp x --port 99999", "plugfest pki ocsp: --port: '99999' is not a whole number from 0 to 65535"),
        ("secc -i", "plugfest secc: -i/--interface: needs a value"),
        ("secc --target-power -1kW", "plugfest secc: --target-power: needs a value; write --target-power=-1kW"),
        ("doctor --port 99999", "plugfest doctor: --port: '99999' is not a whole number from 0 to 65535"),
        ("slac watch eth0 --duration -1", "plugfest slac watch: --duration: '-1' is not a number of at least 0"),
        ("slac doctor -i x --within inf", "plugfest slac doctor: --within: 'inf' is not a number of at least 0"),
        ("slac line a b --attenuation nan", "plugfest slac line: --attenuation: 'nan' is not a number of at least 0"),
        ("slac line a b --loss 2", "plugfest slac line: --loss: '2' is not a number from 0 to 1"),
        ("lab --loss 20%", "plugfest lab: --loss: '20%' is not a number from 0 to 1; leave the unit out (%)"),
        ("conformance run --pause=-1", "plugfest conformance run: --pause: '-1' is not a number of at least 0"),
        ("evcc -i x --soc nan", "plugfest evcc: --soc: 'nan' is not a number"),
        ("lab --sessions 0", "plugfest lab: --sessions: '0' is not a whole number from 1 up"),
    ],
)
def test_a_wrong_argument_is_one_line(arguments: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without the usage, which takes a screen."""
    with pytest.raises(SystemExit, match="2"):
        main(arguments.split())
    assert capsys.readouterr().err == f"{said}\n"


def test_every_number_of_the_command_line_is_finite() -> None:
    """No option takes infinity or NaN, which a time or a share can never be."""
    plain = {
        f"{parser.prog} {action.option_strings or action.dest}"
        for parser in _parsers(cli.parser())
        for action in parser._actions
        if action.type is float
    }
    assert not plain


def _parsers(parser: argparse.ArgumentParser) -> Iterator[argparse.ArgumentParser]:
    yield parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                yield from _parsers(inner)


def test_what_is_typed_is_made_harmless(capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown option that contains an escape sequence and a line break."""
    with pytest.raises(SystemExit):
        main(["demo", "--\x1b[31m\nplugfest: all is well"])
    assert r"unknown option --\x1b[31m\nplugfest: all is well" in capsys.readouterr().err


def test_an_undecodable_message_is_an_error_with_its_place() -> None:
    done = run("exi", "decode", "--protocol", "iso2", CABLE_CHECK[:-6])
    assert done.returncode == 1
    assert done.stderr.startswith("error: V2G_Message/Body/CableCheckReq/DC_EVStatus")
    assert "at bit" in done.stderr


@pytest.mark.parametrize(
    "arguments",
    sampled(
        [[], ["--protocol", "din"], ["--ac"], ["--tls"], ["--strict"], ["--connector", "nacs", "--power", "500"]], 3
    ),
    ids=" ".join,
)
def test_the_demo_completes_and_sums_up(arguments: list[str], tmp_path: Path) -> None:
    trace = tmp_path / "trace.jsonl"
    done = run("demo", "--fast", "--duration", "3", "--trace", str(trace), *arguments)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert "vehicle: session completed" in done.stdout
    assert "charger: session completed" in done.stdout
    assert "SessionStopRes" in done.stdout
    lines = [json.loads(line) for line in trace.read_text().splitlines()]
    last = [line for line in lines if line.get("layer") == "message"][-1]
    assert "SessionStopRes" in json.dumps(last["message"])


def test_xsd_files_give_the_same_answer(capsys: pytest.CaptureFixture[str]) -> None:
    from captures import SHARED

    directory = SHARED / "schemas"
    if not directory.is_dir():
        pytest.skip(f"no XSD files in {directory} (set PLUGFEST_SHARED to a directory that has them)")
    assert main(["exi", "decode", "--protocol", "iso2", CABLE_CHECK]) == 0
    ours = capsys.readouterr().out
    assert main(["exi", "decode", "--protocol", "iso2", "--xsd", str(directory), CABLE_CHECK]) == 0
    assert capsys.readouterr().out == ours
    assert main(["exi", "encode", "--protocol", "iso2", "--xsd", str(directory), ours.strip()]) == 0
    assert capsys.readouterr().out.strip() == CABLE_CHECK
